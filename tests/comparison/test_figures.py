"""Figures and sentences of the table say what the rows say."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from dgm_lite.comparison import evidence, figures, plane, results, table
from dgm_lite.comparison.competitors import ROWS, competitors
from dgm_lite.datasets import files


@pytest.fixture(scope="module")
def rows():
    return results.read(files.path("comparison.json"))[1]


def test_sampling_is_drawn_in_milliseconds(rows):
    figure, ax = plt.subplots()
    figures.draw_sampling(rows, ax)
    for line, one in zip(ax.lines, competitors("sampling"), strict=True):
        sizes = line.get_xdata()
        seconds = [
            results.summary(rows, "sampling", one.name, f"an image of {dim} numbers")[0] for dim in sizes
        ]
        assert line.get_ydata() == pytest.approx([1000 * s for s in seconds])
    plt.close(figure)


def test_a_model_without_a_likelihood_has_no_height(rows):
    """A point at the top would be a figure that nobody measured: it has a line at its time, and words."""
    figure, ax = plt.subplots()
    figures.draw_trade_off(rows, ax)
    known = evidence.likelihoods(rows)
    for one in competitors("sampling"):
        ms = 1e3 * results.summary(rows, "sampling", one.name, "an image of 64 numbers")[0]
        heights = [y for line in ax.lines for x, y in zip(*line.get_data(), strict=True) if x == ms]
        if one.entry.name in known:
            assert known[one.entry.name][1] in heights
        else:
            assert heights == [0, 1], "from the bottom of the frame to its top"
            assert f"{one.name}: no likelihood" in [t.get_text().strip() for t in ax.texts]
    assert {one.entry.name for one in competitors("sampling")} - set(known), "there is such a model"
    plt.close(figure)


def test_curves_are_drawn_in_bits_a_pixel(rows):
    """Every codec of the lossy part and every rival, by name; lossless ends are left out."""
    names = [*(one.name for one in competitors("lossy")), *evidence.RIVALS]
    curves = {name: evidence.lossy_curve(rows, name) for name in names}
    figure, ax = plt.subplots()
    figures.draw_rates(curves, ax)
    assert [line.get_label() for line in ax.lines] == names
    for line in ax.lines:
        shown = {(p.bits_per_pixel, p.mse) for p in curves[line.get_label()] if 0.1 < p.mse < 30}
        assert set(zip(*line.get_data(), strict=True)) == shown
    plt.close(figure)


def test_lost_runs_lie_in_the_grey_zone(rows):
    figure, ax = plt.subplots()
    figures.draw_stability(rows, ax)
    (zone,) = ax.patches
    assert zone.get_x() == pytest.approx(100 * evidence.LOST)
    told = np.concatenate([line.get_xdata() for line in ax.lines[:-1]])
    names = dict.fromkeys(r["model"] for r in rows if r["part"] == "stability")
    assert (told > zone.get_x()).sum() == sum(evidence.stability(rows, name).lost for name in names)
    plt.close(figure)


def test_every_run_of_a_game_is_drawn_at_its_budget(rows):
    """A dot a run, and a line of means a game; the band holds the means of all that have a likelihood."""
    figure, ax = plt.subplots()
    figures.draw_budgets(rows, ax)
    games = [c.name for c in competitors("stability") if c.entry.family == "implicit"]
    lines = {line.get_label(): line.get_ydata() for line in ax.lines}
    for name in games:
        means = [100 * evidence.stability(rows, name, n).told for n in plane.STEPS]
        assert lines[name] == pytest.approx(means)
    dots = [line for line in ax.lines if line.get_marker() == "o"]
    assert len(dots) == 10 * len(games)
    others = [c.name for c in competitors("stability") if c.name not in games]
    corners = ax.collections[0].get_paths()[0].vertices[:, 1]
    last = [100 * evidence.stability(rows, name).told for name in others]
    for mean in (min(last), max(last)):
        assert abs(corners - mean).min() < 1e-6
    plt.close(figure)


def test_every_name_stands_by_the_end_of_its_line(rows):
    """At it, or moved up so that names keep their distance."""
    figure, ax = plt.subplots()
    figures.draw_sampling(rows, ax)
    lines = zip(ax.lines, competitors("sampling"), strict=True)
    ends = {one.name: line.get_ydata()[-1] for line, one in lines}
    height = 0.0
    for text in ax.texts:
        end = ends.pop(text.get_text())
        assert text.get_position()[1] == pytest.approx(max(end, 2.4 * height))
        height = text.get_position()[1]
    assert not ends
    plt.close(figure)


def test_what_holds_of_flows_alone_is_said_of_flows_alone(rows):
    cells = table.cells(rows)
    for family in ROWS:
        flow = family == "flow"
        assert ("flows of real numbers have a bound only" in cells[family, "likelihood"]["detail"]) == flow
        assert ("Measured are couplings" in cells[family, "sampling"]["detail"]) == flow
        bits_back = "it gets its bits back" in cells[family, "lossless"]["detail"]
        assert bits_back == (family == "prescribed")

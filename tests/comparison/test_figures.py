"""Figures and sentences of the table say what the rows say."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from dgm_lite.comparison import evidence, figures, results, table
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


def test_lost_runs_lie_in_the_grey_zone(rows):
    figure, ax = plt.subplots()
    figures.draw_stability(rows, ax)
    (zone,) = ax.patches
    assert zone.get_x() == pytest.approx(100 * evidence.LOST)
    told = np.concatenate([line.get_xdata() for line in ax.lines[:-1]])
    names = dict.fromkeys(r["model"] for r in rows if r["part"] == "stability")
    assert (told > zone.get_x()).sum() == sum(evidence.stability(rows, name)[2] for name in names)
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
        bits_back = "Not by sending z, but by getting its bits back" in cells[family, "lossless"]["detail"]
        assert bits_back == (family == "prescribed")

"""Pictures hold what they were given: the numbers behind the drawing are checked, not its looks."""

import math
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.colors import to_rgb

from dgm_lite import plot
from dgm_lite.joint.classifier import Classifier
from dgm_lite.latent.mixture import GaussianMixture
from dgm_lite.protocols import Step

LIM = (-3.0, 3.0, -2.0, 2.0)


@pytest.fixture
def ax():
    with plt.rc_context():
        plot.use_style()
        figure, ax = plt.subplots()
        yield ax
        figure.canvas.draw()  # what cannot be rendered fails here
        plt.close(figure)


def luminance(colour: str) -> float:
    """Relative luminance as the accessibility guidelines define it."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
    return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))


@pytest.mark.parametrize("colour", [plot.ORANGE, plot.BLUE, plot.GREEN, plot.PINK, plot.VIOLET, plot.GREY])
def test_colours_stand_out_on_white(colour):
    """Lines and points need a contrast of 3 to 1 (orange, which is large and has its own marker, 2.5)."""
    contrast = 1.05 / (luminance(colour) + 0.05)
    assert contrast > (2.5 if colour == plot.ORANGE else 3)


def test_the_two_classes_differ_in_lightness_and_in_shape(ax):
    """Told apart without colour: by marker, and in grey."""
    assert abs(luminance(plot.ORANGE) - luminance(plot.BLUE)) > 0.15
    x = torch.randn(20, 2)
    plot.points(x, torch.arange(20) % 2, ax)
    shapes = [c.get_paths()[0].vertices.shape for c in ax.collections]
    assert len(ax.collections) == 2 and shapes[0] != shapes[1]
    np.testing.assert_allclose(ax.collections[1].get_offsets(), x[1::2], rtol=1e-6)


def test_figures_are_solid_white_and_readable():
    with plt.rc_context():
        plot.use_style()
        assert (
            to_rgb(plt.rcParams["figure.facecolor"]) == to_rgb(plt.rcParams["savefig.facecolor"]) == (1, 1, 1)
        )
        assert plt.rcParams["figure.figsize"][0] <= 7.5 and plt.rcParams["font.size"] >= 9
        assert plt.rcParams["xtick.labelsize"] >= 9
    assert Path(plot.__file__).with_name("book.mplstyle").is_file()


def test_a_mosaic_holds_every_pixel_in_its_place(ax):
    x = torch.randint(17, (5, 6))
    assert plot.images(x, ax, shape=(2, 3), columns=3, titles=list("abcde")) is ax
    page = ax.images[0].get_array()
    assert page.shape == (5, 11)  # two rows and three columns with one pixel between
    for i in range(5):
        top, left = i // 3 * 3, i % 3 * 4
        np.testing.assert_array_equal(page[top : top + 2, left : left + 3], x[i].reshape(2, 3))
    assert np.isnan(np.ma.filled(page, np.nan)[2]).all(), "the gap is blank"
    assert [t.get_text() for t in ax.texts] == list("abcde")
    assert ax.images[0].get_clim() == (0, 16)


def test_losses_are_drawn_in_the_unit_that_is_asked_for(ax):
    steps = [Step(i // 2, i, {"model": 10.0 - i}, valid=9.5 - i if i % 2 else None) for i in range(6)]
    plot.losses(steps, ax, per_dim=64 * math.log(2), unit="bits/dim")
    training, validation = ax.lines
    np.testing.assert_allclose(training.get_ydata() * 64 * math.log(2), [10, 9, 8, 7, 6, 5])
    np.testing.assert_array_equal(validation.get_xdata(), [1, 3, 5])
    np.testing.assert_allclose(validation.get_ydata() * 64 * math.log(2), [8.5, 6.5, 4.5])
    assert "bits/dim" in ax.get_ylabel() and ax.get_xlabel()
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["training", "validation"]


def test_every_player_has_its_line(ax):
    plot.losses([Step(0, i, {"generator": 1.0, "critic": 2.0}) for i in range(3)], ax)
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["generator", "critic"]


def test_the_cross_stands_where_it_should(ax):
    plot.cross(torch.tensor([1.5, -0.5]), ax, "who?")
    assert all((line.get_xdata()[0], line.get_ydata()[0]) == (1.5, -0.5) for line in ax.lines)
    assert ax.texts[0].get_text() == "who?"


def test_a_grid_covers_its_rectangle():
    x, a, b = plot.grid(LIM, n=7)
    assert x.shape == (49, 2) and (a[0], a[-1], b[0], b[-1]) == LIM
    torch.testing.assert_close(x.reshape(7, 7, 2)[2, 5], torch.stack([a[5], b[2]]))


def test_a_field_is_not_mirrored(ax):
    """f(x) = x_0 + 10 x_1: the value at the bottom left is the smallest, and rows run along x_1."""
    shown = plot.field(lambda x: x[:, 0] + 10 * x[:, 1], ax, lim=LIM, n=5, levels=[0.0])
    z = shown.get_array()
    assert (
        z[0, 0] == z.min()
        and z[0, 1] - z[0, 0] == pytest.approx(1.5)
        and z[1, 0] - z[0, 0] == pytest.approx(10)
    )
    assert shown.origin == "lower" and tuple(shown.get_extent()) == LIM
    assert ax.get_xlim() == LIM[:2] and ax.get_ylim() == LIM[2:]


def test_a_density_and_a_decision_are_the_models(ax):
    model = GaussianMixture(2, 2)
    shown = plot.density_2d(model, ax, lim=LIM, n=9, points=torch.zeros(3, 2))
    x, _, _ = plot.grid(LIM, 9)
    expected = model.log_prob(x).exp().detach().reshape(9, 9)
    np.testing.assert_allclose(shown.get_array(), expected, rtol=1e-5)
    assert shown.get_clim()[0] == 0
    decided = plot.decision_2d(Classifier(2, 2), ax, lim=LIM, n=9)
    assert decided.get_clim() == (0, 1) and decided.get_array().min() >= 0 and decided.get_array().max() <= 1


def test_histograms_have_equal_areas_and_count_what_lies_outside(ax):
    groups = {"digits": torch.randn(1000), "letters": torch.randn(50) - 30}
    plot.histograms(groups, ax, lim=(-4.0, 4.0), bins=8)
    for polygon in ax.patches:
        corners = polygon.get_xy()
        area = 0.5 * abs(np.dot(corners[:-1, 0], corners[1:, 1]) - np.dot(corners[1:, 0], corners[:-1, 1]))
        assert area == pytest.approx(1, abs=1e-6)
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["digits", "letters"]
    assert "nats" in ax.get_xlabel()


def test_a_band_is_a_mean_with_its_95_percent_interval(ax):
    runs = np.array([[1.0, 2.0], [3.0, 2.0], [2.0, 5.0]])
    plot.band([0, 1], runs, ax, label="ours")
    np.testing.assert_allclose(ax.lines[0].get_ydata(), [2, 3])
    half = 1.96 * runs.std(0, ddof=1) / np.sqrt(3)
    corners = ax.collections[0].get_paths()[0].vertices
    assert corners[:, 1].max() == pytest.approx(3 + half[1]) and corners[:, 1].min() == pytest.approx(
        2 - half[0]
    )


def test_a_band_of_one_run_has_no_width(ax):
    plot.band([0, 1], [[1.0, 2.0]], ax, label="one")
    corners = ax.collections[0].get_paths()[0].vertices
    assert corners[:, 1].min() == 1 and corners[:, 1].max() == 2


def test_words_below_a_picture_stand_below_it_though_its_axes_are_hidden(ax):
    plot.images(torch.zeros(4, 64), ax, columns=2)
    plot.below(ax, "four blank pages")
    (words,) = ax.texts
    ax.figure.canvas.draw()
    assert words.get_text() == "four blank pages"
    assert words.get_window_extent().y0 > 0 and words.get_window_extent().y1 < ax.get_window_extent().y0

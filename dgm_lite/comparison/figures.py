"""The pictures of the chapter "The table, measured", drawn from the result file of ``compare``."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes

from dgm_lite import plot
from dgm_lite.comparison import evidence
from dgm_lite.comparison.competitors import Competitor, competitors
from dgm_lite.comparison.jobs import SIZES
from dgm_lite.comparison.plane import STEPS, told
from dgm_lite.comparison.rate_distortion import Point
from dgm_lite.comparison.results import Row, summary, values_of


def _colour(competitor: Competitor) -> str:
    return getattr(plot, competitor.entry.colour.upper())


def draw_trade_off(rows: Sequence[Row], ax: Axes) -> Axes:
    """Test nats against milliseconds a sample on the 8 x 8 digits; bounds are hollow.

    A model without a likelihood has a place along the time axis only: a line at its time.
    """
    figures = evidence.likelihoods(rows)
    highest = max(nats for _, nats in figures.values())
    for sampler in competitors("sampling"):
        ms = 1e3 * summary(rows, "sampling", sampler.name, "an image of 64 numbers")[0]
        colour, name = _colour(sampler), sampler.entry.name
        if name not in figures:
            ax.axvline(ms, color=colour, ls="--", lw=1.5)
            words = f"{sampler.name}: no likelihood"
            ax.text(ms, highest + 4, f" {words}", color=colour, va="center", fontsize=9.5)
            continue
        kind, nats = figures[name]
        ax.plot(ms, nats, "o", ms=8, mec=colour, mfc=colour if kind == "exact" else "none", mew=2)
        ax.annotate(sampler.name, (ms, nats), xytext=(9, -3), textcoords="offset points", fontsize=9.5)
        if kind == "bound":
            arrow = {"arrowstyle": "->", "color": colour, "lw": 1.4}
            ax.annotate("", (ms, nats - 4.5), (ms, nats - 0.8), arrowprops=arrow)
    ax.set(
        xscale="log",
        xlabel="milliseconds a sample",
        ylabel="test nats (less is better)",
        ylim=(74, highest + 7),
    )
    ax.set_xlim(right=ax.get_xlim()[1] * 4)  # room for the last name
    return ax


def draw_rates(curves: Mapping[str, Sequence[Point]], ax: Axes) -> Axes:
    """Squared error against bits a pixel, both logarithmic; rivals in grey, a codec in its family's colour.

    Args:
        curves: Points of each codec, by its name in the results.
        ax: Where to draw.
    """
    codecs = {one.name: one for one in competitors("lossy")}
    dashes, marks = iter(("--", "-.", ":")), iter("osdv^")
    for name, points in curves.items():
        rate, error = zip(*[(p.bits_per_pixel, p.mse) for p in points if 0.1 < p.mse < 30], strict=True)
        if name in codecs:
            ax.loglog(rate, error, f"{next(marks)}-", color=_colour(codecs[name]), ms=4, label=name)
        else:
            ax.loglog(rate, error, next(dashes), color="#777777", lw=1.4, label=name)
    for axis, ticks in ((ax.xaxis, (0.1, 0.2, 0.5, 1, 2)), (ax.yaxis, (0.2, 0.5, 1, 2, 5, 10, 20))):
        axis.set_ticks(ticks, [f"{tick:g}" for tick in ticks])
    ax.minorticks_off()
    ax.set(xlabel="rate: bits a pixel", ylabel="squared error", ylim=(0.15, 25))
    ax.legend(fontsize=9)
    return ax


def draw_stability(rows: Sequence[Row], ax: Axes, n_steps: int = STEPS[-1]) -> Axes:
    """The told share of each of ten trainings, a row for each model; lost runs lie in the grey zone."""
    names = [c.name for c in competitors("stability")]
    games = {c.name for c in competitors("stability") if c.entry.family == "implicit"}
    for row, name in enumerate(names):
        shares = [100 * v for v in values_of(rows, "stability", name, told(n_steps, "data"))]
        colour = plot.PINK if name in games else plot.BLUE
        ax.plot(shares, [row] * len(shares), "o", color=colour, alpha=0.55)
    ax.axvline(50, color="#555555", ls=":", lw=1)
    ax.axvspan(100 * evidence.LOST, 101, color="#88888833", lw=0)
    ax.set(yticks=range(len(names)), yticklabels=names, xlabel="told from data (%)", xlim=(44, 101))
    ax.invert_yaxis()
    return ax


def draw_budgets(rows: Sequence[Row], ax: Axes) -> Axes:
    """The told share against training steps: each run of the games, and the means of all other models."""

    def shares(one: Competitor) -> np.ndarray:
        """In percent, a row for each budget and a column for each seed."""
        return 100 * np.array([values_of(rows, "stability", one.name, told(n, "data")) for n in STEPS])

    games = [one for one in competitors("stability") if one.entry.family == "implicit"]
    others = [shares(one).mean(1) for one in competitors("stability") if one not in games]
    label = "trained by likelihood (means)"
    ax.fill_between(
        STEPS, np.min(others, 0), np.max(others, 0), color=plot.GREY, alpha=0.3, lw=0, label=label
    )
    for k, (one, colour) in enumerate(zip(games, (plot.VIOLET, plot.PINK, plot.GREEN), strict=True)):
        at = np.array(STEPS) * 1.06 ** (k - 1)  # so that no run hides another game's
        ax.plot(at, shares(one), "o", color=colour, alpha=0.4, ms=4, mew=0)
        ax.plot(at, shares(one).mean(1), color=colour, label=one.name)
    ax.axhspan(100 * evidence.LOST, 101, color="#88888833", lw=0)
    ax.axhline(50, color="#555555", ls=":", lw=1)
    ax.set(xscale="log", xticks=STEPS, xticklabels=STEPS, ylim=(48, 101))
    ax.set(xlabel="training steps", ylabel="told from data (%)")
    ax.minorticks_off()
    ax.legend()
    return ax


def draw_sampling(rows: Sequence[Row], ax: Axes) -> Axes:
    """Milliseconds an image against its size, both logarithmic, with the names at the lines' ends."""
    ends = []
    for one in competitors("sampling"):
        ms = [1e3 * summary(rows, "sampling", one.name, f"an image of {dim} numbers")[0] for dim in SIZES]
        ax.loglog(SIZES, ms, "o--" if one.trial.beside else "o-", color=_colour(one), ms=4)
        ends.append((ms[-1], one.name, _colour(one)))
    height = 0.0
    for ms, name, colour in sorted(ends):
        height = max(ms, height * 2.4)  # names keep their distance
        ax.text(SIZES[-1] * 1.15, height, name, color=colour, va="center", fontsize=9.5)
    ax.set(xlabel="numbers of an image, $D$", ylabel="milliseconds an image", xlim=(13, 9000))
    ax.set(xticks=SIZES, xticklabels=SIZES)
    ax.minorticks_off()
    return ax

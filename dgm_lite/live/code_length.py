"""The code length of one picture, live: bits pixel by pixel under each model, next to whole files."""

import math
from collections.abc import Mapping

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from torch import Tensor

from dgm_lite import plot
from dgm_lite.live.figure import LiveFigure, pack, png, still
from dgm_lite.shapes import check_levels, check_real

HEAT = LinearSegmentedColormap.from_list("heat", ["#F2F4F8", plot.ORANGE, "#4A2800"])
ALT = (
    "One of {n} {things} of {side} by {side} pixels; a map of the bits that {best} spends on each of its "
    "pixels; and the bits added up in reading order for each model. All of it: {totals}. Without a model, "
    "all {levels} levels alike, it would take {raw:.1f} bits."
)


class CodeLength(LiveFigure):
    """Where each model spends its bits on a picture: log2 1/p of every pixel, running sums, totals.

    Args:
        x: Pictures to choose from, integers 0 .. levels - 1, (N, D); D is a square.
        bits: By model, the bits spent on each pixel in reading order, (N, D).
        wholes: Codes without bits for each pixel, such as files: total bits, (N,).
        levels: Number of grey levels.
        things: What the pictures are called.

    Raises:
        ValueError: If the pictures are no squares, a table does not fit them, bits are negative or not
            finite, or a name stands for two codes.
    """

    def __init__(
        self, x: Tensor, bits: Mapping[str, Tensor], *, wholes: Mapping[str, Tensor], levels: int = 17,
        things: str = "test digits",
    ):  # fmt: skip
        check_levels(x, levels, ("N", "D"), "CodeLength")
        n, dim = x.shape
        side = math.isqrt(dim)
        if side * side != dim:
            raise ValueError(f"CodeLength: expected a square number of pixels, got {dim}.")
        if not bits:
            raise ValueError("CodeLength: expected bits of one model or more, got none.")
        if twice := sorted(set(bits) & set(wholes)):
            raise ValueError(f"CodeLength: expected each name once, got {', '.join(twice)} in both tables.")
        for name, table in bits.items():
            _check(table, (n, dim), f"CodeLength bits of {name!r}")
        for name, table in wholes.items():
            _check(table, (n,), f"CodeLength wholes of {name!r}")
        best = min(bits, key=lambda name: bits[name].sum().item())
        spec = {
            "side": side,
            "levels": levels,
            "count": n,
            "things": things,
            "x": pack(x),
            "models": [{"name": name, "bits": pack(table)} for name, table in bits.items()],
            "wholes": [{"name": name, "bits": pack(table)} for name, table in wholes.items()],
            "start": [0, int(bits[best][0].argmax()), list(bits).index(best)],
        }
        totals = {name: table[0].sum().item() for name, table in {**bits, **wholes}.items()}
        alt = ALT.format(
            n=n, things=things, side=side, best=best, levels=levels, raw=dim * math.log2(levels),
            totals=", ".join(f"{name} {total:.1f} bits" for name, total in totals.items()),
        )  # fmt: skip
        still = _still(x[0], {name: table[0].double() for name, table in bits.items()}, totals, best, levels)
        super().__init__("code_length", spec, {}, image=still, alt=alt)


def _check(table: Tensor, shape: tuple[int, ...], owner: str) -> None:
    check_real(table, shape, owner)
    if table.min() < 0:
        raise ValueError(f"{owner}: expected bits from 0 up, got {table.min().item():.3g}.")


def _still(x: Tensor, bits: dict[str, Tensor], totals: dict[str, float], best: str, levels: int) -> bytes:
    """The first picture, the bits of its pixels, the running sums, and a bar for each total."""
    side, raw = math.isqrt(len(x)), len(x) * math.log2(levels)
    with still():
        heights = [2.6, 0.6 + 0.26 * len(totals)]
        figure = plt.figure(figsize=(7.2, sum(heights)))
        upper, lower = figure.subfigures(2, 1, height_ratios=heights)
        left, middle, right = upper.subplots(1, 3, width_ratios=[1, 1, 2])
        plot.images(x[None], left, shape=(side, side), columns=1, levels=levels)
        left.set_title("the picture")
        shown = middle.imshow(bits[best].reshape(side, side).numpy(), cmap=HEAT, vmin=0)
        middle.set_axis_off()
        middle.set_title("bits of each pixel")
        scale = upper.colorbar(shown, ax=middle, location="bottom", shrink=0.9, aspect=14, pad=0.02)
        scale.set_label(best, fontsize=9)
        _sums(bits, best, right)
        _bars(totals, best, raw, lower.subplots())
        return png(figure)


def _sums(bits: dict[str, Tensor], best: str, ax: Axes) -> None:
    """Running sums, each with its name at its end."""
    dim, ends = len(bits[best]), {name: spent.sum().item() for name, spent in bits.items()}
    for name, spent in bits.items():
        strong = name == best
        ax.step(range(dim + 1), [0, *spent.cumsum(0).tolist()], where="post",
                color=plot.BLUE if strong else plot.GREY, lw=1.8 if strong else 1.1)  # fmt: skip
    gap, at = 0.13 * max(ends.values()), -math.inf
    for name in sorted(ends, key=ends.__getitem__):  # names that would meet move upwards
        at = max(ends[name], at + gap)
        ax.text(dim * 1.03, at, name, va="center", fontsize=9, color=plot.BLUE if name == best else "#555555")
    ax.set(xlim=(0, 1.75 * dim), ylim=(0, at + gap / 2), ylabel="bits so far")
    ax.set_xlabel("pixels read", loc="left")
    ax.set_xticks([0, dim // 4, dim // 2, 3 * dim // 4, dim])
    ax.spines["bottom"].set_bounds(0, dim)


def _bars(totals: dict[str, float], best: str, raw: float, ax: Axes) -> None:
    """Bars up to what no model takes; a longer one is cut, and its number stands beside the cut."""
    for row, (name, total) in enumerate(totals.items()):
        cut = total > raw
        ax.barh(row, min(total, raw), color=plot.BLUE if name == best else plot.GREY, height=0.66)
        if cut:
            for at in (0.9 * raw, 0.915 * raw):
                ax.plot([at - 0.006 * raw, at + 0.006 * raw], [row + 0.4, row - 0.4], color="white", lw=2)
        note = f": the bar is cut, to scale {total / raw:.1f} times as long" if cut else ""
        ax.text((0 if cut else total) + 0.01 * raw, row, f"{total:.0f} bits{note}", va="center", fontsize=9,
                color="white" if cut else "#222222")  # fmt: skip
    ax.set(xlim=(0, raw), ylim=(len(totals) - 0.5, -0.5))
    ax.set_xlabel("bits; the full width is what all levels alike would take")
    ax.set_yticks(range(len(totals)), list(totals))
    ax.tick_params(axis="y", length=0)

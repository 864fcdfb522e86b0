"""Draws on Axes and returns them. One style, one pair of colours for the two classes."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from torch import Tensor

from dgm_lite.protocols import Step

ORANGE, BLUE, GREEN, PINK, VIOLET, GREY = "#E07B00", "#2166AC", "#1B8A6B", "#B5457C", "#6A5ACD", "#7A7A7A"
CLASSES = (ORANGE, BLUE)
DECISION = LinearSegmentedColormap.from_list("decision", ["#F3B061", "#FBF7F0", "#7FB0DC"])
DENSITY = LinearSegmentedColormap.from_list(
    "density", ["#FFFFFF", "#CFE0D8", "#6FB39B", "#1B6B53", "#0B3328"]
)

Limits = tuple[float, float, float, float]


def use_style() -> None:
    """Load the book's style sheet: sizes, fonts, colours."""
    # A backend that is first loaded inside rc_context loses its settings when the context ends, and
    # the notebook shows no more pictures. So it is loaded here, at the top of every chapter.
    plt.switch_backend(plt.get_backend())
    plt.style.use(Path(__file__).with_name("book.mplstyle"))


def images(x: Tensor, ax: Axes, *, shape: tuple[int, int] = (8, 8), columns: int = 10, levels: int = 17,
           gap: int = 1, titles: Sequence[str] | None = None, frames: bool = False) -> Axes:  # fmt: skip
    """Show images as a mosaic, ink dark on white.

    Args:
        x: Integers 0 .. levels-1, (N, height * width).
        ax: Where to draw.
        shape: Height and width of one image.
        columns: Images in a row.
        levels: Number of grey levels.
        gap: Pixels between images.
        titles: A short caption above each image.
        frames: Draw a thin line around each image, so that a blank one is seen, too.
    """
    height, width = shape
    x = x.reshape(-1, height, width).double().cpu()
    rows = -(-len(x) // columns)
    page = torch.full(
        (rows * (height + gap) - gap, columns * (width + gap) - gap), torch.nan, dtype=torch.float64
    )
    for i, image in enumerate(x):
        top, left = i // columns * (height + gap), i % columns * (width + gap)
        page[top : top + height, left : left + width] = image
        if frames:
            ax.add_patch(
                plt.Rectangle(
                    (left - 0.5, top - 0.5), width, height, fill=False, ec="#999999", lw=0.6, clip_on=False
                )
            )
        if titles is not None:
            ax.text(left + width / 2 - 0.5, top - 0.9, titles[i], ha="center", va="bottom", fontsize=8.5)
    ax.imshow(page.numpy(), cmap="gray_r", vmin=0, vmax=levels - 1)
    ax.set_axis_off()
    return ax


def below(ax: Axes, words: str) -> Axes:
    """Words under a picture whose axes are hidden."""
    ax.text(0.5, -0.03, words, transform=ax.transAxes, ha="center", va="top", fontsize=10)
    return ax


def losses(steps: Sequence[Step], ax: Axes, *, per_dim: float = 1.0, unit: str = "nats") -> Axes:
    """Training loss of each player, and the validation loss where there is one.

    Args:
        steps: What ``fit`` returned.
        ax: Where to draw.
        per_dim: Divide losses by this; D log 2 turns nats into bits per dimension.
        unit: Name of the resulting unit.
    """
    for name in steps[0].losses:
        values = np.array([s.losses[name] for s in steps]) / per_dim
        label = "training" if name == "model" else name
        ax.plot([s.index for s in steps], values, lw=0.9, alpha=0.55, label=label)
    checked = [(s.index, s.valid / per_dim) for s in steps if s.valid is not None]
    if checked:
        ax.plot(*zip(*checked, strict=True), color=ORANGE, label="validation")
    ax.set(xlabel="step", ylabel=f"loss ({unit})")
    ax.legend()
    return ax


def points(x: Tensor, labels: Tensor, ax: Axes, *, size: float = 7, alpha: float = 0.75) -> Axes:
    """Points of the plane in their class's colour: orange circles and blue triangles."""
    for label, (colour, marker) in enumerate(zip(CLASSES, "o^", strict=True)):
        chosen = x[labels == label]
        ax.scatter(chosen[:, 0], chosen[:, 1], s=size, c=colour, marker=marker, alpha=alpha, lw=0)
    ax.set_aspect("equal")
    return ax


def cross(x: Tensor, ax: Axes, label: str = "") -> Axes:
    """The black cross: one point in question, (2,)."""
    ax.plot(*x.tolist(), marker="+", ms=13, mew=4.5, color="white", zorder=5)
    ax.plot(*x.tolist(), marker="+", ms=11, mew=2.4, color="black", zorder=6)
    if label:
        ax.annotate(label, x.tolist(), xytext=(0, 11), textcoords="offset points", ha="center", fontsize=9.5)
    return ax


def grid(lim: Limits, n: int = 160) -> tuple[Tensor, Tensor, Tensor]:
    """Grid points of a rectangle (x0, x1, y0, y1), (n * n, 2), and its axes for contour plots, (n,) each."""
    x0, x1, y0, y1 = lim
    a, b = torch.linspace(x0, x1, n), torch.linspace(y0, y1, n)
    return torch.stack(torch.meshgrid(a, b, indexing="xy"), dim=-1).reshape(-1, 2), a, b


@torch.no_grad()
def field(function, ax: Axes, *, lim: Limits, cmap=DENSITY, vmin: float | None = None,
          vmax: float | None = None, levels: Sequence[float] | int = (), n: int = 160,
          colours: str = "#444444"):  # fmt: skip
    """A function of the plane as colours with contour lines.

    Args:
        function: (B, 2) -> (B,).
        ax: Where to draw.
        lim: x0, x1, y0, y1.
        cmap: Colour map.
        vmin: Value of the first colour.
        vmax: Value of the last colour.
        levels: Contour lines, as matplotlib takes them; none by default.
        n: Grid points along each axis.
        colours: Colour of the lines.

    Returns:
        The image, for a colour bar.
    """
    x, a, b = grid(lim, n)
    z = function(x).reshape(n, n).numpy()
    shown = ax.imshow(
        z,
        extent=lim,
        origin="lower",
        cmap=cmap,
        vmin=vmin,
        vmax=vmax,
        aspect="equal",
        interpolation="bilinear",
    )
    if levels != ():
        ax.contour(a, b, z, levels=levels, colors=colours, linewidths=0.8)
    ax.set(xlim=lim[:2], ylim=lim[2:])
    return shown


def decision_2d(classifier, ax: Axes, *, lim: Limits, n: int = 160):
    """p(blue | x) of a two-class model over the plane, with its boundary; returns the image."""
    return field(
        lambda x: classifier.log_prob_labels(x)[:, 1].exp(),
        ax,
        lim=lim,
        cmap=DECISION,
        vmin=0,
        vmax=1,
        levels=[0.5],
        n=n,
    )


def density_2d(model, ax: Axes, *, lim: Limits, points: Tensor | None = None, n: int = 160):
    """p(x) of a two-dimensional density over the plane, with contour lines; returns the image."""
    shown = field(lambda x: model.log_prob(x).exp(), ax, lim=lim, vmin=0, levels=6, n=n, colours="#33665577")
    if points is not None:
        ax.scatter(points[:, 0], points[:, 1], s=3, c="black", alpha=0.4, lw=0)
    return shown


@torch.no_grad()
def joint_2d(model, ax: Axes, *, lim: Limits, n: int = 160) -> Axes:
    """p(x, y) over the plane: the hue says which label, the strength how probable the point is.

    Args:
        model: Has ``log_prob_joint``: (B, 2) -> (B, 2) nats, orange first.
        ax: Where to draw.
        lim: x0, x1, y0, y1.
        n: Grid points along each axis.
    """
    x, a, b = grid(lim, n)
    joint = model.log_prob_joint(x).reshape(n, n, 2)
    log_px = joint.logsumexp(2)
    # The root of the density keeps its skirts visible.
    strength = (0.5 * (log_px - log_px.max())).exp()[..., None].numpy()
    hue = DECISION(joint.softmax(2)[..., 1].numpy())[..., :3]
    ax.imshow(1 - strength * (1 - hue), extent=lim, origin="lower", interpolation="bilinear")
    for label, colour in enumerate(CLASSES):
        values = joint[..., label].exp().numpy()
        ax.contour(
            a, b, values, levels=values.max() * np.array([0.01, 0.1, 0.4]), colors=colour, linewidths=0.9
        )
    ax.set(xlim=lim[:2], ylim=lim[2:])
    return ax


def histograms(groups: dict[str, Tensor], ax: Axes, *, bins: int = 40, xlabel: str = "log p(x) (nats)",
               lim: tuple[float, float] | None = None) -> Axes:  # fmt: skip
    """Overlaid histograms with equal areas, labelled directly.

    Args:
        groups: Values by name, (N,) each.
        ax: Where to draw.
        bins: Number of bins over the common range.
        xlabel: Label of the axis.
        lim: Range to show; values beyond are counted in the last bin on their side.
    """
    low = min(v.min().item() for v in groups.values()) if lim is None else lim[0]
    high = max(v.max().item() for v in groups.values()) if lim is None else lim[1]
    edges = np.linspace(low, high, bins + 1)
    for name, values in groups.items():
        ax.hist(
            values.clip(low, high).numpy(),
            bins=edges,
            density=True,
            alpha=0.55,
            label=name,
            histtype="stepfilled",
        )
    ax.set(xlabel=xlabel, yticks=[])
    ax.spines["left"].set_visible(False)
    ax.legend()
    return ax


def band(x, runs, ax: Axes, *, label: str, colour: str | None = None) -> Axes:
    """Mean of several runs as a line and a 95 % interval of that mean as a band.

    Args:
        x: Positions, (n,).
        runs: One row per run, (runs, n).
        ax: Where to draw.
        label: Name in the legend.
        colour: Any matplotlib colour.
    """
    runs = np.asarray(runs, dtype=float)
    mean = runs.mean(0)
    half = 1.96 * runs.std(0, ddof=1) / np.sqrt(len(runs)) if len(runs) > 1 else 0 * mean
    (line,) = ax.plot(x, mean, label=label, color=colour)
    ax.fill_between(x, mean - half, mean + half, color=line.get_color(), alpha=0.18, lw=0)
    return ax

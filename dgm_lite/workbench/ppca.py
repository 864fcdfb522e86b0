"""Hidden factors, linear: as many causes, training digits and hidden rows as the reader likes."""

import math
from dataclasses import dataclass

import torch
from matplotlib.axes import Axes
from torch import Tensor

from dgm_lite import plot
from dgm_lite.datasets.images import digits
from dgm_lite.latent.ppca import PPCA
from dgm_lite.live.fill_in import FillIn
from dgm_lite.workbench.bench import Control, Progress, Workbench


@dataclass(frozen=True)
class Filling:
    """A linear model of digits, and how much of each it has to fill in.

    Args:
        model: Fitted to dequantised digits, in [0, 1).
        rows: How many of the eight rows are hidden, from below.
    """

    model: PPCA
    rows: int


def dequantised() -> dict[str, Tensor]:
    """The splits of the digits, each level's cell filled evenly, as in the chapter: in [0, 1)."""
    data, noise = digits(), torch.Generator().manual_seed(0)
    parts = {name: getattr(data, name) for name in ("train", "valid", "test")}
    return {name: (x + torch.rand(x.shape, generator=noise, dtype=torch.float64)) / 17
            for name, x in parts.items()}  # fmt: skip


def train(progress: Progress, *, latent_dim: int, points: int, rows: int) -> Filling:
    """The best weights for the first of the training digits, in one step."""
    with torch.random.fork_rng(devices=()):
        model = PPCA(64, latent_dim).double()
    model.fit_closed_form(dequantised()["train"][:points])
    progress(1.0)
    return Filling(model, rows)


@torch.no_grad()
def draw(ax: Axes, result: Filling) -> None:
    """Digits, what is seen of them, and what the model fills in; how far off it is, and how sure."""
    model, parts = result.model, dequantised()
    x, known = parts["test"], torch.arange(64) < 64 - 8 * result.rows
    filled, std = model.complete(x, known)
    error, plain = (17 * (guess - x)[:, ~known] for guess in (filled, model.mu))
    inside = (error.abs() < 1.96 * 17 * std[:, ~known]).double().mean()
    bits = (-model.log_prob(parts["valid"]).mean() / 64 + math.log(17)) / math.log(2)
    hidden = torch.where(known, x, 0.3)  # an even grey, which no digit has
    plot.images(16 * torch.cat([x[:5], hidden[:5], filled[:5]]).clamp(0, 1), ax, columns=5)
    off, by_mean = (e.square().mean().sqrt() for e in (error, plain))
    plot.below(ax, f"off by {off:.1f} levels (the mean image: {by_mean:.1f})\n"
                   f"{100 * inside:.0f} % of pixels inside the 95 % interval\n"
                   f"validation digits: {bits:.2f} bits/dim")  # fmt: skip


def fill_in(result: Filling) -> FillIn:
    """The live figure of the chapter, with this model."""
    return FillIn(result.model, (digits().test[:12].double() + 0.5) / 17)


def bench(own: Filling) -> Workbench:
    """The workbench of the chapter, beside the chapter's own model."""
    controls = {
        "latent_dim": Control("number of causes", (1, 2, 5, 15, 30, 45, 60), 15),
        "points": Control("training digits", (75, 150, 300, 600, 1000), 1000),
        "rows": Control("hidden rows, of 8", (1, 2, 4, 6, 7), 4),
    }
    alt = (
        "Five test digits; the same with their lower halves hidden; and the halves filled in by the model, "
        "blurred. Below, how far off it is, and how many pixels lie inside its 95 % interval."
    )
    return Workbench(own, train, draw, controls, live=fill_in, alt=alt)

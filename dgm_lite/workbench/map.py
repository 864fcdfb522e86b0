"""A model of each family on two moons, trained as long as the reader likes."""

from dataclasses import dataclass

import torch
from matplotlib.axes import Axes
from torch import Tensor

from dgm_lite import plot
from dgm_lite.comparison.competitors import competitors
from dgm_lite.comparison.plane import corners, trained
from dgm_lite.datasets.toys import two_moons
from dgm_lite.evaluate import likelihood, samples
from dgm_lite.protocols import Bound, Density
from dgm_lite.workbench.bench import Control, Progress, Workbench
from dgm_lite.workbench.progress import told

MODELS = {c.name: c for c in competitors("stability")}


@dataclass(frozen=True)
class Learnt:
    """What a trained model can show.

    Args:
        draws: Points of the plane, (N, 2).
        says: What it can say about log p(x) of test points.
        told: How often a forest tells its draws from test points: 0.5 means that it can't.
    """

    draws: Tensor
    says: str
    told: float


def train(progress: Progress, *, model: str, steps: int, seed: int) -> Learnt:
    """A model after so many steps; with another seed it starts elsewhere and sees other batches."""
    competitor, points = MODELS[model], two_moons()
    players = 2 if competitor.entry.family == "implicit" else 1
    with torch.random.fork_rng(devices=()), told(progress, steps * players):
        learnt, data = trained(competitor, steps, seed, **competitor.trial.training)
        draws, volume = learnt.sample(len(data.test)).float(), 0.0
        if data.levels:  # numbers of cells: any point of a cell will do, and p(x) is shared out over it
            low, high = corners(points)
            side = (high - low) / data.levels
            draws, volume = low + (draws + torch.rand_like(draws)) * side, side.log().sum()
        says = "no log p(x)"
        if isinstance(learnt, Density | Bound):
            nats = likelihood.log_prob(learnt, data.test, seed=0).mean() - volume
            says = f"log p(x) {'=' if isinstance(learnt, Density) else '≥'} {nats:.2f} nats".replace("-", "−")
    return Learnt(draws, says, samples.two_sample(points.test, draws, trees=100))


def draw(ax: Axes, learnt: Learnt) -> None:
    """Draws over test points, what the model can say about these, and how far they can be told apart."""
    ax.scatter(*two_moons().test.T, s=5, color=plot.GREY, alpha=0.5, lw=0)
    ax.scatter(*learnt.draws.T, s=4, color=plot.ORANGE, lw=0)
    ax.set(xlim=(-2.2, 2.2), ylim=(-1.9, 1.9), aspect="equal")
    ax.set_xlabel(f"{learnt.says},\ntold from data in {learnt.told:.0%} of cases")


def bench(own: Learnt) -> Workbench:
    """The workbench of the chapter, beside one model that the chapter has trained."""
    controls = {
        "model": Control("model", tuple(MODELS), "realnvp"),
        "steps": Control("training steps", (30, 120, 480, 1440), 480),
        "seed": Control("seed", tuple(range(5)), 0),
    }
    alt = "Points along two crescents in grey, and over them in orange the draws of a flow."
    return Workbench(own, train, draw, controls, alt=alt)

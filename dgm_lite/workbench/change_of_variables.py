"""A flow of two moons, with the reader's own layers."""

import torch
from matplotlib.axes import Axes

from dgm_lite import plot
from dgm_lite.datasets.toys import two_moons
from dgm_lite.evaluate import likelihood
from dgm_lite.flows.coupling import NICE, RealNVP
from dgm_lite.flows.flow import Flow
from dgm_lite.live.flow_grid import FlowGrid
from dgm_lite.training.config import TrainConfig
from dgm_lite.workbench.bench import Control, Progress, Workbench
from dgm_lite.workbench.progress import fit_told

LIM = (-2.0, 2.0, -1.5, 1.5)
KINDS = {"NICE": NICE, "RealNVP": RealNVP}


def train(progress: Progress, *, kind: str, n_layers: int, hidden: int, epochs: int) -> Flow:
    """A flow of the moons, trained as in the chapter."""
    moons = two_moons()
    config = TrainConfig(epochs=epochs, lr=5e-3, batch_size=100, weight_decay=0.1)
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(0)
        flow = KINDS[kind](2, n_layers, hidden=hidden).start_from_data(moons.train)
        fit_told(progress, flow, moons, config)
    return flow


def draw(ax: Axes, flow: Flow) -> None:
    """p(x) in the plane, draws, and the mean of log p(x) on test points."""
    plot.density_2d(flow, ax, lim=LIM)
    ax.scatter(*flow.sample(400, generator=torch.Generator().manual_seed(0)).T, s=3, color=plot.ORANGE)
    nats = likelihood.log_prob(flow, two_moons().test).mean()
    ax.set_xlabel(f"log p(x) of test points: {nats:.2f} nats".replace("-", "−"))


def grid(flow: Flow) -> FlowGrid:
    """The live figure of the chapter, with this flow."""
    return FlowGrid(flow, two_moons().train[:300])


def bench(own: Flow) -> Workbench:
    """The workbench of the chapter, beside the chapter's own flow."""
    controls = {
        "kind": Control("couplings", tuple(KINDS), "RealNVP"),
        "n_layers": Control("how many", (1, 2, 4, 6, 10), 6),
        "hidden": Control("hidden units of each", (2, 8, 32, 64), 32),
        "epochs": Control("epochs", (2, 10, 40, 80, 160), 80),
    }
    alt = "The density of a flow over the plane, dark along two crescents, and draws, nearly all on them."
    return Workbench(own, train, draw, controls, live=grid, alt=alt)

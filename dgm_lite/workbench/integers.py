"""A flow of digits on the integers, with the reader's own couplings and base."""

import torch
from matplotlib.axes import Axes

from dgm_lite import catalog, plot
from dgm_lite.datasets.images import digits
from dgm_lite.evaluate import likelihood
from dgm_lite.flows.integer import IntegerFlow
from dgm_lite.live.integer_code import IntegerCode
from dgm_lite.training.config import TrainConfig
from dgm_lite.workbench.bench import Control, Progress, Workbench
from dgm_lite.workbench.progress import fit_told

KINDS = {
    "shifts, straight through": {"mirrors": False, "straight_through": True},
    "shifts": {"mirrors": False},
    "shifts and mirrors": {},
}


def train(progress: Progress, *, kind: str, n_parts: int, n_components: int, lr: float) -> IntegerFlow:
    """A flow of the digits, trained as in the chapter. With one part there is no coupling."""
    data, entry = digits(), catalog.model("integer-flow")
    config = TrainConfig(epochs=40, lr=lr, batch_size=100, average=0.99)
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(0)
        flow = entry.build(n_parts=n_parts, n_components=n_components, **KINDS[kind])
        fit_told(progress, flow.start_from_data(data.train), data, config)
    return flow


def draw(ax: Axes, flow: IntegerFlow) -> None:
    """Draws, what a test digit costs, and how many draws are images."""
    draws = flow.sample(1000, generator=torch.Generator().manual_seed(1))
    inside = ((draws >= 0) & (draws <= 16)).all(1).double().mean()
    plot.images(draws[:28].clamp(0, 16), ax, columns=7, gap=2)
    nats = -likelihood.log_prob(flow, digits().test).mean()
    plot.below(ax, f"a test digit costs {nats:.1f} nats\n{inside:.0%} of draws within 0..16")


def code(flow: IntegerFlow) -> IntegerCode:
    """The live figure of the chapter, with this flow."""
    return IntegerCode(flow, digits().test[:12])


def bench(own: IntegerFlow) -> Workbench:
    """The workbench of the chapter, beside the chapter's own flow."""
    controls = {
        "kind": Control("a coupling has", tuple(KINDS), "shifts and mirrors"),
        "n_parts": Control("parts of a digit", (1, 2, 4, 8, 16), 16),
        "n_components": Control("logistics a pixel", (1, 2, 4, 9), 9),
        "lr": Control("learning rate", (0.005, 0.02, 0.1, 0.3), 0.02),
    }
    alt = "Draws of a flow on integers: strokes that hold together here and there, few of them digits."
    return Workbench(own, train, draw, controls, live=code, alt=alt)

"""Pixels one after another, with the reader's own layers, and with the wrong mask."""

import torch
from matplotlib.axes import Axes

from dgm_lite import catalog, plot
from dgm_lite.autoregressive.causal import CausalARM
from dgm_lite.datasets.images import digits
from dgm_lite.evaluate import likelihood
from dgm_lite.live.pixel_by_pixel import PixelByPixel
from dgm_lite.live.receptive import visible
from dgm_lite.training.config import TrainConfig
from dgm_lite.why import budgets
from dgm_lite.workbench.bench import Control, Progress, Workbench
from dgm_lite.workbench.progress import fit_told

GAPS = (1, 2, 4, 8, 16, 8)
MASKS = {"sees the past": 1, "sees its answer": 0}  # by how much the first layer's input is shifted


def train(progress: Progress, *, mask: str, n_blocks: int, kernel: int, epochs: int) -> CausalARM:
    """The shared network of the chapter with some of its blocks, from the histograms on."""
    data, best = digits(), budgets.results("sharing")["shared"].best
    config = TrainConfig(epochs=epochs, lr=best["lr"], batch_size=64, weight_decay=0.05, average=0.995)
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(0)
        model = catalog.model("causal-arm").build(
            kernel=kernel, dilations=GAPS[:n_blocks], dropout=best["dropout"]
        )
        model.first.shift = MASKS[mask]
        fit_told(progress, model.start_from_marginals(data.train), data, config)
    return model


def draw(ax: Axes, model: CausalARM) -> None:
    """Draws, what the last output can see, and what the model claims that a test digit costs."""
    # Without a cache: that one never shows a network its own answer, whatever its mask.
    draws = model.sample(28, cache=False, generator=torch.Generator().manual_seed(0))
    plot.images(draws, ax, columns=7, gap=2)
    nats = -likelihood.log_prob(model, digits().test).mean()
    gaps = [block.conv.dilation[0] for block in model.blocks]
    seen = visible(63, model.first.kernel_size[0], gaps, model.first.shift)[0]
    plot.below(ax, f"the last output sees {len(seen)} of 64 pixels,\na test digit costs {nats:.1f} nats")


def by_hand(model: CausalARM) -> PixelByPixel:
    """The live figure of the chapter, with this model."""
    valid = digits().valid
    return PixelByPixel(model, valid[3], likelihood.log_prob(model, valid))


def bench(own: CausalARM) -> Workbench:
    """The workbench of the chapter, beside the chapter's own model."""
    controls = {
        "mask": Control("an output", tuple(MASKS), "sees the past"),
        "n_blocks": Control("blocks", (1, 2, 3, 4, 6), 6),
        "kernel": Control("inputs of a kernel", (1, 2, 3, 5), 3),
        "epochs": Control("epochs", (1, 5, 10, 20), 20),
    }
    alt = "Twenty-eight digits drawn pixel by pixel by the network of this chapter; most can be read."
    return Workbench(own, train, draw, controls, live=by_hand, alt=alt)

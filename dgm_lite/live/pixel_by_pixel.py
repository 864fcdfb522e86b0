"""A picture drawn pixel by pixel, live: by chance or by hand, while log p(x) adds up."""

import math

import matplotlib.pyplot as plt
import torch
from torch import Tensor, nn

from dgm_lite import plot
from dgm_lite.live.export import export
from dgm_lite.live.figure import LiveFigure, pack, png, still
from dgm_lite.nets import eval_mode
from dgm_lite.shapes import check_levels, check_real

ALT = (
    "Left: a picture of {side} by {side} pixels of which the first {known} are set and the next is "
    "marked. Middle: the "
    "probability of each of {levels} levels for that pixel. Right: the sum of log p over the pixels "
    "set so far, "
    "falling step by step. In the live figure pixels are drawn or chosen one by one."
)


class PixelByPixel(LiveFigure):
    """A picture that grows in reading order, the distribution of the next pixel, and the sum of log p so far.

    Args:
        model: Has ``dim``, ``levels`` and ``logits``: integers as floats (B, D) to (B, levels, D), column d
            from x_{<d}.
        example: The picture whose first pixels are set in the static twin, integers (D,).
        heldout_log_prob: log p(x) of held-out data in nats, (N,): where a finished picture stands.
        known: How many pixels the static twin has set.
        things: What the held-out data are called.
        half: Store the weights in 16 bits: half the page's size, log p(x) off by some 0.01 nats.

    Raises:
        ValueError: If the pixels make no square, the example does not fit, or the browser's engine can't
            run the model.
    """

    def __init__(self, model: nn.Module, example: Tensor, heldout_log_prob: Tensor, *, known: int = 28,
                 things: str = "held-out digits", half: bool = True):  # fmt: skip
        dim, side = model.dim, math.isqrt(model.dim)
        if side * side != dim:
            raise ValueError(f"PixelByPixel: expected a square number of pixels, got {dim}.")
        check_levels(example[None], model.levels, (1, dim), "PixelByPixel example")
        check_real(heldout_log_prob, ("N",), "PixelByPixel heldout_log_prob")
        if not 0 <= known < dim:
            raise ValueError(f"PixelByPixel: expected known from 0 to {dim - 1}, got {known}.")
        spec = {
            "side": side,
            "levels": model.levels,
            "things": things,
            "heldout": pack(heldout_log_prob.detach().sort().values),
            "prefix": example[:known].tolist(),
        }
        models = {
            "model": export(model, example[None].float().repeat(2, 1), ["logits"], method="logits", half=half)
        }
        with torch.no_grad(), eval_mode(model):
            log_p = model.logits(example[None].float())[0].log_softmax(0)
        alt = ALT.format(side=side, known=known, levels=model.levels)
        super().__init__("pixel_by_pixel", spec, models, image=_still(log_p, example, side, known), alt=alt)


def _still(log_p: Tensor, x: Tensor, side: int, known: int) -> bytes:
    """The picture so far, the next pixel's distribution, and the falling sum."""
    levels, dim = log_p.shape
    total = log_p.gather(0, x[None])[0, :known].cumsum(0)
    with still():
        figure, (left, middle, right) = plt.subplots(1, 3, figsize=(7.2, 2.3), width_ratios=[1, 1.5, 1.5])
        shown = torch.where(torch.arange(dim) < known, x, 0)
        plot.images(shown[None], left, shape=(side, side), columns=1, levels=levels)
        left.add_patch(
            plt.Rectangle((-0.5, -0.5), side, side, fill=False, ec=plot.GREY, lw=0.8, clip_on=False)
        )
        left.add_patch(
            plt.Rectangle((known % side - 0.5, known // side - 0.5), 1, 1, fill=False, ec=plot.ORANGE, lw=2)
        )
        left.set_title(f"{known} pixels set")
        middle.bar(range(levels), log_p[:, known].exp().numpy(), color=plot.BLUE)
        middle.set(title="$p(x_d\\,|\\,\\mathbf{x}_{<d})$", xlabel="level", yticks=[])
        right.step(range(1, known + 1), total.numpy(), where="post", color=plot.BLUE)
        right.set(title="sum of log p so far", xlabel="pixels set", ylabel="nats", xlim=(0, dim))
        return png(figure)

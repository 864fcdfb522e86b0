"""Missing pixels, live: hide parts of a digit, and a linear Gaussian model fills them in."""

import matplotlib.pyplot as plt
import torch
from torch import Tensor, nn

from dgm_lite import plot
from dgm_lite.live.figure import LiveFigure, pack, png, still
from dgm_lite.shapes import check_real

ALT = (
    "Three rows of digits. Top: the digits. Middle: their lower halves hidden. Bottom: the hidden halves "
    "filled in by the model, blurred but mostly right. In the live figure the reader rubs out pixels."
)


class FillIn(LiveFigure):
    """A digit whose pixels the reader rubs out, and what the model expects in their place.

    Args:
        model: A probabilistic PCA: has ``weight`` (D, M), ``mu`` (D,), ``variance`` and ``complete``.
        digits: Examples in [0, 1] that the model was not trained on, (N, D), D a square.
        alt: What the image shows.

    Raises:
        ValueError: If the digits are not finite floats of the model's size.
    """

    def __init__(self, model: nn.Module, digits: Tensor, *, alt: str = ALT):
        check_real(digits, ("N", model.dim), "FillIn digits")
        spec = {
            "side": round(model.dim**0.5),
            "latent": model.latent_dim,
            "variance": model.variance.item(),
            "count": len(digits),
            "weight": pack(model.weight),
            "mu": pack(model.mu),
            "digits": pack(digits),
        }
        super().__init__("fill_in", spec, {}, image=_still(model, digits[:8]), alt=alt)


def _still(model: nn.Module, digits: Tensor) -> bytes:
    known = torch.arange(model.dim) < model.dim // 2
    mean, _ = model.complete(digits, known)
    side = round(model.dim**0.5)
    rows = {"digit": digits, "seen": torch.where(known, digits, torch.nan), "filled in": mean.clamp(0, 1)}
    with still():
        figure, axes = plt.subplots(3, 1, figsize=(6.4, 2.7))
        for ax, (name, x) in zip(axes, rows.items(), strict=True):
            plot.images(x * 16, ax, shape=(side, side), columns=8, levels=17)
            ax.set_title(name, loc="left", fontsize=9, pad=2)
        return png(figure)

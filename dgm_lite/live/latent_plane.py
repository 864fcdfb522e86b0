"""The latent plane, live: drag a point z, see the digit that it decodes to, and where real digits lie."""

import base64
import math

import matplotlib.pyplot as plt
import torch
from torch import Tensor, nn

from dgm_lite import plot
from dgm_lite.live.export import export
from dgm_lite.live.figure import LiveFigure, pack, png, still
from dgm_lite.nets import eval_mode
from dgm_lite.shapes import check_labels, check_levels

# Ten hues that stay apart for most colour-blind readers (Petroff, 2021); the numeral itself says the class.
HUES = ("#3f90da", "#e08a00", "#bd1f01", "#7d8c8a", "#832db6",
        "#a96b59", "#e76300", "#8c8040", "#5a6480", "#2f9fa8")  # fmt: skip
ALT = (
    "Left: a plane on which each test digit stands as its own numeral where the encoder puts it; equal "
    "numerals form loose groups around the origin. Right: the pictures that the decoder makes of a grid of "
    "points of the same plane; they change smoothly from one digit into another. In the live figure a point "
    "can be dragged and its picture seen."
)


class _Mean(nn.Module):
    """z, (B, 2), to the mean picture of p(x | z), (B, D)."""

    def __init__(self, likelihood: nn.Module):
        super().__init__()
        self.likelihood = likelihood

    def forward(self, z: Tensor) -> Tensor:
        return self.likelihood(z).mean


class LatentPlane(LiveFigure):
    """A point to drag in the plane of z, its decoded picture, and real examples at their posterior means.

    Args:
        model: A VAE with two latent numbers whose posterior has a ``distribution``.
        x: Examples, integers, (N, D), of square pictures.
        labels: Their classes, 0 to 9, (N,).
        start: Where the point is at first.
        reach: The plane spans [-reach, reach] in both directions.
        alt: What the image shows; by default a description of the usual case.

    Raises:
        ValueError: If the latent space is no plane, pictures aren't square, labels aren't 0 to 9, the start
            lies outside, or the browser's engine can't run the decoder.
    """

    def __init__(
        self, model: nn.Module, x: Tensor, labels: Tensor, *, start: tuple[float, float] = (0.0, 0.0),
        reach: float = 3.2, alt: str = ALT,
    ):  # fmt: skip
        side = math.isqrt(model.dim)
        if model.prior.dim != 2 or side * side != model.dim:
            raise ValueError(
                "LatentPlane: expected a model of square pictures with 2 latent numbers, "
                f"got {model.dim} pixels and {model.prior.dim}."
            )
        if model.levels is None or model.levels > 256:
            raise ValueError(f"LatentPlane: expected a model of at most 256 grey levels, got {model.levels}.")
        check_levels(x, model.levels, ("N", model.dim), "LatentPlane")
        check_labels(labels, len(HUES), len(x), "LatentPlane")
        if not all(abs(v) <= reach for v in start):
            raise ValueError(f"LatentPlane: expected a start within {reach} of the origin, got {start}.")
        decoder = _Mean(model.likelihood)
        with torch.no_grad(), eval_mode(model):
            codes = model.posterior.distribution(x).mean
        spec = {
            "side": side,
            "top": model.levels - 1,
            "reach": float(reach),
            "start": [float(v) for v in start],
            "hues": list(HUES),
            "codes": pack(codes),
            "labels": "".join(str(int(y)) for y in labels),
            "pictures": base64.b64encode(x.to(torch.uint8).numpy().tobytes()).decode(),
        }
        models = {"decoder": export(decoder, torch.zeros(2, 2), ["mean"])}
        with eval_mode(model):
            still = _still(decoder, codes, labels, side, model.levels, reach, torch.tensor(start))
        super().__init__("latent_plane", spec, models, image=still, alt=alt)


@torch.no_grad()
def _still(decoder, codes, labels, side, levels, reach, start) -> bytes:
    """Numerals where the encoder puts them, and what the decoder makes of a grid."""
    n = 11
    axis = torch.linspace(-reach, reach, n)
    grid = torch.cartesian_prod(axis.flip(0), axis).flip(1)  # row by row from the top
    with still():
        figure, (left, right) = plt.subplots(1, 2, figsize=(7.2, 3.7))
        for (a, b), label in zip(codes.tolist(), labels.tolist(), strict=True):
            left.text(a, b, str(label), color=HUES[label], fontsize=7, ha="center", va="center", clip_on=True)
        plot.cross(start, left)
        left.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal", xlabel="$z_0$", ylabel="$z_1$",
                 title="test digits at their posterior means")  # fmt: skip
        plot.images(decoder(grid), right, shape=(side, side), columns=n, levels=levels)
        right.set_title("mean of $p(\\mathbf{x}\\,|\\,\\mathbf{z})$ over the same plane")
        return png(figure)

"""A flow on integers, live: edit a pixel of a digit, see its integer code change, and come back exactly."""

import copy
import math

import matplotlib.pyplot as plt
import torch
from matplotlib.axes import Axes
from torch import Tensor, nn

from dgm_lite import plot
from dgm_lite.live.export import export
from dgm_lite.live.figure import LiveFigure, pack, png, still
from dgm_lite.nets import eval_mode
from dgm_lite.shapes import check_levels

ALT = (
    "Four grids of {side} by {side} squares. A digit of which one pixel was changed from {was} to {now}; its "
    "code, in which {changed} of {dim} entries differ from the code of the unedited digit and are framed; "
    "the price of each entry in bits, {bits:.0f} in all; and the digit decoded from the code, equal in every "
    "pixel."
)


class IntegerCode(LiveFigure):
    """A digit whose pixels the reader edits, its code z = f(x), the price of each entry, and f^-1(z).

    The couplings run in the browser in both directions, on the same weights.

    Args:
        flow: An IntegerFlow, or what has its ``dim``, ``levels``, ``couplings`` and ``base``.
        digits: Examples, integers 0 .. levels-1, (N, D), D a square.
        cell: Row and column of the pixel that is edited in the still picture.
        alt: What the image shows; ``{changed}`` and the like are filled in.

    Raises:
        ValueError: If the digits are no integers of the flow's levels and size, the pixels make no square,
            or the cell lies outside.
    """

    def __init__(self, flow: nn.Module, digits: Tensor, *, cell: tuple[int, int] = (1, 2), alt: str = ALT):
        side = math.isqrt(flow.dim)
        if side * side != flow.dim:
            raise ValueError(f"IntegerCode: expected a square number of pixels, got {flow.dim}.")
        check_levels(digits, flow.levels, ("N", flow.dim), "IntegerCode digits")
        if not all(c in range(side) for c in cell):
            raise ValueError(f"IntegerCode: expected a cell within {side} rows and columns, got {cell!r}.")
        with eval_mode(flow), torch.no_grad():
            still, facts = _still(flow, digits[0], side, cell)
        base = flow.base
        # The mixture's formula is short, and in doubles it holds in the far tails: it is computed there.
        spec = {
            "side": side,
            "levels": flow.levels,
            "count": len(digits),
            "start": list(cell),
            "digits": pack(digits.float()),
            "logPi": pack(base.logits.log_softmax(1)),
            "mu": pack(base.mu),
            "steepness": pack((math.log(math.pi / math.sqrt(3)) - base.log_std).exp()),
        }
        pair = torch.zeros(2, 2 * flow.dim)
        models = {"flow": export(_BothWays(copy.deepcopy(flow.couplings)).float(), pair, ["z", "x"])}
        super().__init__("integer_code", spec, models, image=still, alt=alt.format(side=side, **facts))


class _BothWays(nn.Module):
    """[x, z] -> f(x), f^-1(z): one file, so that both directions share their weights."""

    def __init__(self, couplings: nn.ModuleList):
        super().__init__()
        self.couplings = couplings

    def forward(self, pair: Tensor) -> tuple[Tensor, Tensor]:
        x, z = pair.chunk(2, dim=1)
        for coupling in self.couplings:
            x, _ = coupling.to_latent(x)
        for coupling in reversed(self.couplings):
            z = coupling.to_data(z)
        return x, z


def _still(flow: nn.Module, x: Tensor, side: int, cell: tuple[int, int]) -> tuple[bytes, dict]:
    """The four grids after one edit, and what the words say about them."""
    edited = x.clone()
    at = cell[0] * side + cell[1]
    edited[at] = flow.levels - 1 - edited[at]
    z, before = (flow.to_latent(v[None])[0][0] for v in (edited, x))
    bits = -flow.base.log_prob_terms(z[None])[0] / math.log(2)
    with still():
        figure, axes = plt.subplots(1, 4, figsize=(7.2, 2.1))
        titles = ("picture $\\mathbf{x}$", "code $\\mathbf{z}$", "bits", "decoded")
        for ax, title in zip(axes, titles, strict=True):
            ax.set(xticks=[], yticks=[], title=title)
            ax.spines[:].set_visible(False)
        for ax, shown in ((axes[0], edited), (axes[3], flow.to_data(z[None])[0])):
            ax.imshow(shown.view(side, side).numpy(), cmap="gray_r", vmin=0, vmax=flow.levels - 1)
        _numbers(axes[1], z.view(side, side), [str(int(v)) for v in z], "RdBu", flow.levels)
        _numbers(axes[2], bits.view(side, side), [f"{v:.0f}" for v in bits], "Greys", 16)
        for ax in axes:
            for d in (z != before).nonzero()[:, 0].tolist() if ax is axes[1] else [at]:
                corner = (d % side - 0.5, d // side - 0.5)
                ax.add_patch(plt.Rectangle(corner, 1, 1, fill=False, ec=plot.ORANGE, lw=1.5, clip_on=False))
        facts = {"was": int(x[at]), "now": int(edited[at]), "dim": flow.dim}
        facts |= {"changed": int((z != before).sum()), "bits": bits.sum().item()}
        return png(figure), facts


def _numbers(ax: Axes, values: Tensor, words: list[str], colours: str, most: float) -> None:
    low = -most if colours == "RdBu" else 0
    ax.imshow(values.numpy(), cmap=colours, vmin=1.6 * low, vmax=1.6 * most)
    for d, word in enumerate(words):
        ax.text(d % len(values), d // len(values), word.replace("-", "−"), ha="center", va="center", size=5.5)

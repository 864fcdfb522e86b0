"""What an output of a causal network can see, live: layer by layer, and with the wrong mask."""

import math

import matplotlib.pyplot as plt
from torch import nn

from dgm_lite import plot
from dgm_lite.live.figure import LiveFigure, png, still

ALT = (
    "Left: {dim} pixels as a picture in reading order; pixel {start} is marked, and the {seen} "
    "pixels that its "
    "output can see are blue. Right: the network as rows of dots, from {dim} inputs below to the "
    "outputs on top, with the "
    "lines that lead from the seen inputs to that output. In the live figure another output can be "
    "chosen, layers can "
    "be taken away, and the wrong mask can be switched on."
)


def visible(output: int, kernel: int, dilations: list[int], shift: int = 1) -> list[list[int]]:
    """Positions that an output reads in every layer of a causal network, from the inputs upwards.

    Args:
        output: Position of the output, from 0.
        kernel: Inputs that one convolution sees.
        dilations: Gap between them, one per block after the first convolution.
        shift: 1 where the first convolution leaves out the present, 0 where it does not.

    Returns:
        Sorted positions: of x, of the first convolution's output, and of every block's output.
    """
    layers = [{output}]
    for dilation in reversed(dilations):
        layers.append({d - k * dilation for d in layers[-1] for k in range(kernel) if d - k * dilation >= 0})
    layers.append({d - shift - k for d in layers[-1] for k in range(kernel) if d - shift - k >= 0})
    return [sorted(layer) for layer in reversed(layers)]


class Receptive(LiveFigure):
    """A picture in reading order and the network above it: touch an output and see what it can see.

    Args:
        model: A causal network with ``dim``, a ``first`` convolution and ``blocks`` that hold a ``conv``
            each, such as ``CausalARM``. Only its sizes are read.
        start: Output that is chosen at first.

    Raises:
        ValueError: If the pixels make no square, or there is no such output.
    """

    def __init__(self, model: nn.Module, *, start: int = 35):
        dim, side = model.dim, math.isqrt(model.dim)
        if side * side != dim:
            raise ValueError(f"Receptive: expected a square number of pixels, got {dim}.")
        if not 0 <= start < dim:
            raise ValueError(f"Receptive: expected an output from 0 to {dim - 1}, got {start}.")
        kernel = model.first.kernel_size[0]
        dilations = [block.conv.dilation[0] for block in model.blocks]
        spec = {"side": side, "kernel": kernel, "dilations": dilations, "start": start}
        layers = visible(start, kernel, dilations)
        alt = ALT.format(dim=dim, start=start, seen=len(layers[0]))
        super().__init__("receptive", spec, {}, image=_still(layers, side, kernel, dilations), alt=alt)


def _still(layers: list[list[int]], side: int, kernel: int, dilations: list[int]) -> bytes:
    """The picture with what is seen, and the lattice with the lines that lead there."""
    dim, output = side * side, layers[-1][0]
    with still():
        figure, (left, right) = plt.subplots(1, 2, figsize=(7.2, 2.6), width_ratios=[1, 2.4])
        for d in range(dim):
            colour = plot.ORANGE if d == output else plot.BLUE if d in layers[0] else "#EEF0F4"
            left.add_patch(plt.Rectangle((d % side, d // side), 0.94, 0.94, color=colour, lw=0))
        left.set(xlim=(0, side), ylim=(side, 0), aspect="equal")
        left.set_axis_off()
        for row, layer in enumerate(layers):
            right.scatter(range(dim), [row] * dim, s=2, color="#C9CEDA", lw=0)
            right.scatter(
                layer,
                [row] * len(layer),
                s=7,
                color=plot.ORANGE if row == len(layers) - 1 else plot.BLUE,
                lw=0,
            )
        for row, gap, shift in [(0, 1, 1), *((k + 1, g, 0) for k, g in enumerate(dilations))]:
            for d in layers[row + 1]:
                for k in range(kernel):
                    if d - shift - k * gap >= 0:
                        right.plot(
                            [d - shift - k * gap, d],
                            [row, row + 1],
                            color=plot.BLUE,
                            lw=0.4,
                            alpha=0.5,
                            zorder=0,
                        )
        names = ["x", "first", *(f"gap {g}" for g in dilations)]
        right.set(yticks=range(len(names)), yticklabels=names, xticks=[], xlim=(-1, dim))
        right.tick_params(length=0)
        right.spines[["left", "bottom"]].set_visible(False)
        return png(figure)

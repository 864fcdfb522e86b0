"""The causal ARM one position at a time: what a sampler and a decoder need.

A full pass computes D columns of every layer. Position by position, all columns but one are known
from the steps before, so each layer keeps its recent inputs and computes the one column that is new.
"""

from collections import deque
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dgm_lite.nets import CausalConv1d

if TYPE_CHECKING:
    from dgm_lite.autoregressive.causal import CausalARM, GatedBlock


class CausalSteps:
    """The stepwise computation of ``CausalARM``: every layer computes the one column that is new.

    The weights are copied and arranged once, at the start: the steps are so small that what counts is how
    many operations they take.
    """

    @torch.no_grad()
    def __init__(self, model: "CausalARM", batch: int, y: Tensor | None = None):
        self.model, self.d = model, 0
        self.past, self.weight = RingBuffer(model.first, batch), taps_first(model.first)
        self.blocks = [ColumnOfBlock(block, batch) for block in model.blocks]
        self.head = model.head.weight[:, :, 0].T.clone()
        # Everything that is added at position d, summed and taken apart beforehand.
        self.at_first = (model.position.T + model.first.bias).unbind(0)
        self.at_head = (model.marginal.T + model.head.bias).unbind(0)
        self.label = None if model.label is None else model.label(y)
        self.padding = model.marginal.new_zeros(batch, 1)
        self.inputs = model.scaled(torch.arange(model.levels, device=model.marginal.device))[:, None]

    def next_logits(self, previous: Tensor | None) -> Tensor:
        """Logits of p(x_d | x_{<d}), (B, levels), given column d - 1, integers (B,); None at the start."""
        # The shift by one: position d reads x_{d-1} as its newest input, and position 0 the padding.
        newest = self.padding if previous is None else self.inputs.index_select(0, previous.long())
        h = torch.addmm(self.at_first[self.d], self.past.push(newest), self.weight)
        if self.label is not None:
            h = h + self.label
        skips = []
        for block in self.blocks:
            h, skip = block(h)
            if skip is not None:
                skips.append(skip)
        out = torch.addmm(self.at_head[self.d], F.silu(sum(skips, h)), self.head)
        self.d += 1
        return self.model.table(out)


class RingBuffer:
    """The inputs that one causal output sees; taking in a column drops the oldest."""

    def __init__(self, conv: CausalConv1d, batch: int):
        padding = conv.weight.new_zeros(batch, conv.in_channels)
        self.columns = deque([padding] * (conv.history + 1), maxlen=conv.history + 1)
        self.taps = range(0, conv.history + 1, conv.dilation[0])

    def push(self, h: Tensor) -> Tensor:
        """Take in the newest column (B, C), and give what the taps read, (B, kernel * C)."""
        self.columns.append(h)
        return torch.cat([self.columns[i] for i in self.taps], dim=1)


class ColumnOfBlock:
    """One column of a ``GatedBlock`` at a time."""

    def __init__(self, block: "GatedBlock", batch: int):
        self.past, self.weight = RingBuffer(block.conv, batch), taps_first(block.conv)
        self.bias = block.conv.bias.expand(batch, -1).clone()
        # tanh(a) = 2 sigmoid(2 a) - 1: one sigmoid, which is quicker than a tanh, for both halves. The
        # factor 2 goes into the weights, where it costs nothing and, being a power of two, rounds nothing.
        for both in (self.weight, self.bias):
            both.chunk(2, dim=1)[0].mul_(2)
        self.both = torch.empty_like(self.bias)
        self.a, self.c = self.both.chunk(2, dim=1)
        # The last column stays one and meets the bias; the others are written anew in every step.
        self.gated = self.bias.new_ones(batch, block.out.in_channels + 1)
        self.gated_units = self.gated[:, :-1]
        self.out = matrix(block.out)
        self.skip = None if block.skip is None else matrix(block.skip)

    def __call__(self, h: Tensor) -> tuple[Tensor, Tensor | None]:
        """(B, C) -> what the next block reads, (B, C), and what the head reads besides, or None."""
        torch.addmm(self.bias, self.past.push(h), self.weight, out=self.both).sigmoid_()
        # sigmoid(c) - 2 sigmoid(2 a) sigmoid(c), which is minus the gated units; `matrix` turns the sign.
        torch.addcmul(self.c, self.a, self.c, value=-2, out=self.gated_units)
        skip = None if self.skip is None else self.gated @ self.skip
        return torch.addmm(h, self.gated, self.out), skip


def taps_first(conv: CausalConv1d) -> Tensor:
    """The weight of a convolution as a matrix for the columns of a ``RingBuffer``: (kernel * n_in, n_out)."""
    return conv.weight.permute(2, 1, 0).flatten(0, 1).clone()


def matrix(conv: nn.Conv1d) -> Tensor:
    """A convolution with kernel 1 as a matrix: minus the weight, the bias as last row, (n_in + 1, n_out)."""
    return torch.cat([-conv.weight[:, :, 0].T, conv.bias[None]])

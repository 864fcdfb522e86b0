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
        self.first = ColumnOfConv(model.first, batch)
        self.blocks = [ColumnOfBlock(block, batch) for block in model.blocks]
        self.head, bias = matrix(model.head)
        # Everything that is added at position d, summed and taken apart beforehand.
        self.at_first = (model.position.T + self.first.bias).unbind(0)
        self.at_head = (model.marginal.T + bias).unbind(0)
        self.label = None if model.label is None else model.label(y)
        self.padding = model.marginal.new_zeros(batch, 1)
        self.inputs = model.scaled(torch.arange(model.levels, device=bias.device))[:, None]

    def next_logits(self, previous: Tensor | None) -> Tensor:
        """Logits of p(x_d | x_{<d}), (B, levels), given column d - 1, integers (B,); None at the start."""
        # The shift by one: position d reads x_{d-1} as its newest input, and position 0 the padding.
        newest = self.padding if previous is None else self.inputs.index_select(0, previous)
        h = self.first(newest, self.at_first[self.d])
        if self.label is not None:
            h = h + self.label
        skips = []
        for block in self.blocks:
            h, skip = block(h)
            skips += [skip] if skip is not None else []
        h = sum(skips, h)
        out = torch.addmm(self.at_head[self.d], F.silu(h), self.head)
        self.d += 1
        return self.model.table(out)


class ColumnOfConv:
    """One output column of a causal convolution at a time, from a ring buffer of inputs."""

    def __init__(self, conv: CausalConv1d, batch: int):
        n_out, n_in, kernel = conv.weight.shape
        padding = conv.weight.new_zeros(batch, n_in)
        # Appending drops the oldest.
        self.past = deque([padding] * (conv.history + 1), maxlen=conv.history + 1)
        self.taps = range(0, conv.history + 1, conv.dilation[0])
        weight = conv.weight.permute(2, 1, 0)  # taps, inputs, outputs
        self.weight = weight.reshape(kernel * n_in, n_out).clone()
        self.bias = conv.bias.clone()

    def __call__(self, h: Tensor, bias: Tensor) -> Tensor:
        """From the newest input, (B, n_in), the output that sees it last, (B, n_out)."""
        self.past.append(h)
        seen = torch.cat([self.past[i] for i in self.taps], dim=1)
        return torch.addmm(bias, seen, self.weight)


class ColumnOfBlock:
    """One column of a ``GatedBlock`` at a time."""

    def __init__(self, block: "GatedBlock", batch: int):
        self.conv = ColumnOfConv(block.conv, batch)
        # sigmoid(b) = (1 + tanh(b / 2)) / 2: one tanh for both halves. The factors 1/2 go into the
        # weights, where they cost nothing and, being a power of two, round nothing.
        self.conv.weight[:, self.conv.weight.shape[1] // 2 :] *= 0.5
        self.conv.bias[len(self.conv.bias) // 2 :] *= 0.5
        self.out, self.bias = matrix(block.out, 0.5)
        self.skip = None if block.skip is None else matrix(block.skip, 0.5)

    def __call__(self, h: Tensor) -> tuple[Tensor, Tensor | None]:
        """(B, C) -> what the next block reads, (B, C), and what the head reads besides, or None."""
        a, b = self.conv(h, self.conv.bias).tanh_().chunk(2, dim=1)
        gated = torch.addcmul(a, a, b)
        skip = None if self.skip is None else torch.addmm(self.skip[1], gated, self.skip[0])
        return torch.addmm(h + self.bias, gated, self.out), skip


def matrix(conv: nn.Conv1d, factor: float = 1.0) -> tuple[Tensor, Tensor]:
    """A convolution with kernel 1 as a matrix, (n_in, n_out), times a factor, and its bias, (n_out,)."""
    return (factor * conv.weight[:, :, 0].T).contiguous(), conv.bias.clone()

"""Causal convolutions and gated blocks of them: all columns in one pass, and one column after another.

    h + W_out (tanh(a) * sigmoid(c)),   (a, c) = causal convolution of h        [book: eq. gated-block]

A sampler and a decoder fix one column at a time. All columns but one are known to them from the steps
before, so each layer keeps its recent inputs and computes the one column that is new.
"""

from collections import deque

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dgm_lite.shapes import check_counts


class CausalConv1d(nn.Conv1d):
    """A convolution that looks only at the past: output d sees inputs d, d-1, ..., never d+1.

    With ``shift=1`` it sees inputs d-1, d-2, ... only: what the first layer of an
    autoregressive model needs, because x_d must not help to predict itself.

    Args:
        n_in: Input channels.
        n_out: Output channels.
        kernel: Number of inputs that one output sees.
        dilation: Gap between them.
        shift: 0 to include the present, 1 to exclude it.

    Raises:
        ValueError: If the kernel or the dilation is below 1, or the shift neither 0 nor 1.
    """

    def __init__(self, n_in: int, n_out: int, kernel: int = 3, *, dilation: int = 1, shift: int = 0):
        check_counts("CausalConv1d", kernel=kernel, dilation=dilation)
        if shift not in (0, 1):
            raise ValueError(f"CausalConv1d: expected a shift of 0 or 1, got {shift!r}.")
        super().__init__(n_in, n_out, kernel, dilation=dilation)
        self.shift = shift
        self.history = (kernel - 1) * dilation

    def forward(self, x: Tensor) -> Tensor:
        """(B, n_in, D) -> (B, n_out, D)."""
        # All padding goes on the left: nothing to the right of d can reach
        # output d. A negative right pad drops the newest input: the shift.
        return super().forward(F.pad(x, (self.history + self.shift, -self.shift)))


class GatedBlock(nn.Module):
    """h + W_out (tanh(a) * sigmoid(c)),   (a, c) = causal convolution of h.     [book: eq. gated-block]

    The gate lets a unit switch itself off where the past says nothing. With ``skip`` the gated
    units also go to the head directly, through a W_skip of their own.
    """

    def __init__(self, channels: int, kernel: int, *, dilation: int, dropout: float, skip: bool = False):
        super().__init__()
        self.conv = CausalConv1d(channels, 2 * channels, kernel, dilation=dilation)
        self.out = nn.Conv1d(channels, channels, 1)
        self.skip = nn.Conv1d(channels, channels, 1) if skip else None
        self.dropout = nn.Dropout(dropout)

    def forward(self, h: Tensor) -> tuple[Tensor, Tensor | None]:
        """(B, C, D) -> what the next block reads, (B, C, D), and what the head reads besides, or None."""
        a, c = self.conv(h).chunk(2, dim=1)
        gated = self.dropout(torch.tanh(a) * torch.sigmoid(c))
        return h + self.out(gated), None if self.skip is None else self.skip(gated)


# --- one column at a time --------------------------------------------------------------------


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

    def __init__(self, block: GatedBlock, batch: int):
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

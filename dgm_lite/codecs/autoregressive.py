"""Lossless coding with an autoregressive model: one number after another, with p(x_d | x_{<d}).

    length = -sum_d log2 p(x_d | x_{<d}) = -log2 p(x)                     [book: eq. arm-code-length]

The decoder knows x_{<d} when it comes to x_d, so it can compute the distribution that the encoder used. A
full pass would give the encoder all D of them at once, rounded differently: it takes the decoder's steps.
"""

import torch
from torch import Tensor, nn

from dgm_lite.codecs.coder import Decoder, Encoder, same_numbers

ROWS = 512  # examples side by side; a part of the format, because rounding depends on it


def encode(model: nn.Module, x: Tensor) -> bytes:
    """The code of all rows of x: within some bits of -log2 p(x).

    Args:
        model: Has ``dim`` and ``stepwise(batch)``.
        x: Integers 0 .. levels-1, (N, D).
    """
    encoder = Encoder()
    with same_numbers(model) as model:
        for rows in x.split(ROWS):
            steps, previous = model.stepwise(len(rows)), None
            for column in rows.unbind(1):
                encoder.put(column, steps.next_logits(previous))
                previous = column
    return encoder.payload()


def decode(model: nn.Module, payload: bytes, n: int) -> Tensor:
    """The n rows that ``encode`` wrote, integers (n, D).

    Raises:
        DamagedError: If no encoder with this model can have written the payload.
    """
    decoder, parts = Decoder(payload), []
    with same_numbers(model) as model:
        for first in range(0, n, ROWS):
            steps, columns, previous = model.stepwise(min(ROWS, n - first)), [], None
            for _ in range(model.dim):
                previous = decoder.take(steps.next_logits(previous))
                columns.append(previous)
            parts.append(torch.stack(columns, dim=1))
    decoder.finish()
    return torch.cat(parts)

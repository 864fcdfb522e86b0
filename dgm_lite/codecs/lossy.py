"""Lossy coding with a transform coder: round f(x) to integers z, code them with the prior, give back g(z).

    length = -sum_d log2 p(z_d),   z = round(f(x)),   decoded = g(z)      [book: eq. rate-distortion]

What comes out is not what went in. How far it is from it was decided when the model was trained.
"""

import torch
from torch import Tensor, nn

from dgm_lite.codecs import integers
from dgm_lite.codecs.coder import same_numbers
from dgm_lite.shapes import check_levels

ROWS = 512  # examples side by side; a part of the format, because rounding depends on it


def encode(model: nn.Module, x: Tensor) -> bytes:
    """The code of all rows of x: within some bits of -log2 p(z).

    Args:
        model: A transform coder: ``posterior.centre(x)`` is f(x), ``prior.table(low, high)`` gives the
            probabilities of integers, ``likelihood(z).mean`` is g(z), and ``levels`` says what x is made of.
        x: Integers 0 .. levels-1, (N, D).

    Raises:
        ValueError: If x has other numbers or another shape, or the z lie too far apart for a table.
    """
    check_levels(x, model.levels, ("N", model.dim), "lossy")
    with same_numbers(model) as model:
        return integers.pack(_rounded(model, x), model.prior.table, "lossy")


def decode(model: nn.Module, payload: bytes, n: int) -> Tensor:
    """The n rows that ``reconstruct`` gives for what ``encode`` was given, integers 0 .. levels-1, (n, D).

    Raises:
        DamagedError: If no encoder with this model can have written the payload.
    """
    with same_numbers(model) as model:
        return _restored(model, integers.unpack(payload, n, model.prior.table, "lossy"))


def reconstruct(model: nn.Module, x: Tensor) -> Tensor:
    """What ``decode`` will make of the code of x: g(z), rounded to levels, integers (N, D)."""
    with same_numbers(model) as model:
        return _restored(model, _rounded(model, x))


def _rounded(model: nn.Module, x: Tensor) -> Tensor:
    """z = round(f(x)), integers (N, M)."""
    parts = [model.posterior.centre(rows.double()) for rows in x.split(ROWS)]
    return torch.cat(parts).round().long()


def _restored(model: nn.Module, z: Tensor) -> Tensor:
    """g(z) at the nearest level, integers (N, D)."""
    parts = [model.likelihood(rows.double()).mean for rows in z.split(ROWS)]
    return torch.cat(parts).round().clamp(0, model.levels - 1).long()

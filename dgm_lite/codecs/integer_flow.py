"""Lossless coding with a flow on integers: map x to z = f(x), code each z_d with the base, map back.

    length = -sum_d log2 p(z_d),   z = f(x)                              [book: eq. flow-code-length]

It may be shorter: the tables span only the z that occur, low .. high, so the mass that the base has outside
costs nothing. That saves -log2 sum_{low <= k <= high} p(z_d = k) bits a number, next to none once trained.

One pass codes all D numbers side by side, and one pass decodes them: nothing waits for anything.
"""

import torch
from torch import Tensor, nn

from dgm_lite.codecs import integers
from dgm_lite.codecs.coder import same_numbers

ROWS = 512  # examples side by side; a part of the format, because rounding depends on it


def encode(model: nn.Module, x: Tensor) -> bytes:
    """The code of all rows of x: within some bits of -log2 p(x).

    Args:
        model: Has ``to_latent`` and ``to_data`` on integers, and a ``base`` with ``table(low, high)``.
        x: Integers, (N, D).

    Raises:
        ValueError: If the z lie too far apart to be listed in a table.
    """
    with same_numbers(model) as model:
        z = torch.cat([model.to_latent(rows)[0] for rows in x.split(ROWS)])
        return integers.pack(z, model.base.table, "integer_flow")


def decode(model: nn.Module, payload: bytes, n: int) -> Tensor:
    """The n rows that ``encode`` wrote, integers (n, D).

    Raises:
        DamagedError: If no encoder with this model can have written the payload.
    """
    with same_numbers(model) as model:
        z = integers.unpack(payload, n, model.base.table, "integer_flow")
        return torch.cat([model.to_data(rows) for rows in z.split(ROWS)])

"""A block of integers, each column with a table of its own: what flows on integers and transform coders send.

All integers are possible, but a table ends somewhere: it spans those that occur, and the code begins with its
ends.
"""

import struct
from collections.abc import Callable

import torch
from torch import Tensor

from dgm_lite.codecs.coder import DamagedError, Decoder, Encoder

WINDOW = struct.Struct("<hH")  # the smallest integer, and how many values there are from it on
WIDEST = 2**12
AT_ONCE = 2**18  # numbers in the tables that are laid out at a time; the code does not depend on it

Table = Callable[[int, int], Tensor]  # (low, high) -> log-probabilities in nats, (M, high - low + 1)


def pack(z: Tensor, table: Table, owner: str) -> bytes:
    """The code of all rows of z: within some bits of -log2 p(z).

    Args:
        z: Integers, (N, M).
        table: Log-probabilities of the integers low .. high in each column.
        owner: Who refuses: the first word of a message.

    Raises:
        ValueError: If the integers lie too far apart to be listed in a table, or too far from 0 to be named.
    """
    low, high = int(z.min()), int(z.max())
    if not (-(2**15) <= low < 2**15 and high < low + WIDEST):
        raise ValueError(
            f"{owner}: expected z within {WIDEST} values of each other, the smallest -32768 to 32767, "
            f"got {low} to {high}. "
            "These x are far from everything that the model was trained on."
        )
    encoder, log_p = Encoder(), table(low, high)
    for rows in (z - low).split(_rows(log_p)):
        encoder.put(rows.flatten(), log_p.repeat(len(rows), 1))
    return WINDOW.pack(low, high - low + 1) + encoder.payload()


def unpack(payload: bytes, n: int, table: Table, owner: str) -> Tensor:
    """The n rows that ``pack`` wrote, integers (n, M).

    Raises:
        DamagedError: If ``pack`` cannot have written the payload with this table.
    """
    if len(payload) < WINDOW.size:
        raise DamagedError(f"{owner}: expected {WINDOW.size} bytes or more, got {len(payload)}.")
    low, width = WINDOW.unpack_from(payload)
    if not 1 <= width <= WIDEST:
        raise DamagedError(f"{owner}: expected 1 to {WIDEST} values of z, got {width}.")
    decoder, log_p = Decoder(payload[WINDOW.size :]), table(low, low + width - 1)
    z = torch.empty(n, len(log_p), dtype=torch.long)  # parts would lie between what tables leave free
    for first in range(0, n, _rows(log_p)):
        rows = decoder.take(log_p.repeat(min(_rows(log_p), n - first), 1))
        z[first : first + _rows(log_p)] = rows.view(-1, len(log_p)) + low
    decoder.finish()
    return z


def _rows(log_p: Tensor) -> int:
    """How many rows are coded at a time."""
    return max(1, AT_ONCE // log_p.numel())

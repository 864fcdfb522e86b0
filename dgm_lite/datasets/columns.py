"""The columns of a data set: what comes in as one, what becomes of it, and what is refused."""

import numpy as np
import torch
from torch import Tensor

from dgm_lite.datasets.rows import Rows, Tokens
from dgm_lite.shapes import show

LARGEST = np.uint64(2**63 - 1)  # of int64: torch would make a negative number of a larger one


def as_column(values: Tensor | np.ndarray, owner: str) -> Tensor:
    """A column in the types that models take: floats in torch's default type, all integers as int64.

    Args:
        values: A tensor, or a numpy array of any number type and byte order; arrays are copied.
        owner: What it is: the first words of the message.

    Raises:
        ValueError: If it is neither, holds no real numbers, NaN or infinity, or integers that int64 has not.
    """
    if isinstance(values, np.ndarray):
        values = _from_numpy(values, owner)
    if not isinstance(values, Tensor):
        remedy = "Convert it with torch.tensor(…), a table with its to_numpy()."
        got = f"{type(values).__name__}. {remedy}"
        raise ValueError(f"{owner}: expected a tensor or a numpy array, got {got}")
    if values.layout != torch.strided or values.is_complex() or values.is_quantized:
        got = values.dtype if values.layout == torch.strided else values.layout
        raise ValueError(f"{owner}: expected a dense tensor of real numbers or integers, got {got}.")
    column = values.detach()
    if column.dtype == torch.uint64 and (far := column.numpy(force=True) > LARGEST).any():
        got = f"{int(far.sum())} larger ones, up to {column.numpy(force=True).max()}"
        raise ValueError(f"{owner}: expected integers up to 2^63 - 1, as int64 has them, got {got}.")
    column = column.to(torch.get_default_dtype() if column.is_floating_point() else torch.int64)
    if column.is_floating_point() and not column.isfinite().all():
        bad, of = int((~column.isfinite()).sum()), f"{column.numel()} numbers as {column.dtype}"
        raise ValueError(f"{owner}: expected finite values, got {bad} NaN or infinite among {of}.")
    return column


def _from_numpy(values: np.ndarray, owner: str) -> Tensor:
    if values.dtype.kind not in "biuf":
        raise ValueError(f"{owner}: expected numbers, got a numpy array of {values.dtype}.")
    if isinstance(values, np.ma.MaskedArray) and np.ma.is_masked(values):
        raise ValueError(f"{owner}: expected every number, got masked ones. Give them values with filled(…).")
    # Torch has neither the other byte order nor floats of more than 8 bytes, and warns of read-only memory.
    dtype = np.float64 if values.dtype.itemsize > 8 else values.dtype.newbyteorder("=")
    return torch.from_numpy(np.array(values, dtype=dtype, order="C"))


def check_whole(column: Tensor, low: int, high: int | None, owner: str, why: str) -> None:
    """Refuse anything but integers from low to high.

    Args:
        column: Made by ``as_column``.
        low: The smallest that may stand there.
        high: The largest, or None.
        owner: What it is: the first words of the message.
        why: Where the limits come from.

    Raises:
        ValueError: On floats, or an integer out of range.
    """
    allowed = f"integers from {low} up" if high is None else f"integers {low}..{high}"
    if column.is_floating_point():
        remedy = "If they are whole, convert them with x.long(), an array with x.astype(int)."
        raise ValueError(f"{owner}: expected {allowed} ({why}), got floats. {remedy}")
    if column.numel() == 0:
        return
    smallest, largest = (int(v) for v in column.aminmax())
    if smallest < low or (high is not None and largest > high):
        raise ValueError(f"{owner}: expected {allowed} ({why}), got values from {smallest} to {largest}.")


def check_examples(x: Tensor, owner: str, levels: int | None, rows: Rows | None) -> None:
    """Refuse anything but examples of this many levels that can be what ``rows`` says.

    Args:
        x: The column x of a split, made by ``as_column``.
        owner: What it is: the first words of the message.
        levels: As in ``Dataset``.
        rows: As in ``Dataset``.

    Raises:
        ValueError: On numbers without rows, values outside the levels, or rows of another shape.
    """
    event = tuple(x.shape[1:])
    if x.dim() < 2 or 0 in event:
        raise ValueError(
            f"{owner}: expected a tensor (N, *event), one row an example, got {show(tuple(x.shape))}. "
            "Numbers on their own: x.reshape(-1, 1). A series: windows of it, x.unfold(0, width, step)."
        )
    if levels is not None:
        check_whole(x, 0, levels - 1, owner, f"levels={levels}")
    if rows is not None and not rows.fits(event):
        raise ValueError(f"{owner}: expected {rows}, got examples of {show(event)}.")
    if isinstance(rows, Tokens) and levels is None:
        raise ValueError(f"{owner}: expected the size of the vocabulary of tokens, got levels=None.")


def check_beside(column: Tensor, n: int, train: Tensor, owner: str) -> None:
    """Refuse anything but n rows of the shape and type that the column has in the training split.

    Raises:
        ValueError: If the number of rows, their shape or their type differs.
    """
    got = show(tuple(column.shape))
    if column.dim() == 0 or len(column) != n:
        raise ValueError(f"{owner}: expected {n} rows, one for each example, got {got}.")
    if column.shape[1:] != train.shape[1:]:
        wanted = show(("N", *train.shape[1:]))
        raise ValueError(f"{owner}: expected a tensor {wanted}, as in train, got {got}.")
    if column.dtype != train.dtype:
        raise ValueError(f"{owner}: expected {train.dtype}, as in train, got {column.dtype}.")


def check_per_example(column: Tensor, n: int, owner: str, what: str) -> None:
    """Refuse anything but one number for each of n examples.

    Raises:
        ValueError: If the shape is not (n,).
    """
    if column.shape == (n,):
        return
    remedy = ""
    if column.dim() == 2 and len(column) == n:
        remedy = "Drop the second dimension with squeeze(1)."
        if column.shape[1] > 1:
            remedy = "If one number of each row is 1, its place is argmax(1)."
    got = show(tuple(column.shape))
    raise ValueError(f"{owner}: expected {n} {what}, {show((n,))}, got {got}. {remedy}".rstrip())

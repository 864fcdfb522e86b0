"""Checks that every public entry point makes, and sums over everything but the batch."""

import math
from numbers import Integral

import torch
from torch import Tensor
from torch._C._functorch import is_functorch_wrapped_tensor  # there is no public way to ask


def show(shape: tuple) -> str:
    """``('B', 64) -> '(B, 64)'``: a shape as the messages print it."""
    inside = ", ".join(str(s) for s in shape)
    return f"({inside},)" if len(shape) == 1 else f"({inside})"


def has_values(x: Tensor) -> bool:
    """Whether there are numbers to look at: not while a graph is compiled or exported, nor in ``torch.func``.

    Inside ``vmap`` and ``grad`` a tensor stands for many, or for a number and its slope.
    """
    return not torch.compiler.is_compiling() and not is_functorch_wrapped_tensor(x)


def check_shape(x: Tensor, shape: tuple[int | str, ...], owner: str, hint: str = "") -> None:
    """Refuse a tensor whose shape does not match.

    Args:
        x: What the caller passed.
        shape: Expected sizes; a string such as "B" matches any size from 1 up.
        owner: Who refuses: the first word of the message.
        hint: A sentence with the likely remedy.

    Raises:
        ValueError: If x is no tensor, has another shape, or is empty.
    """
    if not isinstance(x, Tensor):
        raise ValueError(f"{owner}: expected a torch tensor of shape {show(shape)}, got {type(x).__name__}.")
    fits = x.dim() == len(shape) and all(
        isinstance(s, str) or s == n for s, n in zip(shape, x.shape, strict=True)
    )
    if not fits:
        raise ValueError(
            f"{owner}: expected shape {show(shape)}, got {show(tuple(x.shape))}. {hint}".rstrip()
        )
    if x.numel() == 0:
        raise ValueError(
            f"{owner}: expected at least one example, got an empty tensor {show(tuple(x.shape))}."
        )


def check_real(
    x: Tensor, shape: tuple[int | str, ...], owner: str, hint: str = "", *, finite: bool = True
) -> None:
    """Refuse anything but finite floating-point numbers of the given shape.

    Args:
        x: What the caller passed.
        shape: See ``check_shape``.
        owner: Who refuses.
        hint: A sentence with the likely remedy.
        finite: Whether NaN and infinity are refused. Not what a model has computed itself: there they
            have to reach the loss, whose advice is the better one.

    Raises:
        ValueError: On a wrong shape, an integer dtype, NaN or infinity.
    """
    check_shape(x, shape, owner, hint)
    if not x.is_floating_point():
        raise ValueError(f"{owner}: expected floating-point values, got {x.dtype}. Convert with x.float().")
    if not finite or not has_values(x):
        return
    # NaN or infinity anywhere spoils the sum: one cheap pass, and a second look only where that fails.
    if not math.isfinite(x.sum().item()) and not torch.isfinite(x).all():
        bad = int((~torch.isfinite(x)).sum())
        raise ValueError(f"{owner}: expected finite values, got {bad} NaN or infinite among {x.numel()}.")


def check_levels(x: Tensor, levels: int, shape: tuple[int | str, ...], owner: str, hint: str = "") -> None:
    """Refuse anything but integers 0 .. levels - 1 of the given shape.

    Raises:
        ValueError: On a wrong shape, a non-integer dtype, or a value out of range.
    """
    check_shape(x, shape, owner, hint)
    if x.is_floating_point() or x.is_complex() or x.dtype == torch.bool:
        raise ValueError(f"{owner}: expected integers 0..{levels - 1}, got {x.dtype}. Convert with x.long().")
    if not has_values(x):
        return
    # One pass, before every training step; torch has no aminmax of unsigned 16, 32 and 64 bits.
    low, high = (int(v) for v in x.long().aminmax())
    if low < 0 or high >= levels:
        raise ValueError(f"{owner}: expected integers 0..{levels - 1}, got values from {low} to {high}.")


def check_labels(y: Tensor, n_classes: int, batch: int, owner: str) -> None:
    """Refuse anything but one class number 0 .. n_classes - 1 per example.

    Raises:
        ValueError: On a wrong shape, dtype, or a class that does not exist.
    """
    check_levels(y, n_classes, ("B",), f"{owner} labels")
    if len(y) != batch:
        raise ValueError(f"{owner}: expected one label per example ({batch}), got {len(y)}.")


def check_mask(known: Tensor, dim: int, owner: str) -> None:
    """Refuse anything but one boolean per number: which of D numbers are known.

    Raises:
        ValueError: On a wrong shape or dtype.
    """
    check_shape(known, (dim,), f"{owner} known", "The mask holds one boolean per number.")
    if known.dtype != torch.bool:
        raise ValueError(f"{owner}: expected known to hold booleans, got {known.dtype}.")


def check_count(n: int, owner: str, what: str = "n") -> None:
    """Refuse anything but a whole number of at least one.

    Raises:
        ValueError: If n is not an int, or below 1.
    """
    if isinstance(n, bool) or not isinstance(n, Integral) or n < 1:
        raise ValueError(f"{owner}: expected {what} to be a whole number from 1 up, got {n!r}.")


def sum_event(values: Tensor) -> Tensor:
    """Sum over every dimension but the first: (B, *event) -> (B,)."""
    return values.flatten(1).sum(1) if values.dim() > 1 else values

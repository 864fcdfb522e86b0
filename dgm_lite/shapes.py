"""Checks that every public entry point makes: data come as what the model takes, or are refused in words."""

import math
from numbers import Integral

import torch
from torch import Tensor, nn
from torch._C._functorch import is_functorch_wrapped_tensor  # there is no public way to ask

from dgm_lite.looking import holds_up, source_of


def show(shape: tuple) -> str:
    """``('B', 64) -> '(B, 64)'``: a shape as the messages print it."""
    inside = ", ".join(str(s) for s in shape)
    return f"({inside},)" if len(shape) == 1 else f"({inside})"


def has_values(x: Tensor) -> bool:
    """Whether there are numbers to look at: not while a graph is compiled or exported, nor in ``torch.func``.

    Inside ``vmap`` and ``grad`` a tensor stands for many, or for a number and its slope. And to look at what
    a model has computed would hold up a training step on an accelerator.
    """
    return _is_plain(x) and not holds_up(x)


def _is_plain(x: Tensor) -> bool:
    return not torch.compiler.is_compiling() and not is_functorch_wrapped_tensor(x)


def name_of(owner: nn.Module | str) -> str:
    """The class of a model, or the name that was given."""
    return owner if isinstance(owner, str) else type(owner).__name__


def check_shape(x: Tensor, shape: tuple[int | str, ...], owner: str, hint: str = "") -> None:
    """Refuse a tensor whose shape does not match.

    Args:
        x: What the caller passed.
        shape: Expected sizes; a string such as "B" matches any size from 1 up.
        owner: Who refuses: the first word of the message.
        hint: A sentence with the likely remedy; of images where rows are expected it goes without saying.

    Raises:
        ValueError: If x is no tensor, has another shape, or is empty.
    """
    if not isinstance(x, Tensor):
        raise ValueError(f"{owner}: expected a torch tensor of shape {show(shape)}, got {type(x).__name__}.")
    fits = x.dim() == len(shape) and all(
        isinstance(s, str) or s == n for s, n in zip(shape, x.shape, strict=True)
    )
    if not fits:
        if len(shape) == 2 < x.dim():
            hint = hint or "Flatten images: x.flatten(1)."
        raise ValueError(
            f"{owner}: expected shape {show(shape)}, got {show(tuple(x.shape))}. {hint}".rstrip()
        )
    if x.numel() == 0:
        raise ValueError(
            f"{owner}: expected at least one example, got an empty tensor {show(tuple(x.shape))}."
        )


def float_type(model: nn.Module) -> torch.dtype | None:
    """The type of a model's real numbers, None if it has none: that of its first weight, or buffer."""
    for kept in ("_parameters", "_buffers"):
        left: list[nn.Module | None] = [model]
        while left:  # in the order of model.parameters(), which takes ten times as long, before every draw
            if (part := left.pop()) is not None:
                for value in getattr(part, kept).values():
                    if value is not None and value.is_floating_point():
                        return value.dtype
                left += reversed(part._modules.values())
    return None


def check_real(
    x: Tensor,
    shape: tuple[int | str, ...],
    owner: nn.Module | str,
    hint: str = "",
    *,
    finite: bool = True,
) -> Tensor:
    """Refuse anything but finite floating-point numbers of the given shape.

    Args:
        x: What the caller passed.
        shape: See ``check_shape``.
        owner: Who refuses: a model, or a name.
        hint: A sentence with the likely remedy.
        finite: Whether NaN and infinity are refused. Not what a model has computed itself: there they
            have to reach the loss, whose advice is the better one.

    Returns:
        x; in the floating-point type of the owner's weights, if that is a model.

    Raises:
        ValueError: On a wrong shape, an integer dtype, NaN or infinity, also if only its type makes it so.
    """
    name = name_of(owner)
    check_shape(x, shape, name, hint)
    if not x.is_floating_point():
        raise ValueError(f"{name}: expected floating-point values, got {x.dtype}. Convert with x.float().")
    source, look = source_of(x), finite and has_values(x)
    if isinstance(owner, nn.Module):
        x = x.to(float_type(owner) or x.dtype)
    if not look:
        return x
    seen = x if source is None else source.to(x.dtype)
    # NaN or infinity anywhere spoils the sum: one cheap pass, and a second look only where that fails.
    if not math.isfinite(seen.sum().item()) and not torch.isfinite(seen).all():
        bad = int((~torch.isfinite(seen)).sum())
        raise ValueError(f"{name}: expected finite values, got {bad} NaN or infinite among {x.numel()}.")
    return x


def check_levels(
    x: Tensor, levels: int | None, shape: tuple[int | str, ...], owner: nn.Module | str, hint: str = ""
) -> Tensor:
    """Refuse anything but integers 0 .. levels - 1 of the given shape; any integers where levels is None.

    Returns:
        x as int64: the type in which torch looks things up, and in which nothing wraps around.

    Raises:
        ValueError: On a wrong shape, a non-integer dtype, or a value out of range.
    """
    owner = name_of(owner)
    check_shape(x, shape, owner, hint)
    wanted = "integers below 2^63" if levels is None else f"integers 0..{levels - 1}"
    if x.is_floating_point() or x.is_complex() or x.dtype == torch.bool:
        raise ValueError(f"{owner}: expected {wanted}, got {x.dtype}. Convert with x.long().")
    # Before every training step; torch has no aminmax of unsigned 16, 32 and 64 bits.
    whole, unsigned, source = x.long(), x.dtype == torch.uint64, source_of(x)
    if not _is_plain(x) or levels is None and not unsigned:
        return whole
    low, high = (int(v) for v in (whole if source is None else source.long()).aminmax())
    if low < 0 or levels is not None and high >= levels:
        raise ValueError(f"{owner}: expected {wanted}, got values from {low} to {high}.")
    return whole


def check_labels(y: Tensor | None, n_classes: int | None, batch: int, owner: str) -> Tensor | None:
    """Refuse anything but one class number 0 .. n_classes - 1 per example; without classes, any labels.

    Returns:
        y as int64, the one integer type that torch looks things up with; None where there are no classes.

    Raises:
        ValueError: On a wrong shape, dtype, a class that does not exist, or labels missing or out of place.
    """
    if (y is None) != (n_classes is None):
        wanted = "no labels, for p(x)" if n_classes is None else "labels y, for p(x | y)"
        raise ValueError(f"{owner}: expected {wanted}; got {'none' if y is None else 'some'}.")
    if y is None:
        return None
    check_levels(y, n_classes, ("B",), f"{owner} labels")
    if len(y) != batch:
        raise ValueError(f"{owner}: expected one label per example ({batch}), got {len(y)}.")
    return y.long()


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


def check_counts(owner: str, **sizes: int) -> None:
    """Refuse the first of some sizes that is no whole number of at least one.

    Raises:
        ValueError: If there is one; names it.
    """
    for what, n in sizes.items():
        check_count(n, owner, what)

"""Where a check looks at numbers that were moved to an accelerator: where they came from.

To look at a number on an accelerator is to wait for all that it was told to do before.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch
from torch import Tensor

_sources: ContextVar[dict[int, Tensor] | None] = ContextVar("sources", default=None)


@contextmanager
def looking_at(moved: tuple[Tensor, ...], sources: tuple[Tensor, ...]) -> Iterator[None]:
    """For a while, checks of these tensors look at those that they were copied from.

    Args:
        moved: Tensors on an accelerator; somebody else keeps them alive meanwhile.
        sources: The same before they were moved there, in the same order.
    """
    before = _sources.set(dict(zip(map(id, moved), sources, strict=True)))
    try:
        yield
    finally:
        _sources.reset(before)


def source_of(x: Tensor) -> Tensor | None:
    """What x was copied from, if that is to be looked at in its place."""
    return None if torch.compiler.is_compiling() else (_sources.get() or {}).get(id(x))


def holds_up(x: Tensor) -> bool:
    """Whether to look at a number of x would hold up a training step: the model has computed it."""
    return _sources.get() is not None and source_of(x) is None

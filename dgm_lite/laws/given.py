"""A model of p(x | y) at one label: what holds for a model without labels has to hold for it."""

import inspect
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from dgm_lite.laws.subject import takes_two

DRAWING = ("sample", "complete", "reconstruct", "decide", "to_latent", "to_data")
METHODS = ("log_prob", "elbo", "importance_weighted", "exact", "energy", *DRAWING)
OTHER_SECOND = ("sample", "importance_weighted", "complete")  # their second argument is k, or what is known


def takes_y(method: Callable | None) -> bool:
    """Whether a method takes labels: by the name y, or as its second argument."""
    if not callable(method):
        return False
    second = getattr(method, "__name__", "") not in OTHER_SECOND and takes_two(method)
    return second or "y" in inspect.signature(method).parameters


def at_label(method: Callable, y: Tensor, first: Tensor | int, *rest, **options):
    """``method`` of examples, or of a number of them, each with the label y if it takes any."""
    if not takes_y(method):
        return method(first, *rest, **options)
    labels = y.expand(first if isinstance(first, int) else len(first))
    names = list(inspect.signature(method).parameters)
    if "y" in names and (not rest or names.index("y") > 1):
        return method(first, *rest, y=labels, **options)
    return method(first, labels, *rest, **options)


class Given(nn.Module):
    """A model at one y, with the methods that it has, none of which takes labels any more.

    Args:
        model: Some of its methods take y.
        y: The label, a single number.
    """

    def __init__(self, model: nn.Module, y: Tensor):
        super().__init__()
        self.model, self.y = model, y
        if isinstance(getattr(model, "levels", None), int):
            self.levels = model.levels
        for name in METHODS:
            if callable(method := getattr(model, name, None)):
                setattr(self, name, partial(at_label, method, y))
                if hasattr(method, "takes_none"):  # a sample that was given its generator
                    getattr(self, name).takes_none = True


def without_y(model: nn.Module, method: str, x: Tensor) -> bool:
    """Whether a method also works without labels, as ``log_prob(x)`` beside ``log_prob(x, y)``."""
    if not takes_y(getattr(model, method)):
        return True
    try:
        with torch.random.fork_rng(devices=()):
            getattr(model, method)(x)
    except (TypeError, ValueError):
        return False
    return True

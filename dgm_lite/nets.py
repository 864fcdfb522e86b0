"""Small networks that several families share, and what one does with any network."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from itertools import chain

import torch
from torch import Tensor, nn

from dgm_lite.shapes import check_counts, float_type


def mlp(n_in: int, hidden: int, n_out: int, *, n_layers: int = 2, dropout: float = 0.0) -> nn.Sequential:
    """A multilayer perceptron with SiLU units: (B, n_in) -> (B, n_out).

    Args:
        n_in: Inputs.
        hidden: Units of each hidden layer.
        n_out: Outputs (logits or real numbers: no final non-linearity).
        n_layers: Hidden layers.
        dropout: Share of hidden units silenced in training, in [0, 1).

    Raises:
        ValueError: If a size is below 1.
    """
    check_counts("mlp", n_in=n_in, hidden=hidden, n_out=n_out, n_layers=n_layers)
    layers: list[nn.Module] = []
    for k in range(n_layers):
        size = hidden if k else n_in
        layers += [nn.Linear(size, hidden), nn.SiLU()] + ([nn.Dropout(dropout)] if dropout else [])
    return nn.Sequential(*layers, nn.Linear(hidden, n_out))


def moved_to(model: nn.Module, columns: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """The columns on the model's device, and their real numbers in its type.

    Args:
        model: Any module; without weights the columns stay as they are.
        columns: One tensor or more.
    """
    own = next(chain(model.parameters(), model.buffers()), None)
    if own is None:
        return columns
    real = float_type(model)
    return tuple(c.to(own.device, (c.is_floating_point() and real) or c.dtype) for c in columns)


def finest(device: torch.device) -> torch.dtype:
    """float64, or float32 on a device that has nothing finer: Apple's."""
    return torch.float32 if device.type == "mps" else torch.float64


def parts(*models: nn.Module) -> list[nn.Module]:
    """Models and all that is in them, shared parts more than once; ``modules()`` takes ten times as long."""
    found: list[nn.Module | None] = list(models)
    for part in found:  # grows as it is walked
        if part is not None and part._modules:
            found += part._modules.values()
    return [part for part in found if part is not None]


@contextmanager
def eval_mode(*models: nn.Module) -> Iterator[None]:
    """No dropout for a while. Every part comes back in the mode in which it was, even after an error."""
    before = [(part, part.training) for part in parts(*models)]
    try:
        for part, training in before:
            if training:
                _switch(part, False)
        yield
    finally:
        for part, training in before:
            if part.training != training:
                _switch(part, training)


def _switch(part: nn.Module, training: bool) -> None:
    """part.training = training, for which torch's own ``__setattr__`` takes fifty times as long."""
    if type(part).__setattr__ is nn.Module.__setattr__:
        vars(part)["training"] = training
    else:
        part.training = training


@contextmanager
def fixed_weights(model: nn.Module) -> Iterator[None]:
    """No weight asks for a gradient for a while, but a model may take one in x: a score, a change of volume.

    ``torch.no_grad()`` would forbid that. Nothing more is kept in memory, unless the model asks for it.
    """
    asking = [weight for weight in model.parameters() if weight.requires_grad]
    try:
        for weight in asking:
            weight.requires_grad_(False)
        with torch.enable_grad():
            yield
    finally:
        for weight in asking:
            weight.requires_grad_(True)


def in_eval_mode(method: Callable) -> Callable:
    """A method that draws, decides or inverts: without dropout, and the model's mode stays what it was."""

    @wraps(method)
    def call(model, *args, **options):
        if True not in {part.training for part in parts(model)}:
            return method(model, *args, **options)
        with eval_mode(model):
            return method(model, *args, **options)

    return call

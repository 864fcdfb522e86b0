"""How to train: every number of it, checked."""

import math
import operator
from dataclasses import dataclass, fields
from types import NoneType
from typing import Any, get_args, get_origin

# No torch in this file: the command line's help is made of it.
RANGES = {
    "epochs": ("a whole number from 1 up", lambda n: n >= 1),
    "batch_size": ("a whole number from 1 up", lambda n: n >= 1),
    "lr": ("a number above 0", lambda v: 0 < v < math.inf),
    "weight_decay": ("a number from 0 up", lambda v: 0 <= v < math.inf),
    "betas": ("two numbers in [0, 1)", lambda v: all(0 <= b < 1 for b in v)),
    "warmup": ("a share in [0, 1)", lambda v: 0 <= v < 1),
    "clip_norm": ("a number above 0, or None", lambda v: v is None or v > 0),
    "average": ("a decay between 0 and 1, or None", lambda v: v is None or 0 < v < 1),
    "patience": ("a whole number from 1 up, or None", lambda n: n is None or n >= 1),
    "seed": ("a whole number from 0 to 2^63 - 1", lambda n: 0 <= n < 2**63),
}


@dataclass(frozen=True)
class TrainConfig:
    """How to train. Numbers of any type are taken, NumPy's too, and kept as Python's own.

    Args:
        epochs: Passes over the training data.
        batch_size: Examples per step.
        lr: Peak learning rate of AdamW.
        weight_decay: AdamW's decoupled weight decay.
        betas: AdamW's memory of the gradient and of its square; games need a shorter one than 0.9.
        warmup: Share of all steps in which the rate rises from zero; afterwards it falls as a half cosine.
        clip_norm: Largest norm of one gradient, or None.
        average: Decay of the exponential moving average of the weights, or None. Where given,
            validation and the final weights use the average.
        patience: Epochs without a better validation loss before ``fit`` stops, or None.
        seed: Order of the batches, dropout and every other draw of the loop.

    Raises:
        ValueError: If a value is no number of its kind, or out of its range.
    """

    epochs: int = 20
    batch_size: int = 128
    lr: float = 1e-3
    weight_decay: float = 0.0
    betas: tuple[float, float] = (0.9, 0.999)
    warmup: float = 0.05
    clip_norm: float | None = 10.0
    average: float | None = None
    patience: int | None = None
    seed: int = 0

    def __post_init__(self):
        for field in fields(self):
            given, (expected, fits) = getattr(self, field.name), RANGES[field.name]
            try:
                value = _plain(given, field.type)
                fine = fits(value)
            except (TypeError, ValueError, OverflowError):
                fine = False
            if not fine:
                raise ValueError(f"TrainConfig: expected {field.name} to be {expected}, got {given!r}.")
            object.__setattr__(self, field.name, value)


def _plain(value: Any, kind: Any) -> Any:
    """The value as the type of its field, which loses nothing of it."""
    inner = get_args(kind)
    if value is None and NoneType in inner:
        return None
    if get_origin(kind) is tuple:
        return tuple(_plain(v, k) for v, k in zip(value, inner, strict=True))
    value = value.item() if hasattr(value, "item") else value  # of numpy and torch
    if isinstance(value, bool | str | bytes):
        raise TypeError("no number")
    return operator.index(value) if int in (kind, *inner) else float(value)

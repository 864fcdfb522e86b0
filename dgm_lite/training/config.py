"""How to train: every number of it, checked."""

import math
from dataclasses import dataclass
from numbers import Integral


@dataclass(frozen=True)
class TrainConfig:
    """How to train.

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
        ValueError: If a value is out of its range.
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
        # No torch in this file: the command line's help is made of it.
        ranges = {
            "epochs": ("a whole number from 1 up", _whole(self.epochs, 1)),
            "batch_size": ("a whole number from 1 up", _whole(self.batch_size, 1)),
            "patience": (
                "a whole number from 1 up, or None",
                self.patience is None or _whole(self.patience, 1),
            ),
            "seed": ("a whole number from 0 to 2^63 - 1", _whole(self.seed, 0) and self.seed < 2**63),
            "lr": ("a number above 0", 0 < self.lr < math.inf),
            "weight_decay": ("a number from 0 up", 0 <= self.weight_decay < math.inf),
            "betas": ("two numbers in [0, 1)", len(self.betas) == 2 and all(0 <= b < 1 for b in self.betas)),
            "warmup": ("a share in [0, 1)", 0 <= self.warmup < 1),
            "clip_norm": ("a number above 0, or None", self.clip_norm is None or self.clip_norm > 0),
            "average": ("a decay between 0 and 1, or None", self.average is None or 0 < self.average < 1),
        }
        for name, (expected, fine) in ranges.items():
            if not fine:
                raise ValueError(
                    f"TrainConfig: expected {name} to be {expected}, got {getattr(self, name)!r}."
                )


def _whole(value: object, least: int) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool) and value >= least

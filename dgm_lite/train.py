"""One training loop for all families. ``training_steps`` is a generator: whoever wants to watch, iterates."""

import math
import sys
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from tqdm import tqdm

from dgm_lite import checkpoints
from dgm_lite.nets import eval_mode
from dgm_lite.protocols import Step
from dgm_lite.run import Run
from dgm_lite.shapes import check_count
from dgm_lite.trainer import Trainer


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
        for name in ("epochs", "batch_size", *(["patience"] if self.patience is not None else [])):
            check_count(getattr(self, name), "TrainConfig", name)
        ranges = {
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


def training_steps(
    model: nn.Module, batches: Collection[tuple[Tensor, ...]], config: TrainConfig
) -> Iterator[Step]:
    """Yield a Step after every batch. Nothing happens until you iterate; ``fit`` does it for you.

    Args:
        model: A Trainable or Adversarial module; its weights move in place.
        batches: Tuples of tensors, in something with a length that can be iterated once per epoch:
            a list, or a DataLoader.
        config: How to train. ``patience`` needs validation, hence ``fit``.

    Yields:
        Step with each player's loss.

    Raises:
        ValueError: If the model cannot be trained, or the batches have no length.
        DivergedError: If a loss is not finite.
    """
    if not hasattr(batches, "__len__") or len(batches) == 0:
        raise ValueError(
            f"training_steps: expected a list or a DataLoader with at least one batch, "
            f"got {type(batches).__name__}. "
            "A generator is used up after one epoch: make a list of it."
        )
    trainer = Trainer(model, config, config.epochs * len(batches))
    try:
        for epoch in range(config.epochs):
            for batch in batches:
                losses = trainer.step(batch)
                yield Step(epoch, trainer.index - 1, losses)
    finally:
        if trainer.average is not None:
            model.load_state_dict(trainer.average)
        model.eval()


@torch.no_grad()
def mean_loss(model: nn.Module, columns: tuple[Tensor, ...], batch_size: int = 512) -> float:
    """Mean of ``model.loss`` over a split, in the loss's own unit, with the model in eval mode.

    Args:
        model: A Trainable module; it comes back in the mode in which it was.
        columns: What ``loss`` takes, (N, ...) each.
        batch_size: Examples at a time.

    Raises:
        ValueError: If the split is empty.
    """
    if len(columns[0]) == 0:
        raise ValueError("mean_loss: expected at least one example, got an empty split.")
    total = 0.0
    device = next(model.parameters()).device
    with eval_mode(model):
        for part in zip(*(c.split(batch_size) for c in columns), strict=True):
            total += model.loss(*(c.to(device) for c in part)).item() * len(part[0])
    return total / len(columns[0])


def fit(model: nn.Module, data, config: TrainConfig = TrainConfig(), *, checkpoint: str | Path | None = None,
        bar: bool | None = None, accelerator=None) -> list[Step]:  # fmt: skip
    """Train, validate after every epoch, and keep the best weights.

    A keyboard interrupt ends training early and keeps the best weights so far; so does a loss
    that diverges. With a ``checkpoint`` the run can be stopped and started again: on a CPU it ends
    in the same numbers, bit for bit, as one that was never interrupted.

    Args:
        model: A Trainable or Adversarial module; changed in place and left in eval mode.
        data: A ``Dataset``; its validation split chooses the weights of a Trainable. The test split is
            not looked at.
        config: How to train.
        checkpoint: File written after each epoch and resumed from if it is there.
        bar: Show a progress bar on stderr; by default where a person is looking.
        accelerator: A Hugging Face ``accelerate.Accelerator`` to train on several processes. They
            start from the first one's weights and share every batch.

    Returns:
        Every step; the last of each epoch carries the validation loss.

    Raises:
        ValueError: If the model cannot be trained, the data are empty or no ``Dataset``, or the
            checkpoint is damaged or belongs to another run.
        DivergedError: If a loss is not finite.
    """
    run = Run(model, data, config, checkpoint, accelerator)
    checkpoints.resume(run)
    hidden = None if bar is None else not bar  # None: tqdm hides it unless stderr is a terminal
    try:
        with tqdm(total=config.epochs, initial=run.epoch, unit="epoch", leave=False, disable=hidden) as shown:
            while run.goes_on():
                run.train(data.batches(config.batch_size, run.generator))
                if run.validates:
                    with run.candidate():
                        valid = mean_loss(model, data.split("valid"))
                    run.judge(valid)
                run.end_epoch()
                shown.set_postfix_str(run.report())
                shown.update()
    except KeyboardInterrupt:
        tqdm.write(
            f"training: stopped by you in epoch {run.epoch}; the best weights so far are kept.",
            file=sys.stderr,
        )
    finally:
        run.finish()
    return run.steps

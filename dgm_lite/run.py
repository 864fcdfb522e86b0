"""One run of ``fit``: the best weights so far, how much patience is left, and what a checkpoint keeps."""

import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from dgm_lite import checkpoints
from dgm_lite.protocols import Step, Trainable
from dgm_lite.trainer import DivergedError, Trainer, copied

if TYPE_CHECKING:
    from dgm_lite.train import TrainConfig


class Run:
    """The state of one ``fit``.

    Args:
        model: A Trainable or Adversarial module.
        data: A ``Dataset``.
        config: How to train.
        checkpoint: File written after each epoch, or None.
        accelerator: A Hugging Face ``accelerate.Accelerator``, or None for one process.

    Raises:
        ValueError: If the data are empty or no ``Dataset``, or the model cannot be trained.
    """

    def __init__(
        self, model: nn.Module, data, config: "TrainConfig", checkpoint: str | Path | None, accelerator
    ):
        if not hasattr(data, "batches"):
            raise ValueError(
                f"fit: expected a Dataset, got {type(data).__name__}. "
                "Build one with Dataset(name, train, valid, test)."
            )
        if len(data.train) == 0:
            raise ValueError(f"fit: expected at least one training example, got none in {data.name!r}.")
        self.model, self.data, self.config, self.accelerator = model, data, config, accelerator
        self.checkpoint = Path(checkpoint) if checkpoint else None
        self.generator = torch.Generator().manual_seed(config.seed)
        per_epoch = math.ceil(len(data.train) / config.batch_size)
        self.trainer = Trainer(model, config, config.epochs * per_epoch, accelerator)
        self.steps: list[Step] = []
        self.epoch, self.best_loss, self.best_epoch, self.best = 0, math.inf, -1, None
        # A game has no loss that says how good the samples are, so its last weights are kept.
        self.validates = isinstance(model, Trainable) and len(data.valid) > 0

    def goes_on(self) -> bool:
        """Whether epochs are left, and the last ``patience`` of them brought something better."""
        patience = self.config.patience
        tired = patience is not None and self.validates and self.epoch - self.best_epoch > patience
        return self.epoch < self.config.epochs and not tired

    def train(self, batches: Iterable[tuple[Tensor, ...]]) -> None:
        """Every batch once."""
        for batch in batches:
            losses = self.trainer.step(batch)
            self.steps.append(Step(self.epoch, self.trainer.index - 1, losses))
        self.trainer.synchronise()

    def _weights(self) -> dict[str, Tensor]:
        return self.trainer.average if self.trainer.average is not None else self.model.state_dict()

    @contextmanager
    def candidate(self) -> Iterator[None]:
        """The model with the weights that would be kept now, for as long as they are judged.

        What is drawn meanwhile is the same in every epoch, and not taken from the training's draws.
        """
        average = self.trainer.average
        own = copied(self.model.state_dict()) if average is not None else {}
        try:
            if average is not None:
                self.model.load_state_dict(average)
            with torch.random.fork_rng():
                torch.manual_seed(self.config.seed)
                yield
        finally:
            if average is not None:
                self.model.load_state_dict(own)

    def judge(self, valid: float) -> None:
        """Note the validation loss of this epoch, and keep the weights if it is the lowest.

        Raises:
            DivergedError: If it is NaN.
        """
        if math.isnan(valid):
            raise DivergedError(
                f"training: the validation loss became nan in epoch {self.epoch}. "
                f"Try a smaller learning rate (now {self.config.lr})."
            )
        self.steps[-1] = replace(self.steps[-1], valid=valid)
        if valid < self.best_loss:
            self.best_loss, self.best_epoch = valid, self.epoch
            self.best = copied(self._weights())

    def end_epoch(self) -> None:
        """Count it, and write the checkpoint."""
        self.epoch += 1
        checkpoints.save(self)

    def report(self) -> str:
        """Validation loss for the bar: bits per dimension for data with levels, nats otherwise."""
        last = self.steps[-1]
        if not self.validates:
            return ", ".join(f"{name} {value:.3f}" for name, value in last.losses.items())
        if self.data.levels and not self.data.with_labels:
            return f"valid {last.valid / self.data.train[0].numel() / math.log(2):.3f} bits/dim"
        return f"valid {last.valid:.3f} nats"

    def finish(self) -> None:
        """Leave the best weights in the model, or the averaged ones, and the model in eval mode."""
        if self.best is not None:
            self.model.load_state_dict(self.best)
        elif self.trainer.average is not None:
            self.model.load_state_dict(self.trainer.average)
        self.model.eval()

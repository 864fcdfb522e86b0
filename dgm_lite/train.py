"""One training loop for all families. ``training_steps`` is a generator: whoever wants to watch, iterates."""

import copy
import math
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from tqdm import tqdm

from dgm_lite import checkpoints
from dgm_lite.nets import eval_mode
from dgm_lite.protocols import Adversarial, Player, Step, Trainable
from dgm_lite.shapes import check_count


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


class DivergedError(RuntimeError):
    """A loss became NaN or infinite."""


def players_of(model: nn.Module) -> list[Player]:
    """The players of a game, or the one player of a model with a ``loss``.

    Raises:
        ValueError: If the model has neither ``loss`` nor ``players``.
    """
    if isinstance(model, Adversarial):
        return model.players()
    if isinstance(model, Trainable):
        return [Player("model", model, model.loss)]
    raise ValueError(f"training: expected a model with loss() or players(), got {type(model).__name__}.")


class Trainer:
    """Optimisers, averaged weights and step count of one training run.

    Args:
        model: A Trainable or Adversarial module.
        config: How to train.
        n_steps: Steps of the whole run; the learning rate falls to zero at the last.
        accelerator: A Hugging Face ``accelerate.Accelerator``, or None for one process.

    Raises:
        ValueError: If the model cannot be trained.
    """

    def __init__(self, model: nn.Module, config: TrainConfig, n_steps: int, accelerator=None):
        self.model, self.config, self.n_steps, self.accelerator = model, config, max(n_steps, 1), accelerator
        self.rank, self.n_processes = 0, 1
        if accelerator is not None:
            self.rank, self.n_processes = accelerator.process_index, accelerator.num_processes
        self.players = players_of(model)
        self.optimizers = [
            torch.optim.AdamW(
                p.weights.parameters(), lr=config.lr, betas=config.betas, weight_decay=config.weight_decay
            )
            for p in self.players
        ]
        self.average = None
        self.synchronise()
        self.average = copy.deepcopy(model.state_dict()) if config.average else None
        self.index = 0
        torch.manual_seed(config.seed + self.rank)  # every process drops out other units

    def rate(self) -> float:
        """Learning rate of this step as a share of its peak: linear warm-up, then half a cosine."""
        done, warm = self.index / self.n_steps, self.config.warmup
        if done < warm:
            return (self.index + 1) / (warm * self.n_steps + 1)
        return 0.5 * (1 + math.cos(math.pi * (done - warm) / (1 - warm)))

    def step(self, batch: tuple[Tensor, ...]) -> dict[str, float]:
        """Each player moves its own weights ``steps`` times; returns the last loss of each.

        Raises:
            DivergedError: If a loss is not finite.
        """
        # Here and not before the loop: whoever watches the training may have switched to eval mode.
        self.model.train()
        batch, weight = self.share(batch)
        losses = {}
        for player, optimizer in zip(self.players, self.optimizers, strict=True):
            for group in optimizer.param_groups:
                group["lr"] = self.config.lr * self.rate()
            for _ in range(player.steps):
                losses[player.name] = self._update(player, optimizer, batch, weight)
        self.index += 1
        if self.average is not None:
            self._average()
        return losses

    def _update(
        self, player: Player, optimizer: torch.optim.Optimizer, batch: tuple[Tensor, ...], weight: float
    ) -> float:
        optimizer.zero_grad(set_to_none=True)
        loss = player.loss(*batch) * weight
        value = self._mean(loss.detach()).item()
        if not math.isfinite(value):
            raise DivergedError(
                f"training: the loss of {player.name!r} became {value} at step {self.index}. "
                f"Try a smaller learning rate (now {self.config.lr}), or check the data for NaN."
            )
        parameters = [p for p in player.weights.parameters() if p.requires_grad]
        gradients = torch.autograd.grad(
            loss, parameters, allow_unused=True
        )  # nobody else's weights are touched
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.grad = None if gradient is None else self._mean(gradient)
        if self.config.clip_norm:
            nn.utils.clip_grad_norm_(parameters, self.config.clip_norm)
        optimizer.step()
        return value

    @torch.no_grad()
    def _average(self) -> None:
        # Early averages forget faster, or the first random weights would stay in them for long.
        decay = min(self.config.average, (1 + self.index) / (10 + self.index))
        for name, value in self.model.state_dict().items():
            if value.is_floating_point():
                self.average[name].lerp_(value, 1 - decay)
            else:
                self.average[name].copy_(value)

    # --- several processes -------------------------------------------------------------------

    def share(self, batch: tuple[Tensor, ...]) -> tuple[tuple[Tensor, ...], float]:
        """This process's part of a batch, on the model's device, and its weight in the mean over processes.

        Losses are means over examples. Parts of unequal size are weighted so that the mean over
        processes is the mean over the whole batch: the step that a single process would take.
        """
        total, n = len(batch[0]), self.n_processes
        device = _device(self.model)
        if n > 1 and total >= n:
            batch = tuple(column[self.rank :: n] for column in batch)
            return tuple(column.to(device) for column in batch), len(batch[0]) * n / total
        return tuple(column.to(device) for column in batch), 1.0

    def _mean(self, value: Tensor) -> Tensor:
        """The mean over all processes, the same on each."""
        return value if self.n_processes == 1 else self.accelerator.reduce(value, reduction="mean")

    @torch.no_grad()
    def synchronise(self) -> None:
        """Give every process the first one's weights and buffers; they would drift apart otherwise."""
        if self.n_processes > 1:
            from accelerate.utils import (
                broadcast,
            )  # an optional dependency, there if an accelerator was passed

            for value in [*self.model.state_dict().values(), *(self.average or {}).values()]:
                value.copy_(broadcast(value.clone()))


def _device(model: nn.Module) -> torch.device:
    return next(model.parameters()).device


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
    with eval_mode(model):
        for part in zip(*(c.split(batch_size) for c in columns), strict=True):
            total += model.loss(*(c.to(_device(model)) for c in part)).item() * len(part[0])
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
    run = _Run(model, data, config, checkpoint, accelerator)
    checkpoints.resume(run)
    hidden = None if bar is None else not bar  # None: tqdm hides it unless stderr is a terminal
    try:
        with tqdm(total=config.epochs, initial=run.epoch, unit="epoch", leave=False, disable=hidden) as shown:
            while run.epoch < config.epochs and not run.out_of_patience():
                run.one_epoch()
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


class _Run:
    """The state of one ``fit``."""

    def __init__(self, model, data, config, checkpoint, accelerator):
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

    def one_epoch(self) -> None:
        """Every batch once, then validation, best weights and checkpoint."""
        losses = {}
        for batch in self.data.batches(self.config.batch_size, self.generator):
            losses = self.trainer.step(batch)
            self.steps.append(Step(self.epoch, self.trainer.index - 1, losses))
        self.trainer.synchronise()
        if self.validates:
            valid = self._validate()
            self.steps[-1] = Step(self.epoch, self.trainer.index - 1, losses, valid)
            if valid < self.best_loss:
                self.best_loss, self.best_epoch = valid, self.epoch
                self.best = copy.deepcopy(self._weights())
        self.epoch += 1
        checkpoints.save(self)

    def _weights(self) -> dict[str, Tensor]:
        return self.trainer.average if self.trainer.average is not None else self.model.state_dict()

    def _validate(self) -> float:
        # The same draws in every epoch, and none taken from those of the training.
        with _borrowed(self.model, self._weights()), torch.random.fork_rng():
            torch.manual_seed(self.config.seed)
            valid = mean_loss(self.model, self.data.split("valid"))
        if math.isnan(valid):
            raise DivergedError(
                f"training: the validation loss became nan in epoch {self.epoch}. "
                f"Try a smaller learning rate (now {self.config.lr})."
            )
        return valid

    def out_of_patience(self) -> bool:
        """Whether the last ``patience`` epochs brought nothing better."""
        patience = self.config.patience
        return patience is not None and self.validates and self.epoch - self.best_epoch > patience

    def report(self) -> str:
        """Validation loss for the bar: bits per dimension for data with levels, nats otherwise."""
        if not self.validates:
            return ", ".join(f"{name} {value:.3f}" for name, value in self.steps[-1].losses.items())
        if self.data.levels and not self.data.with_labels:
            dim = self.data.train[0].numel()
            return f"valid {self.steps[-1].valid / dim / math.log(2):.3f} bits/dim"
        return f"valid {self.steps[-1].valid:.3f} nats"

    def finish(self) -> None:
        """Leave the best weights in the model, or the averaged ones, and the model in eval mode."""
        if self.best is not None:
            self.model.load_state_dict(self.best)
        elif self.trainer.average is not None:
            self.model.load_state_dict(self.trainer.average)
        self.model.eval()


@contextmanager
def _borrowed(model: nn.Module, state: dict[str, Tensor]) -> Iterator[None]:
    """The model with other weights for a while."""
    own = copy.deepcopy(model.state_dict())
    try:
        model.load_state_dict(state)
        yield
    finally:
        model.load_state_dict(own)

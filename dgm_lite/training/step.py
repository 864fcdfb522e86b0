"""What a training step is: each player moves its own weights, on one process or on several."""

import math
from collections.abc import Collection, Iterator

import torch
from torch import Tensor, nn

from dgm_lite.protocols import Adversarial, Player, Step, Trainable
from dgm_lite.training.config import TrainConfig


class DivergedError(RuntimeError):
    """A loss became NaN or infinite."""


def copied(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """The weights of a ``state_dict`` as they are now, whatever becomes of the model's."""
    return {name: value.clone() for name, value in weights.items()}


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
        self.average = copied(model.state_dict()) if config.average else None
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
        device = next(self.model.parameters()).device
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

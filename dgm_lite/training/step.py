"""What a training step is: each player moves its own weights, on one process or on several.

The schedule and the average are a few lines each, and not torch's: ``LambdaLR`` counts steps of its own,
which every checkpoint would have to carry; ``AveragedModel`` keeps a deep copy of the whole module, and
another name for each weight.
"""

import math
from collections.abc import Collection, Iterator
from contextlib import nullcontext

import torch
from torch import Tensor, nn

from dgm_lite.looking import looking_at
from dgm_lite.nets import moved_to, parts
from dgm_lite.protocols import Adversarial, Player, Step, Trainable
from dgm_lite.shapes import check_count
from dgm_lite.training.config import TrainConfig


class DivergedError(RuntimeError):
    """A loss or a gradient became NaN or infinite."""


def look_after(device: torch.device) -> int:
    """Updates after which the loss and the gradient are looked at: at once, or later where looking costs.

    An accelerator works ahead of Python. To look at a number is to wait for it, in every step.
    """
    return 50 if device.type in ("cuda", "xpu") else 1


def copied(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """The weights of a ``state_dict`` as they are now, whatever becomes of the model's."""
    return {name: value.clone() for name, value in weights.items()}


def players_of(model: nn.Module) -> list[Player]:
    """The players of a game, or the one player of a model with a ``loss``.

    Raises:
        ValueError: If the model has neither ``loss`` nor ``players``, or two players have one name.
    """
    if isinstance(model, Adversarial):
        players = model.players()
        names = [player.name for player in players]
        if not names or len(set(names)) < len(names):
            raise ValueError(f"training: expected players, each with a name of its own, got {names}.")
        for player in players:
            check_count(player.steps, f"training: {player.name!r}", "its steps")
        return players
    if isinstance(model, Trainable):
        return [Player("model", model, model.loss)]
    raise ValueError(f"training: expected a model with loss() or players(), got {type(model).__name__}.")


def check_loss(loss: Tensor, owner: str) -> None:
    """Refuse anything but one number in a tensor.

    Raises:
        ValueError: If it is anything else.
    """
    if not isinstance(loss, Tensor) or loss.dim() > 0:
        got = f"one of shape {tuple(loss.shape)}" if isinstance(loss, Tensor) else type(loss).__name__
        raise ValueError(f"training: expected the loss of {owner!r} to be one number in a tensor, got {got}.")


class Trainer:
    """Optimisers, averaged weights and step count of one training run.

    Args:
        model: A Trainable or Adversarial module.
        config: How to train.
        n_steps: Steps of the whole run; the learning rate falls to zero at the last.
        accelerator: A Hugging Face ``accelerate.Accelerator``, or None for one process.

    Raises:
        ValueError: If the model cannot be trained: it has no loss, or all weights of a player are frozen.
    """

    def __init__(self, model: nn.Module, config: TrainConfig, n_steps: int, accelerator=None):
        self.model, self.config, self.n_steps, self.accelerator = model, config, max(n_steps, 1), accelerator
        self.rank, self.n_processes = 0, 1
        if accelerator is not None:
            self.rank, self.n_processes = accelerator.process_index, accelerator.num_processes
        self.players = players_of(model)
        for player in self.players:
            if not any(p.requires_grad for p in player.weights.parameters()):
                raise ValueError(
                    f"training: expected weights that can move, got none in {player.name!r}: it has no "
                    "parameters, or all are frozen (requires_grad is False)."
                )
        self.device = next(model.parameters()).device
        self.look_after = look_after(self.device)
        # Only the fused optimiser can be told on the device to leave a step out; on a CPU nobody needs it.
        fused = True if self.look_after > 1 else None
        self.optimizers = [
            torch.optim.AdamW(p.weights.parameters(), lr=config.lr, betas=config.betas,
                              weight_decay=config.weight_decay, fused=fused)
            for p in self.players
        ]  # fmt: skip
        self.unseen: list[tuple[int, str, Tensor, Tensor, dict]] = []  # step, player, loss, gradient's norm
        self.bad = torch.zeros((), device=self.device)  # 1 from the first bad update on
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

        On an accelerator these are tensors, until ``look`` puts the numbers in their place.

        Raises:
            DivergedError: If a loss or a gradient is not finite: at once on a CPU, some steps later on an
                accelerator. The weights are those from before the bad update.
            ValueError: If a batch is no tuple of tensors, or a loss no number that depends on the weights.
        """
        # Here and not before the loop: whoever watches the training may have switched to eval mode.
        if False in {part.training for part in parts(self.model)}:
            self.model.train()
        share, weight = self.share(batch)
        batch = moved_to(self.model, share)
        losses: dict[str, float] = {}
        # A model checks its batch: on an accelerator that would be to wait, so it looks where that came from.
        with looking_at(batch, share) if self.look_after > 1 else nullcontext():
            for player, optimizer in zip(self.players, self.optimizers, strict=True):
                for group in optimizer.param_groups:
                    group["lr"] = self.config.lr * self.rate()
                for _ in range(player.steps):
                    self._update(player, optimizer, batch, weight, losses)
        self.index += 1
        if self.average is not None:
            self._average()
        if len(self.unseen) >= self.look_after:
            self.look()
        return losses

    def _update(self, player: Player, optimizer: torch.optim.Optimizer, batch: tuple[Tensor, ...],
                weight: float, losses: dict) -> None:  # fmt: skip
        optimizer.zero_grad(set_to_none=True)
        loss = player.loss(*batch)
        check_loss(loss, player.name)
        loss = loss * weight
        if not loss.requires_grad:
            raise ValueError(
                f"training: expected the loss of {player.name!r} to be one number that depends on its "
                "weights, got one that does not."
            )
        parameters = [p for p in player.weights.parameters() if p.requires_grad]
        # Not loss.backward(): nobody else's weights are touched.
        gradients = torch.autograd.grad(loss, parameters, allow_unused=True)
        for parameter, gradient in zip(parameters, gradients, strict=True):
            # The gradient of a sum is one number for all entries, and can't be clipped in place.
            if gradient is not None and 0 in gradient.stride():
                gradient = gradient.contiguous()
            parameter.grad = None if gradient is None else self._mean(gradient)
        norm = nn.utils.clip_grad_norm_(parameters, self.config.clip_norm or math.inf)
        loss = self._mean(loss.detach())
        losses[player.name] = loss
        self.unseen.append((self.index, player.name, loss, norm.to(loss.device), losses))
        if self.look_after == 1:
            self.look()
        else:
            self.bad = torch.where(loss.isfinite() & norm.isfinite(), self.bad, 1.0)
            optimizer.found_inf = self.bad  # as a GradScaler does: the device leaves the step out by itself
        optimizer.step()

    def look(self) -> None:
        """Fetch losses and norms of gradients since the last look, all at once, and put the losses in place.

        Raises:
            DivergedError: If one is not finite; names the player.
        """
        unseen, self.unseen = self.unseen, []
        if not unseen:
            return
        numbers = torch.stack([value for _, _, loss, norm, _ in unseen for value in (loss, norm)]).tolist()
        seen = list(zip(unseen, numbers[::2], numbers[1::2], strict=True))
        for (_, player, _, _, losses), loss, _ in seen:
            losses[player] = loss
        for (index, player, _, _, _), loss, norm in seen:
            for what, value in (("loss", loss), ("gradient", norm)):
                if not math.isfinite(value):
                    raise DivergedError(
                        f"training: the {what} of {player!r} became {value} at step {index}. "
                        f"Try a smaller learning rate (now {self.config.lr}), check the data for NaN, or "
                        "bring very small or large numbers to the size of one: (x - x.mean(0)) / x.std(0)."
                    )

    @torch.no_grad()
    def _average(self) -> None:
        # Early averages forget faster, or the first random weights would stay in them for long.
        part = 1 - min(self.config.average, (1 + self.index) / (10 + self.index))
        if self.look_after > 1:
            part = part * (1 - self.bad)  # after a bad update the average stands still as well
        for name, value in self.model.state_dict().items():
            if value.is_floating_point():
                self.average[name].lerp_(value, part if isinstance(part, float) else part.to(value.dtype))
            else:
                self.average[name].copy_(value)

    # --- several processes -------------------------------------------------------------------

    def share(self, batch: tuple[Tensor, ...]) -> tuple[tuple[Tensor, ...], float]:
        """This process's part of a batch, and its weight in the mean over processes.

        Losses are means over examples. Parts of unequal size are weighted so that the mean over
        processes is the mean over the whole batch: the step that a single process would take.

        Raises:
            ValueError: If the batch is no tuple of tensors.
        """
        columns = batch if isinstance(batch, tuple | list) else ()
        if not columns or not all(isinstance(c, Tensor) and c.dim() for c in columns):
            raise ValueError(
                f"training: expected a batch to be a tuple of tensors, got {type(batch).__name__}. "
                "For a model of x alone it is (x,)."
            )
        total, n = len(batch[0]), self.n_processes
        if n > 1 and total >= n:
            batch = tuple(column[self.rank :: n] for column in batch)
            return batch, len(batch[0]) * n / total
        return tuple(batch), 1.0

    def _mean(self, value: Tensor) -> Tensor:
        """The mean over all processes, the same on each."""
        return value if self.n_processes == 1 else self.accelerator.reduce(value, reduction="mean")

    @torch.no_grad()
    def synchronise(self) -> None:
        """Give every process the first one's weights and buffers; they would drift apart otherwise."""
        if self.n_processes > 1:
            from accelerate.utils import broadcast  # an optional dependency, there if one was passed

            for value in [*self.model.state_dict().values(), *(self.average or {}).values()]:
                value.copy_(broadcast(value.clone()))


def training_steps(
    model: nn.Module, batches: Collection[tuple[Tensor, ...]], config: TrainConfig
) -> Iterator[Step]:
    """Yield a Step after every batch. Nothing happens until you iterate; ``fit`` does it for you.

    You see the losses of every step, so an accelerator is waited for in each; ``fit`` waits in one of 50.

    Args:
        model: A Trainable or Adversarial module; its weights move in place.
        batches: Tuples of tensors, in something with a length that can be iterated once per epoch:
            a list, or a DataLoader.
        config: How to train. ``patience`` needs validation, hence ``fit``.

    Yields:
        Step with each player's loss.

    Raises:
        ValueError: If the model cannot be trained, or the batches have no length or are no tuples.
        DivergedError: If a loss or a gradient is not finite.
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
                trainer.look()
                yield Step(epoch, trainer.index - 1, losses)
    finally:
        if trainer.average is not None:
            model.load_state_dict(trainer.average)
        model.eval()

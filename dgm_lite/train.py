"""One training loop for all families. ``training_steps`` is a generator: whoever wants to watch, iterates."""

import copy
import math
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from tqdm import tqdm

from dgm_lite import weights
from dgm_lite.protocols import Adversarial, Player, Step, Trainable


@dataclass(frozen=True)
class TrainConfig:
    """How to train.

    Args:
        epochs: Passes over the training data.
        batch_size: Examples per step.
        lr: Peak learning rate of AdamW.
        weight_decay: AdamW's decoupled weight decay.
        warmup: Share of all steps in which the rate rises from zero; afterwards it falls as a half cosine.
        clip_norm: Largest norm of one gradient, or None.
        average: Decay of the exponential moving average of the weights, or None. Where given,
            validation and the final weights use the average.
        patience: Epochs without a better validation loss before ``fit`` stops, or None.
        seed: Order of the batches, dropout and every other draw of the loop.
    """

    epochs: int = 20
    batch_size: int = 128
    lr: float = 1e-3
    weight_decay: float = 0.0
    warmup: float = 0.05
    clip_norm: float | None = 10.0
    average: float | None = None
    patience: int | None = None
    seed: int = 0

    def __post_init__(self):
        rules = {
            "epochs": self.epochs >= 1, "batch_size": self.batch_size >= 1, "lr": self.lr > 0,
            "weight_decay": self.weight_decay >= 0, "warmup": 0 <= self.warmup < 1,
            "clip_norm": self.clip_norm is None or self.clip_norm > 0,
            "average": self.average is None or 0 < self.average < 1,
            "patience": self.patience is None or self.patience >= 1,
        }  # fmt: skip
        for name, fine in rules.items():
            if not fine:
                raise ValueError(f"TrainConfig: {name} is out of range, got {getattr(self, name)!r}.")


class DivergedError(RuntimeError):
    """A player's loss became NaN or infinite."""


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
    """Optimisers, averaged weights and step count of one training run: what a checkpoint has to hold."""

    def __init__(self, model: nn.Module, config: TrainConfig, n_steps: int, accelerator=None):
        self.model, self.config, self.n_steps, self.accelerator = model, config, max(n_steps, 1), accelerator
        self.players = players_of(model)
        self.optimizers = [
            torch.optim.AdamW(p.weights.parameters(), lr=config.lr, weight_decay=config.weight_decay)
            for p in self.players
        ]  # fmt: skip
        self.average = copy.deepcopy(model.state_dict()) if config.average else None
        self.index = 0

    def rate(self) -> float:
        """Learning rate of this step as a share of its peak: linear warm-up, then half a cosine."""
        done, warm = self.index / self.n_steps, self.config.warmup
        if done < warm:
            return (self.index + 1) / (warm * self.n_steps + 1)
        return 0.5 * (1 + math.cos(math.pi * (done - warm) / (1 - warm)))

    def step(self, batch: tuple[Tensor, ...]) -> dict[str, float]:
        """Each player moves its own weights ``steps`` times; returns the last loss of each."""
        losses = {}
        for player, optimizer in zip(self.players, self.optimizers):
            for group in optimizer.param_groups:
                group["lr"] = self.config.lr * self.rate()
            for _ in range(player.steps):
                losses[player.name] = self._update(player, optimizer, batch)
        self.index += 1
        if self.average is not None:
            self._average()
        return losses

    def _update(self, player: Player, optimizer: torch.optim.Optimizer, batch: tuple[Tensor, ...]) -> float:
        optimizer.zero_grad(set_to_none=True)
        loss = player.loss(*batch)
        value = loss.item()
        if not math.isfinite(value):
            raise DivergedError(
                f"training: the loss of {player.name!r} became {value} at step {self.index}. "
                f"Try a smaller learning rate (now {self.config.lr}), or check the data for NaN."
            )
        parameters = [p for p in player.weights.parameters() if p.requires_grad]
        gradients = torch.autograd.grad(loss, parameters, allow_unused=True)  # nobody else's weights are touched
        for parameter, gradient in zip(parameters, gradients):
            parameter.grad = gradient
        if self.accelerator is not None:
            for parameter in parameters:
                if parameter.grad is not None:
                    parameter.grad = self.accelerator.reduce(parameter.grad, reduction="mean")
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


def training_steps(model: nn.Module, batches: Iterable[tuple[Tensor, ...]], config: TrainConfig) -> Iterator[Step]:
    """Yield a Step after every batch. Nothing happens until you iterate; ``fit`` does it for you.

    Args:
        model: A Trainable or Adversarial module; its weights move in place.
        batches: Tuples of tensors; iterated once per epoch, so pass a list or a DataLoader.
        config: How to train. ``patience`` needs validation, hence ``fit``.

    Yields:
        Step with each player's loss.

    Raises:
        ValueError: If the model cannot be trained.
        DivergedError: If a loss is not finite.
    """
    torch.manual_seed(config.seed)
    trainer = Trainer(model, config, config.epochs * len(batches) if hasattr(batches, "__len__") else config.epochs)
    model.train()
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

    Raises:
        ValueError: If the split is empty.
    """
    if len(columns[0]) == 0:
        raise ValueError("mean_loss: expected at least one example, got an empty split.")
    device = next(model.parameters()).device
    was_training = model.training
    model.eval()
    total = 0.0
    for part in zip(*(c.split(batch_size) for c in columns)):
        total += model.loss(*(c.to(device) for c in part)).item() * len(part[0])
    model.train(was_training)
    return total / len(columns[0])


def fit(model: nn.Module, data, config: TrainConfig = TrainConfig(), *, checkpoint: str | Path | None = None,
        bar: bool | None = None, accelerator=None) -> list[Step]:  # fmt: skip
    """Train, validate after every epoch, and keep the best weights.

    A keyboard interrupt ends training early and keeps the best weights so far. With a
    ``checkpoint`` the run can be stopped and started again: it ends in the same numbers as
    one that was never interrupted.

    Args:
        model: A Trainable or Adversarial module; changed in place and left in eval mode.
        data: A ``Dataset``; its validation split chooses the weights of a Trainable.
        config: How to train.
        checkpoint: File written after each epoch and resumed from if it is there.
        bar: Show a progress bar on stderr; by default where a person is looking.
        accelerator: A Hugging Face ``accelerate.Accelerator`` to train on several processes.

    Returns:
        Every step; the last of each epoch carries the validation loss.

    Raises:
        ValueError: If the model cannot be trained, or the checkpoint belongs to another run.
        DivergedError: If a loss is not finite.
    """
    run = _Run(model, data, config, checkpoint, accelerator)
    run.resume()
    with tqdm(total=config.epochs, initial=run.epoch, unit="epoch", leave=False, disable=None if bar is None else not bar) as shown:
        try:
            while run.epoch < config.epochs and not run.out_of_patience():
                run.one_epoch()
                shown.set_postfix_str(run.report())
                shown.update()
        except KeyboardInterrupt:
            tqdm.write(f"training: stopped by you in epoch {run.epoch}; the best weights so far are kept.")
    run.finish()
    return run.steps


class _Run:
    """The state of one ``fit``."""

    def __init__(self, model, data, config, checkpoint, accelerator):
        self.model, self.data, self.config, self.accelerator = model, data, config, accelerator
        self.checkpoint = Path(checkpoint) if checkpoint else None
        self.device = next(model.parameters()).device
        self.generator = torch.Generator().manual_seed(config.seed)
        torch.manual_seed(config.seed)
        n_batches = math.ceil(len(data.train) / config.batch_size)
        self.trainer = Trainer(model, config, config.epochs * n_batches, accelerator)
        self.steps: list[Step] = []
        self.epoch, self.best_loss, self.best_epoch, self.best = 0, math.inf, -1, None
        # A game has no loss that says how good the samples are, so its last weights are kept.
        self.validates = isinstance(model, Trainable) and len(data.valid) > 0

    def one_epoch(self) -> None:
        self.model.train()
        losses = {}
        for batch in self.data.batches(self.config.batch_size, self.generator):
            losses = self.trainer.step(self._share(batch))
            self.steps.append(Step(self.epoch, self.trainer.index - 1, losses))
        if self.validates:
            valid = self._validate()
            self.steps[-1] = Step(self.epoch, self.trainer.index - 1, losses, valid)
            if valid < self.best_loss:
                self.best_loss, self.best_epoch = valid, self.epoch
                self.best = copy.deepcopy(self._weights())
        self.epoch += 1
        self.save()

    def _share(self, batch: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """This process's part of a batch, on the model's device."""
        if self.accelerator is not None and self.accelerator.num_processes > 1:
            rank, n = self.accelerator.process_index, self.accelerator.num_processes
            batch = tuple(column[rank::n] if len(column) >= n else column for column in batch)
        return tuple(column.to(self.device) for column in batch)

    def _weights(self) -> dict[str, Tensor]:
        return self.trainer.average if self.trainer.average is not None else self.model.state_dict()

    def _validate(self) -> float:
        with _borrowed(self.model, self._weights()), _own_randomness(self.config.seed):
            return mean_loss(self.model, self.data.split("valid"))

    def out_of_patience(self) -> bool:
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
        if self.best is not None:
            self.model.load_state_dict(self.best)
        elif self.trainer.average is not None:
            self.model.load_state_dict(self.trainer.average)
        self.model.eval()

    # --- checkpoints -------------------------------------------------------------------------

    def _identity(self) -> dict:
        size = sum(p.numel() for p in self.model.parameters())
        return {"config": asdict(self.config), "model": type(self.model).__name__, "parameters": size,
                "data": self.data.name, "examples": len(self.data.train)}  # fmt: skip

    def save(self) -> None:
        if self.checkpoint is None or (self.accelerator is not None and not self.accelerator.is_main_process):
            return
        tensors = {f"model/{k}": v for k, v in self.model.state_dict().items()}
        tensors |= {f"average/{k}": v for k, v in (self.trainer.average or {}).items()}
        tensors |= {f"best/{k}": v for k, v in (self.best or {}).items()}
        for i, optimizer in enumerate(self.trainer.optimizers):
            for j, state in optimizer.state_dict()["state"].items():
                tensors |= {f"optimizer/{i}/{j}/{k}": v for k, v in state.items()}
        tensors |= {"random/torch": torch.get_rng_state(), "random/batches": self.generator.get_state()}
        state = {"identity": self._identity(), "epoch": self.epoch, "index": self.trainer.index,
                 "best_loss": self.best_loss, "best_epoch": self.best_epoch,
                 "steps": [asdict(s) for s in self.steps]}  # fmt: skip
        weights.write(self.checkpoint, tensors, kind="checkpoint", about=state)

    def resume(self) -> None:
        if self.checkpoint is None or not self.checkpoint.exists():
            return
        tensors, state = weights.read(self.checkpoint, kind="checkpoint")
        if state["identity"] != self._identity():
            raise ValueError(
                f"fit: {self.checkpoint} belongs to another run: expected {self._identity()}, got {state['identity']}. "
                "Delete it, or pass another file name."
            )
        part = lambda prefix: {k[len(prefix):]: v for k, v in tensors.items() if k.startswith(prefix)}  # noqa: E731
        self.model.load_state_dict(part("model/"))
        self.trainer.average = part("average/") or None
        self.best = part("best/") or None
        for i, optimizer in enumerate(self.trainer.optimizers):
            inner: dict[int, dict[str, Tensor]] = {}
            for key, value in part(f"optimizer/{i}/").items():
                j, name = key.split("/")
                inner.setdefault(int(j), {})[name] = value
            optimizer.load_state_dict({**optimizer.state_dict(), "state": inner})
        torch.set_rng_state(tensors["random/torch"])
        self.generator.set_state(tensors["random/batches"])
        self.epoch, self.trainer.index = state["epoch"], state["index"]
        self.best_loss, self.best_epoch = state["best_loss"], state["best_epoch"]
        self.steps = [Step(**s) for s in state["steps"]]


class _borrowed:
    """The model with other weights for a while."""

    def __init__(self, model: nn.Module, state: dict[str, Tensor]):
        self.model, self.state = model, state

    def __enter__(self):
        self.own = copy.deepcopy(self.model.state_dict())
        self.model.load_state_dict(self.state)

    def __exit__(self, *_):
        self.model.load_state_dict(self.own)


class _own_randomness:
    """Draws inside leave the draws outside untouched, and are the same every time."""

    def __init__(self, seed: int):
        self.seed = seed

    def __enter__(self):
        self.state = torch.get_rng_state()
        torch.manual_seed(self.seed)

    def __exit__(self, *_):
        torch.set_rng_state(self.state)

"""Train, validate after every epoch, keep the best weights: one run, from its first step to its end."""

import inspect
import math
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn

from dgm_lite import outputs
from dgm_lite.nets import eval_mode, fixed_weights, moved_to
from dgm_lite.protocols import Step, Trainable
from dgm_lite.training import checkpoint as checkpoints
from dgm_lite.training.config import TrainConfig
from dgm_lite.training.step import DivergedError, Trainer, check_loss, copied


class Steps(list):
    """Every step of a run, in order, and whether it came to its end.

    ``stopped`` is True where a keyboard interrupt ended the run early.
    """

    stopped = False


def _said(what) -> str:
    return f"the class {what.__name__}" if isinstance(what, type) else type(what).__name__


def _check_columns(loss: Callable, used: tuple[str, ...]) -> None:
    """Refuse columns that a loss does not take."""
    signature = inspect.signature(loss)
    try:
        signature.bind(*used)
    except TypeError as error:
        columns = ", ".join(signature.parameters)
        raise ValueError(
            f"fit: expected batches of what the loss takes, ({columns}), got ({', '.join(used)}). Choose the "
            "columns of a data set: data.using('x', 'y'), or data.using('x')."
        ) from error


class Run:
    """The state of one ``fit``.

    Args:
        model: A Trainable or Adversarial module.
        data: A ``Dataset``.
        config: How to train.
        checkpoint: File written after each epoch, or None.
        accelerator: A Hugging Face ``accelerate.Accelerator``, or None for one process.

    Raises:
        ValueError: If the data are no ``Dataset``, or the model cannot be trained.
    """

    def __init__(self, model: nn.Module, data, config: TrainConfig, checkpoint: str | Path | None = None,
                 accelerator=None):  # fmt: skip
        if not hasattr(data, "batches"):
            raise ValueError(
                f"fit: expected a Dataset, got {type(data).__name__}. "
                "Build one with Dataset(name, train, valid, test)."
            )
        for given, kind in ((model, nn.Module), (config, TrainConfig)):
            if not isinstance(given, kind):
                raise ValueError(f"fit: expected a {kind.__name__}, got {_said(given)}.")
        self.model, self.data, self.config, self.accelerator = model, data, config, accelerator
        self.generator = torch.Generator().manual_seed(config.seed)
        per_epoch = math.ceil(len(data.train) / config.batch_size)
        self.trainer = Trainer(model, config, config.epochs * per_epoch, accelerator)
        for player in self.trainer.players:
            _check_columns(player.loss, data.used)
        self.steps = Steps()
        self.epoch, self.best_loss, self.best_epoch, self.best = 0, math.inf, -1, None
        # A game has no loss that says how good the samples are, so its last weights are kept.
        self.validates = isinstance(model, Trainable) and len(data.valid) > 0
        self.checkpoint = Path(checkpoint).expanduser() if checkpoint else None
        if self.checkpoint:
            self.identity = checkpoints.identity(self)
            self.steps_file = checkpoints.StepsFile(self.checkpoint, [p.name for p in self.trainer.players])
            if self.trainer.rank == 0:
                outputs.place(self.checkpoint)  # now, and not after the first epoch
                outputs.place(self.steps_file.file)

    def goes_on(self) -> bool:
        """Whether epochs are left, and the last ``patience`` of them brought something better."""
        patience = self.config.patience
        tired = patience is not None and self.validates and self.epoch - self.best_epoch > patience
        return self.epoch < self.config.epochs and not tired

    def train(self, batches: Iterable[tuple[Tensor, ...]]) -> None:
        """Every batch once."""
        try:
            for batch in batches:
                losses = self.trainer.step(batch)
                self.steps.append(Step(self.epoch, self.trainer.index - 1, losses))
        finally:
            self.trainer.look()
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
            DivergedError: If it is not finite.
        """
        if not math.isfinite(valid):
            raise DivergedError(
                f"training: the validation loss became {valid} in epoch {self.epoch}. "
                f"Try a smaller learning rate (now {self.config.lr}). One example whose p(x) is 0 or "
                "infinite is enough: give every x a share and every spread a least value, or leave it out."
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
        """The losses for the bar: what they are made of, and their unit, only the model knows."""
        last = self.steps[-1]
        if not self.validates:
            return ", ".join(f"{name} {value:.3f}" for name, value in last.losses.items())
        return f"valid loss {last.valid:.3f}"

    def finish(self) -> None:
        """Leave the best weights in the model, or the averaged ones, and the model in eval mode."""
        if self.best is not None:
            self.model.load_state_dict(self.best)
        elif self.trainer.average is not None:
            self.model.load_state_dict(self.trainer.average)
        self.model.eval()

    def to_the_end(self, bar: bool | None = None) -> None:
        """Go on from the checkpoint if there is one, and train; the best weights are kept whatever ends it.

        Args:
            bar: See ``fit``.

        Raises:
            ValueError: If the checkpoint is damaged or belongs to another run, or another process writes it.
            DivergedError: If a loss or a gradient is not finite.
            OSError: If the checkpoint can't be written any more.
            KeyboardInterrupt: If it was stopped; ``steps.stopped`` says so as well.
        """
        from tqdm.auto import tqdm  # widgets in a notebook, where importing them takes its time

        with self._alone():
            checkpoints.resume(self)
            try:
                with tqdm(total=self.config.epochs, initial=self.epoch, unit="epoch", leave=False,
                          disable=_hidden(bar)) as shown:  # fmt: skip
                    while self.goes_on():
                        self.train(self.data.batches(self.config.batch_size, self.generator))
                        if self.validates:
                            with self.candidate():
                                valid = mean_loss(self.model, self.data.split("valid"))
                            self.judge(valid)
                        self.end_epoch()
                        shown.set_postfix_str(self.report())
                        shown.update()
            except KeyboardInterrupt:
                self.steps.stopped = True
                raise
            finally:
                with outputs.uninterrupted():
                    self.finish()

    def _alone(self) -> AbstractContextManager:
        """No other run writes this checkpoint meanwhile: each would cut off the other's steps."""
        writes = self.checkpoint and self.trainer.rank == 0
        return outputs.alone(self.checkpoint, wait=False) if writes else nullcontext()


def mean_loss(model: nn.Module, columns: tuple[Tensor, ...], batch_size: int = 512) -> float:
    """Mean of ``model.loss`` over a split, in the loss's own unit, with the model in eval mode.

    The loss may take gradients in x, but not in the weights.

    Args:
        model: A Trainable module; it comes back in the mode in which it was.
        columns: What ``loss`` takes, (N, ...) each.
        batch_size: Examples at a time.

    Raises:
        ValueError: If the split is empty, or the loss is not one number.
    """
    if len(columns[0]) == 0:
        raise ValueError("mean_loss: expected at least one example, got an empty split.")
    parts = list(zip(*(c.split(batch_size) for c in columns), strict=True))
    losses = []
    with eval_mode(model), fixed_weights(model):
        for part in parts:
            loss = model.loss(*moved_to(model, part))
            check_loss(loss, "model")
            losses.append(loss.detach())
    # Fetched together: an accelerator would have to be waited for at every single one.
    total = sum(loss * len(part[0]) for loss, part in zip(torch.stack(losses).tolist(), parts, strict=True))
    return total / len(columns[0])


def _hidden(bar: bool | None) -> bool | None:
    """What tqdm wants to know: True for no bar, None for a bar only on a terminal.

    In a notebook stderr is no terminal, and yet somebody is looking.
    """
    if bar is not None:
        return not bar
    if os.environ.get("TQDM_DISABLE"):  # for those who run notebooks to store their outputs
        return True
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    return False if hasattr(shell, "kernel") else None


def fit(model: nn.Module, data, config: TrainConfig = TrainConfig(), *, checkpoint: str | Path | None = None,
        bar: bool | None = None, whole: bool = False, accelerator=None) -> Steps:  # fmt: skip
    """Train, validate after every epoch, and keep the best weights.

    Whatever ends training early leaves the best weights so far in the model. With a ``checkpoint`` the run
    can be stopped and started again: on a CPU it ends in the same numbers, bit for bit, as one that was
    never interrupted. A run that is finished goes on if more epochs are asked of it: from then on the
    learning rate is what it would be at this step of the longer run, so that it jumps up once and falls to
    zero again.

    The run sets torch's own generator to ``config.seed`` and leaves it where the run ended: what you draw
    afterwards is repeatable as well. Draw with a ``generator`` of your own to be independent of it.

    Args:
        model: A Trainable or Adversarial module; changed in place and left in eval mode.
        data: A ``Dataset``; its validation split chooses the weights of a Trainable. The test split is
            not looked at.
        config: How to train.
        checkpoint: File written after each epoch and resumed from if it is there. The losses of all steps
            lie beside it, in a file of the same name with ``.steps`` at its end.
        bar: Show a progress bar; by default where a person is looking: on a terminal or in a notebook.
        whole: Pass a keyboard interrupt on: for programs that go on to measure what was trained. By default
            it only ends the training, and what stands after it is run.
        accelerator: A Hugging Face ``accelerate.Accelerator`` to train on several processes. They
            start from the first one's weights and share every batch.

    Returns:
        Every step; the last of each epoch carries the validation loss. Its attribute ``stopped`` says
        whether a keyboard interrupt ended the run.

    Raises:
        ValueError: If the model cannot be trained, the data are no ``Dataset``, or the checkpoint is damaged
            or belongs to another run.
        DivergedError: If a loss or a gradient is not finite.
        OSError: If the checkpoint can't be written.
        KeyboardInterrupt: If it was stopped, and ``whole`` is asked for.
    """
    run = Run(model, data, config, checkpoint, accelerator)
    try:
        run.to_the_end(bar)
    except KeyboardInterrupt:
        if whole or not run.steps.stopped:
            raise
        print(
            f"training: stopped by you in epoch {run.epoch}; the best weights so far are kept.",
            file=sys.stderr,
        )
    return run.steps

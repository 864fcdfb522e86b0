"""Checkpoints of ``fit``: all that a run needs to end in the same numbers after it was stopped.

Weights, their average, the best so far, the optimisers' memory, and the state of every source of randomness
are written anew after each epoch. What grows with every step, the losses, lies in a file beside it, to which
each epoch only adds its own:

    NAME.steps = rows of float64, lowest byte first: epoch, validation loss or NaN, the loss of each player
"""

import hashlib
import math
import os
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from dgm_lite import identity as identities
from dgm_lite import outputs, weights
from dgm_lite.protocols import Step

HOW_LONG = ("epochs", "patience")  # when to stop is asked anew each time, and changes no step that was done


def identity(run) -> dict:
    """What has to be the same for a run to go on: configuration, model, data, number of processes.

    Args:
        run: The state of one ``fit``.

    Returns:
        ``settings`` and ``tensors``, as of a model: see ``dgm_lite.identity``.
    """
    config = {k: v for k, v in asdict(run.config).items() if k not in HOW_LONG}
    same = {
        **config,
        "betas": list(config["betas"]),
        "data": run.data.name,
        "processes": run.trainer.n_processes,
    }
    for split in ("train", "valid") if run.validates else ("train",):
        for name, column in zip(run.data.used, run.data.split(split), strict=True):
            same[f"{split} {name}"] = f"{len(column)} rows, {identities.checksum(column)}"
    model = identities.identity(run.model)
    same |= {f"model's {name}": value for name, value in model["settings"].items()}
    frozen = {k for k, p in run.model.named_parameters(remove_duplicate=False) if not p.requires_grad}
    tensors = {f"model's {k}": v + ", frozen" * (k in frozen) for k, v in model["tensors"].items()}
    return {"settings": same, "tensors": tensors}


class StepsFile:
    """The steps of a run, in a file that only grows: no epoch costs more than those before.

    Args:
        checkpoint: The file beside which it lies.
        players: Names of the players, in their order.
    """

    def __init__(self, checkpoint: Path, players: list[str]):
        self.file = checkpoint.with_name(f"{checkpoint.name}.steps")
        self.players, self.width = players, 8 * (2 + len(players))
        self.n, self.digest = 0, hashlib.sha256()

    def check_free(self) -> None:
        """Refuse to write over a file that no checkpoint speaks of.

        A run that is killed before its first checkpoint leaves rows of epoch 0, the last one perhaps cut
        short: these are written over.

        Raises:
            ValueError: If it holds anything else.
        """
        if not self.file.is_file():
            return
        with self.file.open("rb") as opened:
            while row := opened.read(self.width):
                if row[:8] != bytes(8)[: len(row)]:  # the number of its epoch
                    raise ValueError(
                        f"fit: expected no file {self.file} where there is no checkpoint beside it, got one "
                        "of something else. Delete or move it, or choose another name for the checkpoint."
                    )

    def add(self, steps: list[Step]) -> None:
        """Append the steps that are not in it yet.

        Raises:
            ValueError: If the name belongs to something else than a regular file.
            OSError: If it cannot be written.
        """
        new = steps[self.n :]
        rows = [[s.epoch, math.nan if s.valid is None else s.valid, *s.losses.values()] for s in new]
        raw = np.array(rows, dtype="<f8").tobytes()
        if not self.file.is_file():
            outputs.write(self.file, b"")
        with self.file.open("r+b") as opened:
            opened.truncate(self.n * self.width)  # what a run added that was killed before its checkpoint
            opened.seek(0, os.SEEK_END)
            opened.write(raw)
            opened.flush()
            os.fsync(opened.fileno())
        self.n += len(new)
        self.digest.update(raw)

    def about(self) -> dict:
        """What the checkpoint says of it."""
        return {"n": self.n, "sha256": self.digest.hexdigest()}

    def read(self, about: dict) -> list[Step]:
        """The steps that a checkpoint speaks of.

        Raises:
            ValueError: If the file is not there, shorter, or another one.
        """
        n = about["n"]
        size = self.file.stat().st_size if self.file.is_file() else 0
        raw = b""
        if 0 <= n * self.width <= size:
            with self.file.open("rb") as opened:
                raw = opened.read(n * self.width)
        digest = hashlib.sha256(raw)
        if len(raw) != n * self.width or digest.hexdigest() != about["sha256"]:
            raise ValueError(
                f"fit: {self.file} is damaged: expected the {n} steps that its checkpoint speaks of, got "
                f"{size} bytes that are not these. The two files belong together: delete or move both."
            )
        table = np.frombuffer(raw, dtype="<f8").reshape(n, 2 + len(self.players))
        epochs = table[:, 0]
        if not ((epochs >= 0) & (epochs < 2**53) & (epochs == np.floor(epochs))).all():
            raise ValueError(f"fit: {self.file} is damaged: expected whole numbers of epochs, got others.")
        self.n, self.digest = n, digest
        return [
            Step(
                int(epoch),
                index,
                dict(zip(self.players, losses, strict=True)),
                None if valid != valid else valid,
            )
            for index, (epoch, valid, *losses) in enumerate(table.tolist())
        ]


def save(run) -> None:
    """Write the run's state to its checkpoint, if it has one. The first process writes for all.

    Args:
        run: The state of one ``fit``.

    Raises:
        ValueError: If a plain attribute of the model changed in training: nothing could bring it back.
        OSError: If it cannot be written; the one of the epoch before stays.
    """
    if run.checkpoint is None:
        return
    now = {f"model's {name}": value for name, value in identities.identity(run.model)["settings"].items()}
    before = {name: value for name, value in run.identity["settings"].items() if name.startswith("model's ")}
    if changed := identities.differences({"settings": before}, {"settings": now}):
        raise ValueError(
            f"fit: expected settings that stay as they are, got {identities.listed(changed)}. What changes "
            "in training belongs in a buffer, or a checkpoint can't bring it back: "
            "self.register_buffer('step', torch.tensor(0))."
        )
    draws = torch.get_rng_state()[None]
    if run.trainer.n_processes > 1:
        draws = run.accelerator.gather(draws)  # every process has its own
        if not run.accelerator.is_main_process:
            return
    run.steps_file.add(run.steps)  # before the checkpoint, which says how many of them count
    about = {
        "identity": run.identity,
        "epoch": run.epoch,
        "index": run.trainer.index,
        "best_loss": run.best_loss,
        "best_epoch": run.best_epoch,
        "steps": run.steps_file.about(),
    }
    tensors = {**_tensors(run), "random/torch": draws, "random/batches": run.generator.get_state()}
    weights.write(run.checkpoint, tensors, kind="checkpoint", about=about)


def _tensors(run) -> dict[str, Tensor]:
    tensors = {f"model/{k}": v for k, v in run.model.state_dict().items()}
    tensors |= {f"average/{k}": v for k, v in (run.trainer.average or {}).items()}
    tensors |= {f"best/{k}": v for k, v in (run.best or {}).items()}
    for i, optimizer in enumerate(run.trainer.optimizers):
        for j, state in optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer/{i}/{j}/{k}": v for k, v in state.items()}
    return tensors


def resume(run) -> None:
    """Go on from the run's checkpoint, if there is one; a refused checkpoint changes nothing.

    Args:
        run: The state of one ``fit``, before its first step.

    Raises:
        ValueError: If the file is damaged, or belongs to another run; says in what they differ. If there is
            none, and its steps would be written over another file.
    """
    if run.checkpoint is None:
        return
    if not run.checkpoint.exists():
        run.steps_file.check_free()
        return
    tensors, about = weights.read(run.checkpoint, kind="checkpoint")
    theirs = about.get("identity")
    if not isinstance(theirs, dict) or not all(isinstance(part, dict) for part in theirs.values()):
        raise _damaged(run, "it to say of what run it is, got nothing")
    different = identities.differences(run.identity, theirs)
    if different:
        raise ValueError(
            f"fit: {run.checkpoint} belongs to another run: expected {identities.listed(different)}. "
            f"Delete it and {run.steps_file.file.name}, or pass another file name."
        )
    _check(run, tensors)
    try:
        epoch, index = int(about["epoch"]), int(about["index"])
        best_loss, best_epoch = float(about["best_loss"]), int(about["best_epoch"])
        draws = tensors["random/torch"][run.trainer.rank].clone()  # torch ignores a view's offset
        torch.Generator().set_state(draws)  # refuses what is no state of randomness
        run.generator.set_state(tensors["random/batches"])
        steps = run.steps_file.read(about["steps"])
    except (KeyError, IndexError, TypeError, RuntimeError, OverflowError) as error:
        raise _damaged(run, f"other facts, got {type(error).__name__} ({error})") from error
    torch.set_rng_state(draws)
    _restore(run, tensors)
    run.epoch, run.trainer.index, run.best_loss, run.best_epoch = epoch, index, best_loss, best_epoch
    run.steps.extend(steps)


def _damaged(run, what: str) -> ValueError:
    return ValueError(
        f"fit: {run.checkpoint} is damaged: it does not hold the state of this run: expected {what}."
    )


def _check(run, tensors: dict[str, Tensor]) -> None:
    """Refuse tensors that are not those of this run, before anything is changed."""
    own = {name: identities.described(value) for name, value in run.model.state_dict().items()}
    parts = {
        part: {f"{part}/{name}": what for name, what in own.items()} for part in ("model", "average", "best")
    }
    for i, optimizer in enumerate(run.trainer.optimizers):
        for j, weight in enumerate(w for group in optimizer.param_groups for w in group["params"]):
            memory = {
                f"optimizer/{i}/{j}/{name}": identities.described(weight)
                for name in ("exp_avg", "exp_avg_sq")
            }
            parts[f"optimizer/{i}/{j}"] = {f"optimizer/{i}/{j}/step": "float32 ()", **memory}
    found = {k: identities.described(v) for k, v in tensors.items() if not k.startswith("random/")}
    # Each part is there as a whole or not at all: there is no average in every run, no best before an epoch.
    expected = {}
    for part, whole in parts.items():
        if part == "model" or any(name in found for name in whole):
            expected |= whole
    different = identities.differences({"tensors": expected}, {"tensors": found})
    if different:
        raise _damaged(run, identities.listed(different))


def _restore(run, tensors: dict[str, Tensor]) -> None:
    device = run.trainer.device

    def part(prefix: str) -> dict[str, Tensor]:
        return {k.removeprefix(prefix): v.to(device) for k, v in tensors.items() if k.startswith(prefix)}

    run.model.load_state_dict(part("model/"))
    run.trainer.average = part("average/") or None
    run.best = part("best/") or None
    for i, optimizer in enumerate(run.trainer.optimizers):
        state: dict[int, dict[str, Tensor]] = {}
        for key, value in part(f"optimizer/{i}/").items():
            j, name = key.split("/")
            state.setdefault(int(j), {})[name] = value
        optimizer.load_state_dict({**optimizer.state_dict(), "state": state})

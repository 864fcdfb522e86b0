"""Checkpoints of ``fit``: all that a run needs to end in the same numbers after it was stopped.

Weights, their average, the best so far, the optimisers' memory, and the state of every source of randomness.
"""

import hashlib
import json
from dataclasses import asdict

import torch
from torch import Tensor

from dgm_lite import weights
from dgm_lite.protocols import Step


def identity(run) -> dict:
    """What has to be the same for a run to go on: configuration, model, data, number of processes.

    Args:
        run: The state of one ``fit``.
    """
    columns = [*run.data.split("train"), *(run.data.split("valid") if run.validates else ())]
    rows = b"".join(column.cpu().contiguous().numpy().tobytes() for column in columns)
    same = {
        **asdict(run.config),
        "model": type(run.model).__name__,
        "parameters": sum(p.numel() for p in run.model.parameters()),
        "layers": hashlib.sha256(str(run.model).encode()).hexdigest()[:12],
        "data": run.data.name,
        "examples": hashlib.sha256(rows).hexdigest()[:12],
        "processes": run.trainer.n_processes,
    }
    return json.loads(json.dumps(same))  # as it comes back from a file: a tuple is a list there


def save(run) -> None:
    """Write the run's state to its checkpoint, if it has one. The first process writes for all.

    Args:
        run: The state of one ``fit``.
    """
    if run.checkpoint is None:
        return
    draws = torch.get_rng_state()[None]
    if run.trainer.n_processes > 1:
        draws = run.accelerator.gather(draws)  # every process has its own
        if not run.accelerator.is_main_process:
            return
    tensors = {f"model/{k}": v for k, v in run.model.state_dict().items()}
    tensors |= {f"average/{k}": v for k, v in (run.trainer.average or {}).items()}
    tensors |= {f"best/{k}": v for k, v in (run.best or {}).items()}
    for i, optimizer in enumerate(run.trainer.optimizers):
        for j, state in optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer/{i}/{j}/{k}": v for k, v in state.items()}
    tensors |= {"random/torch": draws, "random/batches": run.generator.get_state()}
    about = {
        "identity": identity(run),
        "epoch": run.epoch,
        "index": run.trainer.index,
        "best_loss": run.best_loss,
        "best_epoch": run.best_epoch,
        "steps": [asdict(step) for step in run.steps],
    }
    weights.write(run.checkpoint, tensors, kind="checkpoint", about=about)


def resume(run) -> None:
    """Go on from the run's checkpoint, if there is one; a refused checkpoint changes nothing.

    Args:
        run: The state of one ``fit``, before its first step.

    Raises:
        ValueError: If the file is damaged, or belongs to another run; says in what they differ.
    """
    if run.checkpoint is None or not run.checkpoint.exists():
        return
    tensors, about = weights.read(run.checkpoint, kind="checkpoint")
    own, theirs = identity(run), about["identity"]
    other = [f"{k} {v!r}, got {theirs.get(k)!r}" for k, v in own.items() if v != theirs.get(k)]
    if other:
        raise ValueError(
            f"fit: {run.checkpoint} belongs to another run: expected {'; '.join(other)}. "
            "Delete it, or pass another file name."
        )
    device = next(run.model.parameters()).device

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
    torch.set_rng_state(tensors["random/torch"][run.trainer.rank].clone())  # torch ignores a view's offset
    run.generator.set_state(tensors["random/batches"])
    run.epoch, run.trainer.index = about["epoch"], about["index"]
    run.best_loss, run.best_epoch = about["best_loss"], about["best_epoch"]
    run.steps = [Step(**step) for step in about["steps"]]

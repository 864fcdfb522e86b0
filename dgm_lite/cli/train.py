"""``train``: fit a model of the catalog and save its weights."""

import argparse
from dataclasses import Field, fields, replace
from types import NoneType
from typing import get_args, get_origin

from dgm_lite.cli import options
from dgm_lite.training.config import TrainConfig


def add(commands: argparse._SubParsersAction) -> None:
    """The command and its options: one for each field of ``TrainConfig``."""
    command = commands.add_parser(
        "train", help="train a model and save its weights",
        description="Train a model and save its best weights. Ctrl-C ends the training early, saves the best "
        "so far, and notes in the file how many epochs were done.",
    )  # fmt: skip
    command.add_argument("model", help="a name that `list` prints")
    command.add_argument(
        "--out", type=options.path, required=True, help="weights file to write (.safetensors)"
    )
    command.add_argument("--data", help="data set; default: the one the model is meant for")
    command.add_argument(
        "--checkpoint", type=options.path, help="written after every epoch; resumes from it if there"
    )
    for field in fields(TrainConfig):
        option = f"--{field.name.replace('_', '-')}"
        command.add_argument(option, **_kind(field), default=argparse.SUPPRESS, help="default: the catalog's")
    command.set_defaults(run=run)


def _kind(field: Field) -> dict:
    """How argparse reads a field: by its type. Where that allows None, the word none says so."""
    inner = get_args(field.type)
    if get_origin(field.type) is tuple:
        return {"type": inner[0], "nargs": len(inner)}
    if NoneType not in inner:
        return {"type": field.type}

    def number(text: str) -> float | None:
        return None if text.lower() == "none" else inner[0](text)

    return {"type": number, "metavar": f"{field.name.upper()}|none"}


def run(args: argparse.Namespace) -> int:
    """Train by the catalog's defaults and the options given, and save the best weights; 130 if stopped.

    Raises:
        ValueError: On a name or a value that does not exist, or data that the model does not take.
        OSError: If the weights or the checkpoint cannot be written; says where the weights are then.
        KeyboardInterrupt: If training was stopped before its first step.
    """
    import time

    import torch

    from dgm_lite import catalog, outputs
    from dgm_lite.catalog.data import dataset
    from dgm_lite.cli import sizes
    from dgm_lite.cli.measured import measured

    if args.out.suffix != ".safetensors":
        raise ValueError(f"train: expected --out to end in .safetensors, got {args.out.name!r}.")
    entry = catalog.model(args.model)
    name = args.data or entry.data
    data, arguments, config = dataset(name), sizes.arguments(entry, name), _config(args, entry.config)
    torch.manual_seed(config.seed)
    model = entry.build(**arguments)
    _check(args, model, config)  # now, and not after an hour of training
    if entry.start:
        getattr(model, entry.start)(data.train)
    began = time.perf_counter()
    facts, failed = _fitted(model, data, config, args.checkpoint)
    facts = {"data": name, "seed": config.seed, "epochs": config.epochs, **facts}
    outputs.keep(args.out, lambda file: catalog.save(model, file, entry.name, arguments, **facts))
    if failed:
        raise OSError(f"{failed} The best weights so far are in {args.out}.") from failed
    done, seconds = facts.get("epochs_done", config.epochs), time.perf_counter() - began
    print(f"{entry.title} on {data.name}: {done} epochs in {seconds:.0f} s")
    print(f"validation: {measured(model, data, 'valid', config.seed)}")
    print(f"wrote {args.out}")
    return 130 if "stopped" in facts else 0


def _config(args: argparse.Namespace, default: TrainConfig) -> TrainConfig:
    given = {f.name: getattr(args, f.name) for f in fields(TrainConfig) if hasattr(args, f.name)}
    return replace(default, **{k: tuple(v) if isinstance(v, list) else v for k, v in given.items()})


def _check(args: argparse.Namespace, model, config: TrainConfig) -> None:
    """Refuse what could not be waited for or written in the end."""
    from dgm_lite import outputs
    from dgm_lite.protocols import Trainable

    if config.patience is not None and not isinstance(model, Trainable):
        raise ValueError(
            f"train: expected no --patience, got {config.patience}: {args.model} is a game between networks, "
            "and has no validation loss that could get better. Choose --epochs."
        )
    size = sum(value.nbytes for value in model.state_dict().values())
    outputs.place(args.out, inputs=[args.checkpoint] if args.checkpoint else [], size=size)
    if args.checkpoint:
        outputs.place(args.checkpoint, size=size)


def _fitted(model, data, config: TrainConfig, checkpoint) -> tuple[dict, OSError | None]:
    """Train; what the weights' file has to say of it, and why no checkpoint could be written any more."""
    from dgm_lite.training.fit import fit

    try:
        steps = fit(model, data, config, checkpoint=checkpoint)
    except OSError as error:  # a full disk: the weights so far are in the model, and have another file
        return {"stopped": True}, error
    if not steps:
        raise KeyboardInterrupt
    done = len(steps) // -(-len(data.train) // config.batch_size)
    facts = {"epochs_done": done} if done < config.epochs else {}
    return (facts | {"stopped": True} if steps.stopped else facts), None

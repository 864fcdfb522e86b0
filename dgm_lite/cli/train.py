"""``train``: fit a model of the catalog and save its weights."""

import argparse
import traceback
from dataclasses import Field, fields, replace
from types import NoneType
from typing import get_args, get_origin

from dgm_lite.cli import options
from dgm_lite.cli.told import kept
from dgm_lite.training.config import TrainConfig


def add(commands: argparse._SubParsersAction) -> None:
    """The command and its options: one for each field of ``TrainConfig``."""
    command = commands.add_parser(
        "train", help="train a model and save its weights",
        description="Train a model and save its best weights. Whatever ends the training early, Ctrl-C or a "
        "loss that diverges or a full disk, the best so far are saved, and the file says what it was.",
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

    Whatever ends the training early, the best weights so far are saved, and the file says what it was.

    Raises:
        ValueError: On a name or a value that does not exist, or data that the model does not take; after the
            training, if it made another model of this one: the weights are saved all the same.
        OSError: If the weights or the checkpoint cannot be written; says where the weights are then.
        DivergedError: If a loss became NaN or infinite; says where the weights from before are.
        KeyboardInterrupt: If training was stopped before its first step.
    """
    import time

    import torch

    from dgm_lite import catalog
    from dgm_lite.catalog.data import dataset
    from dgm_lite.cli import sizes
    from dgm_lite.cli.measured import measured
    from dgm_lite.training.fit import Run

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
    catalog.check(model, entry.name, arguments)  # now as well
    began = time.perf_counter()
    training = Run(model, data, config, args.checkpoint)
    ended = _trained(training)
    _save(training, ended, args.out, entry.name, arguments, data=name)
    with kept(f"The best weights so far are in {args.out}."):
        if ended and not training.steps.stopped:
            raise ended
        print(f"{entry.title} on {data.name}: {training.epoch} epochs in {time.perf_counter() - began:.0f} s")
        print(f"validation: {measured(model, data, 'valid', config.seed)}")
        print(f"wrote {args.out}")
    return 130 if ended else 0


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


def _trained(training) -> BaseException | None:
    """Train; what ended it early, if there are weights that are worth keeping all the same."""
    from dgm_lite.training.step import DivergedError

    try:
        training.to_the_end()
    except (Exception, KeyboardInterrupt) as error:
        # A run that diverges in its first epoch was not on its way to anything.
        if not (training.epoch if isinstance(error, DivergedError) else training.steps):
            raise
        traceback.clear_frames(error.__traceback__)  # their tensors: there may be no memory left to save
        return error
    return None


def _save(training, ended: BaseException | None, out, name: str, arguments: dict, **facts) -> None:
    """Write the weights, and how far the training came."""
    from dgm_lite import catalog, outputs, weights

    facts |= {"seed": training.config.seed, "epochs": training.config.epochs}
    if training.epoch != training.config.epochs:
        facts["epochs_done"] = training.epoch
    if ended:
        why = "by you" if training.steps.stopped else f"{type(ended).__name__}: {ended}"
        facts["stopped"] = f"in epoch {training.epoch}, after {len(training.steps)} steps: {why}"
    about = {"name": name, "arguments": arguments, **facts}
    try:
        try:
            outputs.keep(out, lambda file: catalog.save(training.model, file, **about))
        except ValueError as unlike:  # the training changed more than weights
            outputs.keep(out, lambda file: weights.save(training.model, file, **about))
            raise ValueError(f"{unlike} The weights are in {out} as they are.") from unlike
    except (OSError, ValueError) as failed:
        if ended is None:
            raise
        ended.add_note(str(failed))  # it says where the weights are now
        raise ended from failed

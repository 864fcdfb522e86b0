"""Command line: train a model of the book, sample from it, and measure it.

    python -m dgm_lite list
    python -m dgm_lite train causal-arm --out arm.safetensors
    python -m dgm_lite evaluate arm.safetensors
    python -m dgm_lite sample arm.safetensors --n 100 --out samples.png

`python -m dgm_lite COMMAND --help` explains the options of a command.
"""

import argparse
import sys
import time
from dataclasses import fields, replace
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import torch
from torch import nn

from dgm_lite import catalog, evaluate, plot
from dgm_lite.datasets.dataset import Dataset
from dgm_lite.protocols import Bound, Density, Sampler
from dgm_lite.train import DivergedError, TrainConfig, fit


def parser() -> argparse.ArgumentParser:
    """The commands and their options."""
    top = argparse.ArgumentParser(
        prog="python -m dgm_lite", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("list", help="models and data sets by name")

    train = commands.add_parser("train", help="train a model and save its weights")
    train.add_argument("model", help="a name that `list` prints")
    train.add_argument("--out", type=Path, required=True, help="weights file to write (.safetensors)")
    train.add_argument("--data", help="data set; default: the one the model is meant for")
    train.add_argument(
        "--checkpoint", type=Path, help="written after every epoch; resumes from it if it is there"
    )
    for f in fields(TrainConfig):
        if f.name in {"epochs", "batch_size", "patience", "seed"}:
            train.add_argument(f"--{f.name.replace('_', '-')}", type=int, help="default: the catalog's")
        elif f.name in {"lr", "weight_decay", "average"}:
            train.add_argument(f"--{f.name.replace('_', '-')}", type=float, help="default: the catalog's")

    measure = commands.add_parser("evaluate", help="log-likelihood on a split")
    measure.add_argument("weights", type=Path)
    measure.add_argument("--split", choices=("train", "valid", "test"), default="valid",
                         help="default: valid, because models must not be chosen on test")  # fmt: skip

    draw = commands.add_parser("sample", help="draw from a trained model")
    draw.add_argument("weights", type=Path)
    draw.add_argument("--n", type=int, default=100, help="how many (default 100)")
    draw.add_argument("--seed", type=int, default=0)
    draw.add_argument("--out", type=Path, required=True, help=".npy (numbers) or .png (a picture)")
    return top


def train(args: argparse.Namespace) -> None:
    """Train by the catalog's defaults and the options given, and save the best weights.

    Raises:
        ValueError: On a name or a value that does not exist.
        KeyboardInterrupt: If training was stopped before its first step.
    """
    entry = catalog.model(args.model)
    if args.out.suffix != ".safetensors":
        raise ValueError(f"train: expected --out to end in .safetensors, got {args.out.name!r}.")
    name = args.data or entry.data
    data = catalog.dataset(name)
    given = {f.name: getattr(args, f.name, None) for f in fields(TrainConfig)}
    args.out.parent.mkdir(parents=True, exist_ok=True)  # now, and not after an hour of training
    config = replace(entry.config, **{k: v for k, v in given.items() if v is not None})
    torch.manual_seed(config.seed)
    trained = entry.build()
    if entry.start:
        getattr(trained, entry.start)(data.train)
    began = time.perf_counter()
    steps = fit(trained, data, config, checkpoint=args.checkpoint)
    if not steps:
        raise KeyboardInterrupt
    facts = {"data": name, "seed": config.seed, "epochs": config.epochs}
    catalog.save(trained, args.out, entry.name, entry.arguments, **facts)
    seconds = time.perf_counter() - began
    print(f"{entry.title} on {data.name}: {steps[-1].epoch + 1} epochs in {seconds:.0f} s")
    print(f"validation: {_measured(trained, data, 'valid')}")
    print(f"wrote {args.out}")


def measure(args: argparse.Namespace) -> None:
    """Print the likelihood of a split."""
    trained, about = catalog.load(args.weights)
    data = _data_of(about, args.weights)
    print(f"{catalog.model(about['name']).title} on {data.name}, {args.split}:")
    print(_measured(trained, data, args.split))


def _data_of(about: dict, file: Path) -> Dataset:
    if "data" not in about:
        raise ValueError(f"{file.name}: expected a file that says its data set, got one that does not.")
    return catalog.dataset(about["data"])


def _measured(trained: nn.Module, data: Dataset, split: str) -> str:
    x = getattr(data, split)
    if not isinstance(trained, Density | Bound):
        samples = trained.sample(len(x), generator=torch.Generator().manual_seed(0))
        score = evaluate.two_sample(x.flatten(1), samples.flatten(1))
        return f"no likelihood; a forest tells samples from data in {score:.0%} of cases (50 %: not at all)"
    likelihood = evaluate.bits_per_dim(trained, x)
    if data.levels:
        return str(likelihood)
    # Bits per dimension mean something only for data with levels.
    return f"log p(x) = {likelihood.nats:.3f} +- {likelihood.error:.3f} nats ({likelihood.kind})"


def draw(args: argparse.Namespace) -> None:
    """Draw samples and write them as numbers or as a picture.

    Raises:
        ValueError: On another ending than .npy or .png, or a model that cannot be sampled.
    """
    if args.out.suffix not in {".npy", ".png"}:
        raise ValueError(f"sample: expected --out to end in .npy or .png, got {args.out.name!r}.")
    trained, about = catalog.load(args.weights)
    if not isinstance(trained, Sampler):
        raise ValueError(f"sample: {type(trained).__name__} cannot be sampled.")
    x = trained.sample(args.n, generator=torch.Generator().manual_seed(args.seed))
    args.out.parent.mkdir(parents=True, exist_ok=True)
    _write(x, args.out, _data_of(about, args.weights))
    print(f"wrote {args.n} samples to {args.out}")


def _write(x: torch.Tensor, out: Path, data: Dataset) -> None:
    if out.suffix == ".npy":
        np.save(out, x.numpy())
        return
    plot.use_style()
    figure, ax = plt.subplots(figsize=(7, 7))
    if data.levels:
        side = round(x.shape[1] ** 0.5)
        plot.images(x, ax, shape=(side, side), levels=data.levels)
    else:
        ax.scatter(x[:, 0], x[:, 1], s=5, c=plot.BLUE, lw=0)
        ax.set_aspect("equal")
    figure.savefig(out)


def show_list(_: argparse.Namespace) -> None:
    """Print models and data sets."""
    for entry in catalog.MODELS:
        print(f"{entry.name:20} {entry.title} (on {entry.data})")
    print("data sets:", ", ".join(catalog.DATA))


def main(arguments: list[str] | None = None) -> int:
    """Run one command; 0 if it succeeded, 2 on bad input, 1 if training diverged, 130 if stopped."""
    args = parser().parse_args(arguments)
    matplotlib.use("Agg")  # pictures go to files; no window, no display needed
    commands = {"list": show_list, "train": train, "evaluate": measure, "sample": draw}
    try:
        commands[args.command](args)
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped by you; nothing was saved.", file=sys.stderr)
        return 130
    except DivergedError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

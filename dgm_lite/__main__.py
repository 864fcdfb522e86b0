"""Command line: train a model of the book, sample from it, measure it, and compress with it.

    python -m dgm_lite list
    python -m dgm_lite train causal-arm --out arm.safetensors
    python -m dgm_lite evaluate arm.safetensors
    python -m dgm_lite sample arm.safetensors --n 100 --out samples.png
    python -m dgm_lite compress arm.safetensors digits --split test --out digits.dgm
    python -m dgm_lite decompress arm.safetensors digits.dgm --out digits.npy
    python -m dgm_lite compare

Where a weights file is wanted, the name of one that travels with the package will do, such as
causal_arm_digits; `list` has them all.

`python -m dgm_lite COMMAND --help` explains the options of a command.
"""

import argparse
import io
import sys
import time
from dataclasses import fields, replace
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import torch
from torch import nn

from dgm_lite import catalog, outputs, plot
from dgm_lite.arguments import parser
from dgm_lite.catalog.data import DATA, dataset
from dgm_lite.codecs import container
from dgm_lite.comparison import jobs, results
from dgm_lite.datasets import files
from dgm_lite.datasets.dataset import Dataset
from dgm_lite.evaluate import likelihood, samples
from dgm_lite.protocols import Bound, Density, Sampler
from dgm_lite.shapes import check_count
from dgm_lite.training.config import TrainConfig
from dgm_lite.training.fit import fit
from dgm_lite.training.step import DivergedError


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
    data = dataset(name)
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
    trained, about = catalog.load(_weights(args.weights))
    data = _data_of(about, args.weights)
    print(f"{catalog.model(about['name']).title} on {data.name}, {args.split}:")
    print(_measured(trained, data, args.split))


def _weights(name: str) -> Path:
    """The file of this name, or else the one that travels with the package."""
    if Path(name).is_file():
        return Path(name)
    shipped = {Path(file).stem: file for file in files.manifest() if file.endswith(".safetensors")}
    if name in shipped:
        return files.path(shipped[name])
    raise FileNotFoundError(
        f"no file {name}, nor is it one of those that travel along: {', '.join(shipped)}."
    )


def _data_of(about: dict, file: str | Path) -> Dataset:
    if "data" not in about:
        raise ValueError(f"{Path(file).name}: expected a file that says its data set, got one that does not.")
    return dataset(about["data"])


def _measured(trained: nn.Module, data: Dataset, split: str) -> str:
    x = getattr(data, split)
    if not isinstance(trained, Density | Bound):
        drawn = trained.sample(len(x), generator=torch.Generator().manual_seed(0))
        score = samples.two_sample(x.flatten(1), drawn.flatten(1))
        return f"no likelihood; a forest tells samples from data in {score:.0%} of cases (50 %: not at all)"
    found = likelihood.bits_per_dim(trained, x)
    if data.levels:
        return str(found)
    # Bits per dimension mean something only for data with levels.
    return f"log p(x) = {found.nats:.3f} +- {found.error:.3f} nats ({found.kind})"


def draw(args: argparse.Namespace) -> None:
    """Draw samples and write them as numbers or as a picture.

    Raises:
        ValueError: On another ending than .npy or .png, or a model that cannot be sampled.
    """
    if args.out.suffix not in {".npy", ".png"}:
        raise ValueError(f"sample: expected --out to end in .npy or .png, got {args.out.name!r}.")
    trained, about = catalog.load(_weights(args.weights))
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


def pack(args: argparse.Namespace) -> None:
    """Compress an array or a split of a data set, and say how short it became.

    Raises:
        ValueError: If the model has no codec, or the numbers are not such as it takes.
    """
    trained, _ = catalog.load(_weights(args.weights))
    array = _integers(args.input, args.split)
    data = container.compress(trained, array)
    outputs.write(args.out, data)
    header = container.read_header(data)
    rows, numbers, code = len(array), array[0].size, len(header.payload)
    print(f"{rows:,} rows of {numbers:,} numbers, by the codec {header.codec}: {len(data):,} bytes")
    print(
        f"of which {code:,} are code, {8 * code / array.size:.3f} bits a number; {header.overhead} the frame"
    )
    print(f"wrote {args.out}")


def _integers(name: str, split: str) -> np.ndarray:
    if name in DATA:
        data = dataset(name)
        if not data.levels:
            raise ValueError(f"compress: expected integers, got the real numbers of {data.name!r}.")
        return getattr(data, split).numpy().astype(np.uint8 if data.levels <= 256 else np.int64)
    if not name.endswith(".npy"):
        raise ValueError(
            f"compress: expected a .npy file or one of the data sets {', '.join(DATA)}; got {name!r}."
        )
    try:
        return np.load(name, allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise ValueError(f"compress: expected a .npy file of integers, got {name!r}: {error}") from error


def unpack(args: argparse.Namespace) -> None:
    """Write what a compressed file holds, whole or not at all.

    Raises:
        ValueError: On another ending than .npy or .png, or a file that is damaged or another model's.
    """
    if args.out.suffix not in {".npy", ".png"}:
        raise ValueError(f"decompress: expected --out to end in .npy or .png, got {args.out.name!r}.")
    trained, about = catalog.load(_weights(args.weights))
    array = container.decompress(trained, args.input.read_bytes())
    if args.out.suffix == ".png":
        rows = torch.from_numpy(array.reshape(len(array), -1).astype(np.int64))
        args.out.parent.mkdir(parents=True, exist_ok=True)
        _write(rows, args.out, _data_of(about, args.weights))
    else:
        written = io.BytesIO()
        np.save(written, array)
        outputs.write(args.out, written.getvalue())
    print(f"wrote {array.shape[0]:,} rows of {array[0].size:,} numbers to {args.out}")


def compare(args: argparse.Namespace) -> None:
    """Measure what is not in the result file yet, and print a short table of all that is.

    Raises:
        ValueError: If there is no such part, or the file was made with other settings.
    """
    for name in ("seeds", "epochs"):
        if getattr(args, name) is not None:
            check_count(getattr(args, name), "compare", f"--{name}")
    parts = [part for part in args.only.split(",") if part]
    given = [f"--seeds {args.seeds}"] + [f"--only {args.only}"] * bool(parts)
    command = " ".join(["python -m dgm_lite compare", *given])
    todo = jobs.jobs(args.seeds, parts, args.epochs)
    rows = results.run(args.out, todo, command=command, epochs=args.epochs)
    print(results.printed(rows))
    print(f"wrote {args.out}: {len(rows)} rows")


def show_list(_: argparse.Namespace) -> None:
    """Print models and data sets."""
    for entry in catalog.MODELS:
        print(f"{entry.name:20} {entry.title} (on {entry.data})")
    print("data sets:", ", ".join(DATA))
    shipped = [Path(file).stem for file in files.manifest() if file.endswith(".safetensors")]
    print("weights that travel along:", ", ".join(shipped))


def main(arguments: list[str] | None = None) -> int:
    """Run one command; 0 if it succeeded, 2 on bad input, 1 if training diverged, 130 if stopped."""
    args = parser(__doc__).parse_args(arguments)
    matplotlib.use("Agg")  # pictures go to files; no window, no display needed
    commands = {"list": show_list, "train": train, "evaluate": measure, "sample": draw,
                "compress": pack, "decompress": unpack, "compare": compare}  # fmt: skip
    try:
        commands[args.command](args)
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        kept = {"compare": "what was measured is in the file, and the same command goes on from there"}
        print(f"stopped by you; {kept.get(args.command, 'nothing was saved')}.", file=sys.stderr)
        return 130
    except DivergedError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

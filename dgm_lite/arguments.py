"""The commands of `python -m dgm_lite` and their options."""

import argparse
from dataclasses import fields
from pathlib import Path

from dgm_lite.comparison.jobs import PARTS
from dgm_lite.training.config import TrainConfig

WEIGHTS = "a .safetensors file, or the name of one that `list` prints"
SPLITS = ("train", "valid", "test")


def parser(description: str) -> argparse.ArgumentParser:
    """All commands.

    Args:
        description: What stands above them in the help.
    """
    top = argparse.ArgumentParser(
        prog="python -m dgm_lite", description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("list", help="models, data sets and weights by name")
    for add in (_train, _evaluate, _sample, _compress, _decompress, _compare):
        add(commands)
    return top


def _train(commands: argparse._SubParsersAction) -> None:
    command = commands.add_parser("train", help="train a model and save its weights")
    command.add_argument("model", help="a name that `list` prints")
    command.add_argument("--out", type=Path, required=True, help="weights file to write (.safetensors)")
    command.add_argument("--data", help="data set; default: the one the model is meant for")
    command.add_argument(
        "--checkpoint", type=Path, help="written after every epoch; resumes from it if there"
    )
    for field in fields(TrainConfig):
        option = f"--{field.name.replace('_', '-')}"
        if field.name in {"epochs", "batch_size", "patience", "seed"}:
            command.add_argument(option, type=int, help="default: the catalog's")
        elif field.name in {"lr", "weight_decay", "average"}:
            command.add_argument(option, type=float, help="default: the catalog's")


def _evaluate(commands: argparse._SubParsersAction) -> None:
    command = commands.add_parser("evaluate", help="log-likelihood on a split")
    command.add_argument("weights", help=WEIGHTS)
    why = "default: valid, because models must not be chosen on test"
    command.add_argument("--split", choices=SPLITS, default="valid", help=why)


def _sample(commands: argparse._SubParsersAction) -> None:
    command = commands.add_parser("sample", help="draw from a trained model")
    command.add_argument("weights", help=WEIGHTS)
    command.add_argument("--n", type=int, default=100, help="how many (default 100)")
    command.add_argument("--seed", type=int, default=0)
    command.add_argument("--out", type=Path, required=True, help=".npy (numbers) or .png (a picture)")


def _compress(commands: argparse._SubParsersAction) -> None:
    command = commands.add_parser(
        "compress", help="write integers as a short file, with a model's probabilities",
        description="Write integers as a short file. With an autoregressive model, a flow on integers or a "
        "VAE every number comes back; with a transform coder they come back nearly.",
    )  # fmt: skip
    command.add_argument("weights", help=WEIGHTS)
    command.add_argument("input", help="a .npy file of integers, (N, *event), or the name of a data set")
    command.add_argument("--split", choices=SPLITS, default="test", help="of a data set (default test)")
    command.add_argument("--out", type=Path, required=True, help="file to write; by custom it ends in .dgm")


def _decompress(commands: argparse._SubParsersAction) -> None:
    command = commands.add_parser("decompress", help="read a file that compress wrote")
    command.add_argument("weights", help=f"the ones that compress had: {WEIGHTS}")
    command.add_argument("input", type=Path, help="a .dgm file")
    command.add_argument("--out", type=Path, required=True, help=".npy (numbers) or .png (a picture)")


def _compare(commands: argparse._SubParsersAction) -> None:
    command = commands.add_parser(
        "compare", help="measure every family in the same way: the numbers behind the book's table",
        description="Train every family on the same digits, several times, and write what was measured to "
        "one file, a row a number. It takes about twenty minutes on one core; stopped, it goes on "
        "where it was.",
    )  # fmt: skip
    command.add_argument("--out", type=Path, default=Path("comparison.json"), help="default: %(default)s")
    command.add_argument("--seeds", type=int, default=3, help="trainings of each model (default 3)")
    command.add_argument("--only", default="", help=f"some parts, by comma: {','.join(PARTS)}")
    command.add_argument("--epochs", type=int, help="instead of each model's own, to try it out")

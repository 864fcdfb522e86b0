"""What several commands ask for."""

import argparse
import os
from pathlib import Path

WEIGHTS = "weights that `list` prints by name, or else a .safetensors file; ./NAME is always a file"
SPLITS = ("train", "valid", "test")


def path(text: str) -> Path:
    """A file name; ``~`` is the home folder also where no shell has replaced it, as in ``--out=~/x``."""
    return Path(os.path.expanduser(text))


def seed(command: argparse.ArgumentParser) -> None:
    """The option ``--seed`` of a command that draws."""
    command.add_argument("--seed", type=int, default=0, help="of everything that is drawn (default 0)")


def check_seed(value: int, command: str) -> None:
    """Refuse a seed that torch does not take.

    Raises:
        ValueError: If it is negative, or has more than 63 bits.
    """
    check_whole(value, 0, 2**63 - 1, command, "--seed")


def check_whole(value: int, low: int, high: int, command: str, option: str) -> None:
    """Refuse a number that is out of range.

    Raises:
        ValueError: If it is.
    """
    if not low <= value <= high:
        raise ValueError(f"{command}: expected {option} from {low} to {high:,}, got {value:,}.")

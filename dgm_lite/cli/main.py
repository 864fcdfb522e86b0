"""Command line: train a model of the book, sample from it, measure it, and compress with it.

    python -m dgm_lite list
    python -m dgm_lite train causal-arm --out arm.safetensors
    python -m dgm_lite evaluate arm.safetensors
    python -m dgm_lite sample arm.safetensors --n 100 --out samples.png
    python -m dgm_lite compress arm.safetensors digits --split test --out digits.dgm
    python -m dgm_lite decompress arm.safetensors digits.dgm --out digits.npy
    python -m dgm_lite compare

Where a weights file is wanted, the name of one that travels with the package will do, such as
causal_arm_digits; `list` has them all, and the data sets. Such a name is never a file of the folder: write
./causal_arm_digits for that.

`python -m dgm_lite COMMAND --help` explains the options of a command.
"""

import argparse
import os
import sys

from dgm_lite.cli import compare, compress, decompress, evaluate, names, sample, train
from dgm_lite.cli.told import told

COMMANDS = (names, train, evaluate, sample, compress, decompress, compare)


def parser() -> argparse.ArgumentParser:
    """All commands. Each sets ``run``, which does the work, and what is left if it is stopped."""
    top = argparse.ArgumentParser(
        prog="python -m dgm_lite", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    top.set_defaults(stopped="Nothing was saved.")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for command in COMMANDS:
        command.add(commands)
    return top


def main(arguments: list[str] | None = None) -> int:
    """Run one command; 0 if it succeeded, 2 on bad input, 1 if training diverged, 130 if stopped."""
    stopped = "Nothing was saved."
    try:
        try:
            args = parser().parse_args(arguments)
            stopped = args.stopped
            return args.run(args) or 0
        finally:
            print(end="", flush=True)  # here, where somebody is left to hear that nobody listens
    except BrokenPipeError:  # as in `list | head -1`: whoever read has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt as error:
        return _failed(f"stopped by you. {told(error) or stopped}", 130)
    except (ValueError, OSError, ModuleNotFoundError) as error:
        return _failed(f"error: {told(error)}", 2)
    except MemoryError as error:
        return _failed(f"error: {_too_much(error)}", 2)
    except RuntimeError as error:
        return _failed(*_known(error))


def _failed(message: str, code: int) -> int:
    print(message, file=sys.stderr)
    return code


def _known(error: RuntimeError) -> tuple[str, int]:
    """Message and exit code of the two that a user can do something about; another one is our fault."""
    from dgm_lite.training.step import DivergedError

    if isinstance(error, DivergedError):
        return f"error: {told(error)}", 1
    if "allocate memory" in str(error) or "out of memory" in str(error):  # torch has no MemoryError
        return f"error: {_too_much(error)}", 2
    raise error


def _too_much(error: Exception) -> str:
    first = str(error).partition("\n")[0]
    return told(error, f"not enough memory ({first}). Ask for less at a time.")

"""The result file of `python -m dgm_lite compare`: jobs, and one row for each number that they give.

A row says which part it belongs to, model, seed, quantity, value and unit. The file is written after every
job, whole or not at all, so a run that was stopped goes on where it was.
"""

import json
import platform
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from dgm_lite import __version__
from dgm_lite.codecs import container

Row = dict[str, object]


@dataclass(frozen=True)
class Job:
    """One piece of work that gives some rows.

    Args:
        part: "digits", "stability", "sampling" or "formats".
        model: What is measured.
        seed: Of the weights, the batches and the draws.
        work: ``work(seed)`` yields (quantity, value, unit).
    """

    part: str
    model: str
    seed: int
    work: Callable[[int], Iterator[tuple[str, float, str]]]

    def rows(self) -> list[Row]:
        """Do it."""
        job = {"part": self.part, "model": self.model, "seed": self.seed}
        return [{**job, "quantity": q, "value": round(v, 6), "unit": u} for q, v, u in self.work(self.seed)]


def run(file: str | Path, todo: Sequence[Job], *, command: str, epochs: int | None = None,
        bar: bool | None = None) -> list[Row]:  # fmt: skip
    """Do the jobs that are not in the file yet, and write the file after each of them.

    Args:
        file: Result file, .json; made if it is not there.
        todo: What to do.
        command: How the run was started: kept in the file.
        epochs: What was asked for instead of each model's own: kept in the file.
        bar: Show a progress bar with the time left; by default where a person is looking.

    Returns:
        All rows of the file.

    Raises:
        ValueError: If the file is none of ours, or was made with other versions or epochs.
    """
    file, about = Path(file), facts(command, epochs)
    rows: list[Row] = []
    if file.exists():
        before, rows = read(file)
        theirs = before["versions"]
        other = [f"{k} {v}, got {theirs.get(k)}" for k, v in about["versions"].items() if theirs.get(k) != v]
        if other:
            raise ValueError(
                f"compare: {file} was made with other settings: expected {'; '.join(other)}. "
                "Numbers of two kinds don't belong in one file: choose another --out."
            )
        about = {**before, "command": command}
    done = {(row["part"], row["model"], row["seed"]) for row in rows}
    left = [job for job in todo if (job.part, job.model, job.seed) not in done]
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with tqdm(left, unit="job", leave=False, disable=None if bar is None else not bar) as shown:
            for job in shown:
                shown.set_postfix_str(f"{job.part}: {job.model}, seed {job.seed}")
                rows += job.rows()
                write(file, about, rows)
    finally:
        torch.set_num_threads(threads)
    return rows


def facts(command: str, epochs: int | None = None) -> dict:
    """When, where and with what: the head of a result file."""
    names = ("torch", "numpy", "scikit-learn", "constriction", "pillow")
    versions = {"dgm-lite": __version__, "python": platform.python_version()}
    versions |= {name: version(name).split("+")[0] for name in names}
    versions["epochs"] = epochs or "each model's own"
    return {
        "command": command,
        "date": date.today().isoformat(),
        "versions": versions,
        "machine": f"{platform.system()} {platform.machine()}, one thread",
    }


def write(file: Path, about: dict, rows: Sequence[Row]) -> None:
    """Write a result file, a row a line, whole or not at all."""
    lines = ",\n".join(json.dumps(row) for row in rows)
    container.write(file, f'{{"about": {json.dumps(about, indent=1)},\n"rows": [\n{lines}\n]}}\n'.encode())


def read(file: str | Path) -> tuple[dict, list[Row]]:
    """The head and the rows of a result file.

    Raises:
        FileNotFoundError: If there is none.
        ValueError: If it is none of ours.
    """
    try:
        found = json.loads(Path(file).read_text(encoding="utf-8"))
        return found["about"], found["rows"]
    except (json.JSONDecodeError, KeyError, TypeError, UnicodeDecodeError) as error:
        raise ValueError(f"compare: expected a result file of compare, got {file}: {error!r}.") from error


def summary(rows: Sequence[Row], part: str, model: str, quantity: str) -> tuple[float, float, int]:
    """Mean over seeds, its standard error (NaN for one seed), and the number of seeds.

    Raises:
        ValueError: If the file has no such rows.
    """
    values = values_of(rows, part, model, quantity)
    error = np.std(values, ddof=1) / len(values) ** 0.5 if len(values) > 1 else float("nan")
    return float(np.mean(values)), float(error), len(values)


def values_of(rows: Sequence[Row], part: str, model: str, quantity: str) -> list[float]:
    """The numbers of all seeds.

    Raises:
        ValueError: If the file has no such rows.
    """
    wanted = (part, model, quantity)
    values = [row["value"] for row in rows if (row["part"], row["model"], row["quantity"]) == wanted]
    if not values:
        raise ValueError(f"compare: expected rows of {wanted} in the results, got none.")
    return values


def printed(rows: Sequence[Row]) -> str:
    """All quantities as lines: mean over seeds, and its standard error where there is more than one."""
    lines, keys = [], dict.fromkeys((r["part"], r["model"], r["quantity"], r["unit"]) for r in rows)
    for part, model, quantity, unit in keys:
        mean, error, n = summary(rows, part, model, quantity)
        spread = f" +- {error:.2g} ({n} seeds)" if n > 1 else ""
        lines.append(f"{part:10} {model:22} {quantity:34} {mean:10.4g}{spread} {unit}")
    return "\n".join(lines)

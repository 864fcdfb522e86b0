"""The result file of `python -m dgm_lite compare`: jobs, and one row for each number that they give.

A row says which part it belongs to, model, seed, quantity, value and unit, and in which run it was measured;
a run says when, where and with which versions. The file is written after every job, whole or not at all, so a
run that was stopped goes on where it was, and a model that is new is added to what is there.
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

from dgm_lite import __version__, outputs

Row = dict[str, object]
KEYS = {"part", "model", "seed", "quantity", "value", "unit", "run"}


@dataclass(frozen=True)
class Job:
    """One piece of work that gives some rows.

    Args:
        part: "digits", "stability", "sampling", "lossy", "lossless" or "formats".
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

    A new model is added to old results without measuring these again, whatever the libraries' versions:
    each row says in which run it was measured, and each run with which versions.

    Args:
        file: Result file, .json; made if it is not there.
        todo: What to do.
        command: How the run was started: kept in the file.
        epochs: What was asked for instead of each model's own: kept in the file.
        bar: Show a progress bar with the time left; by default where a person is looking.

    Returns:
        All rows of the file.

    Raises:
        ValueError: If the file is none of ours, or its models were trained for other epochs.
        OSError: If it cannot be written. Nothing is measured then.
    """
    file, own = outputs.place(file), facts(command, epochs)
    rows = _continued(file, own)[1]
    done = {_job_of(row) for row in rows}
    left = [job for job in todo if (job.part, job.model, job.seed) not in done]
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with tqdm(left, unit="job", leave=False, disable=None if bar is None else not bar) as shown:
            for job in shown:
                shown.set_postfix_str(f"{job.part}: {job.model}, seed {job.seed}")
                rows = add(file, own, job.rows())
    finally:
        torch.set_num_threads(threads)
    return rows


def facts(command: str, epochs: int | None = None) -> dict:
    """A run: how it was started, when, where and with what."""
    names = ("torch", "numpy", "scikit-learn", "constriction", "pillow")
    versions = {"dgm-lite": __version__, "python": platform.python_version()}
    return {
        "command": command,
        "date": date.today().isoformat(),
        "epochs": epochs or "each model's own",
        "machine": f"{platform.system()} {platform.machine()}, one thread",
        "versions": versions | {name: version(name).split("+")[0] for name in names},
    }


def add(file: Path, own: dict, new: Sequence[Row]) -> list[Row]:
    """Add the rows of a run to the file, and give back all that it holds now.

    Args:
        file: Result file; made if it is not there.
        own: The run's ``facts``. One that differs in nothing but the date is continued.
        new: Its rows.

    Raises:
        ValueError: If the file is none of ours, or its models were trained for other epochs.
        OSError: If it cannot be written.
    """
    with outputs.alone(file):  # another process may have added to it since it was read
        runs, rows = _continued(file, own)
        number = next((k for k, r in enumerate(runs) if {**r, "date": own["date"]} == own), len(runs))
        if number == len(runs):
            runs = [*runs, own]
        there = {_job_of(row) for row in rows}
        rows = [*rows, *({**row, "run": number} for row in new if _job_of(row) not in there)]
        write(file, runs, rows)
    return rows


def _job_of(row: Row) -> tuple:
    return row["part"], row["model"], row["seed"]


def _continued(file: Path, own: dict) -> tuple[list[dict], list[Row]]:
    """What is in the file, if a run with these facts may be added to it."""
    runs, rows = read(file) if file.exists() else ([], [])
    if other := sorted({str(r["epochs"]) for r in runs if r["epochs"] != own["epochs"]}):
        raise ValueError(
            f"compare: {file} was made with other settings: expected epochs {', '.join(other)}, got "
            f"{own['epochs']}. Numbers of two kinds don't belong in one file: choose another --out."
        )
    return runs, rows


def write(file: Path, runs: Sequence[dict], rows: Sequence[Row]) -> None:
    """Write a result file, a run or a row a line, whole or not at all."""
    first, second = (",\n".join(json.dumps(line) for line in lines) for lines in (runs, rows))
    outputs.write(file, f'{{"runs": [\n{first}\n],\n"rows": [\n{second}\n]}}\n'.encode())


def read(file: str | Path) -> tuple[list[dict], list[Row]]:
    """The runs and the rows of a result file: ``runs[row["run"]]`` says how a row was measured.

    Raises:
        FileNotFoundError: If there is none.
        ValueError: If it is none of ours.
    """
    try:
        found = json.loads(Path(file).read_text(encoding="utf-8"))
        runs, rows = found["runs"], found["rows"]
        whole = all("epochs" in run.keys() for run in runs) and all(_whole(row, len(runs)) for row in rows)  # noqa: SIM118
    except (ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise ValueError(f"compare: expected a result file of compare, got {file}: {error!r}.") from error
    if not whole:
        raise ValueError(f"compare: expected a result file of compare, got {file} without all columns.")
    return runs, rows


def _whole(row: Row, n_runs: int) -> bool:
    """Whether a row has every column, of its kind."""
    words = all(isinstance(row[name], str) for name in ("part", "model", "quantity", "unit"))
    numbers = isinstance(row["seed"], int) and isinstance(row["value"], int | float)
    float(row["value"])  # there are whole numbers that no float holds
    return set(row) >= KEYS and words and numbers and type(row["run"]) is int and 0 <= row["run"] < n_runs


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
    lines, kinds = [], {}
    for row in rows:
        kinds.setdefault((row["part"], row["model"], row["quantity"], row["unit"]), []).append(row)
    for (part, model, quantity, unit), same in kinds.items():
        mean, error, n = summary(same, part, model, quantity)
        spread = f" +- {error:.2g} ({n} seeds)" if n > 1 else ""
        lines.append(f"{part:10} {model:22} {quantity:34} {mean:10.4g}{spread} {unit}")
    return "\n".join(lines)

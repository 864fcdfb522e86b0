"""Rivals at equal budgets: the same updates, the same number of settings tried on validation data.

    python -m dgm_lite.why.budgets --out data/budgets.json

A comparison changes one thing. So each rival is trained with every setting once, the setting with the lowest
validation loss is chosen, and only that one is measured on the test split, with three seeds. It takes about
five minutes on one core; the chapters read what came out.
"""

import argparse
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from dgm_lite import catalog, outputs
from dgm_lite.datasets import files
from dgm_lite.datasets.dataset import Dataset
from dgm_lite.datasets.images import digits
from dgm_lite.evaluate.likelihood import log_prob
from dgm_lite.nets import eval_mode
from dgm_lite.protocols import Step
from dgm_lite.training.config import TrainConfig
from dgm_lite.training.fit import Run, fit
from dgm_lite.training.step import DivergedError

SEEDS = (0, 1, 2)


@dataclass(frozen=True)
class Rival:
    """A model that takes part.

    Args:
        name: In the results.
        entry: Name in the catalog.
        arguments: Constructor arguments beside the entry's.
    """

    name: str
    entry: str
    arguments: dict = field(default_factory=dict)


@dataclass(frozen=True)
class Race:
    """Rivals with one budget.

    Args:
        rivals: Who takes part.
        config: The updates that each of them gets.
        rates: Learning rates to try.
        dropouts: Shares of dropout to try.
    """

    rivals: tuple[Rival, ...]
    config: TrainConfig
    rates: tuple[float, ...]
    dropouts: tuple[float, ...]


RACES = {
    "sharing": Race(
        (Rival("separate", "separate-arm"), Rival("shared", "causal-arm")),
        TrainConfig(epochs=20, batch_size=64, weight_decay=0.05, average=0.995),
        rates=(4e-3, 8e-3),
        dropouts=(0.3, 0.5),
    ),
}


def build(rival: Rival, data: Dataset, seed: int, **arguments) -> nn.Module:
    """The untrained model at its start."""
    torch.manual_seed(seed)
    entry = catalog.model(rival.entry)
    return getattr(entry.build(**rival.arguments, **arguments), entry.start)(data.train)


def train(config: TrainConfig, rival: Rival, data: Dataset, dropout: float) -> tuple[nn.Module, list[Step]]:
    """The trained model, and its steps."""
    model = build(rival, data, config.seed, dropout=dropout)
    return model, fit(model, data, config, bar=False, whole=True)


def trials(race: Race, rival: Rival, data: Dataset) -> Iterator[dict]:
    """One training for each setting: the validation loss of its best epoch, infinite where it diverged."""
    for lr, dropout in product(race.rates, race.dropouts):
        try:
            _, steps = train(replace(race.config, lr=lr), rival, data, dropout)
            valid = min(step.valid for step in steps if step.valid is not None)
        except DivergedError:
            valid = math.inf
        yield {"lr": lr, "dropout": dropout, "valid": valid}


def measured(config: TrainConfig, rival: Rival, data: Dataset, dropout: float) -> Iterator[dict]:
    """Test nats with each seed."""
    for seed in SEEDS:
        model, steps = train(replace(config, seed=seed), rival, data, dropout)
        test = -log_prob(model, data.test).mean().item()
        size = sum(p.numel() for p in model.parameters())
        yield {"seed": seed, "updates": len(steps), "size": size, "test": test}


def measured_apart(config: TrainConfig, rival: Rival, data: Dataset, dropout: float) -> Iterator[dict]:
    """The same where each conditional keeps its own best epoch; ``fit`` stops all of them together.

    Only models whose conditionals share nothing can do that: it is their good right.
    """
    for seed in SEEDS:
        run = Run(build(rival, data, seed, dropout=dropout), data, replace(config, seed=seed))
        lowest, test = torch.full((2, data.train.shape[1]), torch.inf)
        for run.epoch in range(config.epochs):
            run.train(data.batches(config.batch_size, run.generator))
            with run.candidate(), torch.no_grad(), eval_mode(run.model):
                valid, now = (-run.model.log_prob_terms(x).mean(0) for x in (data.valid, data.test))
            test, lowest = torch.where(valid < lowest, now, test), torch.minimum(valid, lowest)
        yield {"seed": seed, "test": test.sum().item()}


def rows(name: str, data: Dataset) -> Iterator[dict]:
    """All that one race gives, row by row."""
    race = RACES[name]
    half = replace(data, train=data.train[::2], train_labels=None)
    longer = replace(race.config, epochs=2 * race.config.epochs)  # half the examples, as many updates
    for rival in race.rivals:
        tried = list(trials(race, rival, data))
        best = min(tried, key=lambda row: row["valid"])
        rest = {"rival": rival, "dropout": best["dropout"]}
        kinds = {"trial": tried, "test": measured(replace(race.config, lr=best["lr"]), data=data, **rest)}
        if rival.name == "shared":
            kinds["half the data"] = measured(replace(longer, lr=best["lr"]), data=half, **rest)
        if rival.name == "separate":
            kinds["stopped apart"] = measured_apart(replace(race.config, lr=best["lr"]), data=data, **rest)
        for kind, found in kinds.items():
            yield from ({"race": name, "rival": rival.name, "kind": kind, **row} for row in found)


@dataclass(frozen=True)
class Result:
    """What came out for one rival.

    Args:
        tried: Its settings: lr, dropout, and the best validation loss, nats.
        best: The one that was chosen.
        test: Test nats of each seed.
        size: Number of parameters, or 0 where that was not noted.
    """

    tried: tuple[dict, ...]
    best: dict
    test: np.ndarray
    size: int

    @property
    def nats(self) -> float:
        """Mean over the seeds."""
        return float(self.test.mean())

    @property
    def error(self) -> float:
        """Standard error of that mean, from the spread of the seeds."""
        return float(self.test.std(ddof=1) / len(self.test) ** 0.5)


def results(race: str, kind: str = "test") -> dict[str, Result]:
    """What the file of the book says of each rival of a race.

    Args:
        race: A key of ``RACES``.
        kind: "test", "half the data" or "stopped apart".

    Raises:
        ValueError: If there are no such rows.
    """
    found = [row for row in json.loads(files.path("budgets.json").read_text()) if row["race"] == race]
    made = {}
    for name in dict.fromkeys(row["rival"] for row in found if row["kind"] == kind):
        own = [row for row in found if row["rival"] == name]
        tried, test = ([row for row in own if row["kind"] == k] for k in ("trial", kind))
        best, size = min(tried, key=lambda row: row["valid"]), test[0].get("size", 0)
        made[name] = Result(tuple(tried), best, np.array([row["test"] for row in test]), size)
    if not made:
        raise ValueError(f"budgets: expected rows of {race!r}, {kind!r} in the results, got none.")
    return made


def main(arguments: Sequence[str] | None = None) -> None:
    """Run races and write one row a line; the rows of others stay."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("races", nargs="*", default=list(RACES), help=f"by default {' and '.join(RACES)}")
    parser.add_argument("--out", type=Path, required=True, help="result file, .json")
    chosen = parser.parse_args(arguments)
    file = outputs.place(chosen.out)
    torch.set_num_threads(1)
    data, there = digits(), json.loads(file.read_text()) if file.exists() else []
    for name in chosen.races:
        there = [row for row in there if row["race"] != name]
        there += tqdm(rows(name, data), desc=name, unit="row")
        outputs.write(file, ("[\n" + ",\n".join(map(json.dumps, there)) + "\n]\n").encode())


if __name__ == "__main__":
    main()

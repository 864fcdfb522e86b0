"""Rivals at equal budgets: as many updates and settings for each, chosen on validation data alone."""

import json
import math
from dataclasses import replace

import pytest
import torch

from dgm_lite.datasets.dataset import Dataset
from dgm_lite.evaluate.likelihood import log_prob
from dgm_lite.training.config import TrainConfig
from dgm_lite.why import budgets
from dgm_lite.why.budgets import RACES, SEEDS, Race, Rival
from tests.datasets.sealed import sealed

SMALL = {"dim": 4, "levels": 3}
SEPARATE = Rival("separate", "separate-arm", {**SMALL, "hidden": 4})
RACE = Race(
    (SEPARATE, Rival("shared", "causal-arm", {**SMALL, "channels": 4, "dilations": (1,)})),
    TrainConfig(epochs=2, batch_size=8, average=0.9),
    rates=(1e-3, 0.1),
    dropouts=(0.0, 0.5),
)


@pytest.fixture
def data() -> Dataset:
    torch.manual_seed(0)
    x = torch.randint(3, (60, 1)).expand(-1, 4).clone()  # four equal numbers: there is much to learn
    return Dataset("small", x[:32], x[32:46], x[46:], levels=3)


@pytest.fixture
def found(data, monkeypatch) -> list[dict]:
    monkeypatch.setitem(RACES, "small", RACE)
    return list(budgets.rows("small", data))


def test_every_rival_has_the_same_budget(found):
    for rival in RACE.rivals:
        own = [row for row in found if row["rival"] == rival.name]
        tried = [(row["lr"], row["dropout"]) for row in own if row["kind"] == "trial"]
        assert tried == [(lr, dropout) for lr in RACE.rates for dropout in RACE.dropouts]
        tests = [row for row in own if row["kind"] == "test"]
        assert [row["seed"] for row in tests] == list(SEEDS)
        assert {row["updates"] for row in own if "updates" in row} == {8}  # also with half of the data


def test_the_best_on_validation_data_is_measured(found, data):
    for rival in RACE.rivals:
        own = [row for row in found if row["rival"] == rival.name]
        best = min((row for row in own if row["kind"] == "trial"), key=lambda row: row["valid"])
        model, steps = budgets.train(replace(RACE.config, lr=best["lr"]), rival, data, best["dropout"])
        assert min(step.valid for step in steps if step.valid is not None) == best["valid"]
        test = next(row["test"] for row in own if row["kind"] == "test" and row["seed"] == 0)
        assert test == pytest.approx(-log_prob(model, data.test).mean().item(), abs=1e-6)


def test_nobody_looks_at_the_test_split_before(data):
    assert len(list(budgets.trials(RACE, SEPARATE, sealed(data)))) == 4


def test_a_setting_that_diverges_counts_as_tried(data):
    wild = replace(RACE, rates=(1e30, 1e-3), config=replace(RACE.config, clip_norm=None))
    tried = list(budgets.trials(wild, SEPARATE, data))
    assert len(tried) == 4 and tried[0]["valid"] == math.inf and tried[-1]["valid"] < math.inf


def test_half_of_the_data_is_half(found, monkeypatch, data):
    sizes = []
    monkeypatch.setitem(RACES, "small", RACE)
    monkeypatch.setattr(budgets, "fit", lambda model, data, config, **_: sizes.append(len(data.train)) or [])
    monkeypatch.setattr(budgets, "trials", lambda *_: [{"lr": 0.1, "dropout": 0.0, "valid": 1.0}])
    monkeypatch.setattr(budgets, "measured_apart", lambda *_, **__: [])
    list(budgets.rows("small", data))
    assert sizes == [32] * 6 + [16] * 3


def test_networks_stopped_apart_keep_their_own_best_epochs(data):
    """After one epoch there is nothing to choose; after more each conditional is at its own lowest."""
    once = replace(RACE.config, epochs=1)
    apart, together = (list(f(once, SEPARATE, data, 0.0)) for f in (budgets.measured_apart, budgets.measured))
    assert [r["test"] for r in apart] == pytest.approx([r["test"] for r in together], abs=1e-4)

    # Valid and test alike: the sum of the lowest can't lie above the lowest of the sums.
    same, long = replace(data, test=data.valid), replace(RACE.config, epochs=6, lr=0.3)
    apart, together = (list(f(long, SEPARATE, same, 0.0)) for f in (budgets.measured_apart, budgets.measured))
    differ = [b["test"] - a["test"] for a, b in zip(apart, together, strict=True)]
    assert min(differ) > -1e-4 and max(differ) > 1e-4


def test_a_race_leaves_the_rows_of_others(tmp_path, monkeypatch):
    file = tmp_path / "out.json"
    monkeypatch.setitem(RACES, "small", RACE)
    monkeypatch.setattr(budgets, "rows", lambda name, data: iter([{"race": name, "valid": math.inf}]))
    budgets.main(["--out", str(file)])
    budgets.main(["sharing", "--out", str(file)])
    assert [row["race"] for row in json.loads(file.read_text())] == ["small", "sharing"]


# ---- what the book reads


@pytest.mark.parametrize("race", RACES)
def test_the_file_of_the_book_has_every_rival_at_the_budget_that_it_names(race):
    made, meant = budgets.results(race), RACES[race]
    assert list(made) == [rival.name for rival in meant.rivals]
    for result in made.values():
        assert [(r["lr"], r["dropout"]) for r in result.tried] == [
            (lr, dropout) for lr in meant.rates for dropout in meant.dropouts
        ]
        assert result.best["valid"] == min(r["valid"] for r in result.tried)
        assert len(result.test) == len(SEEDS) and result.error > 0 and result.size > 0


def test_results_that_are_not_there_are_refused():
    with pytest.raises(ValueError, match="expected rows of 'sharing', 'by lot'"):
        budgets.results("sharing", "by lot")

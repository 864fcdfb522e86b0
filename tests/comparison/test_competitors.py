"""Who takes part in the comparison: one entry in the catalog is enough, and the table has one to quote."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from dgm_lite import catalog, laws
from dgm_lite.catalog.entry import Trial
from dgm_lite.cli.main import main
from dgm_lite.codecs import container
from dgm_lite.comparison import competitors, jobs, plane, results, table
from dgm_lite.comparison.competitors import ROWS, beside, counted, quoted
from dgm_lite.datasets import files
from dgm_lite.datasets.toys import two_moons

TRIALS = tuple(Trial(part=part) for part in ("digits", "stability", "sampling", "lossy"))


@pytest.fixture
def toy(monkeypatch):
    """One more entry, which takes part in everything."""
    like = quoted("digits", "autoregressive").entry
    entry = replace(like, name="toy", trials=TRIALS, weights="")
    monkeypatch.setattr(catalog, "MODELS", (*catalog.MODELS, entry))
    return entry


def test_one_entry_is_measured_in_every_part_and_counts_in_the_table(toy):
    todo = {(job.part, job.model) for job in jobs.jobs(seeds=1)}
    for trial in TRIALS:
        assert (trial.part, "toy") in todo
        assert [c.name for c in counted(trial.part, toy.family)][-1] == "toy"
        assert quoted("digits", toy.family).name != "toy"


def test_one_entry_is_on_the_command_lines_list_and_among_the_codecs(toy, capsys):
    assert main(["list"]) == 0
    assert "toy " in capsys.readouterr().out
    assert toy.lossless and container.codec_of(catalog.model("toy").build(**toy.small)).__name__.endswith(
        toy.codec
    )


def test_the_table_asks_for_the_rows_of_a_new_entry(toy):
    _, rows = results.read(files.path("comparison.json"))
    laws.refuses(lambda: table.cells(rows), "expected rows", "toy")
    names = {quoted(part, toy.family).name for part in ("digits", "lossy")}
    own = [{**r, "model": "toy"} for r in rows if r["model"] in names]
    assert "toy: " in table.cells([*rows, *own])["autoregressive", "likelihood"]["interval"]


def test_each_row_of_the_table_has_one_to_quote():
    for family in ROWS:
        for part in ("digits", "stability", "sampling", "lossy"):
            assert [c.trial.quoted for c in counted(part, family)].count(True) == 1, (part, family)
            assert quoted(part, family).entry.chapter, "the cell links to its chapter"
    laws.refuses(lambda: quoted("lossless", "flow"), "flow", "lossless")


def test_what_stands_beside_does_not_count():
    for part in ("digits", "stability", "sampling", "lossy", "lossless"):
        every = [c.name for c in competitors.competitors(part)]
        parts = [c.name for family in ROWS for group in (counted, beside) for c in group(part, family)]
        assert sorted(parts) == sorted(every)
        assert not any(c.trial.quoted for family in ROWS for c in beside(part, family))


@pytest.mark.parametrize("part", ["digits", "stability", "sampling", "lossy", "lossless"])
def test_competitors_can_be_built_and_are_called_by_their_own_names(part):
    for competitor in competitors.competitors(part):
        assert competitor.build() is not None and competitor.name
        assert competitor.name == (competitor.trial.name or competitor.entry.name)


@pytest.mark.parametrize("competitor", competitors.competitors("stability"), ids=lambda c: c.name)
def test_trainings_in_the_plane_share_all_but_what_the_trial_says(competitor, monkeypatch):
    seen = []
    silent = {"bar": False, "whole": True}  # a bar of its own is shown for the jobs
    fits = lambda model, data, config, **how: seen.append(config) if how == silent else None  # noqa: E731
    monkeypatch.setattr(plane, "fit", fits)
    monkeypatch.setattr(plane.samples, "two_sample", lambda *_, **__: 0.5)
    found = list(plane.told_from_data(competitor, None, 7))
    assert [name for name, _, _ in found] == [plane.told(n, "data") for n in plane.STEPS]
    n = len(two_moons().train)
    assert [config.epochs * n // config.batch_size for config in seen] == list(plane.STEPS)
    for config in seen:
        assert (config.seed, config.batch_size) == (7, plane.BATCH)
        assert all(getattr(config, field) == value for field, value in competitor.trial.training.items())


@pytest.mark.parametrize("competitor", competitors.competitors("stability"), ids=lambda c: c.name)
def test_the_settings_of_each_are_the_best_of_its_six_trials(competitor):
    """On validation points, with a seed that none of the ten trainings has."""
    _, rows = results.read(files.path("comparison.json"))
    shares = {}
    for setting in plane.SETTINGS:
        quantity = f"{plane.told(plane.STEPS[-1], 'valid')}, {plane.named(setting)}"
        (shares[plane.named(setting)],) = results.values_of(rows, "stability", competitor.name, quantity)
    chosen = {k: v for k, v in competitor.trial.training.items() if k in ("lr", "betas")}
    assert chosen == competitor.trial.training and len(shares) == 6
    assert shares[plane.named(chosen)] == min(shares.values())


def test_settings_are_tried_on_validation_points(monkeypatch):
    seen, model = [], nn.Identity()
    model.sample = lambda n, generator: torch.zeros(n, 2)
    monkeypatch.setattr(
        plane, "trained", lambda c, n, seed, **t: seen.append((n, seed, t)) or (model, two_moons())
    )
    told = []
    monkeypatch.setattr(plane.samples, "two_sample", lambda real, *_, **__: told.append(real) or 0.5)
    found = list(plane.settings_tried(competitors.competitors("stability")[0], None, 10))
    assert [t for _, _, t in seen] == plane.SETTINGS and {n for n, _, _ in seen} == {plane.STEPS[-1]}
    assert len({name for name, _, _ in found}) == 6 and {seed for _, seed, _ in seen} == {10}
    assert all(torch.equal(real, two_moons().valid) for real in told)


def test_nobody_chooses_weights_by_validation_in_the_plane(monkeypatch):
    """A game could not: so the last weights count for everyone."""
    seen = []
    monkeypatch.setattr(plane, "fit", lambda model, data, config, **_: seen.append(data))
    plane.trained(competitors.competitors("stability")[0], plane.STEPS[0], 0, lr=1e-3)
    assert len(seen[0].valid) == 0 and len(seen[0].train) == len(two_moons().train)


@pytest.mark.parametrize("competitor", competitors.competitors("sampling"), ids=lambda c: c.name)
def test_samples_are_drawn_with_the_trials_options(competitor, monkeypatch):
    seen = []
    monkeypatch.setattr(jobs, "SIZES", (4,))
    monkeypatch.setattr(jobs, "SECONDS", 1e-9)
    owner = type(competitor.build(dim=4))
    honest = owner.sample
    monkeypatch.setattr(
        owner, "sample", lambda self, n, **options: (seen.append(options), honest(self, n, **options))[1]
    )
    list(jobs._sampling(competitor, None, 0))
    assert seen and all(options == competitor.trial.sampling for options in seen)

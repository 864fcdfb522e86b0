"""The result file of ``compare``: resumed, never mixed, never half written; and what is measured."""

import copy
import functools
import json
import random
from dataclasses import replace

import numpy as np
import pytest
import torch

from dgm_lite import laws
from dgm_lite.comparison import jobs, plane, results
from dgm_lite.comparison.competitors import competitors
from dgm_lite.comparison.results import Job, printed, read, run, summary, values_of
from dgm_lite.datasets.images import digits
from dgm_lite.datasets.toys import two_moons
from dgm_lite.evaluate import samples
from dgm_lite.protocols import Bound, Density


def job(model: str, seed: int = 0, calls: list | None = None, part: str = "digits") -> Job:
    def work(s: int):
        if calls is not None:
            calls.append((model, s))
        yield "nats", 80.0 + s + len(model), "nats"
        yield "seconds", 1 / 3, "s"

    return Job(part, model, seed, work)


def test_rows_say_everything_about_themselves(tmp_path):
    rows = run(tmp_path / "r.json", [job("arm", 0), job("arm", 2)], command="python -m dgm_lite compare")
    assert rows[2] == {"part": "digits", "model": "arm", "seed": 2, "quantity": "nats", "value": 85.0,
                       "unit": "nats", "run": 0}  # fmt: skip
    (about,), again = read(tmp_path / "r.json")
    assert again == rows and about["command"] == "python -m dgm_lite compare"
    assert {"date", "versions", "machine"} <= set(about)
    assert about["versions"]["torch"] == torch.__version__.split("+")[0]
    lines = (tmp_path / "r.json").read_text().splitlines()
    assert sum(line.startswith('{"part"') for line in lines) == len(rows), "a row a line, for readable diffs"


def test_a_stopped_run_goes_on_and_ends_as_one_that_was_not_stopped(tmp_path):
    calls: list = []
    jobs = [job(name, seed, calls) for seed in range(2) for name in ("arm", "flow")]

    def fails(_):
        raise KeyboardInterrupt
        yield

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "r.json", [*jobs[:3], Job("digits", "vae", 0, fails)], command="c")
    assert len(read(tmp_path / "r.json")[1]) == 6 and len(calls) == 3
    resumed = run(tmp_path / "r.json", jobs, command="c")
    assert len(calls) == 4, "a job was done twice"
    whole = run(tmp_path / "whole.json", jobs, command="c")
    assert resumed == whole


def test_a_new_model_is_added_to_results_of_other_versions(tmp_path, monkeypatch):
    """Nothing is measured again, and every row says with which versions it was measured."""
    file, calls = tmp_path / "r.json", []
    old = run(file, [job("arm", calls=calls)], command="c")
    monkeypatch.setattr(results, "version", lambda name: "99.0")
    rows = run(file, [job("arm", calls=calls), job("flow", calls=calls)], command="c")
    runs, _ = read(file)
    assert rows[: len(old)] == old and calls == [("arm", 0), ("flow", 0)]
    torches = {row["model"]: runs[row["run"]]["versions"]["torch"] for row in rows}
    assert torches == {"arm": torch.__version__.split("+")[0], "flow": "99.0"}
    yesterday = [{**r, "date": "2020-01-01"} for r in runs]
    results.write(file, yesterday, rows)
    run(file, [job("gan")], command="c")
    assert read(file)[0] == yesterday, "the same run goes on, with nothing new to say about it"


def test_models_trained_for_other_epochs_are_not_added(tmp_path):
    file = tmp_path / "r.json"
    run(file, [job("arm")], command="c")
    before = file.read_text()
    laws.refuses(lambda: run(file, [job("flow")], command="c", epochs=3), "other settings", "own", "got 3")
    assert file.read_text() == before


FOREIGN = [
    "",
    "{",
    "[]",
    '{"rows": []}',
    "\x00",
    '{"runs": [], "rows": [{"part": "digits"}]}',
    '{"runs": 3, "rows": [4]}',
    '{"runs": ["epochs"], "rows": []}',
    '{"runs": [], "rows": ' + "[" * 3000,
]


@pytest.mark.parametrize("number", [-1, 1, 2, True, "0"])
def test_rows_of_a_run_that_is_not_there_are_refused(tmp_path, number):
    file = tmp_path / "r.json"
    run(file, [job("arm")], command="c")
    found = json.loads(file.read_text())
    found["rows"][0]["run"] = number
    file.write_text(json.dumps(found))
    laws.refuses(lambda: results.read(file), "result file", "columns")


@pytest.mark.parametrize("text", FOREIGN)
def test_foreign_files_are_refused_and_left_alone(tmp_path, text):
    file = tmp_path / "r.json"
    file.write_text(text)
    laws.refuses(lambda: run(file, [job("arm")], command="c"), "result file")
    assert file.read_text() == text


PIECES = [None, True, 0, 1, -1, 1.5, "", "epochs", "part", [], {}, [1], {"epochs": 1}, {"run": 0}]


def changed(value, chance: random.Random):
    """A result file's content with one thing somewhere in it exchanged, left out, or put in."""
    if not isinstance(value, dict | list) or not value or chance.random() < 0.2:
        return chance.choice(PIECES)
    keys = list(value) if isinstance(value, dict) else list(range(len(value)))
    other, key = copy.copy(value), chance.choice(keys)
    if chance.random() < 0.2:
        del other[key]
    else:
        other[key] = changed(value[key], chance)
    return other


def test_whatever_json_holds_is_read_or_refused_by_name(tmp_path):
    """Files that are nearly right: what is read can be printed, and continued or refused."""
    file, chance = tmp_path / "r.json", random.Random(0)
    run(file, [job("arm", 0), job("flow", 1)], command="c")
    good, read_again = json.loads(file.read_text()), 0
    for _ in range(400):
        file.write_text(json.dumps(changed(good, chance)))
        try:
            rows = read(file)[1]
        except ValueError as error:
            assert "expected a result file of compare, got" in str(error)
            continue
        read_again += 1
        assert isinstance(printed(rows), str)
        try:
            results.add(file, results.facts("c"), job("vae").rows())
        except ValueError as error:
            assert "other settings" in str(error)
    assert read_again > 20, "most of a run may be anything"


@pytest.mark.parametrize("content", ["[" * 100_000, "9" * 5000, '{"runs": [1], "rows": []}', "NaN", '"x"'])
def test_files_that_trip_the_reader_are_refused_too(tmp_path, content):
    (tmp_path / "r.json").write_text(content)
    laws.refuses(lambda: read(tmp_path / "r.json"), "result file")


def test_threads_come_back(tmp_path):
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        seen = []

        def work(_):
            seen.append(torch.get_num_threads())
            yield "x", 1.0, ""

        run(tmp_path / "r.json", [Job("digits", "m", 0, work)], command="c")
        assert seen == [1] and torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)


def test_means_and_their_errors(tmp_path):
    rows = run(tmp_path / "r.json", [job("arm", s) for s in range(3)] + [job("flow")], command="c")
    assert values_of(rows, "digits", "arm", "nats") == [83.0, 84.0, 85.0]
    mean, error, n = summary(rows, "digits", "arm", "nats")
    assert (mean, n) == (84.0, 3) and error == pytest.approx(1 / 3**0.5)
    assert np.isnan(summary(rows, "digits", "flow", "nats")[1])
    laws.refuses(lambda: summary(rows, "digits", "gan", "nats"), "gan")
    text = printed(rows)
    assert "84 +- 0.58 (3 seeds) nats" in text and len(text.splitlines()) == 4


# --- what is measured -----------------------------------------------------------------------


def test_jobs_are_unique_and_chosen_by_part():
    every = jobs.jobs(seeds=3)
    keys = [(j.part, j.model, j.seed) for j in every]
    assert len(set(keys)) == len(keys) and {j.part for j in every} == set(jobs.PARTS)
    assert {j.part for j in jobs.jobs(3, ["sampling", "formats"])} == {"sampling", "formats"}
    assert len(jobs.jobs(3, ["digits"])) == 3 * len(competitors("digits"))
    laws.refuses(lambda: jobs.jobs(3, ["looks"]), "compare", "looks")


@pytest.fixture
def few_trees(monkeypatch):
    """Forests of 300 trees take most of the time that these tests would need."""
    quick = functools.partial(samples.two_sample, trees=10)
    monkeypatch.setattr(samples, "two_sample", quick)
    monkeypatch.setattr(plane, "TREES", 10)


def test_every_model_on_digits_can_be_measured(tmp_path, monkeypatch, few_trees):
    """One epoch each, measured on a few digits: the rows that the table reads are there, with their kind."""
    data = digits()
    few = replace(data, test=data.test[:60], test_labels=data.test_labels[:60])
    monkeypatch.setattr(jobs, "digits", lambda: few)
    monkeypatch.setattr(jobs, "DRAWN", 60)
    rows = run(tmp_path / "r.json", jobs.jobs(1, ["digits"], epochs=1), command="c", epochs=1)
    for competitor in competitors("digits"):
        found, model = {r["quantity"] for r in rows if r["model"] == competitor.name}, competitor.build()
        assert ("test, exact" in found) == isinstance(model, Density)
        assert ("test, bound" in found) == isinstance(model, Bound)
        assert ("test digits as one file" in found) == competitor.entry.lossless
        assert {"training", "told from data", "draws with a value outside"} <= found
    shares = [r["value"] for r in rows if r["unit"] == "share"]
    assert all(0 <= s <= 1 for s in shares)
    nats = {r["model"]: r["value"] for r in rows if r["quantity"].startswith("test, ")}
    assert all(70 < v < 400 for v in nats.values()), nats


def test_every_family_can_be_trained_in_the_plane(tmp_path, monkeypatch, few_trees):
    monkeypatch.setattr(jobs, "STABILITY_SEEDS", 1)
    monkeypatch.setattr(plane, "SETTINGS", plane.SETTINGS[:1])
    rows = run(tmp_path / "r.json", jobs.jobs(1, ["stability"], epochs=1), command="c", epochs=1)
    names = [c.name for c in competitors("stability")]
    assert [r["model"] for r in rows] == names * 2, "ten trainings, here one, and the trials of settings"
    assert all(0.3 < r["value"] <= 1 for r in rows)


def test_points_on_a_grid_keep_their_places():
    data, cells = two_moons(), plane.on_a_grid(two_moons(), 32)
    assert cells.levels == 32 and cells.train.dtype == torch.long
    assert cells.train.min() >= 0 and cells.train.max() < cells.levels
    for d in range(2):
        order = data.test[:, d].argsort()
        assert (cells.test[order, d].diff() >= 0).all()

"""Each figure of the comparison, measured on stand-ins of which it is known beforehand."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from dgm_lite import catalog
from dgm_lite.catalog.data import dataset
from dgm_lite.codecs import bits_back, container
from dgm_lite.comparison import jobs, plane
from dgm_lite.comparison.competitors import competitors
from dgm_lite.comparison.file_sizes import image_formats, static_codes, xz_after_training
from dgm_lite.comparison.rate_distortion import Point
from dgm_lite.datasets.dataset import Dataset
from dgm_lite.datasets.images import digits, real_digits
from dgm_lite.datasets.toys import two_moons
from dgm_lite.training.fit import fit


def few(n: int = 40) -> Dataset:
    data = digits()
    return replace(data, test=data.test[:n], test_labels=data.test_labels[:n])


class Draws(nn.Module):
    """Draws what it is told to."""

    def __init__(self, x):
        super().__init__()
        self.x, self.seeds = x, []

    def sample(self, n, *, generator):
        self.seeds.append(generator.initial_seed())
        return self.x[torch.arange(n) % len(self.x)]


class Flat(nn.Module):
    """One value for everything, exact or as a bound, with one for importance weights."""

    def __init__(self, **methods):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(()))
        for name, value in methods.items():
            setattr(self, name, lambda x, *_, v=value, **__: torch.full((len(x),), v))


def test_trainings_of_the_comparison_show_no_bar_and_pass_interrupts_on(monkeypatch):
    seen = []
    monkeypatch.setattr(jobs, "fit", lambda *_, **how: seen.append(how))
    jobs.trained(catalog.model("causal-arm"), 0, epochs=1)
    assert seen == [{"bar": False, "whole": True}]


# --- which jobs ---------------------------------------------------------------------------------


def test_how_often_each_part_is_measured():
    todo = jobs.jobs(seeds=2)
    often = {"sampling": {0}, "stability": set(range(11))}
    often |= dict.fromkeys(("lossy", "lossless", "digits"), {0, 1})
    for part, seeds in often.items():
        for competitor in competitors(part):
            found = [job.seed for job in todo if (job.part, job.model) == (part, competitor.name)]
            assert set(found) == seeds and len(found) == len(seeds), (part, competitor.name)
    once = {(job.part, job.model) for job in todo if job.seed == 0}
    assert {("formats", "general-purpose formats"), ("lossy", "JPEG"), ("lossy", "WebP")} <= once
    assert ("lossy", "principal components") in once


def test_models_are_trained_as_on_the_command_line(monkeypatch):
    """Data, start, settings and seed are the entry's; epochs only if they are asked for."""
    entry, seen = catalog.model("integer-flow"), []
    monkeypatch.setattr(jobs, "fit", lambda model, data, config, **_: seen.append((model, data, config)))
    monkeypatch.setattr(jobs.time, "process_time", iter([10.0, 12.5, 0.0, 0.0]).__next__)
    model, seconds = jobs.trained(entry, 3)
    assert seconds == 2.5
    ((trained, data, config),) = seen
    wanted = dataset(entry.data)
    assert trained is model and data.name == wanted.name and torch.equal(data.train, wanted.train)
    assert config == replace(entry.config, seed=3)
    torch.manual_seed(3)
    same = entry.build()
    getattr(same, entry.start)(data.train)
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), same.parameters(), strict=True))
    jobs.trained(entry, 3, epochs=2)
    assert seen[1][2].epochs == 2


# --- digits -------------------------------------------------------------------------------------


def test_likelihoods_are_of_test_digits_in_nats_lost_and_of_their_kind():
    data = few()
    assert list(jobs._likelihood(Flat(log_prob=-80.0), data, 0)) == [("test, exact", 80.0, "nats")]
    bound = Flat(elbo=-90.0, importance_weighted=-85.0)
    found = list(jobs._likelihood(bound, data, 0))
    assert found == [("test, bound", 90.0, "nats"), ("test, bound, k = 200", 85.0, "nats")]
    assert list(jobs._likelihood(nn.Identity(), data, 0)) == []
    asked = []
    model = Flat(elbo=-90.0)
    model.importance_weighted = lambda x, n_samples: asked.append(n_samples) or torch.zeros(len(x))
    list(jobs._likelihood(model, data, 0))
    assert set(asked) == {200}
    model.elbo = lambda x: torch.rand(len(x))
    first, again, other = (next(jobs._likelihood(model, data, seed)) for seed in (1, 1, 2))
    assert first == again != other


def test_draws_are_compared_with_test_digits_and_copies_sought_in_training(monkeypatch):
    """Half of the draws have a value outside, on either side; floor and clamp before the comparison."""
    data = few()
    x = data.train[:4].float() + 0.5
    x[0, 7], x[1, 9] = -0.5, 17.0  # 16.9 is a level, for a cell reaches from 16 to 17
    x[2, 3], x[3, 5] = 0.0, 16.9
    seen = {}

    def two_sample(real, drawn, *, seed):
        seen.update(real=real, drawn=drawn, seed=seed)
        return 0.7

    def nearest(drawn, train):
        assert train is data.train
        seen["nearest"] = drawn
        return torch.zeros(2), torch.tensor([1.0, 2.0])

    monkeypatch.setattr(jobs.samples, "two_sample", two_sample)
    monkeypatch.setattr(jobs.samples, "nearest", nearest)
    model = Draws(x)
    found = {name: (value, unit) for name, value, unit in jobs._draws(model, data, 5)}
    outside = (np.arange(jobs.DRAWN) % 4 < 2).mean()
    assert found["draws with a value outside"] == (pytest.approx(outside), "share")
    assert found["told from data"] == (0.7, "share")
    assert found["distance to nearest training digit"] == (1.5, "levels")
    assert seen["real"] is data.test and seen["seed"] == 5 and model.seeds == [5]
    assert len(seen["drawn"]) == jobs.DRAWN == len(digits().test)
    right = x[torch.arange(jobs.DRAWN) % 4].floor().clamp(0, 16).long()
    assert torch.equal(seen["drawn"], right) and torch.equal(seen["nearest"], right)


def test_files_are_of_test_digits_and_what_starts_the_stack_is_told():
    data = few(6)
    torch.manual_seed(0)
    vae = catalog.model("vae").build().eval()
    found = {name: (value, unit) for name, value, unit in jobs._file(vae, data)}
    size = len(container.compress(vae, data.test.to(torch.uint8)))
    start = bits_back.encode_with_start(vae, data.test)[1] / 8
    assert found == {
        "test digits as one file": (size, "bytes"), "of which start the stack": (start, "bytes")
    }  # fmt: skip
    assert 0 < start < size
    mixture = catalog.model("bernoulli-mixture")
    other = next(c.entry for c in competitors("digits") if c.entry.lossless and c.entry.codec != "bits_back")
    assert mixture.name != other.name
    names = [name for name, _, _ in jobs._file(other.build().eval(), data)]
    assert names == ["test digits as one file"], "no other codec has a stack to start"


def test_a_codec_that_gives_back_other_digits_stops_the_comparison(monkeypatch):
    honest = container.decompress
    monkeypatch.setattr(container, "decompress", lambda *a, **k: honest(*a, **k) + np.uint8(1))
    torch.manual_seed(0)
    with pytest.raises(AssertionError, match="other digits"):
        list(jobs._file(catalog.model("vae").build().eval(), few(2)))


def test_what_a_model_is_measured_for(monkeypatch):
    """Training, parameters, likelihood, draws; a file only where there is a codec."""
    for name in ("_likelihood", "_draws", "_file"):
        monkeypatch.setattr(jobs, name, lambda *_, name=name: iter([(name, 0.0, "")]))
    model = nn.Linear(3, 4)
    monkeypatch.setattr(jobs, "trained", lambda entry, seed, epochs: (model, 1.5))
    for competitor in competitors("digits"):
        found = list(jobs._on_digits(competitor, None, 0))
        names = [name for name, _, _ in found]
        wanted = ["training", "parameters", "_likelihood", "_draws"]
        assert names == wanted + ["_file"] * competitor.entry.lossless
        assert found[:2] == [("training", 1.5, "CPU seconds"), ("parameters", 16, "numbers")]


def test_general_formats_are_those_of_test_digits(monkeypatch):
    """And the digits themselves are told from other digits: the floor of the comparison."""
    data, seen = few(20), {}
    monkeypatch.setattr(jobs, "digits", lambda: data)

    def two_sample(one, two, **_):
        seen.update(one=one, two=two)
        return 0.5

    monkeypatch.setattr(jobs.samples, "two_sample", two_sample)
    found = {name: (value, unit) for name, value, unit in jobs._formats(0)}
    sizes = {name: (size, "bytes") for name, size in image_formats(data.test).items()}
    sizes |= {f"range coder, {name}": (size, "bytes") for name, size in static_codes(data).items()}
    sizes["xz, after the training digits"] = (xz_after_training(data), "bytes")
    assert found == sizes | {"real digits told from others": (0.5, "share")}
    one, two = seen["one"], seen["two"]
    assert len(one) == len(two) == jobs.DRAWN
    train = [tuple(row) for row in data.train.tolist()]
    drawn = [tuple(row) for row in torch.cat([one, two]).tolist()]
    assert set(drawn) <= set(train)
    most = {row: train.count(row) for row in set(drawn)}
    assert all(drawn.count(row) <= n for row, n in most.items()), "no digit on both sides"


# --- lossy and sampling -------------------------------------------------------------------------


def test_points_are_numbered_along_the_curve():
    points = [Point("fine", 300, 0.5, 64, 17), Point("coarse", 100, 2.5, 64, 17)]
    assert list(jobs._points(points)) == [
        ("bytes, point 0", 300, "bytes"), ("error, point 0", 0.5, "squared levels"),
        ("bytes, point 1", 100, "bytes"), ("error, point 1", 2.5, "squared levels"),
    ]  # fmt: skip


def test_coders_are_trained_on_real_digits_and_measured_on_test_digits(monkeypatch):
    seen = []

    def transform_coder(data, std, **settings):
        seen.append((data, std, settings))
        return std

    def curve(coders, x):
        assert coders == list(jobs.rate_distortion.STDS) and torch.equal(x, digits().test)
        return [Point("", 9, 1.0, 64, 17)]

    monkeypatch.setattr(jobs.rate_distortion, "transform_coder", transform_coder)
    monkeypatch.setattr(jobs.rate_distortion, "curve", curve)
    (competitor,) = [c for c in competitors("lossy") if not c.trial.attempt]
    for epochs in (None, 4):
        assert len(list(jobs._lossy(competitor, epochs, 8))) == 2
    assert {data.name for data, _, _ in seen} == {real_digits().name}
    epochs = [settings["config"].epochs for _, _, settings in seen]
    n = len(jobs.rate_distortion.STDS)
    assert epochs == [competitor.entry.config.epochs] * n + [4] * n
    assert all(s["seed"] == 8 and s["entry"] is competitor.entry for _, _, s in seen)


def test_every_lossy_codec_has_a_maker():
    assert set(jobs.CODECS) == {c.trial.attempt for c in competitors("lossy")}


@pytest.mark.parametrize("attempt", ["rounded z", "cells", "nearest z"])
def test_attempts_use_the_model_that_was_trained_on_digits(attempt, monkeypatch):
    """Trained as the entry says, with the seed of the job, in eval mode; the points are of test digits."""
    model, seen = nn.Dropout(), []
    point = Point("", 9, 1.0, 64, 17)

    class Code:
        def __init__(self, *given):
            seen.append(given)

        def curve(self):
            return [point]

    monkeypatch.setattr(jobs, "trained", lambda *given: seen.append(given) or (model, 1.0))
    monkeypatch.setattr(jobs.attempts, "flow_curve", lambda *given: seen.append(given) or [point])
    monkeypatch.setattr(jobs.attempts, "cells_curve", lambda *given: seen.append(given) or [point])
    monkeypatch.setattr(jobs.attempts, "GANCode", Code)
    (competitor,) = [c for c in competitors("lossy") if c.trial.attempt == attempt]
    assert list(jobs._lossy(competitor, 5, 3)) == list(jobs._points([point]))
    assert seen[0] == (competitor.entry, 3, 5)
    assert seen[1][0] is model and not model.training
    assert all(torch.equal(x, digits().test) for x in seen[1][1:] if isinstance(x, torch.Tensor))
    assert all(d.name == digits().name for d in seen[1][1:] if isinstance(d, Dataset))


def test_flows_are_trained_to_be_rounded_with_the_seed_of_the_job(monkeypatch):
    seen = []
    monkeypatch.setattr(jobs.attempts, "rounded_flow", lambda data, std, *, config: seen.append(
        (data.name, std, config)))  # fmt: skip
    monkeypatch.setattr(jobs.rate_distortion, "curve", lambda flows, x: [Point("", len(x), 1.0, 64, 17)])
    (competitor,) = [c for c in competitors("lossy") if c.trial.attempt == "rounded flow"]
    assert next(jobs._lossy(competitor, 5, 3)) == ("bytes, point 0", 447, "bytes")
    wanted = replace(jobs.attempts.FLOW, seed=3, epochs=5)
    assert seen == [(real_digits().name, std, wanted) for std in jobs.rate_distortion.STDS]


def test_a_file_without_p_is_told_by_its_parts(monkeypatch):
    asked = []

    class Code:
        def __init__(self, model, data):
            asked.append(data.name)

        def best_step(self):
            return 3.0

        def lossless(self, split, step):
            asked.append((split, step))
            return 100, 900

        def met_exactly(self, seed):
            asked.append(seed)
            return 2, 1

    monkeypatch.setattr(jobs, "trained", lambda *_: (nn.Identity(), 1.0))
    monkeypatch.setattr(jobs.attempts, "GANCode", Code)
    monkeypatch.setattr(jobs.attempts, "without_model", lambda data: 950)
    (competitor,) = competitors("lossless")
    found = {name: value for name, value, _ in jobs._without_p(competitor, None, 7)}
    assert asked == [digits().name, ("test", 3.0), 7]
    assert found["test digits as one file"] == 1043 and found["the same without the model"] == 993
    assert found[jobs.SEARCHED] == 2 and found[jobs.DRAWN_EXACTLY] == 1


def test_principal_components_learn_nothing_but_probabilities(monkeypatch):
    seen = []

    def transform_coder(data, std, *, learn):
        seen.append((data.name, std, learn))

    monkeypatch.setattr(jobs.rate_distortion, "transform_coder", transform_coder)
    monkeypatch.setattr(jobs.rate_distortion, "curve", lambda coders, x: x)
    x = digits().test[:3]
    assert jobs._linear(x) is x
    assert seen == [(real_digits().name, std, False) for std in jobs.rate_distortion.LINEAR_STDS]


def test_rivals_are_measured_on_test_digits():
    (first, *_) = jobs._rival(lambda x: [Point("", len(x), 1.0, 64, 17)], 0)
    assert first == ("bytes, point 0", len(digits().test), "bytes")


def test_the_time_of_a_draw_is_the_best_of_many_for_each_size(monkeypatch):
    """16 images at a time, until half a second has gone; no other thing is timed than drawing."""
    model, clock, drawn = SimpleNamespace(), [0.0], []
    took = iter([0.32, 0.16, 0.48] * len(jobs.SIZES))
    model.eval = lambda: model

    def sample(n, **options):
        drawn.append((n, options))
        clock[0] += next(took)

    model.sample = sample
    sizes = []

    def build(dim):
        clock[0] += 5.0  # slow to build
        sizes.append(dim)
        return model

    competitor = SimpleNamespace(build=build, trial=SimpleNamespace(sampling={"cached": True}))
    monkeypatch.setattr(jobs.time, "process_time", lambda: clock[0])
    found = list(jobs._sampling(competitor, None, 0))
    assert sizes == list(jobs.SIZES) == [16, 64, 256, 1024]
    names = [name for name, _, _ in found]
    assert names == [f"an image of {dim} numbers" for dim in sizes]
    assert [value for _, value, _ in found] == pytest.approx([0.01] * 4)
    assert {unit for _, _, unit in found} == {"CPU seconds"}
    assert drawn == [(16, {"cached": True})] * 12, "0.32 + 0.16 is not yet half a second"


# --- the plane ----------------------------------------------------------------------------------


@pytest.mark.parametrize("competitor", competitors("stability"), ids=lambda c: c.name)
def test_draws_in_the_plane_are_told_from_test_points(competitor, monkeypatch):
    """Of the trained model, on the grid where there are levels, with the seed of the job."""
    seen, trained = {}, {}

    def watched(model, data, config, **_):
        trained.update(model=model, data=data, before=[p.clone() for p in model.parameters()])
        return fit(model, data, replace(config, epochs=1), bar=False)

    def two_sample(real, drawn, *, trees, seed):
        seen.update(real=real, drawn=drawn, seed=seed)
        return 0.625

    monkeypatch.setattr(plane, "fit", watched)
    monkeypatch.setattr(plane.samples, "two_sample", two_sample)
    assert list(plane.told_from_data(competitor, 20, 4)) == [(plane.told(120, "data"), 0.625, "share")]
    levels = getattr(trained["model"], "levels", None)
    data = plane.on_a_grid(two_moons(), levels) if levels else two_moons()
    assert torch.equal(seen["real"], data.test.float()) and torch.equal(trained["data"].train, data.train)
    again = trained["model"].sample(len(data.test), generator=torch.Generator().manual_seed(4))
    assert torch.equal(seen["drawn"], again.float()) and seen["seed"] == 4
    torch.manual_seed(4)
    start = competitor.build()
    if competitor.entry.start:
        getattr(start, competitor.entry.start)(data.train)
    assert all(torch.equal(a, b) for a, b in zip(trained["before"], start.parameters(), strict=True))


def test_cells_lie_side_by_side_over_all_points():
    """Cell k reaches from k to k + 1 of `cells` equal parts between the ends, 0.3 beyond the points."""
    x = torch.tensor([[0.0, 10.0], [2.0, 14.0]])
    data = Dataset("four corners", x, torch.tensor([[1.0, 12.0]]), torch.tensor([[-9.0, 99.0]]))
    cells = plane.on_a_grid(data, 26)  # 2.6 / 26 = 0.1 across; 4.6 / 26 down
    assert cells.train.tolist() == [[3, 1], [23, 24]]
    assert cells.valid.tolist() == [[13, 13]] and cells.test.tolist() == [[0, 25]]
    assert cells.levels == 26 and "26 x 26 cells" in cells.name

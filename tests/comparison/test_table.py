"""Table 1 from the committed results: every cell has its evidence, and other numbers give other verdicts."""

import copy
from importlib import import_module

import matplotlib.pyplot as plt
import pytest
import torch
from torch import nn

from dgm_lite import laws
from dgm_lite.catalog.families import FAMILIES
from dgm_lite.comparison import evidence, figures, jobs, results, table
from dgm_lite.comparison.answers import answers
from dgm_lite.comparison.competitors import beside, competitors, counted, quoted
from dgm_lite.datasets import files
from dgm_lite.live.table_cells import TableCells


@pytest.fixture(scope="module")
def found():
    return results.read(files.path("comparison.json"))


@pytest.fixture
def rows(found):
    return copy.deepcopy(found[1])


def change(rows, value, **where):
    """Set the value of all rows that match; at least one must."""
    found = [row for row in rows if all(row[k] == v for k, v in where.items())]
    assert found, where
    for k, row in enumerate(found):
        row["value"] = value(k) if callable(value) else value
    return rows


# --- the committed file ---------------------------------------------------------------------


def test_every_entry_that_takes_part_has_rows(found):
    """Whatever else is in the file: what is new is added to it, and the others are not measured again."""
    runs, rows = found
    seeds = {"sampling": 1, "stability": jobs.STABILITY_SEEDS, "lossy": 3, "lossless": 3, "digits": 3}
    for part, n in seeds.items():
        for competitor in competitors(part):
            own = {r["seed"] for r in rows if (r["part"], r["model"]) == (part, competitor.name)}
            assert own >= set(range(n)), (part, competitor.name)
    for run in runs:
        assert run["command"].startswith("python -m dgm_lite compare") and run["versions"]["torch"]
        assert run["epochs"] == "each model's own"


def test_quality_targets_of_the_book_are_met(found):
    """Mean test nats over three seeds, choices on validation only; bounds for the flows and the VAE."""
    _, rows = found
    targets = {
        ("causal-arm", "test, exact"): 80.5,
        ("realnvp-digits", "test, bound"): 94.5,
        ("integer-flow", "test, exact"): 107.0,
        ("vae", "test, bound"): 96.0,
        ("vae", "test, bound, k = 200"): 94.5,
    }
    for (model, quantity), target in targets.items():
        mean, error, n = results.summary(rows, "digits", model, quantity)
        assert n == 3 and mean + error <= target, (model, mean, error)
    assert results.summary(rows, "digits", "causal-arm", "test digits as one file")[0] < 6700


# --- cells ----------------------------------------------------------------------------------


def test_every_cell_has_a_word_a_figure_and_a_verdict(rows):
    cells = table.cells(rows)
    assert set(cells) == {(row, column) for row in table.ROWS for column in table.COLUMNS}
    words = {f.key: f.table for f in FAMILIES}
    for (family, column), cell in cells.items():
        assert cell["says"] == words[family][column]
    TableCells(table.ROWS, table.COLUMNS, cells)  # takes them as they are


def test_a_vae_compresses_without_loss(rows):
    """The essay says no, and a figure beside it must not read as a failure."""
    cell = table.cells(rows)["prescribed", "lossless"]
    assert cell["verdict"].state == "fails" and cell["serves"] and cell["measured"].startswith("yes, ")


def test_every_no_rests_on_an_attempt(rows):
    """A missing method proves nothing: beside each "no" stand figures of something that was tried."""
    for (family, column), cell in table.cells(rows).items():
        if cell["says"] == "no":
            assert cell["verdict"].state != "not tried" and cell["verdict"].figures, (family, column)


def test_other_numbers_give_other_verdicts(rows):
    honest = table.cells(rows)
    arm, sampler = quoted("digits", "autoregressive").name, quoted("sampling", "autoregressive").name
    assert honest["autoregressive", "training"]["verdict"].state == "holds"
    lost = change(copy.deepcopy(rows), 0.97, part="stability", model=arm)
    assert table.cells(lost)["autoregressive", "training"]["verdict"].state == "fails"
    calm = copy.deepcopy(rows)
    for game in counted("stability", "implicit") + beside("stability", "implicit"):
        change(calm, lambda k: 0.6 + 0.001 * (k % 3), part="stability", model=game.name)
    assert table.cells(calm)["implicit", "training"]["verdict"].state == "fails"
    assert table.cells(calm)["implicit", "training"]["serves"]

    quick = change(copy.deepcopy(rows), 1e-9, part="sampling", model=sampler)
    assert table.cells(quick)["autoregressive", "sampling"]["verdict"].state == "fails"
    slow = change(copy.deepcopy(rows), 9.0, part="sampling", model=quoted("sampling", "prescribed").name)
    assert table.cells(slow)["prescribed", "sampling"]["verdict"].state == "fails"

    long = change(
        copy.deepcopy(rows),
        20_000,
        part="digits",
        model=arm,
        unit="bytes",
    )
    cell = table.cells(long)["autoregressive", "lossless"]
    assert cell["verdict"].state == "fails" and "longer" in cell["detail"]


def test_missing_measurements_are_named(rows):
    for part in jobs.PARTS:
        some = [row for row in rows if row["part"] != part]
        with pytest.raises(ValueError, match="expected|empty"):
            table.cells(some)
    game = quoted("digits", "implicit").name
    laws.refuses(lambda: evidence.likelihood(rows, game), "table", game)


def test_the_tightest_bound_stands_for_a_model(rows):
    assert evidence.likelihood(rows, "causal-arm")[0] == "exact"
    kind, nats = evidence.likelihood(rows, "realnvp-digits")
    tightest = results.summary(rows, "digits", "realnvp-digits", evidence.KINDS[2])[0]
    assert kind == "bound" and nats == tightest


# --- answers and figures ----------------------------------------------------------------------


def test_what_each_family_can_answer():
    kinds = {family: [answer.kind for answer in found.values()] for family, found in answers().items()}
    assert kinds == {
        "autoregressive": ["exact"], "flow": ["exact"], "prescribed": ["bound", "exact", "exact"],
        "implicit": ["a value"],
    }  # fmt: skip


def test_a_wrong_likelihood_is_noticed(monkeypatch):
    from dgm_lite.autoregressive.causal import CausalARM
    from dgm_lite.gan.gan import GAN
    from dgm_lite.latent.ppca import PPCA
    from dgm_lite.latent.vae import VAE

    honest, bound, draw, linear = CausalARM.log_prob, VAE.elbo, GAN.sample, PPCA.log_prob
    monkeypatch.setattr(CausalARM, "log_prob", lambda self, x: honest(self, x) + 0.01)
    monkeypatch.setattr(VAE, "elbo", lambda self, x: bound(self, x) + 5)
    monkeypatch.setattr(PPCA, "log_prob", lambda self, x: linear(self, x) - 0.01)
    monkeypatch.setattr(GAN, "sample", lambda self, n, *, generator: 1.1 * draw(self, n, generator=generator))
    seen = answers.__wrapped__()  # not what was found before
    kinds = {family: [answer.kind for answer in found.values()] for family, found in seen.items()}
    assert kinds["autoregressive"] == kinds["implicit"] == ["wrong"]
    assert kinds["prescribed"] == ["wrong", "exact", "wrong"], "a grid over z asks neither"


def test_a_bound_may_reach_the_value_for_some_x_but_not_for_all(monkeypatch):
    """At the value the mean of noisy draws lies above it half of the time: that is no error yet."""

    class Reaches(nn.Module):
        dim, levels, loose = 2, 2, torch.tensor([0.0, 0.0, 0.0, 1.0])

        def elbo(self, x):
            gap = self.loose.repeat_interleave(len(x) // 4)
            return -2 - gap + torch.randn(len(x), generator=torch.Generator().manual_seed(0))

    answer = import_module("dgm_lite.comparison.answers")
    monkeypatch.setattr(answer, "by_quadrature", lambda model, x: (torch.full((len(x),), -2.0), None))
    assert answer._bound(Reaches())[0] == "bound"
    for loose in (torch.full((4,), -0.5), torch.tensor([0.0, 0.0, -0.5, 2.0])):
        wrong = Reaches()
        wrong.loose = loose
        assert answer._bound(wrong)[0] == "wrong"


@pytest.mark.parametrize("draw", ["draw_trade_off", "draw_stability", "draw_sampling"])
def test_figures_draw_what_is_in_the_rows(draw, rows):
    figure, ax = plt.subplots()
    assert getattr(figures, draw)(rows, ax) is ax
    words = [t.get_text() for t in ax.texts] + [t.get_text() for t in ax.get_yticklabels()]
    assert any("causal-arm" in w for w in words) and any("gan" in w for w in words)
    plt.close(figure)

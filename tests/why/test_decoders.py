"""The straight line as a control of the network: one thing differs, and the file holds what it should."""

import json
from dataclasses import replace
from itertools import product

import pytest
import torch

from dgm_lite.datasets import files
from dgm_lite.datasets.images import digits
from dgm_lite.why import decoders


@pytest.fixture
def few():
    data = digits()
    return replace(data, train=data.train[:40], valid=data.valid[:20], test=data.test[:20],
                   train_labels=None, valid_labels=None, test_labels=None)  # fmt: skip


def test_only_the_decoders_network_differs(few):
    line, network = (decoders.build(d, few, dropout=0.3, seed=1).state_dict() for d in decoders.DECODERS)
    shared = {name for name in line if not name.startswith("likelihood.net")}
    assert shared == {name for name in network if not name.startswith("likelihood.net")}
    assert all(torch.equal(line[name], network[name]) for name in shared)
    assert {k for k in line if k.startswith("likelihood.net")} == {
        "likelihood.net.weight",
        "likelihood.net.bias",
    }


def test_straight_line_is_straight(few):
    net = decoders.build("straight line", few, dropout=0.3, seed=0).likelihood.net
    a, b = torch.randn(2, 5, 16)
    torch.testing.assert_close(net(a + b) + net(torch.zeros(5, 16)), net(a) + net(b), atol=1e-5, rtol=0)


def test_unknown_decoders_are_refused(few):
    with pytest.raises(ValueError, match="straight line, network"):
        decoders.build("curve", few, dropout=0.3, seed=0)


def test_bounds_are_in_order_and_repeatable(few):
    vae = decoders.build("network", few, dropout=0.3, seed=0)
    first, second = (decoders.bounds(vae, few.test, k=20) for _ in range(2))
    assert torch.equal(first["elbo"], second["elbo"]) and torch.equal(first["iwae"], second["iwae"])
    assert first["elbo"].shape == (20,) and first["iwae"].mean() >= first["elbo"].mean()


def test_best_has_the_highest_bound_of_its_decoder():
    rows = [("network", 1, 0.1, -90), ("network", 2, 0.3, -84), ("straight line", 3, 0.1, -70)]
    tried = [dict(zip(("decoder", "lr", "dropout", "valid"), row, strict=True)) for row in rows]
    assert decoders.best(tried, "network") == (2, 0.3)


def test_measure_tries_everything_and_looks_at_the_best(few):
    found = decoders.measure(few, rates=(1e-3, 2e-2), dropouts=(0.1,), seeds=(0, 1), epochs=1, k=2)
    assert len(found["tried"]) == 4 and set(found["chosen"]) == set(found["test"]) == set(decoders.DECODERS)
    for decoder in decoders.DECODERS:
        assert found["chosen"][decoder] == decoders.best(found["tried"], decoder)
        assert len(found["test"][decoder]["elbo"]) == len(found["test"][decoder]["iwae"]) == 2
    line, network = (found["test"][d]["elbo"] for d in decoders.DECODERS)
    for seed, (ahead, error) in enumerate(found["difference"]["elbo"]):
        assert ahead == pytest.approx(network[seed] - line[seed], abs=2e-3) and error > 0


def test_file_that_travels_is_complete():
    found = json.loads(files.path("decoders.json").read_text(encoding="utf-8"))
    grid = set(product(decoders.DECODERS, decoders.RATES, decoders.DROPOUTS))
    assert {(row["decoder"], row["lr"], row["dropout"]) for row in found["tried"]} == grid
    assert len(found["tried"]) == len(grid) and found["epochs"] == 150 and found["k"] == 100
    for decoder in decoders.DECODERS:
        assert tuple(found["chosen"][decoder]) == decoders.best(found["tried"], decoder)
        assert len(found["test"][decoder]["iwae"]) == len(decoders.SEEDS)

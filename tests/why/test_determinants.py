"""What log-determinants cost: what is timed, and that it is timed."""

import time

import pytest
import torch

from dgm_lite.why import determinants
from dgm_lite.why.determinants import COUPLINGS, ESTIMATE, FULL, SUM, costs, seconds


def test_seconds_are_those_of_one_call():
    def busy():
        end = time.process_time() + 0.01
        while time.process_time() < end:
            pass

    assert 0.01 <= seconds(busy, repeats=2, calls=2) < 0.02


def test_every_way_has_a_time_for_every_dimension():
    found = costs([2, 5], batch=3)
    assert list(found) == [FULL, ESTIMATE, COUPLINGS, SUM]
    assert all(len(times) == 2 and min(times) > 0 for times in found.values())


@pytest.mark.parametrize("contraction, n_terms", [(0.9, 10), (0.5, 2)])
def test_one_layer_at_one_x_with_as_many_terms_as_the_roulette_has(monkeypatch, contraction, n_terms):
    seen = {}

    def full(function, x):
        seen["full"] = x, function(x)

    def series(g, x, n):
        seen["estimate"] = x, x + g(x)
        assert n == n_terms
        return x, torch.zeros(n, len(x))

    monkeypatch.setattr(determinants, "full_log_det", full)
    monkeypatch.setattr(determinants, "series_terms", series)
    costs([4], batch=6, contraction=contraction)
    for one, two in zip(seen["full"], seen["estimate"], strict=True):
        assert one.shape == (6, 4) and torch.equal(one, two)

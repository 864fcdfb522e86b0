"""Decisions against hand counts."""

import numpy as np
import pytest
import torch

from dgm_lite import laws
from dgm_lite.evaluate import decisions
from tests.evaluate.conftest import draws, needs_gpu


def test_auroc_is_the_probability_of_the_right_order():
    inside, outside = draws(60).round(decimals=1), (draws(80) - 1).round(decimals=1)
    pairs = [(a > b) + 0.5 * (a == b) for a in inside.tolist() for b in outside.tolist()]
    assert decisions.auroc(inside, outside) == pytest.approx(np.mean(pairs))
    assert decisions.auroc(outside, inside) == pytest.approx(1 - np.mean(pairs))
    assert decisions.auroc(inside, inside) == pytest.approx(0.5)


def test_auroc_takes_log_probabilities_as_they_come():
    """Minus infinity is a value of log p(x); tiny differences of large numbers count in float64."""
    assert decisions.auroc(torch.tensor([0.0, 1.0]), torch.tensor([-torch.inf, -5.0])) == 1.0
    close = torch.tensor([1e9, 1e9 + 1e-6], dtype=torch.float64)
    assert decisions.auroc(close[1:], close[:1]) == 1.0
    assert decisions.auroc(torch.tensor([2.0], requires_grad=True), torch.tensor([1.0])) == 1.0


@pytest.mark.parametrize("bad", [torch.zeros(0), torch.zeros(2, 2), torch.tensor([torch.nan]), [1.0]])
def test_bad_scores_are_refused(bad):
    laws.refuses(lambda: decisions.auroc(bad, torch.zeros(3)), "auroc")
    laws.refuses(lambda: decisions.auroc(torch.zeros(3), bad), "auroc")
    laws.refuses(
        lambda: decisions.risk_coverage(bad, torch.ones(len(bad), dtype=torch.bool)), "risk_coverage"
    )


def test_risk_and_coverage_by_hand():
    score = torch.tensor([0.9, 0.1, 0.8, 0.4])
    correct = torch.tensor([True, False, True, False])
    coverage, risk = decisions.risk_coverage(score, correct)
    assert coverage.tolist() == [0.25, 0.5, 0.75, 1.0]
    assert risk.tolist() == pytest.approx([0, 0, 1 / 3, 0.5])


def test_risk_and_coverage_take_any_kind_of_correct():
    for correct in (torch.tensor([1, 0]), torch.tensor([1.0, 0.0])):
        assert decisions.risk_coverage(torch.tensor([2.0, 1.0]), correct)[1].tolist() == [0, 0.5]
    laws.refuses(lambda: decisions.risk_coverage(torch.zeros(3), torch.ones(2)), "risk_coverage")


def test_calibration_of_a_calibrated_and_an_overconfident_system():
    confidence = torch.rand(20_000, generator=torch.Generator().manual_seed(0)) * 0.5 + 0.5
    chance = torch.rand(20_000, generator=torch.Generator().manual_seed(1))
    assert decisions.calibration_error(confidence, chance < confidence) < 0.02
    sure, right = torch.full((100,), 0.9), torch.arange(100) % 10 < 6
    assert decisions.calibration_error(sure, right) == pytest.approx(0.3)
    assert decisions.calibration_error(sure, right, n_bins=1) == pytest.approx(0.3)
    # Two bins by hand: (0.5, 0.6) of which one is right, (0.9, 1.0) of which both are.
    confidence, correct = torch.tensor([0.9, 0.5, 1.0, 0.6]), torch.tensor([True, True, True, False])
    expected = (abs(0.55 - 0.5) + abs(0.95 - 1)) / 2
    assert decisions.calibration_error(confidence, correct, n_bins=2) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(("n", "n_bins"), [(11, 10), (19, 10), (100, 10), (101, 10), (3, 10), (7, 7), (1, 1)])
def test_there_are_as_many_bins_as_were_asked_for(n, n_bins):
    """Eleven decisions in ten bins: one bin of two and nine of one, not five of two and one of one."""
    confidence = torch.linspace(0.1, 0.9, n)
    correct = torch.arange(n) % 2 == 0
    bins = np.array_split(np.arange(n), min(n, n_bins))
    gaps = [abs(confidence[b].double().mean() - correct[b].double().mean()) * len(b) / n for b in bins]
    assert decisions.calibration_error(confidence, correct, n_bins) == pytest.approx(float(sum(gaps)))


def test_confidence_is_a_probability():
    for bad in (torch.tensor([1.5]), torch.tensor([-0.1]), torch.tensor([torch.nan])):
        laws.refuses(lambda: decisions.calibration_error(bad, torch.tensor([True])), "[0, 1]")  # noqa: B023
    laws.refuses(lambda: decisions.calibration_error(torch.ones(3), torch.ones(3), n_bins=0), "n_bins")


@needs_gpu
def test_scores_may_lie_on_another_device():
    score, right = torch.rand(50), torch.rand(50) < 0.5
    assert decisions.auroc(score.cuda(), score) == 0.5
    for a, b in zip(
        decisions.risk_coverage(score.cuda(), right), decisions.risk_coverage(score, right), strict=True
    ):
        assert torch.equal(a, b)
    one, two = (decisions.calibration_error(score.to(at), right) for at in ("cpu", "cuda"))
    assert one == two

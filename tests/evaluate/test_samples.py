"""Samples against data: closed forms, copies and forests."""

import numpy as np
import pytest
import torch
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.model_selection import StratifiedKFold, cross_val_predict

from dgm_lite import laws
from dgm_lite.evaluate import samples
from tests.evaluate.conftest import draws, needs_gpu


def test_two_samples_of_one_distribution_and_of_two():
    real = draws(100, 3)
    score = samples.two_sample(real, draws(300, 3), folds=3)
    assert score == pytest.approx(0.5, abs=0.12), "cut to equal size, or the larger set would be guessed"
    assert samples.two_sample(real, draws(100, 3) + 4, folds=3) > 0.97


def test_the_forest_is_the_one_that_all_figures_were_made_with():
    """Of scikit-learn, with these settings: another one tells more, or less, and no figure compares."""
    real, drawn = draws(60, 3), draws(60, 3) + 0.5
    forest = ExtraTreesClassifier(20, min_samples_leaf=2, random_state=3)
    order = StratifiedKFold(4, shuffle=True, random_state=3)
    x, y = torch.cat([real, drawn]).numpy(), [1] * 60 + [0] * 60
    told = (cross_val_predict(forest, x, y, cv=order) == y).mean()
    assert samples.two_sample(real, drawn, folds=4, trees=20, seed=3) == told


def test_too_small_samples_are_refused():
    laws.refuses(lambda: samples.two_sample(draws(9, 2), draws(50, 2)), "10 examples")
    laws.refuses(lambda: samples.two_sample(draws(50, 2), draws(50, 3)), "two_sample")
    laws.refuses(lambda: samples.two_sample(draws(50, 2, 2), draws(50, 2, 2)), "Flatten")
    laws.refuses(lambda: samples.two_sample(draws(50, 2), draws(50, 2), trees=0), "trees", "0")
    for folds in (1, 0, -2, 2.0, True, None):
        laws.refuses(lambda: samples.two_sample(draws(50, 2), draws(50, 2), folds=folds), "fold")  # noqa: B023
    laws.refuses(lambda: samples.two_sample(draws(9, 2), draws(9, 2), folds=10), "20 examples", "9")


def test_frechet_distance_of_two_gaussians():
    """Features whose sample means and covariances are exact, so that the closed form is too."""
    z = draws(200, 2)
    z = z - z.mean(0)
    z = z @ torch.linalg.inv(torch.linalg.cholesky(z.T.cov())).T  # mean 0, covariance I
    a, b = torch.tensor([2.0, 0.5]).double(), torch.tensor([1.0, 3.0]).double()
    shift = torch.tensor([1.0, -2.0]).double()
    expected = 5 + ((a - b) ** 2).sum().item()
    assert samples.frechet_distance(z * a, z * b + shift) == pytest.approx(expected, rel=1e-9)
    assert samples.frechet_distance(z * a, z * a) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("seed", range(5))
def test_frechet_distance_of_a_set_from_itself_is_not_below_zero(seed):
    torch.manual_seed(seed)
    real = draws(50, 20)
    assert 0 <= samples.frechet_distance(real, real) < 1e-10


def test_frechet_distance_does_not_depend_on_the_axes():
    real, drawn = draws(100, 4), draws(120, 4) * 2 + 1
    turn = torch.linalg.qr(draws(4, 4)).Q
    same = samples.frechet_distance(real @ turn, drawn @ turn)
    assert samples.frechet_distance(real, drawn) == pytest.approx(same, rel=1e-9)
    laws.refuses(lambda: samples.frechet_distance(real[:1], drawn), "at least 2")
    laws.refuses(lambda: samples.frechet_distance(real, drawn[:, :3]), "frechet_distance")


def test_the_nearest_training_example():
    train = draws(50, 30)
    index, distance = samples.nearest(torch.cat([train[7:9], train[3:4] + 2]), train)
    assert index[:2].tolist() == [7, 8] and distance[:2].tolist() == [0, 0], "a copy has distance exactly 0"
    apart = (train[3] + 2 - train).norm(dim=1)
    assert distance[2].item() == pytest.approx(apart.min().item()) and index[2] == apart.argmin()
    pixels = torch.randint(17, (5, 64))
    assert samples.nearest(pixels, pixels.flip(0))[0].tolist() == [4, 3, 2, 1, 0]
    laws.refuses(lambda: samples.nearest(draws(2, 3), draws(2, 4)), "nearest")


def test_a_forest_can_be_asked_again_and_leaves_the_generators_alone():
    real, drawn = draws(60, 2), draws(60, 2) + 1
    torch_before, numpy_before = torch.get_rng_state(), np.random.get_state()[1].copy()
    assert samples.two_sample(real, drawn, trees=20) == samples.two_sample(real, drawn, trees=20)
    assert torch.equal(torch.get_rng_state(), torch_before)
    assert (np.random.get_state()[1] == numpy_before).all()


@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
@pytest.mark.parametrize("measure", [samples.two_sample, samples.frechet_distance, samples.nearest])
def test_samples_that_are_no_numbers_are_refused(measure, bad):
    """A forest would take NaN as a value like any other, and tell it well."""
    broken = draws(30, 2)
    broken[7, 1] = bad
    laws.refuses(lambda: measure(draws(30, 2), broken), measure.__name__, "finite")
    laws.refuses(lambda: measure(broken, draws(30, 2)), measure.__name__, "finite")


@needs_gpu
def test_samples_may_lie_on_another_device():
    real, drawn = draws(40, 2), draws(40, 2).requires_grad_()
    for measure in (samples.two_sample, samples.frechet_distance):
        assert measure(real, drawn.cuda()) == measure(real.cuda(), drawn) == measure(real, drawn)
    assert torch.equal(samples.nearest(drawn.cuda(), real)[0], samples.nearest(drawn, real.cuda())[0])

"""Two-dimensional data: two classes, repeatable, in three splits."""

import pytest
import torch

from dgm_lite import laws
from dgm_lite.datasets import toys
from dgm_lite.datasets.rows import Point

MAKERS = [toys.orange_blue, toys.two_moons]


@pytest.mark.parametrize("make", MAKERS)
def test_shapes_and_splits(make):
    data = make(500)
    assert [len(x) for x in (data.train, data.valid, data.test)] == [300, 100, 100]
    assert data.train.shape == (300, 2) and data.train.dtype == torch.float32
    assert data.levels is None and set(data.train_labels.tolist()) == {0, 1}
    laws.splits_are_disjoint(data)
    laws.splits_share_their_classes(data)
    assert data.rows == Point() and data.picture_shape is None


@pytest.mark.parametrize("make", MAKERS)
def test_the_seed_decides(make):
    assert torch.equal(make(100, seed=1).train, make(100, seed=1).train)
    assert not torch.equal(make(100, seed=1).train, make(100, seed=2).train)
    before = torch.get_rng_state()
    make(100)
    assert torch.equal(before, torch.get_rng_state()), "the global generator was used"


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("n", [0, 4, 2.5])
def test_too_few_points_for_three_splits_are_refused(make, n):
    laws.refuses(lambda: make(n), make.__name__)


@pytest.mark.parametrize("make", MAKERS)
def test_five_points_are_enough(make):
    data = make(5)
    assert [len(x) for x in (data.train, data.valid, data.test)] == [3, 1, 1]


def test_moons_are_half_circles():
    data = toys.two_moons(2000, noise=0.0)
    upper = data.train[data.train_labels == 0] + torch.tensor([0.5, 0.25])
    torch.testing.assert_close(upper.norm(dim=1), torch.ones(len(upper)), rtol=1e-4, atol=1e-5)
    assert (upper[:, 1] >= -1e-5).all()


def test_clouds_overlap_but_can_be_told_apart():
    """The nearest mean is right for most points and wrong for some: a task with doubt in it."""
    data = toys.orange_blue()
    means = torch.stack([data.train[data.train_labels == y].mean(0) for y in (0, 1)])
    right = (torch.cdist(data.test, means).argmin(1) == data.test_labels).double().mean()
    assert 0.85 < right < 0.995


def test_clouds_lie_where_their_parameters_say():
    """Mean of each class, and the sum of its variances: within the two clouds and between them."""
    data = toys.orange_blue(40_000)
    for label, mean, spread in ((0, (-0.6, 1.04), 1.5835), (1, (1.2, -0.2), 1.6158)):
        x = data.train[data.train_labels == label]
        torch.testing.assert_close(x.mean(0), torch.tensor(mean), atol=0.04, rtol=0)
        assert x.var(0).sum().item() == pytest.approx(spread, abs=0.05)


@pytest.mark.parametrize("options, noise", [({}, 0.08), ({"noise": 0.2}, 0.2)])
def test_noise_is_a_standard_deviation(options, noise):
    clean, noisy = toys.two_moons(20_000, noise=0.0), toys.two_moons(20_000, **options)
    assert (noisy.train - clean.train).std().item() == pytest.approx(noise, rel=0.02)

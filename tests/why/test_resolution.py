"""Noise at several resolutions: blocks move together, means are written back, and only that changes."""

import math

import pytest
import torch
from torch import nn

from dgm_lite.datasets.dataset import Dataset
from dgm_lite.datasets.images import digits28
from dgm_lite.joint.classifier import Classifier
from dgm_lite.why import resolution
from dgm_lite.why.noise import rms, same_size_noise
from dgm_lite.why.resolution import Enlarged, gains, pooled, size_for_half, trained_at

SIDE = 8


@pytest.fixture
def slope():
    return torch.randn(3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def image():
    return torch.randint(0, 256, (1, 3, SIDE, SIDE), generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("side", [1, 2, 4, 8])
def test_gains_of_a_linear_value_are_those_of_the_equation(slope, image, side):
    """Aligned: sum of |g| over blocks; random signs: the root of the sum of squares."""
    blocks = nn.functional.avg_pool2d(slope, side) * side**2
    generator = torch.Generator().manual_seed(2)
    aligned, random = gains(
        lambda z: (slope * z).flatten(1).sum(1), image.double(), side, n_random=3000, generator=generator
    )
    assert aligned == pytest.approx(blocks.abs().sum().item(), rel=1e-2)
    assert random == pytest.approx(blocks.norm().item(), rel=0.06)


def test_gains_repeat_with_their_generator(slope, image):
    value = lambda z: (slope * z).flatten(1).sum(1)  # noqa: E731
    one, two = (gains(value, image, 2, generator=torch.Generator().manual_seed(0)) for _ in range(2))
    assert one == two


def test_gains_refuse(slope, image):
    value = lambda z: z.flatten(1).sum(1)  # noqa: E731
    with pytest.raises(ValueError, match=r"gains: expected a side that divides \(8, 8\), got 3"):
        gains(value, image, 3)
    with pytest.raises(ValueError, match=r"gains: expected shape \(1, C, H, W\)"):
        gains(value, image[0], 2)
    with pytest.raises(ValueError, match="n_random"):
        gains(value, image, 2, n_random=0)


class Seen(nn.Module):
    def forward(self, x):
        return x


def test_enlarged_repeats_each_pixel_in_a_square():
    small = torch.tensor([[1, 2, 3, 4]])
    seen = Enlarged(Seen(), width=4, side=2)(small).reshape(4, 4)
    assert seen.tolist() == [[1, 1, 2, 2], [1, 1, 2, 2], [3, 3, 4, 4], [3, 3, 4, 4]]
    with pytest.raises(ValueError, match="Enlarged: expected a side that divides 4, got 3"):
        Enlarged(Seen(), width=4, side=3)


def test_enlarged_has_the_loss_of_its_classifier():
    torch.manual_seed(0)
    classifier = Classifier(16, 3, hidden=8)
    x, y = torch.rand(5, 4), torch.tensor([0, 1, 2, 0, 1])
    model = Enlarged(classifier, width=4, side=2)
    whole = x.reshape(5, 2, 2).repeat_interleave(2, 1).repeat_interleave(2, 2).flatten(1)
    torch.testing.assert_close(model.loss(x, y), classifier.loss(whole, y))
    assert model(x.expand(7, 5, 4)).shape == (7, 5, 3)


def test_pooled_takes_the_mean_of_each_block():
    x = torch.tensor([[0, 2, 9, 9, 4, 2, 9, 9, 1, 1, 0, 0, 1, 2, 0, 0]])
    y = torch.tensor([0])
    small = pooled(Dataset("four by four", x, x, x, y, y, y, levels=10), 2)
    assert small.train.tolist() == small.test.tolist() == [[2, 9, 1, 0]]
    assert small.train_labels.tolist() == [0] and small.levels == 10
    with pytest.raises(ValueError, match="square images with a width that 3 divides, got four by four"):
        pooled(Dataset("four by four", x, x, x, levels=10), 3)
    assert torch.equal(pooled(digits28(), 1).test, digits28().test)


def test_size_for_half_lies_between_two_that_were_tried():
    assert size_for_half([1.0, 0.75, 0.25], [1, 4, 16]) == pytest.approx(8)
    assert size_for_half([0.9, 0.4, 0.6, 0.1], [1, 2, 4, 8]) < 2  # the first crossing counts
    assert size_for_half([1.0, 0.9], [1, 2]) == math.inf
    with pytest.raises(ValueError, match="0.5 or more at first, got 0.30"):
        size_for_half([0.3, 0.1], [1, 2])


def test_one_architecture_at_one_resolution(monkeypatch):
    monkeypatch.setattr(resolution, "digits28", lambda: _few(digits28()))
    state = torch.get_rng_state()
    row, again = trained_at(4, epochs=2), trained_at(4, epochs=2)
    assert row == again and torch.equal(torch.get_rng_state(), state)
    assert row["pixels"] == 49 and row["accuracy"] > 0.5
    assert 2 < row["chosen"] < row["random"] <= 256


def _few(data: Dataset) -> Dataset:
    parts = {name: getattr(data, name)[:600] for name in ("train", "valid", "test")}
    labels = {f"{name}_labels": getattr(data, f"{name}_labels")[:600] for name in parts}
    return Dataset("few digits", **parts, **labels, levels=256, rows=data.rows)


def test_random_noise_is_as_large_as_the_chosen_noise(monkeypatch):
    """On black paper half of all pushes would vanish if they were clipped."""
    sizes = []

    def seen(x, changed, **rest):
        noisy = same_size_noise(x, changed, **rest)
        sizes.append([rms(z - x).mean().item() for z in (changed, noisy)])
        return noisy

    monkeypatch.setattr(resolution, "digits28", lambda: _few(digits28()))
    monkeypatch.setattr(resolution, "same_size_noise", seen)
    trained_at(4, epochs=1)
    assert len(sizes) == len(resolution.BUDGETS)
    for chosen, random in sizes:
        assert random == pytest.approx(chosen, rel=0.03 if chosen < 100 else 0.2)  # few such fit

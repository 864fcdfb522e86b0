"""Attacks and their control: within the budget, whole, aimed or not, and as strong as exhaustive search."""

import itertools

import pytest
import torch
from torch import nn

from dgm_lite.joint.classifier import Classifier
from dgm_lite.why.noise import (
    _growth,
    against_both,
    against_classifier,
    first_look,
    margin,
    moves_to_flip,
    one_level,
    pixel_by_pixel,
    projected_gradient,
    rms,
    same_size_noise,
    targeted,
    untargeted,
)

LEVELS = 9


class Line(nn.Module):
    """Logits w_k x: for it the best perturbation is known."""

    def __init__(self, dim: int = 12, n_classes: int = 3):
        super().__init__()
        self.w = nn.Parameter(torch.randn(n_classes, dim, generator=torch.Generator().manual_seed(5)))

    def forward(self, x):
        return x.to(self.w.dtype) @ self.w.T


class Histogram(nn.Module):
    """A density of independent pixels that favours low levels."""

    def __init__(self, dim: int = 12):
        super().__init__()
        self.table = -0.3 * torch.arange(LEVELS, dtype=torch.float).repeat(dim, 1)

    def log_prob(self, x):
        assert x.dim() == 2 and not x.is_floating_point()
        return self.table.log_softmax(1)[torch.arange(x.shape[1]), x].sum(1)


class Chain(nn.Module):
    """Logits of x_d linear in what came before: a first look at its moves is nearly exact."""

    def __init__(self, dim: int = 12):
        super().__init__()
        generator = torch.Generator().manual_seed(2)
        self.own = torch.randn(LEVELS, dim, generator=generator)
        self.past = 0.02 * torch.randn(LEVELS, dim, dim, generator=generator).tril(-1)

    def logits(self, x):
        return self.own + torch.einsum("kde,be->bkd", self.past, x.float())

    def log_prob(self, x):
        return self.logits(x).log_softmax(1).gather(1, x[:, None])[:, 0].sum(1)


@pytest.fixture
def images():
    return torch.randint(0, LEVELS, (20, 12), generator=torch.Generator().manual_seed(1))


@pytest.fixture
def line():
    return Line()


def labels(classifier, x):
    return classifier(x).argmax(-1)


def test_rms_by_hand():
    delta = torch.tensor([[3, 4, 0, 0], [-1, 1, -1, 1]])
    torch.testing.assert_close(rms(delta), torch.tensor([2.5, 1.0], dtype=torch.float64))
    assert rms(delta.reshape(2, 2, 2)).tolist() == rms(delta).tolist()


def test_margin_is_a_difference_of_log_probabilities():
    logits, y = torch.tensor([[1.0, 3.0, 2.0], [5.0, 0.0, 1.0]]), torch.tensor([1, 2])
    assert margin(logits, y).tolist() == [1.0, -4.0]
    log_p = logits.log_softmax(1)
    torch.testing.assert_close(margin(log_p, y), margin(logits, y))
    assert margin(logits.expand(4, 2, 3), y).shape == (4, 2)


# ---- the attack by gradient


@pytest.mark.parametrize("budget", [1, 2, 3])
def test_targeted_stays_in_the_budget_and_on_the_grey_scale(line, images, budget):
    changed = targeted(line, images, 1, budget=budget, levels=LEVELS)
    assert changed.dtype == torch.long and changed.shape == images.shape
    assert (changed - images).abs().max() <= budget
    assert changed.min() >= 0 and changed.max() < LEVELS


def test_targeted_raises_the_target(line, images):
    changed = targeted(line, images, 1, budget=2, levels=LEVELS)
    assert (line(changed).log_softmax(1)[:, 1] >= line(images).log_softmax(1)[:, 1]).all()
    assert (labels(line, changed) == 1).sum() > (labels(line, images) == 1).sum()


def test_targeted_is_optimal_where_the_optimum_is_known(images):
    """Two classes, linear: log p(1 | x) rises with (w_1 - w_0) x, so each pixel goes as far as it may."""
    line = Line(n_classes=2)
    with torch.no_grad():
        line.w.mul_(0.1)  # else p(1 | x) rounds to one, and its gradient to zero
    direction = (line.w[1] - line.w[0]).sign().long()
    best = (images + 2 * direction).clamp(0, LEVELS - 1)
    assert torch.equal(targeted(line, images, 1, budget=2, levels=LEVELS), best)


def test_targeted_without_rounding_may_use_fractions(line, images):
    ghost = targeted(line, images, 1, budget=0.45, levels=LEVELS, whole=False)
    assert ghost.is_floating_point() and not torch.equal(ghost, images.float())
    assert torch.equal(ghost.round().long(), images)  # no file can hold it


def test_targeted_leaves_weights_and_input_alone(line, images):
    before, weights = images.clone(), line.w.clone()
    targeted(line, images, 0, budget=1, levels=LEVELS)
    assert torch.equal(images, before) and torch.equal(line.w, weights) and line.w.grad is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": torch.rand(2, 12)}, "expected integers 0..8, got torch.float32"),
        ({"x": torch.full((2, 12), 9)}, "expected integers 0..8, got values from 9 to 9"),
        ({"x": torch.zeros(0, 12, dtype=torch.long)}, "at least one example"),
        ({"x": [1, 2]}, "expected a torch tensor"),
        ({"budget": 0}, "budget above 0"),
        ({"budget": float("nan")}, "budget above 0"),
        ({"target": 3}, "a label from 0 to 2, got 3"),
        ({"target": -1}, "a label from 0 to 2"),
        ({"n_steps": 0}, "n_steps"),
    ],
)
def test_targeted_refuses(line, images, change, message):
    with pytest.raises(ValueError, match=message):
        targeted(**{"classifier": line, "x": images, "target": 1, "budget": 1, "levels": LEVELS, **change})


@pytest.mark.parametrize("budget", [0.4, 1.0, 1.6, 2.5])
def test_whole_levels_stay_within_a_budget_that_is_not_whole(line, images, budget):
    y = labels(line, images)
    for changed in (
        targeted(line, images, 1, budget=budget, levels=LEVELS),
        untargeted(line, images, y, budget=budget, levels=LEVELS),
    ):
        assert (changed - images).abs().max() <= budget


def test_untargeted_lowers_the_true_label(line, images):
    y = labels(line, images)
    changed = untargeted(line, images, y, budget=2, levels=LEVELS)
    assert (margin(line(changed), y) < margin(line(images), y)).all()
    assert (labels(line, changed) != y).sum() > 5
    with pytest.raises(ValueError, match="untargeted: expected one label per example"):
        untargeted(line, images, y[:3], budget=1, levels=LEVELS)


def test_projected_gradient_takes_any_objective(images):
    brightest = projected_gradient(lambda z: z.sum(1), images, budget=3, levels=LEVELS)
    assert torch.equal(brightest, (images + 3).clamp(max=LEVELS - 1))


def test_attacks_work_where_gradients_are_off(line, images):
    with torch.no_grad():
        off = targeted(line, images, 1, budget=2, levels=LEVELS)
    assert torch.equal(off, targeted(line, images, 1, budget=2, levels=LEVELS))


# ---- the control


def test_control_has_the_same_size_image_by_image(line, images):
    changed = targeted(line, images, 1, budget=2, levels=LEVELS)
    noisy = same_size_noise(images, changed, levels=LEVELS, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(rms(noisy - images), rms(changed - images))
    one, two = (noisy - images).abs().sort(1).values, (changed - images).abs().sort(1).values
    assert torch.equal(one, two)  # the very same changes, elsewhere
    assert noisy.min() >= 0 and noisy.max() < LEVELS


def test_control_has_no_aim():
    """Its mean over many draws is nearly zero where both directions are open."""
    x = torch.full((4000, 12), 4)
    changed = x + torch.tensor([2, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 0])
    delta = same_size_noise(x, changed, levels=LEVELS, generator=torch.Generator().manual_seed(0)) - x
    assert delta.double().mean(0).abs().max() < 0.05
    moved = (delta != 0).double().mean(0)
    assert (moved - 3 / 12).abs().max() < 0.03


def test_control_repeats_with_its_generator(images):
    changed = (images + 1).clamp(max=LEVELS - 1)
    one, two, other = (
        same_size_noise(images, changed, levels=LEVELS, generator=torch.Generator().manual_seed(s))
        for s in (0, 0, 1)
    )
    assert torch.equal(one, two) and not torch.equal(one, other)


def test_control_refuses_another_shape(images):
    with pytest.raises(ValueError, match="same_size_noise: expected shape"):
        same_size_noise(images, images[:3], levels=LEVELS)


# ---- the attack pixel by pixel


def test_each_move_is_one_level_in_one_pixel(line, images):
    y = labels(line, images)
    path = pixel_by_pixel(against_classifier(line, y), images, levels=LEVELS, n_moves=7)
    assert path.shape == (8, 20, 12) and path.dtype == images.dtype and torch.equal(path[0], images)
    moves = (path[1:] - path[:-1]).abs().sum(2)
    assert moves.max() == 1 and path.min() >= 0 and path.max() < LEVELS


def test_the_score_never_rises(line, images):
    y = labels(line, images)
    path = pixel_by_pixel(against_classifier(line, y), images, levels=LEVELS, n_moves=10)
    margins = margin(line(path), y)
    assert (margins[1:] <= margins[:-1] + 1e-5).all() and (margins[-1] < margins[0]).all()


def test_first_move_is_the_best_of_all(line, images):
    y = labels(line, images)
    path = pixel_by_pixel(against_classifier(line, y), images, levels=LEVELS, n_moves=1)
    for i, x in enumerate(images):
        neighbours = []
        for d, s in itertools.product(range(12), (1, -1)):
            z = x.clone()
            z[d] += s
            if 0 <= z[d] < LEVELS:
                neighbours.append(z)
        best = margin(line(torch.stack(neighbours)), y[i].expand(len(neighbours))).min()
        torch.testing.assert_close(margin(line(path[1, i]), y[i]), best)


def test_moves_are_spread_out(images):
    """A second level in the same pixel adds three times as much to the squared size as the first one."""
    line = Line(n_classes=2)
    with torch.no_grad():
        line.w.copy_(torch.tensor([[1.0] * 12, [0.0] * 12]) * torch.linspace(1, 1.5, 12))
    x = torch.full((1, 12), 4)
    path = pixel_by_pixel(against_classifier(line, torch.tensor([0])), x, levels=LEVELS, n_moves=12)
    assert (path[-1] - x).abs().tolist() == [[1] * 12]


def test_a_move_back_is_nearly_free():
    """It counts as one half; divided by a growth below zero, a fall of the score would come last."""
    x, now = torch.tensor([[4, 4]]), torch.tensor([[6, 4]])
    growth = _growth(now, now + one_level(now), x)
    assert growth[:, 0].tolist() == [5, 1, 0.5, 1]  # pixel 0 on, pixel 1 up, pixel 0 back, pixel 1 down


def test_a_move_back_is_made_where_it_pays():
    """Three pixels: the second move makes the first one useless, so it is taken back."""
    x = torch.full((1, 3), 4)
    worth = {(4, 4, 4): 9.0, (5, 4, 4): 6.0, (5, 5, 4): 4.0, (5, 5, 5): 2.0, (4, 5, 5): 1.0}

    def score(z):
        return torch.tensor([[worth.get(tuple(image.tolist()), 10.0) for image in row] for row in z])

    path = pixel_by_pixel(score, x, levels=LEVELS, n_moves=5)
    assert path[:, 0].tolist() == [[4, 4, 4], [5, 4, 4], [5, 5, 4], [5, 5, 5], [4, 5, 5], [4, 5, 5]]


def test_stops_where_nothing_helps():
    line = Line()
    with torch.no_grad():
        line.w.zero_()
    x = torch.zeros(2, 12, dtype=torch.long)
    path = pixel_by_pixel(against_classifier(line, torch.tensor([0, 1])), x, levels=LEVELS, n_moves=3)
    assert torch.equal(path, x.expand(4, 2, 12))


def test_a_long_enough_short_list_changes_nothing(line, images):
    y = labels(line, images)
    score = against_both(line, Histogram(), y, weight=0.5)
    whole = pixel_by_pixel(score, images, levels=LEVELS, n_moves=6)

    def first(now):
        plain = against_classifier(line, y)
        return plain((now + one_level(now)).clamp(0, LEVELS - 1)) - plain(now[None])

    same = pixel_by_pixel(score, images, levels=LEVELS, n_moves=6, first_look=first, shortlist=24)
    assert torch.equal(whole, same)
    short = pixel_by_pixel(score, images, levels=LEVELS, n_moves=6, first_look=first, shortlist=3)
    assert (score(short[-1:])[0] >= score(whole[-1:])[0] - 1e-4).double().mean() > 0.7


def test_who_knows_the_density_keeps_it_higher(line, images):
    y, density = labels(line, images), Histogram()
    plain = pixel_by_pixel(against_classifier(line, y), images, levels=LEVELS, n_moves=10)[-1]
    score = against_both(line, density, y, weight=1.0)
    informed = pixel_by_pixel(score, images, levels=LEVELS, n_moves=10)[-1]
    assert density.log_prob(informed).mean() > density.log_prob(plain).mean()


def test_a_first_look_sees_nearly_what_each_move_does(line, images):
    y, density = labels(line, images), Chain()
    score = against_both(line, density, y, weight=0.5)
    look = first_look(line, density, y, weight=0.5)(images)
    moved = images + one_level(images)
    allowed = ((moved >= 0) & (moved < LEVELS)).all(2)
    exact = score(moved.clamp(0, LEVELS - 1)) - score(images[None])
    assert look.shape == exact.shape == (24, 20)
    assert (look - exact)[allowed].abs().max() < 0.1 * exact[allowed].abs().max()
    plain = first_look(line, density, y, weight=0)(images)
    torch.testing.assert_close(plain[allowed], (margin(line(moved), y) - margin(line(images), y))[allowed])


def test_weight_zero_is_the_plain_attack(line, images):
    y = labels(line, images)
    plain = pixel_by_pixel(against_classifier(line, y), images, levels=LEVELS, n_moves=5)
    score = against_both(line, Histogram(), y, weight=0)
    informed = pixel_by_pixel(score, images, levels=LEVELS, n_moves=5)
    assert torch.equal(plain, informed)


def test_refusals_of_the_greedy_attack(line, images):
    y = labels(line, images)
    with pytest.raises(ValueError, match="Flatten images"):
        pixel_by_pixel(against_classifier(line, y), images.reshape(20, 3, 4), levels=LEVELS, n_moves=1)
    with pytest.raises(ValueError, match="n_moves"):
        pixel_by_pixel(against_classifier(line, y), images, levels=LEVELS, n_moves=0)
    with pytest.raises(ValueError, match="shortlist"):
        pixel_by_pixel(against_classifier(line, y), images, levels=LEVELS, n_moves=1, shortlist=0)
    with pytest.raises(ValueError, match="expected a density with log_prob, got Line"):
        against_both(line, line, y, weight=1)
    with pytest.raises(ValueError, match="weight from 0 up"):
        against_both(line, Histogram(), y, weight=-1)
    with pytest.raises(ValueError, match="expected an autoregressive density, got Histogram"):
        first_look(line, Histogram(), y, weight=1)


def test_moves_to_flip(line, images):
    y = labels(line, images)
    path = pixel_by_pixel(against_classifier(line, y), images, levels=LEVELS, n_moves=12)
    flip = moves_to_flip(line, path, y)
    for i, k in enumerate(flip.tolist()):
        seen = labels(line, path[:, i])
        assert (seen[:k] == y[i]).all()
        assert k == 13 or seen[k] != y[i]
    assert moves_to_flip(line, path[:1], y).tolist() == [1] * 20  # never, in a path without moves
    with pytest.raises(ValueError, match="one label per example"):
        moves_to_flip(line, path, y[:3])


def test_works_on_the_books_classifier():
    torch.manual_seed(0)
    classifier = Classifier(12, 3, hidden=8, scale=8.0)
    x = torch.randint(0, LEVELS, (5, 12))
    y = labels(classifier, x)
    path = pixel_by_pixel(against_classifier(classifier, y), x, levels=LEVELS, n_moves=3)
    assert (margin(classifier(path[-1]), y) < margin(classifier(x), y)).all()
    assert targeted(classifier, x, 2, budget=1, levels=LEVELS).shape == x.shape

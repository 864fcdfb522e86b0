"""Asking for labels: what is asked, how often, and whether it helps where it must."""

import numpy as np
import pytest
import torch

from dgm_lite.datasets.images import digits
from dgm_lite.why.active_learning import (
    Asking,
    Pool,
    at_random,
    courses,
    hide_new_kinds,
    lead,
    learn,
    low_density,
    odd_first,
    small_margin,
)
from dgm_lite.why.detection import NeighbourCode


def clouds(n, seed):
    """Two classes in the plane, and a rare third far away: a twentieth of the points."""
    random = np.random.default_rng(seed)
    y = random.choice(3, size=n, p=[0.48, 0.47, 0.05])
    x = np.array([[-2.0, 0], [2.0, 0], [0, 9.0]])[y] + random.normal(size=(n, 2))
    return torch.tensor(x, dtype=torch.float32), torch.tensor(y)


def pool(**changes):
    x, y = clouds(300, 0)
    test, test_labels = clouds(300, 1)
    log_px = -(x**2).sum(1) / 8  # a density of the two common clouds only: it has never seen the third
    return Pool(**{"x": x, "y": y, "log_px": log_px, "test": test, "test_labels": test_labels} | changes)


def test_budgets_are_kept_and_nothing_is_asked_twice():
    course = learn(pool(), low_density, [5, 11, 40])
    assert len(course.accuracy) == 3
    assert len(course.asked) == len(set(course.asked.tolist())) == 40


def test_low_density_asks_about_the_least_likely():
    p = pool(known=clouds(30, 2)[0], known_labels=clouds(30, 2)[1])
    asked = learn(p, low_density, [0, 10]).asked
    assert set(asked.tolist()) == set(p.log_px.argsort()[:10].tolist())


def test_small_margin_prefers_the_hesitant_guess():
    class Sure:
        def predict_proba(self, x):
            return np.array([[0.9, 0.05, 0.05], [0.4, 0.35, 0.25], [0.6, 0.3, 0.1]])

    now = Asking(np.zeros((3, 2)), np.zeros(3), Sure(), np.random.default_rng(0))
    np.testing.assert_allclose(small_margin(now), [-0.85, -0.05, -0.3])


def test_random_asking_is_repeatable_and_depends_on_the_seed():
    one, same, other = (learn(pool(), at_random, [5, 20], seed=s).asked.tolist() for s in (1, 1, 2))
    assert one == same != other


def test_low_density_finds_a_rare_new_class_sooner_than_chance():
    x, y = clouds(200, 3)
    known = y < 2
    p = pool(known=x[known], known_labels=y[known])
    found, found_by_chance = (
        (p.y[learn(p, s, [0, 15]).asked] == 2).sum().item() for s in (low_density, at_random)
    )
    assert found >= 10 > 5 >= found_by_chance
    assert courses([p] * 3, low_density, [0, 15])[:, -1].mean() > 0.95


def test_accuracy_counts_each_class_alike():
    p = pool()
    only_common = (p.y < 2).nonzero().squeeze(1)[:50]
    p = pool(x=p.x[only_common], y=p.y[only_common], log_px=p.log_px[only_common])
    # Never having met the third class, a twentieth of the objects, costs a third of the score.
    assert learn(p, at_random, [50]).accuracy[0] == pytest.approx(2 / 3, abs=0.05)


def test_courses_has_one_row_and_one_seed_per_pool():
    both = courses([pool(), pool()], at_random, [5, 10])
    assert both.shape == (2, 2)
    np.testing.assert_array_equal(both[1], learn(pool(), at_random, [5, 10], seed=1).accuracy)


def test_new_kinds_are_hidden_in_the_pool_and_tested_on_other_objects():
    data, foreign = digits(), torch.randint(17, (60, 64), generator=torch.Generator().manual_seed(0))
    density = NeighbourCode(data.train, 17, width=8)
    names = list("ABCDEF") * 10
    made = hide_new_kinds(data, foreign, names, density, n_known=50, n_kinds=2, scale=16, seed=3)
    assert len(made.x) == 350 + 10 and len(made.test) == 447 + 10 and len(made.known) == 50
    assert made.y[350:].tolist() == made.test_labels[447:].tolist() == [10] * 5 + [11] * 5
    torch.testing.assert_close(made.log_px, density.log_prob((made.x * 16).round().long()))
    hidden, tested = ({tuple(row) for row in x[-10:].tolist()} for x in (made.x, made.test))
    assert not hidden & tested
    again = hide_new_kinds(data, foreign, names, density, n_known=50, n_kinds=2, scale=16, seed=4)
    assert not torch.equal(again.x, made.x) and not torch.equal(again.known, made.known)


BAD = [
    (lambda: pool(y=torch.zeros(4)), "Pool labels: expected shape (300,)"),
    (lambda: pool(log_px=torch.full((300,), torch.nan)), "finite"),
    (lambda: pool(known=torch.zeros(3, 2)), "one without the other"),
    (lambda: courses([], at_random, [5]), "at least one pool"),
    (lambda: hide_new_kinds(digits(), digits().test, ["A"], None), "at least 4 kinds, got 1 of 1"),
    (lambda: learn(pool(), at_random, []), "rising budgets"),
    (lambda: learn(pool(), at_random, [10, 10]), "rising budgets"),
    (lambda: learn(pool(), at_random, [10, 301]), "up to 300 labels"),
    (lambda: learn(pool(), at_random, [0, 10]), "first budget of 1 or more"),
]


@pytest.mark.parametrize(("call", "words"), BAD)
def test_bad_input_is_refused(call, words):
    with pytest.raises(ValueError) as refusal:
        call()
    assert words in str(refusal.value)


def test_odd_first_changes_over_when_it_has_asked_enough():
    class Unsure:
        def predict_proba(self, x):
            return np.array([[0.6, 0.4], [0.9, 0.1], [0.5, 0.5]])

    log_px, chosen = np.array([-1.0, -9.0, -5.0]), []
    for n in (0, 19, 20, 60):
        chosen.append(odd_first(20)(Asking(np.zeros((3, 2)), log_px, Unsure(), None, n)).argmax())
    assert chosen == [1, 1, 2, 2]
    p = pool(known=clouds(30, 2)[0], known_labels=clouds(30, 2)[1])
    both, odd = (learn(p, strategy, [0, 10, 20]).asked for strategy in (odd_first(10), low_density))
    assert set(both[:10]) == set(odd[:10]) and set(both) != set(odd)


def test_a_lead_comes_with_the_interval_of_its_pairs():
    rival = np.array([0.1, 0.5, 0.9])
    ahead, half = lead(rival + [0.1, 0.2, 0.3], rival)
    assert ahead == pytest.approx(0.2)
    assert half == pytest.approx(4.3027 * 0.1 / 3**0.5, rel=1e-4)  # Student's t with two degrees of freedom


@pytest.mark.parametrize(("runs", "rival"), [([0.5], [0.4]), ([0.5, 0.6], [0.4])])
def test_a_lead_needs_pairs(runs, rival):
    with pytest.raises(ValueError, match="as many games, at least 2"):
        lead(np.array(runs), np.array(rival))


def test_odd_first_needs_a_number():
    with pytest.raises(ValueError, match="odd_first"):
        odd_first(0)

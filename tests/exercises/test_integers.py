"""Exercises of "Flows on integers": solutions pass, likely mistakes are named."""

from itertools import permutations

import torch
import torch.nn.functional as F

from dgm_lite.exercises import integers as chapter
from dgm_lite.exercises.integers import q1, q2, q3, q4
from tests.exercises import naming, passing

test_reference_solutions_pass = passing(
    [
        (q1, chapter.to_data),
        (q1, lambda a, b, t: (a, b - torch.round(t(a)).to(torch.long))),
        (q2, chapter.mirrored()),
        (q2, " C "),
        (q3, chapter.log_cell),
        (q4, chapter.slope()),
        (q4, 4.0),
    ]
)


def edges(z, mu, s):
    return (z + 0.5 - mu) / s, (z - 0.5 - mu) / s


def mass(z, mu, s):
    above, below = edges(z, mu, s)
    return above.sigmoid() - below.sigmoid()


def density(z, mu, s):
    v = (z - mu) / s
    return F.logsigmoid(v) + F.logsigmoid(-v) - torch.tensor(s).log()


def tails_off(z, mu, s):
    return chapter.log_cell(z, mu, s) * torch.where(z.abs() > 50, 1.1, 1.0)


def not_a_number(z, mu, s):
    return torch.where(z.abs() > 50, torch.nan, chapter.log_cell(z, mu, s))


WRONG = [
    (q1, lambda a, b, t: (a, b - t(a)), "no integers any more"),
    (q1, lambda a, b, t: (a, b + t(a).round().long()), "forwards once more"),
    (q1, lambda a, b, t: (a, (b - t(a)).round().long()), "rounded the difference"),
    (q1, lambda a, b, t: (a, b - t(a).long()), "cut off instead of rounded"),
    (q1, lambda a, b, t: (a, b - t(b).round().long()), "the part that moved"),
    (q1, lambda a, b, t: (a, b - t(a).round()), "Make them integers"),
    (q1, lambda a, b, t: (a + 1, b), "as it was"),
    (q1, lambda a, b, t: (a, b), "does not come back"),
    (q1, lambda a, b, t: b, "Expected two tensors"),
    (q1, lambda a: a, "could not be run"),
    (q2, "a", "stand empty"),
    (q2, "b", "both z = 1"),
    (q2, "d", "real numbers"),
    (q2, "none", "Expected one letter"),
    (q3, mass, "give its logarithm"),
    (
        q3,
        lambda z, mu, s: mass(z, mu, s).log(),
        "holds minus infinity at [0]. Right near the middle, but not in the tails",
    ),
    (q3, lambda z, mu, s: (mass(z, mu, s) + 1e-8).log(), "a floor"),
    (q3, lambda z, mu, s: mass(z, mu, s).clamp(min=1e-12).log(), "a floor"),
    (q3, density, "density"),
    (q3, lambda z, mu, s: sum(map(F.logsigmoid, edges(z, mu, s))), "not those of the formula"),
    (q3, tails_off, "off in the tails"),
    (q3, not_a_number, "holds NaN at [0]. Right near the middle"),
    (q3, lambda z, mu, s: mass(z, mu, s).log().sum(), "in the shape of z"),
    (q4, -4, "As t rises"),
    (q4, 0, "slope of round"),
    (q4, 2.2, "That is the expectation"),
    (q4, 1.2, "since t = 3"),
    (q4, 7, "Not 7"),
    (q4, lambda: 4, "Expected a number"),
]

test_likely_mistakes_are_named = naming(WRONG)


# ---- what the solutions with pen and paper say


def test_no_bijection_of_two_bits_makes_these_independent():
    for p_00, p_01, p_10, p_11 in permutations((1 / 2, 1 / 4, 1 / 8, 1 / 8)):
        assert abs(p_00 * p_11 - p_01 * p_10) > 0.01


def test_no_factor_but_one_and_minus_one_is_a_bijection_of_the_integers():
    """Not even where the result is rounded, and with halves to the even neighbour not with every summand."""
    x = torch.arange(-3000, 3001, dtype=torch.double)

    def bijection(a: float, b: float) -> bool:
        z = (a * x + b).round().long().tolist()
        return len(set(z)) == len(z) and set(range(-200, 201)) <= set(z)

    for a in (-3, -1.02, -0.98, -0.4, 0.01, 0.5, 0.99, 1.01, 1.5, 2):
        assert not any(bijection(a, b) for b in (0, 0.3, 0.5, 7))
    assert all(bijection(a, b) for a in (1, -1) for b in (0, 0.3, -7))
    assert not bijection(1, 0.5)

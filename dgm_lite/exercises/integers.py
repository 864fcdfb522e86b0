"""Exercises of the chapter "Flows on integers"."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from dgm_lite.exercises.answers import Letter, a_function, numbers, refuse_if, tensor_of, two_parts, wants
from dgm_lite.exercises.exercise import Exercise


def to_data(z_a: Tensor, z_b: Tensor, t) -> tuple[Tensor, Tensor]:
    return z_a, z_b - t(z_a).round().long()


def _check_inverse(answer) -> str:
    f = a_function(answer, "to_data(z_a, z_b, t)")
    halves = lambda v: 0.5 * v.flip(1) + 0.25 * (v % 2)  # noqa: E731 (in odd places and in even ones)
    for t, dim in ((halves, 3), (halves, 3), (lambda v: 1.5 * v + 0.3, 2)):
        x_a, x_b = torch.randint(-20, 20, (2, 50, dim))
        z_b = x_b + t(x_a).round().long()
        a, b = two_parts(f(x_a, z_b, t), "tensors, x_a and x_b")
        wants(a, x_a, otherwise="The first part should come back as it was: the layer never moved it.")
        mistakes = {
            "These are no integers any more: t was taken off without rounding it.": z_b - t(x_a),
            "This runs the layer forwards once more.": z_b + t(x_a).round(),
            "Nearly. You rounded the difference, and halves are rounded to the even neighbour: which one "
            "that is depends on z_b. Round t alone, as the layer did.": (z_b - t(x_a)).round(),
            "t was cut off instead of rounded: 1.7 became 1 here, and 2 on the way there.": z_b
            - t(x_a).long(),
            "t was read off the part that moved. Read it off z_a.": z_b - t(z_b).round(),
        }
        wants(b, x_b, mistakes, "The second part does not come back as it was.")
        real = tensor_of(b).is_floating_point()  # the one type that the task asks for
        refuse_if({"The numbers are right. Make them integers: round(), then long().": real})
    return "Every integer comes back, also where t lies half-way between two."


q1 = Exercise(
    "q1",
    _check_inverse,
    "x_a stands in z as z_a. So the very same whole number that was added can be computed again.",
    to_data,
    "Both directions round the same t, so they add and take off the same integer. Nothing else may be "
    "rounded, because a rounding can't be undone.",
)


def mirrored() -> str:
    return "c"


q2 = Exercise(
    "q2",
    Letter(
        mirrored(),
        "Of all factors only 1 and -1 map the integers onto the integers.",
        a="No x has z = 1: odd numbers stand empty, and their share of p(z) is lost.",
        b="x = 1 and x = 2 have both z = 1, so no one can tell which of them it was.",
        d="It works on real numbers. Here x = 2 and x = 3 both have z = 2, from 1.6 and from 2.4.",
    ),
    "Write down z for x = 0, 1, 2, 3, 4. Does a value come twice? Is one left out?",
    mirrored,
    "c is a mirror image with a shift: x = 5 - z. In a, half of the integers are never reached; in b and "
    "d some are reached twice.",
)


def log_cell(z: Tensor, mu: float, s: float) -> Tensor:
    above, below = (z + 0.5 - mu) / s, (z - 0.5 - mu) / s
    width = torch.log(-torch.expm1(torch.tensor(-1 / s)))  # log(1 - exp(-1/s))
    return F.logsigmoid(above) + F.logsigmoid(-below) + width


def _check_cell(answer) -> str:
    f = a_function(answer, "log_cell(z, mu, s)")
    each, near = "one number for each z, in the shape of z", torch.arange(-3.0, 4.0)
    for z, mu, s in ((near, 1.5, 0.6), (near.flip(0), 1.5, 0.6), (near, 0.3, 0.8)):
        v = (z - mu) / s
        right, density = log_cell(z.double(), mu, s), F.logsigmoid(v) + F.logsigmoid(-v) - math.log(s)
        mistakes = {
            "This is the mass itself; give its logarithm.": right.exp(),
            "This is the density at z. Asked for is the mass from z - 1/2 to z + 1/2.": density,
        }
        middle = "Near the middle the values are not those of the formula."
        wants(f(z, mu, s), right, mistakes, middle, each=each)
    z = torch.arange(-400.0, 401.0)
    tails = (
        "Right near the middle, but not in the tails: there both sigmoids round to the same number, or an "
        "exponential overflows. Rewrite their difference as a product."
    )
    given = f(z, mu, s, at_the_edge=tails)
    value = numbers(given, z.shape, each=each, not_finite=tails)
    lowest, mass = value[z.abs() > 100].min(), value.exp().sum()
    floor = (
        f"Right near the middle, but the tails stop falling at {lowest:.0f}: a floor. These 801 integers "
        f"have a mass of {mass:.7f}, and it grows with every further integer."
    )
    refuse_if({floor: lowest > -120})
    wants(given, log_cell(z.double(), mu, s), otherwise="Right near the middle, and off in the tails.")
    return "It holds as far as floats reach, and all integers together have the mass one."


q3 = Exercise(
    "q3",
    _check_cell,
    "sigmoid(a) - sigmoid(b) = sigmoid(a) sigmoid(-b) (1 - exp(b - a)). What is a - b here? And torch has "
    "logsigmoid.",
    log_cell,
    "A product of three positive factors becomes a sum of three logarithms. None of them cancels or "
    "underflows, so no floor is needed.",
)


def slope() -> float:
    return 5 - 1


def _check_slope(answer) -> str:
    mistakes = {
        "The size is right. As t rises, the dearer one is drawn more often.": -4,
        "0 is the slope of round(t). Asked for is that of the expectation.": 0,
        "That is the expectation, 0.7 · 1 + 0.3 · 5. How does it rise with t?": 2.2,
        "That is 0.3 · 4, what the expectation has risen by since t = 3.": 1.2,
    }
    wants(answer, slope(), mistakes, "Not {got}. Write the expectation as a function of t, from 3 to 4.")
    return "The slope is the true difference between two integers, not that of a curve in between."


q4 = Exercise(
    "q4",
    _check_slope,
    "With t = 3.3 the shift is 3 with probability 0.7 and 4 with probability 0.3. With t = 3.4?",
    slope,
    "The expectation is (4 - t) · 1 + (t - 3) · 5, whose slope is 5 - 1. It pushes t down to 3, where "
    "rounding loses nothing.",
)

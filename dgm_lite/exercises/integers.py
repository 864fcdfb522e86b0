"""Exercises of the chapter "Flows on integers"."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from dgm_lite.exercises.exercise import Exercise, letter_of, right_if

# --- Exercise 1 ------------------------------------------------------------------------------


def _check_inverse(to_data) -> str:
    right_if(callable(to_data), f"Expected a function to_data(z_a, z_b, t); got {type(to_data).__name__}.")
    generator = torch.Generator().manual_seed(0)
    x_a, x_b = torch.randint(-20, 20, (2, 50, 3), generator=generator)
    t = lambda v: 0.5 * v.flip(1) + 0.25 * (v % 2)  # noqa: E731 (halves, in odd places and in even ones)
    z_b = x_b + t(x_a).round().long()
    answer = to_data(x_a, z_b, t)
    right_if(isinstance(answer, tuple) and len(answer) == 2, "Expected two tensors, x_a and x_b.")
    a, b = answer
    right_if(torch.equal(a, x_a), "The first part should come back as it was: the layer never moved it.")
    same = lambda value: b.shape == value.shape and torch.equal(b.double(), value.double())  # noqa: E731
    right_if(not same(z_b - t(x_a)), "These are no integers any more: t was taken off without rounding it.")
    right_if(not same(z_b + t(x_a).round()), "This runs the layer forwards once more.")
    right_if(
        not same((z_b - t(x_a)).round()),
        "Nearly. You rounded the difference, and halves are rounded to the even neighbour: which one that is "
        "depends on z_b. Round t alone, as the layer did.",
    )
    right_if(
        not same(z_b - t(x_a).long()),
        "t was cut off instead of rounded: 1.7 became 1 here, and 2 on the way there.",
    )
    right_if(not same(z_b - t(z_b).round()), "t was read off the part that moved. Read it off z_a.")
    right_if(same(x_b), "The second part does not come back as it was.")
    right_if(not b.is_floating_point(), "The numbers are right. Make them integers: round(), then long().")
    return "Every integer comes back, also where t lies half-way between two."


def to_data(z_a: Tensor, z_b: Tensor, t) -> tuple[Tensor, Tensor]:
    return z_a, z_b - t(z_a).round().long()


q1 = Exercise(
    "q1",
    _check_inverse,
    "x_a stands in z as z_a. So the very same whole number that was added can be computed again.",
    to_data,
    "Both directions round the same t, so they add and take off the same integer. Nothing "
    "else may be rounded, because a rounding can't be undone.",
)


# --- Exercise 2 ------------------------------------------------------------------------------


def _check_letter(answer) -> str:
    letter = letter_of(answer, "abcd")
    right_if(letter != "a", "No x has z = 1: odd numbers stand empty, and their share of p(z) is lost.")
    right_if(letter != "b", "x = 1 and x = 2 have both z = 1, so no one can tell which of them it was.")
    right_if(
        letter != "d",
        "It works on real numbers. Here x = 2 and x = 3 both have z = 2, from 1.6 and from 2.4.",
    )
    return "Of all factors only 1 and -1 map the integers onto the integers."


def mirrored() -> str:
    return "c"


q2 = Exercise(
    "q2",
    _check_letter,
    "Write down z for x = 0, 1, 2, 3, 4. Does a value come twice? Is one left out?",
    mirrored,
    "c is a mirror image with a shift: x = 5 - z. In a, half of the integers are never reached; in b "
    "and d some are reached twice.",
)


# --- Exercise 3 ------------------------------------------------------------------------------


def _check_cell(log_cell) -> str:
    right_if(callable(log_cell), f"Expected a function log_cell(z, mu, s); got {type(log_cell).__name__}.")
    z = torch.arange(-400, 401, dtype=torch.float32)
    mu, s = 0.3, 0.8
    answer = log_cell(z, mu, s)
    right_if(
        isinstance(answer, Tensor) and answer.shape == z.shape,
        "Expected one number for each z, in the shape of z.",
    )
    double = z.double()
    above, below = (double + 0.5 - mu) / s, (double - 0.5 - mu) / s
    wanted = F.logsigmoid(above) + F.logsigmoid(-below) + math.log(-math.expm1(-1 / s))
    answer = answer.double()
    middle = z.abs() <= 3
    near = lambda value, where: torch.allclose(answer[where], value[where], rtol=1e-4, atol=1e-4)  # noqa: E731
    right_if(not near(wanted.exp(), middle), "This is the mass itself; give its logarithm.")
    density = F.logsigmoid(double / s - mu / s) + F.logsigmoid(mu / s - double / s) - math.log(s)
    right_if(
        not near(density, middle),
        "This is the density at z. Asked for is the mass from z - 1/2 to z + 1/2.",
    )
    right_if(near(wanted, middle), "Near the middle the values are not those of the formula.")
    mass = answer.exp().sum().item()
    far = answer[z.abs() > 100]
    right_if(
        torch.isfinite(far).all() or far.isnan().any(),
        "Right near the middle, and minus infinity in the tails: there both sigmoids round to the same "
        "number. Rewrite their difference as a product.",
    )
    right_if(torch.isfinite(far).all(), "Right near the middle, and not a number in the tails.")
    right_if(
        far.min() < -120,
        f"Right near the middle, but the tails stop falling at {far.min():.0f}: a floor. These 801 integers "
        f"have a mass of {mass:.7f}, and it grows with every further integer.",
    )
    right_if(near(wanted, z == z), "Right near the middle, and off in the tails.")
    return "It holds as far as floats reach, and all integers together have the mass one."


def log_cell(z: Tensor, mu: float, s: float) -> Tensor:
    above, below = (z + 0.5 - mu) / s, (z - 0.5 - mu) / s
    width = torch.log(-torch.expm1(torch.tensor(-1 / s)))  # log(1 - exp(-1/s))
    return F.logsigmoid(above) + F.logsigmoid(-below) + width


q3 = Exercise(
    "q3",
    _check_cell,
    "sigmoid(a) - sigmoid(b) = sigmoid(a) sigmoid(-b) (1 - exp(b - a)). What is a - b here? And "
    "torch has logsigmoid.",
    log_cell,
    "A product of three positive factors becomes a sum of three logarithms. None of them "
    "cancels or underflows, so no floor is needed.",
)


# --- Exercise 4 ------------------------------------------------------------------------------


def _check_slope(answer) -> str:
    right_if(not callable(answer), "Expected a number.")
    value = float(answer)
    right_if(abs(value + 4) > 1e-6, "The size is right. As t rises, the dearer one is drawn more often.")
    right_if(abs(value) > 1e-6, "0 is the slope of round(t). Asked for is that of the expectation.")
    right_if(
        abs(value - 2.2) > 1e-6,
        "That is the expectation, 0.7 · 1 + 0.3 · 5. How does it rise with t?",
    )
    right_if(abs(value - 1.2) > 1e-6, "That is 0.3 · 4, what the expectation has risen by since t = 3.")
    right_if(abs(value - 4) < 1e-6, f"Not {value:g}. Write the expectation as a function of t, from 3 to 4.")
    return "The slope is the true difference between two integers, not that of a curve in between."


def slope() -> float:
    return 5 - 1


q4 = Exercise(
    "q4",
    _check_slope,
    "With t = 3.3 the shift is 3 with probability 0.7 and 4 with probability 0.3. With t = 3.4?",
    slope,
    "The expectation is (4 - t) · 1 + (t - 3) · 5, whose slope is 5 - 1. It pushes t "
    "down to 3, where rounding loses nothing.",
)

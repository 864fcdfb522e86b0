"""Exercises of the chapter "Change of variables"."""

import math

import torch
from torch import Tensor

from dgm_lite.exercises.exercise import Exercise, letter_of, right_if

# --- Exercise 1 ------------------------------------------------------------------------------


def _check_density(log_prob) -> str:
    right_if(callable(log_prob), f"Expected a function log_prob(x); got {type(log_prob).__name__}.")
    x = torch.linspace(-400, 400, 400_001, dtype=torch.float64)
    answer = log_prob(x)
    right_if(
        isinstance(answer, Tensor) and answer.shape == x.shape,
        "Expected one number for each x, in the shape of x.",
    )
    right_if(
        torch.isfinite(answer).all(),
        "Some values are not finite. The map is smooth everywhere: is a logarithm taken of "
        "something negative?",
    )
    base = -0.5 * (x.asinh() ** 2 + math.log(2 * math.pi))
    stretch = -0.5 * (1 + x**2).log()
    wanted = base + stretch
    near = lambda value: torch.allclose(answer, value, atol=1e-4)  # noqa: E731
    right_if(not near(wanted.exp()), "This is the density itself; give its logarithm.")
    right_if(not near(base), "This is log p_z(f(x)) alone: the stretch of f is missing.")
    right_if(
        not near(base - stretch),
        "The stretch is there with the wrong sign: where |f'| is small, p(x) is small too.",
    )
    right_if(not near(base + stretch.exp()), "You added |f'(x)| to a logarithm. Add log |f'(x)|.")
    right_if(
        not near(wanted + 0.5 * math.log(2 * math.pi)),
        "Nearly: the constant log sqrt(2 pi) of the normal density is missing.",
    )
    mass = (answer.exp().sum() * (x[1] - x[0])).item()
    right_if(near(wanted), f"Summed over a fine grid your density gives {mass:.3f}; it should be 1.")
    return "It integrates to one, with tails far heavier than the normal's."


def log_prob(x: Tensor) -> Tensor:
    z = torch.asinh(x)
    log_pz = -0.5 * (z**2 + math.log(2 * math.pi))
    return log_pz - 0.5 * torch.log(1 + x**2)  # f'(x) = 1 / sqrt(1 + x^2)


q1 = Exercise(
    "q1",
    _check_density,
    "You need f(x), which undoes sinh, and its derivative, 1 / sqrt(1 + x^2).",
    log_prob,
    "log p(x) = log p_z(f(x)) + log |f'(x)|. Far out |f'(x)| is about 1/|x|: the line is "
    "squeezed there on its way to z, so x's tails are long.",
)


# --- Exercise 2 ------------------------------------------------------------------------------


def _check_inverse(to_data) -> str:
    right_if(callable(to_data), f"Expected a function to_data(z_a, z_b, s, t); got {type(to_data).__name__}.")
    generator = torch.Generator().manual_seed(0)
    x_a, x_b = torch.randn(2, 6, 3, generator=generator, dtype=torch.float64)
    s, t = lambda v: torch.tanh(2 * v.flip(1)), lambda v: v**2 + 1
    z_b = x_b * s(x_a).exp() + t(x_a)
    answer = to_data(x_a, z_b, s, t)
    right_if(isinstance(answer, tuple) and len(answer) == 2, "Expected two tensors, x_a and x_b.")
    a, b = answer
    right_if(torch.equal(a, x_a), "The first part should come back as it was: the layer never moved it.")
    near = lambda value: torch.allclose(b, value, atol=1e-8)  # noqa: E731
    right_if(not near(z_b * s(x_a).exp() + t(x_a)), "This runs the layer forwards once more.")
    right_if(
        not near(z_b / s(x_a).exp() - t(x_a)),
        "The right operations in the wrong order: what was done last has to be undone first.",
    )
    right_if(not near((z_b - t(x_a)) / s(x_a)), "s is the logarithm of the scale: divide by exp(s).")
    right_if(
        not near((z_b - t(z_b)) / s(z_b).exp()),
        "s and t were read off the part that moved. Read them off z_a, which still equals x_a.",
    )
    right_if(near(x_b), "The second part does not come back as it was.")
    return "It comes back exactly, and nobody had to invert s or t."


def to_data(z_a, z_b, s, t):
    x_b = (z_b - t(z_a)) / s(z_a).exp()
    return z_a, x_b


q2 = Exercise(
    "q2",
    _check_inverse,
    "x_a stands in z as z_a, so s and t of it can be computed again. Then solve the equation for x_b.",
    to_data,
    "The shift came last, so it goes first. s and t may be any networks at all, because "
    "they only ever run forwards.",
)


# --- Exercise 3 ------------------------------------------------------------------------------


def _check_nats(answer) -> str:
    right_if(not callable(answer), "Expected a number, in nats.")
    value = float(answer)
    wanted = 64 * math.log(2)
    right_if(abs(value - 64) > 1e-6, "64 is the answer in bits. Nats: multiply by log 2.")
    right_if(abs(value - math.log(2)) > 1e-3, "That is one pixel's share. The image has 64.")
    right_if(
        abs(value + wanted) > 0.5, "The size is right. By how much is it too good: give a positive number."
    )
    right_if(
        abs(value - 64 * math.log(17)) > 0.5,
        "That is what the scaling by L costs. How much smaller is the noise's cell?",
    )
    right_if(
        abs(value - wanted) < 0.5,
        f"Not {value:.1f}. By which factor can the density rise if it need only cover half of each side?",
    )
    return "That is 44.4 nats of 94: a bound that is wrong by that much ranks nothing."


def too_good_by():
    return 64 * math.log(2)


q3 = Exercise(
    "q3",
    _check_nats,
    "Where no noise falls, the model needs no density. How much denser may the rest "
    "become, for one pixel and for all?",
    too_good_by,
    "Half of each side carries all the mass, so the density may double along each of 64 "
    "axes: a factor of 2^64, whose logarithm is 64 log 2 = 44.4 nats.",
)


# --- Exercise 4 ------------------------------------------------------------------------------


def _check_letter(answer) -> str:
    letter = letter_of(answer, "abcd")
    right_if(letter != "a", "relu sends all negative numbers to 0: no one can tell where they came from.")
    right_if(
        letter != "c",
        "Both numbers of z are the same, so the plane is pressed onto a line; the determinant "
        "is 0 everywhere.",
    )
    right_if(
        letter != "d",
        "It folds: (1, 0) and (-1, 0) have the same z. The formula would still return "
        "numbers, and they would not sum to one.",
    )
    return "x_0 can be read off z_0, so g(x_0) is known and can be taken off, whatever g is."


def a_coupling() -> str:
    return "b"


q4 = Exercise(
    "q4",
    _check_letter,
    "Try to solve each for x. Where can two different x share a z?",
    a_coupling,
    "b is an additive coupling. Its determinant is 1 for every network g, invertible or not.",
)

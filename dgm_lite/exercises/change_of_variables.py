"""Exercises of the chapter "Change of variables"."""

import math

import torch
from torch import Tensor, nn

from dgm_lite.distributions import StandardNormal
from dgm_lite.exercises.answers import Letter, Wrong, a_function, numbers, two_parts, wants
from dgm_lite.exercises.exercise import Exercise
from dgm_lite.flows.flow import Flow
from dgm_lite.laws import check_model
from dgm_lite.nets import mlp
from dgm_lite.protocols import Bijection, Density


def log_prob(x: Tensor) -> Tensor:
    z = torch.asinh(x)
    log_pz = -0.5 * (z**2 + math.log(2 * math.pi))
    return log_pz - 0.5 * torch.log(1 + x**2)  # f'(x) = 1 / sqrt(1 + x^2)


def _check_density(answer) -> str:
    x = torch.linspace(-400, 400, 8_001, dtype=torch.float64)
    smooth = "The map is smooth everywhere: is a logarithm taken of something negative?"
    f = a_function(answer, "log_prob(x)")
    given = f(x, at_the_edge=smooth)
    value = numbers(given, x.shape, each="one number for each x, in the shape of x", not_finite=smooth)
    right, stretch = log_prob(x), -0.5 * (1 + x**2).log()
    base, constant = right - stretch, 0.5 * math.log(2 * math.pi)
    mistakes = {
        "This is the density itself; give its logarithm.": right.exp(),
        "This is log p_z(f(x)) alone: the stretch of f is missing.": base,
        "The stretch is there with the wrong sign: where |f'| is small, p(x) is small too.": base - stretch,
        "You added |f'(x)| to a logarithm. Add log |f'(x)|.": base + stretch.exp(),
        "Nearly: the constant log sqrt(2 pi) of the normal density is missing.": right + constant,
    }
    mass = value.exp().sum() * (x[1] - x[0])
    otherwise = f"Summed over a fine grid your density gives {mass:.3f}; it should be 1."
    if (value - right).abs().max() < 0.5:
        otherwise = (
            "Nearly: expected {right}{place}, far out on the left or right; got {got}. That looks like the "
            "rounding of float32: for x << 0 the sum x + sqrt(x^2 + 1) cancels. asinh does not."
        )
    elif abs(mass - 1) < 1e-3:
        otherwise = (
            "Your density integrates to one, but it is another one: expected {right}{place}; got {got}."
        )
    wants(given, right, mistakes, otherwise)
    for other in (x / 2 + 1, torch.tensor([[3.0, -1.5], [0.0, 20.0]], dtype=torch.float64)):
        own = "Each number should depend on its own x alone: expected {right}{place}; got {got}."
        wants(f(other), log_prob(other), otherwise=own, each="one number for each x, in the shape of x")
    return "It integrates to one, with tails far heavier than the normal's."


q1 = Exercise(
    "q1",
    _check_density,
    "You need f(x), which undoes sinh, and its derivative, 1 / sqrt(1 + x^2).",
    log_prob,
    "log p(x) = log p_z(f(x)) + log |f'(x)|. Far out |f'(x)| is about 1/|x|: the line is squeezed there "
    "on its way to z, so x's tails are long.",
)


def to_data(z_a, z_b, s, t):
    x_b = (z_b - t(z_a)) / s(z_a).exp()
    return z_a, x_b


def _check_inverse(answer) -> str:
    f = a_function(answer, "to_data(z_a, z_b, s, t)")
    one, two = lambda v: torch.tanh(2 * v.flip(1)), lambda v: v**2 + 1
    order = "The right operations in the wrong order: what was done last has to be undone first."
    moved = "s and t were read off the part that moved. Read them off z_a, which still equals x_a."
    for s, t, dim in ((one, two, 3), (one, two, 3), (torch.sin, one, 2)):
        x_a, x_b = torch.randn(2, 6, dim)
        z_b = x_b * s(x_a).exp() + t(x_a)
        a, b = two_parts(f(x_a, z_b, s, t), "tensors, x_a and x_b")
        wants(a, x_a, otherwise="The first part should come back as it was: the layer never moved it.")
        mistakes = {
            "This runs the layer forwards once more.": z_b * s(x_a).exp() + t(x_a),
            order: z_b / s(x_a).exp() - t(x_a),
            "s is the logarithm of the scale: divide by exp(s).": (z_b - t(x_a)) / s(x_a),
            moved: (z_b - t(z_b)) / s(z_b).exp(),
        }
        wants(b, x_b, mistakes, "The second part does not come back as it was.")
    return "It comes back exactly, and nobody had to invert s or t."


q2 = Exercise(
    "q2",
    _check_inverse,
    "x_a stands in z as z_a, so s and t of it can be computed again. Then solve the equation for x_b.",
    to_data,
    "The shift came last, so it goes first. s and t may be any networks at all, because they only ever "
    "run forwards.",
)


def too_good_by():
    return 64 * math.log(2)


def _check_nats(answer) -> str:
    right = too_good_by()
    mistakes = {
        "64 is the answer in bits. Nats: multiply by log 2.": 64,
        "That is one pixel's share. The image has 64.": math.log(2),
        "The size is right. By how much is it too good: give a positive number.": -right,
        "That is what the scaling by L costs. How much smaller is the noise's cell?": 64 * math.log(17),
    }
    otherwise = "Not {got}. By which factor can the density rise if it need only cover half of each side?"
    wants(answer, right, mistakes, otherwise, tolerance=0.01)
    return "That is 44.4 nats of 94: a bound that is wrong by that much ranks nothing."


q3 = Exercise(
    "q3",
    _check_nats,
    "Where no noise falls, the model needs no density. How much denser may the rest become, for one pixel "
    "and for all?",
    too_good_by,
    "Half of each side carries all the mass, so the density may double along each of 64 axes: a factor of "
    "2^64, whose logarithm is 64 log 2 = 44.4 nats.",
)


def a_coupling() -> str:
    return "b"


q4 = Exercise(
    "q4",
    Letter(
        a_coupling(),
        "x_0 can be read off z_0, so g(x_0) is known and can be taken off, whatever g is.",
        a="relu sends all negative numbers to 0: no one can tell where they came from.",
        c="Both numbers of z are the same, so the plane is pressed onto a line; the determinant is 0 "
        "everywhere.",
        d="It folds: (1, 0) and (-1, 0) have the same z. The formula would still return numbers, and they "
        "would not sum to one.",
    ),
    "Try to solve each for x. Where can two different x share a z?",
    a_coupling,
    "b is an additive coupling. Its determinant is 1 for every network g, invertible or not.",
)


def a_flow() -> Flow:
    class Bend(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.net = nn.Parameter(torch.zeros(1)), mlp(1, 16, 2)

        def scale_shift(self, x_0):
            s, t = self.net(x_0).chunk(2, dim=1)
            return torch.tanh(s), t

        def to_latent(self, x):
            s, t = self.scale_shift(x[:, :1])
            z = torch.cat([x[:, :1] * self.a.exp(), x[:, 1:] * s.exp() + t], 1)
            return z, self.a + s.sum(1)

        def to_data(self, z):
            x_0 = z[:, :1] / self.a.exp()
            s, t = self.scale_shift(x_0)
            return torch.cat([x_0, (z[:, 1:] - t) / s.exp()], 1)

    return Flow(Bend(), StandardNormal(2))


def _check_flow(answer) -> str:
    if isinstance(answer, type):
        raise Wrong("That is the class. Give an instance, with brackets after its name.")
    if not isinstance(answer, nn.Module):
        raise Wrong(f"Expected a torch.nn.Module; got {type(answer).__name__}.")
    if not isinstance(answer, Bijection):
        raise Wrong("Your module has no to_latent(x) -> (z, log_det), or no to_data(z).")
    flow = answer if isinstance(answer, Density) else Flow(answer, StandardNormal(2))
    if not any(True for _ in flow.parameters()):
        raise Wrong("Your flow has no weights: there is nothing that training could move.")
    report = check_model(flow)
    verdict = "\n".join(f"  {result}" for result in report if result.status != "not tried")
    if not report.holds:
        raise Wrong(f"The laws say of your flow:\n{verdict}")
    return f"The laws say of your flow:\n{verdict}"


q5 = Exercise(
    "q5",
    _check_flow,
    "Start from a coupling that moves x_1 by what a network reads off x_0. What is added does not stretch; "
    "what multiplies does, and its logarithm belongs into log_det, one number for each example.",
    a_flow,
    "Any map will do that you can undo and whose stretch you know. Break a line of it, a sign or a factor, "
    "and see which law notices.",
)

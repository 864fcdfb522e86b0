"""Exercises of the chapter "The map"."""

import torch
from torch import nn

from dgm_lite.exercises.answers import Letter, Words, a_function, wants_word
from dgm_lite.exercises.exercise import Exercise


def families_by_formula() -> dict[str, str]:
    return {"a": "autoregressive", "b": "implicit", "c": "flow", "d": "prescribed", "e": "energy"}


_WHY = {
    "a": "a product of conditionals, one coordinate after another",
    "b": "z is drawn and mapped, and no density of x is ever written down",
    "c": "an invertible map with the volume it stretches",
    "d": "the hidden z has a written prior and x a written distribution given z, and z is averaged out",
    "e": "a score that still has to be divided by its total",
}


q1 = Exercise(
    "q1",
    Words(
        families_by_formula(),
        "All five, from the formula alone.",
        {
            "b and d are swapped. Both have a hidden z; which of them writes down a distribution of x given "
            "z?": {"b": "prescribed", "d": "implicit"}
        },
        **{key: f"{key} is not {{got}}: it is {why}." for key, why in _WHY.items()},
    ),
    "Look for the mark of each family: a product over coordinates, a determinant, an integral over z, no "
    "p at all, an unknown Z.",
    families_by_formula,
    "; ".join(f"{key}: {why}" for key, why in _WHY.items()) + ".",
)


def likelihood(model) -> str:
    if hasattr(model, "log_prob"):
        return "exact"
    return "bound" if hasattr(model, "elbo") else "none"


class _OnlySamples(nn.Module):
    def sample(self, n, *, generator=None):
        return torch.zeros(n, 1)


class _OnlyBound(_OnlySamples):
    def elbo(self, x):
        return x.sum(1)


class _Exact(_OnlySamples):
    def log_prob(self, x):
        return x.sum(1)


def _check_abilities(answer) -> str:
    f = a_function(answer, "likelihood(model)")
    draws = (
        "A model that can only be sampled was said to have a likelihood. That it draws well says nothing "
        "about p(x)."
    )
    bound = "An elbo is a lower bound; to call it exact is the mistake of many a results table."
    for model, has, right, mistakes in (
        (_OnlySamples(), "sample alone", "none", {draws: ("exact", "bound")}),
        (_Exact(), "log_prob", "exact", {}),
        (_OnlyBound(), "elbo", "bound", {bound: ("exact",)}),
    ):
        wants_word(f(model), right, mistakes, f'Expected "{right}" for a model with {has}; got {{got}}.')
    return "You read the column of Table 1 off the objects."


q2 = Exercise(
    "q2",
    _check_abilities,
    "A model has exactly the methods that it can honour: hasattr, or isinstance with a protocol of "
    "dgm_lite.protocols.",
    likelihood,
    "The name log_prob is reserved for densities that sum or integrate to one, so having the method is "
    "the answer.",
)


def archive() -> str:
    return "c"


q3 = Exercise(
    "q3",
    Letter(
        archive(),
        "Exact likelihood gives the bits, one pass in each direction gives the speed.",
        a="A GAN draws quickly, but gives no probability, and without probabilities an entropy coder has "
        "nothing to code with.",
        b="The bits would be few, but a doctor's archive is opened one image at a time, and every pixel "
        "takes a pass through the network.",
        d="A lossy code would be small, but the task says that not one bit may change.",
    ),
    "Read two columns of the table together: lossless compression, and sampling (decoding is sampling "
    "with the dice replaced by bits).",
    archive,
    "A coupling flow on integers assigns exact probabilities and inverts in one pass. Part VII measures "
    "how many bits it needs.",
)

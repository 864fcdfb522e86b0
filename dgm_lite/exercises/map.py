"""Exercises of the chapter "The map"."""

import torch
from torch import nn

from dgm_lite.exercises.exercise import Exercise, letter_of, right_if

# --- Exercise 1 ------------------------------------------------------------------------------

_FAMILIES = {"a": "autoregressive", "b": "implicit", "c": "flow", "d": "prescribed", "e": "energy"}
_WHY = {
    "a": "a product of conditionals, one coordinate after another",
    "b": "z is drawn and mapped, and no density of x is ever written down",
    "c": "an invertible map with the volume it stretches",
    "d": "the hidden z has a written prior and x a written distribution given z, and z is averaged out",
    "e": "a score that still has to be divided by its total",
}


def _check_names(answer) -> str:
    right_if(isinstance(answer, dict) and set(answer) == set(_FAMILIES),
             "Expected a dictionary with the keys a to e.")  # fmt: skip
    words = set(_FAMILIES.values())
    for key, name in answer.items():
        right_if(name in words, f"{key}: expected one of {', '.join(sorted(words))}; got {name!r}.")
    swapped = answer["b"] == "prescribed" and answer["d"] == "implicit"
    right_if(
        not swapped,
        "b and d are swapped. Both have a hidden z; which of them writes down a distribution of x given z?",
    )
    for key, name in answer.items():
        right_if(name == _FAMILIES[key], f"{key} is not {name}: it is {_WHY[key]}.")
    return "All five, from the formula alone."


def families_by_formula() -> dict[str, str]:
    return {"a": "autoregressive", "b": "implicit", "c": "flow", "d": "prescribed", "e": "energy"}


q1 = Exercise(
    "q1",
    _check_names,
    "Look for the mark of each family: a product over coordinates, a determinant, an integral over "
    "z, no p at all, an unknown Z.",
    families_by_formula,
    "; ".join(f"{key}: {why}" for key, why in _WHY.items()) + ".",
)


# --- Exercise 2 ------------------------------------------------------------------------------


class _Exact(nn.Module):
    def log_prob(self, x):
        return x.sum(1)

    def sample(self, n, *, generator=None):
        return torch.zeros(n, 1)


class _OnlyBound(nn.Module):
    def elbo(self, x):
        return x.sum(1)

    def sample(self, n, *, generator=None):
        return torch.zeros(n, 1)


class _OnlySamples(nn.Module):
    def sample(self, n, *, generator=None):
        return torch.zeros(n, 1)


def _check_abilities(answer) -> str:
    right_if(callable(answer), f"Expected a function likelihood(model); got {type(answer).__name__}.")
    said = {kind.__name__: answer(kind()) for kind in (_Exact, _OnlyBound, _OnlySamples)}
    wanted = {"_Exact": "exact", "_OnlyBound": "bound", "_OnlySamples": "none"}
    right_if(said["_OnlySamples"] != "exact" and said["_OnlySamples"] != "bound",
             "A model that can only be sampled was said to have a likelihood. "
             "That it draws well says nothing about p(x).")  # fmt: skip
    right_if(
        said["_OnlyBound"] != "exact",
        "An elbo is a lower bound; to call it exact is the mistake of many a results table.",
    )
    for kind, words in wanted.items():
        right_if(said[kind] == words, f'Expected "{words}" for a model with {kind[1:]}; got {said[kind]!r}.')
    return "You read the column of Table 1 off the objects."


def likelihood(model) -> str:
    if hasattr(model, "log_prob"):
        return "exact"
    return "bound" if hasattr(model, "elbo") else "none"


q2 = Exercise(
    "q2",
    _check_abilities,
    "A model has exactly the methods that it can honour: hasattr, or isinstance with a protocol of "
    "dgm_lite.protocols.",
    likelihood,
    "The name log_prob is reserved for densities that sum or integrate to one, so having the method "
    "is the answer.",
)


# --- Exercise 3 ------------------------------------------------------------------------------

_CHOICES = {
    "a": (
        "A GAN draws quickly, but gives no probability, and without probabilities an entropy coder "
        "has nothing to code with."
    ),
    "b": (
        "The bits would be few, but a doctor's archive is opened one image at a time, and every "
        "pixel takes a pass through the network."
    ),
    "d": "A lossy code would be small, but the task says that not one bit may change.",
}


def _check_choice(answer) -> str:
    letter = letter_of(answer, "abcd")
    right_if(letter == "c", _CHOICES.get(letter, ""))
    return "Exact likelihood gives the bits, one pass in each direction gives the speed."


def archive() -> str:
    return "c"


q3 = Exercise(
    "q3",
    _check_choice,
    "Read two columns of the table together: lossless compression, and sampling (decoding is "
    "sampling with the dice replaced by bits).",
    archive,
    "A coupling flow on integers assigns exact probabilities and inverts in one pass. Part VII "
    "measures how many bits it needs.",
)

"""Exercises of the chapter "The table, measured"."""

import math

import torch
from torch import Tensor

from dgm_lite.exercises.exercise import Exercise, letter_of, right_if

# --- Exercise 1 ------------------------------------------------------------------------------


def _check_difference(difference) -> str:
    right_if(
        callable(difference), f"Expected a function difference(one, two); got {type(difference).__name__}."
    )
    one = torch.tensor([79.2, 79.5, 79.4], dtype=torch.float64)
    two = torch.tensor([80.1, 81.0, 80.3, 80.6, 79.9], dtype=torch.float64)
    answer = difference(one, two)
    right_if(
        isinstance(answer, tuple | list) and len(answer) == 2,
        "Expected two numbers: the difference of the means, and its standard error.",
    )
    mean, error = (float(v) for v in answer)
    wanted, wanted_error = difference_of_means(one, two)
    right_if(not math.isclose(mean, -wanted, rel_tol=1e-6), "The sign is wrong: take one's mean less two's.")
    right_if(
        math.isclose(mean, wanted, rel_tol=1e-6),
        f"The difference of the means is {wanted:.4f}; got {mean:.4f}.",
    )
    spread = (one.var() + two.var()).sqrt().item()
    right_if(
        not math.isclose(error, spread, rel_tol=1e-6),
        "That is how far single runs differ. A mean of n runs is surer: divide each variance by its n.",
    )
    biased = (one.var(correction=0) / 3 + two.var(correction=0) / 5).sqrt().item()
    right_if(
        not math.isclose(error, biased, rel_tol=1e-6),
        "With so few runs it matters: the sample variance divides by n - 1, not by n.",
    )
    summed = (one.var() / 3).sqrt().item() + (two.var() / 5).sqrt().item()
    right_if(
        not math.isclose(error, summed, rel_tol=1e-6),
        "Errors of independent runs don't add up; their squares do.",
    )
    right_if(
        math.isclose(error, wanted_error, rel_tol=1e-6),
        f"Expected a standard error of {wanted_error:.4f}; got {error:.4f}.",
    )
    return f"{wanted:.2f} +- {wanted_error:.2f}: more than two standard errors from zero."


def difference_of_means(one: Tensor, two: Tensor) -> tuple[float, float]:
    variance = one.var() / len(one) + two.var() / len(two)
    return (one.mean() - two.mean()).item(), variance.sqrt().item()


q1 = Exercise(
    "q1",
    _check_difference,
    "Two independent means: the variance of their difference is the sum of the variances of the means.",
    difference_of_means,
    "The variance of a mean of n runs is var / n, with n - 1 in the sample variance; variances of "
    "independent numbers add up, for a difference as for a sum.",
)


# --- Exercise 2 ------------------------------------------------------------------------------


def _check_follows(answer) -> str:
    letter = letter_of(answer, "abcd")
    right_if(
        letter != "a",
        "94 is the most that the flow may lose. Its true figure lies somewhere below, and nobody "
        "knows where.",
    )
    right_if(letter != "b", "Both are bounds, and either may hide a better model.")
    right_if(
        letter != "d",
        "One thing does follow. Which of the three numbers is exact, and what is it compared with?",
    )
    return "86 is a number that the VAE certainly reaches, and an exact 106 certainly does not."


def what_follows() -> str:
    return "c"


q2 = Exercise(
    "q2",
    _check_follows,
    "Write each figure as an interval in which the true one lies.",
    what_follows,
    "The flow's true figure lies in (-inf, 94], the VAE's in (-inf, 86], and the histogram's is 106. "
    "Only the last is apart from the others. A bound can prove that a model is good, never that it is bad.",
)


# --- Exercise 3 ------------------------------------------------------------------------------

_FAMILIES = ("autoregressive", "flow", "prescribed", "implicit")


def _check_families(answer) -> str:
    right_if(
        isinstance(answer, dict) and {str(k).lower() for k in answer} == {"a", "b", "c"},
        'Expected a dictionary with the keys "a", "b" and "c".',
    )
    given = {str(k).lower(): str(v).strip().lower() for k, v in answer.items()}
    other = sorted(set(given.values()) - set(_FAMILIES))
    right_if(not other, f"Expected the words {', '.join(_FAMILIES)}; got {', '.join(other)}.")
    right_if(
        given["a"] != "implicit",
        "a: a GAN gives no probability, so there is nothing to compare with a threshold.",
    )
    right_if(
        given["a"] == "autoregressive",
        "a: nothing has to be drawn, and time is no matter. Which family has the best exact likelihood?",
    )
    right_if(
        given["b"] != "autoregressive",
        "b: drawing takes D steps, one after the other. At thousands of pixels that is too slow for a game.",
    )
    right_if(
        given["b"] == "implicit",
        "b: neither a likelihood nor all modes are asked for; speed and looks are.",
    )
    right_if(
        given["c"] == "prescribed",
        "c: the code is to be shorter than anything lossless. Which family has a z to be rounded?",
    )
    return "Each family has a purpose for which none of the others will do."


def families_for_purposes() -> dict[str, str]:
    return {"a": "autoregressive", "b": "implicit", "c": "prescribed"}


q3 = Exercise(
    "q3",
    _check_families,
    "For each purpose, cross out the families that lack what it needs; then look at the figures of the rest.",
    families_for_purposes,
    "a needs the best exact p(x), at any cost in drawing. b needs pictures in one pass and nothing "
    "else. c needs a summary z that survives rounding.",
)

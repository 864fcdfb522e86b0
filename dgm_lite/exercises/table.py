"""Exercises of the chapter "The table, measured"."""

import torch
from torch import Tensor

from dgm_lite.exercises.answers import Letter, Words, a_function, two_parts, wants
from dgm_lite.exercises.exercise import Exercise


def difference_of_means(one: Tensor, two: Tensor) -> tuple[float, float]:
    variance = one.var() / len(one) + two.var() / len(two)
    return (one.mean() - two.mean()).item(), variance.sqrt().item()


def _check_difference(answer) -> str:
    f = a_function(answer, "difference(one, two)")
    few = torch.tensor([79.2, 79.5, 79.4], dtype=torch.float64)
    more = torch.tensor([80.1, 81.0, 80.3, 80.6, 79.9], dtype=torch.float64)
    for one, two in ((few, more), (80 - 2 * few, more.square() / 80), (more, few)):
        mean, error = two_parts(f(one, two), "numbers: the difference of the means, and its standard error")
        right, right_error = difference_of_means(one, two)
        turned = {"The sign is wrong: take one's mean less two's.": -right}
        wants(mean, right, turned, "The difference of the means is {right}; got {got}.")
        variances, n = torch.stack([one.var(), two.var()]), torch.tensor([len(one), len(two)])
        biased = (one.var(correction=0) / n[0] + two.var(correction=0) / n[1]).sqrt()
        mistakes = {
            "That is how far single runs differ. A mean of n runs is surer: divide each variance by its "
            "n.": variances.sum().sqrt(),
            "With so few runs it matters: the sample variance divides by n - 1, not by n.": biased,
            "Errors of independent runs don't add up; their squares do.": (variances / n).sqrt().sum(),
            "That is the variance of the difference. Its root is the standard error.": right_error**2,
        }
        wants(error, right_error, mistakes, "Expected a standard error of {right}; got {got}.")
    right, right_error = difference_of_means(few, more)
    return f"{right:.2f} +- {right_error:.2f}: more than two standard errors from zero."


q1 = Exercise(
    "q1",
    _check_difference,
    "Two independent means: the variance of their difference is the sum of the variances of the means.",
    difference_of_means,
    "The variance of a mean of n runs is var / n, with n - 1 in the sample variance; variances of "
    "independent numbers add up, for a difference as for a sum.",
)


def what_follows() -> str:
    return "c"


q2 = Exercise(
    "q2",
    Letter(
        what_follows(),
        "86 is a number that the VAE certainly reaches, and an exact 106 certainly does not.",
        a="94 is the most that the flow may lose. Its true figure lies somewhere below, and nobody knows "
        "where.",
        b="Both are bounds, and either may hide a better model.",
        d="One thing does follow. Which of the three numbers is exact, and what is it compared with?",
    ),
    "Write each figure as an interval in which the true one lies.",
    what_follows,
    "The flow's true figure lies in [0, 94], the VAE's in [0, 86], and the histogram's is 106. Only the last "
    "is apart from the others. A bound can prove that a model is good, never that it is bad.",
)


def families_for_purposes() -> dict[str, str]:
    return {"a": "autoregressive", "b": "implicit", "c": "prescribed"}


q3 = Exercise(
    "q3",
    Words(
        families_for_purposes(),
        "Each family has a purpose for which none of the others will do.",
        {
            "a: a GAN gives no probability, so there is nothing to compare with a threshold.": {
                "a": "implicit"
            },
            "b: drawing takes D steps, one after the other. At thousands of pixels that is too slow for a "
            "game.": {"b": "autoregressive"},
        },
        a="a: nothing has to be drawn, and time is no matter. Which family has the best exact likelihood?",
        b="b: neither a likelihood nor looks are asked for; speed is. Whose draws take the least time?",
        c="c: the code is to be far shorter than anything lossless. Whose lossy files are the shortest where "
        "they are small?",
        words=("autoregressive", "flow", "prescribed", "implicit"),
    ),
    "For each purpose, cross out the families that lack what it needs; then look at the figures of the rest.",
    families_for_purposes,
    "a needs the best exact p(x), at any cost in drawing. b needs as many pictures a second as can be had, "
    "and nothing else. c needs the shortest files at large errors: a z that was trained to be rounded.",
)

"""Exercises of the chapter "Hidden factors, non-linear"."""

import math

import torch
from torch import Tensor

from dgm_lite.exercises.answers import Letter, Words, a_function, wants
from dgm_lite.exercises.exercise import Exercise


def kl_to_standard_normal(mu: Tensor, log_std: Tensor) -> Tensor:
    return 0.5 * ((2 * log_std).exp() + mu**2 - 1 - 2 * log_std).sum(1)


def _check_kl(answer) -> str:
    f = a_function(answer, "kl(mu, log_std)")
    shape = {"each": "one number per object", "shapes": {(4, 3): "Add up over the M hidden numbers."}}
    at_prior = "At mu = 0 and sigma = 1, q is the prior, so the KL is 0; you got {got}."
    wants(f(torch.zeros(4, 3), torch.zeros(4, 3)), torch.zeros(4), otherwise=at_prior, **shape)
    for n, m in ((4, 3), (5, 2)):
        mu, log_std = torch.randn(n, m), 0.5 * torch.randn(n, m)
        right = kl_to_standard_normal(mu, log_std)
        mistakes = {
            "You took the mean over the hidden numbers. The KL of independent numbers is a sum.": right / m,
            "The sign is wrong: a KL is never negative.": -right,
            "You read log_std as the logarithm of the variance. It is that of sigma: the variance is "
            "exp(2 log_std).": kl_to_standard_normal(mu, log_std / 2),
            "Twice too large: where is the one half?": 2 * right,
        }
        wants(f(mu, log_std), right, mistakes, **shape)
    return "It is zero exactly where q is the prior, and it counts every hidden number."


q1 = Exercise(
    "q1",
    _check_kl,
    "Write out log q - log p for one number; log 2 pi cancels. Then use E[eps^2] = 1 and E[z^2] = mu^2 + "
    "sigma^2.",
    kl_to_standard_normal,
    "E_q[log q] = -1/2 (1 + 2 log sigma + log 2 pi) and E_q[log p] = -1/2 (mu^2 + sigma^2 + log 2 pi); "
    "the difference, summed.",
)


def mean_of_weights(log_w: Tensor) -> Tensor:
    return log_w.logsumexp(dim=1) - math.log(log_w.shape[1])


def _check_iwae(answer) -> str:
    f = a_function(answer, "iwae(log_w)")
    some = torch.tensor([[0.0, -1.0, 2.0, -3.0], [0.5, 0.5, 0.5, 0.5]])
    for log_w in (some, 1.5 - some, some[:, :3]):
        k = log_w.shape[1]
        mistakes = {
            f"You added the weights up instead of averaging them: log k = {math.log(k):.2f} nats too good. "
            f"{k} equal weights average to one of them.": log_w.logsumexp(1),
            "That is the mean of the logarithms: the ELBO, averaged over k draws. Average the weights, then "
            "take the logarithm.": log_w.mean(1),
        }
        wants(f(log_w), mean_of_weights(log_w), mistakes, each="one number per object")
    overflow = "Right for ordinary weights, but exp(-1000) is zero and exp(900) infinite. Use logsumexp."
    far = torch.tensor([[-1000.0, -1000.0], [900.0, 900.0]])
    wants(f(far, at_the_edge=overflow), [-1000.0, 900.0], otherwise=overflow)
    return "The logarithm stands outside the mean, and nothing overflows."


q2 = Exercise(
    "q2",
    _check_iwae,
    "The logarithm of a sum is logsumexp. What does dividing by k become, outside the logarithm?",
    mean_of_weights,
    "log (1/k sum w) = logsumexp(log w) - log k. Leave the last term out, and the result is above log "
    "p(x): no bound at all.",
)


def one_draw_is_no_bound() -> str:
    return "b"


q3 = Exercise(
    "q3",
    Letter(
        one_draw_is_no_bound(),
        "Average many draws, and the number sinks below log p(x). Average over many digits does the same "
        "job in a table.",
        a="The bound is a mean over draws. Is a single draw the mean?",
        c="Nothing is better than the true posterior: with it each single draw is log p(x) exactly, no more.",
    ),
    "Which symbol in the definition of the ELBO does a single call leave out?",
    one_draw_is_no_bound,
    "A single draw gives log w, and w has the mean p(x): it must sometimes lie above p(x), or it would "
    "always equal it.",
)


def diagnosis() -> dict[str, str]:
    return {"A": "collapsed", "B": "not a bound", "C": "healthy"}


q4 = Exercise(
    "q4",
    Words(
        diagnosis(),
        "A forgot its causes; B averaged over pixels (1.3 is 83 nats per digit); C adds up.",
        A="A pays nothing for its causes and predicts no better than the histogram. What does z do there?",
        B="B's 9.6 nats would be far below what any model reaches. Multiply 1.3 by the 64 pixels that were "
        "averaged.",
        C="C's parts add up to its whole, it beats the histogram, and most units are in use.",
    ),
    "Check three things: do the two parts add up in the same unit, is the KL above zero, and is the whole "
    "below the histogram?",
    diagnosis,
    "A number can be good because the model is good, or because its unit changed. The parts tell which.",
)

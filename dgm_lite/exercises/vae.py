"""Exercises of the chapter "Hidden factors, non-linear"."""

import math

import torch
from torch import Tensor

from dgm_lite.exercises.exercise import Exercise, letter_of, right_if

# --- Exercise 1 ------------------------------------------------------------------------------


def _check_kl(kl) -> str:
    right_if(callable(kl), f"Expected a function kl(mu, log_std); got {type(kl).__name__}.")
    generator = torch.Generator().manual_seed(0)
    mu = torch.randn(4, 3, generator=generator)
    log_std = 0.5 * torch.randn(4, 3, generator=generator)
    answer = kl(mu, log_std)
    right_if(isinstance(answer, Tensor), f"Expected a tensor; got {type(answer).__name__}.")
    right_if(
        answer.shape != mu.shape,
        "One number per object: add up over the M hidden numbers, shape (B,).",
    )
    right_if(answer.shape == (4,), f"Expected shape (4,) for 4 objects; got {tuple(answer.shape)}.")
    wanted = kl_to_standard_normal(mu, log_std)
    means = torch.allclose(answer, wanted / 3, atol=1e-4)
    right_if(
        not means,
        "You took the mean over the hidden numbers. The KL of independent numbers is a sum.",
    )
    right_if(
        not torch.allclose(answer, -wanted, atol=1e-4),
        "The sign is wrong: a KL is never negative.",
    )
    as_variance = 0.5 * (log_std.exp() + mu**2 - 1 - log_std).sum(1)
    right_if(
        not torch.allclose(answer, as_variance, atol=1e-4),
        "You read log_std as the logarithm of the variance. It is that of sigma: the "
        "variance is exp(2 log_std).",
    )
    right_if(
        not torch.allclose(answer, 2 * wanted, atol=1e-4),
        "Twice too large: where is the one half?",
    )
    zero = kl(torch.zeros(1, 3), torch.zeros(1, 3))
    right_if(
        abs(zero.item()) < 1e-5,
        f"At mu = 0 and sigma = 1, q is the prior, so the KL is 0; you got {zero.item():.3g}.",
    )
    right_if(
        torch.allclose(answer, wanted, atol=1e-4),
        f"Expected {wanted[0]:.4f} for the first object; got {answer[0]:.4f}.",
    )
    return "It is zero exactly where q is the prior, and it counts every hidden number."


def kl_to_standard_normal(mu: Tensor, log_std: Tensor) -> Tensor:
    return 0.5 * ((2 * log_std).exp() + mu**2 - 1 - 2 * log_std).sum(1)


q1 = Exercise(
    "q1",
    _check_kl,
    "Write out log q - log p for one number; log 2 pi cancels. Then use E[eps^2] = 1 and "
    "E[z^2] = mu^2 + sigma^2.",
    kl_to_standard_normal,
    "E_q[log q] = -1/2 (1 + 2 log sigma + log 2 pi) and E_q[log p] = -1/2 (mu^2 + "
    "sigma^2 + log 2 pi); the difference, summed.",
)


# --- Exercise 2 ------------------------------------------------------------------------------


def _check_iwae(iwae) -> str:
    right_if(callable(iwae), f"Expected a function iwae(log_w); got {type(iwae).__name__}.")
    log_w = torch.tensor([[0.0, -1.0, 2.0, -3.0], [0.5, 0.5, 0.5, 0.5]])
    answer = iwae(log_w)
    right_if(
        isinstance(answer, Tensor) and answer.shape == (2,),
        "Expected one number per object, shape (B,).",
    )
    right_if(
        not torch.allclose(answer, log_w.logsumexp(1), atol=1e-4),
        "You added the weights up instead of averaging them: log k = 1.39 nats too good. "
        "Four equal weights of e^0.5 average to e^0.5.",
    )
    right_if(
        not torch.allclose(answer, log_w.mean(1), atol=1e-4),
        "That is the mean of the logarithms: the ELBO, averaged over k draws. Average the "
        "weights, then take the logarithm.",
    )
    wanted = mean_of_weights(log_w)
    right_if(
        torch.allclose(answer, wanted, atol=1e-4),
        f"Expected {wanted.tolist()}; got {answer.tolist()}.",
    )
    far = iwae(torch.tensor([[-1000.0, -1000.0], [900.0, 900.0]]))
    right_if(
        torch.isfinite(far).all() and torch.allclose(far, torch.tensor([-1000.0, 900.0])),
        "Right for ordinary weights, but exp(-1000) is zero and exp(900) infinite. Use logsumexp.",
    )
    return "The logarithm stands outside the mean, and nothing overflows."


def mean_of_weights(log_w: Tensor) -> Tensor:
    return log_w.logsumexp(dim=1) - math.log(log_w.shape[1])


q2 = Exercise(
    "q2",
    _check_iwae,
    "The logarithm of a sum is logsumexp. What does dividing by k become, outside the logarithm?",
    mean_of_weights,
    "log (1/k sum w) = logsumexp(log w) - log k. Leave the last term out, and the result "
    "is above log p(x): no bound at all.",
)


# --- Exercise 3 ------------------------------------------------------------------------------


def _check_above(answer) -> str:
    letter = letter_of(answer, "abc")
    right_if(letter != "a", "The bound is a mean over draws. Is a single draw the mean?")
    right_if(
        letter != "c",
        "Nothing is better than the true posterior: with it each single draw is log p(x) exactly, no more.",
    )
    return (
        "Average many draws, and the number sinks below log p(x). Average over many digits "
        "does the same job in a table."
    )


def one_draw_is_no_bound() -> str:
    return "b"


q3 = Exercise(
    "q3",
    _check_above,
    "Which symbol in the definition of the ELBO does a single call leave out?",
    one_draw_is_no_bound,
    "A single draw gives log w, and w has the mean p(x): it must sometimes lie above "
    "p(x), or it would always equal it.",
)


# --- Exercise 4 ------------------------------------------------------------------------------

_WORDS = ("healthy", "collapsed", "not a bound")


def _check_diagnosis(answer) -> str:
    right_if(
        isinstance(answer, dict) and {str(k) for k in answer} == {"A", "B", "C"},
        'Expected a dictionary with the keys "A", "B" and "C".',
    )
    given = {k: str(v).strip().lower() for k, v in answer.items()}
    other = sorted(set(given.values()) - set(_WORDS))
    right_if(not other, f"Expected the words {', '.join(_WORDS)}; got {', '.join(other)}.")
    right_if(
        given["A"] == "collapsed",
        "A pays nothing for its causes and predicts no better than the histogram. What does z do there?",
    )
    right_if(
        given["B"] == "not a bound",
        "B's 9.6 nats would be far below what any model reaches. Multiply 1.3 by the 64 "
        "pixels that were averaged.",
    )
    right_if(
        given["C"] == "healthy",
        "C's parts add up to its whole, it beats the histogram, and most units are in use.",
    )
    return "A forgot its causes; B averaged over pixels (1.3 is 83 nats per digit); C adds up."


def diagnosis() -> dict[str, str]:
    return {"A": "collapsed", "B": "not a bound", "C": "healthy"}


q4 = Exercise(
    "q4",
    _check_diagnosis,
    "Check three things: do the two parts add up in the same unit, is the KL above zero, "
    "and is the whole below the histogram?",
    diagnosis,
    "A number can be good because the model is good, or because its unit changed. The parts tell which.",
)

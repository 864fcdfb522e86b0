"""Exercises of the chapter "The adversarial game"."""

import torch
import torch.nn.functional as F
from torch import Tensor

from dgm_lite.exercises.answers import Letter, a_function, refuse_if, wants
from dgm_lite.exercises.exercise import Exercise


def best_logit(log_p_data: Tensor, log_p_model: Tensor) -> Tensor:
    return log_p_data - log_p_model


def _check_best(answer) -> str:
    f = a_function(answer, "best_logit(log_p_data, log_p_model)")
    solve = "Solve D = 1 / (1 + exp(-f)) for f, with D from the equation."
    for log_p, log_q in (([-1.0, -2.0, -3.0], [-2.0, -2.0, -1.0]), ([0.5, -4.0, 1.0], [-0.5, -1.0, -2.0])):
        log_p, log_q = torch.tensor(log_p), torch.tensor(log_q)
        right = best_logit(log_p, log_q)
        mistakes = {
            "That is the probability D. The logit is the number before the sigmoid.": right.sigmoid(),
            "The sign is turned: where data are denser than draws the logit should be positive.": -right,
        }
        wants(f(log_p, log_q), right, mistakes, solve, each="one logit for each point, shape (B,)")
    underflow = "Right for ordinary densities, but exp(-1000) underflows to zero. Stay with logarithms."
    far = torch.tensor([-1000.0])
    wants(f(far, far - 3, at_the_edge=underflow), [3.0], otherwise=underflow)
    return "The best discriminator knows the ratio of two densities."


q1 = Exercise(
    "q1",
    _check_best,
    "The logit of a probability D is log D - log(1 - D). What is 1 - D here?",
    best_logit,
    "log D - log(1 - D) = log p_data - log p_G: the common denominator cancels.",
)


def generator_loss(logit: Tensor) -> Tensor:
    return F.softplus(-logit).mean()


def _check_loss(answer) -> str:
    f = a_function(answer, "generator_loss(logit)")
    each = "one number: the mean over the batch"
    for logit in ([-1.5, 0.0, 2.0], [1.0, -3.0, 0.5]):
        logit = torch.tensor(logit)
        right, saturating = generator_loss(logit), F.logsigmoid(-logit).mean()
        mistakes = {
            "That is the saturating loss, log(1 - D): its gradient vanishes where a push is "
            "needed.": saturating,
            "That asks the generator to be recognised: it is the discriminator's term for "
            "draws.": -saturating,
            "The sign is wrong: a loss falls where the discriminator is taken in.": -right,
            "That is the sum over the batch. Average over it.": 3 * right,
        }
        wants(f(logit), right, mistakes, "Expected {right} here, got {got}.", each=each)
    lost = torch.tensor([-200.0], requires_grad=True)
    cut = (
        "At a logit of -200 the loss should be 200. The sigmoid has underflowed, or a clamp has cut it: use "
        "logsigmoid or softplus."
    )
    value = f(lost, at_the_edge=cut)
    wants(value, 200, otherwise=cut)
    fixed = not (isinstance(value, Tensor) and value.requires_grad)
    refuse_if({"The value is right, but no gradient flows through it: stay with tensors.": fixed})
    (gradient,) = torch.autograd.grad(value.sum(), lost)
    wants(gradient, [-1], otherwise=cut.replace("loss should be 200", "gradient should be -1"))
    return "It pushes at full strength even where the discriminator is sure."


q2 = Exercise(
    "q2",
    _check_loss,
    "-log D(x) with D = sigmoid(f) has a name of its own: -logsigmoid(f), which is softplus(-f).",
    generator_loss,
    "softplus(-f) = log(1 + exp(-f)) = -log D, computed without forming D.",
)


def it_only_guesses() -> str:
    return "b"


q3 = Exercise(
    "q3",
    Letter(
        it_only_guesses(),
        "So look at samples, and measure them with a judge that did not take part in the game.",
        a="That is one way to get there. A discriminator that says one half everywhere, whatever it sees, "
        "is another.",
        c="2 log 2 is the loss of honest guessing; divergence would show as growing or missing numbers.",
    ),
    "Whose loss is it? What would a discriminator that learnt nothing at all have as its loss?",
    it_only_guesses,
    "The loss is a statement about this discriminator, not about the generator.",
)

"""Exercises of the chapter "The adversarial game"."""

import torch
import torch.nn.functional as F
from torch import Tensor

from dgm_lite.exercises.exercise import Exercise, letter_of, right_if

# --- Exercise 1 ------------------------------------------------------------------------------


def _check_best(best_logit) -> str:
    right_if(callable(best_logit), f"Expected a function of two tensors; got {type(best_logit).__name__}.")
    log_p, log_q = torch.tensor([-1.0, -2.0, -3.0]), torch.tensor([-2.0, -2.0, -1.0])
    answer = best_logit(log_p, log_q)
    right_if(isinstance(answer, Tensor) and answer.shape == (3,), "Expected a tensor of shape (B,).")
    wanted = log_p - log_q
    right_if(
        not torch.allclose(answer, wanted.sigmoid(), atol=1e-4),
        "That is the probability D. The logit is the number before the sigmoid.",
    )
    right_if(
        not torch.allclose(answer, -wanted, atol=1e-4),
        "The sign is turned: where data are denser than draws the logit should be positive.",
    )
    right_if(
        torch.allclose(answer, wanted, atol=1e-4),
        "Solve D = 1 / (1 + exp(-f)) for f, with D from the equation.",
    )
    far = best_logit(torch.tensor([-1000.0]), torch.tensor([-1003.0]))
    right_if(
        torch.allclose(far, torch.tensor([3.0]), atol=1e-3),
        "Right for ordinary densities, but exp(-1000) underflows to zero. Stay with logarithms.",
    )
    return "The best discriminator knows the ratio of two densities."


def best_logit(log_p_data: Tensor, log_p_model: Tensor) -> Tensor:
    return log_p_data - log_p_model


q1 = Exercise(
    "q1",
    _check_best,
    "The logit of a probability D is log D - log(1 - D). What is 1 - D here?",
    best_logit,
    "log D - log(1 - D) = log p_data - log p_G: the common denominator cancels.",
)


# --- Exercise 2 ------------------------------------------------------------------------------


def _check_loss(generator_loss) -> str:
    right_if(callable(generator_loss), f"Expected a function of logits; got {type(generator_loss).__name__}.")
    logit = torch.tensor([-1.5, 0.0, 2.0])
    answer = generator_loss(logit)
    right_if(
        isinstance(answer, Tensor) and answer.dim() == 0, "Expected one number: the mean over the batch."
    )
    value, d = answer.item(), torch.sigmoid(logit)
    right_if(
        abs(value - (1 - d).log().mean().item()) > 1e-4,
        "That is the saturating loss, log(1 - D): its gradient vanishes where a push is needed.",
    )
    right_if(
        abs(value + (1 - d).log().mean().item()) > 1e-4,
        "That asks the generator to be recognised: it is the discriminator's term for draws.",
    )
    right_if(
        abs(value + d.log().mean().item()) < 1e-4, f"Expected {-d.log().mean():.4f} here, got {value:.4f}."
    )
    lost = torch.tensor([-200.0], requires_grad=True)
    (gradient,) = torch.autograd.grad(generator_loss(lost), lost)
    right_if(
        torch.isfinite(generator_loss(lost)).all() and abs(gradient.item() + 1) < 1e-3,
        f"At a logit of -200 the gradient should be -1; yours is {gradient.item()}. The sigmoid has "
        f"underflowed, or a "
        "clamp has cut it: use logsigmoid or softplus.",
    )
    return "It pushes at full strength even where the discriminator is sure."


def generator_loss(logit: Tensor) -> Tensor:
    return F.softplus(-logit).mean()


q2 = Exercise(
    "q2",
    _check_loss,
    "-log D(x) with D = sigmoid(f) has a name of its own: -logsigmoid(f), which is softplus(-f).",
    generator_loss,
    "softplus(-f) = log(1 + exp(-f)) = -log D, computed without forming D.",
)


# --- Exercise 3 ------------------------------------------------------------------------------

_WHY = {
    "a": (
        "That is one way to get there. A discriminator that says one half everywhere, whatever it "
        "sees, is another."
    ),
    "c": "2 log 2 is the loss of honest guessing; divergence would show as growing or missing numbers.",
}


def _check_end(answer) -> str:
    letter = letter_of(answer, "abc")
    right_if(letter == "b", _WHY.get(letter, ""))
    return "So look at samples, and measure them with a judge that did not take part in the game."


def it_only_guesses() -> str:
    return "b"


q3 = Exercise(
    "q3",
    _check_end,
    "Whose loss is it? What would a discriminator that learnt nothing at all have as its loss?",
    it_only_guesses,
    "The loss is a statement about this discriminator, not about the generator.",
)

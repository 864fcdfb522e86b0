"""Exercises of "The adversarial game": solutions pass, likely mistakes are named."""

import torch

from dgm_lite.exercises import gan
from dgm_lite.exercises.gan import q1, q2, q3
from tests.exercises import naming, passing

test_reference_solutions_pass = passing(
    [(q1, gan.best_logit), (q2, gan.generator_loss), (q3, gan.it_only_guesses())]
)


WRONG = [
    (q1, lambda p, q: p.exp() / (p.exp() + q.exp()), "probability D"),
    (q1, lambda p, q: q - p, "sign is turned"),
    (q1, lambda p, q: (p.exp() / q.exp()).log(), "underflows"),
    (q1, lambda p, q: (p - q).sum(), "shape (B,)"),
    (q2, lambda l: (1 - torch.sigmoid(l)).log().mean(), "saturating loss"),
    (q2, lambda l: -(1 - torch.sigmoid(l)).log().mean(), "recognised"),
    (q2, lambda l: -torch.sigmoid(l).log().mean(), "logsigmoid or softplus"),
    (q2, lambda l: -torch.sigmoid(l).clamp(min=1e-6).log().mean(), "clamp"),
    (q2, lambda l: torch.nn.functional.softplus(-l), "one number"),
    (q2, lambda l: torch.nn.functional.softplus(-l.detach()).mean(), "no gradient flows"),
    (q2, lambda l: torch.nn.functional.softplus(-l).sum(), "sum over the batch"),
    (q3, "a", "says one half everywhere"),
    (q3, "c", "honest guessing"),
]

test_likely_mistakes_are_named = naming(WRONG)

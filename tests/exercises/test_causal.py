"""Exercises of "Pixels one after another": solutions pass, likely mistakes are named."""

import torch

from dgm_lite.exercises import causal
from dgm_lite.exercises.causal import q1, q2, q3, q4
from tests.exercises import naming, passing

test_reference_solutions_pass = passing(
    [(q1, causal.log_prob), (q2, causal.reach), (q3, causal.shifted), (q4, causal.known_below())]
)


def terms(logits, x, dim=1):
    return logits.log_softmax(dim).gather(1, x[:, None]).squeeze(1)


def in_place(x):
    x[:, 1:] = x[:, :-1].clone()
    x[:, 0] = 0
    return x


WRONG = [
    (q1, lambda logits, x: terms(logits, x).sum(), "one number for the whole batch"),
    (q1, lambda logits, x: terms(logits, x), "terms of each pixel"),
    (q1, lambda logits, x: terms(logits, x).sum(0), "Expected one number per image"),
    (q1, lambda logits, x: logits.gather(1, x[:, None]).squeeze(1).sum(1), "not normalised"),
    (q1, lambda logits, x: terms(logits, x, 2).sum(1), "Normalise over the levels"),
    (q1, lambda logits, x: terms(logits, x).mean(1), "mean over pixels"),
    (q1, lambda logits, x: -terms(logits, x).sum(1), "sign is turned round"),
    (q1, lambda logits, x: logits.softmax(1).gather(1, x[:, None]).squeeze(1).log().sum(1), "log of softmax"),
    (q1, lambda logits, x: terms(logits, x).sum(1) + 1, "Expected -"),
    (q1, 3, "Expected a function"),
    (q2, lambda kernel, gaps: kernel + 1 + (kernel - 1) * sum(gaps), "leaves out the present"),
    (q2, lambda kernel, gaps: 1 + (kernel - 1) * sum(gaps), "Too few"),
    (q2, lambda kernel, gaps: kernel ** (len(gaps) + 1), "Paths multiply"),
    (q2, lambda kernel, gaps: 5, "depends on"),
    (q3, lambda x: x.roll(1, dims=1), "roll brings"),
    (q3, lambda x: torch.cat([x[:, 1:], torch.zeros_like(x[:, :1])], 1), "The wrong way"),
    (q3, lambda x: torch.cat([x[:, :1], x[:, :-1]], 1), "put a zero there"),
    (q3, lambda x: x, "should hold"),
    (q3, lambda x: x[:, :-1], "shape of x"),
    (q3, in_place, "changed its input"),
    (q4, "a", "none of these has seen"),
    (q4, "b", "nowhere in the network"),
    (q4, "d", "only expensive"),
    (q4, "maybe", "Expected one letter"),
]

test_likely_mistakes_are_named = naming(WRONG)

"""Exercises of "Noise that fools a classifier": solutions pass, likely mistakes are named."""

import torch

from dgm_lite.exercises import noise
from dgm_lite.exercises.noise import q1, q2, q3, q4
from tests.exercises import naming, passing

test_reference_solutions_pass = passing(
    [(q1, noise.control), (q2, noise.step), (q3, noise.seen), (q4, noise.what_follows())]
)


def normal(delta):
    return torch.randn(delta.shape) * delta.double().square().mean(1, keepdim=True).sqrt()


def along_rms(delta):
    return (2 * torch.randint(2, delta.shape) - 1) * delta.double().square().mean(1, keepdim=True).sqrt()


test_other_right_answers_pass = passing(
    [
        (q1, normal),
        (q1, along_rms),
        (q1, lambda d: d[:, torch.randperm(d.shape[1])].flip(1)),
        (q2, lambda x, z, g, eta, b: x + (z + eta * torch.sign(g) - x).clamp(-b, b).clamp(-x, 255 - x)),
        (q3, lambda h, s, a: sum(v < h.quantile(a) for v in s) / len(s)),
        (q4, " D "),
    ]
)

WRONG = [
    (q1, lambda d: torch.randn(d.shape) * d.norm(dim=1, keepdim=True) / 400**0.5, "For another delta"),
    (q1, lambda d: d, "Where does chance come into it"),
    (q1, lambda d: d * (0.5 + torch.rand(1)), "kept its aim"),
    (q1, lambda d: d + 0.1 * torch.randn(d.shape), "kept its aim"),
    (q1, lambda d: torch.randn(d.shape) * d.double().square().mean().sqrt(), "not image by image"),
    (q1, lambda d: torch.randn(d.shape) * d.double().std(1, keepdim=True), "leaves the mean out"),
    (q1, lambda d: torch.randn(d.shape) * d.abs().max(1, keepdim=True).values, "a fair control"),
    (q1, lambda d: torch.randn(5), "shape of delta"),
    (q1, 3, "Expected a function"),
    (q2, lambda x, z, g, eta, b: (z - eta * g.sign()).clamp(x - b, x + b).clamp(0, 255), "downhill"),
    (q2, lambda x, z, g, eta, b: (z + eta * g.sign()).clamp(0, 255), "the budget is 2"),
    (q2, lambda x, z, g, eta, b: z + (eta * g.sign()).clamp(-b, b), "the budget is 2"),
    (q2, lambda x, z, g, eta, b: torch.clamp(z + eta * g.sign(), x - b, x + b), "an image has 0 to 255"),
    (q2, lambda x, z, g, eta, b: torch.clamp(z + eta * g, x - b, x + b).clamp(0, 255), "take its sign"),
    (q2, lambda x, z, g, eta, b: torch.clamp(z + 2 * eta * g.sign(), x - b, x + b).clamp(0, 255), "by eta"),
    (q2, lambda x, z, g, eta, b: z.clone(), "did not move"),
    (q2, lambda x, z, g, eta, b: z.add_(1), "in place"),
    (q3, lambda h, s, a: (s >= h.quantile(a)).float().mean(), "NOT noticed"),
    (q3, lambda h, s, a: (s < s.quantile(a)).float().mean(), "nobody hands you those"),
    (q3, lambda h, s, a: (s < h.quantile(1 - a)).float().mean(), "upper quantile"),
    (q3, lambda h, s, a: (s < h.mean()).float().mean(), "half of all ordinary"),
    (q3, lambda h, s, a: s < h.quantile(a), "one number"),
    (q3, lambda h, s, a: (s < h.min()).float().mean(), "on a test case"),
    (q4, "a", "worst case"),
    (q4, "b", "not that somebody aimed"),
    (q4, "c", "do not know p(x)"),
    (q4, "yes", "Expected one letter"),
    (q3, lambda h: h, "could not be run"),
]

test_likely_mistakes_are_named = naming(WRONG)

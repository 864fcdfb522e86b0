"""Exercises of "Change of variables": solutions pass, likely mistakes are named."""

import math

import numpy as np
import torch
from scipy import stats

from dgm_lite.exercises import change_of_variables as chapter
from dgm_lite.exercises.change_of_variables import q1, q2, q3, q4, q5
from dgm_lite.flows.coupling import NICE
from dgm_lite.flows.dequantize import Logit
from tests.exercises import naming, passing

test_reference_solutions_pass = passing(
    [
        (q1, chapter.log_prob),
        (q2, chapter.to_data),
        (q3, chapter.too_good_by()),
        (q3, 44.4),
        (q1, lambda x: stats.norm.logpdf(np.arcsinh(x.numpy())) - 0.5 * np.log1p(x.numpy() ** 2)),
        (q4, chapter.a_coupling()),
        (q5, chapter.a_flow()),
        (q5, chapter.a_flow().bijection),
        (q5, NICE(2, 2, hidden=5)),
    ]
)


def broken(**methods):
    """The solution, with an error in one of its methods."""
    bend = chapter.a_flow().bijection
    kind = type("Broken", (type(bend),), {"forwards": type(bend).to_latent, **methods})
    bend.__class__ = kind
    return bend


def base(x):
    return -0.5 * (x.asinh() ** 2 + math.log(2 * math.pi))


def stretch(x):
    return -0.5 * (1 + x**2).log()


WRONG = [
    (q1, lambda x: (base(x) + stretch(x)).exp(), "give its logarithm"),
    (q1, base, "the stretch of f is missing"),
    (q1, lambda x: base(x) - stretch(x), "wrong sign"),
    (q1, lambda x: base(x) + stretch(x).exp(), "to a logarithm"),
    (q1, lambda x: base(x) + stretch(x) + 0.5 * math.log(2 * math.pi), "constant"),
    (q1, lambda x: base(x) + 0.5 * stretch(x), "it should be 1"),
    (q1, lambda x: base(x).sum(), "in the shape of x"),
    (q1, lambda x: x.log(), "holds NaN at [0]. The map is smooth"),
    (q2, lambda a, b, s, t: (a, b * s(a).exp() + t(a)), "forwards once more"),
    (q2, lambda a, b, s, t: (a, b / s(a).exp() - t(a)), "wrong order"),
    (q2, lambda a, b, s, t: (a, (b - t(a)) / s(a)), "logarithm of the scale"),
    (q2, lambda a, b, s, t: (a, (b - t(b)) / s(b).exp()), "the part that moved"),
    (q2, lambda a, b, s, t: (2 * a, b), "as it was"),
    (q2, lambda a, b, s, t: (a, b), "does not come back"),
    (q2, lambda a, b, s, t: b, "Expected two tensors"),
    (q3, 64, "in bits"),
    (q3, math.log(2), "one pixel's share"),
    (q3, -64 * math.log(2), "positive number"),
    (q3, 64 * math.log(17), "scaling by L"),
    (q3, 30, "Not 30."),
    (q3, lambda: 3, "Expected a number"),
    (q4, "a", "negative numbers"),
    (q4, "c", "onto a line"),
    (q4, "d", "folds"),
    (q4, "all", "Expected one letter"),
    (q5, NICE, "Give an instance"),
    (q5, lambda x: x, "Expected a torch.nn.Module"),
    (q5, torch.nn.Linear(2, 2), "no to_latent"),
    (q5, Logit(), "no weights"),
    (q5, broken(to_latent=lambda f, x: (f.forwards(x)[0], f.a * x[:, 0])), "fails: log_det is"),
    (q5, broken(to_latent=lambda f, x: (f.forwards(x)[0], 0 * x[:, 0])), "fails: p(x) sums to one"),
    (q5, broken(to_data=lambda f, z: z), "fails: to_data undoes to_latent"),
    (q5, broken(to_latent=lambda f, x: f.forwards(x)[0]), "it stopped with"),
    (q2, lambda a: a, "could not be run"),
]

test_likely_mistakes_are_named = naming(WRONG)

"""Exercises of "Hidden factors, linear": solutions pass, likely mistakes are named."""

import torch

from dgm_lite.exercises import ppca
from dgm_lite.exercises.ppca import q1, q2, q3
from tests.exercises import naming, passing

test_reference_solutions_pass = passing(
    [(q1, ppca.covariance), (q2, ppca.noise_variance), (q3, ppca.same_model_other_axes())]
)


def values(x):
    return torch.linalg.eigvalsh(x.T.cov(correction=0))


WRONG = [
    (q1, lambda w, s: w @ w.T, "part of z alone"),
    (q1, lambda w, s: w @ w.T + s.exp() * torch.eye(len(w)), "holds variances"),
    (q1, lambda w, s: w @ w.T + (2 * s).exp(), "only the diagonal"),
    (q1, lambda w, s: w.T @ w, "D x D"),
    (q2, lambda x, m: values(x)[:m].mean(), "as many eigenvalues as are kept"),
    (q2, lambda x, m: values(x)[-m:].mean(), "largest eigenvalues"),
    (q2, lambda x, m: values(x)[:-m].sum(), "spread evenly"),
    (q2, lambda x, m: values(x)[:-m].sqrt().mean(), "no square root"),
    (q3, "b", "infinitely many"),
    (q3, "c", "reach the same likelihood"),
]

test_likely_mistakes_are_named = naming(WRONG)

"""Exercises of the chapter "Hidden factors, linear"."""

import torch
from torch import Tensor

from dgm_lite.exercises.answers import Letter, a_function, wants
from dgm_lite.exercises.exercise import Exercise


def covariance(weight: Tensor, log_std: Tensor) -> Tensor:
    return weight @ weight.T + (2 * log_std).exp() * torch.eye(len(weight), dtype=weight.dtype)


def _check_covariance(answer) -> str:
    f = a_function(answer, "covariance(weight, log_std)")
    added = "You added sigma; a covariance holds variances, so it is sigma^2 = exp(2 log_std)."
    otherwise = "Not W W^T + sigma^2 I. Start from Cov[W z] = W Cov[z] W^T."
    for dim, latent_dim, log_std in ((4, 2, -0.7), (4, 2, 0.4), (3, 1, -0.2)):
        weight, log_std = torch.randn(dim, latent_dim).double(), torch.tensor(log_std, dtype=torch.float64)
        outer, sigma, identity = weight @ weight.T, log_std.exp(), torch.eye(dim)
        mistakes = {
            "That is the part of z alone. The noise adds its variance on the diagonal.": outer,
            added: outer + sigma * identity,
            "The noise is independent between numbers: only the diagonal grows.": outer + sigma**2,
        }
        right, each = covariance(weight, log_std), "the D x D covariance of x"
        wants(f(weight, log_std), right, mistakes, otherwise, each=each)
    return "It is W W^T + sigma^2 I."


q1 = Exercise(
    "q1",
    _check_covariance,
    "z has covariance I, and a linear map W turns covariance S into W S W^T. Independent noise adds its "
    "own covariance.",
    covariance,
    "Cov[x] = W Cov[z] W^T + Cov[eps] = W W^T + sigma^2 I, because z and eps are independent.",
)


def noise_variance(x: Tensor, latent_dim: int) -> Tensor:
    values = torch.linalg.eigvalsh(x.T.cov(correction=0))  # smallest first
    return values[: x.shape[1] - latent_dim].mean()


def _check_noise(answer) -> str:
    f = a_function(answer, "noise_variance(x, latent_dim)")
    kept = "You averaged as many eigenvalues as are kept. Average the D - M that are discarded."
    largest = "That is the mean of the largest eigenvalues, which W explains. The noise is what is left."
    total = "That is the sum of the discarded eigenvalues; the noise is spread evenly over them."
    centre = "Take the mean off the data first: a covariance is that of x - mean."
    for n, dim, m in ((300, 6, 2), (300, 6, 3), (200, 5, 1)):
        x = torch.randn(n, dim, dtype=torch.float64) * torch.arange(2.0, 2.0 + dim) + 5
        values = torch.linalg.eigvalsh(x.T.cov(correction=0))  # smallest first
        left = values[: dim - m]
        mistakes = {
            largest: values[-m:].mean(),
            total: left.sum(),
            "Eigenvalues of a covariance are variances already: no square root.": left.sqrt().mean(),
            centre: torch.linalg.eigvalsh(x.T @ x / n)[: dim - m].mean(),
        }
        if 2 * m != dim:
            mistakes[kept] = values[:m].mean()
        otherwise = f"Expected {{right}} for these data and latent_dim = {m}, got {{got}}."
        # Dividing by N - 1 is fine, too.
        wants(f(x, m), noise_variance(x, m), mistakes, otherwise, tolerance=0.02)
    return "The noise is the mean of the discarded eigenvalues."


q2 = Exercise(
    "q2",
    _check_noise,
    "torch.linalg.eigvalsh gives the eigenvalues in rising order. Which of them does W not explain?",
    noise_variance,
    "With M directions explained, the other D - M carry the discarded variance; the likelihood is highest "
    "when it is shared evenly.",
)


def same_model_other_axes() -> str:
    return "a"


_ROTATED = (
    "Turning W by a rotation V leaves W V V^T W^T = W W^T, so the covariance and with it every p(x) is "
    "unchanged."
)


q3 = Exercise(
    "q3",
    Letter(
        same_model_other_axes(),
        "The data fix the subspace, not the axes in it.",
        b="A permutation of the columns is one of the rotations, but there are infinitely many others.",
        c="EM and the closed form reach the same likelihood, as you saw; the weights still differ.",
    ),
    "Put W V in place of W, with a rotation V, in the covariance of x.",
    same_model_other_axes,
    _ROTATED,
)

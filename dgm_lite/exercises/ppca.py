"""Exercises of the chapter "Hidden factors, linear"."""

import torch
from torch import Tensor

from dgm_lite.exercises.exercise import Exercise, letter_of, right_if
from dgm_lite.latent.ppca import PPCA


def _model() -> PPCA:
    model = PPCA(4, 2).double()
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        model.weight.copy_(torch.randn(4, 2, generator=generator, dtype=torch.float64))
        model.mu.copy_(torch.tensor([1.0, -1.0, 0.5, 2.0]))
        model.log_std.fill_(-0.7)
    return model


# --- Exercise 1 ------------------------------------------------------------------------------


def _check_covariance(covariance) -> str:
    right_if(
        callable(covariance),
        f"Expected a function covariance(weight, log_std); got {type(covariance).__name__}.",
    )
    model = _model()
    answer = covariance(model.weight.detach(), model.log_std.detach())
    right_if(
        isinstance(answer, Tensor) and answer.shape == (4, 4),
        "Expected the D x D covariance of x, here (4, 4).",
    )
    outer = model.weight.detach() @ model.weight.detach().T
    noise = model.variance.item()
    identity = torch.eye(4, dtype=torch.float64)
    right_if(
        not torch.allclose(answer, outer),
        "That is the part of z alone. The noise adds its variance on the diagonal.",
    )
    right_if(not torch.allclose(answer, outer + noise**0.5 * identity),
             "You added sigma; a covariance holds variances, so it is sigma^2 = exp(2 log_std).")  # fmt: skip
    right_if(
        not torch.allclose(answer, outer + noise),
        "The noise is independent between numbers: only the diagonal grows.",
    )
    right_if(
        torch.allclose(answer, outer + noise * identity),
        "Not W W^T + sigma^2 I. Start from Cov[W z] = W Cov[z] W^T.",
    )
    return "It is W W^T + sigma^2 I."


def covariance(weight: Tensor, log_std: Tensor) -> Tensor:
    return weight @ weight.T + (2 * log_std).exp() * torch.eye(len(weight), dtype=weight.dtype)


q1 = Exercise(
    "q1",
    _check_covariance,
    "z has covariance I, and a linear map W turns covariance S into W S W^T. Independent noise adds "
    "its own covariance.",
    covariance,
    "Cov[x] = W Cov[z] W^T + Cov[eps] = W W^T + sigma^2 I, because z and eps are independent.",
)


# --- Exercise 2 ------------------------------------------------------------------------------


def _check_noise(noise_variance) -> str:
    right_if(
        callable(noise_variance),
        f"Expected a function noise_variance(x, latent_dim); got {type(noise_variance).__name__}.",
    )
    x = torch.randn(300, 6, generator=torch.Generator().manual_seed(1), dtype=torch.float64) * torch.arange(
        2.0, 8.0
    )
    values = torch.linalg.eigvalsh(x.T.cov(correction=0))  # smallest first
    answer = float(noise_variance(x, 2))
    close = lambda value: abs(answer - float(value)) < 0.02 * float(value)  # noqa: E731
    right_if(
        not close(values[:2].mean()),
        "You averaged as many eigenvalues as are kept. Average the D - M that are discarded.",
    )
    right_if(
        not close(values[-2:].mean()),
        "That is the mean of the largest eigenvalues, which W explains. The noise is what is left.",
    )
    right_if(
        not close(values[:4].sum()),
        "That is the sum of the discarded eigenvalues; the noise is spread evenly over them.",
    )
    right_if(
        not close(values[:4].sqrt().mean()),
        "Eigenvalues of a covariance are variances already: no square root.",
    )
    right_if(close(values[:4].mean()), f"Expected {values[:4].mean():.3f} for these data, got {answer:.3f}.")
    return "The noise is the mean of the discarded eigenvalues."


def noise_variance(x: Tensor, latent_dim: int) -> Tensor:
    values = torch.linalg.eigvalsh(x.T.cov(correction=0))  # smallest first
    return values[: x.shape[1] - latent_dim].mean()


q2 = Exercise(
    "q2",
    _check_noise,
    "torch.linalg.eigvalsh gives the eigenvalues in rising order. Which of them does W not explain?",
    noise_variance,
    "With M directions explained, the other D - M carry the discarded variance; the likelihood is "
    "highest when it is shared evenly.",
)


# --- Exercise 3 ------------------------------------------------------------------------------

_WHY = {
    "a": (
        "Turning W by a rotation R leaves W R R^T W^T = W W^T, so the covariance and with it every "
        "p(x) is unchanged."
    ),
    "b": "A permutation of the columns is one of the rotations, but there are infinitely many others.",
    "c": "EM and the closed form reach the same likelihood, as you saw; the weights still differ.",
}


def _check_rotation(answer) -> str:
    letter = letter_of(answer, "abc")
    right_if(letter == "a", _WHY[letter])
    return "The data fix the subspace, not the axes in it."


def same_model_other_axes() -> str:
    return "a"


q3 = Exercise(
    "q3",
    _check_rotation,
    "Put W R in place of W, with a rotation R, in the covariance of x.",
    same_model_other_axes,
    _WHY["a"],
)

"""Measures: likelihood with its unit and kind, detection, decisions, and samples against data."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from torch import Tensor, nn

from dgm_lite.nets import eval_mode
from dgm_lite.protocols import Bound, Density
from dgm_lite.shapes import check_count, check_shape, show


@dataclass(frozen=True)
class Likelihood:
    """Mean log p(x) of some data under a model, with its unit and what kind of number it is.

    Args:
        nats: Mean of log p(x) over the examples, nats per example.
        error: Standard error of that mean, nats.
        dim: D, numbers per example.
        kind: "exact", or "lower bound" (the true value is at least this large).
    """

    nats: float
    error: float
    dim: int
    kind: str

    @property
    def bits_per_dim(self) -> float:
        """-log2 p(x) / D: what a perfect coder spends on one number. Smaller is better."""
        return -self.nats / self.dim / math.log(2)

    def __str__(self) -> str:
        mark = "" if self.kind == "exact" else "at most "
        return (
            f"{mark}{self.bits_per_dim:.3f} bits/dim ({self.kind}; {-self.nats:.1f} +- {self.error:.1f} nats)"
        )


@torch.no_grad()
def log_prob(model: nn.Module, x: Tensor, batch_size: int = 500) -> Tensor:
    """log p(x) of many examples, batch by batch, or the lower bound where that is all the model has.

    Args:
        model: A Density or a Bound. Measured in eval mode; comes back in the mode in which it was.
        x: Examples, (N, *event).
        batch_size: Examples at a time.

    Returns:
        Nats, shape (N,).

    Raises:
        ValueError: If there are no examples, or the model has no likelihood; says what to measure instead.

    Source: book eq. `exact-or-bound`.
    """
    if isinstance(model, Density):
        measure = model.log_prob
    elif isinstance(model, Bound):
        measure = model.elbo
    else:
        raise ValueError(
            f"evaluate: expected a model with log_prob or elbo, got {type(model).__name__}, "
            "which has no likelihood. "
            "Compare its samples with data instead: evaluate.two_sample(real, samples)."
        )
    return _each(measure, model, x, batch_size)


def _each(measure: Callable[[Tensor], Tensor], model: nn.Module, x: Tensor, batch_size: int) -> Tensor:
    """``measure`` of every example, (N,), batch by batch, on the model's device and in eval mode."""
    if not isinstance(x, Tensor) or x.dim() == 0 or len(x) == 0:
        got = f"shape {show(tuple(x.shape))}" if isinstance(x, Tensor) else type(x).__name__
        raise ValueError(f"evaluate: expected a tensor with at least one example, got {got}.")
    weight = next(model.parameters(), x)
    with eval_mode(model):
        return torch.cat([measure(part.to(weight.device)) for part in x.split(batch_size)])


def _mean(nats: Tensor, x: Tensor, kind: str) -> Likelihood:
    nats = nats.double()
    error = nats.std().item() / math.sqrt(len(nats)) if len(nats) > 1 else math.nan
    return Likelihood(nats.mean().item(), error, x[0].numel(), kind)


def bits_per_dim(model: nn.Module, x: Tensor, batch_size: int = 500, *, n_draws: int = 1) -> Likelihood:
    """How well a model predicts data, as bits per dimension.

    Args:
        model: A Density or a Bound.
        x: Examples, (N, *event).
        batch_size: Examples at a time.
        n_draws: How many draws of a bound's own noise are averaged for each example. An exact density
            has none, and is computed once.

    Returns:
        The mean, its standard error over the examples, and whether it is exact or a bound.

    Raises:
        ValueError: If there are no examples, n_draws is below 1, or the model has no likelihood.

    Source: book eq. `bits-per-dim`; Theis et al. (2016), A note on the evaluation of generative models.
    """
    check_count(n_draws, "bits_per_dim", "n_draws")
    if isinstance(model, Density):
        return _mean(log_prob(model, x, batch_size), x, "exact")
    draws = [log_prob(model, x, batch_size) for _ in range(n_draws)]
    return _mean(torch.stack(draws).mean(0), x, "lower bound")


@torch.no_grad()
def importance_weighted(
    model: nn.Module, x: Tensor, n_samples: int = 1000, batch_size: int = 500
) -> Likelihood:
    """A tighter bound than the ELBO: log of the mean of k importance weights, averaged over examples.

    Args:
        model: Has ``importance_weighted(x, k)``. Measured in eval mode; comes back in its own mode.
        x: Examples, (N, *event).
        n_samples: k. State it with the number: the bound rises with k.
        batch_size: Examples at a time.

    Returns:
        The mean and its standard error; always a lower bound.

    Raises:
        ValueError: If there are no examples, or the model has no importance weights.

    Source: book eq. `iwae`; Burda et al. (2016), Importance weighted autoencoders, equation 8.
    """
    if not hasattr(model, "importance_weighted"):
        raise ValueError(
            f"evaluate: expected a model with importance_weighted, got {type(model).__name__}. "
            "An exact density needs none: evaluate.bits_per_dim(model, x)."
        )
    nats = _each(lambda part: model.importance_weighted(part, n_samples), model, x, batch_size)
    return _mean(nats, x, "lower bound")


def auroc(inside: Tensor, outside: Tensor) -> float:
    """Probability that a random inside example scores above a random outside one; 0.5 is chance.

    Args:
        inside: Scores of ordinary examples, (N,).
        outside: Scores of the examples to be told apart, (M,).

    Raises:
        ValueError: If either is empty, not one-dimensional, or holds NaN.
    """
    for scores in (inside, outside):
        check_shape(scores, ("N",), "auroc")
        if scores.isnan().any():
            raise ValueError("auroc: expected numbers, got NaN.")
    truth = np.r_[np.ones(len(inside)), np.zeros(len(outside))]
    # Only the order counts, and ranks are finite where log p(x) is -inf.
    ranks = torch.cat([inside, outside]).detach().cpu().unique(return_inverse=True)[1]
    return float(roc_auc_score(truth, ranks.numpy()))


def risk_coverage(score: Tensor, correct: Tensor) -> tuple[Tensor, Tensor]:
    """Error rate among the decisions we keep, as we keep more and more of them.

    Args:
        score: How much each decision is trusted, (N,); the most trusted are kept first.
        correct: Whether each decision is right, (N,), booleans.

    Raises:
        ValueError: On empty or unequal shapes, or NaN scores.

    Returns:
        (coverage, risk): share kept, rising from 1/N to 1, and share of errors among these, both (N,).

    Source: El-Yaniv and Wiener (2010), On the foundations of noise-free selective classification, section 2.
    """
    check_shape(score, ("N",), "risk_coverage")
    check_shape(correct, (len(score),), "risk_coverage")
    if score.isnan().any():
        raise ValueError("risk_coverage: expected scores that can be ordered, got NaN.")
    wrong = (~correct.bool())[score.argsort(descending=True, stable=True)].double()
    kept = torch.arange(1, len(score) + 1, dtype=torch.float64)
    return kept / len(score), wrong.cumsum(0) / kept


def calibration_error(confidence: Tensor, correct: Tensor, n_bins: int = 10) -> float:
    """Mean gap between how sure and how right, over bins of equal size (expected calibration error).

    Args:
        confidence: Probability of the chosen label, (N,), in [0, 1].
        correct: Whether the label is right, (N,), booleans.
        n_bins: Number of bins with equally many examples.

    Raises:
        ValueError: On empty or unequal shapes, or a confidence outside [0, 1].

    Source: Guo et al. (2017), On calibration of modern neural networks, section 2.
    """
    check_shape(confidence, ("N",), "calibration_error")
    check_shape(correct, (len(confidence),), "calibration_error")
    check_count(n_bins, "calibration_error", "n_bins")
    if not ((confidence >= 0) & (confidence <= 1)).all():
        low, high = confidence.min().item(), confidence.max().item()
        raise ValueError(f"calibration_error: expected probabilities in [0, 1], got {low:.3g} to {high:.3g}.")
    order = confidence.argsort(stable=True)
    gaps = [
        abs(part.double().mean() - right.double().mean()) * len(part)
        for part, right in zip(confidence[order].chunk(n_bins), correct[order].chunk(n_bins), strict=True)
    ]
    return float(sum(gaps)) / len(confidence)


def two_sample(real: Tensor, samples: Tensor, *, folds: int = 5, trees: int = 300, seed: int = 0) -> float:
    """How often a forest tells samples from data it has not seen: 0.5 means not at all, 1.0 always.

    Args:
        real: Data, (N, D). Use the test split: training rows would punish an honest model.
        samples: Draws of a model, (N, D).
        folds: Cross-validation folds.
        trees: Trees of the forest: fewer are quicker, and tell a little less.
        seed: Seed of the forest and the folds.

    Returns:
        Mean accuracy over the folds, with both sets cut to equal size.

    Raises:
        ValueError: On different numbers of dimensions, or fewer than two examples of each kind per fold.

    Source: Lopez-Paz and Oquab (2017), Revisiting classifier two-sample tests, section 3.
    """
    check_shape(real, ("N", "D"), "two_sample", "Flatten images: x.flatten(1).")
    check_shape(samples, ("N", real.shape[1]), "two_sample", "Flatten images: x.flatten(1).")
    check_count(trees, "two_sample", "trees")
    n = min(len(real), len(samples))
    if n < 2 * folds:
        raise ValueError(f"two_sample: expected at least {2 * folds} examples of each, got {n}.")
    x = torch.cat([real[:n], samples[:n]]).numpy()
    y = np.r_[np.ones(n), np.zeros(n)]
    forest = ExtraTreesClassifier(trees, min_samples_leaf=2, random_state=seed)
    order = StratifiedKFold(folds, shuffle=True, random_state=seed)
    return float((cross_val_predict(forest, x, y, cv=order) == y).mean())


def frechet_distance(real: Tensor, samples: Tensor) -> float:
    """Squared Frechet distance of two fitted Gaussians: |m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^1/2).

    Args:
        real: Features of data, (N, F), N > F for a covariance of full rank.
        samples: Features of samples, (M, F).

    Returns:
        The distance, from 0 up, in squared units of the features.

    Raises:
        ValueError: On different numbers of features, or fewer than two examples of either.

    Source: Heusel et al. (2017), GANs trained by a two time-scale update rule, equation 6.
    """
    check_shape(real, ("N", "F"), "frechet_distance")
    check_shape(samples, ("M", real.shape[1]), "frechet_distance")
    if min(len(real), len(samples)) < 2:
        raise ValueError(
            f"frechet_distance: expected at least 2 examples of each, got {len(real)} and {len(samples)}."
        )
    means = [f.double().mean(0) for f in (real, samples)]
    one, two = (f.double().T.cov() for f in (real, samples))
    # tr (C1 C2)^1/2 is the sum of the singular values of C1^1/2 C2^1/2.
    cross = torch.linalg.svdvals(_matrix_root(one) @ _matrix_root(two)).sum()
    return float(((means[0] - means[1]) ** 2).sum() + one.trace() + two.trace() - 2 * cross)


def _matrix_root(matrix: Tensor) -> Tensor:
    values, vectors = torch.linalg.eigh(matrix)
    return (vectors * values.clamp_min(0).sqrt()) @ vectors.T


def nearest(samples: Tensor, train: Tensor) -> tuple[Tensor, Tensor]:
    """The training example closest to each sample: is the model copying?

    Args:
        samples: Draws, (N, D).
        train: Training data, (M, D).

    Returns:
        (index into train, Euclidean distance), both (N,).

    Raises:
        ValueError: If either is empty, or they differ in D.
    """
    check_shape(samples, ("N", "D"), "nearest")
    check_shape(train, ("M", samples.shape[1]), "nearest")
    # Differences, not matrix products: the distance of an exact copy has to be exactly 0.
    distances = torch.cdist(samples.double(), train.double(), compute_mode="donot_use_mm_for_euclid_dist")
    distance, index = distances.min(1)
    return index, distance

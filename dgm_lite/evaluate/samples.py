"""Samples against data: for every model that can draw, also those without a likelihood.

Data and samples may lie on different devices; the figures are computed on the CPU, and lie there.
"""

import numpy as np
import torch
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from torch import Tensor

from dgm_lite.shapes import check_count, check_shape


def two_sample(real: Tensor, samples: Tensor, *, folds: int = 5, trees: int = 300, seed: int = 0) -> float:
    """How often a forest tells samples from data it has not seen: 0.5 means not at all, 1.0 always.

    Args:
        real: Data, (N, D). Use the test split: training rows would punish an honest model.
        samples: Draws of a model, (N, D).
        folds: Cross-validation folds, 2 or more.
        trees: Trees of the forest: fewer are quicker, and tell a little less.
        seed: Seed of the forest and the folds.

    Returns:
        Mean accuracy over the folds, with both sets cut to equal size.

    Raises:
        ValueError: On different numbers of dimensions, fewer than two folds, fewer than two examples of each
            kind per fold, or numbers that are not finite.

    Source: Lopez-Paz and Oquab (2017), Revisiting classifier two-sample tests, section 3.
    """
    check_shape(real, ("N", "D"), "two_sample")
    check_shape(samples, ("N", real.shape[1]), "two_sample")
    check_count(trees, "two_sample", "trees")
    check_count(folds, "two_sample", "folds")
    if folds < 2:
        raise ValueError("two_sample: expected 2 folds or more, one to learn from and one to tell, got 1.")
    n = min(len(real), len(samples))
    if n < 2 * folds:
        raise ValueError(f"two_sample: expected at least {2 * folds} examples of each, got {n}.")
    x = torch.cat([_here(real[:n], "two_sample"), _here(samples[:n], "two_sample")]).numpy()
    y = np.r_[np.ones(n), np.zeros(n)]
    forest = ExtraTreesClassifier(trees, min_samples_leaf=2, random_state=seed)
    order = StratifiedKFold(folds, shuffle=True, random_state=seed)
    return float((cross_val_predict(forest, x, y, cv=order) == y).mean())


def _here(x: Tensor, owner: str) -> Tensor:
    """The numbers on the CPU, without their history, if they are numbers."""
    x = x.detach().cpu()
    if not x.isfinite().all():
        raise ValueError(f"{owner}: expected finite numbers, got NaN or infinity. Did the training diverge?")
    return x


def frechet_distance(real: Tensor, samples: Tensor) -> float:
    """Squared Frechet distance of two fitted Gaussians: |m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^1/2).

    Args:
        real: Features of data, (N, F), N > F for a covariance of full rank.
        samples: Features of samples, (M, F).

    Returns:
        The distance, from 0 up, in squared units of the features.

    Raises:
        ValueError: On different numbers of features, fewer than two examples of either, or numbers that are
            not finite.

    Source: Heusel et al. (2017), GANs trained by a two time-scale update rule, equation 6.
    """
    check_shape(real, ("N", "F"), "frechet_distance")
    check_shape(samples, ("M", real.shape[1]), "frechet_distance")
    if min(len(real), len(samples)) < 2:
        raise ValueError(
            f"frechet_distance: expected at least 2 examples of each, got {len(real)} and {len(samples)}."
        )
    both = [_here(features, "frechet_distance").double() for features in (real, samples)]
    means = [features.mean(0) for features in both]
    one, two = (features.T.cov() for features in both)
    # tr (C1 C2)^1/2 is the sum of the singular values of C1^1/2 C2^1/2.
    cross = torch.linalg.svdvals(_matrix_root(one) @ _matrix_root(two)).sum()
    distance = ((means[0] - means[1]) ** 2).sum() + one.trace() + two.trace() - 2 * cross
    return max(0.0, float(distance))  # of equal sets, rounding may leave less than nothing


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
        ValueError: If either is empty or not finite, or they differ in D.
    """
    check_shape(samples, ("N", "D"), "nearest")
    check_shape(train, ("M", samples.shape[1]), "nearest")
    one, two = (_here(points, "nearest").double() for points in (samples, train))
    # Differences, not matrix products: the distance of an exact copy has to be exactly 0.
    distances = torch.cdist(one, two, compute_mode="donot_use_mm_for_euclid_dist")
    distance, index = distances.min(1)
    return index, distance

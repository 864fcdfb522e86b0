"""How good decisions are: telling apart, the errors among what is kept, and how sure against how right."""

import numpy as np
import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor

from dgm_lite.shapes import check_count, check_shape


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
    ranks = torch.cat([inside.detach().cpu(), outside.detach().cpu()]).unique(return_inverse=True)[1]
    return float(roc_auc_score(truth, ranks.numpy()))


def risk_coverage(score: Tensor, correct: Tensor) -> tuple[Tensor, Tensor]:
    """Error rate among the decisions we keep, as we keep more and more of them.

    Args:
        score: How much each decision is trusted, (N,); the most trusted are kept first.
        correct: Whether each decision is right, (N,), booleans.

    Raises:
        ValueError: On empty or unequal shapes, or NaN scores.

    Returns:
        (coverage, risk): share kept, rising from 1/N to 1, and share of errors among these, both (N,), on
        the CPU.

    Source: El-Yaniv and Wiener (2010), On the foundations of noise-free selective classification, section 2.
    """
    check_shape(score, ("N",), "risk_coverage")
    check_shape(correct, (len(score),), "risk_coverage")
    if score.isnan().any():
        raise ValueError("risk_coverage: expected scores that can be ordered, got NaN.")
    score, correct = score.detach().cpu(), correct.cpu()
    wrong = (~correct.bool())[score.argsort(descending=True, stable=True)].double()
    kept = torch.arange(1, len(score) + 1, dtype=torch.float64)
    return kept / len(score), wrong.cumsum(0) / kept


def calibration_error(confidence: Tensor, correct: Tensor, n_bins: int = 10) -> float:
    """Mean gap between how sure and how right, over bins of equal size (expected calibration error).

    Args:
        confidence: Probability of the chosen label, (N,), in [0, 1].
        correct: Whether the label is right, (N,), booleans.
        n_bins: Number of bins, whose sizes differ by one at most.

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
    confidence, correct = confidence.detach().cpu(), correct.cpu()
    order = confidence.argsort(stable=True)
    gaps = [
        abs(confidence[part].double().mean() - correct[part].double().mean()) * len(part)
        for part in order.tensor_split(min(n_bins, len(order)))
    ]
    return float(sum(gaps)) / len(confidence)

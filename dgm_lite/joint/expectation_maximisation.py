"""Mixtures of Gaussians, one for each class, from points of which some have a label.

    maximise  sum over labelled points of log p(x, y)
            + sum over the others of log sum_y p(x, y)                 [book: eq. semi-supervised]

Each round of EM gives every point to the components that may have made it, in shares q, and each component
the mean and covariance of its shares. No round can make the objective smaller. With imagined points, which
keep a component from shrinking, it is the objective and a term for these points that cannot fall together.
"""

import torch
from torch import Tensor, nn

from dgm_lite.joint.class_conditional import ClassConditional
from dgm_lite.shapes import check_real

UNKNOWN = -1  # the label of a point whose class nobody has told us


def log_prob_known(model: ClassConditional, x: Tensor, y: Tensor) -> Tensor:
    """log p(x, y), or log p(x) = log sum_y p(x, y) where the label is UNKNOWN (-1), in nats, (B,).

    Args:
        model: Any densities, one for each class.
        x: Points, (B, D).
        y: Labels 0 .. n_classes-1 or UNKNOWN, (B,).

    Raises:
        ValueError: If a label is neither.

    Source: book eq. `semi-supervised`; Lasserre et al. (2006), equation 1.
    """
    return _possible(model.log_prob_joint(x), y).logsumexp(1)


def _possible(log_p: Tensor, y: Tensor) -> Tensor:
    """log p(x, y) of every label, (B, n_classes, ...), and -inf for those that a known label rules out."""
    n_classes = log_p.shape[1]
    if y.shape != log_p.shape[:1] or not torch.isin(y, torch.arange(UNKNOWN, n_classes)).all():
        got = f"{y.unique().tolist()} of shape {tuple(y.shape)}"
        expected = f"{len(log_p)} labels 0 .. {n_classes - 1}, or -1 for unknown"
        raise ValueError(f"log_prob_known: expected {expected}, got {got}.")
    known = (y != UNKNOWN)[:, None]
    ruled_out = known & (y[:, None] != torch.arange(n_classes))
    return log_p.masked_fill(ruled_out.reshape(*ruled_out.shape, *[1] * (log_p.dim() - 2)), -torch.inf)


def log_prob_parts(model: ClassConditional, x: Tensor, y: Tensor) -> Tensor:
    """log p(x, y, component k), -inf where y is known to be another: (B, n_classes, K), in nats."""
    by_class = [density.log_prob_components(x) for density in model.densities]
    return _possible(torch.stack(by_class, dim=1) + model.class_logits.log_softmax(0)[:, None], y)


@torch.no_grad()
def maximise(density: nn.Module, x: Tensor, q: Tensor, imagined: float, spread: Tensor) -> None:
    """Give each component the share, mean and covariance of the points that are its own by q, (B, K).

    Args:
        density: A ``GaussianMixture``; changed in place.
        x: Points, (B, D).
        q: Shares of each point, (B, K).
        imagined: Each component has so many more points, around its own mean.
        spread: Their standard deviation in each dimension, (D,).

    Raises:
        ValueError: If a component has too few points, real and imagined, for a covariance.
    """
    n = q.sum(0)
    mu = (q.T @ x) / n.clamp_min(1e-30)[:, None]
    apart = x[:, None] - mu  # (B, K, D)
    scatter = torch.einsum("bk,bkd,bke->kde", q, apart, apart)
    scatter = scatter + imagined * torch.diag(spread**2)
    cov = scatter / (n + imagined)[:, None, None]
    density.logits.copy_((n + imagined).log())
    density.mu.copy_(mu)
    # cov = L L^T, so its inverse is U U^T with U = L^-T: what the density keeps.
    root, failed = torch.linalg.cholesky_ex(cov)
    if failed.any():
        raise ValueError(
            f"em: expected every component to have more than D = {x.shape[1]} points, got one with "
            f"{n[failed > 0].min():.3g}. Give each some imagined points: imagined=1.0."
        )
    whiten = torch.linalg.inv(root).mT
    density.log_std.copy_(-whiten.diagonal(dim1=1, dim2=2).log())
    density.upper.copy_(whiten.triu(1))


@torch.no_grad()
def em(model: ClassConditional, x: Tensor, y: Tensor, *, rounds: int = 100,
       imagined: float = 0.0) -> list[float]:  # fmt: skip
    """Maximise the mean of ``log_prob_known`` in closed steps.

    Args:
        model: A ``GaussianMixture`` for each class, with equally many components; changed in place.
        x: Points, (B, D).
        y: Labels, or UNKNOWN (-1), (B,).
        rounds: Rounds of EM.
        imagined: Points that every component is given besides, around its own mean and as wide as the data
            divided among all components: no component can shrink onto a single point.

    Returns:
        The mean of log p before each round, in nats. Without imagined points it never falls.

    Raises:
        ValueError: If x is not real of shape (B, D), or a label neither a class nor UNKNOWN; if without
            imagined points a component shrinks until it has no covariance.

    Source: book eq. `semi-supervised`; Nigam et al. (2000), Text classification from labeled and unlabeled
    documents using EM, section 3.
    """
    x = check_real(x, ("B", model.densities[0].dim), model)
    n_components = sum(len(density.mu) for density in model.densities)
    spread = x.std(0, correction=0) / n_components ** (1 / x.shape[1])
    trace = []
    for _ in range(rounds):
        log_p = log_prob_parts(model, x, y).flatten(1)
        trace.append(log_p.logsumexp(1).mean().item())
        q = log_p.softmax(1).unflatten(1, (model.n_classes, -1))
        for label, density in enumerate(model.densities):
            maximise(density, x, q[:, label], imagined, spread)
        model.class_logits.copy_((q.sum((0, 2)) + imagined * q.shape[2]).log())
    return trace

"""Two ways to push a gradient through a draw: both right in the mean, and far apart in their noise.

d/dmu ELBO = E[ d/dz log p(x, z) ],   z = mu + sigma eps              [book: eq. pathwise]
d/dmu ELBO = E[ log w d/dmu log q(z) ],   log w = log p(x, z) - log q(z)   [book: eq. score-function]
"""

from collections.abc import Callable

import torch
from torch import Tensor

from dgm_lite.distributions import DiagonalNormal
from dgm_lite.shapes import check_count


def gradients_in_mu(
    log_joint: Callable[[Tensor], Tensor], q: DiagonalNormal, n: int, *,
    generator: torch.Generator | None = None,
) -> dict[str, Tensor]:  # fmt: skip
    """One-draw gradients of the ELBO in mu, by n draws each, all estimators on the same draws.

    Args:
        log_joint: log p(x, z) of one object x: (n, M) -> (n,) nats, differentiable.
        q: N(mu, diag(sigma^2)), its mean of shape (1, M).
        n: How many draws; two or more.
        generator: Of the draws.

    Returns:
        By estimator, (n, M). "reparameterised" follows the draw; "score function" asks for values of log w
        only; "with a baseline" takes off their mean over the other draws first, which costs no bias.

    Raises:
        ValueError: If n is below 2.

    Source: book eq. `pathwise` and `score-function`; Mohamed et al. (2020), Monte Carlo gradient estimation
    in machine learning; Williams (1992), Simple statistical gradient-following algorithms.
    """
    check_count(n, "gradients_in_mu")
    if n < 2:
        raise ValueError("gradients_in_mu: expected two draws or more, got one: a baseline takes others.")
    mu, log_std = q.mu.detach().expand(n, -1), q.log_std.detach().expand(n, -1)
    z, log_q = DiagonalNormal(mu, log_std).draw(generator=generator)
    z.requires_grad_()
    with torch.enable_grad():
        log_p = log_joint(z)
        # Moving mu moves z, and leaves log q(z), which depends on eps alone.
        (pathwise,) = torch.autograd.grad(log_p.sum(), z)
    log_w = (log_p.detach() - log_q)[:, None]
    score = (z.detach() - mu) * (-2 * log_std).exp()  # d/dmu log q(z)
    others = (log_w.sum() - log_w) / (n - 1)
    return {
        "reparameterised": pathwise,
        "score function": log_w * score,
        "with a baseline": (log_w - others) * score,
    }

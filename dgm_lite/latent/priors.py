"""Priors p(z). Any Density with ``sample`` can take the place: a mixture, a flow, ...

The usual one, N(0, I), is ``StandardNormal`` of ``distributions.py``.
"""

import math

import torch
from torch import Tensor, nn

from dgm_lite.distributions import DiagonalNormal
from dgm_lite.shapes import check_count, check_counts, check_real


class NormalMixture(nn.Module):
    """p(z) = sum_k pi_k N(z; mu_k, diag(sigma_k^2)): learned, and as cheap in many dimensions as in one.

    Args:
        dim: M, numbers of z.
        n_components: K.
        spread: Standard deviation of the K means at the start; components start with sigma = 1.

    Source: book eq. `mixture-prior`; Dilokthanakul et al. (2016), Deep unsupervised clustering with
    Gaussian mixture variational autoencoders, for the idea.
    """

    def __init__(self, dim: int, n_components: int, *, spread: float = 1.0):
        super().__init__()
        check_counts("NormalMixture", dim=dim, n_components=n_components)
        self.dim = dim
        self.logits = nn.Parameter(torch.zeros(n_components))
        self.mu = nn.Parameter(spread * torch.randn(n_components, dim))
        self.log_std = nn.Parameter(torch.zeros(n_components, dim))

    def log_prob(self, z: Tensor) -> Tensor:
        """log sum_k pi_k N(z; mu_k, sigma_k^2), in nats, (B,).

        Raises:
            ValueError: If z is not floating point, or not (B, M).

        Source: book eq. `mixture-prior`.
        """
        check_real(z, ("B", self.dim), "NormalMixture", finite=False)
        eps = (z[:, None] - self.mu) * torch.exp(-self.log_std)  # (B, K, M)
        # Over dimensions first, then over components: the other order is a product of 1-D mixtures.
        log_normal = -(0.5 * eps**2 + self.log_std + 0.5 * math.log(2 * math.pi)).sum(2)
        return (self.logits.log_softmax(0) + log_normal).logsumexp(1)

    @torch.no_grad()
    def sample(self, n: int, *, generator: torch.Generator | None = None) -> Tensor:
        """k ~ pi, then z ~ N(mu_k, sigma_k^2): shape (n, M)."""
        check_count(n, "NormalMixture.sample")
        k = torch.multinomial(self.logits.softmax(0), n, replacement=True, generator=generator)
        return DiagonalNormal(self.mu[k], self.log_std[k]).sample(generator=generator)

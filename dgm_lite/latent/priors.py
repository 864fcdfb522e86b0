"""Priors p(z). Any Density with ``sample`` can take the place: a mixture, a flow, ...

The usual one, N(0, I), is ``StandardNormal`` of ``distributions.py``.
"""

import math

import torch
from torch import Tensor, nn

from dgm_lite.distributions import DiagonalNormal
from dgm_lite.flows.logistic_base import LogisticMixtureBase
from dgm_lite.shapes import check_count, check_real


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
        check_count(dim, "NormalMixture", "dim")
        check_count(n_components, "NormalMixture", "n_components")
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


class LogisticCells(nn.Module):
    """p(z) = prod_d [mass of a mixture of logistics in the cell of width one around z_d], for real z.

    It is the density of v + u with v_d from the mixture of dimension d and u ~ U[-1/2, 1/2)^M, and so it
    integrates to one. At integers the same formula is the probability that v rounds to z, and so it sums
    to one as well: what is trained with noise is the code of the rounded numbers.

    Args:
        dim: M, numbers of z.
        n_components: K, logistics of each dimension.

    Source: book eq. `transform-coder`; Balle et al. (2018), Variational image compression with a scale
    hyperprior, appendix 6.2, for a learned density of v in place of the mixture.
    """

    def __init__(self, dim: int, n_components: int = 3):
        super().__init__()
        check_count(dim, "LogisticCells", "dim")
        check_count(n_components, "LogisticCells", "n_components")
        self.dim, self.cells = dim, LogisticMixtureBase(dim, n_components)

    @torch.no_grad()
    def start_from_data(self, z: Tensor) -> "LogisticCells":
        """Spread the logistics over the quantiles of real z, (N, M): each dimension has its own scale."""
        check_real(z, ("N", self.dim), "LogisticCells.start_from_data")
        mu = self.cells.mu
        at = (torch.arange(mu.shape[1], dtype=z.dtype, device=z.device) + 0.5) / mu.shape[1]
        mu.copy_(torch.stack([column.quantile(at) for column in z.unbind(1)]))  # all at once has a limit
        self.cells.log_std.copy_(z.std(0, correction=0).clamp(min=0.5).log()[:, None].expand_as(mu))
        self.cells.logits.zero_()
        return self

    def log_prob(self, z: Tensor) -> Tensor:
        """log p(z), in nats, (B,): a density at real z, a probability at integers.

        Raises:
            ValueError: If z is not floating point, or not (B, M).

        Source: book eq. `logistic-cell`, with the cell around any real z.
        """
        check_real(z, ("B", self.dim), "LogisticCells", finite=False)
        return self.cells.log_prob(z)

    def table(self, low: int, high: int) -> Tensor:
        """log p of the integers low .. high in each dimension, nats, (M, high - low + 1)."""
        return self.cells.table(low, high)

    @torch.no_grad()
    def sample(self, n: int, *, generator: torch.Generator | None = None) -> Tensor:
        """v + u, real numbers of shape (n, M). Rounded draws of v would have no density."""
        check_count(n, "LogisticCells.sample")
        v = self.cells.draw(n, generator=generator).to(self.cells.mu.dtype)
        return v + torch.rand(v.shape, generator=generator, device=v.device, dtype=v.dtype) - 0.5

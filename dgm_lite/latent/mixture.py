"""Mixtures: the simplest latent variable models, whose hidden cause z is one of K components.

    p(x) = sum_k p(z = k) p(x | z = k)                                   [book: eq. mixture]

The sum has K terms, so the likelihood is exact and no bound is needed.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dgm_lite.shapes import check_count, check_counts, check_levels, check_real


class GaussianMixture(nn.Module):
    """p(x) = sum_k pi_k N(x; mu_k, L_k L_k^T) for real vectors x in R^D.

    Args:
        dim: D.
        n_components: K.

    Example:
        >>> model = GaussianMixture(dim=2, n_components=3).start_from_data(torch.randn(50, 2))
        >>> model.log_prob(model.sample(4)).shape
        torch.Size([4])

    Source: book eq. `mixture`; Bishop (2006), Pattern recognition and machine learning, section 9.2.
    """

    def __init__(self, dim: int, n_components: int):
        super().__init__()
        check_counts("GaussianMixture", dim=dim, n_components=n_components)
        self.dim = dim
        self.logits = nn.Parameter(torch.zeros(n_components))
        self.mu = nn.Parameter(torch.randn(n_components, dim))
        # The precision is U U^T with U upper triangular; its diagonal is exp(-log_std).
        self.log_std = nn.Parameter(torch.zeros(n_components, dim))
        self.upper = nn.Parameter(torch.zeros(n_components, dim, dim))

    def whitening(self) -> Tensor:
        """U_k, upper triangular with positive diagonal: (x - mu_k) U_k is standard normal, (K, D, D)."""
        return self.upper.triu(1) + torch.diag_embed(torch.exp(-self.log_std))

    def log_prob_components(self, x: Tensor) -> Tensor:
        """log pi_k + log N(x; mu_k, L_k L_k^T) of every component, in nats, (B, K)."""
        x = check_real(x, ("B", self.dim), self)
        eps = torch.einsum("bkd,kde->bke", x[:, None] - self.mu, self.whitening())
        log_normal = -0.5 * (eps**2).sum(2) - 0.5 * self.dim * math.log(2 * math.pi) - self.log_std.sum(1)
        return self.logits.log_softmax(0) + log_normal

    def log_prob(self, x: Tensor) -> Tensor:
        """Exact log-density: log p(x) = log sum_k pi_k N(x; mu_k, L_k L_k^T).

        Args:
            x: Real vectors, shape (B, D).

        Returns:
            Nats, shape (B,). May be positive: it is a density.

        Raises:
            ValueError: If x is not finite, not floating point, or not (B, D).

        Source: book eq. `mixture`; Bishop (2006), equation 9.7.
        """
        return self.log_prob_components(x).logsumexp(1)

    def loss(self, x: Tensor) -> Tensor:
        """Mean of -log p(x) over the batch, in nats per example."""
        return -self.log_prob(x).mean()

    @torch.no_grad()
    def start_from_data(self, x: Tensor, *, spread: Tensor | None = None,
                        generator: torch.Generator | None = None) -> "GaussianMixture":  # fmt: skip
        """Put the means on random data points and the widths at the data's spread, and return the model.

        Args:
            x: Data, (N, D).
            spread: Standard deviation of each dimension, (D,); by default that of x.
            generator: Which points are chosen; on the device of x.
        """
        x = check_real(x, ("N", self.dim), self)
        spread = x.std(0, correction=0) if spread is None else spread
        # No point twice where there are enough: components with the same start would stay the same for ever.
        enough = len(x) >= len(self.mu)
        evenly = torch.ones(len(x), device=x.device)
        chosen = torch.multinomial(evenly, len(self.mu), replacement=not enough, generator=generator)
        self.mu.copy_(x[chosen])
        # K components share the space: each starts K^(1/D) times narrower than the data.
        self.log_std.copy_(spread.clamp_min(1e-3).log() - math.log(len(self.mu)) / self.dim)
        return self

    @torch.no_grad()
    def sample(self, n: int, *, generator: torch.Generator | None = None) -> Tensor:
        """z ~ pi, then x = mu_z + eps U_z^{-1} with eps ~ N(0, I): shape (n, D)."""
        check_count(n, "GaussianMixture.sample")
        z = torch.multinomial(self.logits.softmax(0), n, replacement=True, generator=generator)
        eps = torch.randn(n, 1, self.dim, generator=generator, device=self.mu.device, dtype=self.mu.dtype)
        return self.mu[z] + torch.linalg.solve_triangular(
            self.whitening()[z], eps, upper=True, left=False
        ).squeeze(1)


class BernoulliMixture(nn.Module):
    """p(x) = sum_k pi_k prod_d Bernoulli(x_d; theta_kd) for binary vectors x in {0, 1}^D.

    Args:
        dim: D.
        n_components: K.

    Source: book eq. `mixture`; Bishop (2006), section 9.3.3.
    """

    def __init__(self, dim: int, n_components: int):
        super().__init__()
        check_counts("BernoulliMixture", dim=dim, n_components=n_components)
        self.dim, self.levels = dim, 2
        self.logits = nn.Parameter(torch.zeros(n_components))
        self.theta_logits = nn.Parameter(torch.randn(n_components, dim))

    def log_prob_components(self, x: Tensor) -> Tensor:
        """log pi_k + sum_d log Bernoulli(x_d; theta_kd) of every component, in nats, (B, K)."""
        x = check_levels(x, 2, ("B", self.dim), self).to(self.logits.dtype)
        log_theta, log_rest = F.logsigmoid(self.theta_logits), F.logsigmoid(-self.theta_logits)
        return self.logits.log_softmax(0) + x @ log_theta.T + (1 - x) @ log_rest.T

    def log_prob(self, x: Tensor) -> Tensor:
        """Exact log-probability: log p(x) = log sum_k pi_k prod_d theta_kd^x_d (1 - theta_kd)^(1 - x_d).

        Args:
            x: Integers 0 or 1, shape (B, D).

        Returns:
            Nats, shape (B,).

        Raises:
            ValueError: If x is not an integer tensor of zeros and ones of shape (B, D).

        Source: book eq. `mixture`; Bishop (2006), equation 9.47.
        """
        return self.log_prob_components(x).logsumexp(1)

    def loss(self, x: Tensor) -> Tensor:
        """Mean of -log p(x) over the batch, in nats per example."""
        return -self.log_prob(x).mean()

    @torch.no_grad()
    def sample(self, n: int, *, generator: torch.Generator | None = None) -> Tensor:
        """z ~ pi, then x_d ~ Bernoulli(theta_zd): integers, shape (n, D)."""
        check_count(n, "BernoulliMixture.sample")
        z = torch.multinomial(self.logits.softmax(0), n, replacement=True, generator=generator)
        return torch.bernoulli(torch.sigmoid(self.theta_logits[z]), generator=generator).long()

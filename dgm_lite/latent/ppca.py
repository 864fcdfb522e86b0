"""Probabilistic PCA: a latent variable model that is linear and Gaussian, so that nothing is approximated.

z ~ N(0, I),   x = W z + mu + eps,   eps ~ N(0, sigma^2 I)              [book: eq. ppca]
"""

import math
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from dgm_lite.shapes import check_count, check_real, check_shape


class PPCA(nn.Module):
    """x ~ N(mu, C) with C = W W^T + sigma^2 I: D numbers explained by M hidden ones and noise.

    Three ways to the same weights: ``fit_closed_form``, ``em_steps``, and ``loss`` for gradient descent.

    Args:
        dim: D, numbers of an object.
        latent_dim: M < D, numbers of its hidden cause.

    Source: book eq. `ppca`; Tipping and Bishop (1999), Probabilistic principal component analysis.
    """

    def __init__(self, dim: int, latent_dim: int):
        super().__init__()
        check_count(dim, "PPCA", "dim")
        check_count(latent_dim, "PPCA", "latent_dim")
        if latent_dim >= dim:
            raise ValueError(f"PPCA: expected latent_dim below dim = {dim}, got {latent_dim}.")
        self.dim, self.latent_dim = dim, latent_dim
        self.weight = nn.Parameter(torch.randn(dim, latent_dim) / math.sqrt(latent_dim))
        self.mu = nn.Parameter(torch.zeros(dim))
        self.log_std = nn.Parameter(torch.zeros(()))

    @property
    def variance(self) -> Tensor:
        """sigma^2, the noise left in every direction."""
        return (2 * self.log_std).exp()

    def _inner(self, weight: Tensor) -> Tensor:
        """M = W^T W + sigma^2 I, of size M x M: all that has to be inverted."""
        identity = torch.eye(self.latent_dim, dtype=weight.dtype, device=weight.device)
        return weight.mT @ weight + self.variance * identity

    def log_prob(self, x: Tensor) -> Tensor:
        """Exact log-density: log p(x) = log N(x; mu, W W^T + sigma^2 I), without any D x D matrix.

        Args:
            x: Real vectors, shape (B, D).

        Returns:
            Nats, shape (B,). May be positive: it is a density.

        Raises:
            ValueError: If x is not finite, not floating point, or not (B, D).

        Source: book eq. `ppca-marginal`; Tipping and Bishop (1999), equations 3.3 to 3.5.
        """
        check_real(x, ("B", self.dim), "PPCA", "Flatten images: x.flatten(1).")
        inner = torch.linalg.cholesky(self._inner(self.weight))
        centred = x - self.mu
        # Woodbury: C^-1 = (I - W M^-1 W^T) / sigma^2, and |C| = sigma^(2 (D - M)) |M|.
        whitened = torch.linalg.solve_triangular(inner, (centred @ self.weight).mT, upper=False)
        distance = (centred.square().sum(1) - whitened.square().sum(0)) / self.variance
        log_det = 2 * (self.dim - self.latent_dim) * self.log_std + 2 * inner.diagonal().log().sum()
        return -0.5 * (distance + log_det + self.dim * math.log(2 * math.pi))

    def posterior(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """p(z | x) = N(mean, covariance), exactly: mean (B, M), covariance (M, M), the same for every x.

        Source: book eq. `ppca-posterior`; Tipping and Bishop (1999), equation 3.6.
        """
        check_real(x, ("B", self.dim), "PPCA")
        inverse = torch.linalg.inv(self._inner(self.weight))
        return (x - self.mu) @ self.weight @ inverse, self.variance * inverse

    def loss(self, x: Tensor) -> Tensor:
        """Mean of -log p(x) over the batch, in nats per example."""
        return -self.log_prob(x).mean()

    @torch.no_grad()
    def fit_closed_form(self, x: Tensor) -> "PPCA":
        """Set the maximum-likelihood weights in one step, and return the model.

        W = U (Lambda - sigma^2 I)^(1/2) with the M leading eigenvectors U and eigenvalues Lambda of
        the data's covariance; sigma^2 is the mean of the D - M discarded eigenvalues.

        Args:
            x: Data, (N, D).

        Raises:
            ValueError: If the data vary in latent_dim directions only.

        Source: book eq. `ppca-ml`; Tipping and Bishop (1999), equations 3.7 and 3.8.
        """
        check_real(x, ("N", self.dim), "PPCA")
        values, vectors = torch.linalg.eigh(x.double().T.cov(correction=0))
        values, vectors = values.flip(0), vectors.flip(1)  # largest first
        noise = values[self.latent_dim :].mean()
        if noise <= 0:
            raise ValueError(
                "PPCA: expected data that vary in more than latent_dim directions; sigma^2 would be 0."
            )
        kept = (values[: self.latent_dim] - noise).clamp_min(0).sqrt()
        self.mu.copy_(x.double().mean(0))
        self.weight.copy_(vectors[:, : self.latent_dim] * kept)
        self.log_std.copy_(0.5 * noise.log())
        return self

    @torch.no_grad()
    def em_steps(self, x: Tensor, n: int) -> Iterator[float]:
        """Expectation maximisation: yields mean log p(x) in nats before each of n steps. It never falls.

        Args:
            x: Data, (N, D).
            n: Number of steps.

        Source: book eq. `ppca-em`; Tipping and Bishop (1999), appendix B.
        """
        check_real(x, ("N", self.dim), "PPCA")
        check_count(n, "PPCA.em_steps")
        self.mu.copy_(x.mean(0))
        centred = x - self.mu
        for _ in range(n):
            yield self.log_prob(x).mean().item()
            mean, covariance = self.posterior(x)  # E: what the hidden causes were
            second = len(x) * covariance + mean.mT @ mean  # sum of E[z z^T]
            weight = torch.linalg.solve(second, (centred.mT @ mean).mT).mT  # M: regress x on them
            residual = centred.square().sum() - (mean * (centred @ weight)).sum()
            self.weight.copy_(weight)
            self.log_std.copy_(0.5 * (residual / centred.numel()).log())

    @torch.no_grad()
    def sample(self, n: int, *, generator: torch.Generator | None = None) -> Tensor:
        """z ~ N(0, I), then x = W z + mu + sigma eps: shape (n, D)."""
        check_count(n, "PPCA.sample")
        draw = {"generator": generator, "dtype": self.mu.dtype, "device": self.mu.device}
        z, eps = torch.randn(n, self.latent_dim, **draw), torch.randn(n, self.dim, **draw)
        return z @ self.weight.T + self.mu + self.log_std.exp() * eps

    @torch.no_grad()
    def complete(self, x: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
        """Fill in missing numbers from the known ones: mean and standard deviation of p(x_missing | x_known).

        Args:
            x: Objects, (B, D); values that are not known are ignored.
            known: Which numbers are known, (D,), booleans.

        Returns:
            (mean, std), both (B, D): known numbers come back unchanged with std 0.

        Source: book eq. `ppca-complete`; Bishop (2006), Pattern recognition and machine learning,
        section 2.3.1.
        """
        check_shape(known, (self.dim,), "PPCA.complete known")
        x = torch.where(known, x, self.mu)
        check_real(x, ("B", self.dim), "PPCA.complete")
        seen = self.weight * known[:, None]  # rows of missing numbers say nothing about z
        inverse = torch.linalg.inv(self._inner(seen))
        z = (x - self.mu) @ seen @ inverse
        mean = torch.where(known, x, z @ self.weight.T + self.mu)
        spread = self.variance * (1 + ((self.weight @ inverse) * self.weight).sum(1))
        return mean, torch.where(known, 0.0, spread.sqrt()).expand_as(mean)

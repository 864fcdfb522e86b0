"""Probabilistic PCA: a latent variable model that is linear and Gaussian, so that nothing is approximated.

z ~ N(0, I),   x = W z + mu + eps,   eps ~ N(0, sigma^2 I)              [book: eq. ppca]
"""

import math
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dgm_lite.shapes import check_count, check_counts, check_mask, check_real


class PPCA(nn.Module):
    """x ~ N(mu, C) with C = W W^T + sigma^2 I: D numbers explained by M hidden ones and noise.

    Three ways to the same weights: ``fit_closed_form``, ``em_steps``, and ``loss`` for gradient descent.

    Args:
        dim: D, numbers of an object.
        latent_dim: M < D, numbers of its hidden cause.

    Example:
        >>> x = torch.randn(100, 3) @ torch.randn(3, 3)
        >>> model = PPCA(dim=3, latent_dim=1).fit_closed_form(x)
        >>> mean, std = model.complete(x, torch.tensor([True, True, False]))
        >>> mean.shape
        torch.Size([100, 3])

    Source: book eq. `ppca`; Tipping and Bishop (1999), Probabilistic principal component analysis.
    """

    def __init__(self, dim: int, latent_dim: int):
        super().__init__()
        check_counts("PPCA", dim=dim, latent_dim=latent_dim)
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

    def factors(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        """Q and R of W with sigma I below it, (D + M, M) and (M, M): then M = W^T W + sigma^2 I = R^T R.

        M itself is never formed: to square W costs half of its digits, and float32 has seven.
        """
        identity = torch.eye(self.latent_dim, dtype=weight.dtype, device=weight.device)
        return torch.linalg.qr(torch.cat([weight, self.log_std.exp() * identity]))

    def causes(self, x: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
        """Mean of p(z | x), (B, M), and a root of its covariance sigma^2 M^-1: sigma R^-1, (M, M)."""
        q, r = self.factors(weight)
        inverse = torch.linalg.solve_triangular(r, torch.eye(len(r)).to(r), upper=True)
        return (x - self.mu) @ q[: self.dim] @ inverse.mT, self.log_std.exp() * inverse

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
        x = check_real(x, ("B", self.dim), self)
        q, r = self.factors(self.weight)
        centred = F.pad(x - self.mu, (0, self.latent_dim))  # (B, D + M), as Q
        # Woodbury: (x - mu)^T C^-1 (x - mu) = |what W leaves over|^2 / sigma^2,
        # and |C| = sigma^(2 (D - M)) |R|^2.
        left = (centred - centred @ q @ q.mT) * (-self.log_std).exp()
        log_det = 2 * (self.dim - self.latent_dim) * self.log_std
        log_det = log_det + 2 * r.diagonal().abs().log().sum()
        constant = self.dim * math.log(2 * math.pi)
        return -0.5 * (constant + log_det + left.square().sum(1))

    def posterior(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """p(z | x) = N(mean, covariance), exactly: mean (B, M), covariance (M, M), the same for every x.

        Source: book eq. `ppca-posterior`; Tipping and Bishop (1999), equation 3.6.
        """
        x = check_real(x, ("B", self.dim), self)
        mean, root = self.causes(x, self.weight)
        return mean, root @ root.mT

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
        x = x.cpu().double()  # not every device has float64
        values, vectors = torch.linalg.eigh(x.T.cov(correction=0))
        values, vectors = values.flip(0), vectors.flip(1)  # largest first
        noise = values[self.latent_dim :].mean()
        self._check_noise(noise, 10 * torch.finfo(x.dtype).eps * values[0])
        kept = (values[: self.latent_dim] - noise).clamp_min(0).sqrt()
        self.mu.copy_(x.mean(0))
        self.weight.copy_(vectors[:, : self.latent_dim] * kept)
        self.log_std.copy_(0.5 * noise.log())
        return self

    def _check_noise(self, variance: Tensor, rounding: Tensor) -> None:
        """Refuse data that lie in a plane of M dimensions, as far as can be told."""
        if not variance > rounding:
            raise ValueError(
                f"PPCA: expected data that vary in more than latent_dim = {self.latent_dim} directions, "
                f"got a sigma^2 of {variance.item():.3g}: nothing but rounding."
            )

    @torch.no_grad()
    def em_steps(self, x: Tensor, n: int) -> Iterator[float]:
        """Expectation maximisation: yields mean log p(x) in nats before each of n steps. It never falls.

        Args:
            x: Data, (N, D).
            n: Number of steps.

        Raises:
            ValueError: If the data vary in latent_dim directions only: the likelihood has no highest value.

        Source: book eq. `ppca-em`; Tipping and Bishop (1999), appendix B.
        """
        x = check_real(x, ("N", self.dim), self)
        check_count(n, "PPCA.em_steps")
        self.mu.copy_(x.mean(0))
        centred = F.pad(x - self.mu, (0, 0, 0, self.latent_dim))  # (N + M, D)
        rounding = (10 * torch.finfo(x.dtype).eps) ** 2 * centred.square().mean()
        for _ in range(n):
            yield self.log_prob(x).mean().item()
            mean, root = self.causes(x, self.weight)  # E: what the hidden causes were
            # M: regress x on them. M more rows, to be explained as zeros, stand for how
            # far they spread: sum E[z z^T] = z^T z. (And z^T z is never formed.)
            z = torch.cat([mean, math.sqrt(len(x)) * root.mT])
            q, r = torch.linalg.qr(z)
            weight = torch.linalg.solve_triangular(r, q.mT @ centred, upper=True).mT
            variance = (centred - z @ weight.mT).square().sum() / x.numel()
            self._check_noise(variance, rounding)
            self.weight.copy_(weight)
            self.log_std.copy_(0.5 * variance.log())

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

        Raises:
            ValueError: If x or the mask is none.

        Source: book eq. `ppca-complete`; Bishop (2006), Pattern recognition and machine learning,
        section 2.3.1.
        """
        check_mask(known, self.dim, "PPCA.complete")
        x = check_real(x, ("B", self.dim), self, finite=False)
        x = check_real(torch.where(known, x, self.mu), ("B", self.dim), self)
        # Rows of missing numbers say nothing about z.
        z, root = self.causes(x, self.weight * known[:, None])
        mean = torch.where(known, x, z @ self.weight.T + self.mu)
        spread = (self.variance + (self.weight @ root).square().sum(1)).sqrt()
        return mean, torch.where(known, 0.0, spread).expand_as(mean)

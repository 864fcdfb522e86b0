"""A density made by an invertible map: bijections in a chain, a base density, and the flow of both.

    log p(x) = log p_z(f(x)) + log |det J_f(x)|                  [book: eq. flow-log-prob]

A bijection is any module with ``to_latent(x) -> (z, log_det)`` and ``to_data(z) -> x``, where log_det
is log |det dz/dx| in nats, (B,). Flows of data, flow priors and flow posteriors are made of the same ones.
"""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from dgm_lite.nets import in_eval_mode
from dgm_lite.protocols import Bijection, Density, Sampler
from dgm_lite.shapes import check_count, check_real


class Chain(nn.Module):
    """f = f_K o ... o f_1: a bijection made of bijections, whose log-determinants add up.

    Args:
        bijections: f_1, ..., f_K, in the order in which data pass them.

    Raises:
        ValueError: If there are none, or one lacks ``to_latent`` or ``to_data``.

    Source: book eq. `chain-log-det`.
    """

    def __init__(self, bijections: Iterable[nn.Module]):
        super().__init__()
        self.layers = nn.ModuleList(bijections)
        wrong = [type(f).__name__ for f in self.layers if not isinstance(f, Bijection)]
        if wrong or not len(self.layers):
            got = ", ".join(wrong) or "none"
            raise ValueError(f"Chain: expected modules with to_latent and to_data, got {got}.")

    def to_latent(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(z, log_det): (B, D), and the sum of the layers' log_det, nats, (B,)."""
        total = x.new_zeros(len(x))
        for layer in self.layers:
            x, log_det = layer.to_latent(x)
            total = total + log_det
        return x, total

    def to_data(self, z: Tensor) -> Tensor:
        """The x with f(x) = z: the layers' inverses, last one first."""
        for layer in reversed(self.layers):
            z = layer.to_data(z)
        return z


class Affine(nn.Module):
    """z = (x - mu) * exp(-log_std), number by number: log |det dz/dx| = -sum(log_std), the same for all x.

    The scaling layer of NICE, with a shift.

    Args:
        dim: D, numbers per example.

    Source: Dinh et al. (2014), NICE, section 3.3.
    """

    def __init__(self, dim: int):
        super().__init__()
        check_count(dim, "Affine", "dim")
        self.mu = nn.Parameter(torch.zeros(dim))
        self.log_std = nn.Parameter(torch.zeros(dim))

    @torch.no_grad()
    def start_from_data(self, x: Tensor) -> "Affine":
        """Set mu and log_std to those of the data, (N, D), so that z starts with mean 0 and variance 1.

        What is set here are weights like any others: saved with the model, moved by training, and
        no flag has to remember that it was done.
        """
        x = check_real(x, ("N", len(self.mu)), self)
        self.mu.copy_(x.mean(0))
        # A number that never varies has no scale of its own: leave it as it is.
        std = x.std(0, correction=0)
        self.log_std.copy_(torch.where(std > 0, std, 1.0).log())
        return self

    def to_latent(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(z, log_det), (B, D) and nats (B,)."""
        return (x - self.mu) * (-self.log_std).exp(), -self.log_std.sum().expand(len(x))

    def to_data(self, z: Tensor) -> Tensor:
        """x = mu + z * exp(log_std)."""
        return self.mu + z * self.log_std.exp()


class Flow(nn.Module):
    """A density of real vectors: a bijection f and a base density p_z of z = f(x).

    Args:
        bijection: Any module with ``to_latent`` and ``to_data``; a ``Chain`` for several.
        base: A Density and Sampler of z, such as ``StandardNormal(dim)``, with the attribute ``dim``:
            another Flow, for one.

    Raises:
        ValueError: If either lacks what it needs.
    """

    def __init__(self, bijection: nn.Module, base: nn.Module):
        super().__init__()
        if not isinstance(bijection, Bijection):
            got = type(bijection).__name__
            raise ValueError(f"Flow: expected a bijection with to_latent and to_data, got {got}.")
        if not (isinstance(base, Density) and isinstance(base, Sampler)):
            got = type(base).__name__
            raise ValueError(f"Flow: expected a base with log_prob and sample, got {got}.")
        self.bijection, self.base, self.dim = bijection, base, base.dim

    @in_eval_mode
    def to_latent(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(z, log_det) = (f(x), log |det J_f(x)|): shapes (B, D) and (B,), the latter in nats.

        Raises:
            ValueError: If x is not of shape (B, D), or not finite.
        """
        return self.bijection.to_latent(self.check(x))

    @in_eval_mode
    def to_data(self, z: Tensor) -> Tensor:
        """x = f^-1(z), shape (B, D)."""
        return self.bijection.to_data(check_real(z, ("B", self.dim), self))

    def log_prob(self, x: Tensor) -> Tensor:
        """Exact log-density: log p(x) = log p_z(f(x)) + log |det J_f(x)|.

        Args:
            x: Real-valued data, shape (B, D). Dequantise pixels first: a density
                over integers has no finite maximum.

        Returns:
            Nats, shape (B,). May be positive: it is a density, not a probability.

        Raises:
            ValueError: If x is not of shape (B, D), or not finite.

        Source: book eq. `flow-log-prob`; Rezende and Mohamed (2015), Variational inference with
        normalizing flows, section 3.
        """
        z, log_det = self.bijection.to_latent(self.check(x))
        return self.base.log_prob(z) + log_det  # one per example, not per number

    def check(self, x: Tensor) -> Tensor:
        """x in the flow's own type, if it is (B, D) and finite.

        Raises:
            ValueError: If x is anything else.
        """
        return check_real(x, ("B", self.dim), self)

    def loss(self, x: Tensor) -> Tensor:
        """Mean of -log p(x) over the batch, in nats per example."""
        return -self.log_prob(x).mean()

    @torch.no_grad()
    @in_eval_mode
    def sample(self, n: int, *, generator: torch.Generator | None = None) -> Tensor:
        """Draw z from the base and carry it back: x = f^-1(z). One pass, whatever D is.

        Args:
            n: How many to draw.
            generator: Source of randomness on the model's device; the same seed gives the same draws.

        Returns:
            Shape (n, D).
        """
        check_count(n, f"{type(self).__name__}.sample")
        return self.bijection.to_data(self.base.sample(n, generator=generator))

"""Variational posteriors q(z | x): stand-ins for p(z | x), from which one can draw.

Anything that maps x to a draw and its log-density, ``posterior(x) -> (z, log_q)``, can take a place in a VAE.
A draw has to be reparametrised: z is a differentiable function of x and of noise.
"""

import torch
from torch import Tensor, nn

from dgm_lite.distributions import DiagonalNormal
from dgm_lite.nets import eval_mode
from dgm_lite.shapes import check_count


class ScaleLevels(nn.Module):
    """Integers 0 .. levels-1 to floats in [-1, 1]: the first layer of a network that reads pixels."""

    def __init__(self, levels: int):
        super().__init__()
        check_count(levels, "ScaleLevels", "levels")
        # A buffer, so that the output has the model's dtype and device.
        self.register_buffer("step", torch.tensor(2 / max(levels - 1, 1)))

    def forward(self, x: Tensor) -> Tensor:
        """(B, D) -> (B, D)."""
        return x.to(self.step.dtype) * self.step - 1


class DiagonalGaussian(nn.Module):
    """q(z | x) = N(z; mu(x), diag(sigma(x)^2)), drawn as z = mu + sigma eps with eps ~ N(0, I).

    Args:
        net: The encoder: (B, *event) -> (B, 2M), which is mu and log sigma.

    Source: book eq. `gaussian-posterior`; Kingma and Welling (2013), Auto-encoding variational Bayes,
    section 2.4.
    """

    def __init__(self, net: nn.Module):
        super().__init__()
        self.net = net

    def distribution(self, x: Tensor) -> DiagonalNormal:
        """q(. | x) of each row, with (B, M) means."""
        mu, log_std = self.net(x).chunk(2, dim=1)
        return DiagonalNormal(mu, log_std)

    def forward(self, x: Tensor, *, generator: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
        """One draw for each row: z, (B, M), and log q(z | x) in nats, (B,)."""
        return self.distribution(x).draw(generator=generator)


@torch.no_grad()
def active_units(posterior: nn.Module, x: Tensor, *, n_samples: int = 32, threshold: float = 0.01) -> Tensor:
    """Which latent units react to the data: those whose posterior mean varies over x.

    Args:
        posterior: ``posterior(x) -> (z, log_q)``.
        x: Examples, (N, *event).
        n_samples: Draws for each mean, where the posterior does not state it.
        threshold: Variance of the mean from which a unit counts as active.

    Returns:
        Booleans, shape (M,).

    Source: book eq. `active-units`; Burda et al. (2016), Importance weighted autoencoders, section 5.2.
    """
    check_count(n_samples, "active_units", "n_samples")
    with eval_mode(posterior):
        if hasattr(posterior, "distribution"):
            means = posterior.distribution(x).mean
        else:
            means = torch.stack([posterior(x)[0] for _ in range(n_samples)]).mean(0)
    return means.var(0) > threshold

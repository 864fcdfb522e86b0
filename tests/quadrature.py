"""The exact density of VAEs that are small enough, to hold their bounds against."""

import copy

import torch
from torch import Tensor, nn

from dgm_lite.latent.vae import by_quadrature


class ByQuadrature(nn.Module):
    """The exact density that a VAE with one or two latent numbers bounds: sums over a grid of z."""

    def __init__(self, model: nn.Module, reach: float = 12.0):
        super().__init__()
        self.model, self.reach = model, reach
        self.dim, self.levels = model.dim, model.levels

    def log_prob(self, x: Tensor) -> Tensor:
        """log p(x) in nats, (B,). Source: book eq. `vae-marginal`."""
        if x.is_floating_point():
            return self._log_prob_of_plane(x)
        return by_quadrature(self.model, x, reach=self.reach, n=4001 if self.model.prior.dim == 1 else 401)[0]

    def _log_prob_of_plane(self, x: Tensor, step: float = 0.1, reach: float = 50.0) -> Tensor:
        """The same for two real numbers that are independent given z, where many x share a coordinate."""
        z = torch.arange(-reach, reach, step, dtype=x.dtype)[:, None]
        given_z, p_z = self.model.likelihood(z), self.model.prior.log_prob(z).exp() * step
        tables, places = [], []
        for d in range(2):
            values, place = x[:, d].unique(return_inverse=True)
            normal = torch.distributions.Normal(given_z.mu[:, d], given_z.log_std.exp())
            tables.append(normal.log_prob(values[:, None]).exp())  # (values, z)
            places.append(place)
        return ((tables[0] * p_z) @ tables[1].T)[places[0], places[1]].log()

    def sample(self, n: int, *, generator: torch.Generator | None = None) -> Tensor:
        """What the model itself draws, (n, D)."""
        return self.model.sample(n, generator=generator)


def with_broad_posterior(model: nn.Module) -> nn.Module:
    """The same VAE, but q(z | x) is at least as broad as the prior and near its middle.

    Importance weights then have small variance, so that laws about their mean are sharp.
    """
    model = copy.deepcopy(model)
    last = [m for m in model.posterior.modules() if isinstance(m, nn.Linear)][-1]
    with torch.no_grad():
        last.weight.mul_(0.1)
        last.bias.copy_(torch.tensor([0.3, 0.4]).repeat_interleave(len(last.bias) // 2))  # mu, log sigma
    return model

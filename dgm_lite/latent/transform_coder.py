"""Transform coding as a VAE: with a posterior of fixed width, -ELBO is a code's rate plus its distortion.

    q(z | x) = U(z; f(x) - 1/2, f(x) + 1/2),  p(x | z) = N(x; g(z), sigma^2 I) [book: eq. transform-coder]
    -ELBO(x) = E_q[-log p(z)] + E_q |x - g(z)|^2 / (2 sigma^2) + constant      [book: eq. rate-distortion]

The code of x is z = round(f(x)), written with the probabilities that the prior gives to integers. sigma is
not learned: it says how much an error matters against a nat, and so it chooses the point on the curve.
"""

import math

import torch
from torch import Tensor, nn

from dgm_lite.flows.logistic_base import LogisticMixtureBase
from dgm_lite.latent.likelihoods import GaussianLikelihood
from dgm_lite.latent.vae import VAE
from dgm_lite.nets import in_eval_mode, mlp
from dgm_lite.shapes import check_count, check_counts, check_real


class Bent(nn.Module):
    """y = A x + b + r h((x - c) / s): a linear map, and a network h for what no linear map can do.

    h starts at zero, so that the whole can start as a linear map that is known to be good. c, s and r are no
    weights: they bring what h reads and what it adds to the size of one.

    Args:
        n_in: Inputs.
        n_out: Outputs.
        hidden: Units of each hidden layer of h.
        n_layers: Hidden layers of h.
        dropout: Share of hidden units silenced in training.
    """

    def __init__(self, n_in: int, n_out: int, *, hidden: int, n_layers: int, dropout: float):
        super().__init__()
        self.line = nn.Linear(n_in, n_out)
        self.net = mlp(n_in, hidden, n_out, n_layers=n_layers, dropout=dropout)
        nn.init.zeros_(self.net[-1].weight)
        nn.init.zeros_(self.net[-1].bias)
        self.register_buffer("center", torch.zeros(n_in))
        self.register_buffer("spread", torch.ones(n_in))
        self.register_buffer("reach", torch.ones(()))

    @torch.no_grad()
    def start(self, weight: Tensor, bias: Tensor, center: Tensor, spread: Tensor, reach: Tensor) -> None:
        """Set the linear map, and the sizes that h may take for granted."""
        self.line.weight.copy_(weight)
        self.line.bias.copy_(bias)
        self.center.copy_(center)
        self.spread.copy_(spread)
        self.reach.copy_(reach)

    def forward(self, x: Tensor) -> Tensor:
        """(B, n_in) -> (B, n_out)."""
        return self.line(x) + self.reach * self.net((x - self.center) / self.spread)


class UnitUniform(nn.Module):
    """q(z | x) = 1 on the cube of side one around f(x): z = f(x) + u with u ~ U[-1/2, 1/2)^M, so log q = 0.

    Its width can't be learned. So z can't say more about x than a rounded number could, and rounding
    f(x) is in its place when z has to be an integer: its error has the same size as u.

    Args:
        net: The encoder f: (B, *event) -> (B, M).

    Source: book eq. `transform-coder`; Balle et al. (2017), End-to-end optimized image compression,
    section 3.1.
    """

    def __init__(self, net: nn.Module):
        super().__init__()
        self.net = net

    def centre(self, x: Tensor) -> Tensor:
        """f(x): the middle of the cube, (B, M)."""
        return self.net(x)

    def forward(self, x: Tensor, *, generator: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
        """One draw for each row: z, (B, M), and log q(z | x) = 0 in nats, (B,)."""
        f = self.centre(x)
        u = torch.rand(f.shape, generator=generator, device=f.device, dtype=f.dtype) - 0.5
        return f + u, f.new_zeros(len(f))


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
        check_counts("LogisticCells", dim=dim, n_components=n_components)
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


class TransformCoder(VAE):
    """A VAE whose rounded latent is a code of real x that lie on a grid 0 .. levels-1, such as grey levels.

    ``elbo`` is a lower bound on the log-density of real x. A codec needs three more things: f(x), which is
    ``posterior.centre``; the probabilities of integers, ``prior.table``; and g(z), ``likelihood(z).mean``.

    Args:
        dim: D.
        latent_dim: M, integers in a code; at most D.
        levels: L: a decoded file holds integers 0 .. levels-1.
        std: sigma of p(x | z) in the unit of x. Larger makes files smaller and errors larger.
        hidden: Units of each hidden layer, in encoder and decoder.
        n_layers: Hidden layers of each.
        n_components: Logistics in the prior of each latent number.
        dropout: Share of hidden units silenced in training.

    Raises:
        ValueError: If a size is below 1, latent_dim is above dim, or std is not above 0.

    Source: book eq. `transform-coder`; Balle et al. (2017), End-to-end optimized image compression.
    """

    def __init__(
        self, dim: int, latent_dim: int, *, levels: int, std: float, hidden: int = 192, n_layers: int = 2,
        n_components: int = 3, dropout: float = 0.1,
    ):  # fmt: skip
        check_counts("TransformCoder", dim=dim, latent_dim=latent_dim, levels=levels)
        if latent_dim > dim:
            raise ValueError(f"TransformCoder: expected latent_dim up to dim = {dim}, got {latent_dim}.")
        inside = {"hidden": hidden, "n_layers": n_layers, "dropout": dropout}
        encoder, decoder = Bent(dim, latent_dim, **inside), Bent(latent_dim, dim, **inside)
        likelihood = GaussianLikelihood(decoder, dim, std=std, learn_std=False)
        super().__init__(UnitUniform(encoder), likelihood, LogisticCells(latent_dim, n_components))
        self.levels = levels

    @torch.no_grad()
    @in_eval_mode
    def start_from_data(self, x: Tensor) -> "TransformCoder":
        """Start as the best linear code: principal components, rounded to multiples of one step.

        The step is sigma sqrt(12). Then the error of rounding, uniform over a step, has the variance sigma^2,
        and a finer step would cost as many nats of rate as it takes off the distortion.

        Args:
            x: Data, (N, D).

        Raises:
            ValueError: If x is not of that kind.

        Source: book eq. `rate-distortion`; Goyal (2001), Theoretical foundations of transform coding.
        """
        x = self.likelihood.check(x, self).cpu().double()  # not every device has float64
        mean, values, axes = principal_axes(x)
        latent_dim, step = self.prior.dim, math.sqrt(12) * self.likelihood.log_std.cpu().double().exp()
        axes, spread = axes[:, :latent_dim], values[:latent_dim].sqrt() / step
        extent, one = (x.max() - x.min()).clamp_min(1e-3), torch.ones_like(mean)
        self.posterior.net.start(axes.T / step, -mean @ axes / step, mean, one * extent / 2, one[0])
        nothing, rounded = torch.zeros_like(spread), (spread**2 + 1 / 12).sqrt()
        self.likelihood.net.start(axes * step, mean, nothing, rounded, extent)
        self.prior.start_from_data(self.posterior.centre(x.to(self.likelihood.log_std)))
        return self


def principal_axes(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Mean (D,), variances (D,) along the principal axes, largest first, and the axes as columns, (D, D)."""
    values, vectors = torch.linalg.eigh(x.T.cov(correction=0).reshape(x.shape[1], x.shape[1]))
    return x.mean(0), values.flip(0).clamp_min(0), vectors.flip(1)

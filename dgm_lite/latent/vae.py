"""The variational autoencoder: a latent variable model whose integral is bounded from below.

    p(x) = E_{z ~ p(z)} p(x | z)                                          [book: eq. vae-marginal]
    log p(x) >= E_{z ~ q(z|x)} [log p(x | z) + log p(z) - log q(z | x)]     [book: eq. elbo]

Three objects make one: a posterior q(z | x), a likelihood p(x | z) and a prior p(z). Exchange any.
"""

import math

import torch
from torch import Tensor, nn

from dgm_lite.distributions import StandardNormal, log_mean_weight
from dgm_lite.latent.likelihoods import (
    BernoulliLikelihood,
    CategoricalLikelihood,
    GaussianLikelihood,
    LogisticLikelihood,
)
from dgm_lite.latent.posteriors import DiagonalGaussian, ScaleLevels
from dgm_lite.latent.priors import NormalMixture
from dgm_lite.nets import eval_mode, in_eval_mode, mlp
from dgm_lite.protocols import Density, Sampler, TooLarge
from dgm_lite.shapes import check_count, check_counts


class VAE(nn.Module):
    """p(x) = integral of p(x | z) p(z) dz, with q(z | x) to bound it.

    Args:
        posterior: ``posterior(x) -> (z, log_q)``: a draw for each row, and its log-density.
        likelihood: ``likelihood(z)`` is a distribution with ``log_prob(x)``, ``sample()``, ``mean``.
        prior: Any Density that can be sampled.
        beta: What the loss multiplies log q(z | x) - log p(z) with. At 1 the loss is -ELBO; any other
            value trains something else. ``elbo`` and all measures are free of it.

    Raises:
        ValueError: If the prior is no density, can't be sampled, or beta is negative.

    Source: book eq. `elbo`; Kingma and Welling (2013), Auto-encoding variational Bayes; Rezende et al.
    (2014), Stochastic backpropagation and approximate inference in deep generative models.
    """

    def __init__(self, posterior: nn.Module, likelihood: nn.Module, prior: nn.Module, *, beta: float = 1.0):
        super().__init__()
        if not 0 <= beta < math.inf:
            raise ValueError(f"VAE: expected beta to be a number from 0 up, got {beta!r}.")
        if not (isinstance(prior, Density) and isinstance(prior, Sampler)):
            raise ValueError(f"VAE: expected a prior with log_prob and sample, got {type(prior).__name__}.")
        self.posterior, self.likelihood, self.prior = posterior, likelihood, prior
        self.dim, self.levels, self.beta = likelihood.dim, likelihood.levels, beta

    def start_from_data(self, x: Tensor) -> "VAE":
        """Let the likelihood start where x is explained as well as it can be without z."""
        self.likelihood.start_from_data(self.likelihood.check(x, self))
        return self

    def elbo_terms(
        self, x: Tensor, *, generator: torch.Generator | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """log p(x | z), log p(z), log q(z | x) at one draw z ~ q(z | x): nats, (B,) each."""
        x = self.likelihood.check(x, self)
        z, log_q = self.posterior(x, generator=generator)
        return self.likelihood(z).log_prob(x), self.prior.log_prob(z), log_q

    def elbo(self, x: Tensor, *, generator: torch.Generator | None = None) -> Tensor:
        """One-draw lower bound log p(x | z) + log p(z) - log q(z | x), z ~ q(z | x).

        Args:
            x: Objects, shape (B, D), of the kind that the likelihood takes.
            generator: Source of the draw.

        Returns:
            Nats, shape (B,): random, and at most log p(x) in the mean. Also the log of an importance
            weight, whose own mean is p(x).

        Raises:
            ValueError: If the likelihood refuses x.

        Source: book eq. `elbo`; Kingma and Welling (2013), equation 2.
        """
        log_px, log_pz, log_q = self.elbo_terms(x, generator=generator)
        return log_px + log_pz - log_q

    def importance_weighted(
        self, x: Tensor, n_samples: int, *, generator: torch.Generator | None = None
    ) -> Tensor:
        """log (1/k) sum_i p(x, z_i) / q(z_i | x) with k draws z_i ~ q(z | x): a tighter lower bound.

        Args:
            x: Objects, shape (B, D).
            n_samples: k. The bound rises with k, to log p(x).
            generator: Source of the draws.

        Returns:
            Nats, shape (B,).

        Raises:
            ValueError: If the likelihood refuses x, or n_samples is below 1.

        Source: book eq. `iwae`; Burda et al. (2016), Importance weighted autoencoders, equation 8.
        """
        x = self.likelihood.check(x, self)
        return log_mean_weight(lambda rows: self.elbo(rows, generator=generator), x, n_samples)

    def exact(self, x: Tensor) -> Tensor:
        """log p(x) in nats, (B,), by quadrature where z has 1 or 2 numbers: what the bounds stay below.

        Source: book eq. `vae-marginal`.
        """
        return by_quadrature(self, x)[0]

    def loss(self, x: Tensor) -> Tensor:
        """Mean of -ELBO(x) over the batch, in nats per example; with beta, its prior terms are weighted."""
        log_px, log_pz, log_q = self.elbo_terms(x)
        return (self.beta * (log_q - log_pz) - log_px).mean()

    @torch.no_grad()
    @in_eval_mode
    def sample(self, n: int, *, generator: torch.Generator | None = None) -> Tensor:
        """z ~ p(z), then x ~ p(x | z): shape (n, D)."""
        check_count(n, f"{type(self).__name__}.sample")
        return self.likelihood(self.prior.sample(n, generator=generator)).sample(generator=generator)

    @torch.no_grad()
    @in_eval_mode
    def reconstruct(self, x: Tensor, *, generator: torch.Generator | None = None) -> Tensor:
        """z ~ q(z | x), then the mean of p(x | z): floats, shape (B, D)."""
        x = self.likelihood.check(x, self)
        return self.likelihood(self.posterior(x, generator=generator)[0]).mean


@torch.no_grad()
def by_quadrature(
    model: VAE, x: Tensor, *, reach: float | None = None, n: int | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """log p(x) by summing p(x | z) p(z) over a grid: exact for all purposes, where z has 1 or 2 numbers.

    Args:
        model: A VAE with M = 1 or 2.
        x: Objects, (B, D).
        reach: The grid spans [-reach, reach] along each axis; by default 8, or as far as the prior needs.
        n: Grid points along each axis; by default 2,001 for M = 1 and 201 for M = 2.

    Returns:
        log p(x) in nats, (B,); the grid, (n^M, M); and log p(z | x) on it, (B, n^M): the true posterior.

    Raises:
        TooLarge: If M is larger than 2: grids grow as n^M. If the prior's mass lies outside the grid, or a
            posterior between its points.

    Source: book eq. `vae-marginal`.
    """
    x = model.likelihood.check(x, model)
    dim = model.prior.dim
    if dim > 2:
        raise TooLarge(f"by_quadrature: expected a latent space of 1 or 2 dimensions, got {dim}.")
    n = n or {1: 2001, 2: 201}[dim]
    weight = next(model.parameters())
    if reach is None:
        drawn = model.prior.sample(1000, generator=torch.Generator(weight.device).manual_seed(0))
        reach = max(8.0, 1.5 * drawn.abs().max().item())
    axis = torch.linspace(-reach, reach, n, dtype=weight.dtype, device=weight.device)
    z = torch.cartesian_prod(*[axis] * dim).reshape(-1, dim)
    with eval_mode(model):
        columns = []
        for part in z.split(5_000):
            given_z = model.likelihood(part)
            columns.append(torch.stack([given_z.log_prob(row.expand(len(part), -1)) for row in x]))
        log_px, log_pz = torch.cat(columns, dim=1), model.prior.log_prob(z)
    log_joint, log_cell = log_px + log_pz, dim * math.log(2 * reach / (n - 1))
    log_p = log_joint.logsumexp(1) + log_cell
    log_posterior = log_joint - log_p[:, None]
    on_grid, in_cell = (log_pz + log_cell).exp().sum().item(), (log_posterior.max() + log_cell).exp().item()
    if not abs(on_grid - 1) < 1e-3 or in_cell > 0.5:
        raise TooLarge(
            f"by_quadrature: expected a grid that holds the prior and resolves p(z | x), got a share of "
            f"{on_grid:.3f} of p(z), and up to {in_cell:.3f} of p(z | x) in one cell. "
            f"Give a larger reach (now {reach:g}) or n (now {n})."
        )
    return log_p, z, log_posterior


def categorical_vae(
    dim: int, levels: int, *, latent_dim: int = 16, hidden: int = 256, n_layers: int = 1,
    dropout: float = 0.0, powers: int | None = 2, n_components: int | None = None, beta: float = 1.0,
) -> VAE:  # fmt: skip
    """A VAE of integers 0 .. levels-1 with small networks and a diagonal Gaussian posterior.

    Args:
        dim: D.
        levels: L.
        latent_dim: M.
        hidden: Units of a hidden layer, in encoder and decoder.
        n_layers: Hidden layers of each.
        dropout: Share of hidden units silenced in training.
        powers: See ``CategoricalLikelihood``.
        n_components: Components of a mixture prior; None for the standard normal.
        beta: See ``VAE``.

    Example:
        >>> model = categorical_vae(dim=64, levels=17)
        >>> x = torch.randint(17, (3, 64))
        >>> model.elbo(x).shape  # nats, one draw of a lower bound
        torch.Size([3])

    Raises:
        ValueError: If a size is below 1.
    """
    check_counts("categorical_vae", dim=dim, levels=levels, latent_dim=latent_dim)
    inside = {"hidden": hidden, "n_layers": n_layers, "dropout": dropout}
    posterior, decoder = _networks(dim, levels, latent_dim, dim * (powers or levels), **inside)
    likelihood = CategoricalLikelihood(decoder, dim, levels=levels, powers=powers)
    prior = StandardNormal(latent_dim) if n_components is None else NormalMixture(latent_dim, n_components)
    return VAE(posterior, likelihood, prior, beta=beta)


def logistic_vae(
    dim: int, levels: int, *, latent_dim: int = 16, hidden: int = 256, n_layers: int = 1,
    dropout: float = 0.0, n_logistics: int = 3,
) -> VAE:  # fmt: skip
    """A VAE of many grey levels: each pixel is a mixture of ``n_logistics``; else as ``categorical_vae``."""
    check_counts("logistic_vae", dim=dim, levels=levels, latent_dim=latent_dim, n_logistics=n_logistics)
    inside = {"hidden": hidden, "n_layers": n_layers, "dropout": dropout}
    posterior, decoder = _networks(dim, levels, latent_dim, 3 * n_logistics * dim, **inside)
    likelihood = LogisticLikelihood(decoder, dim, levels=levels, n_logistics=n_logistics)
    return VAE(posterior, likelihood, StandardNormal(latent_dim))


def bernoulli_vae(
    dim: int, latent_dim: int, *, hidden: int = 256, n_layers: int = 1, dropout: float = 0.0
) -> VAE:
    """A VAE of black-and-white x in {0, 1}^D; arguments as in ``categorical_vae``."""
    check_counts("bernoulli_vae", dim=dim, latent_dim=latent_dim)
    posterior, decoder = _networks(dim, 2, latent_dim, dim, hidden=hidden, n_layers=n_layers, dropout=dropout)
    return VAE(posterior, BernoulliLikelihood(decoder, dim), StandardNormal(latent_dim))


def gaussian_vae(dim: int, latent_dim: int, *, hidden: int = 64, std: float = 1.0) -> VAE:
    """A VAE of real numbers, with one hidden layer on either side and Gaussian noise of this ``std``."""
    check_counts("gaussian_vae", dim=dim, latent_dim=latent_dim)
    likelihood = GaussianLikelihood(mlp(latent_dim, hidden, dim), dim, std=std)
    return VAE(DiagonalGaussian(mlp(dim, hidden, 2 * latent_dim)), likelihood, StandardNormal(latent_dim))


def linear_vae(dim: int, latent_dim: int, *, std: float = 1.0, learn_std: bool = True) -> VAE:
    """Linear encoder, linear decoder, Gaussian noise: probabilistic PCA, trained through its bound."""
    check_counts("linear_vae", dim=dim, latent_dim=latent_dim)
    likelihood = GaussianLikelihood(nn.Linear(latent_dim, dim), dim, std=std, learn_std=learn_std)
    return VAE(DiagonalGaussian(nn.Linear(dim, 2 * latent_dim)), likelihood, StandardNormal(latent_dim))


def _networks(
    dim: int, levels: int, latent_dim: int, n_out: int, **inside
) -> tuple[DiagonalGaussian, nn.Sequential]:
    """q(z | x) of integers x, (B, D) -> (B, M), and the decoder's network, (B, M) -> (B, n_out)."""
    encoder = nn.Sequential(ScaleLevels(levels), mlp(dim, n_out=2 * latent_dim, **inside))
    return DiagonalGaussian(encoder), mlp(latent_dim, n_out=n_out, **inside)

"""The deep density model: a general invertible network, its determinant in full, or an estimate of it.

    log p(x) = log p_z(f(x)) + log |det J_f(x)|,   J_f by D backward passes, det in O(D^3).

Nothing in the network is arranged for the determinant's sake. That is what it costs. For f(x) = x + g(x)
with a contraction g the logarithm is also a series of traces, which random signs estimate without bias:

    log det(I + J_g) = sum_n (-1)^(n+1) tr(J_g^n) / n                [book: eq. log-det-series]
"""

import math

import torch
from torch import Tensor, nn

from dgm_lite.distributions import StandardNormal
from dgm_lite.flows.flow import Affine, Chain, Flow
from dgm_lite.shapes import check_counts


def full_log_det(function, x: Tensor) -> tuple[Tensor, Tensor]:
    """(f(x), log |det J_f(x)|) of any smooth function, from all D x D partial derivatives.

    Time O(D^3) per example and memory O(D^2): D backward passes for the Jacobian, then a
    factorisation of it.

    Args:
        function: f of one example: (D,) -> (D,).
        x: Where, (B, D).

    Returns:
        f(x), (B, D), and nats, (B,). -inf where the Jacobian is singular.
    """

    def twice(v):  # without types: torch 2.6 compiles no function whose types are made while it runs
        z = function(v)
        return z, z  # the second is handed through, so that f is computed once

    jacobian, z = torch.func.vmap(torch.func.jacrev(twice, has_aux=True))(x)  # (B, D, D), (B, D)
    return z, torch.linalg.slogdet(jacobian).logabsdet


def series_terms(
    g, x: Tensor, n_terms: int, *, generator: torch.Generator | None = None
) -> tuple[Tensor, Tensor]:
    """x + g(x), and estimates of the first terms of the series, (-1)^(n+1) / n * eps^T J_g^n eps.

    The signs eps are drawn once for all terms. The mean of eps^T J^n eps is the trace of J^n; one backward
    pass makes eps^T J^n of eps^T J^(n-1), and no Jacobian is ever made.

    Args:
        g: A function of each row of a batch by itself, (B, D) -> (B, D).
        x: Where, (B, D).
        n_terms: How many terms. Cut off there, the series is biased.
        generator: Source of the signs.

    Returns:
        x + g(x), (B, D), and the terms in nats, (n_terms, B).

    Source: book eq. `hutchinson`; Behrmann et al. (2019), Invertible residual networks, section 3.
    """
    check_counts("series_terms", n_terms=n_terms)
    g_x, pull = torch.func.vjp(g, x)
    coins = torch.randint(0, 2, x.shape, generator=generator, device=x.device)
    eps = 2 * coins.to(x.dtype) - 1
    row, terms = eps, []
    for n in range(1, n_terms + 1):
        (row,) = pull(row)  # eps^T J^n
        terms.append((-1) ** (n + 1) / n * (row * eps).sum(1))
    return x + g_x, torch.stack(terms)


def roulette_log_det(
    g, x: Tensor, go_on: float, *, generator: torch.Generator | None = None
) -> tuple[Tensor, Tensor]:
    """x + g(x), and an estimate of log |det(I + J_g(x))| without bias.

    After each term chance decides whether the series goes on. Term n is reached with probability go_on^(n-1)
    and counts that much more if it is: on average nothing is missing, after 1 / (1 - go_on) backward passes.

    Args:
        g: A contraction of each row of a batch by itself, (B, D) -> (B, D).
        x: Where, (B, D).
        go_on: Probability to go on after a term. The variance is finite where it lies above the square of
            g's contraction.
        generator: Source of randomness.

    Returns:
        x + g(x), (B, D), and nats, (B,), whose mean over many calls is the log-determinant.

    Raises:
        ValueError: If go_on is not between 0 and 1.

    Source: book eq. `roulette`; Chen et al. (2019), Residual flows, section 3.1.
    """
    if not 0 < go_on < 1:
        raise ValueError(f"roulette_log_det: expected go_on between 0 and 1, got {go_on!r}.")
    # In (0, 1], not [0, 1): the logarithm of 0 would go on for ever.
    luck = 1 - torch.rand((), generator=generator, device=x.device).item()
    n_terms = 1 + int(math.log(luck) / math.log(go_on))
    z, terms = series_terms(g, x, n_terms, generator=generator)
    reached = go_on ** torch.arange(n_terms).to(x)  # P(T >= n)
    return z, (terms / reached[:, None]).sum(0)


class ResidualMap(nn.Module):
    """z = x + g(x), where g(x) = W_2 tanh(W_1 x + b_1) + b_2 has a Lipschitz constant of at most rho < 1.

    Invertible by construction: x -> z - g(x) is then a contraction, whose one fixed point is the
    inverse. A network without such a constraint may fold, and its "density" counts what it folds
    only once.

    Args:
        dim: D.
        hidden: Units of the hidden layer.
        contraction: rho, between 0 and 1. Near 1 the map bends more, and its inverse takes more steps.

    Raises:
        ValueError: If a size is below 1, or c not between 0 and 1.

    Source: book eq. `residual-map`; Behrmann et al. (2019), Invertible residual networks, theorem 1.
    """

    def __init__(self, dim: int, hidden: int = 64, *, contraction: float = 0.9):
        super().__init__()
        check_counts("ResidualMap", dim=dim, hidden=hidden)
        if not 0 < contraction < 1:
            raise ValueError(f"ResidualMap: expected a contraction between 0 and 1, got {contraction!r}.")
        self.contraction = contraction
        self.first, self.second = nn.Linear(dim, hidden), nn.Linear(hidden, dim)

    def shift(self):
        """g with its present weights, as a function of (..., D)."""
        # |tanh'| <= 1, so the product of the two spectral norms bounds how g stretches. They are
        # computed exactly: an estimate by power iteration lies below, and invertibility would be a hope.
        norms = [torch.linalg.matrix_norm(layer.weight, 2) for layer in (self.first, self.second)]
        scale = self.contraction / (norms[0] * norms[1]).clamp(min=self.contraction)
        w_1, b_1, w_2, b_2 = self.first.weight, self.first.bias, self.second.weight * scale, self.second.bias
        return lambda x: torch.tanh(x @ w_1.T + b_1) @ w_2.T + b_2

    def to_latent(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(z, log_det), (B, D) and nats (B,), with the full determinant."""
        g = self.shift()
        return full_log_det(lambda v: v + g(v), x)

    def estimate(self, x: Tensor, *, generator: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
        """(z, log_det) as of ``to_latent``, but log_det is an estimate without bias, (B,)."""
        return roulette_log_det(self.shift(), x, self.contraction, generator=generator)

    @torch.no_grad()
    def to_data(self, z: Tensor) -> Tensor:
        """Iterate x <- z - g(x): each step is shorter than the last, until only rounding is left."""
        g, x, step = self.shift(), z, float("inf")
        while True:
            x, before, last = z - g(x), x, step
            step = (x - before).norm(dim=-1).amax().item()
            if not step < last:
                return x


class DeepDensity(Flow):
    """A flow of general invertible networks; its log p(x) needs determinants in full, its loss only if asked.

    Args:
        dim: D.
        n_layers: Number of residual maps.
        hidden: Hidden units of each.
        contraction: See ``ResidualMap``.
        estimate: Train on estimates of the log-determinants without bias, in place of the determinants.

    Source: book eq. `flow-log-prob`; Rippel and Adams (2013), High-dimensional probability estimation with
    deep density models; for maps that are residual, Behrmann et al. (2019), Invertible residual networks.
    """

    def __init__(self, dim: int, n_layers: int = 4, *, hidden: int = 64, contraction: float = 0.9,
                 estimate: bool = False):  # fmt: skip
        check_counts("DeepDensity", n_layers=n_layers)
        maps = [ResidualMap(dim, hidden, contraction=contraction) for _ in range(n_layers)]
        super().__init__(Chain([Affine(dim), *maps]), StandardNormal(dim))
        self.estimate = estimate

    def loss(self, x: Tensor) -> Tensor:
        """Mean of -log p(x), nats per example; with ``estimate``, in training, an estimate without bias."""
        if not (self.estimate and self.training):
            return super().loss(x)
        scaling, *maps = self.bijection.layers
        z, log_det = scaling.to_latent(self.check(x))
        for layer in maps:
            z, more = layer.estimate(z)
            log_det = log_det + more
        return -(self.base.log_prob(z) + log_det).mean()

    def start_from_data(self, x: Tensor) -> "DeepDensity":
        """Let the scaling layer start at the mean and standard deviation of the data, (N, D)."""
        self.bijection.layers[0].start_from_data(x)
        return self

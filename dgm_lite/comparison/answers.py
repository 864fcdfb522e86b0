"""What the families can answer about p(x), and whether it is true, on models small enough to check."""

import itertools
from functools import cache

import torch
from torch import Tensor, nn

from dgm_lite.comparison.competitors import ROWS, quoted
from dgm_lite.latent.vae import by_quadrature
from dgm_lite.protocols import Bijection, Bound, Density


@cache
def answers() -> dict[str, tuple[str, str]]:
    """For each family of the essay's table: what kind of likelihood it has, and the evidence in words.

    The models are untrained and in float64. Exact: all probabilities of a small domain are added up, or, of a
    model without a method for it, the mass of all z. Bound: the mean of many draws is compared with the true
    value, which quadrature gives.
    """
    torch.manual_seed(0)
    return {family: _answer(family) for family in ROWS}


def _answer(family: str) -> tuple[str, str]:
    entry = quoted("digits", family).entry
    model = entry.build(**entry.small).double().eval()
    if isinstance(model, Density):
        return _sum(model)
    return _bound(model) if isinstance(model, Bound) else _enumerated(model)


def _box(low: int, high: int, dim: int) -> Tensor:
    return torch.tensor(list(itertools.product(range(low, high), repeat=dim)))


@torch.no_grad()
def _sum(model: nn.Module) -> tuple[str, str]:
    """Density: the sum over all x, or for a flow on all integers over a box that holds nearly all of them."""
    widest = 120 if isinstance(model, Bijection) else 0
    x = _box(-widest, model.levels + widest, model.dim)
    total = sum(model.log_prob(part).exp().sum().item() for part in x.split(20_000))
    if abs(total - 1) > 1e-6:
        return "wrong", f"the probabilities of {len(x):,} x sum to {total:.6f}"
    return "exact", f"the probabilities of {len(x):,} x sum to one within 1e-6"


@torch.no_grad()
def _bound(model: nn.Module, n: int = 4000) -> tuple[str, str]:
    """Bound: below the true value for every x of the domain, by more than the noise of n draws allows."""
    x = _box(0, model.levels, model.dim)
    exact = by_quadrature(model, x)[0]
    draws = model.elbo(x.repeat_interleave(n, dim=0)).view(len(x), n)
    gap = exact - draws.mean(1)
    noise = draws.std(1) / n**0.5
    kind = "bound" if (gap > -4 * noise).all() and gap.mean() > 0 else "wrong"
    return kind, f"for all {len(x)} x the mean ELBO lies below the true value"


@torch.no_grad()
def _enumerated(model: nn.Module, n: int = 300, draws: int = 100_000) -> tuple[str, str]:
    """Implicit, with a z of two numbers: the mass of all z that give x, on a grid of cells of equal mass.

    No method says so. But p(x) is there, and where z is small it can be added up; draws have to agree.
    """
    for weight in model.generator.parameters():
        weight.mul_(4)  # untrained it would draw next to the middle only
    quantiles = torch.special.ndtri((torch.arange(n, dtype=torch.double) + 0.5) / n)
    on_grid = _shares(model.generate(torch.cartesian_prod(quantiles, quantiles)))
    drawn = _shares(model.sample(draws, generator=torch.Generator().manual_seed(0)))
    apart = max(abs(on_grid.get(x, 0) - drawn.get(x, 0)) for x in on_grid | drawn)
    kind = "exact" if apart < 4 * (0.25 / draws) ** 0.5 + 4 / n else "wrong"
    return kind, "a grid over z, of two numbers here, adds up p(x); draws agree"


def _shares(x: Tensor) -> dict[tuple, float]:
    """How often each vector of integers comes, of real numbers cut off to integers, (N, D)."""
    values, times = x.floor().long().unique(dim=0, return_counts=True)
    return {tuple(v): t / len(x) for v, t in zip(values.tolist(), times.tolist(), strict=True)}

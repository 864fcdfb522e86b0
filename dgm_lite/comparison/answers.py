"""What the families can answer about p(x), and whether it is true, on models small enough to check."""

import itertools
from functools import cache
from typing import NamedTuple

import torch
from torch import Tensor, nn

from dgm_lite.catalog.entry import Entry
from dgm_lite.comparison.competitors import ROWS, quoted
from dgm_lite.latent.ppca import PPCA
from dgm_lite.latent.vae import by_quadrature
from dgm_lite.protocols import Bijection, Bound, Density

GRID = "a small one, by a grid over z"


class Answer(NamedTuple):
    """What a small model answers if asked for p(x), "exact", "a value", "bound" or "wrong"; and why."""

    kind: str
    why: str


@cache
def answers() -> dict[str, dict[str, Answer]]:
    """For each family of the essay's table: what small members of it can answer, by what was asked.

    The models are untrained and in float64. Exact: all probabilities of a small domain are added up, whether
    a method gives them or a grid over z. Bound: the mean of many draws is compared with the true value.
    """
    torch.manual_seed(0)
    found = {}
    for family in ROWS:
        model = _small(quoted("digits", family).entry)
        if isinstance(model, Density):
            found[family] = {"a small one": _sum(model)}
        elif isinstance(model, Bound):
            found[family] = {"a small one, by its bound": _bound(model), GRID: _quadrature(model)}
        else:
            found[family] = {GRID: _enumerated(model)}
    found["prescribed"]["pPCA, in closed form"] = _integral(PPCA(2, latent_dim=1).double())
    return found


def _small(entry: Entry) -> nn.Module:
    return entry.build(**entry.small).double().eval()


def _said(total: float, what: str) -> Answer:
    if abs(total - 1) > 1e-6:
        return Answer("wrong", f"{what} sum to {total:.6f}")
    return Answer("exact", f"{what} sum to one within 1e-6")


def _box(low: int, high: int, dim: int) -> Tensor:
    return torch.tensor(list(itertools.product(range(low, high), repeat=dim)))


@torch.no_grad()
def _sum(model: nn.Module) -> Answer:
    """Density: the sum over all x, or for a flow on all integers over a box that holds nearly all of them."""
    widest = 120 if isinstance(model, Bijection) else 0
    x = _box(-widest, model.levels + widest, model.dim)
    total = sum(model.log_prob(part).exp().sum().item() for part in x.split(20_000))
    return _said(total, f"the probabilities of {len(x):,} x")


@torch.no_grad()
def _integral(model: nn.Module, width: float = 12.0, n: int = 400) -> Answer:
    """Density of two real numbers: the sum over the cells of a grid that holds nearly all of it."""
    side = torch.linspace(-width, width, n, dtype=torch.double)
    cell = (side[1] - side[0]).square()
    total = (model.log_prob(torch.cartesian_prod(side, side)).exp() * cell).sum().item()
    return _said(total, "the masses of the cells of the plane")


@torch.no_grad()
def _quadrature(model: nn.Module) -> Answer:
    """Bound, with a z of one number: p(x) by a grid over it, for every x of the domain."""
    exact = by_quadrature(model, _box(0, model.levels, model.dim))[0]
    return _said(exact.exp().sum().item(), f"the probabilities of {len(exact)} x, by a grid over z,")


@torch.no_grad()
def _bound(model: nn.Module, n: int = 4000) -> Answer:
    """Bound: below the true value for every x of the domain, by more than the noise of n draws allows."""
    x = _box(0, model.levels, model.dim)
    exact = by_quadrature(model, x)[0]
    draws = model.elbo(x.repeat_interleave(n, dim=0)).view(len(x), n)
    gap = exact - draws.mean(1)
    noise = draws.std(1) / n**0.5
    kind = "bound" if (gap > -4 * noise).all() and gap.mean() > 0 else "wrong"
    return Answer(kind, f"for all {len(x)} x the mean ELBO lies below the true value")


@torch.no_grad()
def _enumerated(model: nn.Module, n: int = 300, draws: int = 100_000) -> Answer:
    """Implicit, with a z of two numbers: the mass of all z that give x, on a grid of cells of equal mass.

    No method says so. But p(x) is there, and where z is small it can be added up; draws have to agree. Unlike
    that over a smooth integrand, this grid is off by as much as a row of its cells.
    """
    for weight in model.generator.parameters():
        weight.mul_(4)  # untrained it would draw next to the middle only
    quantiles = torch.special.ndtri((torch.arange(n, dtype=torch.double) + 0.5) / n)
    on_grid = _shares(model.generate(torch.cartesian_prod(quantiles, quantiles)))
    drawn = _shares(model.sample(draws, generator=torch.Generator().manual_seed(0)))
    apart = max(abs(on_grid.get(x, 0) - drawn.get(x, 0)) for x in on_grid | drawn)
    tolerance = 4 * (0.25 / draws) ** 0.5 + 4 / n
    kind = "a value" if apart < tolerance else "wrong"
    return Answer(kind, f"a grid over z adds up p(x); draws agree within {tolerance:.2f}")


def _shares(x: Tensor) -> dict[tuple, float]:
    """How often each vector of integers comes, of real numbers cut off to integers, (N, D)."""
    values, times = x.floor().long().unique(dim=0, return_counts=True)
    return {tuple(v): t / len(x) for v, t in zip(values.tolist(), times.tolist(), strict=True)}

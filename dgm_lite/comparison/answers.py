"""What the families can answer about p(x), and whether it is true, on models small enough to check."""

import itertools

import torch
from torch import Tensor, nn

from dgm_lite.comparison.competitors import ROWS, quoted
from dgm_lite.evaluate import likelihood
from dgm_lite.latent.vae import by_quadrature
from dgm_lite.protocols import Bijection, Bound, Density


def answers() -> dict[str, tuple[str, str]]:
    """For each family of the essay's table: what kind of likelihood it has, and the evidence in words.

    The models are untrained and in float64. Exact: all probabilities of a small domain are added up. Bound:
    the mean of many draws is compared with the true value, which quadrature gives. None: the request is
    refused.
    """
    torch.manual_seed(0)
    return {family: _answer(family) for family in ROWS}


def _answer(family: str) -> tuple[str, str]:
    entry = quoted("digits", family).entry
    model = entry.build(**entry.small).double().eval()
    if isinstance(model, Density):
        return _sum(model)
    return _bound(model) if isinstance(model, Bound) else _refusal(model)


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


def _refusal(model: nn.Module) -> tuple[str, str]:
    try:
        likelihood.bits_per_dim(model, model.sample(10))
    except ValueError as error:
        advice = "two_sample" in str(error)
        return "none", f"refused, with advice to compare samples: {advice}"
    return "wrong", "an answer where none should be"

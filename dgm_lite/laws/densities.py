"""Laws of log_prob and energy: sums to one, the sampler's own density, one example at a time."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from dgm_lite.laws.report import NotTried, require, require_close
from dgm_lite.laws.subject import (
    SURE,
    everything,
    in_double,
    is_discrete,
    is_unbounded,
    log_prob_of,
    measuring,
    plane,
)
from dgm_lite.nets import fixed_weights


@measuring
def total_mass(model: nn.Module, n: int = 400, margin: float = 1.0) -> float:
    """Sum of p(x) over every x, or its integral over the line or the plane by a grid of n x n points."""
    if is_discrete(model):
        return log_prob_of(model, everything(model)[0]).exp().sum().item()
    x, cell = plane(model, n, margin)
    return log_prob_of(model, x).exp().sum().item() * cell


def sums_to_one(model: nn.Module) -> str:
    """sum_x p(x) = 1 over the enumerated domain, or the integral of p(x) over the plane is 1.

    Returns:
        The sum.

    Raises:
        NotTried: If there are too many x, or p(x) is too sharp or too wide for a grid.
    """
    mass = total_mass(model)
    # A smooth density on a grid that covers it is integrated almost exactly; the rest is in its tails.
    tolerance = (1e-9 if is_unbounded(model) else 1e-10) if is_discrete(model) else 1e-5
    if not in_double(model):
        tolerance = 1e-3
    if not is_discrete(model) and not abs(mass - 1) < tolerance:
        finer, wider = total_mass(model, 800), total_mass(model, 800, margin=3.0)
        if max(finer, wider) - min(finer, wider) > 0.1 * abs(finer - 1) or abs(finer - 1) < tolerance:
            raise NotTried(f"grids do not agree: {mass:.6g}, {finer:.6g} (finer), {wider:.6g} (wider)")
    require(abs(mass - 1) < tolerance, f"p(x) sums to {mass:.10g}, not to 1")
    return f"the sum is {mass:.6f}"


@measuring
def sampler_matches_density(model: nn.Module, n: int = 10_000, seed: int = 2) -> str:
    """The draws of ``sample`` have the distribution that ``log_prob`` states.

    Integers: chi-square over the enumerated domain. Line or plane: Kolmogorov's test of several functions
    of x, whose exact distribution comes from quadrature. More real numbers: Stein's identity.

    Returns:
        How well they agree.
    """
    discrete = is_discrete(model)
    every = everything(model) if discrete else ()  # before drawing: it may be too much
    x = model.sample(n, generator=torch.Generator().manual_seed(seed))
    if discrete:
        return _by_counting(model, x.flatten(1), *every)
    if x[0].numel() > 2:
        return draws_balance_the_slopes(model, x[:4000])
    return _by_quadrature(model, x[:4000])


def _by_counting(model: nn.Module, x: Tensor, every: Tensor, ends: Tensor) -> str:
    from scipy import stats

    expected = log_prob_of(model, every).exp().numpy() * len(x)
    inside = ((x >= ends[:, 0]) & (x <= ends[:, 1])).all(1)
    require(inside.all(), f"{int((~inside).sum())} of {len(x)} draws lie where log_prob has no mass")
    widths = (ends[:, 1] - ends[:, 0] + 1).tolist()
    places = np.ravel_multi_index(tuple((x - ends[:, 0]).T.numpy()), widths)
    seen = np.bincount(places, minlength=len(every))
    # Rare values are counted together, or the chi-square distribution would not apply.
    order = np.argsort(expected)
    rare = order[: np.searchsorted(expected[order].cumsum(), 5) + 1]
    common = np.setdiff1d(order, rare)
    expected = np.r_[expected[rare].sum(), expected[common]]
    seen = np.r_[seen[rare].sum(), seen[common]]
    worst = int(np.abs(seen - expected).argmax())
    p_value = stats.chisquare(seen, expected * len(x) / expected.sum()).pvalue
    found = f"one value should come {expected[worst]:.0f} times and came {seen[worst]} times"
    require(p_value > SURE, f"draws do not follow log_prob: {found}; chi-square p = {p_value:.2g}")
    return f"chi-square p = {p_value:.2g}"


def _by_quadrature(model: nn.Module, x: Tensor) -> str:
    from scipy import stats

    # Finer than for a sum: the distribution of one coordinate is known up to half a column of the grid. The
    # far tails, which a sum must not miss, are too small a share to show among these draws.
    grid, _ = plane(model, 700, margin=0.3)
    log_p = log_prob_of(model, grid)
    density = log_p.exp().numpy()
    functions: dict[str, Callable[[Tensor], Tensor]] = {"x_0": lambda v: v[:, 0]}
    if grid.shape[1] == 2:
        functions |= {
            "x_1": lambda v: v[:, 1],
            "x_0 + x_1": lambda v: v.sum(1),
            "x_0 - x_1": lambda v: v[:, 0] - v[:, 1],
        }
    tables = {name: (function(grid), function(x.flatten(1))) for name, function in functions.items()}
    _, level = np.unique(log_p.numpy().round(9), return_inverse=True)
    if np.bincount(level, density).max() < 0.01 * density.sum():  # of a flat density its values tell nothing
        tables["log p(x)"] = (log_p, log_prob_of(model, x))
    lowest = ("", 1.0)
    for name, (at, drawn) in tables.items():
        at = at.numpy()
        order = np.argsort(at)
        share = density[order].cumsum() / density.sum()
        test = stats.kstest(drawn.double().numpy(), lambda v: np.interp(v, at[order], share))  # noqa: B023
        off = f"the shares of {name} differ by up to {test.statistic:.2g}"
        said = f"draws do not follow log_prob: {off}; Kolmogorov p of {name} = {test.pvalue:.2g}"
        require(test.pvalue > SURE, said)
        lowest = min(lowest, (f"Kolmogorov p = {test.pvalue:.2g} of {name}", test.pvalue), key=lambda v: v[1])
    return lowest[0]


def draws_balance_the_slopes(model: nn.Module, x: Tensor) -> str:
    """E[h'(x_d) + h(x_d) d log p(x) / d x_d] = 0 over draws x, for every d: Stein's identity.

    It follows by parts from any density without jumps, in any dimension, and needs no constant of p(x).
    h(x_d) = tanh((x_d - m) / s) with the median m and the spread s of the draws; and h = 1.

    Raises:
        LawBroken: If a mean lies 6 standard errors from 0.
    """
    with torch.enable_grad():
        x = x.detach().clone().requires_grad_()
        (slope,) = torch.autograd.grad(model.log_prob(x).sum(), x)
    x, slope = x.detach().flatten(1).double(), slope.flatten(1).double()
    v = (x - x.median(0).values) / x.std(0)
    bent = (1 - v.tanh() ** 2) / x.std(0) + v.tanh() * slope
    for terms in (slope, bent):
        z = terms.mean(0) / (terms.std(0) / len(x) ** 0.5 + 1e-12)
        worst = int(z.abs().argmax())
        said = (
            f"draws do not follow log_prob: the slopes of log p along x_{worst} do not balance over the draws"
        )
        require(z.abs().max() < 6, f"{said}; {z[worst].abs():.1f} standard errors")
    return f"the slopes of log p balance in all {x.shape[1]} directions, by Stein's identity"


@measuring
def value_ignores_the_batch(model: nn.Module, x: Tensor, measure: str = "log_prob") -> None:
    """log p of one example is one number, and the same alone, among others, and in another order.

    Args:
        model: Any model.
        x: Examples, (B, *event).
        measure: Which of its measures: "log_prob" or "energy".
    """
    measured = getattr(model, measure)
    together, what = measured(x), f"{measure} of one example"
    require(isinstance(together, Tensor), f"{measure}: expected a tensor, got {type(together).__name__}")
    require(
        together.shape == (len(x),),
        f"{measure}: expected one number per example, ({len(x)},), got {tuple(together.shape)}",
    )
    require(
        not together.isnan().any(), f"{measure} is NaN for {int(together.isnan().sum())} of {len(x)} draws"
    )
    alone = torch.cat([measured(one[None]) for one in x])
    require_close(alone, together, f"{what}, alone and among others,", tolerance=1e-10, unit="nats")
    turned = measured(x.flip(0)).flip(0)
    require_close(turned, together, f"{what}, in another order,", tolerance=1e-10, unit="nats")


@measuring
def energy_is_minus_log_prob(model: nn.Module, x: Tensor) -> None:
    """energy(x) + log p(x) = -log Z, the same number for every x."""
    log_z = model.energy(x) + model.log_prob(x)
    require_close(log_z, log_z[:1].expand(len(x)), "energy(x) + log p(x)", tolerance=1e-9, unit="nats")


def draws_are_probable(model: nn.Module, x: Tensor) -> None:
    """log p(x) is above minus infinity at what the model itself draws.

    Raises:
        NotTried: If there are no draws.
    """
    if not len(x):
        raise NotTried("there are no draws")
    with fixed_weights(model):
        lost = int((model.log_prob(x) == -torch.inf).sum())
    require(lost == 0, f"p(x) is 0 for {lost} of {len(x)} of its own draws")

"""Laws of elbo: it keeps every law that a density keeps, but for the sum; and it lies below log p(x)."""

import math

import torch
from torch import Tensor, nn

from dgm_lite.laws.report import NotTried, require, require_close
from dgm_lite.laws.subject import AT_ONCE, everything, is_discrete, measuring, one_draw, plane


@measuring
def _seeded(model: nn.Module, x: Tensor, seed: int = 7) -> Tensor:
    torch.manual_seed(seed)
    return model.elbo(x)


@measuring
def _log_weights(model: nn.Module, x: Tensor, n: int, seed: int = 7) -> Tensor:
    """n draws of elbo(x) for each x, (B, n)."""
    torch.manual_seed(seed)
    rows = x.repeat_interleave(n, dim=0).split(AT_ONCE)
    return torch.cat([model.elbo(part) for part in rows]).view(len(x), n)


def bound_is_one_number_each(model: nn.Module, x: Tensor) -> None:
    """elbo(x) is one finite number for each example: a sum over its parts, no mean over the batch."""
    value = _seeded(model, x)
    require(isinstance(value, Tensor), f"elbo: expected a tensor, got {type(value).__name__}")
    shape = tuple(value.shape)
    require(shape == (len(x),), f"elbo: expected one number per example, ({len(x)},), got {shape}")
    require(
        value.isfinite().all(),
        f"elbo is not finite for {int((~value.isfinite()).sum())} of {len(x)} examples",
    )


def bound_ignores_the_batch(model: nn.Module, x: Tensor) -> None:
    """With the same noise, elbo of one example stays as it is when all the others are exchanged."""
    together, others = _seeded(model, x), x.roll(1, 0)
    for k in range(0, len(x), max(1, len(x) // 4)):
        among = others.clone()
        among[k] = x[k]
        what = "elbo of one example, among others than before,"
        require_close(_seeded(model, among)[k], together[k], what, tolerance=1e-9, unit="nats")


def bound_is_repeatable(model: nn.Module, x: Tensor) -> None:
    """The same seed gives the same noise, hence the same elbo."""
    require_close(_seeded(model, x), _seeded(model, x), "elbo at the same seed", tolerance=0.0, unit="nats")


@measuring
def bounds_sum_to_at_most_one(model: nn.Module, rows: int = 200_000) -> str:
    """sum_x exp(E elbo(x)) <= sum_x p(x) = 1, over the enumerated domain or a grid on the line or plane.

    Args:
        model: A Bound.
        rows: Draws in all, shared by the x; but 64 for each at least.

    Returns:
        The sum.

    Raises:
        NotTried: If there are too many x.
    """
    if is_discrete(model):
        x, cell = everything(model)[0], 1.0
    else:
        x, cell = plane(model, 100, margin=0.5)
    n = max(64, rows // len(x))
    if len(x) * n > 1_300_000:
        raise NotTried(f"{len(x)} points, {n} draws for each, are too many; give a small instance")
    like = one_draw(model)
    draws = _log_weights(model, x.to(like.dtype).reshape(len(x), *like.shape[1:]), n).double()
    variance = draws.var(1) / n
    share = (draws.mean(1) - variance / 2).exp() * cell  # exp of a mean is too large by half its variance
    error = (share.square() * variance).sum().sqrt().item()
    total = share.sum().item()
    require(
        total < 1 + 5 * error + 1e-3, f"exp(elbo) sums to {total:.4g}, more than the 1 that all p(x) have"
    )
    if total > 0.75:
        return f"the sum is {total:.4f}"
    return f"the sum is {total:.4f}, so loose that an error could hide: try the model trained, with stir=0"


@measuring
def bound_is_below(model: nn.Module, x: Tensor, exact: Tensor, n: int = 4000) -> str:
    """The mean of elbo(x) over its draws is at most the exact log p(x), for each x.

    Args:
        model: A Bound.
        x: Examples, (B, *event).
        exact: log p(x) in nats, (B,).
        n: Draws for each x.

    Returns:
        The gap.
    """
    draws = _log_weights(model, x, n)
    above = draws.mean(1) - exact - 4 * draws.std(1) / n**0.5
    require(above.max() <= 1e-9, f"the bound lies {above.max():.3g} nats above log p(x)")
    return f"{(exact - draws.mean(1)).mean():.3g} nats below in the mean"


@measuring
def weights_average_to_the_likelihood(
    model: nn.Module, x: Tensor, exact: Tensor, n: int = 40_000, *, at_most: bool = False
) -> None:
    """E[exp elbo(x)] = p(x): what makes importance weighting right, and a wrong density or sampler wrong.

    Args:
        model: A Bound.
        x: Examples, (B, *event).
        exact: log p(x) in nats, (B,).
        n: Draws for each x.
        at_most: Whether a smaller mean is right, too, as where q(z | x) is narrow or ends somewhere.
    """
    ratio = (_log_weights(model, x, n) - exact[:, None]).exp()
    above = ratio.mean(1) - 1
    off = (above if at_most else above.abs()) / (ratio.std(1) / n**0.5 + 1e-9)
    found = ratio.mean(1)[off.argmax()]
    require(off.max() < 5, f"importance weights average to {found:.4f} of p(x)")


@measuring
def more_draws_close_the_gap(
    model: nn.Module, x: Tensor, exact: Tensor, n: int = 3000, *, left: float | None = 0.25
) -> None:
    """The importance-weighted bound rises with k in the mean, stays below log p(x), and comes near it.

    Args:
        model: Has ``importance_weighted(x, k)``.
        x: Examples, (B, *event).
        exact: log p(x) in nats, (B,).
        n: Draws of each bound for each x.
        left: Share of the gap that 16 draws may leave, where q(z | x) is known to be broad; else None.
    """
    torch.manual_seed(8)
    many, means, error = x.repeat_interleave(n, dim=0), [], 0.0
    for k in (1, 4, 16):
        draws = model.importance_weighted(many, k).view(len(x), n)
        above = draws.mean(1) - exact - 4 * draws.std(1) / n**0.5
        require(above.max() <= 1e-9, f"with k = {k} the bound lies {above.max():.3g} nats above log p(x)")
        means.append(draws.mean(1))
        error = max(error, 4 * (draws.var(1) / n).mean().sqrt().item() / math.sqrt(len(x)))
    gaps = [(exact - m).mean().item() for m in means]
    in_words = ", ".join(f"{gap:.3g}" for gap in gaps)
    slack = 0.0 if left is not None else 2 * error
    rises = gaps[0] > gaps[1] - slack and gaps[1] > gaps[2] - slack
    require(rises, f"more draws do not close the gap: {in_words} nats with k = 1, 4, 16")
    if left is not None:
        require(gaps[2] < left * gaps[0], f"16 draws leave {gaps[2]:.3g} of {gaps[0]:.3g} nats")


@measuring
def bounds_agree_in_both_precisions(double: nn.Module, single: nn.Module, x: Tensor, n: int = 200) -> None:
    """The mean of elbo over its draws is the same in single precision, up to its standard error.

    Args:
        double: The model in float64.
        single: The same model in float32.
        x: Examples for the first.
        n: Draws for each example.
    """
    moved = x.float() if x.is_floating_point() else x
    one, two = _log_weights(double, x, n), _log_weights(single, moved, n).double()
    error = ((one.var(1) + two.var(1)) / n).sqrt()
    off = ((one - two).mean(1).abs() - 5 * error - 1e-3 * (1 + one.mean(1).abs())).max()
    require(off <= 0, f"in single precision elbo is off by {(one - two).mean(1).abs().max():.3g} nats")

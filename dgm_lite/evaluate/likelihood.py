"""How likely a model finds data, with the unit of the number and what kind of number it is."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from dgm_lite.nets import eval_mode
from dgm_lite.protocols import Bound, Density
from dgm_lite.shapes import check_count, show


@dataclass(frozen=True)
class Likelihood:
    """Mean log p(x) of some data under a model, with its unit and what kind of number it is.

    Args:
        nats: Mean of log p(x) over the examples, nats per example.
        error: Standard error of that mean, nats.
        dim: D, numbers per example.
        kind: "exact", or "lower bound" (the true value is at least this large).
    """

    nats: float
    error: float
    dim: int
    kind: str

    @property
    def bits_per_dim(self) -> float:
        """-log2 p(x) / D: what a perfect coder spends on one number. Smaller is better."""
        return -self.nats / self.dim / math.log(2)

    def __str__(self) -> str:
        mark = "" if self.kind == "exact" else "at most "
        return (
            f"{mark}{self.bits_per_dim:.3f} bits/dim ({self.kind}; {-self.nats:.1f} +- {self.error:.1f} nats)"
        )


@torch.no_grad()
def log_prob(model: nn.Module, x: Tensor, batch_size: int = 500) -> Tensor:
    """log p(x) of many examples, batch by batch, or the lower bound where that is all the model has.

    Args:
        model: A Density or a Bound. Measured in eval mode; comes back in the mode in which it was.
        x: Examples, (N, *event).
        batch_size: Examples at a time.

    Returns:
        Nats, shape (N,).

    Raises:
        ValueError: If there are no examples, or the model has no likelihood; says what to measure instead.

    Source: book eq. `exact-or-bound`.
    """
    if isinstance(model, Density):
        measure = model.log_prob
    elif isinstance(model, Bound):
        measure = model.elbo
    else:
        raise ValueError(
            f"evaluate: expected a model with log_prob or elbo, got {type(model).__name__}, "
            "which has no likelihood. "
            "Compare its samples with data instead: evaluate.two_sample(real, samples)."
        )
    return _each(measure, model, x, batch_size)


def _each(measure: Callable[[Tensor], Tensor], model: nn.Module, x: Tensor, batch_size: int) -> Tensor:
    """``measure`` of every example, (N,), batch by batch, on the model's device and in eval mode."""
    if not isinstance(x, Tensor) or x.dim() == 0 or len(x) == 0:
        got = f"shape {show(tuple(x.shape))}" if isinstance(x, Tensor) else type(x).__name__
        raise ValueError(f"evaluate: expected a tensor with at least one example, got {got}.")
    weight = next(model.parameters(), x)
    with eval_mode(model):
        return torch.cat([measure(part.to(weight.device)) for part in x.split(batch_size)])


def _mean(nats: Tensor, x: Tensor, kind: str) -> Likelihood:
    nats = nats.double()
    error = nats.std().item() / math.sqrt(len(nats)) if len(nats) > 1 else math.nan
    return Likelihood(nats.mean().item(), error, x[0].numel(), kind)


def bits_per_dim(model: nn.Module, x: Tensor, batch_size: int = 500, *, n_draws: int = 1) -> Likelihood:
    """How well a model predicts data, as bits per dimension.

    Args:
        model: A Density or a Bound.
        x: Examples, (N, *event).
        batch_size: Examples at a time.
        n_draws: How many draws of a bound's own noise are averaged for each example. An exact density
            has none, and is computed once.

    Returns:
        The mean, its standard error over the examples, and whether it is exact or a bound.

    Raises:
        ValueError: If there are no examples, n_draws is below 1, or the model has no likelihood.

    Source: book eq. `bits-per-dim`; Theis et al. (2016), A note on the evaluation of generative models.
    """
    check_count(n_draws, "bits_per_dim", "n_draws")
    if isinstance(model, Density):
        return _mean(log_prob(model, x, batch_size), x, "exact")
    draws = [log_prob(model, x, batch_size) for _ in range(n_draws)]
    return _mean(torch.stack(draws).mean(0), x, "lower bound")


@torch.no_grad()
def importance_weighted(
    model: nn.Module, x: Tensor, n_samples: int = 1000, batch_size: int = 500
) -> Likelihood:
    """A tighter bound than the ELBO: log of the mean of k importance weights, averaged over examples.

    Args:
        model: Has ``importance_weighted(x, k)``. Measured in eval mode; comes back in its own mode.
        x: Examples, (N, *event).
        n_samples: k. State it with the number: the bound rises with k.
        batch_size: Examples at a time.

    Returns:
        The mean and its standard error; always a lower bound.

    Raises:
        ValueError: If there are no examples, or the model has no importance weights.

    Source: book eq. `iwae`; Burda et al. (2016), Importance weighted autoencoders, equation 8.
    """
    if not hasattr(model, "importance_weighted"):
        raise ValueError(
            f"evaluate: expected a model with importance_weighted, got {type(model).__name__}. "
            "An exact density needs none: evaluate.bits_per_dim(model, x)."
        )
    nats = _each(lambda part: model.importance_weighted(part, n_samples), model, x, batch_size)
    return _mean(nats, x, "lower bound")

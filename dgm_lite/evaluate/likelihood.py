"""How likely a model finds data, with the unit of the number and what kind of number it is."""

import inspect
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain

import torch
from torch import Tensor, nn

from dgm_lite.nets import eval_mode, fixed_weights, moved_to
from dgm_lite.protocols import Bound, Density
from dgm_lite.shapes import check_count, show


@dataclass(frozen=True)
class Likelihood:
    """Mean log p(x) of some data under a model, with its unit and what kind of number it is.

    Args:
        nats: Mean of log p(x) over the examples, nats per example.
        error: Standard error of that mean, nats; NaN for a single example.
        dim: D, numbers per example; in the mean, where the column ``length`` says how many count.
        kind: "exact", or "lower bound" (the true value is at least this large).
        density: Whether x is real, and p(x) a density: it can be above one, and depends on the unit of x.
        k: Importance weights behind a bound, or None. The bound rises with k.
        given: What the model was told beside x, such as "y": then it is log p(x | y).
    """

    nats: float
    error: float
    dim: float
    kind: str
    density: bool = False
    k: int | None = None
    given: str = ""

    @property
    def bits_per_dim(self) -> float:
        """-log2 p(x) / D: what a perfect coder spends on one number. Smaller is better.

        Raises:
            ValueError: If p(x) is a density: real numbers take infinitely many bits.
        """
        if self.density:
            raise ValueError(
                "bits_per_dim: expected data with levels, got the density of real numbers, which is no code "
                "length: use its nats."
            )
        return -self.nats / self.dim / math.log(2)

    def __str__(self) -> str:
        exact = self.kind == "exact"
        kind = self.kind if self.k is None else f"{self.kind}, k = {self.k}"
        kind += f", given {self.given}" if self.given else ""
        alone = math.isnan(self.error)  # one example has no spread; z: no minus before a zero
        if self.density:
            sign, error = "=" if exact else ">=", "" if alone else f" +- {self.error:.3f}"
            what = f"x | {self.given}" if self.given else "x"
            return f"log p({what}) {sign} {self.nats:z.3f}{error} nats ({kind}; a density)"
        mark, error = "" if exact else "at most ", "" if alone else f" +- {self.error:.1f}"
        return f"{mark}{self.bits_per_dim:z.3f} bits/dim ({kind}; {-self.nats:z.1f}{error} nats)"


def log_prob(
    model: nn.Module, x: Tensor, *columns: Tensor, batch_size: int = 500, seed: int | None = None
) -> Tensor:
    """log p(x) of many examples, batch by batch, or the lower bound where that is all the model has.

    Args:
        model: A Density or a Bound. Measured in eval mode; comes back in the mode in which it was.
        x: Examples, (N, *event).
        *columns: What the model takes beside x, such as labels y, (N,). A split of a data set has all of
            them: ``log_prob(model, *data.split("test"))``.
        batch_size: Examples at a time.
        seed: Of a bound's own noise. It makes the figure repeatable and leaves torch's generators alone;
            by default these are used, and move on.

    Returns:
        Nats, shape (N,), on the device of x.

    Raises:
        ValueError: If there are no examples, the columns differ in length, or the model has no likelihood;
            says what to measure instead.

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
    return _each(measure, model, (x, *columns), batch_size, seed)


def _each(
    measure: Callable[..., Tensor], model: nn.Module, columns: tuple, batch_size: int, seed: int | None
) -> Tensor:
    """``measure`` of every example, (N,), batch by batch, on the model's device and in eval mode."""
    check_count(batch_size, "evaluate", "batch_size")
    for column in columns:
        if not isinstance(column, Tensor) or column.dim() == 0 or len(column) == 0:
            got = (
                f"shape {show(tuple(column.shape))}" if isinstance(column, Tensor) else type(column).__name__
            )
            raise ValueError(f"evaluate: expected tensors with at least one example, got {got}.")
        if len(column) != len(columns[0]):
            raise ValueError(f"evaluate: expected {len(columns[0])} rows in every column, got {len(column)}.")
    x = columns[0]
    device = next(chain(model.parameters(), model.buffers(), [x])).device
    batches = zip(*(column.split(batch_size) for column in columns), strict=True)
    with eval_mode(model), fixed_weights(model), _seeded(seed, device):
        return torch.cat([measure(*moved_to(model, batch)).detach() for batch in batches]).to(x.device)


@contextmanager
def _seeded(seed: int | None, device: torch.device) -> Iterator[None]:
    """torch's generators start at the seed for a while, and go on afterwards as if nothing had been."""
    if seed is None:
        yield
        return
    n = 0 if device.type == "cpu" else torch.get_device_module(device).device_count()
    with torch.random.fork_rng(range(n), device_type=device.type if n else "cuda"):
        # torch.manual_seed would also seed accelerators that are not in use, and not put them back.
        (torch.manual_seed if n else torch.default_generator.manual_seed)(seed)
        yield


def _mean(
    nats: Tensor, measure: Callable[..., Tensor], columns: tuple, kind: str, k: int | None = None
) -> Likelihood:
    nats, x = nats.cpu().double(), columns[0]
    error = nats.std().item() / math.sqrt(len(nats)) if len(nats) > 1 else math.nan
    beside = dict(zip(list(inspect.signature(measure).parameters)[1:], columns[1:], strict=False))
    # What fills up a row costs nothing: a mean over all of its places would make every code look shorter.
    length = beside.pop("length", None)
    dim = x[0].numel() if length is None else length.double().mean().item() * x[0, 0].numel()
    return Likelihood(nats.mean().item(), error, dim, kind, x.is_floating_point(), k, ", ".join(beside))


def bits_per_dim(
    model: nn.Module, x: Tensor, *columns: Tensor, batch_size: int = 500, n_draws: int = 1,
    seed: int | None = None,
) -> Likelihood:  # fmt: skip
    """How well a model predicts data, as bits per dimension; in nats where the data are real numbers.

    Args:
        model: A Density or a Bound.
        x: Examples, (N, *event). Integers have probabilities, real numbers a density.
        *columns: What the model takes beside x; see ``log_prob``. Where that is called ``length``, as in
            ``log_prob(x, length)``, a dimension is a number that counts, and not one that fills up a row.
        batch_size: Examples at a time.
        n_draws: How many draws of a bound's own noise are averaged for each example. An exact density
            has none, and is computed once.
        seed: Of that noise; see ``log_prob``.

    Returns:
        The mean, its standard error over the examples, whether it is exact or a bound, and of what.

    Raises:
        ValueError: If there are no examples, n_draws is below 1, or the model has no likelihood.

    Source: book eq. `bits-per-dim`; Theis et al. (2016), A note on the evaluation of generative models.
    """
    check_count(n_draws, "bits_per_dim", "n_draws")
    exact = isinstance(model, Density)
    draws = [
        log_prob(model, x, *columns, batch_size=batch_size, seed=None if seed is None else seed + draw)
        for draw in range(1 if exact else n_draws)
    ]
    measure = model.log_prob if exact else model.elbo
    return _mean(torch.stack(draws).mean(0), measure, (x, *columns), "exact" if exact else "lower bound")


def importance_weighted(
    model: nn.Module, x: Tensor, *columns: Tensor, n_samples: int = 1000, batch_size: int = 500,
    seed: int | None = None,
) -> Likelihood:  # fmt: skip
    """A tighter bound than the ELBO: log of the mean of k importance weights, averaged over examples.

    Args:
        model: Has ``importance_weighted(x, n_samples=k)``. Measured in eval mode; comes back in its own.
        x: Examples, (N, *event).
        *columns: What the model takes beside x; see ``log_prob``.
        n_samples: k. The figure carries it: the bound rises with k.
        batch_size: Examples at a time.
        seed: Of the draws; see ``log_prob``.

    Returns:
        The mean, its standard error and k; always a lower bound.

    Raises:
        ValueError: If there are no examples, or the model has no importance weights.

    Source: book eq. `iwae`; Burda et al. (2016), Importance weighted autoencoders, equation 8.
    """
    if not hasattr(model, "importance_weighted"):
        raise ValueError(
            f"evaluate: expected a model with importance_weighted, got {type(model).__name__}. "
            "An exact density needs none: evaluate.bits_per_dim(model, x)."
        )

    def measure(*batch: Tensor) -> Tensor:
        return model.importance_weighted(*batch, n_samples=n_samples)

    nats = _each(measure, model, (x, *columns), batch_size, seed)
    return _mean(nats, model.importance_weighted, (x, *columns), "lower bound", n_samples)

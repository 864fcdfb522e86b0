"""What a log-determinant costs against D: in full, by an estimate without bias, read off a coupling."""

import time
from collections.abc import Callable, Iterable

import torch

from dgm_lite.flows.coupling import AffineCoupling
from dgm_lite.flows.flow import Chain
from dgm_lite.flows.general import ResidualMap, full_log_det, series_terms

FULL, ESTIMATE, COUPLINGS, SUM = "in full", "estimated", "two couplings", "their sums alone"


def seconds(run: Callable, *, repeats: int = 3, calls: int = 1) -> float:
    """Processor time of one call of ``run``: the shortest of several measurements of several calls each."""
    times = []
    for _ in range(repeats):
        start = time.process_time()
        for _ in range(calls):
            run()
        times.append((time.process_time() - start) / calls)
    return min(times)


@torch.no_grad()
def costs(dims: Iterable[int], *, batch: int = 16, contraction: float = 0.9) -> dict[str, list[float]]:
    """Seconds for the log-determinants of a batch, for each D, in four ways.

    The general layer is x + g(x) with D hidden units, the same at the same x in full and estimated; the
    estimate's series has as many terms as the roulette has on average, 1 / (1 - contraction). The couplings
    move every number once, with networks of D hidden units. What their log-determinants add to the time of
    these networks is measured apart: two sums of D/2 numbers.

    Args:
        dims: Every D, from 2 up.
        batch: Examples at a time.
        contraction: Of the general layer.

    Returns:
        By way (``FULL``, ``ESTIMATE``, ``COUPLINGS``, ``SUM``) a list with one number for each D.
    """
    found: dict[str, list[float]] = {FULL: [], ESTIMATE: [], COUPLINGS: [], SUM: []}
    n_terms = round(1 / (1 - contraction))
    for dim in dims:
        x, s = torch.randn(batch, dim), torch.randn(batch, dim // 2)
        g = ResidualMap(dim, dim, contraction=contraction).shift()
        pair = Chain([AffineCoupling(dim, dim), AffineCoupling(dim, dim, flip=True)])
        ways = {
            FULL: lambda g=g, x=x: full_log_det(lambda v: v + g(v), x),
            ESTIMATE: lambda g=g, x=x: series_terms(g, x, n_terms)[1].sum(0),
            COUPLINGS: lambda pair=pair, x=x: pair.to_latent(x),
            SUM: lambda s=s: (s.sum(1), s.sum(1)),
        }
        for name, run in ways.items():
            found[name].append(seconds(run, calls=1 if name == FULL else 5))
    return found

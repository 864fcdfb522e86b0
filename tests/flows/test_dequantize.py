"""Integers under a flow: the noise fills the cell, the bound is one, and the probabilities sum to one."""

import itertools
import math

import numpy as np
import pytest
import torch

from dgm_lite import laws
from dgm_lite.datasets.images import digits
from dgm_lite.distributions import StandardNormal
from dgm_lite.evaluate import likelihood
from dgm_lite.flows import dequantize
from dgm_lite.flows.coupling import RealNVP
from dgm_lite.flows.dequantize import DequantizedFlow, Logit, dequantized_nice, dequantized_realnvp
from dgm_lite.flows.flow import Affine, Flow
from dgm_lite.protocols import Bound, Density
from dgm_lite.training.config import TrainConfig
from dgm_lite.training.fit import fit


def small(levels: int = 3, **changes) -> DequantizedFlow:
    torch.manual_seed(0)
    return laws.prepare(dequantized_realnvp(2, levels, n_layers=2, hidden=5, **changes), scale=0.4)


@torch.no_grad()
def exact(model: DequantizedFlow, n: int = 120, far: float = 40.0) -> torch.Tensor:
    """log p(x) of every x in order, (levels^2,): the flow's density integrated over the cell of each.

    By Gauss and Legendre's rule on the far side of the logit, where the density is smooth: in the
    unit square it may be singular at the border.
    """
    nodes, weights = (torch.tensor(v) for v in np.polynomial.legendre.leggauss(n))
    edges = torch.logit(torch.arange(model.levels + 1, dtype=torch.float64) / model.levels).clamp(-far, far)
    half = (edges.diff() / 2)[:, None]
    y, log_w = edges[:-1, None] + half * (1 + nodes), (half * weights).log()  # (levels, n) each
    found = [
        (
            model.flow.log_prob(torch.cartesian_prod(y[a], y[b])) + (log_w[a][:, None] + log_w[b]).flatten()
        ).logsumexp(0)
        for a, b in laws.domain(2, model.levels).tolist()
    ]
    return torch.stack(found)


@torch.no_grad()
def monte_carlo(bound, n: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean of n draws of a bound and its standard error, for every x."""
    draws = torch.stack([bound() for _ in range(n)])
    return draws.mean(0), draws.std(0) / math.sqrt(n)


def test_logit_keeps_the_laws_of_a_bijection():
    v = torch.rand(20, 5, dtype=torch.float64)
    layer = Logit()
    z, log_det = layer.to_latent(v)
    torch.testing.assert_close(z, torch.logit(v), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(layer.to_data(z), v, rtol=1e-12, atol=1e-12)
    laws.log_det_is_autograds(layer, v)


@pytest.mark.parametrize("levels", [2, 3, 5])
def test_probabilities_of_all_integers_sum_to_one(levels):
    assert exact(small(levels)).exp().sum().item() == pytest.approx(1, abs=1e-6)


def test_elbo_is_below_the_exact_value_and_more_draws_close_the_gap():
    model = small()
    x, log_px = laws.domain(2, 3), exact(model)
    means = []
    for k in (1, 10, 100):
        mean, error = monte_carlo(lambda: model.importance_weighted(x, k), 3_000 // k)  # noqa: B023
        assert (mean < log_px + 4 * error).all(), f"IW-{k} lies above log p(x)"
        means.append(mean)
    gap = [(log_px - mean).mean().item() for mean in means]
    assert gap[0] > 3 * gap[1] > 9 * gap[2], gap


def test_importance_weighting_with_one_draw_is_the_elbo():
    model, x = small(), laws.domain(2, 3)
    torch.manual_seed(1)
    one = model.elbo(x)
    torch.manual_seed(1)
    assert torch.equal(model.importance_weighted(x, 1), one)


def test_evaluate_measures_the_tighter_bound():
    model, x = small(dropout=0.5).train(), laws.domain(2, 3).repeat(40, 1)
    tight = likelihood.importance_weighted(model, x, n_samples=200, batch_size=7)
    assert tight.kind == "lower bound" and tight.dim == 2 and model.training
    assert likelihood.bits_per_dim(model, x).nats < tight.nats < exact(model.eval()).mean().item() + 0.01


def test_importance_weighting_needs_no_memory_for_k():
    """No call sees more than 20,000 rows, however many draws are asked for."""
    model, x, rows = small(), laws.domain(2, 3)[:3], []
    whole = model.elbo
    model.elbo = lambda part: (rows.append(len(part)), whole(part))[1]
    with torch.no_grad():
        model.importance_weighted(x, 50_000)
    assert sum(rows) == 150_000 and max(rows) <= 20_000


def test_bound_is_tight_where_the_density_is_flat_in_each_cell():
    """A uniform density gives exactly -D log L, whatever the noise: nothing is gained or lost by it."""

    class Uniform(Flow):  # log-density of logit(v) for uniform v
        def log_prob(self, x):
            return (torch.nn.functional.logsigmoid(x) + torch.nn.functional.logsigmoid(-x)).sum(1)

    model = DequantizedFlow(Uniform(Affine(64), StandardNormal(64)), 17).double()
    x = torch.randint(17, (50, 64))
    expected = torch.full((50,), -64 * math.log(17), dtype=torch.float64)
    torch.testing.assert_close(model.elbo(x), expected, rtol=1e-9, atol=1e-9)


def test_noise_fills_the_unit_cell():
    u = small().noise(torch.zeros(100_000, 2, dtype=torch.long))
    assert u.min() >= 0 and u.max() < 1
    assert u.mean().item() == pytest.approx(0.5, abs=0.005)
    assert torch.histc(u.flatten(), 10, 0, 1).min() > 19_000


def test_extreme_pixels_are_finite_in_single_precision():
    """In float32 16 + u can round to 17, and the logit of 17/17 is infinite."""
    for levels, value in itertools.product((17, 256), ("low", "high")):
        model = dequantized_realnvp(64, levels, n_layers=2, hidden=8)
        x = torch.full((5_000, 64), 0 if value == "low" else levels - 1)
        y, log_det = model.to_real(x)
        assert y.isfinite().all() and log_det.isfinite().all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("levels", [2, 17, 256])
def test_the_outermost_draws_stay_in_their_cell(levels, dtype, monkeypatch):
    """Also where there is no float64: torch.rand gives 0, and all but 1."""
    last = 1 - torch.finfo(dtype).eps / 2
    monkeypatch.setattr(dequantize, "finest", lambda _: dtype)
    x = torch.arange(levels)[:, None].expand(-1, 2)
    model = dequantized_realnvp(2, levels, n_layers=2, hidden=8)
    for draw in (0.0, last):
        drawn = torch.full((levels, 2), draw, dtype=dtype)
        monkeypatch.setattr(torch, "rand", lambda *_, drawn=drawn, **__: drawn)
        assert all(part.isfinite().all() for part in model.to_real(x))
        u = model.noise(x)
        assert u.dtype == dtype and ((x + u).floor() == x).all() and ((x + u) / levels < 1).all()


@torch.no_grad()
def test_sampler_matches_the_probabilities():
    from scipy import stats

    model = small()
    draws = model.sample(20_000, generator=torch.Generator().manual_seed(3))
    seen = torch.bincount(draws[:, 0] * 3 + draws[:, 1], minlength=9).double()
    expected = exact(model).exp() * len(draws)
    assert expected.min() > 5, "choose a model whose rarest value is not this rare"
    p_value = stats.chisquare(seen.numpy(), (expected * seen.sum() / expected.sum()).numpy()).pvalue
    assert p_value > laws.SURE


def test_samples_stay_within_the_levels_at_any_size_of_z():
    class Far(StandardNormal):
        def sample(self, n, *, generator=None):
            return 1e4 * super().sample(n, generator=generator)

    model = DequantizedFlow(Flow(Affine(3), Far(3)), 5)
    draws = model.sample(200)
    assert draws.dtype == torch.long and draws.min() == 0 and draws.max() == 4


def test_it_is_a_bound_and_no_density():
    for make in (dequantized_nice, dequantized_realnvp):
        model = make(4, 3, n_layers=2, hidden=4)
        assert isinstance(model, Bound) and not isinstance(model, Density)
        assert likelihood.bits_per_dim(model, torch.zeros(3, 4, dtype=torch.long)).kind == "lower bound"


def test_start_from_data_standardises_the_dequantised_pixels():
    model = dequantized_realnvp(6, 4, n_layers=2, hidden=4).double()
    x = torch.randint(4, (3000, 6))
    model.start_from_data(x)
    z, _ = model.flow.bijection.layers[0].to_latent(model.to_real(x)[0])
    assert z.mean(0).abs().max() < 0.1 and (z.std(0) - 1).abs().max() < 0.1


def test_refusals():
    model = small()
    with pytest.raises(ValueError, match=r"DequantizedFlow: expected integers 0\.\.2, got torch.float32"):
        model.elbo(torch.zeros(2, 2))
    with pytest.raises(
        ValueError, match=r"DequantizedFlow: expected integers 0\.\.2, got values from 0 to 3"
    ):
        model.elbo(torch.tensor([[0, 3]]))
    with pytest.raises(ValueError, match="n_samples"):
        model.importance_weighted(torch.zeros(2, 2, dtype=torch.long), 0)
    with pytest.raises(ValueError, match=r"DequantizedFlow: expected integers 0\.\.2, got torch.float32"):
        model.importance_weighted(torch.zeros(2, 2), 3)
    with pytest.raises(ValueError, match="expected a Flow, got Affine"):
        DequantizedFlow(Affine(2), 3)
    with pytest.raises(ValueError, match="levels"):
        DequantizedFlow(RealNVP(2, 2, hidden=4), 0)


@pytest.mark.timeout(180)
def test_a_short_training_on_digits_is_far_below_the_histogram():
    """A few seconds; benchmarks/flows_digits.py measures the full budget with three seeds."""
    torch.manual_seed(0)
    data = digits()
    model = dequantized_realnvp(64, 17, hidden=128, dropout=0.2).start_from_data(data.train)
    fit(model, data, TrainConfig(epochs=20, lr=0.01, batch_size=100, average=0.97), bar=False)
    nats = -likelihood.log_prob(model, data.valid).mean().item()
    assert nats < 102.5, f"{nats:.1f} nats on validation images; a histogram per pixel has 110.5, exactly"

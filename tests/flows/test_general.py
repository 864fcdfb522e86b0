"""The deep density model: determinants in full, invertibility by construction, honesty about its absence."""

import pytest
import torch
from torch import nn

from dgm_lite import laws
from dgm_lite.flows import general
from dgm_lite.flows.coupling import AffineCoupling
from dgm_lite.flows.general import DeepDensity, ResidualMap, full_log_det, roulette_log_det, series_terms


@pytest.mark.parametrize("dim", [1, 2, 3, 7])
def test_residual_map_keeps_the_laws(dim):
    layer = laws.prepare(ResidualMap(dim, 9, contraction=0.95), dim, scale=3.0)  # as wild as weights get
    x = 3 * torch.randn(5, dim, dtype=torch.float64)
    laws.comes_back(layer, x)
    laws.log_det_is_autograds(layer, x)


@pytest.mark.parametrize("scale", [0.0, 0.1, 3.0, 100.0])
@pytest.mark.parametrize("first, second", [(1, 1), (50, 0.1), (0.1, 50)])
def test_shift_is_a_contraction_whatever_the_weights(scale, first, second):
    layer = laws.prepare(ResidualMap(4, 9, contraction=0.8), scale=scale)
    with torch.no_grad():
        layer.first.weight.mul_(first)
        layer.second.weight.mul_(second)
    g = layer.shift()
    x, y = 2 * torch.randn(2, 2000, 4, dtype=torch.float64)
    near = x + 1e-4 * y
    for other in (y, near):
        stretch = (g(x) - g(other)).norm(dim=1) / (x - other).norm(dim=1)
        assert stretch.max() <= 0.8 + 1e-9


def test_small_weights_are_left_as_they_are():
    layer = ResidualMap(3, 5, contraction=0.9)
    with torch.no_grad():
        for p in layer.parameters():
            p.mul_(0.1)
    x = torch.randn(4, 3)
    by_hand = torch.tanh(layer.first(x)) @ layer.second.weight.T + layer.second.bias
    torch.testing.assert_close(layer.shift()(x), by_hand)


def test_full_log_det_of_a_matrix_and_of_a_coupling():
    a = torch.randn(4, 4, dtype=torch.float64)
    x = torch.randn(3, 4, dtype=torch.float64)
    z, log_det = full_log_det(lambda v: a @ v, x)
    torch.testing.assert_close(z, x @ a.T)
    torch.testing.assert_close(log_det, torch.linalg.slogdet(a).logabsdet.expand(3))
    layer = laws.prepare(AffineCoupling(4, 6))
    z, log_det = full_log_det(lambda v: layer.to_latent(v[None])[0][0], x)
    torch.testing.assert_close(log_det, layer.to_latent(x)[1], rtol=1e-9, atol=1e-9)


def test_an_unconstrained_network_folds_and_its_density_does_not_sum_to_one():
    """Why the constraint: the formula alone does not make a density of any network."""

    class Folding(nn.Module):
        def to_latent(self, x):
            return full_log_det(lambda v: v * (v - 1) * (v + 1), x)  # three x for each small z

    grid = torch.linspace(-4, 4, 200_001, dtype=torch.float64)[:, None]
    z, log_det = Folding().to_latent(grid)
    mass = ((-0.5 * z[:, 0] ** 2 - 0.9189385332046727 + log_det).exp().sum() * 4e-5).item()
    assert mass > 1.2


def test_gradients_reach_every_weight_through_the_determinant():
    laws.every_entry_gets_a_gradient(laws.prepare(DeepDensity(3, 2, hidden=5)), (torch.randn(8, 3).double(),))


# --- the series of traces


def bent(dim: int = 3, contraction: float = 0.9) -> ResidualMap:
    """A layer that bends nearly as much as it may near 0: there tanh is steep."""
    layer = laws.prepare(ResidualMap(dim, 7, contraction=contraction), scale=0.7)
    with torch.no_grad():
        layer.first.bias.zero_()
    return layer


def far_from(value: torch.Tensor, draws: torch.Tensor) -> float:
    """By how many of its standard errors the mean of the draws, (n,), is off."""
    return ((draws.mean() - value).abs() / (draws.std() / len(draws) ** 0.5)).item()


def test_terms_of_the_series_are_traces_of_powers_in_the_mean():
    g = bent().shift()
    x = 0.2 * torch.randn(1, 3, dtype=torch.float64)
    jacobian = torch.func.jacrev(g)(x[0])
    z, terms = series_terms(g, x.expand(20_000, 3), 4)
    torch.testing.assert_close(z[0], (x + g(x))[0])
    for n, draws in enumerate(terms, start=1):
        trace = torch.linalg.matrix_power(jacobian, n).trace()
        assert far_from((-1) ** (n + 1) / n * trace, draws) < 4.5
        assert draws.std() > 0, "nothing was drawn"


def test_terms_are_exact_where_the_jacobian_is_diagonal():
    """eps^T J eps = tr J then, whatever the signs: log det(I + J) = D log(1 + a) for J = a I."""
    x = torch.randn(5, 4, dtype=torch.float64)
    for a in (0.6, -0.6):
        _, terms = series_terms(lambda v, a=a: a * v, x, 60)
        log_det = 4 * torch.tensor(1 + a, dtype=torch.float64).log()
        torch.testing.assert_close(terms.sum(0), log_det.expand(5))
        for n in (1, 2, 5):  # what is cut off is at most this
            bound = -4 * (torch.tensor(1 - 0.6).log() + sum(0.6**k / k for k in range(1, n + 1)))
            assert 0 < (terms[:n].sum(0) - log_det).abs().max() <= bound + 1e-6


@torch.no_grad()
def test_a_series_that_is_cut_off_is_biased_and_the_roulette_is_not():
    layer = bent(contraction=0.7)
    g, x = layer.shift(), 0.2 * torch.randn(1, 3, dtype=torch.float64)
    _, log_det = layer.to_latent(x)
    _, terms = series_terms(g, x.expand(20_000, 3), 1)
    assert far_from(log_det[0], terms[0]) > 10
    draws = torch.stack([roulette_log_det(g, x.expand(8, 3), 0.7)[1].mean() for _ in range(300)])
    assert far_from(log_det[0], draws) < 4.5


def test_roulette_plays_as_long_as_it_says():
    x, lengths = torch.randn(2, 3), []

    def counted(g, x, n_terms, generator):
        lengths.append(n_terms)
        return x, torch.zeros(n_terms, len(x))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(general, "series_terms", counted)
        for _ in range(4000):
            roulette_log_det(None, x, 0.8)
    assert min(lengths) == 1
    assert far_from(torch.tensor(5.0), torch.tensor(lengths).float()) < 4.5  # 1 / (1 - 0.8)


def test_roulette_is_repeatable():
    g, x = bent().shift(), torch.randn(2, 3, dtype=torch.float64)
    one, two = (roulette_log_det(g, x, 0.9, generator=torch.Generator().manual_seed(3))[1] for _ in range(2))
    assert torch.equal(one, two)


def test_a_flow_trains_without_a_determinant_and_measures_with_one(monkeypatch):
    torch.manual_seed(0)
    flow = laws.prepare(DeepDensity(3, 2, hidden=5, estimate=True))
    x = torch.randn(6, 3, dtype=torch.float64)
    torch.testing.assert_close(flow.eval().loss(x), -flow.log_prob(x).mean())
    exact, flow = flow.loss(x), flow.train()
    with torch.no_grad():
        draws = torch.stack([flow.loss(x) for _ in range(150)])
    assert draws.std() > 0 and far_from(exact, draws) < 4.5
    monkeypatch.setattr(general, "full_log_det", None)
    laws.every_entry_gets_a_gradient(flow, (x,))
    with pytest.raises(TypeError):
        flow.log_prob(x)


def test_refusals():
    for wrong in (0.0, 1.0, -0.5, 2):
        with pytest.raises(ValueError, match="go_on between 0 and 1"):
            roulette_log_det(lambda v: v / 2, torch.zeros(1, 2), wrong)
    with pytest.raises(ValueError, match="n_terms"):
        series_terms(lambda v: v / 2, torch.zeros(1, 2), 0)
    for wrong in (0.0, 1.0, -0.5, 2):
        with pytest.raises(ValueError, match="contraction between 0 and 1"):
            ResidualMap(2, 4, contraction=wrong)
    with pytest.raises(ValueError, match="n_layers"):
        DeepDensity(2, 0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_inverse_stops_where_only_rounding_is_left(dtype, monkeypatch):
    """With these weights rounding ends in a circle: to wait until nothing moves is to wait for ever."""
    layer = laws.prepare(ResidualMap(5, 9, contraction=0.9), scale=0.3).to(dtype)
    steps, g = [0], layer.shift()

    def counted(x):
        steps[0] += 1
        return g(x)

    monkeypatch.setattr(layer, "shift", lambda: counted)
    x = 3 * torch.randn(4000, 5, dtype=dtype)
    z, _ = layer.to_latent(x)
    steps[0] = 0
    assert (layer.to_data(z) - x).abs().max() < 1e3 * torch.finfo(dtype).eps
    assert 3 < steps[0] < 400  # 0.9^350 is the smallest step that double precision sees

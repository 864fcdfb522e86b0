"""The deep density model: determinants in full, invertibility by construction, honesty about its absence."""

import pytest
import torch
from torch import nn

from dgm_lite import laws
from dgm_lite.flows.coupling import AffineCoupling
from dgm_lite.flows.general import DeepDensity, ResidualMap, full_log_det


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


def test_refusals():
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

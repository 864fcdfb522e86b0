"""Additive and affine couplings: the equations, exact volumes, odd sizes, and a fit to data."""

import pytest
import torch

from dgm_lite import laws
from dgm_lite.datasets.toys import two_moons
from dgm_lite.evaluate import likelihood
from dgm_lite.flows.coupling import NICE, AdditiveCoupling, AffineCoupling, Permute, RealNVP
from dgm_lite.latent.mixture import GaussianMixture
from dgm_lite.training.config import TrainConfig
from dgm_lite.training.fit import fit

KINDS = (AdditiveCoupling, AffineCoupling)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("dim", [2, 3, 5, 8])
def test_one_layer_keeps_the_laws(kind, flip, dim):
    layer = laws.prepare(kind(dim, 7, flip=flip), dim)
    x = torch.randn(6, dim, dtype=torch.float64)
    laws.comes_back(layer, x)
    laws.log_det_is_autograds(layer, x)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dim", [2, 5])
def test_one_part_stays_and_two_layers_move_all(kind, dim):
    x = torch.randn(6, dim, dtype=torch.float64)
    stays = [(laws.prepare(kind(dim, 7, flip=flip)).to_latent(x)[0] == x).all(0) for flip in (False, True)]
    assert (stays[0] != stays[1]).all(), "each number is moved by exactly one of the two layers"


def test_affine_coupling_is_its_equation():
    layer = laws.prepare(AffineCoupling(4, 6))
    x = torch.randn(3, 4, dtype=torch.float64)
    s, t = layer.scale_shift(x[:, :2])
    z, log_det = layer.to_latent(x)
    torch.testing.assert_close(z, torch.cat([x[:, :2], x[:, 2:] * s.exp() + t], 1), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(log_det, s.sum(1))
    assert (s.abs() <= 1).all()


def test_additive_log_det_is_exactly_zero_and_the_map_is_not_linear():
    layer = laws.prepare(AdditiveCoupling(5, 8))
    x, y = torch.randn(2, 6, 5, dtype=torch.float64)
    assert torch.equal(layer.to_latent(x)[1], torch.zeros(6, dtype=torch.float64))
    middle = layer.to_latent((x + y) / 2)[0]
    assert ((layer.to_latent(x)[0] + layer.to_latent(y)[0]) / 2 - middle).abs().max() > 1e-3


def test_nice_stretches_every_point_alike_and_realnvp_does_not():
    x = torch.randn(9, 4, dtype=torch.float64)
    assert laws.prepare(NICE(4, 4, hidden=6)).to_latent(x)[1].std() == 0
    assert laws.prepare(RealNVP(4, 4, hidden=6)).to_latent(x)[1].std() > 0.1


def test_permute_is_a_permutation_that_is_saved():
    layer = Permute(7, seed=3)
    x = torch.randn(4, 7)
    z, log_det = layer.to_latent(x)
    assert torch.equal(z.sort(1).values, x.sort(1).values) and not torch.equal(z, x)
    assert torch.equal(layer.to_data(z), x) and not log_det.any()
    assert set(layer.state_dict()) == {"order", "back"}


def test_every_number_reaches_every_other():
    """With all eight layers each z depends on each x: no two numbers are strangers."""
    model = laws.prepare(RealNVP(6, 8, hidden=12), scale=0.3)
    x = torch.randn(6, dtype=torch.float64)
    jacobian = torch.autograd.functional.jacobian(lambda v: model.to_latent(v[None])[0][0], x)
    assert (jacobian != 0).all()


@pytest.mark.timeout(120)
def test_both_learn_the_moons():
    data = two_moons()
    nats = {}
    for kind in (NICE, RealNVP):
        torch.manual_seed(0)
        model = kind(2, 8, hidden=32).start_from_data(data.train)
        fit(model, data, TrainConfig(epochs=40, lr=5e-3, batch_size=200), bar=False)
        nats[kind] = likelihood.log_prob(model, data.test).mean().item()
    gaussian = GaussianMixture(2, 1).start_from_data(data.train)
    fit(gaussian, data, TrainConfig(epochs=20, lr=0.03, batch_size=200), bar=False)
    floor = likelihood.log_prob(gaussian, data.test).mean().item()
    assert min(nats.values()) > floor + 0.5, (nats, floor)


def test_refusals():
    for kind in KINDS:
        with pytest.raises(ValueError, match=f"{kind.__name__}: expected dim from 2 up"):
            kind(1, 4)
        with pytest.raises(ValueError, match="hidden"):
            kind(4, 0)
    with pytest.raises(ValueError, match="n_layers"):
        RealNVP(2, 0)
    with pytest.raises(ValueError, match="Permute: expected dim"):
        Permute(0, seed=1)

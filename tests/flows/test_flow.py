"""Chains, the scaling layer and the flow: values by hand, composition, refusals."""

import math

import pytest
import torch
from torch import nn

from dgm_lite import laws
from dgm_lite.distributions import StandardNormal
from dgm_lite.flows.coupling import AffineCoupling, RealNVP
from dgm_lite.flows.flow import Affine, Chain, Flow
from dgm_lite.protocols import Bijection, Bound, Density, Sampler, Trainable


def test_standard_normal_is_torchs():
    z = torch.randn(6, 5, dtype=torch.float64)
    expected = torch.distributions.Normal(0.0, 1.0).log_prob(z).sum(1)
    torch.testing.assert_close(StandardNormal(5).log_prob(z), expected, rtol=1e-12, atol=1e-12)


def test_base_draws_in_the_models_own_precision():
    assert StandardNormal(3).double().sample(2).dtype == torch.float64
    assert not StandardNormal(3).state_dict()  # nothing to save


def test_affine_flow_is_the_normal_with_that_mean_and_deviation():
    flow = Flow(Affine(3), StandardNormal(3)).double()
    with torch.no_grad():
        flow.bijection.mu.copy_(torch.tensor([1.0, -2.0, 0.5]))
        flow.bijection.log_std.copy_(torch.tensor([0.3, -1.0, 0.0]))
    x = torch.randn(4, 3, dtype=torch.float64)
    expected = torch.distributions.Normal(flow.bijection.mu, flow.bijection.log_std.exp()).log_prob(x).sum(1)
    torch.testing.assert_close(flow.log_prob(x), expected, rtol=1e-12, atol=1e-12)


def test_affine_starts_where_the_data_are():
    x = torch.randn(500, 3, dtype=torch.float64) * torch.tensor([2.0, 0.1, 0.0]) + torch.tensor(
        [5.0, 0.0, 1.0]
    )
    layer = Affine(3).double().start_from_data(x)
    z, _ = layer.to_latent(x)
    torch.testing.assert_close(z.mean(0), torch.zeros(3, dtype=torch.float64), atol=1e-9, rtol=0)
    # The third number is constant: it keeps its scale instead of dividing by zero.
    torch.testing.assert_close(
        z.std(0, correction=0), torch.tensor([1.0, 1.0, 0.0]).double(), atol=1e-9, rtol=0
    )


def test_started_layer_is_saved_and_not_started_again(tmp_path):
    """The data-dependent start lives in weights: after loading, other data leave it alone."""
    from dgm_lite import weights

    model = RealNVP(2, 2, hidden=4).start_from_data(5 + 3 * torch.randn(200, 2))
    weights.save(model, tmp_path / "w.safetensors")
    other = RealNVP(2, 2, hidden=4)
    weights.load(other, tmp_path / "w.safetensors")
    x = torch.randn(7, 2)
    for _ in range(2):  # a layer that starts itself at its first batch would differ at the first call
        assert torch.equal(other.train().log_prob(x), model.log_prob(x))


def test_chain_adds_log_dets_and_nests():
    torch.manual_seed(0)
    a, b, c = (laws.prepare(AffineCoupling(4, 6, flip=f), s) for s, f in enumerate((False, True, False)))
    x = torch.randn(5, 4, dtype=torch.float64)
    flat, nested = Chain([a, b, c]), Chain([Chain([a, b]), c])
    z, log_det = flat.to_latent(x)
    by_hand, total = x, torch.zeros(5, dtype=torch.float64)
    for layer in (a, b, c):
        by_hand, more = layer.to_latent(by_hand)
        total = total + more
    assert torch.equal(z, by_hand) and torch.equal(log_det, total)
    assert torch.equal(nested.to_latent(x)[0], z)
    laws.comes_back(nested, x)
    laws.log_det_is_autograds(nested, x)


def test_order_matters_on_the_way_back():
    chain = Chain([Affine(1), Affine(1)]).double()
    with torch.no_grad():
        chain.layers[0].mu.fill_(2.0)
        chain.layers[1].log_std.fill_(math.log(4))
    z, log_det = chain.to_latent(torch.tensor([[10.0]], dtype=torch.float64))
    assert z.item() == pytest.approx(2.0) and log_det.item() == pytest.approx(-math.log(4))
    assert chain.to_data(z).item() == pytest.approx(10.0)


def test_bijections_serve_a_posterior():
    """q(z_K) = q(z_0) / |det dz_K/dz_0|: the same chain, run from noise to z, gives a normalised density."""
    chain = laws.prepare(Chain([AffineCoupling(2, 5), AffineCoupling(2, 5, flip=True)]))
    base = StandardNormal(2).double()
    z0 = base.sample(5)
    zk, log_det = chain.to_latent(z0)
    log_q = base.log_prob(z0) - log_det

    class Turned(nn.Module):  # the density of zk, written as a flow in the other direction
        def to_latent(self, x):
            z = chain.to_data(x)
            return z, -chain.to_latent(z)[1]

        def to_data(self, z):
            return chain.to_latent(z)[0]

    turned = Flow(Turned(), base)
    torch.testing.assert_close(turned.log_prob(zk), log_q, rtol=1e-10, atol=1e-10)
    with torch.no_grad():
        laws.sums_to_one(turned)


def test_a_flow_can_be_the_base_of_another():
    """Bases are any density with a sampler: a flow prior is a flow."""
    inner = laws.prepare(RealNVP(2, 2, hidden=5))
    outer = Flow(laws.prepare(AffineCoupling(2, 5), seed=4), inner)
    laws.sums_to_one(outer)
    laws.draws_are_repeatable(outer)


def test_abilities():
    model = RealNVP(2, 2, hidden=4)
    assert isinstance(model, Density) and isinstance(model, Sampler) and isinstance(model, Trainable)
    assert isinstance(model, Bijection) and not isinstance(model, Bound)


def test_refusals():
    with pytest.raises(ValueError, match="Chain: expected modules with to_latent and to_data, got none"):
        Chain([])
    with pytest.raises(ValueError, match="Chain: expected modules with to_latent and to_data, got Linear"):
        Chain([nn.Linear(2, 2)])
    with pytest.raises(ValueError, match="Flow: expected a bijection with to_latent and to_data, got Linear"):
        Flow(nn.Linear(2, 2), StandardNormal(2))
    with pytest.raises(ValueError, match="Flow: expected a base with log_prob and sample, got Affine"):
        Flow(Affine(2), Affine(2))
    for has in ("log_prob", "sample"):
        half = type("Half", (nn.Module,), {has: getattr(StandardNormal, has)})
        with pytest.raises(ValueError, match="Flow: expected a base with log_prob and sample, got Half"):
            Flow(Affine(2), half())
    with pytest.raises(
        ValueError, match=r"RealNVP: expected shape \(B, 64\), got \(3, 1, 8, 8\). Flatten images"
    ):
        RealNVP(64, 2, hidden=4).log_prob(torch.zeros(3, 1, 8, 8))
    with pytest.raises(ValueError, match=r"RealNVP: expected shape \(B, 2\)"):
        RealNVP(2, 2, hidden=4).to_data(torch.zeros(3, 1))
    with pytest.raises(ValueError, match="StandardNormal: expected dim"):
        StandardNormal(0)
    with pytest.raises(ValueError, match="Affine: expected shape"):
        RealNVP(2, 2, hidden=4).start_from_data(torch.zeros(3, 1))

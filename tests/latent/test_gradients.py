"""Gradients through a draw: all right in the mean, with the variances that theory gives."""

import pytest
import torch

from dgm_lite.distributions import DiagonalNormal
from dgm_lite.latent.gradients import gradients_in_mu

MU, LOG_STD, GOAL = torch.tensor([[0.4, -1.0]]), torch.tensor([[-0.3, 0.2]]), torch.tensor([1.0, 0.5])


def log_joint(z):
    return -0.5 * (z - GOAL).square().sum(1) - 40.0  # far from zero, as log p(x, z) of an image is


@pytest.fixture(scope="module")
def found():
    q = DiagonalNormal(MU.double(), LOG_STD.double())
    return gradients_in_mu(log_joint, q, 100_000, generator=torch.Generator().manual_seed(0))


def test_all_have_the_same_mean(found):
    right = (GOAL - MU)[0].double()  # of E log p(x, z); log q has none
    for name, each in found.items():
        error = each.std(0) / len(each) ** 0.5
        assert ((each.mean(0) - right).abs() < 5 * error).all(), name


def test_variances(found):
    torch.testing.assert_close(
        found["reparameterised"].var(0), (2 * LOG_STD[0]).exp().double(), rtol=0.02, atol=0
    )
    noise = {name: each.var(0).sum() for name, each in found.items()}
    assert noise["reparameterised"] < noise["with a baseline"] < noise["score function"] / 50


def test_reparameterised_is_what_autograd_gives_for_the_bound():
    mu = MU.clone().expand(7, -1).contiguous().requires_grad_()
    z, log_q = DiagonalNormal(mu, LOG_STD.expand(7, -1)).draw(generator=torch.Generator().manual_seed(4))
    (log_joint(z) - log_q).sum().backward()
    ours = gradients_in_mu(
        log_joint, DiagonalNormal(MU, LOG_STD), 7, generator=torch.Generator().manual_seed(4)
    )
    torch.testing.assert_close(ours["reparameterised"], mu.grad)


def test_one_draw_is_refused():
    with pytest.raises(ValueError, match="two draws or more"):
        gradients_in_mu(log_joint, DiagonalNormal(MU, LOG_STD), 1)

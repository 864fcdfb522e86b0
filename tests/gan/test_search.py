"""The search for every z against generators whose density is known."""

import pytest
import torch
from torch import nn
from torch.distributions import Normal

from dgm_lite import laws
from dgm_lite.gan.gan import GAN
from dgm_lite.gan.search import log_prob_by_search, origins


class Folded(nn.Module):
    """(|z_0| + z_0 / 2, 2 z_1): each x_0 > 0 has two origins, 2/3 x_0 and -2 x_0."""

    def forward(self, z):
        return torch.stack([z[:, 0].abs() + z[:, 0] / 2, 2 * z[:, 1]], 1)


@pytest.fixture
def folded():
    gan = GAN(2, 2, hidden=4)
    gan.generator = Folded()
    return gan


def test_every_origin_is_found_once(folded):
    x = torch.tensor([[0.9, 1.0], [-0.5, 0.3], [0.3, -2.0]])
    index, z = origins(folded, x, cells=60)
    assert index.tolist() == [0, 0, 2, 2]
    wanted = [[-1.8, 0.5], [0.6, 0.5], [-0.6, -1.0], [0.2, -1.0]]
    torch.testing.assert_close(z, torch.tensor(wanted, dtype=torch.float64), atol=1e-4, rtol=0)


def test_the_density_is_that_of_all_branches(folded):
    """Volume stretches by 1/2 * 2 on one branch and by 3/2 * 2 on the other."""
    x = torch.tensor([[0.9, 1.0], [-0.5, 0.3]])
    normal = Normal(0.0, 1.0)
    p = normal.log_prob(torch.tensor([-1.8, 0.6])).exp() / torch.tensor([1.0, 3.0])
    wanted = p.sum().log() + normal.log_prob(torch.tensor(0.5))
    found = log_prob_by_search(folded, x, cells=60)
    assert found[0].item() == pytest.approx(wanted.item(), abs=1e-4) and found[1] == -torch.inf


def test_a_network_is_searched_as_its_draws_are_spread():
    """z is found again from G(z)."""
    torch.manual_seed(0)
    gan = GAN(2, 2, hidden=16)
    with torch.no_grad():
        gan.generator[-1].weight.mul_(6)
    z = torch.randn(100, 2, generator=torch.Generator().manual_seed(1))
    index, found = origins(gan, gan.generate(z).detach(), cells=80)
    again = [(index == k).any() and (found[index == k] - z[k]).norm(dim=1).min() < 0.01 for k in range(100)]
    assert sum(again) >= 98


def test_other_sizes_are_refused():
    laws.refuses(lambda: origins(GAN(2, 3), torch.zeros(1, 2)), "from 3 to 2", "cells^M")
    laws.refuses(lambda: origins(GAN(2, 2), torch.zeros(1, 3)), "(B, 2)")
    laws.refuses(lambda: origins(GAN(2, 2), torch.zeros(1, 2), cells=0), "cells")


def test_where_no_z_is_found_there_is_no_density():
    gan = GAN(dim=2, latent_dim=2, hidden=4)
    assert log_prob_by_search(gan, torch.tensor([[50.0, 50.0]]), cells=10).tolist() == [-torch.inf]
    for reach in (0, -5, float("nan"), torch.inf):
        laws.refuses(
            lambda reach=reach: log_prob_by_search(gan, torch.zeros(1, 2), reach=reach), "reach", str(reach)
        )

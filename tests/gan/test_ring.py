"""Eight Gaussians on a circle are where they should be, and are counted."""

import torch

from dgm_lite import laws
from dgm_lite.gan import ring


def test_points_lie_around_eight_centres_in_equal_shares():
    x = ring.points(4000)
    distance, which = torch.cdist(x, ring.centres()).min(1)
    assert torch.bincount(which, minlength=8).min() > 400
    assert abs(distance.square().mean().item() - 2 * ring.STD**2) < 0.002
    assert torch.allclose(ring.centres().norm(dim=1), torch.tensor(ring.RADIUS))
    assert torch.equal(ring.points(5), ring.points(5)) and not torch.equal(ring.points(5), ring.points(5, 1))


def test_modes_are_counted_where_enough_points_are():
    assert ring.modes(ring.points(800)) == 8
    some = ring.centres()[[0] * 50 + [1] * 49 + [2]]
    assert ring.modes(some) == 2 and ring.modes(some, least=0.01) == 3
    assert ring.modes(torch.zeros(10, 2)) == 0
    laws.refuses(lambda: ring.modes(torch.zeros(3, 3)), "(N, 2)")
    laws.refuses(lambda: ring.points(0), "n", "0")

"""The smallest game against its own losses, its eigenvalues, and what is known of its orbits."""

import pytest
import torch
import torch.nn.functional as F

from dgm_lite import laws
from dgm_lite.gan.dirac import eigenvalues, path, velocity

POINTS = torch.tensor([[0.3, -0.7], [1.5, 0.4], [-2.0, 1.0]], dtype=torch.float64)


@pytest.mark.parametrize("loss", ["saturating", "non-saturating"])
@pytest.mark.parametrize("penalty", [0.0, 0.8])
def test_each_player_follows_minus_the_gradient_of_its_own_loss(loss, penalty):
    weights = POINTS.clone().requires_grad_()
    theta, psi = weights.T
    drawn = psi * theta
    generator = F.softplus(-drawn) if loss == "non-saturating" else -F.softplus(drawn)
    discriminator = F.softplus(-psi * 0) + F.softplus(drawn) + penalty / 2 * psi**2
    (to_theta,) = torch.autograd.grad(generator.sum(), weights, retain_graph=True)
    (to_psi,) = torch.autograd.grad(discriminator.sum(), weights)
    wanted = -torch.stack([to_theta[:, 0], to_psi[:, 1]], 1)
    torch.testing.assert_close(velocity(POINTS, loss=loss, penalty=penalty), wanted)


@pytest.mark.parametrize("loss", ["saturating", "non-saturating"])
@pytest.mark.parametrize("penalty", [0.0, 0.3, 1.0, 2.0])
def test_eigenvalues_are_those_of_the_jacobian_at_rest(loss, penalty):
    field = lambda w: velocity(w[None], loss=loss, penalty=penalty)[0]  # noqa: E731
    jacobian = torch.func.jacrev(field)(torch.zeros(2, dtype=torch.float64))
    wanted = torch.linalg.eigvals(jacobian)
    for one in eigenvalues(penalty):
        assert (wanted - one).abs().min() < 1e-6
    assert eigenvalues(penalty).sum().real.item() == pytest.approx(-penalty)


def test_without_a_penalty_it_orbits_and_with_one_it_comes_to_rest():
    start = torch.tensor([1.0, 0.0], dtype=torch.float64)
    far = lambda w: w[-1].norm().item()  # noqa: E731
    orbit = path(start, 2000, rate=0.05)
    assert orbit.norm(dim=1).min() > 0.95 and orbit.norm(dim=1).max() < 1.05
    assert far(path(start, 2000, rate=0.05, in_turn=False)) > 1.5, "both at once spiral outwards"
    assert far(path(start, 2000, rate=0.05, penalty=0.3)) < 1e-3


def test_both_at_once_grow_by_what_the_eigenvalue_says():
    """|1 + rate i / 2| a step, near rest."""
    start = torch.tensor([1e-4, 0.0], dtype=torch.float64)
    found = path(start, 100, rate=0.2, in_turn=False)[-1].norm() / start.norm()
    assert found.item() == pytest.approx((1 + 0.2**2 / 4) ** 50, rel=1e-3)


def test_bad_input_is_refused():
    laws.refuses(lambda: velocity(POINTS, loss="wgan"), "non-saturating", "wgan")
    laws.refuses(lambda: velocity(POINTS[0]), "(B, 2)")
    laws.refuses(lambda: path(POINTS, 3), "(2,)")
    laws.refuses(lambda: path(POINTS[0], 0), "n_steps", "0")

"""The adversarial game against closed forms: whose weights move, which gradient vanishes, what D learns."""

import pytest
import torch
from torch.distributions import Normal

from dgm_lite import laws
from dgm_lite.evaluate import likelihood
from dgm_lite.gan.gan import GAN, WholeGAN
from dgm_lite.nets import mlp
from dgm_lite.protocols import Adversarial, Bound, Density, Sampler, Trainable
from dgm_lite.training.config import TrainConfig
from dgm_lite.training.step import training_steps


def points(n: int = 64) -> torch.Tensor:
    return torch.randn(n, 2, generator=torch.Generator().manual_seed(0)) + 1


@pytest.fixture
def gan():
    torch.manual_seed(0)
    return GAN(2, 2, hidden=16)


def test_a_gan_has_samples_and_players_and_no_likelihood(gan):
    assert isinstance(gan, Sampler) and isinstance(gan, Adversarial)
    assert not any(isinstance(gan, ability) for ability in (Density, Bound, Trainable))
    with pytest.raises(ValueError, match="got GAN, which has no likelihood.*two_sample"):
        likelihood.bits_per_dim(gan, points())


@pytest.mark.parametrize("name", ["discriminator", "generator"])
def test_a_player_moves_only_its_own_weights(gan, name):
    player = next(p for p in gan.players() if p.name == name)
    before = {k: v.clone() for k, v in gan.state_dict().items()}
    gan.players = lambda: [player]
    list(training_steps(gan, [(points(),)], TrainConfig(epochs=2)))
    moved = {k.split(".")[0] for k, v in gan.state_dict().items() if not torch.equal(v, before[k])}
    assert moved == {name}


def test_the_two_losses_of_the_generator_are_those_of_the_paper(gan):
    for kind in ("non-saturating", "saturating"):
        gan.generator_loss = kind
        torch.manual_seed(3)
        loss = gan.generator_player_loss(points())
        torch.manual_seed(3)
        d = torch.sigmoid(gan.discriminate(gan.generate(gan._latent(64))).double())
        wanted = -d.log().mean() if kind == "non-saturating" else (1 - d).log().mean()
        assert loss.item() == pytest.approx(wanted.item(), abs=1e-5)


@pytest.mark.parametrize("kind", ["non-saturating", "saturating"])
def test_force_is_minus_the_gradient_of_the_generators_loss(gan, kind):
    gan.generator_loss = kind
    x = points(8).requires_grad_()
    logit = gan.discriminate(x)
    loss = (
        torch.nn.functional.softplus(-logit)
        if kind == "non-saturating"
        else -torch.nn.functional.softplus(logit)
    ).sum()
    (gradient,) = torch.autograd.grad(loss, x)
    torch.testing.assert_close(gan.force(x), -gradient)


def test_only_the_saturating_force_vanishes_where_the_discriminator_is_sure(gan):
    x = points(8)
    with torch.no_grad():
        gan.discriminator[-1].bias.fill_(-30.0)  # D(x) = e^-30 everywhere: all draws are seen through
    strong = gan.force(x).norm(dim=1)
    gan.generator_loss = "saturating"
    assert (gan.force(x).norm(dim=1) < 1e-10).all() and (strong > 1e-3).all()
    # Probabilities clamped at 1e-5 before the logarithm, as is often seen, would give exactly zero to both.
    gan.generator_loss = "non-saturating"
    assert torch.isfinite(gan.generator_player_loss(x))


def test_the_best_discriminator_is_the_ratio_of_densities():
    """D* = p / (p + q), so its logit is log p(x) - log q(x): here a straight line."""
    torch.manual_seed(0)
    gan = GAN(1, 1, hidden=32)
    p, q = Normal(0.0, 1.0), Normal(1.5, 1.0)
    gan.generate = lambda z: 1.5 + z  # q
    gan.players = lambda: GAN.players(gan)[:1]
    batches = [(p.sample((512, 1)),) for _ in range(400)]
    list(training_steps(gan, batches, TrainConfig(epochs=1, lr=5e-3)))
    x = torch.linspace(-1, 2.5, 50)[:, None]
    wanted = (p.log_prob(x) - q.log_prob(x)).squeeze(1)
    torch.testing.assert_close(gan.discriminate(x).detach(), wanted, atol=0.35, rtol=0)


def test_penalty_is_the_mean_squared_gradient_at_the_data(gan):
    x = points(16)
    torch.manual_seed(1)
    plain = gan.discriminator_player_loss(x)
    gan.penalty = 3.0
    torch.manual_seed(1)
    penalised = gan.discriminator_player_loss(x)
    jacobian = torch.func.vmap(torch.func.jacrev(lambda v: gan.discriminator(v)[0]))(x)
    assert (penalised - plain).item() == pytest.approx(1.5 * jacobian.square().sum(1).mean().item(), rel=1e-4)
    penalised.backward()
    assert all(p.grad is not None for p in gan.discriminator.parameters())


def test_limits_are_reached_and_kept():
    torch.manual_seed(0)
    gan = GAN(3, 2, hidden=8, limits=(0.0, 17.0))
    with torch.no_grad():
        gan.generator[-1].weight.mul_(100)
    x = gan.sample(500)
    assert x.min() < 0 and x.max() > 17 and x.min() > -0.2 and x.max() < 17.2


def test_a_seeded_sample_is_repeatable(gan):
    one, two = (gan.sample(5, generator=torch.Generator().manual_seed(4)) for _ in range(2))
    assert torch.equal(one, two) and one.shape == (5, 2)


def test_bad_input_is_refused(gan):
    with pytest.raises(ValueError, match="expected loss to be one of non-saturating, saturating; got 'wgan'"):
        GAN(2, 2, loss="wgan")
    with pytest.raises(ValueError, match="expected a penalty from 0 up, got -1"):
        GAN(2, 2, penalty=-1)
    with pytest.raises(ValueError, match="low < high"):
        GAN(2, 2, limits=(1.0, 1.0))
    with pytest.raises(ValueError, match=r"expected shape \(B, 2\), got \(4, 3\)"):
        gan.discriminator_player_loss(torch.zeros(4, 3))


def test_players_with_dropout_draw_without_it():
    """The networks of this class have none; those that a reader puts in their places may."""
    model = GAN(2, 2, hidden=8)
    model.generator, model.discriminator = mlp(2, 8, 2, dropout=0.5), mlp(2, 8, 1, dropout=0.5)
    x = torch.randn(6, 2)
    laws.drawing_and_inverting_use_no_dropout(model, x)
    assert torch.equal(model.train().force(x), model.eval().force(x))


def test_whole_draws_are_rounded_and_gradients_pass_the_rounding():
    torch.manual_seed(0)
    whole = WholeGAN(3, 2, hidden=8, limits=(0.0, 16.0))
    smooth = GAN(3, 2, hidden=8, limits=(0.0, 16.0))
    smooth.load_state_dict(whole.state_dict())
    z = torch.randn(50, 2)
    assert torch.equal(whole.generate(z), smooth.generate(z).round())
    gradients = []
    for model in (whole, smooth):
        moved = z.clone().requires_grad_()
        gradients += torch.autograd.grad(model.generate(moved).sum(), moved)
    assert torch.equal(*gradients) and gradients[0].norm() > 0


def test_blank_paper_can_be_exactly_blank():
    torch.manual_seed(0)
    whole = WholeGAN(3, 2, hidden=8, limits=(0.0, 16.0))
    with torch.no_grad():
        whole.generator[-1].weight.mul_(100)
    x = whole.sample(500)
    assert (x == 0).any() and (x == 16).any() and x.min() >= 0 and x.max() <= 16

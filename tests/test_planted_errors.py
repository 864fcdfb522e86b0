"""Errors that public teaching code on this subject makes, planted one by one: each must break a law.

A law that lets its error pass is worth nothing. Every test first shows that the honest model keeps
the law, then that the broken one does not.
"""

import copy
import math
from functools import partial

import pytest
import torch
from torch import nn

from dgm_lite import laws
from dgm_lite.autoregressive.causal import CausalARM
from dgm_lite.datasets import images
from dgm_lite.datasets.dataset import Dataset
from dgm_lite.evaluate import likelihood
from dgm_lite.latent.mixture import BernoulliMixture, GaussianMixture
from dgm_lite.protocols import Player
from dgm_lite.training.config import TrainConfig
from dgm_lite.training.fit import fit, mean_loss
from dgm_lite.training.step import Trainer, training_steps


def arm(kind=CausalARM, **changes):
    torch.manual_seed(0)
    return laws.prepare(kind(**{"dim": 4, "levels": 3, "channels": 8, "dilations": (1, 2)} | changes))


def gaussians(kind=GaussianMixture):
    torch.manual_seed(0)
    return laws.prepare(kind(2, 3))


def bernoullis(kind=BernoulliMixture):
    torch.manual_seed(0)
    return laws.prepare(kind(5, 3))


def catches(law, honest, broken, *more, match: str | None = None) -> None:
    """The law holds for the honest model and fails for the broken one."""
    law(honest, *more)
    with pytest.raises(AssertionError, match=match):
        law(broken, *more)


# --- likelihoods ----------------------------------------------------------------------------


def test_clamped_probabilities():
    """Probabilities clamped away from zero before the log: all of them together exceed one."""

    class Clamped(CausalARM):
        def log_prob_terms(self, x, y=None):
            return self.logits(x).softmax(1).clamp(1e-5, 1).log().gather(1, x[:, None]).squeeze(1)

    def certain(kind):
        """Trained nets are sure of background pixels: one value has nearly all of the mass."""
        model = arm(kind, dim=2, levels=17)
        with torch.no_grad():
            model.marginal[0] += 30
        return model

    catches(laws.sums_to_one, certain(CausalARM), certain(Clamped))
    assert laws.total_mass(certain(Clamped)) > 1.0001


def test_likelihood_averaged_over_pixels():
    """The mean over pixels where the sum belongs: a number per pixel that is called a likelihood."""

    class Averaged(CausalARM):
        def log_prob(self, x, y=None):
            return self.log_prob_terms(x).mean(1)

    catches(laws.sums_to_one, arm(), arm(Averaged))


def test_loss_in_another_unit():
    """Training on the mean over pixels while log_prob is a sum: losses of chapters can't be compared."""

    class PerPixel(CausalARM):
        def loss(self, x):
            return super().loss(x) / self.dim

    model = arm()
    catches(laws.loss_is_mean_negative_log_prob, model, arm(PerPixel), laws.examples(model))


def test_constant_repeated_per_dimension():
    """D log 2 pi subtracted once per dimension, by broadcasting before the sum."""

    class Repeated(GaussianMixture):
        def log_prob_components(self, x):
            eps = torch.einsum("bkd,kde->bke", x[:, None] - self.mu, self.whitening())
            terms = -0.5 * eps**2 - self.log_std - 0.5 * self.dim * math.log(2 * math.pi)
            return self.logits.log_softmax(0) + terms.sum(2)

    catches(laws.sums_to_one, gaussians(), gaussians(Repeated))


def test_constant_forgotten():
    """The constant dropped because it does not matter for the gradient."""

    class Dropped(GaussianMixture):
        def log_prob_components(self, x):
            return super().log_prob_components(x) + 0.5 * self.dim * math.log(2 * math.pi)

    catches(laws.sums_to_one, gaussians(), gaussians(Dropped))


def test_log_sum_exp_per_dimension():
    """Summing over components in each dimension alone: a product of one-dimensional mixtures.

    It is a density, so its mass is one; but it is not the density that the sampler draws from.
    """

    class PerDimension(BernoulliMixture):
        def log_prob(self, x):
            theta = torch.sigmoid(self.theta_logits)
            given_z = torch.where(x[:, None] == 1, theta, 1 - theta).log()
            return (self.logits.log_softmax(0)[:, None] + given_z).logsumexp(1).sum(1)

    laws.sums_to_one(bernoullis(PerDimension))
    catches(laws.sampler_matches_density, bernoullis(), bernoullis(PerDimension))


def test_value_that_depends_on_the_batch():
    """Inputs normalised by their own batch: a density of one example can't depend on its neighbours."""

    class Normalised(GaussianMixture):
        def log_prob(self, x):
            return super().log_prob((x - x.mean(0)) / x.std(0, correction=0).clamp_min(1e-3))

    model = gaussians()
    catches(laws.value_ignores_the_batch, model, gaussians(Normalised), laws.examples(model))


def test_one_value_for_the_whole_batch():
    """Summing over the batch as well: one number where each example has its own."""

    class Summed(GaussianMixture):
        def log_prob(self, x):
            return super().log_prob(x).sum()[None]

    model = gaussians()
    catches(laws.value_ignores_the_batch, model, gaussians(Summed), laws.examples(model), match="expected")


# --- order of the pixels --------------------------------------------------------------------


def seeing_itself():
    """A causal ARM whose first layer sees the present: mask B where mask A belongs."""
    model = arm()
    model.first.shift = 0
    return model


def test_mask_b_on_the_first_layer_is_seen_by_the_jacobian():
    catches(laws.sees_only_the_past, arm(), seeing_itself(), match="sees itself")


def test_mask_b_on_the_first_layer_is_no_density():
    catches(laws.sums_to_one, arm(), seeing_itself())


def test_padding_on_both_sides():
    """An ordinary centred convolution in a later layer: the future leaks in."""
    model = arm()
    conv = model.blocks[1].conv
    conv.forward = lambda h: nn.functional.conv1d(
        h, conv.weight, conv.bias, padding="same", dilation=conv.dilation
    )
    catches(laws.sees_only_the_past, arm(), model)


def test_masks_swapped():
    """The first layer includes the present and the others exclude it."""
    model = seeing_itself()
    for block in model.blocks:
        block.conv.shift = 1
    catches(laws.sees_only_the_past, arm(), model, match="sees itself")


def test_network_that_sees_nothing():
    """A first layer that shifts everything out: each pixel on its own, and still called autoregressive."""
    model = arm()
    model.first.forward = lambda x: nn.functional.pad(x, (0, 0)).expand(-1, 8, -1) * 0
    catches(laws.sees_only_the_past, arm(), model, match="does not see what came before")


# --- samplers -------------------------------------------------------------------------------


def test_variance_used_as_standard_deviation():
    class Wide(GaussianMixture):
        def sample(self, n, *, generator=None):
            honest = copy.deepcopy(self)
            with torch.no_grad():
                honest.log_std.mul_(2)  # exp(2 log_std) is the variance
            return GaussianMixture.sample(honest, n, generator=generator)

    catches(laws.sampler_matches_density, gaussians(), gaussians(Wide), match="draws do not follow")


def test_sampler_of_another_distribution():
    """Trained with a logistic density, sampled from a normal: the same mean and variance don't help."""

    class Logistic(GaussianMixture):
        def log_prob_components(self, x):
            scale = math.sqrt(3) / math.pi  # a logistic of variance one
            eps = torch.einsum("bkd,kde->bke", x[:, None] - self.mu, self.whitening()) / scale
            log_density = -eps - 2 * nn.functional.softplus(-eps) - math.log(scale)
            return self.logits.log_softmax(0) + log_density.sum(2) - self.log_std.sum(1)

    laws.sums_to_one(gaussians(Logistic))
    catches(laws.sampler_matches_density, gaussians(), gaussians(Logistic))


def test_sampler_that_ignores_the_weights_of_the_components():
    class Equal(GaussianMixture):
        def sample(self, n, *, generator=None):
            honest = copy.deepcopy(self)
            nn.init.zeros_(honest.logits)
            return GaussianMixture.sample(honest, n, generator=generator)

    catches(laws.sampler_matches_density, gaussians(), gaussians(Equal))


def test_sampler_with_a_temperature():
    """Samples sharpened to look better than the model is."""

    class Sharpened(CausalARM):
        @torch.no_grad()
        def sample(self, n, *, generator=None):
            x = torch.zeros(n, self.dim, dtype=torch.long)
            for d in range(self.dim):
                probs = (self.logits(x)[:, :, d] / 0.8).softmax(1)
                x[:, d] = torch.multinomial(probs, 1, generator=generator).squeeze(1)
            return x

    catches(laws.sampler_matches_density, arm(), arm(Sharpened))


def test_sampler_that_ignores_its_generator():
    class Global(GaussianMixture):
        def sample(self, n, *, generator=None):
            return super().sample(n)

    catches(laws.draws_are_repeatable, gaussians(), gaussians(Global), match="same seed")


# --- training -------------------------------------------------------------------------------


def test_blocks_in_a_plain_list():
    """Layers in a plain Python list: used by the model, but never trained and never saved."""

    class Hidden(CausalARM):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            blocks = list(self.blocks)
            del self.blocks
            self.blocks = blocks

    torch.manual_seed(0)
    hidden = Hidden(4, 3, channels=8, dilations=(1, 2))
    assert len(list(hidden.parameters())) < len(list(arm().parameters()))
    catches(laws.all_weights_are_registered, arm(), hidden, match="hides a module")


def test_constant_in_a_plain_attribute():
    """A tensor that is no buffer: it stays behind when the model is saved, or moves to a GPU."""
    model = gaussians()
    model.scale = torch.ones(2)
    catches(laws.all_weights_are_registered, gaussians(), model, match="bare tensor")


def test_detached_parameter():
    """A detach() in the wrong place: part of the model is never trained."""

    class Detached(GaussianMixture):
        def whitening(self):
            return super().whitening().detach()

    model = gaussians()
    law = partial(laws.every_entry_gets_a_gradient, unused="upper")
    catches(law, model, gaussians(Detached), (laws.examples(model),))


class Game(nn.Module):
    """Two functions that chase each other: the smallest game with two sets of weights."""

    def __init__(self):
        super().__init__()
        self.one, self.two = nn.Linear(2, 1), nn.Linear(2, 1)

    def gap(self, x):
        return ((self.one(x) - self.two(x)) ** 2).mean()

    def players(self):
        return [Player("hunter", self.one, self.gap), Player("prey", self.two, lambda x: -self.gap(x))]


def test_one_optimiser_for_everybody(monkeypatch):
    """The discriminator's step also trains the generator, to be found out."""

    class Everybody(Trainer):
        def _update(self, player, optimizer, batch, weight, losses):
            optimizer = torch.optim.AdamW(self.model.parameters(), lr=self.config.lr)
            player.loss(*batch).backward()
            optimizer.step()

    x = torch.randn(8, 2)
    laws.players_move_only_their_own_weights(Game(), x)
    monkeypatch.setattr(laws.training, "Trainer", Everybody)
    with pytest.raises(AssertionError, match="'hunter' moved two"):
        laws.players_move_only_their_own_weights(Game(), x)


def test_players_that_share_weights():
    class Shared(Game):
        def players(self):
            hunter, prey = super().players()
            return [hunter, Player(prey.name, self, prey.loss)]

    catches(laws.players_share_no_weights, Game(), Shared(), match="share one.weight")


# --- modes ----------------------------------------------------------------------------------


class Watched(CausalARM):
    """Remembers in which mode its loss was computed."""

    def loss(self, x):
        self.modes = [*getattr(self, "modes", []), self.training]
        return super().loss(x)


def modes_while_somebody_measures(model) -> list[bool]:
    x = laws.examples(model)
    for _ in training_steps(model, [(x,)] * 3, TrainConfig(epochs=2, lr=1e-3)):
        nn.Module.train(model, False)  # a watcher that switches to eval mode and does not switch back
    return model.modes


def test_eval_mode_never_left_again():
    """One look at the model in eval mode, and dropout is off for the rest of the training."""
    assert modes_while_somebody_measures(arm(Watched)) == [True] * 6
    broken = arm(Watched).train()
    broken.train = lambda mode=True: broken  # a loop that calls train() once, before it begins
    assert modes_while_somebody_measures(broken) == [True] + [False] * 5


def test_measurement_that_does_not_restore_the_mode():
    def forgetful(model):
        model.eval()
        return likelihood.bits_per_dim(model, x)

    model = arm()
    x = laws.examples(model)
    laws.leaves_the_mode_alone(lambda m: likelihood.bits_per_dim(m, x), model)
    with pytest.raises(AssertionError, match="another mode"):
        laws.leaves_the_mode_alone(forgetful, model)


def test_validation_with_dropout():
    """Measured in training mode, a model with dropout gives other numbers each time; ours are the same."""
    torch.manual_seed(0)
    model = CausalARM(4, 3, channels=8, dilations=(1, 2), dropout=0.5).train()
    x = laws.examples(model, 64)
    ours = [likelihood.log_prob(model, x) for _ in range(2)]
    assert torch.equal(*ours)
    assert mean_loss(model, (x,)) == mean_loss(model, (x,))
    assert not torch.equal(model.log_prob(x), model.log_prob(x)), "the planted error was not seen"


# --- data -----------------------------------------------------------------------------------


def sorted_by_class(data: Dataset) -> Dataset:
    """The same examples as the file has them, sorted by class, and split in that order."""
    x = torch.cat([data.train, data.valid, data.test])
    y = torch.cat([data.train_labels, data.valid_labels, data.test_labels])
    order, (a, b) = y.argsort(stable=True), (len(data.train), len(data.train) + len(data.valid))
    x, y = x[order], y[order]
    return Dataset(data.name, x[:a], x[a:b], x[b:], y[:a], y[a:b], y[b:], levels=data.levels)


def test_sorted_data_split_without_shuffling():
    data = images.digits28()
    catches(laws.splits_share_their_classes, data, sorted_by_class(data), match="standard errors")


def test_example_in_two_splits():
    data = images.digits()
    leaking = Dataset(
        data.name, data.train, data.valid, torch.cat([data.test, data.train[:3]]), levels=data.levels
    )
    catches(laws.splits_are_disjoint, data, leaking, match="3 examples")


def test_choosing_weights_on_the_test_split():
    """Other test examples lead to the very same weights; weights chosen on the test split differ."""
    torch.manual_seed(0)
    x = torch.randn(300, 2)
    data, moved = (Dataset("plane", x[:100], x[100:200], x[200:] + shift) for shift in (0.0, 5.0))

    def trained(data):
        torch.manual_seed(0)
        model = GaussianMixture(2, 8)
        fit(model, data, TrainConfig(epochs=15, lr=0.3, batch_size=20))
        return model.state_dict()

    def chosen_on_test(data):
        return trained(Dataset(data.name, data.train, data.test, data.valid))

    def same(choose) -> bool:
        return all(
            torch.equal(a, b) for a, b in zip(choose(data).values(), choose(moved).values(), strict=True)
        )

    assert same(trained)
    assert not same(chosen_on_test), "the planted error was not seen"


# --- units ----------------------------------------------------------------------------------


def test_bound_quoted_as_a_likelihood():
    """What can only bound log p(x) is never called exact."""

    class BoundOnly(nn.Module):
        def elbo(self, x):
            return gaussians().log_prob(x) - 1

    x = torch.randn(10, 2, dtype=torch.float64)
    assert likelihood.bits_per_dim(gaussians(), x).kind == "exact"
    assert likelihood.bits_per_dim(BoundOnly(), x).kind == "lower bound"
    assert "(lower bound" in str(likelihood.bits_per_dim(BoundOnly(), x))

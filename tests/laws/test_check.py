"""check_model: models of the catalog and of one's own keep the laws; a planted error is named by its law."""

import math
import random

import numpy as np
import pytest
import torch
from torch import nn

from dgm_lite import catalog, laws
from dgm_lite.autoregressive.causal import CausalARM
from dgm_lite.flows.dequantize import DequantizedFlow, dequantized_realnvp
from dgm_lite.flows.integer import IntegerFlow
from dgm_lite.gan.gan import GAN
from dgm_lite.joint.class_conditional import ClassConditional
from dgm_lite.latent.mixture import BernoulliMixture, GaussianMixture
from dgm_lite.latent.vae import VAE, bernoulli_vae
from dgm_lite.laws import check_model
from dgm_lite.laws.book import LAWS
from dgm_lite.protocols import Player, TooLarge

WORDS = [law.words for law in LAWS]
SAVING = "Saving and loading changes no number"  # broken in test_what_a_file_forgets


class OwnFlow(nn.Module):
    """A flow as a reader writes it: two affine couplings, and nothing of this package."""

    def __init__(self, dim=2):
        super().__init__()
        self.dim, self.half = dim, dim // 2
        rest = dim - self.half
        sizes = ((self.half, rest), (rest, self.half))
        self.nets = nn.ModuleList(
            nn.Sequential(nn.Linear(a, 8), nn.Tanh(), nn.Dropout(0.3), nn.Linear(8, 2 * b)) for a, b in sizes
        )

    def to_latent(self, x):
        a, b = x[:, : self.half], x[:, self.half :]
        s, t = self.nets[0](a).chunk(2, 1)
        b, log_det = b * s.exp() + t, s.sum(1)
        s, t = self.nets[1](b).chunk(2, 1)
        return torch.cat([a * s.exp() + t, b], 1), log_det + s.sum(1)

    def to_data(self, z):
        a, b = z[:, : self.half], z[:, self.half :]
        s, t = self.nets[1](b).chunk(2, 1)
        a = (a - t) / s.exp()
        s, t = self.nets[0](a).chunk(2, 1)
        return torch.cat([a, (b - t) / s.exp()], 1)

    def log_pz(self, z):
        return -0.5 * (z**2 + math.log(2 * math.pi)).sum(1)

    def log_prob(self, x):
        z, log_det = self.to_latent(x)
        return self.log_pz(z) + log_det

    def loss(self, x):
        return -self.log_prob(x).mean()

    @torch.no_grad()
    def sample(self, n, *, generator=None):
        mode = self.training
        z = torch.randn(n, self.dim, generator=generator)
        x = self.eval().to_data(z)
        self.train(mode)
        return x


class SlopeFlow(nn.Module):
    """Its change of volume comes from autograd, as that of a continuous flow may: a gradient in x."""

    def __init__(self):
        super().__init__()
        self.dim = 2
        self.mu, self.log_std = nn.Parameter(torch.zeros(2)), nn.Parameter(torch.zeros(2))

    def to_latent(self, x):
        x = x if x.requires_grad else x.detach().requires_grad_()
        z = (x - self.mu) / self.log_std.exp()
        slopes = [torch.autograd.grad(z[:, d].sum(), x, create_graph=True)[0][:, d] for d in (0, 1)]
        return z, sum(slope.abs().log() for slope in slopes)

    def to_data(self, z):
        return z * self.log_std.exp() + self.mu

    def log_prob(self, x):
        z, log_det = self.to_latent(x)
        return log_det - 0.5 * (z**2 + math.log(2 * math.pi)).sum(1)

    def loss(self, x):
        return -self.log_prob(x).mean()

    @torch.no_grad()
    def sample(self, n, *, generator=None):
        return self.to_data(torch.randn(n, 2, generator=generator, dtype=self.mu.dtype))


class ScoreMatching(nn.Module):
    """An energy that is fitted by its slope and its bend in x: Hyvarinen (2005)."""

    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1, bias=False))

    def energy(self, x):
        return self.net(x)[:, 0] + (x**2).sum(1) / 2

    def loss(self, x):
        x = x.detach().requires_grad_()
        (slope,) = torch.autograd.grad(self.energy(x).sum(), x, create_graph=True)
        bends = [torch.autograd.grad(slope[:, d].sum(), x, create_graph=True)[0][:, d] for d in (0, 1)]
        return ((slope**2).sum(1) / 2 - sum(bends)).mean()


@pytest.mark.parametrize("make", [SlopeFlow, ScoreMatching])
def test_a_model_that_takes_gradients_in_x_is_judged_like_others(make):
    torch.manual_seed(0)
    report = check_model(make(), torch.randn(64, 2))
    assert report.holds, report


class NoDropout(OwnFlow):
    """The same without dropout: to_latent is the same in training."""

    def __init__(self, dim=2):
        super().__init__(dim)
        for net in self.nets:
            net[2] = nn.Identity()


def arm(kind=CausalARM, **changes):
    torch.manual_seed(0)
    return kind(**{"dim": 3, "levels": 3, "channels": 8, "dilations": (1, 2)} | changes)


def vae(kind=VAE):
    torch.manual_seed(0)
    model = bernoulli_vae(4, 1, hidden=8)
    model.__class__ = kind
    return model


def dequantised(kind=DequantizedFlow):
    torch.manual_seed(0)
    model = dequantized_realnvp(2, 3, n_layers=2, hidden=5)
    model.__class__ = kind
    return model


def conditional(kind=ClassConditional):
    torch.manual_seed(0)
    return kind([GaussianMixture(2, 2) for _ in range(2)])


def own(kind=NoDropout, dim=2):
    torch.manual_seed(0)
    return kind(dim)


# --- what keeps the laws ----------------------------------------------------------------------


@pytest.mark.parametrize("name", [entry.name for entry in catalog.MODELS])
def test_the_catalog_keeps_every_law(name):
    """As small instances, and at the sizes that the book trains."""
    entry = catalog.model(name)
    torch.manual_seed(0)
    sizes = [entry.small] + ([{}] if entry.arguments.get("dim", 2) > 2 else [])
    for arguments in sizes:
        report = check_model(entry.build(**arguments), refusals=True)
        assert report.holds, str(report)
        if arguments:
            known = ("a map of integers", "no log_prob to compare", "no importance_weighted", "no exact(x)")
            left = [r for r in report if r.status == "not tried" and not any(k in r.text for k in known)]
            assert not left, f"not everything was tried on the small instance: {left}"


@pytest.mark.parametrize("dim", [2, 3, 5])
def test_a_flow_of_ones_own_keeps_the_laws(dim):
    report = check_model(own(dim=dim))
    assert report.holds, str(report)
    assert str(report).startswith("NoDropout keeps every law that was tried")


def test_labels_are_given_one_by_one():
    report = check_model(arm(n_classes=2))
    assert report.holds, str(report)
    assert check_model(conditional()).holds


def test_images_and_single_numbers_are_examples_too():
    class Images(nn.Module):
        levels = 2

        def __init__(self, *shape):
            super().__init__()
            self.logits_of = nn.Parameter(torch.zeros(shape))

        def log_prob(self, x):
            return -nn.functional.softplus((1 - 2.0 * x) * self.logits_of).flatten(1).sum(1)

        def sample(self, n, *, generator=None):
            p = self.logits_of.detach().sigmoid().expand(n, *self.logits_of.shape)
            return torch.bernoulli(p, generator=generator).long()

    for shape in ((1, 2, 3), (1,)):
        report = check_model(Images(*shape))
        assert report.holds, str(report)

    class Line(OwnFlow):
        def __init__(self):
            nn.Module.__init__(self)
            self.dim, self.a = 1, nn.Parameter(torch.zeros(1))

        def to_latent(self, x):
            return x * self.a.exp(), self.a.expand(len(x))

        def to_data(self, z):
            return z / self.a.exp()

    report = check_model(Line())
    assert report.holds, str(report)


def test_own_precision_mode_weights_and_randomness_stay():
    model = own(OwnFlow).train()
    model.nets[1].eval()
    before = {k: v.clone() for k, v in model.state_dict().items()}
    modes = [part.training for part in model.modules()]
    states = torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()
    with torch.no_grad():
        check_model(model)
        assert not torch.is_grad_enabled()
    assert [part.training for part in model.modules()] == modes
    assert all(torch.equal(v, before[k]) and v.dtype == torch.float32 for k, v in model.state_dict().items())
    assert all(p.grad is None for p in model.parameters())
    assert torch.equal(torch.get_rng_state(), states[0]) and torch.get_default_dtype() == torch.float32
    assert (np.random.get_state()[1] == states[1]).all() and random.getstate() == states[2]
    assert check_model(own().double()).holds and check_model(own().bfloat16()).holds


def test_the_report_says_what_was_not_tried_and_why():
    report = check_model(catalog.model("bernoulli-mixture").build())
    (sums,) = [r for r in report if r.law.startswith("p(x) sums")]
    assert sums.status == "not tried" and "2^64 points" in sums.text and "small instance" in sums.text
    assert "absent     elbo(x)" in str(report) and len(report) == len(list(report))
    assert all(len(line) <= 100 for line in str(report).splitlines())


class Silent(nn.Module):
    """A density that draws nothing."""

    def __init__(self):
        super().__init__()
        self.flow = own()

    def log_prob(self, x):
        return self.flow.log_prob(x)


def test_without_draws_examples_have_to_be_given():
    assert any("give x" in result.text for result in check_model(Silent()))
    report = check_model(Silent(), torch.randn(9, 2))
    assert report.holds and not any("give x" in result.text for result in report)


BAD = [
    None, 3, GaussianMixture, {"x": [1.0]}, {"y": 3}, {"x": torch.zeros(0, 2)}, {"exact": 3},
    {"y": torch.tensor([0])}, {"x": torch.zeros(3, 2), "y": torch.tensor([0, 1])},
]  # fmt: skip


@pytest.mark.parametrize("bad", BAD)
def test_bad_arguments_are_refused(bad):
    if isinstance(bad, dict):
        laws.refuses(lambda: check_model(own(), **bad), "check_model", next(iter(bad)))
    else:
        laws.refuses(lambda: check_model(bad), "check_model")


def test_a_class_is_told_to_become_an_instance():
    laws.refuses(lambda: check_model(OwnFlow), "the class OwnFlow", "OwnFlow(...)")


def test_a_model_that_can_do_nothing_holds_nothing():
    report = check_model(nn.Linear(2, 2))
    assert not report.holds and not report.failures
    assert str(report).startswith("Linear could not be tried: it has none of the methods")


def test_examples_that_the_model_does_not_take_are_one_failure():
    """And not one for each law, in the words of a matrix product."""
    for x in (torch.randint(3, (5, 2)), torch.randn(5, 7)):
        (failure,) = check_model(own(), x).failures
        assert "with the given x" in failure.law and "stopped with" in failure.text


def test_a_sampler_without_generator_breaks_one_law():
    def sample(self, n):
        return self.to_data(torch.randn(n, self.dim)).detach()

    (failure,) = check_model(own(change(NoDropout, sample=sample))).failures
    assert failure.law.startswith("The same generator")
    assert "write sample(self, n, *, generator=None)" in failure.text

    def handed_on(self, n, **options):
        return NoDropout.sample(self, n, **options)

    assert check_model(own(change(NoDropout, sample=handed_on))).holds


def test_values_of_another_shape_are_said_in_words():
    def as_column(self, x):
        return NoDropout.log_prob(self, x)[:, None]

    report = check_model(own(change(NoDropout, log_prob=as_column)))
    assert report.failures and not any("stopped" in r.text for r in report)
    assert all("expected one number per example" in r.text for r in report.failures if "log_prob" in r.text)


class OwnVAE(nn.Module):
    """As a reader writes it, with the divergence of two Gaussians in closed form, times a factor."""

    levels = 2

    def __init__(self, factor):
        super().__init__()
        self.encoder, self.decoder, self.factor = nn.Linear(3, 2), nn.Linear(1, 3), factor

    def elbo(self, x):
        x = x.to(self.encoder.weight.dtype)
        mu, log_std = self.encoder(x).chunk(2, 1)
        z = mu + log_std.exp() * torch.randn_like(mu)
        log_px = (x * self.decoder(z) - nn.functional.softplus(self.decoder(z))).sum(1)
        kl = (0.5 * (2 * log_std).exp() + 0.5 * mu**2 - 0.5 - log_std).sum(1)
        return log_px - self.factor * kl

    def loss(self, x):
        return -self.elbo(x).mean()

    @torch.no_grad()
    def sample(self, n, *, generator=None):
        p = self.decoder(torch.randn(n, 1, generator=generator)).sigmoid()
        return torch.bernoulli(p, generator=generator).long()


@pytest.mark.parametrize("factor", [1.0, 0.5])
def test_a_bound_of_ones_own_shows_its_error_once_it_is_tight(factor):
    torch.manual_seed(0)
    model = OwnVAE(factor)
    untrained = check_model(model)
    assert untrained.holds
    assert factor != 1 or any("try the model trained, with stir=0" in r.text for r in untrained)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    x = torch.tensor([[1, 1, 1], [0, 0, 0], [1, 1, 0], [0, 0, 1]]).repeat(8, 1)
    for _ in range(300):
        optimizer.zero_grad()
        model.loss(x).backward()
        optimizer.step()
    report = check_model(model, stir=0)
    assert report.holds == (factor == 1), str(report)
    assert all(r.law.startswith("exp(elbo) sums to at most one") for r in report.failures)


# --- what breaks them ---------------------------------------------------------------------------


def change(kind, **methods):
    """A class with some methods exchanged."""
    return type("Broken", (kind,), methods)


def forget_log_det(self, x):
    return self.log_pz(self.to_latent(x)[0])


def wrong_sign(self, x):
    z, log_det = NoDropout.to_latent(self, x)
    return z, -log_det


def wrong_order(self, z):
    a, b = z[:, : self.half], z[:, self.half :]
    s, t = self.nets[0](a).chunk(2, 1)
    b = (b - t) / s.exp()
    s, t = self.nets[1](b).chunk(2, 1)
    return torch.cat([(a - t) / s.exp(), b], 1)


def wide(self, n, *, generator=None):
    return self.to_data(torch.randn(n, self.dim, generator=generator) * 1.3).detach()


def logistic(self, n, *, generator=None):
    u = torch.rand(n, self.dim, generator=generator)
    return self.to_data(torch.logit(u) * math.sqrt(3) / math.pi).detach()


def deaf(self, n, *, generator=None):
    return self.to_data(torch.randn(n, self.dim)).detach()


def normalised(self, x):
    return NoDropout.log_prob(self, (x - x.mean(0)) / x.std(0, correction=0).clamp_min(1e-3))


def summed(self, x):
    return NoDropout.log_prob(self, x).sum()


def alive(self, n, *, generator=None):
    return self.to_data(torch.randn(n, self.dim, generator=generator)).detach()


def first_batch(self, x):
    if not hasattr(self, "initialised"):
        self.initialised = True
        self.nets[0][0].bias.data.sub_(x.mean())
    return -self.log_prob(x).mean()


def in_single(self, x):
    return NoDropout.log_prob(self, x).float()


def clamped(self, x, y=None):
    return self.logits(x).softmax(1).clamp(0.3, 1).log().gather(1, x[:, None]).squeeze(1).sum(1)


def sees_itself(self, x, y=None):
    out = CausalARM.logits(self, x, y)
    return out + x.to(out.dtype)[:, None] * torch.arange(self.levels).to(out)[:, None]


def stale(self, n, *, y=None, cache=True, generator=None):
    x = CausalARM.sample(self, n, y=y, cache=cache, generator=generator)
    return x if not cache else torch.cat([x[:, :-1], x[:, :1]], 1)


class Late(CausalARM):
    """Its steps give the logits of the next position."""

    def stepwise(self, batch, y=None):
        steps = super().stepwise(batch, y)
        whole = steps.next_logits
        steps.next_logits = lambda previous: whole(None if previous is None else previous * 0)
        return steps


def a_beta(self, x, *, generator=None):
    log_px, log_pz, log_q = self.elbo_terms(x, generator=generator)
    return log_px + 0.1 * (log_pz - log_q)


def per_pixel(self, x, *, generator=None):
    return VAE.elbo(self, x, generator=generator) / self.dim


def over_the_batch(self, x, *, generator=None):
    return VAE.elbo(self, x, generator=generator).mean()


def same_for_all(self, x, *, generator=None):
    value = VAE.elbo(self, x, generator=generator)
    return value.mean().expand_as(value)


def without_its_k(self, x, n_samples, *, generator=None):
    return VAE.importance_weighted(self, x, n_samples, generator=generator) + math.log(n_samples)


def own_noise(self, x, *, generator=None):
    return VAE.elbo(self, x, generator=torch.Generator().manual_seed(torch.seed() % 1000))


def half_a_cell(self, x):
    return 0.5 * torch.rand(x.shape, dtype=torch.float64)


def joint_for_conditional(self, x, y=None):
    return self.log_prob_joint(x).logsumexp(1) if y is None else self.log_prob_joint(x, y)


def one_for_all(self):
    first, second = GAN.players(self)
    return [first, Player(second.name, self, second.loss)]


def real_factor(self, x):
    z, log_det = IntegerFlow.to_latent(self, x)
    return z * 2, log_det


def integers(kind):
    torch.manual_seed(0)
    return kind(2, 3, n_parts=2, hidden=5, n_components=2)


class Listed(NoDropout):
    def __init__(self, dim):
        super().__init__(dim)
        nets = list(self.nets)
        del self.nets
        self.nets = nets


class Bare(NoDropout):
    def __init__(self, dim):
        super().__init__(dim)
        self.scale = torch.ones(2)


class Unnormalised(NoDropout):
    """An energy that is a mean over the batch."""

    def energy(self, x):
        return -self.log_prob(x) + x.mean()


BROKEN = [
    (own(change(NoDropout, log_prob=forget_log_det)), "p(x) sums to one", "sums to"),
    (own(change(NoDropout, log_prob=forget_log_det), 5), "What sample draws", "do not balance"),
    (own(change(NoDropout, to_latent=wrong_sign)), "log_det is", "off by"),
    (own(change(NoDropout, to_latent=wrong_sign), 5), "log_det is", "nats"),
    (own(change(NoDropout, to_data=wrong_order)), "to_data undoes", "off by"),
    (own(change(NoDropout, sample=wide)), "What sample draws", "Kolmogorov"),
    (own(change(NoDropout, sample=wide), 5), "What sample draws", "standard errors"),
    (own(change(NoDropout, sample=logistic)), "What sample draws", "Kolmogorov"),
    (own(change(NoDropout, sample=deaf)), "The same generator", "same seed"),
    (own(change(NoDropout, log_prob=normalised)), "log_prob gives", "among others"),
    (own(change(NoDropout, log_prob=summed)), "log_prob gives", "(16,)"),
    (own(change(NoDropout, log_prob=lambda self, x: x.log().sum(1))), "log_prob gives", "NaN"),
    (own(change(OwnFlow, sample=alive)), "Drawing, filling in", "sample differs"),
    (own(OwnFlow), "Drawing, filling in", "to_latent differs"),
    (own(change(NoDropout, loss=lambda self, x: -self.log_prob(x).mean() / 2)), "In eval mode", "nats"),
    (own(change(NoDropout, loss=lambda self, x: -self.log_prob(x).mean().detach())), "The loss reaches", ""),
    (own(change(NoDropout, loss=first_batch)), "No computation changes", "initialised"),
    (own(change(NoDropout, log_prob=in_single)), "Single precision", "float32"),
    (own(Listed), "All layers and tensors", "hides a module"),
    (own(Bare), "All layers and tensors", "bare tensor"),
    (own(Unnormalised), "energy gives", "off by"),
    (own(change(NoDropout, log_prob=lambda self, x: {}[0])), "log_prob gives", "KeyError"),
    (arm(change(CausalARM, log_prob=clamped)), "p(x) sums to one", "sums to"),
    (arm(change(CausalARM, logits=sees_itself)), "Moving x_d", "sees itself"),
    (arm(change(CausalARM, logits=sees_itself), dim=40), "Moving x_d", "sees itself"),
    (arm(change(CausalARM, logits=sees_itself), dim=40), "log_prob is the product", "nats"),
    (arm(change(CausalARM, sample=stale)), "Sampling with a cache", "numbers differ"),
    (arm(change(CausalARM, sample=stale)), "What sample draws", "chi-square"),
    (arm(Late), "One position at a time", "position"),
    (vae(change(VAE, elbo=a_beta)), "elbo is at most", "above log p(x)"),
    (vae(change(VAE, elbo=per_pixel)), "exp(elbo) sums", "sums to"),
    (vae(change(VAE, elbo=over_the_batch)), "elbo gives", "(16,)"),
    (vae(change(VAE, elbo=same_for_all)), "elbo of one example", "off by"),
    (vae(change(VAE, importance_weighted=without_its_k)), "More importance samples", "above log p(x)"),
    (vae(change(VAE, elbo=own_noise)), "The same seed", "off by"),
    (dequantised(change(DequantizedFlow, noise=half_a_cell)), "More importance samples", "above log p(x)"),
    (conditional(change(ClassConditional, log_prob=joint_for_conditional)), "p(x) sums to one", "sums to"),
    (change(GAN, players=one_for_all)(2, 2, hidden=5), "No player moves", "share"),
    (integers(change(IntegerFlow, to_latent=real_factor)), "to_data undoes", "differs from x"),
]  # fmt: skip


@pytest.mark.parametrize(("model", "law", "said"), BROKEN, ids=[f"{k}-{b[1]}" for k, b in enumerate(BROKEN)])
def test_each_broken_model_is_named_by_its_law(model, law, said):
    report = check_model(model)
    (result,) = [r for r in report if r.law.startswith(law)]
    assert result.status == "fails" and said in result.text, str(report)
    assert not report.holds and "breaks a law" in str(report)


def test_every_law_is_broken_by_some_model():
    """A law that lets everything pass is worth nothing."""
    broken = {law for _, law, _ in BROKEN} | {
        "Bad input", "Data of another type", "Each player's loss", "No draw of the model"
    }  # fmt: skip
    assert [words for words in WORDS if not any(words.startswith(law) for law in broken)] == [SAVING]


def test_a_density_that_leaves_out_its_own_draws():
    def cut(self, x):
        return torch.where(x[:, 0] > 0, NoDropout.log_prob(self, x), -torch.inf)

    report = check_model(own(change(NoDropout, log_prob=cut)))
    assert "No draw of the model itself is impossible" in [r.law for r in report.failures]


def test_a_generator_that_is_never_reached():
    def players(self):
        first, second = GAN.players(self)
        return [first, Player(second.name, second.weights, lambda x: 0 * second.loss(x))]

    failures = check_model(change(GAN, players=players)(2, 2, hidden=5)).failures
    assert any(r.law.startswith("Each player") and "gradient" in r.text for r in failures)


def test_bad_input_counts_where_it_is_asked_for():
    assert check_model(own()).holds
    bad, other = check_model(own(), refusals=True).failures
    assert bad.law.startswith("Bad input") and other.law.startswith("Data of another type")
    assert "log_prob of x in torch.float32 stops with RuntimeError" in other.text


def test_data_of_another_type_that_become_other_numbers():
    def narrow(self, x):
        return BernoulliMixture.log_prob(self, 2 * x if x.dtype == torch.int8 else x)

    def rounds(self, x):
        return GaussianMixture.log_prob(self, x.bfloat16() if x.dtype == torch.float32 else x)

    def own_type(self, x):
        return GaussianMixture.log_prob(self, x).to(x.dtype)

    for kind, method, said in (
        (BernoulliMixture, narrow, "log_prob of x in torch.int8 is refused"),
        (GaussianMixture, rounds, "log_prob of x in torch.float32 gives other numbers"),
        (GaussianMixture, own_type, "log_prob of x in torch.float32 gives torch.float32, not torch.float64"),
    ):
        torch.manual_seed(0)
        report = check_model(change(kind, log_prob=method)(2, 2), refusals=True)
        assert any(said in r.text for r in report.failures), str(report)


def test_double_precision_that_fails_is_said_and_the_rest_is_judged_in_single():
    class Single(NoDropout):
        def to_latent(self, x):
            return super().to_latent(x.float())

    report = check_model(own(Single))
    assert [r.law for r in report.failures] == ["The model can be used in double precision"]


def test_what_cannot_be_copied_is_said():
    model = own()
    model.cache = model.nets[0][0].weight * 2
    (failure,) = check_model(model).failures
    assert "copy" in failure.law


def test_what_a_file_forgets():
    class Forgetful(NoDropout):
        def __init__(self, dim):
            super().__init__(dim)
            self.register_buffer("shift", torch.zeros(2), persistent=False)
            self.shift_of = nn.Parameter(torch.zeros(2))

        def log_prob(self, x):
            if not self.shift.any():
                self.shift += self.shift_of.detach() + 1
            return super().log_prob(x - self.shift) + 0 * self.shift_of.sum()

        def sample(self, n, *, generator=None):
            return super().sample(n, generator=generator) + self.shift

    assert SAVING in [r.law for r in check_model(own(Forgetful)).failures]


class Shifted(nn.Module):
    """A normal density around a mean that it takes from what it is trained on, and keeps somewhere."""

    def __init__(self, *, buffer=None, kept=None):
        super().__init__()
        self.mu, self.kept = nn.Parameter(torch.zeros(2)), kept
        if buffer is not None:
            self.register_buffer("state", torch.zeros(()), persistent=buffer)

    @property
    def shift(self):
        if self.kept is None:
            return self.state
        return next(iter(self.kept.values() if isinstance(self.kept, dict) else self.kept), 0.0)

    def learn(self, value):
        if self.kept is None:
            self.state.fill_(value)
        elif isinstance(self.kept, dict):
            self.kept["mean"] = value
        elif isinstance(self.kept, list):
            self.kept[:] = [value]
        else:
            self.kept += value

    def log_prob(self, x):
        if self.training:
            self.learn(float(x.mean()))
        return (-0.5 * (x - self.mu - self.shift) ** 2 - 0.5 * math.log(2 * math.pi)).sum(1)

    def loss(self, x):
        return -self.log_prob(x).mean()

    @torch.no_grad()
    def sample(self, n, *, generator=None):
        return self.mu + self.shift + torch.randn(n, 2, generator=generator, dtype=self.mu.dtype)


class FirstBatch(Shifted):
    """ActNorm: where its flag is forgotten, it starts anew from whatever batch comes first."""

    shift = 0.0

    def learn(self, value):
        if not self.state:
            self.mu.data.add_(value)
            self.state.fill_(1)


UNSAVED = "No computation changes what a file of weights would forget"
FORGOTTEN = {
    "a buffer that is not saved": (Shifted, {"buffer": False}),
    "a flag of the first batch": (FirstBatch, {"buffer": False}),
    "a list": (Shifted, {"kept": []}),
    "a dictionary": (Shifted, {"kept": {}}),
    "an array": (Shifted, {"kept": np.zeros(1)}),
}


@pytest.mark.parametrize(("kind", "options"), FORGOTTEN.values(), ids=FORGOTTEN)
def test_what_training_leaves_outside_the_file(kind, options):
    failures = {r.law for r in check_model(kind(**options)).failures}
    assert {UNSAVED, SAVING} <= failures


@pytest.mark.parametrize("kind", [Shifted, FirstBatch])
def test_what_training_leaves_in_a_saved_buffer_is_right(kind):
    failures = {r.law for r in check_model(kind(buffer=True)).failures}
    assert not failures & {UNSAVED, SAVING}


# --- logits, and what is exact ------------------------------------------------------------------


class Joint(nn.Module):
    """p(x, y) of integers, with the logits of a classifier."""

    n_classes, dim = 2, 2

    def __init__(self, levels=3):
        super().__init__()
        self.levels = levels
        self.table, self.classify = nn.Parameter(torch.zeros(2, 2, levels)), nn.Linear(2, 2)

    def logits(self, x):
        return self.classify(x.to(self.table.dtype))

    def log_prob(self, x):
        each = self.table.log_softmax(2)[:, torch.arange(2), x.long()].sum(2)
        return each.logsumexp(0) - math.log(2)

    def loss(self, x, y):
        return nn.functional.cross_entropy(self.logits(x), y) - self.log_prob(x).mean()

    @torch.no_grad()
    def sample(self, n, *, generator=None):
        y = torch.randint(2, (n,), generator=generator)
        rows = self.table.softmax(2)[y].flatten(0, 1)
        return torch.multinomial(rows, 1, generator=generator).view(n, 2)


@pytest.mark.parametrize("levels", [2, 3])
def test_logits_of_classes_are_not_those_of_positions(levels):
    report = check_model(Joint(levels))
    assert report.holds, str(report)
    assert not any(r.law.startswith("Moving") for r in report) and "absent     logits(x)" in str(report)


def test_logits_of_positions_are_known_by_their_shape():
    """Also where a model has no stepwise."""

    class Whole(nn.Module):
        def __init__(self):
            super().__init__()
            self.dim, self.levels, self.inner = 3, 3, arm()

        def logits(self, x):
            return self.inner.logits(x)

        def log_prob(self, x):
            return self.inner.log_prob(x)

        def sample(self, n, *, generator=None):
            return self.inner.sample(n, generator=generator)

    assert {r.status for r in check_model(Whole()) if r.law.startswith(("Moving", "log_prob is"))} == {
        "holds"
    }


def too_high(self, x, *, generator=None):
    return VAE.elbo(self, x, generator=generator) + 0.5


def about_exact(exact, model=None):
    (below,) = [
        r for r in check_model(model or vae(), exact=exact) if r.law == "elbo is at most log p(x) in the mean"
    ]
    return below


@pytest.mark.parametrize("error", [ValueError, TypeError, KeyError])
def test_an_error_in_exact_is_no_excuse(error):
    def exact(x):
        raise error("a slip of the pen")

    below = about_exact(exact, vae(change(VAE, elbo=too_high)))
    assert below.status == "fails" and "slip" in below.text


@pytest.mark.parametrize("error", [laws.NotTried, TooLarge])
def test_exact_may_say_that_it_does_not_know(error):
    def exact(x):
        raise error("more than two dimensions")

    below = about_exact(exact)
    assert below.status == "not tried" and "two dimensions" in below.text


def test_exact_of_another_shape_is_refused():
    below = about_exact(lambda x: torch.zeros(len(x), 1))
    assert below.status == "fails" and "(8,)" in below.text


class Flat(nn.Module):
    """Uniform on [0, w]: the values of log p(x) tell nothing of where the draws lie."""

    def __init__(self, stretched: float = 1.0):
        super().__init__()
        self.width, self.stretched = nn.Parameter(torch.ones(())), stretched

    def log_prob(self, x):
        inside = ((x >= 0) & (x <= self.width.abs())).all(1)
        return torch.where(inside, -self.width.abs().log(), -torch.inf)

    def sample(self, n, *, generator=None):
        u = torch.rand(n, 1, generator=generator)
        return self.width.detach().abs() * u**self.stretched


def test_a_flat_density_is_right_and_its_draws_are_still_looked_at():
    follows = {result.law: result for result in check_model(Flat())}
    law = "What sample draws is distributed as log_prob states"
    assert follows[law].status == "holds", follows[law]
    assert {r.law: r.status for r in check_model(Flat(stretched=1.1))}[law] == "fails"

"""Errors of autoregressive teaching code beyond those of tests/test_planted_errors.py: each breaks a law."""

from collections import deque

import torch
import torch.nn.functional as F

from dgm_lite import distributions, laws
from dgm_lite.autoregressive import causal
from dgm_lite.autoregressive.causal import CausalARM, CausalSteps
from dgm_lite.autoregressive.convolution import RingBuffer
from tests.test_planted_errors import arm, catches


def narrow(model: CausalARM) -> CausalARM:
    """Conditionals as sharp as trained ones, with their means inside: nearly all mass on one level."""
    with torch.no_grad():
        k = model.n_logistics
        model.marginal[k : 2 * k].clamp_(-0.5, 0.5)
        model.marginal[2 * k :] = -4.0
    return model


def with_distribution(monkeypatch, function) -> None:
    monkeypatch.setattr(distributions, "log_prob_logistic_mixture", function)


def cdf_differences(x, logits, mu, log_std):
    """The mass of each component in the cell of x, by subtraction: no edges, no care for tails."""
    inverse_scale = (3.141592653589793 / 3**0.5) * (-log_std).exp()
    x = x.to(mu)[..., None]
    return torch.sigmoid((x + 0.5 - mu) * inverse_scale) - torch.sigmoid((x - 0.5 - mu) * inverse_scale)


def floored(x, logits, mu, log_std, *, levels):
    """log(mass + 1e-5), with edge bins as they should be: every level gets a little for nothing."""
    whole = cdf_differences(x, logits, mu, log_std)
    inverse_scale = (3.141592653589793 / 3**0.5) * (-log_std).exp()
    real = x.to(mu)[..., None]
    whole = torch.where(real == 0, torch.sigmoid((real + 0.5 - mu) * inverse_scale), whole)
    whole = torch.where(real == levels - 1, 1 - torch.sigmoid((real - 0.5 - mu) * inverse_scale), whole)
    return (logits.log_softmax(-1) + (whole + 1e-5).log()).logsumexp(-1)


def without_edges(x, logits, mu, log_std, *, levels):
    """Outermost bins as narrow as the others: what lies outside 0 .. levels-1 is lost."""
    return (logits.softmax(-1) * cdf_differences(x, logits, mu, log_std)).sum(-1).log()


def test_floored_logistic_tails(monkeypatch):
    """Sixty levels with a floor each hold more than their share, as 256 do with a smaller one."""
    model = narrow(arm(dim=2, levels=60, n_logistics=2))
    laws.sums_to_one(model)
    with_distribution(monkeypatch, floored)
    mass = laws.total_mass(model)
    assert mass > 1 + 1e-4, f"the planted error was not seen: {mass}"
    catches(lambda m: laws.sums_to_one(m), arm(), model, match="sums to")


def test_edge_bins_that_absorb_no_tail(monkeypatch):
    model = arm(n_logistics=2)
    laws.sums_to_one(model)
    with_distribution(monkeypatch, without_edges)
    catches(laws.sums_to_one, arm(), model, match="sums to")


def test_floor_on_all_integers_has_infinite_mass():
    """Ten times as many integers, ten times as much mass: no domain is large enough to see an end."""
    one = torch.zeros(1, 1, dtype=torch.double)
    mass = []
    for n in (10**4, 10**5):
        x = torch.arange(-n, n + 1)
        each = one.expand(len(x), 1)
        mass.append((cdf_differences(x, each, each, each) + 1e-4).sum().item() - 1)
    assert mass[1] > 9 * mass[0] > 1


class Short(RingBuffer):
    """A buffer one column too short: every tap but the newest is one position off."""

    def __init__(self, conv, batch):
        super().__init__(conv, batch)
        length = max(len(self.columns) - 1, 1)
        self.columns = deque(list(self.columns)[:length], maxlen=length)
        self.taps = [max(i - 1, 0) for i in self.taps]


def test_ring_buffer_of_the_wrong_length(monkeypatch):
    laws.cached_sampling_is_naive(arm())
    for file in ("causal", "convolution"):
        monkeypatch.setattr(f"dgm_lite.autoregressive.{file}.RingBuffer", Short)
    model = arm()
    x = laws.examples(model)
    catches(lambda m: laws.steps_are_the_full_pass(m, x), _Honest(model), model)


class _Honest:
    """A model whose steps are its full passes."""

    def __init__(self, model):
        self.model, self.dim, self.logits = model, model.dim, model.logits

    def stepwise(self, batch):
        return causal.FullPasses(self.model, batch)


def test_cached_sampler_that_starts_from_another_padding():
    """Position 0 reads a number where the full pass reads a zero, and all later ones remember it."""

    class Padded(CausalARM):
        def stepwise(self, batch, y=None):
            steps = CausalSteps(self, batch, y)
            steps.padding = torch.ones_like(steps.padding)
            return steps

    model = arm()
    x = laws.examples(model)
    catches(lambda m: laws.steps_are_the_full_pass(m, x), model, arm(Padded))


def test_label_that_reaches_the_sampler_only():
    """A label used when drawing but not when scoring: the draws of a class do not follow its density."""

    class Forgetful(CausalARM):
        def outputs(self, x, y=None):
            h = self.first(self.scaled(x)[:, None]) + self.position
            for block in self.blocks:
                h, _ = block(h)
            return self.head(F.silu(h)) + self.marginal

    model, broken = (arm(kind, n_classes=3) for kind in (CausalARM, Forgetful))
    x, y = laws.examples(arm()), torch.arange(16) % 3
    catches(lambda m: laws.steps_are_the_full_pass(m, x, y), model, broken)

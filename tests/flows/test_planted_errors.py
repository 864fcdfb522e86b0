"""Errors that public teaching code on flows makes, planted one by one: each must break a law."""

import math

import pytest
import torch
from torch import nn

from dgm_lite import laws, weights
from dgm_lite.distributions import StandardNormal, log_prob_logistic_mixture
from dgm_lite.flows import coupling
from dgm_lite.flows.coupling import NICE, AffineCoupling, Permute, RealNVP
from dgm_lite.flows.dequantize import DequantizedFlow, dequantized_realnvp
from dgm_lite.flows.flow import Chain, Flow
from dgm_lite.flows.general import DeepDensity
from dgm_lite.flows.integer import IntegerFlow, RoundedCoupling
from dgm_lite.flows.logistic_base import LogisticMixtureBase
from tests.flows.test_dequantize import exact, monte_carlo


def catches(law, honest, broken, *more, match: str | None = None) -> None:
    """The law holds for the honest model and fails for the broken one."""
    law(honest, *more)
    with pytest.raises(AssertionError, match=match):
        law(broken, *more)


def flow(kind=RealNVP, **changes) -> Flow:
    torch.manual_seed(0)
    return laws.prepare(kind(2, 2, hidden=5, **changes), scale=0.4)


def with_couplings(kind) -> Flow:
    torch.manual_seed(0)
    layers = Chain([kind(2, 5), kind(2, 5, flip=True)])
    return laws.prepare(Flow(layers, StandardNormal(2)), scale=0.4)


def test_log_det_once_per_latent_number():
    """log p_z as one value per number, plus log_det, and the sum of all that: log_det counts D times."""

    class Repeated(RealNVP):
        def log_prob(self, x):
            z, log_det = self.to_latent(x)
            each = -0.5 * (z.square() + math.log(2 * math.pi))
            return (each + log_det[:, None]).sum(1)

    catches(laws.sums_to_one, flow(), flow(Repeated), match="sums to")


def test_log_2_pi_once_per_number_and_example():
    """D log 2 pi subtracted from each number's term before the sum over numbers: D times too often."""

    class Repeated(RealNVP):
        def log_prob(self, x):
            z, log_det = self.to_latent(x)
            return (-0.5 * (z.square() + self.dim * math.log(2 * math.pi))).sum(1) + log_det

    catches(laws.sums_to_one, flow(), flow(Repeated), match="sums to")


def test_sign_of_log_det():
    """The stretch subtracted where it has to be added."""

    class Wrong(AffineCoupling):
        def to_latent(self, x):
            z, log_det = super().to_latent(x)
            return z, -log_det

    x = torch.randn(5, 2, dtype=torch.float64)
    catches(laws.log_det_is_autograds, with_couplings(AffineCoupling), with_couplings(Wrong), x)
    catches(laws.sums_to_one, with_couplings(AffineCoupling), with_couplings(Wrong))


def test_inverse_in_the_wrong_order():
    """Shift and scale undone in the order in which they were done."""

    class Wrong(AffineCoupling):
        def to_data(self, z):
            z_a, z_b = z.chunk(2, dim=1)[:: -1 if self.flip else 1]
            s, t = self.scale_shift(z_a)
            x_b = z_b * (-s).exp() - t
            return torch.cat((x_b, z_a) if self.flip else (z_a, x_b), dim=1)

    x = torch.randn(5, 2, dtype=torch.float64)
    catches(laws.comes_back, with_couplings(AffineCoupling), with_couplings(Wrong), x)
    catches(laws.sampler_matches_density, with_couplings(AffineCoupling), with_couplings(Wrong))


def test_sampler_with_another_base():
    """Trained with a logistic base, sampled from a normal."""

    class Logistic(StandardNormal):
        def log_prob(self, z):
            return (nn.functional.logsigmoid(z) + nn.functional.logsigmoid(-z)).sum(1)

    class HonestLogistic(Logistic):
        def sample(self, n, *, generator=None):
            u = torch.rand(n, self.dim, generator=generator, dtype=self.zero.dtype)
            return u.logit()

    def model(base):
        torch.manual_seed(0)
        return laws.prepare(
            Flow(Chain([AffineCoupling(2, 5), AffineCoupling(2, 5, flip=True)]), base(2)), scale=0.4
        )

    catches(laws.sampler_matches_density, model(HonestLogistic), model(Logistic))


class HalfNoise(DequantizedFlow):
    """Noise in U(0, 0.5]: the model may crowd its mass into half of each cell."""

    def noise(self, x):
        return super().noise(x) / 2


def bound_stays_below(model: DequantizedFlow) -> None:
    """The mean of elbo is at most the exact log-probability, on every x."""
    x = laws.domain(2, model.levels)
    mean, error = monte_carlo(lambda: model.elbo(x), 2000)
    over = (mean - exact(model)) / error
    assert over.max() < 4, f"the bound lies {over.max():.0f} standard errors above log p(x)"


def test_noise_in_half_the_cell():
    """After training on it the "likelihood" is too good, by up to D log 2 nats, and is no bound."""

    def trained(kind):
        torch.manual_seed(0)
        model = kind(RealNVP(2, 4, hidden=16), 3).double()
        x = torch.randint(3, (400, 2))
        optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
        model.start_from_data(x)
        for _ in range(200):
            optimizer.zero_grad()
            model.loss(x).backward()
            optimizer.step()
        return model.eval()

    honest, broken = trained(DequantizedFlow), trained(HalfNoise)
    catches(bound_stays_below, honest, broken, match="standard errors above")
    x = laws.domain(2, 3)
    with torch.no_grad():
        better = (broken.loss(x.repeat(500, 1)) - honest.loss(x.repeat(500, 1))).item()
    # Uniform data: the honest bound can reach -2 log 3 at best, the broken figure up to 2 log 2 "better".
    assert -2 * math.log(2) - 0.2 < better < -0.3


def test_cells_not_scaled():
    """x + u scaled to the unit interval without paying D log L: probabilities sum to L^D."""

    class Unpaid(DequantizedFlow):
        def to_real(self, x):
            y, log_det = super().to_real(x)
            return y, log_det + self.dim * math.log(self.levels)

    def model(kind):
        torch.manual_seed(0)
        return laws.prepare(kind(RealNVP(2, 2, hidden=5), 3), scale=0.4)

    catches(bound_stays_below, model(DequantizedFlow), model(Unpaid))


def test_a_start_whose_flag_is_not_saved(tmp_path):
    """A layer that starts itself from its first batch and keeps "already started" in a plain attribute:
    after loading, the next batch would overwrite what was trained. So the weights don't load at all."""

    class SelfStarting(nn.Module):
        def __init__(self):
            super().__init__()
            self.mu, self.log_std = nn.Parameter(torch.zeros(2)), nn.Parameter(torch.zeros(2))
            self.started = False

        def to_latent(self, x):
            if not self.started:
                with torch.no_grad():
                    self.mu.copy_(x.mean(0))
                    self.log_std.copy_(x.std(0).log())
                self.started = True
            return (x - self.mu) * (-self.log_std).exp(), -self.log_std.sum().expand(len(x))

        def to_data(self, z):
            return self.mu + z * self.log_std.exp()

    def loaded(make):
        x, file = 5 + torch.randn(50, 2), tmp_path / "w.safetensors"
        model, other = make(), make()
        before = model.eval().log_prob(x)
        weights.save(model, file)
        weights.load(other, file)
        other.log_prob(x[:5] * 3)
        return torch.equal(other.log_prob(x), before)

    assert loaded(lambda: RealNVP(2, 2, hidden=4).start_from_data(5 + torch.randn(99, 2)))
    with pytest.raises(ValueError, match="expected bijection.started False, got True"):
        loaded(lambda: Flow(SelfStarting(), StandardNormal(2)))


def test_coupling_networks_in_a_plain_list():
    """Layers in a Python list are neither trained nor saved nor moved to another precision."""

    class Listed(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = [AffineCoupling(2, 4)]

    catches(laws.all_weights_are_registered, flow(), Listed(), match="plain|hides")


def test_the_bound_is_not_offered_as_a_likelihood():
    """A bound quoted as a likelihood: here the object has no log_prob to quote."""
    model = dequantized_realnvp(2, 3, n_layers=2, hidden=4)
    assert not hasattr(model, "log_prob")


# --- integers -------------------------------------------------------------------------------


def integer_flow(coupling=RoundedCoupling, base=LogisticMixtureBase) -> IntegerFlow:
    """A flow of two integers, with other couplings or another base in place of its own."""
    torch.manual_seed(0)
    model = IntegerFlow(2, 4, hidden=5, n_components=2)
    torch.manual_seed(0)
    model.couplings[0], model.base = coupling(2, 4, hidden=5), base(2, 2)
    return laws.prepare(model, scale=0.7)


def integers_come_back(model: IntegerFlow) -> None:
    laws.moves_integers_exactly(model, torch.randint(-5, 9, (200, 2)))


class ScaledCoupling(RoundedCoupling):
    """Shifts scaled by a learned real number after they were rounded."""

    def __init__(self, *sizes, **options):
        super().__init__(*sizes, **options)
        self.scale = nn.Parameter(torch.tensor(0.3))

    def decide(self, x_a):
        shift, mirrored = super().decide(x_a)
        return shift * self.scale, mirrored


def test_shifts_scaled_by_a_learned_number():
    """The latents are no longer integers: nothing can code them, and the base is asked between its cells."""
    catches(integers_come_back, integer_flow(), integer_flow(ScaledCoupling), match="integers became")


def test_shifts_scaled_and_then_cut_to_integers():
    """Converted back by force: different x share a z, or z stand empty, and the sum over all x is not one."""

    class Factor(RoundedCoupling):
        def to_latent(self, x):
            shift, _ = self.decide(x[:, self.sees])
            z_b = (x[:, self.moves] * 0.8).round().long() + shift
            return self.with_moved(x, z_b), x.new_zeros(len(x))

    catches(integers_come_back, integer_flow(), integer_flow(Factor), match="differs from x")
    catches(laws.sums_to_one, integer_flow(), integer_flow(Factor), match="sums to")


def test_a_shift_that_is_not_rounded():
    class Unrounded(RoundedCoupling):
        def decide(self, x_a):
            t, logit = self.outputs(x_a)
            return t, logit > 0

    catches(integers_come_back, integer_flow(), integer_flow(Unrounded), match="integers became")


def test_a_shift_rounded_towards_zero_on_the_way_back():
    """round on the way there, int() on the way back."""

    class Truncated(RoundedCoupling):
        def to_data(self, z):
            t, logit = self.outputs(z[:, self.sees])
            x_b = self.mirror(z[:, self.moves] - t.long(), logit > 0)
            return self.with_moved(z, x_b)

    catches(integers_come_back, integer_flow(), integer_flow(Truncated), match="differs from x")
    catches(laws.sampler_matches_density, integer_flow(), integer_flow(Truncated))


def test_a_shift_that_sees_what_it_moves():
    """The network reads x_b as well: on the way back it reads z_b instead."""

    class Peeking(RoundedCoupling):
        def __init__(self, *sizes, **options):
            super().__init__(*sizes, **options)
            self.sees = self.moves

    catches(integers_come_back, integer_flow(), integer_flow(Peeking), match="differs from x")


def mass_settles(model: IntegerFlow) -> None:
    """A box twice as wide as one that holds nearly all of p(x) holds no more."""
    totals = []
    for edge in (100, 200):
        x = torch.cartesian_prod(*[torch.arange(-edge, edge + 1)] * 2)
        totals.append(model.log_prob(x).exp().sum().item())
    assert abs(totals[1] - totals[0]) < 1e-9, f"the mass goes on growing: {totals[0]:.6f}, {totals[1]:.6f}"


def test_a_floor_under_the_tails():
    """log(mass + 1e-8) for each number: every integer gets at least that, and there are infinitely many."""

    class Floored(LogisticMixtureBase):
        def log_prob_terms(self, z):
            return (super().log_prob_terms(z).exp() + 1e-8).log()

    catches(mass_settles, integer_flow(), integer_flow(base=Floored), match="goes on growing")
    catches(laws.sums_to_one, integer_flow(), integer_flow(base=Floored), match="sums to")


def test_edge_cells_that_absorb_the_tails():
    """Right for data that end at 0 and 3. Here z go on, and those beyond the edge are counted once more."""

    class Absorbing(LogisticMixtureBase):
        def log_prob_terms(self, z):
            shape = (*z.shape, self.mu.shape[1])
            parameters = (v.expand(shape) for v in (self.logits, self.mu, self.log_std))
            return log_prob_logistic_mixture(z, *parameters, levels=4)

    catches(laws.sums_to_one, integer_flow(), integer_flow(base=Absorbing), match="sums to")
    catches(laws.sampler_matches_density, integer_flow(), integer_flow(base=Absorbing))


def test_a_sampler_that_stays_within_the_data():
    """Draws clipped to 0 .. levels-1 look better, and are not draws of the model."""

    class Clipped(IntegerFlow):
        def sample(self, n, *, generator=None):
            return super().sample(n, generator=generator).clamp(0, self.levels - 1)

    torch.manual_seed(0)
    clipped = laws.prepare(Clipped(2, 4, hidden=5, n_components=2), scale=0.7)
    catches(laws.sampler_matches_density, integer_flow(), clipped, match="draws do not follow")


def orders_differ(flow: Flow) -> None:
    """Each shuffling of a flow brings the numbers into another order, and none leaves them as they are."""
    orders = [tuple(f.order.tolist()) for f in flow.bijection.layers if isinstance(f, Permute)]
    assert len(orders) > 1 and len({*orders, tuple(range(flow.dim))}) == len(orders) + 1, "equal orders"


@pytest.mark.parametrize("kind", [NICE, RealNVP])
def test_the_same_permutation_throughout(kind, monkeypatch):
    """A seed that is not used: numbers of one half never meet those of the other in a new way."""
    honest = kind(6, 8, hidden=5)
    monkeypatch.setattr(coupling, "Permute", lambda dim, seed: Permute(dim, seed=0))
    catches(orders_differ, honest, kind(6, 8, hidden=5), match="equal orders")


def begins_near_the_identity(flow: Flow) -> None:
    """An untrained coupling moves a number by no more than a fiftieth of its spread."""
    torch.manual_seed(0)
    x = torch.randn(500, flow.dim)
    for layer in flow.bijection.layers:
        if not isinstance(layer, Permute):
            moved = (layer.to_latent(x)[0] - x).square().mean().sqrt().item()
            assert moved < 0.02, f"{type(layer).__name__} moves numbers by {moved:.2g}"


@pytest.mark.parametrize("dim", [2, 5, 64])
@pytest.mark.parametrize("kind", [NICE, RealNVP])
def test_couplings_that_begin_far_from_the_identity(kind, dim, monkeypatch):
    """The last layer's usual first weights: deep stacks then start far from what trains well."""
    torch.manual_seed(0)
    honest = kind(dim, 8, hidden=64)
    monkeypatch.setattr(coupling, "_near_zero", lambda net: net)
    torch.manual_seed(0)
    catches(begins_near_the_identity, honest, kind(dim, 8, hidden=64), match="moves numbers")


@pytest.mark.parametrize("kind", [NICE, RealNVP, DeepDensity])
def test_a_start_that_does_nothing(kind):
    class Idle(kind):
        def start_from_data(self, x):
            return self

    x = torch.randn(200, 2)
    catches(
        laws.starting_from_data_helps,
        kind(2, 2, hidden=5).start_from_data,
        Idle(2, 2, hidden=5).start_from_data,
        x,
        match="leaves the loss",
    )

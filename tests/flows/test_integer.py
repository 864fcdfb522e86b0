"""Flows on integers: exact at any distance, the same in both directions, trained by an expectation."""

import copy
import itertools
import math
import time

import pytest
import torch

from dgm_lite import catalog, laws
from dgm_lite.datasets.images import digits
from dgm_lite.evaluate import likelihood
from dgm_lite.flows.integer import MIRROR_ENTROPY, IntegerFlow, RoundedCoupling, parts_of
from dgm_lite.training.config import TrainConfig
from dgm_lite.training.fit import fit
from dgm_lite.training.step import DivergedError


def flow(dim: int = 4, levels: int = 5, n_parts: int = 3, seed: int = 0, scale: float = 0.7, **options):
    torch.manual_seed(seed)
    model = IntegerFlow(dim, levels, n_parts=n_parts, hidden=6, n_components=2, **options)
    return laws.prepare(model, seed, scale=scale)


@pytest.fixture(scope="module")
def data():
    return digits()


@pytest.fixture(scope="module")
def trained(data):
    """The catalog's model after a few epochs, in float32: shifts and mirrors are in use."""
    torch.manual_seed(0)
    model = catalog.model("integer-flow").build().start_from_data(data.train)
    fit(model, data, TrainConfig(epochs=8, lr=0.01, batch_size=100, average=0.9), bar=False)
    return model


# --- divergence -----------------------------------------------------------------------------


def with_shift(shift: float) -> IntegerFlow:
    """The catalog's model, one of whose couplings shifts one number by this much."""
    torch.manual_seed(0)
    model = catalog.model("integer-flow").build().train()
    with torch.no_grad():
        model.couplings[0].net[-1].bias[0] = shift
    return model


@pytest.mark.parametrize("shift", [3e5, 1e9, 1e30])
def test_a_far_shift_costs_no_more_than_a_near_one(data, shift):
    """A table of all integers in between would take gigabytes."""
    model, x = with_shift(shift), data.train[:20]
    seconds = time.monotonic()
    loss = model.loss(x)
    loss.backward()
    assert time.monotonic() - seconds < 1
    assert loss.isfinite() and loss > with_shift(0.0).loss(x) + 1e3


@pytest.mark.parametrize("shift", [40.0, 400.0, 4e3])
def test_values_far_apart_have_the_nats_of_a_table(data, shift, monkeypatch):
    """Whichever way is the cheaper: a table of all integers, or one look at each value."""
    model, x = with_shift(shift).eval().train().double(), data.train[:20]
    torch.manual_seed(0)
    loss = model.loss(x)
    base = model.base

    def by_table(values, places):
        low, high = min(int(v.min()) for v in values), max(int(v.max()) for v in values)
        return [base.table(low, high)[d[:, None], v - low] for v, d in zip(values, places, strict=True)]

    monkeypatch.setattr(base, "look_up", by_table)
    torch.manual_seed(0)
    torch.testing.assert_close(model.loss(x), loss, rtol=1e-12, atol=0)


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_weights_that_are_no_numbers_are_named(data, value):
    """In training the loss is NaN, which the trainer names; elsewhere NaN may not become an integer."""
    model = with_shift(value)
    assert model.loss(data.train[:20]).isnan()
    for call in (model.log_prob, model.to_data):
        laws.refuses(lambda: call(data.train[:20]), "RoundedCoupling", "weights", "finite")  # noqa: B023
    with pytest.raises(DivergedError, match="'model' became"):
        fit(model, data, TrainConfig(epochs=1), bar=False)


def test_too_fast_a_training_diverges_cleanly(data):
    """With a learning rate of 1 the shifts reach thousands: steps stay quick, and an error names the rate."""
    torch.manual_seed(0)
    model = catalog.model("integer-flow").build().start_from_data(data.train)
    seconds = time.monotonic()
    try:
        fit(model, data, TrainConfig(epochs=5, lr=1.0, warmup=0.0), bar=False)
    except DivergedError as error:
        assert "learning rate" in str(error)
    assert time.monotonic() - seconds < 20


# --- the coupling ---------------------------------------------------------------------------


@pytest.mark.parametrize("mirrors", [False, True])
@pytest.mark.parametrize(("dim", "n_parts"), [(2, 2), (3, 2), (5, 2), (5, 5), (9, 4)])
def test_one_coupling_keeps_the_laws(dim, n_parts, mirrors):
    for part in range(1, n_parts):
        torch.manual_seed(part)
        layer = RoundedCoupling(dim, 7, part=part, n_parts=n_parts, hidden=8, mirrors=mirrors)
        layer = laws.prepare(layer, part, scale=2.0)
        laws.moves_integers_exactly(layer, torch.randint(-20, 30, (50, dim)))
        x = torch.randint(7, (50, dim))
        changed = (layer.to_latent(x)[0] != x).any(0)
        assert set(changed.nonzero()[:, 0].tolist()) == set(parts_of(dim, n_parts)[part].tolist())


def test_a_coupling_is_its_equation():
    layer = laws.prepare(RoundedCoupling(5, 9, hidden=8), scale=1.5)
    x = torch.randint(9, (200, 5))
    a, b = layer.sees, layer.moves
    out = layer.net(x[:, a].double() / 4 - 1)
    t, logit = out.chunk(2, 1)
    expected = torch.where(logit > 0, 8 - x[:, b], x[:, b]) + t.round().long()
    z, _ = layer.to_latent(x)
    assert torch.equal(z[:, a], x[:, a]) and torch.equal(z[:, b], expected)
    assert t.round().unique().numel() > 2 and 0 < (logit > 0).double().mean() < 1, "the test tests nothing"


def test_floats_take_the_same_way_as_integers():
    """Training and figures pass whole floats; the values are the very same, to the last bit."""
    model = flow(6, 9, 4, scale=2.0, mirrors=True)
    x = torch.randint(-9, 20, (300, 6))
    for layer in model.couplings:
        for dtype in (torch.float32, torch.float64):
            layer = copy.deepcopy(layer).to(dtype)
            z, zf = layer.to_latent(x)[0], layer.to_latent(x.to(dtype))[0]
            assert zf.dtype == dtype and torch.equal(zf.double(), z.double())
            assert torch.equal(layer.to_data(zf).double(), x.double())


def test_the_network_sees_the_datas_range_only():
    """Beyond it x_a counts as the nearest level, so that no far x_a makes a wild shift."""
    layer = laws.prepare(RoundedCoupling(4, 5, hidden=8), scale=2.0)
    x = torch.randint(5, (50, 4))
    x[:, layer.sees[0]] = 4
    far = x.clone()
    far[:, layer.sees[0]] = 10**9
    assert torch.equal(layer.to_latent(far)[0][:, layer.moves], layer.to_latent(x)[0][:, layer.moves])


def test_mirrors_and_shifts_by_hand():
    """Two levels, one seen and one moved number: x_b is mirrored and shifted by 3 exactly where x_a = 1."""
    layer = RoundedCoupling(2, 2, hidden=1)
    with torch.no_grad():
        layer.net[0].weight.fill_(20.0)
        layer.net[0].bias.fill_(0.0)
        layer.net[-1].weight.copy_(torch.tensor([[3.0], [1.0]]) / 20)
        layer.net[-1].bias.copy_(torch.tensor([0.0, -0.5]))
    a, b = int(layer.sees[0]), int(layer.moves[0])
    for x_a, x_b in itertools.product((0, 1), (-1, 0, 1, 5)):
        x = torch.zeros(1, 2, dtype=torch.long)
        x[0, a], x[0, b] = x_a, x_b
        z_b = layer.to_latent(x)[0][0, b].item()
        assert z_b == (1 - x_b + 3 if x_a else x_b)


def test_parts_are_a_shuffle_that_never_changes():
    assert [p.tolist() for p in parts_of(5, 2)] == [[0, 1, 4], [2, 3]]
    assert [p.tolist() for p in parts_of(2, 2)] == [[0], [1]]
    for dim, n_parts in ((64, 16), (7, 3), (2, 2), (3, 1)):
        parts = parts_of(dim, n_parts)
        assert torch.cat(parts).sort().values.tolist() == list(range(dim))
        assert max(map(len, parts)) - min(map(len, parts)) <= 1
    assert len(torch.unique(torch.cat(parts_of(64, 16)).diff())) > 10, "no shuffle"


# --- the map of the flow ---------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_every_digit_comes_back(trained, data, dtype):
    model = copy.deepcopy(trained).to(dtype)
    for split in ("train", "valid", "test"):
        x = getattr(data, split)
        laws.moves_integers_exactly(model, x)
        for part in x.split(37):  # and batch by batch, as long as both ways are batched alike
            laws.moves_integers_exactly(model, part)
    z, _ = model.to_latent(data.test)
    moved = (z != data.test).double().mean()
    assert 0.05 < moved < 0.95, "the flow does nothing, and the test tests nothing"


@pytest.mark.parametrize("far", [17, 1000, 2**24 + 1, 2**53 + 1, 2**62])
def test_any_integers_come_back(trained, far):
    """Where floats can no longer tell neighbours apart, too: x_b itself is never a float."""
    x = torch.randint(-far, far, (64, 64), generator=torch.Generator().manual_seed(0))
    for model in (trained, copy.deepcopy(trained).double()):
        laws.moves_integers_exactly(model, x)


def test_extremes_come_back(trained):
    ends = torch.tensor([torch.iinfo(torch.long).min, -1, 0, 16, 17, torch.iinfo(torch.long).max])
    laws.moves_integers_exactly(trained, ends[torch.randint(6, (200, 64))])


def test_different_x_have_different_z():
    """A bijection of the box onto its image: no two of 5^4 x share a z."""
    model = flow(4, 5, 3, scale=2.0)
    z, _ = model.to_latent(laws.domain(4, 5))
    assert len(z.unique(dim=0)) == 5**4


def test_rounding_hardly_depends_on_the_batch(trained, data):
    """In float32 a t within 1e-6 of a half may round otherwise in another batch, because sums are then added
    in another order. That is rare, and it is why encoder and decoder use the same batches. In float64 none
    of these digits is that close."""
    x = data.test
    together, alone = trained.to_latent(x)[0], torch.cat([trained.to_latent(one[None])[0] for one in x])
    assert (together != alone).any(1).double().mean() <= 0.01
    double = copy.deepcopy(trained).double()
    assert torch.equal(double.to_latent(x)[0], torch.cat([double.to_latent(one[None])[0] for one in x]))


def test_a_rounding_on_the_edge_can_depend_on_the_precision():
    """t = 1/2 in one precision and just above in the other: other integers, and each way exact."""
    layer = RoundedCoupling(2, 2, hidden=1, mirrors=False).double()
    with torch.no_grad():
        layer.net[-1].weight.zero_()
        layer.net[-1].bias.fill_(0.5 + 1e-9)
    x = torch.zeros(1, 2, dtype=torch.long)
    integers = {}
    for dtype in (torch.float32, torch.float64):
        other = copy.deepcopy(layer).to(dtype)
        laws.moves_integers_exactly(other, x)
        integers[dtype] = other.to_latent(x)[0].sum().item()
    assert integers == {torch.float32: 0, torch.float64: 1}


# --- the distribution ------------------------------------------------------------------------


@pytest.mark.parametrize("mirrors", [False, True])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_mass_over_a_box_with_its_tails_is_one(seed, mirrors):
    model = flow(2, 4, 2, seed=seed, mirrors=mirrors)
    laws.sums_to_one(model)
    inside = model.log_prob(laws.domain(2, 4)).exp().sum().item()
    assert inside < 0.999, "over the data's range alone it is less"


@pytest.mark.parametrize("n_parts", [1, 2, 3])
def test_three_dimensions_sum_to_one(n_parts):
    model = flow(3, 3, n_parts, scale=0.3)
    axis = torch.arange(-40, 44)
    slices = [torch.cartesian_prod(axis[k : k + 1], axis, axis) for k in range(len(axis))]
    total = sum(model.log_prob(x).exp().sum().item() for x in slices)
    assert total == pytest.approx(1, abs=1e-9)


def test_log_prob_is_the_bases_at_z():
    model = flow()
    x = torch.randint(-3, 8, (30, 4))
    z, log_det = model.to_latent(x)
    assert torch.equal(model.log_prob(x), model.base.log_prob_terms(z).sum(1)) and not log_det.any()


def test_one_part_is_the_bare_base():
    model = flow(n_parts=1)
    x = torch.randint(-3, 8, (30, 4))
    assert len(model.couplings) == 0
    assert torch.equal(model.to_latent(x)[0], x) and torch.equal(model.log_prob(x), model.base.log_prob(x))
    model.train()
    torch.testing.assert_close(model.loss(x), -model.base.log_prob(x).mean())


def test_more_parts_than_numbers_are_as_many_as_numbers():
    assert len(IntegerFlow(3, 5, n_parts=16).couplings) == 2
    assert len(IntegerFlow(1, 5, n_parts=16).couplings) == 0


# --- training --------------------------------------------------------------------------------


def test_the_training_loss_is_the_expectation_over_drawn_mirrors_and_roundings():
    """Against brute force: every number draws one of its four values, and -log p is averaged over draws."""
    model = flow(4, 5, 3, scale=0.8).train()
    x = torch.randint(5, (6, 4))
    generator = torch.Generator().manual_seed(0)
    n, entropy = 20_000, 0.0
    with torch.no_grad():
        z = x.repeat(n, 1, 1)
        for coupling in model.couplings:
            values, probs, _ = coupling.chances(x)
            pick = torch.multinomial(probs.flatten(0, 1), n, replacement=True, generator=generator)
            pick = pick.T.view(n, *values.shape[:2], 1)
            z[..., coupling.moves] = values.expand(n, -1, -1, -1).gather(3, pick)[..., 0]
            p = torch.stack([probs[..., :2].sum(2), probs[..., 2:].sum(2)])
            entropy += -(p * p.log()).nan_to_num().sum() / len(x)
        drawn = -model.base.log_prob(z.flatten(0, 1)).view(n, len(x)).mean(1)
    expected = drawn.mean() - MIRROR_ENTROPY * entropy
    assert (model.loss(x) - expected).abs() < 4 * drawn.std() / math.sqrt(len(drawn))


def test_chances_are_chances_and_hold_the_certain_choice():
    """Probabilities sum to one; the value that the flow itself takes is among the four, and the likeliest."""
    layer = laws.prepare(RoundedCoupling(6, 9, hidden=8), scale=1.0)
    x = torch.randint(9, (40, 6))
    values, probs, entropy = layer.chances(x)
    torch.testing.assert_close(probs.sum(2), torch.ones_like(probs[..., 0]))
    assert (probs >= 0).all() and (entropy >= 0).all() and (entropy <= math.log(2) + 1e-9).all()
    z_b = layer.to_latent(x)[0][:, layer.moves]
    assert torch.equal(values.gather(2, probs.argmax(2, keepdim=True))[..., 0], z_b)


def test_the_gradient_of_a_shift_is_the_difference_between_neighbours():
    """d/dt of the expected -log p is what one step up costs. Straight through gives the slope of a curve at
    the rounded value: 0 on top of a spike, though the next integer is far below."""
    slopes = {}
    for straight in (False, True):
        model = flow(2, 9, 2, scale=0.0, mirrors=False, straight_through=straight).train()
        with torch.no_grad():
            model.base.mu.fill_(4.0)
            model.base.log_std.fill_(math.log(0.2))  # a spike at 4, nearly all of it in one cell
        bias = model.couplings[0].net[-1].bias
        bias.data.fill_(0.3)
        x = torch.full((1, 2), 4)
        slopes[straight] = torch.autograd.grad(model.loss(x), bias)[0].item()
    table = model.base.table(4, 5)[int(model.couplings[0].moves[0])].tolist()
    assert slopes[False] == pytest.approx(table[0] - table[1], rel=1e-9) and slopes[False] > 3
    assert slopes[True] == pytest.approx(0, abs=1e-6), "straight through sees the flat top of the spike"


@pytest.mark.parametrize("options", [{}, {"mirrors": False}, {"mirrors": False, "straight_through": True}])
def test_gradients_reach_every_weight_through_the_rounding(options):
    model = flow(5, 6, 3, **options)
    laws.every_entry_gets_a_gradient(model, (torch.randint(6, (20, 5)),))


def test_the_loss_is_exact_in_eval_mode_however_it_is_trained():
    for options in ({}, {"mirrors": False, "straight_through": True}):
        model, x = flow(**options), torch.randint(5, (20, 4))
        laws.loss_is_mean_negative_log_prob(model, x)


def test_an_untrained_flow_shifts_nothing():
    model = IntegerFlow(8, 5, n_parts=4, mirrors=False)
    x = torch.randint(5, (30, 8))
    assert torch.equal(model.to_latent(x)[0], x)


@pytest.mark.timeout(120)
def test_couplings_learn_what_the_base_cannot():
    """x_b = x_a + 0 or 1: a shift makes them independent. x_b small or large as x_a says: a mirror does."""
    generator = torch.Generator().manual_seed(0)
    x_0 = torch.randint(8, (2000, 1), generator=generator)
    shifted = torch.cat([x_0, x_0 + torch.randint(2, (2000, 1), generator=generator)], 1)
    few = torch.randint(3, (2000, 1), generator=generator)
    mirrored = torch.cat([x_0, torch.where(x_0 >= 4, 8 - few, few)], 1)
    for x, options, floor in ((shifted, {"mirrors": False}, math.log(16)), (mirrored, {}, math.log(24))):
        torch.manual_seed(0)
        bare, full = (IntegerFlow(2, 9, n_parts=k, hidden=64, **options).start_from_data(x) for k in (1, 2))
        for model in (bare, full):
            optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
            for step in range(600):
                optimizer.param_groups[0]["lr"] = 0.01 * (1 - step / 600)
                optimizer.zero_grad()
                model.train().loss(x[torch.randperm(2000)[:200]]).backward()
                optimizer.step()
        bare, full = (model.eval().loss(x).item() for model in (bare, full))
        assert full < bare - 0.5 and full < floor + 0.15, (bare, full, floor)


@pytest.mark.timeout(240)
def test_on_digits_it_clears_its_bare_base_and_the_histogram(data):
    """A short training; the full one is measured in the chapter and in the comparison."""
    found = {}
    for n_parts in (1, 16):
        torch.manual_seed(0)
        model = catalog.model("integer-flow").build(n_parts=n_parts).start_from_data(data.train)
        fit(model, data, TrainConfig(epochs=20, lr=0.02, batch_size=100, average=0.97), bar=False)
        found[n_parts] = -likelihood.bits_per_dim(model, data.test).nats
    assert found[1] < 108 and found[16] < 103.5, found


# --- refusals --------------------------------------------------------------------------------


def test_refusals():
    laws.refuses(lambda: RoundedCoupling(4, 5, part=2, n_parts=2), "part < n_parts", "part 2 of 2")
    laws.refuses(lambda: RoundedCoupling(4, 5, part=1, n_parts=5), "n_parts <= dim", "of 5 in 4")
    laws.refuses(lambda: RoundedCoupling(4, 5, part=0), "part")
    laws.refuses(lambda: RoundedCoupling(4, 0), "levels")
    laws.refuses(lambda: IntegerFlow(4, 5, straight_through=True), "mirrors=False")
    model = IntegerFlow(4, 5)
    high = torch.full((3, 4), 5)
    laws.refuses(lambda: model.start_from_data(high), "IntegerFlow.start_from_data", "0..4", "from 5 to 5")
    for call in (model.to_latent, model.to_data, model.log_prob, model.loss):
        laws.refuses(lambda: call(torch.zeros(3, 4)), "IntegerFlow", "integers", "float32")  # noqa: B023
        laws.refuses(lambda: call(high[:, :3]), "IntegerFlow", "(B, 4)", "(3, 3)")  # noqa: B023

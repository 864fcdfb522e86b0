"""The causal ARM against what can be computed by hand. The general laws are applied in test_laws.py."""

import pytest
import torch
from scipy import stats

from dgm_lite import catalog, laws
from dgm_lite.autoregressive.causal import CausalARM
from dgm_lite.datasets import files, images
from dgm_lite.evaluate.likelihood import bits_per_dim
from dgm_lite.training.config import TrainConfig
from dgm_lite.training.fit import fit, mean_loss


def arm(**changes) -> CausalARM:
    torch.manual_seed(0)
    return laws.prepare(CausalARM(**{"dim": 4, "levels": 3, "channels": 8, "dilations": (1, 2)} | changes))


def test_log_prob_is_the_sum_of_its_conditionals():
    """Each conditional, computed alone by summing the joint over the rest, agrees with the network's."""
    model = arm()
    everything = laws.domain(4, 3)
    joint = model.log_prob(everything).exp()
    x = torch.tensor([[2, 0, 1, 1]])
    terms = model.log_prob_terms(x)[0]
    for d in range(4):
        past = (everything[:, :d] == x[0, :d]).all(1)
        present = past & (everything[:, d] == x[0, d])
        torch.testing.assert_close(terms[d], (joint[present].sum() / joint[past].sum()).log())
    torch.testing.assert_close(model.log_prob(x)[0], terms.sum())


@pytest.mark.parametrize("dilations, kernel", [((), 2), ((1,), 3), ((1, 2), 2), ((2, 1), 3), ((1, 2, 4), 2)])
def test_it_sees_as_far_back_as_its_docstring_says(dilations, kernel):
    """1 + (kernel - 1) (1 + sum(dilations)) pixels, and not one more."""
    model = arm(dim=24, dilations=dilations, kernel=kernel, channels=4)
    x = torch.rand(1, 24, dtype=torch.float64)
    jacobian = torch.autograd.functional.jacobian(lambda v: model.logits(v)[0, :, 23], x)[:, 0].abs().sum(0)
    far = 1 + (kernel - 1) * (1 + sum(dilations))
    assert jacobian[23 - far :][:far].min() > 0 and (jacobian[: 23 - far] == 0).all() and jacobian[23] == 0


@pytest.mark.parametrize("dim, levels", [(1, 2), (1, 17), (2, 1), (7, 2), (3, 5)])
def test_any_length_and_any_number_of_levels(dim, levels):
    model = arm(dim=dim, levels=levels)
    laws.sums_to_one(model)
    assert model.sample(5).shape == (5, dim)


def test_it_starts_at_the_histogram_of_every_pixel():
    """With one count more for each value, so that nothing is impossible."""
    data = images.digits()
    model = CausalARM(64, 17, channels=8).eval().start_from_marginals(data.train)
    counts = torch.nn.functional.one_hot(data.train, 17).sum(0) + 1.0
    log_p = (counts / counts.sum(1, keepdim=True)).log()
    expected = log_p[torch.arange(64), data.valid].sum(1)
    torch.testing.assert_close(model.log_prob(data.valid), expected, rtol=1e-5, atol=1e-3)


def test_dropout_works_in_training_only():
    model = arm(dropout=0.5)
    x = laws.examples(model)
    assert torch.equal(model.log_prob(x), model.log_prob(x))
    model.train()
    assert not torch.equal(model.log_prob(x), model.log_prob(x))


def test_completing_the_future_leaves_the_past():
    """Conditionals of the first pixels don't change when the rest is replaced."""
    model = arm()
    x = laws.examples(model)
    other = x.clone()
    other[:, 2:] = 2 - other[:, 2:]
    torch.testing.assert_close(
        model.log_prob_terms(x)[:, :2], model.log_prob_terms(other)[:, :2], rtol=0, atol=0
    )


def test_the_committed_weights_are_as_good_as_they_were():
    """Better than every table of marks for models without a network (85.8 nats on test); validation only."""
    model, about = catalog.load(files.path("causal_arm_digits.safetensors"))
    assert about["data"] == "digits"
    likelihood = bits_per_dim(model, images.digits().valid)
    assert likelihood.kind == "exact" and -likelihood.nats < 82


def test_trained_digits_have_ink_where_digits_do():
    model, _ = catalog.load(files.path("causal_arm_digits.safetensors"))
    x = model.sample(200, generator=torch.Generator().manual_seed(0)).double()
    data = images.digits().train.double()
    assert (x.mean(0) - data.mean(0)).abs().max() < 2.0  # of 16 levels
    assert torch.corrcoef(torch.stack([x.mean(0), data.mean(0)]))[0, 1] > 0.98


# --- heads, skips, labels -------------------------------------------------------------------


def test_the_logistic_head_sums_to_one_and_agrees_with_its_table():
    model = arm(n_logistics=3, skips=True)
    laws.sums_to_one(model)
    x = laws.examples(model)
    terms = model.logits(x).log_softmax(1).gather(1, x[:, None]).squeeze(1)
    torch.testing.assert_close(model.log_prob_terms(x), terms)
    table = model.logits(x)  # already normalised: the outermost bins absorb the tails
    torch.testing.assert_close(table.logsumexp(1), torch.zeros_like(table[:, 0]), rtol=0, atol=1e-10)


def test_the_logistic_head_needs_three_numbers_for_each_logistic_however_many_levels():
    few, many = (CausalARM(4, levels, channels=8, n_logistics=5) for levels in (4, 256))
    assert few.head.out_channels == many.head.out_channels == 15
    assert few.sample(2).shape == many.sample(2).shape == (2, 4)


def test_the_logistic_head_starts_near_the_histogram_with_components_that_can_part():
    data = images.digits()
    model = CausalARM(64, 17, channels=8, n_logistics=5).eval().start_from_marginals(data.train)
    histogram = CausalARM(64, 17, channels=8).eval().start_from_marginals(data.train)
    assert (histogram.log_prob(data.valid) - model.log_prob(data.valid)).mean() < 20
    model.loss(data.train[:100]).backward()
    of_components = model.marginal.grad.unflatten(0, (3, 5))[1]  # the means, (K, D)
    assert (of_components.diff(dim=0).abs().sum(0) > 0).all()


def test_each_class_sums_to_one():
    """sum_x p(x | y) = 1 for every y, and the labels matter."""
    for more in ({}, {"n_logistics": 2}):
        model = arm(n_classes=3, **more)
        x = laws.domain(4, 3)
        with torch.no_grad():
            log_px = torch.stack([model.log_prob(x, torch.full((len(x),), y)) for y in range(3)])
        torch.testing.assert_close(
            log_px.logsumexp(1), torch.zeros(3, dtype=torch.double), rtol=0, atol=1e-10
        )
        assert (log_px[0] - log_px[1]).abs().max() > 0.1


def test_draws_of_a_class_follow_its_density():
    model = arm(dim=2, n_classes=3)
    for y in range(3):
        label = torch.full((20_000,), y)
        seen = model.sample(20_000, y=label, generator=torch.Generator().manual_seed(y))
        with torch.no_grad():
            expected = model.log_prob(laws.domain(2, 3), label[:9]).exp() * 20_000
        count = torch.bincount(seen[:, 0] * 3 + seen[:, 1], minlength=9)
        assert stats.chisquare(count, expected).pvalue > laws.SURE


def test_labels_are_asked_for_and_checked():
    model, x = arm(n_classes=3), torch.zeros(4, 4, dtype=torch.long)
    calls = [
        lambda y: model.log_prob(x, y),
        lambda y: model.loss(x, y),
        lambda y: model.sample(4, y=y),
        lambda y: model.stepwise(4, y),
        lambda y: model.complete(x, x[0] == 0, y=y),
    ]
    for y in (None, torch.tensor([0, 1, 2]), torch.tensor([0, 1, 2, 3]), torch.rand(4)):
        for call in calls:
            laws.refuses(lambda: call(y), "CausalARM")  # noqa: B023
    laws.refuses(lambda: arm().log_prob(x, x[:, 0]), "no labels")


def test_labels_come_with_labelled_batches():
    """loss(x, y), as ``data.labelled()`` gives them: the ordinary loop trains it."""
    torch.manual_seed(0)
    data = images.digits().first(200).labelled()
    model = CausalARM(64, 17, channels=8, dilations=(1, 8), n_classes=10).start_from_marginals(data.train)
    before = mean_loss(model, data.split("valid"))
    fit(model, data, TrainConfig(epochs=4, lr=0.02, batch_size=20))
    assert mean_loss(model, data.split("valid")) < before - 3


def test_skips_reach_the_head():
    """With skips the first block still matters where all later ones pass nothing on."""
    model = arm(skips=True)
    plain = arm()
    assert len(list(model.parameters())) == len(list(plain.parameters())) + 2 * len(plain.blocks)
    x = laws.examples(model)
    before = model.logits(x)
    with torch.no_grad():
        model.blocks[0].skip.weight.zero_()
    assert (model.logits(x) - before).abs().max() > 0.01

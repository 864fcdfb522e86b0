"""The two factorisations beside each other: same points, same labels, and what is measured of them."""

import math

import pytest
import torch
from scipy import stats

from dgm_lite import laws
from dgm_lite.datasets.toys import orange_blue, two_moons
from dgm_lite.joint.class_conditional import ClassConditional
from dgm_lite.joint.classifier import Classifier
from dgm_lite.joint.expectation_maximisation import UNKNOWN
from dgm_lite.why import two_ways
from dgm_lite.why.two_ways import ALL, ALONE, FIRST, MEASURES, Mixture, Network


def small(n=200, seed=0):
    return orange_blue(n, seed)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("n", [2, 3, 50, 120])
def test_so_many_labels_are_revealed_and_they_are_the_right_ones(n, seed):
    data = small()
    y = two_ways.reveal_labels(data, n, seed)
    known = y != UNKNOWN
    assert known.sum() == n and torch.equal(y[known], data.train_labels[known])
    assert set(y[known].tolist()) == {0, 1}, "each class has a label"
    assert torch.equal(two_ways.reveal_labels(data, n, seed), y)


def test_other_seeds_reveal_other_labels():
    a, b = (two_ways.reveal_labels(small(), 20, seed) for seed in (0, 1))
    assert not torch.equal(a, b)


@pytest.mark.parametrize("n", [0, 1, 121])
def test_too_few_or_too_many_labels_are_refused(n):
    laws.refuses(lambda: two_ways.reveal_labels(small(), n, 0), "reveal_labels", str(n))


@pytest.mark.parametrize(("n_layers", "scale"), [(1, 1.0), (2, 1.0), (3, 4.0)])
def test_far_out_the_logits_rise_by_the_slope(n_layers, scale):
    torch.manual_seed(0)
    classifier = Classifier(3, 4, hidden=16, n_layers=n_layers, scale=scale).double()
    rays, start = torch.nn.functional.normalize(torch.randn(20, 3).double()), torch.randn(3).double()
    with torch.no_grad():
        risen = (classifier(start + 2e6 * rays) - classifier(start + 1e6 * rays)) / 1e6
    torch.testing.assert_close(two_ways.slopes_far_out(classifier, rays), risen, atol=1e-5, rtol=1e-5)


def test_the_density_and_both_ways_learn_the_clouds():
    data = small(1000)
    x, y = data.train, data.train_labels
    density = two_ways.density_of(x, Mixture(4, 1.0))
    both = two_ways.densities_of(x, y, Mixture(4, 1.0))
    network = two_ways.classifier_of(x, y, Network(0.01, 60))
    assert density.log_prob(data.test).mean() > -3.1 and both.log_prob(data.test).mean() > -3.1
    for model in (both, network):
        assert (model.log_prob_labels(data.test).argmax(1) == data.test_labels).double().mean() > 0.9


def test_settings_are_used():
    data = small()
    few, many = (two_ways.density_of(data.train, Mixture(k, 1.0)) for k in (2, 8))
    narrow, wide = (two_ways.density_of(data.train, Mixture(2, imagined)) for imagined in (0.1, 500.0))
    assert len(few.mu) == 2 and len(many.mu) == 8 and not torch.allclose(narrow.log_std, wide.log_std)
    nets = [two_ways.classifier_of(data.train, data.train_labels, Network(w, n))
            for w, n in ((0.0, 5), (10.0, 5), (0.0, 9))]  # fmt: skip
    first = [net.net[0].weight for net in nets]
    assert not torch.equal(first[0], first[1]) and not torch.equal(first[0], first[2])


def test_the_network_does_not_see_a_point_without_a_label():
    data, half = small(), two_ways.reveal_labels(small(), 60, 0)
    moved = torch.where((half == UNKNOWN)[:, None], data.train + 5, data.train)
    a, b = (two_ways.classifier_of(x, half, Network(0.1, 5)) for x in (data.train, moved))
    assert all(map(torch.equal, a.state_dict().values(), b.state_dict().values()))


def test_contenders_learn_from_what_their_names_say():
    """Points without a label move the density and the second way, but not that from labelled points alone."""
    data = small()
    moved = data.train.clone()
    moved[two_ways.reveal_labels(data, 20, 0) == UNKNOWN] += 3.0
    other = orange_blue(200)
    object.__setattr__(other, "train", moved)
    pairs = zip(*(two_ways.contenders(d, two_ways.CLOUDS, 10, 0) for d in (data, other)), strict=True)
    for (name, a), (same, b) in pairs:
        x = data.test[:5]
        assert name == same
        assert torch.allclose(a.log_prob(x), b.log_prob(x)) == (name == ALONE), name


def test_measures_by_hand():
    torch.manual_seed(0)
    data = small()
    model = ClassConditional([two_ways.density_of(data.train[data.train_labels == y], Mixture(1, 1.0))
                              for y in (0, 1)])  # fmt: skip
    found = dict(zip(MEASURES, two_ways.measure(model, data.test, data.test_labels).tolist(), strict=True))
    with torch.no_grad():
        log_py = model.log_prob_labels(data.test)
    right = log_py.argmax(1) == data.test_labels
    assert found["log p(x)"] == pytest.approx(model.log_prob(data.test).mean().item(), abs=1e-5)
    of_the_label = log_py[torch.arange(len(right)), data.test_labels].mean().item()
    assert found["log p(y|x)"] == pytest.approx(of_the_label, abs=1e-5)
    assert found["accuracy"] == pytest.approx(right.double().mean().item(), abs=1e-6)
    assert 0 <= found["calibration error"] < 0.2


@pytest.fixture(scope="module")
def scores():
    quick = two_ways.Chosen(small_clouds, Mixture(2, 1.0), dict.fromkeys((10, 100), Network(0.1, 20)),
                            {ALL: dict.fromkeys((10, 100), Mixture(2, 1.0)),
                             ALONE: dict.fromkeys((10, 100), Mixture(2, 1.0))})  # fmt: skip
    return two_ways.by_number_of_labels(quick, (10, 100), 3)


def small_clouds(seed=0):
    return orange_blue(300, seed)


def test_every_contender_has_every_measure(scores):
    assert list(scores) == [FIRST, ALL, ALONE]
    for name, table in scores.items():
        assert table.shape == (3, 2, 4) and table.isfinite().all(), name
        assert len(table[:, 0, 0].unique()) == 3, "every draw is another"
    assert torch.equal(scores[FIRST][:, 0, 0], scores[FIRST][:, 1, 0]), "its p(x) needs no labels"
    assert scores[ALL][:, 0, 0].mean() > scores[ALONE][:, 0, 0].mean() + 0.1


def test_leads_are_differences_with_students_interval():
    torch.manual_seed(0)
    first, second = torch.randn(6, 3, 4), torch.randn(6, 3, 4)
    found = two_ways.leads(first, second)
    assert list(found) == list(MEASURES) and all(len(row) == 3 for row in found.values())
    for k, (name, sign) in enumerate(zip(MEASURES, (1, 1, 1, -1), strict=True)):
        apart = sign * (first - second)[:, 1, k].double()
        low, high = stats.ttest_1samp(apart.numpy(), 0).confidence_interval(1 - 0.05 / 12)
        lead = found[name][1]
        assert lead.mean == pytest.approx(apart.mean().item()), name
        assert (lead.low, lead.high) == pytest.approx((low, high)), name


def test_leads_cover_all_their_differences_together():
    """2,000 experiments in which nobody is ahead: in 5 % of them some interval leaves 0 out, or in fewer."""
    torch.manual_seed(0)
    said = 0
    for _ in range(2000):
        found = two_ways.leads(torch.randn(5, 2, 4), torch.randn(5, 2, 4))
        said += any(lead.low > 0 or lead.high < 0 for row in found.values() for lead in row)
    assert 0.03 < said / 2000 < 0.06


def test_settings_are_chosen_by_validation_points():
    """One is out of the question: it has to lose; and nobody looks at a test point."""
    mixtures = [Mixture(2, 1e6), Mixture(2, 1.0)]

    def made(seed):
        assert seed >= 1000, "draws on which nobody is tested"
        return small_clouds(seed)

    chosen = two_ways.choose(made, mixtures, (ALL, ALONE), (20,), 1)
    assert chosen.density == mixtures[1]
    assert chosen.second == {ALL: {20: mixtures[1]}, ALONE: {20: mixtures[1]}}
    assert chosen.network[20] in two_ways.NETWORKS


def test_what_was_chosen_was_on_offer():
    for chosen, offer, data in ((two_ways.CLOUDS, two_ways.FLEXIBLE, orange_blue),
                                (two_ways.MOONS, two_ways.TOO_SIMPLE, two_moons)):  # fmt: skip
        assert chosen.data is data and chosen.density in offer
        for settings in chosen.second.values():
            assert set(settings) == set(two_ways.N_LABELS) and set(settings.values()) <= set(offer)
        assert set(chosen.network) == set(two_ways.N_LABELS)
        assert set(chosen.network.values()) <= set(two_ways.NETWORKS)
    assert len(two_ways.NETWORKS) == len(two_ways.FLEXIBLE) == len(two_ways.TOO_SIMPLE), "equal tuning"


def test_chance_level_is_where_it_should_be():
    """A model that knows the shares alone: accuracy one half, log p(y|x) = -log 2."""
    data = small()
    same = [two_ways.density_of(data.train, Mixture(1, 1.0)) for _ in range(2)]
    _, log_py, accuracy, _ = two_ways.measure(ClassConditional(same), data.test, data.test_labels).tolist()
    assert log_py == pytest.approx(-math.log(2), abs=1e-5) and 0.3 < accuracy < 0.7

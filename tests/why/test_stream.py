"""Watching streams: the CUSUM chart, its level, and delays."""

import pytest
import torch

from dgm_lite.why.stream import alarm_level, alarms, cusum, drift, race, standardise, two_sided


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_drift_turns_from_one_world_to_the_other():
    old, new = torch.zeros(5), torch.ones(5)
    made = drift(old, new, n_streams=4000, length=8, change=2, ramp=4, generator=generator())
    share = made.mean(0)
    torch.testing.assert_close(share, torch.tensor([0, 0, 0.25, 0.5, 0.75, 1, 1, 1]), atol=0.03, rtol=0)


def test_a_sudden_drift_is_complete_at_the_change():
    made = drift(torch.zeros(5), torch.ones(5), n_streams=3, length=6, change=4)
    assert made.tolist() == [[0, 0, 0, 0, 1, 1]] * 3


def test_no_change_within_the_stream():
    assert drift(torch.zeros(5), torch.ones(5), n_streams=3, length=6, change=6).sum() == 0


def test_the_same_generator_gives_the_same_streams():
    a, b = torch.arange(9.0), torch.arange(9.0)
    first, again = (drift(a, b, n_streams=2, length=50, change=9, generator=generator(4)) for _ in range(2))
    assert torch.equal(first, again)


def test_standardise_by_hand():
    z = standardise(torch.tensor([2.0, 5.0]), torch.tensor([1.0, 2.0, 3.0]))
    torch.testing.assert_close(z, torch.tensor([0.0, 3.0]))


def test_cusum_by_hand():
    path = cusum(torch.tensor([[1.0, 2.0, -5.0, 1.5]]), slack=0.5)
    torch.testing.assert_close(path, torch.tensor([[0.5, 2.0, 0.0, 1.0]]))


def test_the_level_is_exceeded_in_the_agreed_share_of_calm_streams():
    path = cusum(torch.randn(2000, 100, generator=generator()))
    level = alarm_level(path, 0.05)
    fresh = cusum(torch.randn(2000, 100, generator=generator(1)))
    assert (path.amax(1) > level).double().mean().item() == pytest.approx(0.05, abs=0.002)
    assert (fresh.amax(1) > level).double().mean().item() == pytest.approx(0.05, abs=0.02)


def test_alarms_tells_early_late_and_never():
    path = torch.tensor([[5.0, 0, 0, 0], [0, 0, 5.0, 5.0], [0, 0, 0, 5.0], [0, 0, 0, 0]])
    heard = alarms(path, level=4.0, change=2)
    assert heard.early == 0.25
    assert heard.delay.tolist() == [0, 1, float("inf")]
    assert heard.missed == pytest.approx(1 / 3)


def test_a_bigger_change_is_heard_sooner():
    calm = torch.randn(3000, generator=generator())
    size = {"n_streams": 500, "length": 200, "generator": generator(1)}
    level = alarm_level(cusum(drift(calm, calm, change=200, **size)), 0.05)
    paths = [cusum(drift(calm, calm + rise, change=50, **size)) for rise in (1.0, 3.0)]
    small, large = (alarms(path, level, 50).delay.median() for path in paths)
    assert large < small < 30


BAD = [
    (lambda: drift(torch.zeros(3), torch.zeros(3), n_streams=0, length=5, change=1), "n_streams"),
    (lambda: drift(torch.zeros(3), torch.zeros(3), n_streams=1, length=5, change=6), "0 <= change <= 5"),
    (lambda: drift(torch.zeros(0), torch.zeros(3), n_streams=1, length=5, change=2), "at least one example"),
    (lambda: standardise(torch.zeros(5), torch.ones(5)), "differ from each other"),
    (lambda: cusum(torch.zeros(5)), "expected shape (streams, T)"),
    (lambda: cusum(torch.full((1, 3), torch.nan)), "finite"),
    (lambda: alarm_level(torch.zeros(2, 3), 1.0), "rate in (0, 1), got 1.0"),
    (lambda: alarms(torch.zeros(2, 3), 1.0, 4), "within 3 objects, got 4"),
]


@pytest.mark.parametrize(("call", "words"), BAD)
def test_bad_input_is_refused(call, words):
    with pytest.raises(ValueError) as refusal:
        call()
    assert words in str(refusal.value)


def test_a_chart_of_two_sides_hears_both():
    v = torch.tensor([[0.0, 3.0, 3.0], [0.0, -3.0, -3.0]])
    torch.testing.assert_close(two_sided(v), torch.tensor([[0.0, 2.5, 5.0]] * 2))
    assert cusum(v)[1].max() == 0


def test_monitors_race_at_the_same_rate_of_false_alarms():
    """What lies two standard deviations off is noticed sooner than what lies less than one off."""
    calm = torch.randn(4000, generator=generator())
    worlds = {"strange": calm + 2, "calmer": calm - 2}
    sharp, dull = (race(calm, {"new": calm + rise}, generator=generator(1))["new"] for rise in (2.0, 0.7))
    assert sharp.median() < 0.5 * dull.median()
    assert race(calm, worlds, generator=generator(1))["calmer"].median() == float("inf")
    both = race(calm, worlds, chart=two_sided, generator=generator(1))
    assert both["calmer"].median() < 10
    for rate in (0.05, 0.3):  # an alarm before the change is false: half of the calm streams' length
        left = len(race(calm, worlds, rate=rate, generator=generator(2))["strange"])
        assert 1000 * (1 - rate) < left < 1000 * (1 - rate / 4)

"""Watch a stream of objects and say when the world has changed: the CUSUM chart on a model's surprise."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from dgm_lite.shapes import check_count, check_real

Chart = Callable[[Tensor], Tensor]


def standardise(scores: Tensor, ordinary: Tensor) -> Tensor:
    """Standard deviations above the mean of ordinary, held-out objects: v = (score - mean) / std, (B,).

    Raises:
        ValueError: If either is no list of finite numbers, or all ordinary scores are equal.

    Source: book eq. `cusum`.
    """
    check_real(scores, ("B",), "standardise")
    check_real(ordinary, ("N",), "standardise ordinary")
    if len(ordinary) < 2 or ordinary.std() == 0:
        raise ValueError("standardise: expected ordinary scores that differ from each other, got one value.")
    return (scores - ordinary.mean()) / ordinary.std()


def drift(before: Tensor, after: Tensor, *, n_streams: int, length: int, change: int, ramp: int = 0,
          generator: torch.Generator | None = None) -> Tensor:  # fmt: skip
    """Many streams of scores that begin as ``before`` and turn into ``after``.

    Args:
        before: Scores of ordinary objects, (N,); a stream draws from them with replacement.
        after: Scores of the objects of the changed world, (M,).
        n_streams: How many streams.
        length: Objects in a stream.
        change: Place of the first object that may be of the changed world; ``length`` for no change.
        ramp: Over how many objects the share of the changed world rises from 0 to 1; 0 for a sudden change.
        generator: Source of randomness.

    Returns:
        Scores, (n_streams, length).

    Raises:
        ValueError: If a count is below 1, or the change lies outside the stream.
    """
    check_real(before, ("N",), "drift before")
    check_real(after, ("M",), "drift after")
    check_count(n_streams, "drift", "n_streams")
    check_count(length, "drift", "length")
    if not 0 <= change <= length or ramp < 0:
        raise ValueError(f"drift: expected 0 <= change <= {length} and ramp >= 0, got {change} and {ramp}.")
    share = ((torch.arange(length) - change + 1) / max(ramp, 1)).clamp(0, 1)
    changed = torch.rand(n_streams, length, generator=generator) < share
    old = torch.randint(len(before), (n_streams, length), generator=generator)
    new = torch.randint(len(after), (n_streams, length), generator=generator)
    return torch.where(changed, after[new], before[old])


def cusum(v: Tensor, slack: float = 0.5) -> Tensor:
    """S_t = max(0, S_{t-1} + v_t - slack), S_{-1} = 0: evidence that v has risen, gathered over time.

    Args:
        v: Scores in standard deviations above their usual mean, (n_streams, length).
        slack: How much of a rise to put up with; half of the smallest rise worth an alarm is usual.

    Returns:
        The evidence S_t after each object, never negative, (n_streams, length).

    Raises:
        ValueError: If v is no table of finite numbers.

    Source: book eq. `cusum`; Page (1954), Continuous inspection schemes, section 2.
    """
    check_real(v, ("streams", "T"), "cusum")
    evidence, path = torch.zeros(len(v)), []
    for now in v.T:
        evidence = (evidence + now - slack).clamp_min(0)
        path.append(evidence)
    return torch.stack(path, dim=1)


def two_sided(v: Tensor, slack: float = 0.5) -> Tensor:
    """max of the charts on v and on -v: evidence that v has risen, or fallen.

    Args:
        v: As for ``cusum``.
        slack: As for ``cusum``.

    Returns:
        The larger evidence after each object, (n_streams, length).

    Raises:
        ValueError: If v is no table of finite numbers.

    Source: book eq. `cusum`.
    """
    return torch.maximum(cusum(v, slack), cusum(-v, slack))


def alarm_level(calm: Tensor, rate: float) -> float:
    """The level that the evidence exceeds in a share ``rate`` of calm streams.

    Args:
        calm: Evidence in streams without any change, of held-out objects, (n_streams, length).
        rate: False alarms that we are ready to hear, a share of streams of this length, in (0, 1).

    Raises:
        ValueError: If the rate is outside (0, 1).
    """
    check_real(calm, ("streams", "T"), "alarm_level")
    if not 0 < rate < 1:
        raise ValueError(f"alarm_level: expected a rate in (0, 1), got {rate}.")
    return calm.amax(1).quantile(1 - rate).item()


@dataclass(frozen=True)
class Alarms:
    """How a monitor did on streams that change.

    Args:
        early: Share of streams with an alarm before the change: false alarms.
        delay: Objects from the change to the alarm, in each stream without a false alarm, (n,);
            0 is at once, infinity is never.
    """

    early: float
    delay: Tensor

    @property
    def missed(self) -> float:
        """Share of the streams without a false alarm in which the change went unnoticed."""
        return self.delay.isinf().float().mean().item()


def race(before: Tensor, worlds: Mapping[str, Tensor], *, chart: Chart = cusum, rate: float = 0.05,
         n_streams: int = 1000, change: int = 100, generator: torch.Generator | None = None,
         ) -> dict[str, Tensor]:  # fmt: skip
    """How soon a monitor notices each change, with its level set for a given rate of false alarms.

    Two monitors can be compared only at the same rate, so the level is set on calm streams of the very
    objects that come before the change. Whether a level carries over to other objects is another question.

    Args:
        before: The monitor's scores of ordinary objects, in standard deviations, (N,).
        worlds: Its scores of what the stream turns into, by name, (M,) each.
        chart: From scores to evidence: ``cusum`` or ``two_sided``.
        rate: Share of calm streams, twice as long as the time before the change, with a false alarm.
        n_streams: How many streams, calm ones and of each change.
        change: Objects before the change; twice as many follow it.
        generator: Source of randomness.

    Returns:
        Objects from the change to the alarm, of streams without a false alarm, by name; infinity is never.

    Raises:
        ValueError: If a count is below 1, or the rate outside (0, 1).

    Source: book eq. `cusum`.
    """
    size = {"n_streams": n_streams, "generator": generator}
    calm = drift(before, before, length=2 * change, change=2 * change, **size)
    level, delays = alarm_level(chart(calm), rate), {}
    for world, after in worlds.items():
        v = drift(before, after, length=3 * change, change=change, **size)
        delays[world] = alarms(chart(v), level, change).delay
    return delays


def alarms(path: Tensor, level: float, change: int) -> Alarms:
    """When the evidence first exceeds the level, stream by stream.

    Args:
        path: Evidence, (n_streams, length).
        level: From ``alarm_level``.
        change: Where the world changed, an index into the stream.

    Raises:
        ValueError: If the change lies outside the streams.
    """
    check_real(path, ("streams", "T"), "alarms")
    if not 0 <= change <= path.shape[1]:
        raise ValueError(f"alarms: expected a change within {path.shape[1]} objects, got {change}.")
    above = path > level
    first = torch.where(above.any(1), above.float().argmax(1), torch.inf)  # argmax finds the first of equals
    early = first < change
    return Alarms(early.float().mean().item(), first[~early] - change)

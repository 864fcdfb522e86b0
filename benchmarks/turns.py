"""How the benchmarks race: everybody takes turns, and only ratios within a round count."""

import random
import statistics
import time
from collections.abc import Callable


def take_turns(runs: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """CPU seconds of each run in each round, after two rounds to warm up.

    Args:
        runs: What to time, by name.
        rounds: How many turns each takes.
    """
    times: dict[str, list[float]] = {name: [] for name in runs}
    for index in range(rounds + 2):
        turn = list(runs.items())
        random.shuffle(turn)  # no one always runs in another's wake
        for name, run in turn:
            best = float("inf")
            for _ in range(5):  # the best of five: what interrupts a run only ever adds
                start = time.process_time()  # one thread: wall time, less what other programs take
                run()
                best = min(best, time.process_time() - start)
            if index >= 2:
                times[name].append(best)
    return times


def ratio(one: list[float], other: list[float]) -> float:
    """Median over rounds of the ratio within the round: machines drift by tens of percent, ratios hardly."""
    return statistics.median(a / b for a, b in zip(one, other, strict=True))


def milliseconds(times: list[float]) -> float:
    """Median over rounds."""
    return 1e3 * statistics.median(times)

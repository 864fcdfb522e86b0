"""Naive against cached sampling of the causal ARM, at D = 64 and one thread.

    python benchmarks/sampling.py                    # a minute; --rounds for more

Naive: a full pass over all 64 positions for each of the 64 columns. Cached: every layer computes the one
column that is new. Both draw the same tokens from the same seed, which is checked. Network: 64 channels,
kernel 3, dilations 1 2 4 8 16 8, 17 levels. Times are CPU seconds of this thread; the two take turns, and
a ratio is that of the fastest rounds, because others on the machine only ever make a round slower.

Target: at least 35 times at batch 16. A lean loop reaches 37 to 40 there, 11 to 13 at batch 1 and 42 to
56 at batch 64.
"""

import argparse
import gc
import os
import platform
import time

os.environ["OMP_NUM_THREADS"] = "1"

import torch

from dgm_lite.autoregressive.causal import CausalARM

DIM, LEVELS, TARGET = 64, 17, {1: None, 16: 35.0, 64: None}


def seconds(model: CausalARM, batch: int, *, cache: bool) -> tuple[float, torch.Tensor]:
    """CPU seconds for ``batch`` draws, and the draws."""
    generator = torch.Generator().manual_seed(0)
    start = time.thread_time()
    x = model.sample(batch, cache=cache, generator=generator)
    return time.thread_time() - start, x


def race(model: CausalARM, batch: int, rounds: int) -> tuple[float, float]:
    """The fastest naive and the fastest cached run, taking turns."""
    naive, cached = [], []
    for _ in range(rounds):
        slow, one = seconds(model, batch, cache=False)
        naive.append(slow)
        for _ in range(10):
            fast, two = seconds(model, batch, cache=True)
            cached.append(fast)
        assert torch.equal(one, two), "the two samplers gave different draws"
    return min(naive), min(cached)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=6)
    rounds = parser.parse_args().rounds
    torch.set_num_threads(1)
    torch.manual_seed(0)
    model = CausalARM(DIM, LEVELS).eval()
    print(f"torch {torch.__version__}, {platform.machine()}, one thread, D = {DIM}")
    print("batch   naive (ms)   cached (ms)   ratio   target")
    gc.disable()
    for batch, target in TARGET.items():
        naive, cached = race(model, batch, rounds)
        aim = f"{target:.0f}" if target else ""
        print(f"{batch:5}{1000 * naive:13.1f}{1000 * cached:14.2f}{naive / cached:8.1f}{aim:>9}")


if __name__ == "__main__":
    main()

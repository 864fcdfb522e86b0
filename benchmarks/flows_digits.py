"""Test nats of the dequantised flows on the 8x8 digits: three seeds, the catalog's own settings.

    python benchmarks/flows_digits.py                # about three minutes on one core

Settings were chosen on the validation split; the test split is measured once for each seed. All figures are
bounds: minus the mean elbo over 50 draws of the noise, and the importance-weighted bound with k = 200.
"""

import os
import statistics
import time
from dataclasses import replace

os.environ["OMP_NUM_THREADS"] = "1"

import torch

from dgm_lite import catalog
from dgm_lite.catalog.data import dataset
from dgm_lite.evaluate import likelihood
from dgm_lite.training.fit import fit


def bounds(model, x) -> tuple[float, float]:
    torch.manual_seed(1)
    elbo = likelihood.bits_per_dim(model, x, n_draws=50).nats
    return -elbo, -likelihood.importance_weighted(model, x, 200).nats


def main() -> None:
    torch.set_num_threads(1)
    for name in ("nice-digits", "realnvp-digits"):
        entry, found = catalog.model(name), []
        data = dataset(entry.data)
        for seed in range(3):
            torch.manual_seed(seed)
            model = entry.build().start_from_data(data.train)
            start = time.process_time()
            fit(model, data, replace(entry.config, seed=seed), bar=False)
            seconds = time.process_time() - start
            found.append(bounds(model, data.test))
            print(
                f"{name}, seed {seed}: {found[-1][0]:.2f} nats, IW-200 {found[-1][1]:.2f}, {seconds:.0f} s",
                flush=True,
            )
        for k, label in enumerate(("-ELBO", "IW-200")):
            values = [pair[k] for pair in found]
            error = statistics.stdev(values) / len(values) ** 0.5
            print(f"{name}, {label}: {statistics.mean(values):.2f} +- {error:.2f} nats (standard error)")


if __name__ == "__main__":
    main()

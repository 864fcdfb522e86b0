"""Ten trainings of every family on the same points of the plane: how far apart do they end?"""

from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import Tensor

from dgm_lite.comparison.competitors import Competitor
from dgm_lite.datasets.dataset import Dataset
from dgm_lite.datasets.toys import two_moons
from dgm_lite.evaluate import samples
from dgm_lite.training.config import TrainConfig
from dgm_lite.training.fit import fit

# The same points and the same number of steps for everybody.
SHARED = {"epochs": 40, "batch_size": 200}


def on_a_grid(data: Dataset, cells: int) -> Dataset:
    """Points of the plane as integers: the cell in which each lies, on a grid over all of them.

    Args:
        data: Points, (N, 2).
        cells: Cells along an axis.
    """
    low, high = data.train.min(0).values - 0.3, data.train.max(0).values + 0.3

    def cell(x: Tensor) -> Tensor:
        return ((x - low) / (high - low) * cells).long().clamp(0, cells - 1)

    splits = {name: cell(getattr(data, name)) for name in ("train", "valid", "test")}
    return replace(data, name=f"{data.name}, {cells} x {cells} cells", levels=cells, **splits)


def told_from_data(competitor: Competitor, epochs: int | None, seed: int) -> Iterator[tuple[str, float, str]]:
    """How often a forest tells draws of one training from test points: (quantity, value, unit).

    Args:
        competitor: What is trained.
        epochs: Instead of 40.
        seed: Of weights, batches and draws.
    """
    torch.manual_seed(seed)
    model, data = competitor.build(), two_moons()
    if getattr(model, "levels", None):
        data = on_a_grid(data, model.levels)
    if competitor.entry.start:
        getattr(model, competitor.entry.start)(data.train)
    shared = {**SHARED, "seed": seed, **({"epochs": epochs} if epochs else {})}
    fit(model, data, TrainConfig(**shared, **competitor.trial.training), bar=False, whole=True)
    x = model.sample(len(data.test), generator=torch.Generator().manual_seed(seed))
    yield "told from data", samples.two_sample(data.test.float(), x.float(), seed=seed), "share"

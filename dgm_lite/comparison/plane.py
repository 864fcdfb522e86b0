"""Ten trainings of every family on the same points of the plane: how far apart do they end?

Everybody has the same points, the same numbers of steps and the same six trials, on validation points, to
choose a learning rate and a memory. The last weights count: a game has no loss that could choose better ones.
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import product

import torch
from torch import Tensor, nn

from dgm_lite.comparison.competitors import Competitor
from dgm_lite.datasets.dataset import Dataset
from dgm_lite.datasets.toys import two_moons
from dgm_lite.evaluate import samples
from dgm_lite.training.config import TrainConfig
from dgm_lite.training.fit import fit

BATCH = 200
STEPS = (120, 480, 1440)  # from too short to long enough
RATES, MEMORIES = (1e-3, 3e-3, 1e-2), ((0.9, 0.999), (0.0, 0.99))
SETTINGS = [{"lr": lr, "betas": betas} for lr, betas in product(RATES, MEMORIES)]
TREES = 100


def corners(data: Dataset) -> tuple[Tensor, Tensor]:
    """The lower left and the upper right corner of the grid over all points, (2,) each."""
    return data.train.min(0).values - 0.3, data.train.max(0).values + 0.3


def on_a_grid(data: Dataset, cells: int) -> Dataset:
    """Points of the plane as integers: the cell in which each lies, on a grid over all of them.

    Args:
        data: Points, (N, 2).
        cells: Cells along an axis.
    """
    low, high = corners(data)

    def cell(x: Tensor) -> Tensor:
        return ((x - low) / (high - low) * cells).long().clamp(0, cells - 1)

    splits = {name: cell(getattr(data, name)) for name in ("train", "valid", "test")}
    return replace(data, name=f"{data.name}, {cells} x {cells} cells", levels=cells, **splits)


def told(n_steps: int, split: str) -> str:
    """Name of a quantity: how often draws after so many steps are told from the points of a split."""
    return f"told from {split} after {n_steps} steps"


def steps_of(epochs: int | None) -> tuple[int, ...]:
    """The budgets, or the one that was asked for instead."""
    return (epochs * len(two_moons().train) // BATCH,) if epochs else STEPS


def told_from_data(competitor: Competitor, epochs: int | None, seed: int) -> Iterator[tuple[str, float, str]]:
    """How often a forest tells draws of a training from test points, a training for each budget.

    Args:
        competitor: What is trained.
        epochs: Instead of the three budgets.
        seed: Of weights, batches and draws.

    Yields:
        (quantity, value, unit).
    """
    for n_steps in steps_of(epochs):
        model, data = trained(competitor, n_steps, seed, **competitor.trial.training)
        yield told(n_steps, "data"), _told(model, data.test, seed), "share"


def settings_tried(competitor: Competitor, epochs: int | None, seed: int) -> Iterator[tuple[str, float, str]]:
    """The same from validation points after the longest budget, for each of six settings.

    Args:
        competitor: What is trained.
        epochs: Instead of the longest budget.
        seed: Of weights, batches and draws.

    Yields:
        (quantity, value, unit).
    """
    n_steps = steps_of(epochs)[-1]
    for setting in SETTINGS:
        model, data = trained(competitor, n_steps, seed, **setting)
        yield f"{told(n_steps, 'valid')}, {named(setting)}", _told(model, data.valid, seed), "share"


def named(setting: dict) -> str:
    """A setting in words, as part of a quantity's name."""
    return f"lr {setting['lr']:g}, betas {setting['betas'][0]:g} {setting['betas'][1]:g}"


def trained(competitor: Competitor, n_steps: int, seed: int, **training) -> tuple[nn.Module, Dataset]:
    """A model after so many steps, and the points as it takes them.

    Args:
        competitor: What is trained.
        n_steps: Steps, in whole passes over the data.
        seed: Of weights and batches.
        training: Fields of ``TrainConfig``.
    """
    torch.manual_seed(seed)
    model, data = competitor.build(), two_moons()
    if getattr(model, "levels", None):
        data = on_a_grid(data, model.levels)
    if competitor.entry.start:
        getattr(model, competitor.entry.start)(data.train)
    epochs = n_steps * BATCH // len(data.train)
    config = TrainConfig(epochs=epochs, batch_size=BATCH, seed=seed, **training)
    fit(model, replace(data, valid=data.valid[:0], valid_labels=None), config, bar=False, whole=True)
    return model, data


def _told(model: nn.Module, real: Tensor, seed: int) -> float:
    x = model.sample(len(real), generator=torch.Generator().manual_seed(seed))
    return samples.two_sample(real.float(), x.float(), trees=TREES, seed=seed)

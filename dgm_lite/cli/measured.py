"""How good a model is on a split, in a line."""

import torch
from torch import nn

from dgm_lite.datasets.dataset import Dataset
from dgm_lite.evaluate import likelihood, samples
from dgm_lite.protocols import Bound, Density


def measured(model: nn.Module, data: Dataset, split: str, seed: int) -> str:
    """Its likelihood, or how easily its samples are told from data; the same seed gives the same figures."""
    x, *more = data.split(split)
    if not isinstance(model, Density | Bound):
        drawn = model.sample(len(x), generator=torch.Generator().manual_seed(seed))
        share = samples.two_sample(x.flatten(1), drawn.flatten(1), seed=seed % 2**32)
        return f"no likelihood; a forest tells samples from data in {share:.0%} of cases (50 %: not at all)"
    return str(likelihood.bits_per_dim(model, x, *more, seed=seed))

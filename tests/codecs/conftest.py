"""Small models for each lossless codec, off their starting weights, and arrays that are hard to code."""

import pytest
import torch
from torch import Tensor, nn

from dgm_lite import catalog, laws

LOSSLESS = {entry.name: entry.codec for entry in catalog.MODELS if entry.lossless}


def first(codec: str) -> str:
    """The name of the first entry with this codec."""
    return next(entry.name for entry in catalog.MODELS if entry.codec == codec)


def build(name: str, dim: int | None = None, levels: int | None = None, seed: int = 0) -> nn.Module:
    """The catalog's small instance in float32, as it would be trained."""
    torch.manual_seed(seed)
    small = catalog.model(name).small
    sizes = {k: v for k, v in {"dim": dim, "levels": levels}.items() if v is not None and k in small}
    return laws.prepare(catalog.model(name).build(**{**small, **sizes}), seed, scale=0.3).float()


def hard_arrays(dim: int, levels: int) -> dict[str, Tensor]:
    """Integers (N, D) by name: few, many, constant, extreme, in no order."""
    generator = torch.Generator().manual_seed(0)
    return {
        "one row": torch.randint(levels, (1, dim), generator=generator),
        "all zero": torch.zeros(5, dim, dtype=torch.long),
        "all highest": torch.full((5, dim), levels - 1),
        "extremes in turn": (torch.arange(7 * dim).view(7, dim) % 2) * (levels - 1),
        "noise": torch.randint(levels, (37, dim), generator=generator),
        "more rows than a batch": torch.randint(levels, (515, dim), generator=generator),
    }


@pytest.fixture(params=LOSSLESS, scope="module")
def name(request) -> str:
    return request.param

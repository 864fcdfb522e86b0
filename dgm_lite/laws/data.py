"""Laws of data sets: their splits are alike, and have no example in common."""

import itertools

import torch

from dgm_lite.laws.report import require


def splits_share_their_classes(data, tolerance: float = 4.0) -> None:
    """Each class has the same share in every split, up to chance: data sorted by class were shuffled.

    Args:
        data: A Dataset with labels.
        tolerance: Standard errors that a share may differ.
    """
    counts = [torch.bincount(getattr(data, f"{s}_labels")) for s in ("train", "valid", "test")]
    width = max(len(c) for c in counts)
    counts = torch.stack([torch.nn.functional.pad(c, (0, width - len(c))) for c in counts]).double()
    share = counts.sum(0) / counts.sum()
    expected = counts.sum(1, keepdim=True) * share
    far = ((counts - expected).abs() / (expected * (1 - share)).sqrt()).max()
    require(far < tolerance, f"a class's share differs between splits by {far:.1f} standard errors")


def splits_are_disjoint(data) -> None:
    """No example of one split stands in another."""
    rows = {s: {row.numpy().tobytes() for row in getattr(data, s)} for s in ("train", "valid", "test")}
    for one, two in itertools.combinations(rows, 2):
        both = rows[one] & rows[two]
        require(not both, f"{len(both)} examples of {data.name} stand in {one} and in {two}")

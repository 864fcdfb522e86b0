"""Eight Gaussians on a circle: whether a generator draws everything can be counted."""

import math

import torch
from torch import Tensor

from dgm_lite.shapes import check_count, check_real

RADIUS, STD = 2.0, 0.1


def centres() -> Tensor:
    """The eight means, (8, 2)."""
    angle = 2 * math.pi * torch.arange(8) / 8
    return RADIUS * torch.stack([angle.cos(), angle.sin()], dim=1)


def points(n: int, seed: int = 0) -> Tensor:
    """Draws of the mixture, all eight of equal share, (n, 2).

    Raises:
        ValueError: If n is below 1.
    """
    check_count(n, "points")
    generator = torch.Generator().manual_seed(seed)
    which = torch.randint(8, (n,), generator=generator)
    return centres()[which] + STD * torch.randn(n, 2, generator=generator)


def modes(x: Tensor, least: float = 0.02) -> int:
    """How many of the eight have at least a share ``least`` of the points within four standard deviations.

    Args:
        x: Points, (N, 2).
        least: Share of all points.

    Raises:
        ValueError: If the points are none of the plane.
    """
    near = torch.cdist(check_real(x, ("N", 2), "modes"), centres().to(x)) < 4 * STD
    return int((near.double().mean(0) >= least).sum())

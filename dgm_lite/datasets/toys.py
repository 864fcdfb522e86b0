"""Two-dimensional data whose plots explain things: every point can be drawn."""

import math

import torch

from dgm_lite.datasets.dataset import Dataset
from dgm_lite.datasets.rows import Point
from dgm_lite.shapes import check_count

# Orange and blue, the two classes of the first example: (mean, half axes, angle in degrees, share).
_ORANGE = [((-1.2, 0.6), (0.85, 0.38), 35.0, 0.6), ((0.3, 1.7), (0.65, 0.4), -25.0, 0.4)]
_BLUE = [((0.8, -0.8), (0.9, 0.42), 30.0, 0.6), ((1.8, 0.7), (0.5, 0.6), 0.0, 0.4)]


def orange_blue(n: int = 2000, seed: int = 0) -> Dataset:
    """Two classes of points in the plane, orange (0) and blue (1), two soft clouds each.

    Args:
        n: Points in all; 60 % train, 20 % validation, 20 % test.
        seed: The same seed gives the same points.

    Returns:
        Floats, shape (n, 2), with labels.

    Raises:
        ValueError: If n is below 5.
    """
    _check(n, "orange_blue")
    generator = torch.Generator().manual_seed(seed)
    y = torch.randint(2, (n,), generator=generator)
    second = torch.rand(n, generator=generator)
    eps = torch.randn(n, 2, generator=generator)
    x = torch.empty(n, 2)
    for label, clouds in enumerate((_ORANGE, _BLUE)):
        for k, (mean, axes, degrees, _) in enumerate(clouds):
            here = (y == label) & ((second >= clouds[0][3]) == bool(k))
            angle = math.radians(degrees)
            turn = torch.tensor([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
            x[here] = torch.tensor(mean) + (eps[here] * torch.tensor(axes)) @ turn
    return _split("orange and blue", x, y)


def two_moons(n: int = 2000, noise: float = 0.08, seed: int = 0) -> Dataset:
    """Two interleaved half circles of radius 1, with Gaussian noise.

    Args:
        n: Points in all; 60 % train, 20 % validation, 20 % test.
        noise: Standard deviation of the noise.
        seed: The same seed gives the same points.

    Returns:
        Floats, shape (n, 2), with labels.

    Raises:
        ValueError: If n is below 5.
    """
    _check(n, "two_moons")
    generator = torch.Generator().manual_seed(seed)
    y = torch.randint(2, (n,), generator=generator)
    angle = math.pi * torch.rand(n, generator=generator)
    upper = torch.stack([angle.cos() - 0.5, angle.sin() - 0.25], dim=1)
    x = torch.where(y[:, None] == 0, upper, -upper) + noise * torch.randn(n, 2, generator=generator)
    return _split("two moons", x, y)


def _check(n: int, owner: str) -> None:
    check_count(n, owner)
    if n < 5:
        raise ValueError(f"{owner}: expected at least 5 points for three splits, got {n}.")


def _split(name: str, x: torch.Tensor, y: torch.Tensor) -> Dataset:
    train, valid = int(0.6 * len(x)), int(0.8 * len(x))
    parts = slice(0, train), slice(train, valid), slice(valid, None)
    splits = *(x[p] for p in parts), *(y[p] for p in parts)
    return Dataset(name, *splits, rows=Point(), source="drawn by this file")

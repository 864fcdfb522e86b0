"""What commands write that draw or decode: numbers, or a picture where the data say what a row looks like."""

import io
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import torch

from dgm_lite import plot
from dgm_lite.datasets.dataset import Dataset
from dgm_lite.datasets.rows import Point

PICTURES = 10_000  # in one file: beyond, each would be a speck


def check(command: str, out: Path) -> None:
    """Refuse an ending that says neither numbers nor picture.

    Raises:
        ValueError: If it is another one than .npy or .png.
    """
    if out.suffix.lower() not in {".npy", ".png"}:
        raise ValueError(f"{command}: expected --out to end in .npy or .png, got {out.name!r}.")


def is_picture(out: Path) -> bool:
    """Whether the ending asks for a picture."""
    return out.suffix.lower() == ".png"


def check_picture(command: str, data: Dataset, n: int) -> None:
    """Refuse rows that can't be drawn.

    Raises:
        ValueError: If they are neither grey pictures nor points of the plane, or too many to be seen.
    """
    if n > PICTURES:
        raise ValueError(f"{command}: expected at most {PICTURES:,} rows for a .png, got {n:,}. Take .npy.")
    if data.picture_shape is None and not _in_the_plane(data):
        raise ValueError(
            f"{command}: expected data whose rows are grey pictures or points of the plane for a .png, got "
            f"{data.name!r}: {data.rows or 'it does not say what they are'}. Choose an --out in .npy."
        )


def _in_the_plane(data: Dataset) -> bool:
    return isinstance(data.rows, Point) and data.train.shape[1] == 2


def numbers(x: np.ndarray) -> bytes:
    """A .npy file."""
    written = io.BytesIO()
    np.save(written, x)
    return written.getvalue()


def picture(x: torch.Tensor, data: Dataset) -> bytes:
    """A .png file: a mosaic of pictures, or points.

    Args:
        x: Rows like those of the data, (N, D).
        data: Says what they are.
    """
    matplotlib.use("Agg")  # no window, no display needed
    plot.use_style()
    figure, ax = plt.subplots(figsize=(7, 7))
    if data.picture_shape:
        # Real numbers have the darkest value that the data have.
        levels = data.levels or int(data.train.max()) + 1
        columns = max(10, round(len(x) ** 0.5))
        plot.images(x, ax, shape=data.picture_shape, columns=columns, levels=levels)
    else:
        ax.scatter(x[:, 0], x[:, 1], s=5, c=plot.BLUE, lw=0)
        ax.set_aspect("equal")
    written = io.BytesIO()
    figure.savefig(written, format="png")
    plt.close(figure)
    return written.getvalue()

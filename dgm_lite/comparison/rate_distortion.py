"""How many bytes for how small an error: transform coders, principal components, JPEG and WebP.

    rate R = 8 bytes / pixels,   distortion Delta = mean of (x - decoded)^2    [book: eq. rate-distortion]

Bytes are those of complete files, with their headers, shapes and digests. Every file holds all images of a
set. A model's weights are no part of it: they belong to the decoder, as the tables of JPEG's standard do.
"""

import io
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from dgm_lite.catalog.entry import Entry
from dgm_lite.codecs import container
from dgm_lite.comparison.competitors import competitors
from dgm_lite.comparison.file_sizes import encoded, mosaic
from dgm_lite.datasets.dataset import Dataset
from dgm_lite.latent.transform_coder import TransformCoder, principal_axes
from dgm_lite.shapes import check_levels
from dgm_lite.training.config import TrainConfig
from dgm_lite.training.fit import fit

STDS = (0.9, 1.4, 2.2, 3.6, 6.0)  # sigma of each point, in grey levels
LINEAR_STDS = (0.3, 0.45, 0.65, 0.9, 1.4, 2.0, 3.0, 4.5, 7.0)  # for principal components, which need more
LAYOUTS = (1, 3, 16, 21, 28)  # images in a row of the page
QUALITIES = (1, 3, 5, 10, 15, 20, 30, 40, 50, 60, 70, 80, 85, 90, 95)
FLAT_STEPS = (255, 220, 180, 150, 120, 100, 80, 60, 40, 30, 20, 10)
ENTRY = next(c.entry for c in competitors("lossy") if not c.trial.attempt)


@dataclass(frozen=True)
class Point:
    """One file: what it costs, and how far from the truth is what it gives back.

    Args:
        setting: What made it, in words.
        n_bytes: Length of the complete file.
        mse: The distortion Delta: mean squared error of a pixel, in squared grey levels.
        n_pixels: Pixels in the file.
        levels: L.
    """

    setting: str
    n_bytes: int
    mse: float
    n_pixels: int
    levels: int

    @property
    def bits_per_pixel(self) -> float:
        """The rate R."""
        return 8 * self.n_bytes / self.n_pixels

    @property
    def psnr(self) -> float:
        """Peak signal-to-noise ratio 10 log10((L - 1)^2 / Delta), in decibels; infinite without an error."""
        return 10 * math.log10((self.levels - 1) ** 2 / self.mse) if self.mse else math.inf


def worth_a_bit(x: Tensor, std: float, *, least: int = 8) -> int:
    """How many principal components are worth a bit or more: those with a variance of at least 4 sigma^2.

    With the error sigma^2 left in it, a Gaussian number of variance v costs log2(v / sigma^2) / 2 bits.

    Args:
        x: Training images as real numbers, (N, D).
        std: sigma.
        least: Take at least so many. What bends needs some room.

    Source: Cover and Thomas (2006), Elements of information theory, section 10.3.3, reverse water-filling.
    """
    worth = int((principal_axes(x.double())[1] >= 4 * std**2).sum())
    return min(x.shape[1], max(least, worth))


def transform_coder(
    data: Dataset, std: float, *, entry: Entry = ENTRY, config: TrainConfig | None = None,
    learn: bool = True, seed: int = 0,
) -> TransformCoder:  # fmt: skip
    """A coder for one point of the curve.

    Args:
        data: Real numbers on the grid 0..16, as ``real_digits()``; validation chooses the weights.
        std: sigma, in grey levels: larger for smaller files.
        entry: Which coder.
        config: How to train; by default as the entry says.
        learn: False leaves encoder and decoder what they are at the start, all principal components, and
            fits only the probabilities. That is the classical transform coder.
        seed: Of the initial weights and the training.

    Raises:
        ValueError: If std is not above 0.
    """
    torch.manual_seed(seed)
    dim = data.train.shape[1]
    model = entry.build(dim=dim, std=std, latent_dim=worth_a_bit(data.train, std) if learn else dim)
    model.start_from_data(data.train)
    config = replace(config or entry.config, seed=seed)
    if not learn:
        config = replace(config, epochs=max(1, config.epochs // 4), lr=5 * config.lr, weight_decay=0.0)
        model.requires_grad_(False).prior.requires_grad_(True)
    fit(model, data, config, bar=False, whole=True)
    return model.requires_grad_(True)


def curve(coders: Iterable[TransformCoder], x: Tensor) -> list[Point]:
    """A point for each coder: the length of the file of x, decoded and compared.

    Args:
        coders: Trained coders.
        x: Integers 0 .. levels-1, (N, D).
    """
    points = []
    for model in coders:
        file = container.compress(model, x)
        back = torch.from_numpy(container.decompress(model, file))
        setting = f"sigma {model.likelihood.log_std.exp().item():.3g}"
        points.append(_point(setting, file, x, back, model.levels))
    return points


def through_format(
    x: Tensor, format: str, *, columns: int, levels: int = 17, **options
) -> tuple[bytes, Tensor]:
    """The file of x as one page of an image format, and the images that come back from it.

    Levels are spread over 0..255, and what comes back is rounded to the nearest level.

    Args:
        x: Integers 0 .. levels-1, (N, D), square images.
        format: JPEG or WEBP.
        columns: Images in a row of the page. There are no gaps, so that an image of 8 x 8 is a block.
        levels: L.
        **options: What Pillow's ``save`` takes, such as quality.

    Returns:
        The file, and integers 0 .. levels-1, (N, D).

    Raises:
        ValueError: If x has other numbers or another shape.
    """
    check_levels(x, levels, ("N", "D"), "through_format")
    side, scale = math.isqrt(x.shape[1]), 255 / (levels - 1)
    file = encoded(mosaic((x * scale).round().long(), columns, side=side), format, **options)
    with Image.open(io.BytesIO(file)) as opened:
        page = torch.from_numpy(np.array(opened.convert("L")))
    tiles = page.unfold(0, side, side).unfold(1, side, side).reshape(-1, side * side)[: len(x)]
    return file, (tiles / scale).round().clamp(0, levels - 1).long()


def jpeg(x: Tensor, *, levels: int = 17, layouts: Sequence[int] = LAYOUTS) -> list[Point]:
    """JPEG's curve, with what suits it best: see ``best``.

    With the quantisation tables of the standard, which are made for the eye, and with flat ones, which are
    better for the squared error; sequential and progressive.
    """
    tables = {f"quality {q}": {"quality": q} for q in QUALITIES}
    tables |= {f"flat tables of {step}": {"qtables": [[step] * 64]} for step in FLAT_STEPS}
    options = {
        f"{name}{', progressive' if progressive else ''}": {
            **table, "optimize": True, "progressive": progressive
        }
        for name, table in tables.items()
        for progressive in (False, True)
    }  # fmt: skip
    return best(_through(x, "JPEG", options, levels, layouts))


def webp(x: Tensor, *, levels: int = 17, layouts: Sequence[int] = LAYOUTS) -> list[Point]:
    """WebP's curve, with what suits it best: see ``best``."""
    options = {f"quality {q}": {"quality": q, "method": 6} for q in QUALITIES}
    return best(_through(x, "WEBP", options, levels, layouts))


def _through(
    x: Tensor, format: str, options: dict[str, dict], levels: int, layouts: Sequence[int]
) -> Iterator[Point]:
    for name, option in options.items():
        for columns in layouts:
            file, back = through_format(x, format, columns=columns, levels=levels, **option)
            yield _point(f"{name}, {columns} in a row", file, x, back, levels)


def _point(setting: str, file: bytes, x: Tensor, back: Tensor, levels: int) -> Point:
    return Point(setting, len(file), (x - back).double().square().mean().item(), x.numel(), levels)


def best(points: Iterable[Point]) -> list[Point]:
    """The corners of the curve below which no file lies and no mixture of two, from few bytes to many.

    Choosing among many settings by their result on these very images is a favour: do it for rivals only.
    """
    front: list[Point] = []
    for point in sorted(points, key=lambda p: (p.n_bytes, p.mse)):
        if front and point.mse >= front[-1].mse:
            continue  # more bytes for nothing
        while len(front) > 1 and _fall(front[-2], front[-1]) <= _fall(front[-2], point):
            front.pop()  # it lies on or above the straight line between its neighbours
        front.append(point)
    return front


def _fall(one: Point, other: Point) -> float:
    """By how much the error falls with each byte from one point to another."""
    return (one.mse - other.mse) / (other.n_bytes - one.n_bytes)


def bytes_at(points: Sequence[Point], mse: float) -> float:
    """Bytes of a curve at some error, between its points: log bytes is linear in log error there.

    Args:
        points: A curve, at least two points.
        mse: Squared grey levels.

    Raises:
        ValueError: If the curve doesn't reach that error.
    """
    known = sorted((p.mse, p.n_bytes) for p in points if p.mse > 0)
    if not reaches(points, mse):
        span = f"{known[0][0]:.3g} to {known[-1][0]:.3g}" if known else "nothing"
        raise ValueError(f"bytes_at: expected an error that the curve spans ({span}), got {mse:.3g}.")
    errors, sizes = np.log(np.array(known)).T
    return float(np.exp(np.interp(np.log(mse), errors, sizes)))


def reaches(points: Sequence[Point], mse: float) -> bool:
    """Whether a curve spans an error."""
    errors = [point.mse for point in points if point.mse > 0]
    return bool(errors) and min(errors) <= mse <= max(errors)


def shares(points: Sequence[Point], rival: Sequence[Point]) -> list[float | None]:
    """For each point, its bytes as a share of the rival's at its error; None where that doesn't reach."""
    return [p.n_bytes / bytes_at(rival, p.mse) if reaches(rival, p.mse) else None for p in points]

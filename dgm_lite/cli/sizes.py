"""Which data sets a model of the catalog takes, and its sizes for each of them."""

import math

from dgm_lite.catalog.data import DATA, dataset
from dgm_lite.catalog.entry import Entry
from dgm_lite.datasets.dataset import Dataset


def arguments(entry: Entry, name: str) -> dict:
    """The entry's constructor arguments, with the sizes of the data set of this name.

    Raises:
        ValueError: If there is no such data set, or the model takes other data; names those that it takes.
    """
    data = dataset(name)
    if not fits(entry, data):
        others = ", ".join(other for other in DATA if fits(entry, dataset(other)))
        raise ValueError(f"train: expected one of the data sets {others} for {entry.name}, got {name}.")
    if name == entry.data:
        return entry.arguments
    sizes = {
        "dim": data.train[0].numel(),
        "levels": data.levels or entry.arguments.get("levels"),
        "limits": (math.floor(data.train.min()) * 1.0, math.ceil(data.train.max()) * 1.0),
    }
    return {**entry.arguments, **{k: v for k, v in sizes.items() if k in entry.arguments}}


def fits(entry: Entry, data: Dataset) -> bool:
    """Whether a data set is of the kind that the model is meant for: real, of two levels, or of any."""
    meant = dataset(entry.data)
    if "levels" not in entry.arguments:
        return data.levels == meant.levels
    if meant.levels:
        return data.levels is not None
    return data.levels is None and type(data.rows) is type(
        meant.rows
    )  # levels are to be made of real numbers

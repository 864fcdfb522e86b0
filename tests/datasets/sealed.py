"""A data set with a split that nobody may look at."""

from dataclasses import fields

from dgm_lite.datasets.dataset import SPLITS, Dataset


class OpenedError(AssertionError):
    """A sealed split was read."""


class Sealed(Dataset):
    """The same data, but reading one split raises. Seal last: ``labelled`` and others make a copy."""

    def __getattribute__(self, name: str):
        found = super().__getattribute__("__dict__").get("sealed")
        if found is not None and name in (found, f"{found}_labels"):
            raise OpenedError(f"the {found} split of {self.name!r} was looked at")
        return super().__getattribute__(name)


def sealed(data: Dataset, split: str = "test") -> Sealed:
    """The data with this split sealed.

    Args:
        data: Any data set.
        split: train, valid or test.
    """
    assert split in SPLITS
    twin = Sealed(**{f.name: getattr(data, f.name) for f in fields(data)})
    twin.__dict__["sealed"] = split
    return twin

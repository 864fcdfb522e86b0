"""The data sets by name."""

from dgm_lite.datasets import images, toys
from dgm_lite.datasets.dataset import Dataset

DATA = {"digits": images.digits, "binary-digits": images.binary_digits,
        "dequantised-digits": images.dequantised_digits, "real-digits": images.real_digits,
        "digits28": images.digits28, "orange-blue": toys.orange_blue,
        "two-moons": toys.two_moons}  # fmt: skip


def dataset(name: str) -> Dataset:
    """The data set of this name.

    Raises:
        ValueError: If there is none; names those that there are.
    """
    if name not in DATA:
        raise ValueError(f"catalog: expected one of {', '.join(DATA)}; got {name!r}.")
    return DATA[name]()

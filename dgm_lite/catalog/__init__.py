"""Every model by name: the map, Table 1, the laws and the command line read it.

A model is entered once, in the file of its family. Listing the entries builds no model and imports none.
"""

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from dgm_lite import weights
from dgm_lite.catalog import autoregressive, flows, gan, latent
from dgm_lite.catalog.entry import Entry
from dgm_lite.identity import described, differences, identity, listed

MODELS: tuple[Entry, ...] = (*latent.MODELS, *autoregressive.MODELS, *flows.MODELS, *gan.MODELS)


def model(name: str) -> Entry:
    """The entry of this name.

    Raises:
        ValueError: If there is none; names those that there are.
    """
    for entry in MODELS:
        if entry.name == name:
            return entry
    raise ValueError(f"catalog: expected one of {', '.join(m.name for m in MODELS)}; got {name!r}.")


def load(file: str | Path) -> tuple[nn.Module, dict]:
    """The trained model in a weights file, and what the file says about it.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is damaged, foreign, or names no model of this catalog.
    """
    tensors, about = weights.read(file, kind="weights")
    name, arguments = about.get("name"), about.get("arguments")
    if not isinstance(name, str) or not isinstance(arguments, dict):
        raise ValueError(
            f"catalog: {Path(file).name} does not say which model it holds: save with catalog.save."
        )
    arguments = {k: tuple(v) if isinstance(v, list) else v for k, v in arguments.items()}
    _check_sketch(model(name), arguments, tensors, Path(file).name)
    trained = model(name).build(**arguments)
    return trained, weights.load(trained, file)


class _Counted(TorchFunctionMode):
    """An error after so many calls of torch's functions."""

    def __init__(self, most: int):
        super().__init__()
        self.left = most

    def __torch_function__(self, function, types, args=(), kwargs=None):
        self.left -= 1
        if self.left < 0:
            raise ValueError("more steps than the tensors in the file could need")
        return function(*args, **(kwargs or {}))


def _check_sketch(entry: Entry, arguments: dict, tensors: dict[str, Tensor], file: str) -> None:
    """Refuse arguments that ask for more than the file holds, before that takes memory or time.

    Raises:
        ValueError: If the arguments build no model, or a larger one than the tensors are of.
    """
    try:
        with torch.device("meta"), _Counted(1000 + 100 * len(tensors)):  # shapes without numbers
            sketch = entry.build(**arguments).state_dict()
    except Exception as error:  # whatever a constructor makes of arguments that somebody else wrote
        raise ValueError(
            f"catalog: {file}: expected arguments that {entry.name} takes, got others ({error})."
        ) from error
    if sum(value.nbytes for value in sketch.values()) > sum(value.nbytes for value in tensors.values()):
        own, theirs = ({name: described(value) for name, value in each.items()} for each in (sketch, tensors))
        different = listed(differences({"tensors": own}, {"tensors": theirs}))
        raise ValueError(f"catalog: {file} does not fit {entry.name}: expected {different}.")


def check(trained: nn.Module, name: str, arguments: dict) -> None:
    """Refuse a model that is not the one of this name with these arguments, whatever its weights.

    Args:
        trained: The model.
        name: Its name in this catalog.
        arguments: What it was built with, as far as it is not the catalog's default.

    Raises:
        ValueError: If the catalog has no model of this name, or builds another one with these arguments.
    """
    with torch.random.fork_rng(devices=[]):
        built = model(name).build(**arguments)
    different = differences(identity(built), identity(trained))
    if different:
        raise ValueError(
            f"catalog: expected the model that {name!r} is with these arguments, got another one: "
            f"expected {listed(different)}."
        )


def save(trained: nn.Module, file: str | Path, name: str, arguments: dict, **about) -> None:
    """Save a trained model so that ``load`` needs nothing but the file.

    Args:
        trained: The model.
        file: Where to; by custom it ends in .safetensors.
        name: Its name in this catalog.
        arguments: What it was built with, as far as it is not the catalog's default.
        **about: Facts to keep. The command line needs ``data``, the name of the data set.

    Raises:
        ValueError: If the catalog has no model of this name, or builds another one with these arguments.
    """
    check(trained, name, arguments)
    weights.save(trained, file, name=name, arguments={**model(name).arguments, **arguments}, **about)

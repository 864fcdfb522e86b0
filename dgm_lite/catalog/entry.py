"""What the catalog knows of a model."""

from dataclasses import dataclass
from importlib import import_module
from inspect import signature

from torch import nn

from dgm_lite.training.config import TrainConfig


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A model that can be built by name.

    Args:
        name: Name on the command line.
        title: Name in tables.
        family: Key of its family.
        address: Where its class lives, "module:Class".
        chapter: The page that explains it, below book/, or None.
        data: Key of ``DATA``: what it is trained on by default.
        arguments: Constructor arguments for that data.
        config: How it is trained by default.
        small: Constructor arguments of an instance small enough to be enumerated or integrated.
        start: Name of a method that sets initial weights from the training data, or "".
    """

    name: str
    title: str
    family: str
    address: str
    chapter: str | None
    data: str
    arguments: dict
    config: TrainConfig
    small: dict
    start: str = ""

    def build(self, **changes) -> nn.Module:
        """The model with its default arguments, or with changes to them.

        Raises:
            ValueError: If the model takes no such argument.
        """
        module, name = self.address.split(":")
        make = getattr(import_module(module), name)
        arguments = {**self.arguments, **changes}
        unknown = set(arguments) - set(signature(make).parameters)
        if unknown:
            raise ValueError(
                f"catalog: expected arguments of {name} ({', '.join(signature(make).parameters)}), "
                f"got {', '.join(sorted(unknown))}."
            )
        return make(**arguments)

"""What the catalog knows of a model, and how a model takes part in the comparison."""

from dataclasses import dataclass, field
from importlib import import_module
from inspect import signature

from torch import nn

from dgm_lite.training.config import TrainConfig


@dataclass(frozen=True, kw_only=True)
class Trial:
    """A part of the comparison that a model takes part in, and with what.

    Args:
        part: "digits", "stability" (trainings in the plane), "sampling", "lossy", or "lossless" without p(x).
        name: Name in the results; by default the entry's.
        address: Another way to build it than the entry's, "module:function", with no arguments but these.
        arguments: Constructor arguments beside the entry's, or in their place.
        training: Fields of ``TrainConfig`` beside those that all models of the part share.
        sampling: Options of ``sample``.
        quoted: Whether Table 1 quotes its figures for the family: once for each part and family.
        attempt: Which attempt of ``comparison.attempts`` makes its code, or "" for its own codec.
        beside: Words for a trial that stands beside those that count, such as a remedy, or "".
    """

    part: str
    name: str = ""
    address: str = ""
    arguments: dict = field(default_factory=dict)
    training: dict = field(default_factory=dict)
    sampling: dict = field(default_factory=dict)
    quoted: bool = False
    attempt: str = ""
    beside: str = ""


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
        codec: Name of its codec in ``dgm_lite.codecs``, or "".
        colour: Name of its colour in figures, one of those in ``plot``.
        trials: Its part in the comparison.
        weights: File in ``data`` that holds it trained, or "".
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
    codec: str = ""
    colour: str = "grey"
    trials: tuple[Trial, ...] = ()
    weights: str = ""

    @property
    def lossless(self) -> bool:
        """Whether it has a codec that gives back every number."""
        return self.codec not in ("", "lossy")

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

"""A data set: three splits, their labels, and what its numbers mean."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from dgm_lite.shapes import check_count, show


@dataclass(frozen=True, eq=False)
class Dataset:
    """Train, validation and test examples with optional labels.

    Args:
        name: What it is called in tables.
        train: Training examples, (N, *event). Integers where ``levels`` is given, else floats.
        valid: Validation examples: models are chosen on these.
        test: Test examples: looked at once, at the end.
        train_labels: Class numbers of the training examples, (N,), or None.
        valid_labels: The same for validation.
        test_labels: The same for test.
        levels: Values 0 .. levels-1 of discrete data; None for continuous data.
        source: Where the data come from, with their licence.
        with_labels: Whether batches are (x, y) instead of (x,); see ``labelled``.

    Raises:
        ValueError: If the splits differ in the shape of an example, or labels do not match examples.
    """

    name: str
    train: Tensor
    valid: Tensor
    test: Tensor
    train_labels: Tensor | None = None
    valid_labels: Tensor | None = None
    test_labels: Tensor | None = None
    levels: int | None = None
    source: str = ""
    with_labels: bool = False

    def __post_init__(self):
        for split in ("train", "valid", "test"):
            x, y = getattr(self, split), getattr(self, f"{split}_labels")
            if not isinstance(x, Tensor) or x.dim() < 2 or x.shape[1:] != self.train.shape[1:]:
                got = show(tuple(x.shape)) if isinstance(x, Tensor) else type(x).__name__
                event = (
                    show(("N", *self.train.shape[1:])) if isinstance(self.train, Tensor) else "(N, *event)"
                )
                raise ValueError(
                    f"Dataset {self.name!r}: expected {split} to be a tensor {event}, got {got}."
                )
            if y is not None and (not isinstance(y, Tensor) or y.shape != x.shape[:1]):
                got = show(tuple(y.shape)) if isinstance(y, Tensor) else type(y).__name__
                raise ValueError(f"Dataset {self.name!r}: expected {len(x)} {split} labels, got {got}.")

    def labelled(self) -> "Dataset":
        """The same data, giving batches (x, y) instead of (x,): for classifiers and conditional models.

        Raises:
            ValueError: If there are no labels.
        """
        if self.train_labels is None:
            raise ValueError(f"{self.name}: expected a data set with labels, got one without.")
        return replace(self, with_labels=True)

    def only(self, label: int) -> "Dataset":
        """The examples of one class: the data of p(x | y = label).

        Raises:
            ValueError: If there are no labels, or no example of this class.
        """
        if self.train_labels is None or not (self.train_labels == label).any():
            raise ValueError(f"{self.name}: expected a class with examples, got label {label!r}.")
        splits = {}
        for split in ("train", "valid", "test"):
            x, y = getattr(self, split), getattr(self, f"{split}_labels")
            splits |= {split: x[y == label], f"{split}_labels": y[y == label]}
        return replace(self, name=f"{self.name}, class {label}", **splits)

    def first(self, n: int) -> "Dataset":
        """The same data with only the first n training examples (or labels: asking costs money).

        Raises:
            ValueError: If there are fewer than n.
        """
        check_count(n, f"{self.name}.first")
        if n > len(self.train):
            raise ValueError(f"{self.name}.first: expected n up to {len(self.train)}, got {n}.")
        labels = None if self.train_labels is None else self.train_labels[:n]
        return replace(self, train=self.train[:n], train_labels=labels)

    def split(self, name: str) -> tuple[Tensor, ...]:
        """(x,) of one split, or (x, y) after ``labelled``.

        Raises:
            ValueError: If there is no such split.
        """
        if name not in ("train", "valid", "test"):
            raise ValueError(f"{self.name}: expected the split train, valid or test, got {name!r}.")
        x = getattr(self, name)
        return (x, getattr(self, f"{name}_labels")) if self.with_labels else (x,)

    def batches(self, size: int, generator: torch.Generator) -> Iterator[tuple[Tensor, ...]]:
        """One pass over the training examples in random order, the last batch possibly smaller.

        Args:
            size: Examples in a batch.
            generator: Source of the order.

        Yields:
            (x,) or (x, y), B examples each.

        Raises:
            ValueError: If the size is below 1.
        """
        check_count(size, f"{self.name}.batches", "size")
        columns = self.split("train")
        for index in torch.randperm(len(self.train), generator=generator).split(size):
            yield tuple(column[index] for column in columns)

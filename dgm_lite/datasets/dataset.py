"""A data set: three splits, their labels, and what its numbers mean."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from dgm_lite.shapes import check_count


@dataclass(frozen=True)
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

    def labelled(self) -> "Dataset":
        """The same data, giving batches (x, y) instead of (x,): for classifiers and conditional models.

        Raises:
            ValueError: If there are no labels.
        """
        if self.train_labels is None:
            raise ValueError(f"{self.name}: expected a data set with labels, this one has none.")
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
        """The same data with only the first n training examples (or labels: asking costs money)."""
        check_count(n, f"{self.name}.first")
        labels = None if self.train_labels is None else self.train_labels[:n]
        return replace(self, train=self.train[:n], train_labels=labels)

    def split(self, name: str) -> tuple[Tensor, ...]:
        """(x,) of one split, or (x, y) after ``labelled``."""
        x = getattr(self, name)
        return (x, getattr(self, f"{name}_labels")) if self.with_labels else (x,)

    def batches(self, size: int, generator: torch.Generator) -> Iterator[tuple[Tensor, ...]]:
        """One pass over the training examples in random order, the last batch possibly smaller.

        Args:
            size: Examples in a batch.
            generator: Source of the order.
        """
        check_count(size, f"{self.name}.batches", "size")
        columns = self.split("train")
        for index in torch.randperm(len(self.train), generator=generator).split(size):
            yield tuple(column[index] for column in columns)

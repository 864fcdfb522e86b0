"""A data set: three splits with columns by name, and what their rows and numbers mean."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor

from dgm_lite.datasets.columns import as_column, check_beside, check_examples, check_per_example, check_whole
from dgm_lite.datasets.rows import Picture, Rows
from dgm_lite.shapes import check_count

SPLITS = ("train", "valid", "test")
# Columns with one whole number for each example, and what messages call them.
ONE_NUMBER = {"y": "labels", "length": "lengths", "domain": "domains"}


@dataclass(frozen=True, eq=False)
class Dataset:
    """Train, validation and test examples: any number of columns by name, x first among them.

    ``train``, ``valid`` and ``test`` are the columns x; a split with more than x and labels is given as a
    dict, ``{"x": tokens, "length": lengths}``. Names with a meaning: ``y``, class numbers (the labels);
    ``length``, how many numbers of a padded row count; ``domain``, where an example is from. Others, such
    as ``action``, are yours. Tensors and numpy arrays of any number type will do: floats become torch's
    default type (float32), as models have it; integers and booleans become int64. Arrays are copied;
    tensors that have the right type already are not.

    Args:
        name: What it is called in tables.
        train: Training examples, (N, *event), or their columns by name.
        valid: Validation examples: models are chosen on these. May be empty.
        test: Test examples: looked at once, at the end. May be empty.
        train_labels: Class numbers 0 .. K-1 of the training examples, (N,), or None.
        valid_labels: The same for validation.
        test_labels: The same for test.
        levels: Values 0 .. levels-1 of discrete data; None for continuous data.
        source: Where the data come from, with their licence.
        rows: What one example is: ``Picture(8, 8)``, ``Point()``, ``Tokens()``, …; None: not said.
        used: Names of the columns that a batch has, in the order in which ``loss`` takes them.
        more: Columns beside x and y, by split and name.

    Example:
        >>> from dgm_lite.datasets.rows import Tokens
        >>> x, length = torch.tensor([[3, 1, 4, 0], [1, 5, 0, 0], [2, 0, 0, 0]]), torch.tensor([3, 2, 1])
        >>> train, valid, test = ({"x": x[i : i + 1], "length": length[i : i + 1]} for i in range(3))
        >>> words = Dataset("words", train, valid, test, levels=6, rows=Tokens())
        >>> words.train
        tensor([[3, 1, 4, 0]])
        >>> words.using("x", "length").split("valid")
        (tensor([[1, 5, 0, 0]]), tensor([2]))

    Raises:
        ValueError: If a column is not what it says it is: not one row for each example, of other shape or
            kind in another split, values outside 0 .. levels-1, labels that are no class numbers, lengths
            beyond the row, rows that cannot be what ``rows`` says, NaN or infinity.
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
    rows: Rows | None = None
    used: tuple[str, ...] = ("x",)
    more: Mapping[str, Mapping[str, Tensor]] = field(default_factory=dict)

    def __post_init__(self):
        if self.levels is not None:
            check_count(self.levels, f"Dataset {self.name!r}", "levels")
        if self.rows is not None and not isinstance(self.rows, Rows):
            got = f"the class {self.rows.__name__}" if isinstance(self.rows, type) else repr(self.rows)
            raise ValueError(
                f"Dataset {self.name!r}: expected rows such as Picture(8, 8) or None, got {got}."
            )
        more = {}
        for split in SPLITS:
            columns = self._given(split)
            tensors = {name: as_column(values, self._owner(split, name)) for name, values in columns.items()}
            object.__setattr__(self, split, tensors.pop("x"))
            object.__setattr__(self, f"{split}_labels", tensors.pop("y", None))
            more[split] = tensors
        object.__setattr__(self, "more", more)
        for split in SPLITS:
            self._check(split)
        if self.used != ("x",):
            self.using(*self.used)

    def _owner(self, split: str, column: str) -> str:
        return f"Dataset {self.name!r}, {split} {'labels' if column == 'y' else column}"

    def _given(self, split: str) -> dict[str, Tensor | np.ndarray]:
        """The columns of a split as they were passed, in one dict."""
        given, labels = getattr(self, split), getattr(self, f"{split}_labels")
        given = given if isinstance(given, Mapping) else {"x": given}
        if "x" not in given:
            raise ValueError(f"Dataset {self.name!r}: expected a column 'x' in {split}, got {list(given)}.")
        return {**self.more.get(split, {}), **({} if labels is None else {"y": labels}), **given}

    def _check(self, split: str) -> None:
        """Every column of a split is what it says it is, and what it is in the training split."""
        x, train = getattr(self, split), self.columns("train")
        check_examples(x, self._owner(split, "x"), self.levels, self.rows)
        if split == "train" and len(x) == 0:
            raise ValueError(f"Dataset {self.name!r}: expected at least one training example, got none.")
        for name, column in self.columns(split).items():
            owner = self._owner(split, name)
            if name in ONE_NUMBER:
                check_per_example(column, len(x), owner, f"{split} {ONE_NUMBER[name]}")
                if name == "length":
                    width = self.train.shape[1]
                    check_whole(column, 1, width, owner, f"a row has {width}")
                else:
                    check_whole(column, 0, None, owner, "numbers of classes")
            check_beside(column, len(x), train.get(name, column), owner)

    @property
    def picture_shape(self) -> tuple[int, int] | None:
        """Height and width where every row is one grey picture, for ``plot.images``; None elsewhere."""
        grey = type(self.rows) is Picture and self.rows.channels == 1
        return (self.rows.height, self.rows.width) if grey else None

    def columns(self, split: str) -> dict[str, Tensor]:
        """Every column of a split by name, x first, then y if there are labels.

        Raises:
            ValueError: If there is no such split.
        """
        if split not in SPLITS:
            raise ValueError(f"{self.name}: expected the split train, valid or test, got {split!r}.")
        x, y = getattr(self, split), getattr(self, f"{split}_labels")
        return {"x": x} | ({} if y is None else {"y": y}) | self.more[split]

    def using(self, *names: str) -> "Dataset":
        """The same data, giving batches of these columns, in this order: what ``model.loss`` takes.

        Raises:
            ValueError: If there is no such column in the training split, or none in a validation split
                that has examples.
        """
        for split in ("train", "valid") if len(self.valid) else ("train",):
            there = self.columns(split)
            for name in names or ("",):
                if name not in there:
                    wanted, remedy = f"a column {name!r}", f"give {split} as a dict with {name!r}"
                    if name == "y":
                        wanted, remedy = "labels", f"pass {split}_labels"
                    got = f"only {', '.join(there)}"
                    raise ValueError(f"{self.name}: expected {wanted} in {split}, got {got}; {remedy}.")
        return self if names == self.used else replace(self, used=names)

    def labelled(self) -> "Dataset":
        """The same data, giving batches (x, y) instead of (x,): for classifiers and conditional models.

        Raises:
            ValueError: If there are no labels in train, or none in valid.
        """
        return self.using("x", "y")

    def only(self, label: int) -> "Dataset":
        """The examples of one class: the data of p(x | y = label).

        Raises:
            ValueError: If a split has no labels, or there is no training example of this class.
        """
        unknown = [split for split in SPLITS if getattr(self, f"{split}_labels") is None]
        if [split for split in unknown if len(getattr(self, split))]:
            got = f"none in {', '.join(unknown)}"
            raise ValueError(f"{self.name}: expected the class of every example, got {got}.")
        if not (self.train_labels == label).any():
            classes = self.train_labels.unique().tolist()
            raise ValueError(f"{self.name}: expected one of the classes {classes}, got label {label!r}.")
        of_class = {s: getattr(self, f"{s}_labels") == label for s in SPLITS if s not in unknown}
        return replace(self._rows(of_class), name=f"{self.name}, class {label}")

    def first(self, n: int) -> "Dataset":
        """The same data with only the first n training examples (or labels: asking costs money).

        Raises:
            ValueError: If there are fewer than n.
        """
        check_count(n, f"{self.name}.first")
        if n > len(self.train):
            raise ValueError(f"{self.name}.first: expected n up to {len(self.train)}, got {n}.")
        return self._rows({"train": slice(n)})

    def _rows(self, chosen: Mapping[str, Tensor | slice]) -> "Dataset":
        """The same data with only these rows of these splits, in every column."""
        changes = {"more": dict(self.more)}
        for split, index in chosen.items():
            columns = {name: column[index] for name, column in self.columns(split).items()}
            changes |= {split: columns.pop("x"), f"{split}_labels": columns.pop("y", None)}
            changes["more"][split] = columns
        return replace(self, **changes)

    def split(self, name: str) -> tuple[Tensor, ...]:
        """The columns of one split that a batch has: (x,), or (x, y) after ``labelled``.

        Raises:
            ValueError: If there is no such split, or the split has no such column.
        """
        columns = self.columns(name)
        for column in self.used:
            if column not in columns:
                got = f"only {', '.join(columns)}"
                raise ValueError(f"{self.name}: expected a column {column!r} in {name}, got {got}.")
        return tuple(columns[column] for column in self.used)

    def batches(self, size: int, generator: torch.Generator) -> Iterator[tuple[Tensor, ...]]:
        """One pass over the training examples in random order, the last batch possibly smaller.

        Args:
            size: Examples in a batch.
            generator: Source of the order.

        Yields:
            The columns in use, (x,) or (x, y), B examples each.

        Raises:
            ValueError: If the size is below 1.
        """
        check_count(size, f"{self.name}.batches", "size")
        columns = self.split("train")
        for index in torch.randperm(len(self.train), generator=generator).split(size):
            yield tuple(column[index] for column in columns)

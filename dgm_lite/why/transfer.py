"""Classifiers that an attacker has not seen: does a change that was made against one fool another?"""

from collections.abc import Callable
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dgm_lite.datasets.dataset import Dataset
from dgm_lite.shapes import check_count, check_labels, check_shape
from dgm_lite.training.config import TrainConfig
from dgm_lite.training.fit import fit


def trained(
    start: Callable[[], nn.Module], data: Dataset, *, seed: int, epochs: int = 40, **settings
) -> nn.Module:
    """A new classifier from its own first weights, trained and from then on fixed.

    Args:
        start: Makes the classifier.
        data: Examples with labels.
        seed: Of the first weights and of the order of the batches.
        epochs: Epochs of training.
        settings: Whatever else ``TrainConfig`` takes.
    """
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        classifier = start()
        config = TrainConfig(epochs=epochs, seed=seed, **settings)
        fit(classifier, data.labelled(), config, bar=False, whole=True)
    return classifier.requires_grad_(False)


def fewer(data: Dataset, n: int) -> Dataset:
    """The same data with the first n training examples only.

    Raises:
        ValueError: If n is below 1, or there are not so many.
    """
    check_count(n, "fewer", "n")
    if n > len(data.train):
        raise ValueError(f"fewer: expected n up to {len(data.train)} examples, got {n}.")
    return replace(data, train=data.train[:n], train_labels=data.train_labels[:n])


def other_examples(data: Dataset) -> Dataset:
    """The validation examples train, and as many training examples validate."""
    few = fewer(data, len(data.valid))
    return replace(
        data, train=data.valid, train_labels=data.valid_labels, valid=few.train, valid_labels=few.train_labels
    )


def nearest_neighbour(train: Tensor, labels: Tensor, n_classes: int) -> Callable[[Tensor], Tensor]:
    """A classifier that gives each object the label of the nearest training object.

    Args:
        train: Training objects, (N, D).
        labels: Their labels, (N,).
        n_classes: How many classes there are.

    Returns:
        Maps (B, D) to votes (B, n_classes): 1 for the label, 0 for the others.

    Raises:
        ValueError: If there is not one label for each object.
    """
    check_shape(train, ("N", "D"), "nearest_neighbour")
    check_labels(labels, n_classes, len(train), "nearest_neighbour")
    return lambda x: F.one_hot(labels[torch.cdist(x.float(), train.float()).argmin(1)], n_classes)

"""The two factorisations of p(x, y) on the same data, with few labels and with many."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from dgm_lite.datasets.dataset import Dataset
from dgm_lite.evaluate import decisions, likelihood
from dgm_lite.joint.class_conditional import ClassConditional
from dgm_lite.joint.classifier import Classifier
from dgm_lite.joint.classifier_density import ClassifierDensity
from dgm_lite.latent.mixture import GaussianMixture
from dgm_lite.training.config import TrainConfig
from dgm_lite.training.fit import fit


@dataclass(frozen=True)
class Scores:
    """What both factorisations reach, each array of shape (seeds, numbers of labels).

    Args:
        n_labels: How many training points had their label revealed.
        accuracy: Share of test points with the right label, by factorisation.
        log_px: Mean log p(x) of the test points in nats, by factorisation.
        calibration: Expected calibration error on the test points, by factorisation.
    """

    n_labels: Sequence[int]
    accuracy: dict[str, Tensor]
    log_px: dict[str, Tensor]
    calibration: dict[str, Tensor]


FIRST, SECOND = "p(y|x) p(x)", "p(x|y) p(y)"


def reveal_labels(data: Dataset, n: int, seed: int) -> Dataset:
    """The same data with only n randomly chosen training points, those whose labels we paid for.

    Raises:
        ValueError: If there are fewer than n training points, or n is below 2.
    """
    if not 2 <= n <= len(data.train):
        raise ValueError(f"reveal_labels: expected n from 2 to {len(data.train)}, got {n}.")
    order = torch.randperm(len(data.train), generator=torch.Generator().manual_seed(seed))
    # The first point of each class comes first: a class without any label could not be learnt at all.
    ahead = [order[data.train_labels[order] == y][:1] for y in (0, 1)]
    chosen = torch.cat(ahead + [order[~torch.isin(order, torch.cat(ahead))]])[:n]
    return replace(data, train=data.train[chosen], train_labels=data.train_labels[chosen])


def density_of_all(data: Dataset, seed: int = 0) -> GaussianMixture:
    """p(x) from all training points: a density needs no labels."""
    torch.manual_seed(seed)
    density = GaussianMixture(2, 8).start_from_data(data.train)
    fit(density, data, TrainConfig(epochs=40, lr=0.03, batch_size=200, seed=seed), bar=False, whole=True)
    return density


def first_way(density: GaussianMixture, few: Dataset, seed: int = 0) -> ClassifierDensity:
    """p(y | x) from the labelled points beside a p(x) that is already there."""
    torch.manual_seed(seed)
    classifier = Classifier(2, 2, hidden=32)
    fit(
        classifier,
        few.labelled(),
        TrainConfig(epochs=_epochs(few), lr=0.01, weight_decay=0.01, seed=seed),
        bar=False,
        whole=True,
    )
    return ClassifierDensity(classifier, density)


def second_way(few: Dataset, seed: int = 0) -> ClassConditional:
    """p(x | y) and p(y) from the labelled points: a point without a label belongs to no class's density."""
    torch.manual_seed(seed)
    by_class = [few.train[few.train_labels == y] for y in (0, 1)]
    spread = few.train.std(0, correction=0)
    densities = [GaussianMixture(2, 2).start_from_data(x, spread=spread) for x in by_class]
    both = ClassConditional(densities)
    fit(both, few.labelled(), TrainConfig(epochs=_epochs(few), lr=0.03, seed=seed), bar=False, whole=True)
    return both


def _epochs(few: Dataset) -> int:
    return max(20, min(150, 3000 // len(few.train)))


def by_number_of_labels(data: Dataset, n_labels: Sequence[int], n_seeds: int) -> Scores:
    """Train both factorisations with few to many labels and score them on the test points.

    Args:
        data: Two classes of points in the plane.
        n_labels: Numbers of labels to try.
        n_seeds: Runs of each, with other labels and other first weights.
    """
    shape = (n_seeds, len(n_labels))
    names = (FIRST, SECOND)
    scores = Scores(n_labels, *({name: torch.zeros(shape) for name in names} for _ in range(3)))
    for seed in range(n_seeds):
        density = density_of_all(data, seed)
        for j, n in enumerate(n_labels):
            few = reveal_labels(data, n, seed)
            _score(first_way(density, few, seed), data, scores, FIRST, (seed, j))
            _score(second_way(few, seed), data, scores, SECOND, (seed, j))
    return scores


@torch.no_grad()
def _score(model, data: Dataset, scores: Scores, name: str, at: tuple[int, int]) -> None:
    labels = model.classifier if isinstance(model, ClassifierDensity) else model
    confidence, label = labels.log_prob_labels(data.test).exp().max(1)
    correct = label == data.test_labels
    scores.accuracy[name][at] = correct.float().mean()
    scores.log_px[name][at] = likelihood.log_prob(model, data.test).mean()
    scores.calibration[name][at] = decisions.calibration_error(confidence, correct)

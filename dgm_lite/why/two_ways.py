"""The two factorisations of p(x, y) on the same data, with few labels and with many.

p(y | x) p(x)   a network learns from the labelled points, a density from all
p(x | y) p(y)   one density for each class learns from the labelled points, or from all of them
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import torch
from scipy.stats import t as student
from torch import Tensor, nn

from dgm_lite.datasets.dataset import Dataset
from dgm_lite.datasets.toys import orange_blue, two_moons
from dgm_lite.evaluate import decisions
from dgm_lite.joint.class_conditional import ClassConditional
from dgm_lite.joint.classifier import Classifier
from dgm_lite.joint.classifier_density import ClassifierDensity
from dgm_lite.joint.expectation_maximisation import UNKNOWN, em
from dgm_lite.latent.mixture import GaussianMixture
from dgm_lite.training.config import TrainConfig
from dgm_lite.training.fit import fit, mean_loss

CLASSES = 2
N_LABELS = (10, 30, 100, 300, 1000)
ROUNDS = 60  # of EM, for every mixture
FIRST, ALL, ALONE = "p(y|x) p(x)", "p(x|y) p(y), all points", "p(x|y) p(y), labelled points alone"
MEASURES = ("log p(x)", "log p(y|x)", "accuracy", "calibration error")


@torch.no_grad()
def slopes_far_out(classifier: Classifier, direction: Tensor) -> Tensor:
    """Slope of every logit far out along rays: the network of max(0, a), without its biases, (B, n_classes).

    Args:
        classifier: Its SiLU units become max(0, a) where |a| is large.
        direction: Unit vectors, (B, D).

    Source: book eq. `far-out`; Hein et al. (2019), Why ReLU networks yield high-confidence predictions far
    away from the training data, theorem 3.1, for units that are linear in pieces.
    """
    slope = direction / classifier.scale
    for layer in classifier.net:
        slope = slope @ layer.weight.T if isinstance(layer, nn.Linear) else slope.relu()
    return slope


def reveal_labels(data: Dataset, n: int, seed: int) -> Tensor:
    """Labels of n random training points, at least one of each class; UNKNOWN for the others, (N,).

    Raises:
        ValueError: If there are fewer than n training points, or n is below 2.
    """
    if not 2 <= n <= len(data.train):
        raise ValueError(f"reveal_labels: expected n from 2 to {len(data.train)}, got {n}.")
    order = torch.randperm(len(data.train), generator=torch.Generator().manual_seed(seed))
    # The first point of each class comes first: a class without any label could not be learnt at all.
    ahead = [order[data.train_labels[order] == y][:1] for y in range(CLASSES)]
    chosen = torch.cat(ahead + [order[~torch.isin(order, torch.cat(ahead))]])[:n]
    labels = torch.full_like(data.train_labels, UNKNOWN)
    labels[chosen] = data.train_labels[chosen]
    return labels


@dataclass(frozen=True)
class Mixture:
    """Settings of a density: components in all, and imagined points of each (see ``em``)."""

    n_components: int
    imagined: float


@dataclass(frozen=True)
class Network:
    """Settings of a classifier: weight decay of AdamW, and updates."""

    weight_decay: float
    updates: int


def density_of(x: Tensor, chosen: Mixture, seed: int = 0) -> GaussianMixture:
    """p(x) by EM on all points: a density needs no labels."""
    density = GaussianMixture(x.shape[1], chosen.n_components)
    density.start_from_data(x, generator=torch.Generator().manual_seed(seed))
    em(ClassConditional([density]), x, torch.full((len(x),), UNKNOWN), rounds=ROUNDS,
       imagined=chosen.imagined)  # fmt: skip
    return density


def classifier_of(x: Tensor, y: Tensor, chosen: Network, seed: int = 0) -> Classifier:
    """p(y | x) by gradient steps on the labelled points: a label that is UNKNOWN teaches it nothing."""
    torch.manual_seed(seed)
    x, y = x[y != UNKNOWN], y[y != UNKNOWN]
    data = Dataset("labelled", x, x[:0], x[:0], y, y[:0], y[:0])
    config = TrainConfig(epochs=chosen.updates, batch_size=len(x), lr=0.01, seed=seed,
                         weight_decay=chosen.weight_decay)  # fmt: skip
    classifier = Classifier(x.shape[1], CLASSES, hidden=32)
    fit(classifier, data.labelled(), config, bar=False, whole=True)
    return classifier


def densities_of(x: Tensor, y: Tensor, chosen: Mixture, seed: int = 0) -> ClassConditional:
    """p(x | y) and p(y) by EM; each class's components start on points that have its label."""
    spread = x.std(0, correction=0)
    generator = torch.Generator().manual_seed(seed)
    mixtures = [GaussianMixture(x.shape[1], chosen.n_components // CLASSES) for _ in range(CLASSES)]
    for label, mixture in enumerate(mixtures):
        mixture.start_from_data(x[y == label], spread=spread, generator=generator)
    both = ClassConditional(mixtures)
    em(both, x, y, rounds=ROUNDS, imagined=chosen.imagined)
    return both


@dataclass(frozen=True)
class Chosen:
    """The settings of every contender on one kind of data; by number of labels where they take part.

    Args:
        data: Makes the data of a seed.
        density: p(x) of the first way.
        network: p(y | x) of the first way.
        second: p(x | y) p(y), by contender.
    """

    data: Callable[..., Dataset]
    density: Mixture
    network: Mapping[int, Network]
    second: Mapping[str, Mapping[int, Mixture]]


def contenders(data: Dataset, chosen: Chosen, n: int, seed: int,
               density: GaussianMixture | None = None) -> Iterator[tuple[str, nn.Module]]:  # fmt: skip
    """Every contender by name, trained on the same points, n of which have a label.

    Args:
        data: The points.
        chosen: Settings.
        n: How many labels are revealed.
        seed: Of the labels, the first weights and the starts of EM.
        density: The first way's p(x), if it is there already: it needs no labels.
    """
    x, y = data.train, reveal_labels(data, n, seed)
    density = density or density_of(x, chosen.density, seed)
    yield FIRST, ClassifierDensity(classifier_of(x, y, chosen.network[n], seed), density)
    for name, settings in chosen.second.items():
        yield name, densities_of(*_seen(x, y, name), settings[n], seed)


def _seen(x: Tensor, y: Tensor, name: str) -> tuple[Tensor, Tensor]:
    """The points that a contender learns from, and their labels."""
    return (x[y != UNKNOWN], y[y != UNKNOWN]) if name == ALONE else (x, y)


@torch.no_grad()
def measure(model: ClassifierDensity | ClassConditional, x: Tensor, y: Tensor) -> Tensor:
    """The MEASURES of a model on labelled points, (4,): nats, nats, share, share."""
    log_p = model.log_prob_joint(x)
    log_px, log_py = log_p.logsumexp(1), log_p.log_softmax(1)
    sure, label = log_py.exp().max(1)
    calibration = decisions.calibration_error(sure, label == y)
    each = log_px.mean(), log_py.gather(1, y[:, None]).mean(), (label == y).float().mean()
    return torch.stack([*each, torch.tensor(calibration)])


def by_number_of_labels(chosen: Chosen, n_labels: Sequence[int], n_draws: int) -> dict[str, Tensor]:
    """Every contender's MEASURES on the test points, (draws, numbers of labels, 4).

    Args:
        chosen: Kind of data and settings.
        n_labels: Numbers of labels to try.
        n_draws: How often data, labels and first weights are drawn.
    """
    found: dict[str, Tensor] = {}
    for draw in range(n_draws):
        data = chosen.data(seed=1 + draw)
        density = density_of(data.train, chosen.density, draw)
        for j, n in enumerate(n_labels):
            for name, model in contenders(data, chosen, n, draw, density):
                table = found.setdefault(name, torch.zeros(n_draws, len(n_labels), len(MEASURES)))
                table[draw, j] = measure(model, data.test, data.test_labels)
    return found


class Lead(NamedTuple):
    """A mean difference, and the ends of its interval."""

    mean: float
    low: float
    high: float


def leads(first: Tensor, second: Tensor) -> dict[str, list[Lead]]:
    """By how much the first way is ahead, by measure, for every number of labels; above 0 is better.

    The intervals (Student, over the draws) cover all these differences together in 95 % of experiments.
    """
    better = torch.tensor([1.0, 1.0, 1.0, -1.0])
    apart = ((first - second) * better).double()
    n_draws, n_intervals = len(apart), apart[0].numel()
    mean, error = apart.mean(0), apart.std(0) / n_draws**0.5
    half = student.ppf(1 - 0.05 / (2 * n_intervals), n_draws - 1) * error
    rows = torch.stack([mean, mean - half, mean + half], dim=2)  # (numbers of labels, measures, 3)
    return {name: [Lead(*row) for row in rows[:, k].tolist()] for k, name in enumerate(MEASURES)}


CLOUDS = Chosen(
    orange_blue,
    Mixture(4, 50.0),
    {
        10: Network(0.1, 25),
        30: Network(0.1, 25),
        100: Network(1.0, 100),
        300: Network(0.1, 100),
        1000: Network(0.1, 400),
    },
    {
        ALL: {
            10: Mixture(4, 50.0),
            30: Mixture(4, 5.0),
            100: Mixture(4, 5.0),
            300: Mixture(4, 5.0),
            1000: Mixture(4, 5.0),
        },
        ALONE: {
            10: Mixture(2, 5.0),
            30: Mixture(2, 5.0),
            100: Mixture(4, 5.0),
            300: Mixture(4, 5.0),
            1000: Mixture(4, 5.0),
        },
    },
)
MOONS = Chosen(
    two_moons,
    Mixture(2, 3.0),
    {
        10: Network(3.0, 50),
        30: Network(3.0, 100),
        100: Network(0.1, 400),
        300: Network(0.1, 400),
        1000: Network(0.1, 400),
    },
    {
        ALL: {
            10: Mixture(2, 3000.0),
            30: Mixture(2, 3000.0),
            100: Mixture(2, 1000.0),
            300: Mixture(2, 300.0),
            1000: Mixture(2, 30.0),
        }
    },
)

# Twelve settings for each part of each contender, over ranges so wide that wider ones gain next to nothing.
NETWORKS = [Network(decay, updates) for decay in (0.1, 1.0, 3.0) for updates in (25, 50, 100, 400)]
FLEXIBLE = [Mixture(k, imagined) for k in (2, 4, 8) for imagined in (0.5, 5.0, 50.0, 500.0)]
IMAGINED = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0, 3000.0, 10_000.0, 30_000.0)
TOO_SIMPLE = [Mixture(CLASSES, imagined) for imagined in IMAGINED]


def choose(data: Callable[..., Dataset], mixtures: Sequence[Mixture], names: Sequence[str],
           n_labels: Sequence[int], n_draws: int) -> Chosen:  # fmt: skip
    """For every part the settings with the least mean loss on the validation points of other draws.

    Args:
        data: Makes the data of a seed.
        mixtures: Settings of every density, tried one after the other.
        names: Contenders beside the first way.
        n_labels: Numbers of labels, each of which gets settings of its own.
        n_draws: Draws of data, labels and first weights for each setting; nobody is tested on them.
    """
    draws = [(seed, data(seed=1000 + seed)) for seed in range(n_draws)]

    def best(candidates: Sequence, train: Callable, columns: Sequence[str] = ("x", "y")):
        """The settings with the least validation loss over the draws."""

        def loss(settings) -> float:
            models = [(train(settings, made, seed), made.columns("valid")) for seed, made in draws]
            return sum(mean_loss(model, tuple(valid[k] for k in columns)) for model, valid in models)

        return min(candidates, key=loss)

    def network(settings, made, seed, n):
        return classifier_of(made.train, reveal_labels(made, n, seed), settings, seed)

    def second(settings, made, seed, n, name):
        return densities_of(*_seen(made.train, reveal_labels(made, n, seed), name), settings, seed)

    return Chosen(
        data,
        best(mixtures, lambda settings, made, seed: density_of(made.train, settings, seed), ("x",)),
        {n: best(NETWORKS, partial(network, n=n)) for n in n_labels},
        {name: {n: best(mixtures, partial(second, n=n, name=name)) for n in n_labels} for name in names},
    )

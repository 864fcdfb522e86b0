"""Active learning: whose label should we ask for next?

A strategy gives every unlabelled object a value; those with the highest are asked about. Each new
strategy (one that learns what was asked so far, say) is one more function of an ``Asking``.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.stats import t as student_t
from sklearn.linear_model import LogisticRegression
from torch import Tensor, nn

from dgm_lite.datasets.dataset import Dataset
from dgm_lite.evaluate.likelihood import log_prob
from dgm_lite.shapes import check_count, check_real, check_shape


@dataclass(frozen=True)
class Pool:
    """Objects whose labels can be bought, and what the learner has before it buys any.

    Args:
        x: Objects without labels, (N, D).
        y: Their labels, which a learner sees only after asking, (N,).
        log_px: log p(x) of these objects under a density that saw no labels, nats, (N,).
        test: Objects to score the learner on, (M, D).
        test_labels: Their labels, (M,).
        known: Objects whose labels come for free, (K, D), or None.
        known_labels: Their labels, (K,), or None.

    Raises:
        ValueError: If columns differ in length.
    """

    x: Tensor
    y: Tensor
    log_px: Tensor
    test: Tensor
    test_labels: Tensor
    known: Tensor | None = None
    known_labels: Tensor | None = None

    def __post_init__(self):
        check_shape(self.x, ("N", "D"), "Pool")
        check_shape(self.y, (len(self.x),), "Pool labels")
        check_real(self.log_px, (len(self.x),), "Pool log_px")
        check_shape(self.test, ("M", self.x.shape[1]), "Pool test")
        check_shape(self.test_labels, (len(self.test),), "Pool test labels")
        if (self.known is None) != (self.known_labels is None):
            raise ValueError("Pool: expected known objects with their labels, got one without the other.")


@dataclass(frozen=True)
class Asking:
    """What a strategy may look at when it has to choose.

    Args:
        x: Objects not asked about yet, (n, D).
        log_px: Their log p(x), nats, (n,).
        classifier: The learner, trained on the labels so far; has ``predict_proba``.
        random: Source of randomness.
        n_asked: How many labels were bought so far.
    """

    x: np.ndarray
    log_px: np.ndarray
    classifier: LogisticRegression
    random: np.random.Generator
    n_asked: int = 0


Strategy = Callable[[Asking], np.ndarray]


def at_random(now: Asking) -> np.ndarray:
    """No preference: a random number for each object, (n,)."""
    return now.random.random(len(now.x))


def low_density(now: Asking) -> np.ndarray:
    """-log p(x): the least likely objects first, (n,).

    Source: book eq. `ask-low-px`.
    """
    return -now.log_px


def small_margin(now: Asking) -> np.ndarray:
    """p(second label | x) - p(first label | x): where the learner hesitates, (n,).

    Source: book eq. `ask-margin`; Settles (2012), Active learning, section 2.3.
    """
    sorted_p = np.sort(now.classifier.predict_proba(now.x), axis=1)
    return sorted_p[:, -2] - sorted_p[:, -1]


def odd_first(n: int) -> Strategy:
    """Low p(x) for the first n labels, a small margin from then on.

    Raises:
        ValueError: If n is below 1.

    Source: book eq. `ask-low-px` and `ask-margin`.
    """
    check_count(n, "odd_first", "n")
    return lambda now: low_density(now) if now.n_asked < n else small_margin(now)


@dataclass(frozen=True)
class Course:
    """How one learner did.

    Args:
        accuracy: Mean over classes of the share of test objects with the right label, at each budget.
        asked: Indices into the pool in the order of asking.
    """

    accuracy: np.ndarray
    asked: np.ndarray


def learn(pool: Pool, strategy: Strategy, budgets: Sequence[int], *, seed: int = 0) -> Course:
    """Buy labels up to each budget in turn, train a logistic regression each time, and score it.

    Args:
        pool: What can be asked.
        strategy: Which objects to ask about; the first labels are random where the pool comes with none.
        budgets: Numbers of bought labels at which the learner is trained, rising.
        seed: First labels, and the random strategy.

    Raises:
        ValueError: If the budgets don't rise, or exceed the pool.
    """
    rising = bool(budgets) and list(budgets) == sorted(set(budgets))
    if not rising or not 0 <= budgets[0] <= budgets[-1] <= len(pool.x):
        raise ValueError(f"learn: expected rising budgets up to {len(pool.x)} labels, got {list(budgets)}.")
    if pool.known is None and budgets[0] < 1:
        raise ValueError("learn: expected a first budget of 1 or more, because no labels are known, got 0.")
    random = np.random.default_rng(seed)
    x, y, log_px = pool.x.numpy(), pool.y.numpy(), pool.log_px.numpy()
    asked = random.permutation(len(x))[: budgets[0]]
    classifier = _trained(pool, x[asked], y[asked])
    accuracy = [_accuracy(classifier, pool)]
    for budget in budgets[1:]:
        rest = np.setdiff1d(np.arange(len(x)), asked)
        value = strategy(Asking(x[rest], log_px[rest], classifier, random, len(asked)))
        best = np.argsort(-value, kind="stable")[: budget - len(asked)]
        asked = np.concatenate([asked, rest[best]])
        classifier = _trained(pool, x[asked], y[asked])
        accuracy.append(_accuracy(classifier, pool))
    return Course(np.array(accuracy), asked)


def _trained(pool: Pool, x: np.ndarray, y: np.ndarray) -> LogisticRegression:
    if pool.known is not None:
        x, y = np.concatenate([pool.known.numpy(), x]), np.concatenate([pool.known_labels.numpy(), y])
    return LogisticRegression(max_iter=500).fit(x, y)


def _accuracy(classifier: LogisticRegression, pool: Pool) -> float:
    right, truth = classifier.predict(pool.test.numpy()) == pool.test_labels.numpy(), pool.test_labels.numpy()
    return float(np.mean([right[truth == label].mean() for label in np.unique(truth)]))


def courses(pools: Sequence[Pool], strategy: Strategy, budgets: Sequence[int]) -> np.ndarray:
    """Accuracy of one learner for each pool, with the pool's number as its seed: (pools, budgets).

    Raises:
        ValueError: If there is no pool.
    """
    if not pools:
        raise ValueError("courses: expected at least one pool, got none.")
    return np.stack([learn(pool, strategy, budgets, seed=seed).accuracy for seed, pool in enumerate(pools)])


def lead(runs: np.ndarray, rival: np.ndarray) -> tuple[float, float]:
    """How far one strategy is ahead of another that played the same games.

    Args:
        runs: Accuracies of one, a number for each game, (games,).
        rival: Accuracies of the other, (games,).

    Returns:
        (mean of the differences, half the width of its 95 % interval by Student's t).

    Raises:
        ValueError: If there are fewer than two games, or not as many of both.
    """
    if len(runs) < 2 or np.shape(runs) != np.shape(rival):
        got = f"{np.shape(runs)} and {np.shape(rival)}"
        raise ValueError(f"lead: expected two rows of as many games, at least 2, got {got}.")
    gaps = np.asarray(runs) - np.asarray(rival)
    half = student_t.ppf(0.975, len(gaps) - 1) * gaps.std(ddof=1) / np.sqrt(len(gaps))
    return float(gaps.mean()), float(half)


def hide_new_kinds(
    data: Dataset, foreign: Tensor, names: Sequence[str], density: nn.Module, *,
    n_known: int = 100, n_kinds: int = 4, scale: float = 1.0, seed: int = 0,
) -> Pool:  # fmt: skip
    """A pool of ordinary validation objects in which a few objects of new kinds are hidden.

    The learner starts with labelled training objects. Every other object of a new kind goes into the
    pool, the rest into the test set; the new kinds' labels follow those of the data.

    Args:
        data: Ordinary objects with labels.
        foreign: Objects of other kinds, (F, D).
        names: The kind of each of them.
        density: p(x) of ordinary objects, trained without labels.
        n_known: How many labelled training objects the learner starts with.
        n_kinds: How many of the other kinds to hide, chosen at random.
        scale: The learner sees x / scale; the density sees x.
        seed: Choice of the kinds and of the known objects.

    Raises:
        ValueError: If there are fewer kinds than asked for, or names are missing.
    """
    kinds = sorted(set(names))
    if len(names) != len(foreign) or not 1 <= n_kinds <= len(kinds):
        wanted, got = f"{len(foreign)} names of at least {n_kinds} kinds", f"{len(names)} of {len(kinds)}"
        raise ValueError(f"hide_new_kinds: expected {wanted}, got {got}.")
    generator = torch.Generator().manual_seed(seed)
    chosen = [kinds[i] for i in torch.randperm(len(kinds), generator=generator)[:n_kinds].tolist()]
    known = torch.randperm(len(data.train), generator=generator)[:n_known]
    rows = [[i for i, name in enumerate(names) if name == kind] for kind in chosen]
    new_label = int(data.train_labels.max()) + 1
    columns = []
    for x, y, first in ((data.valid, data.valid_labels, 0), (data.test, data.test_labels, 1)):
        new = [foreign[r[first::2]] for r in rows]
        new_y = [torch.full((len(part),), new_label + k) for k, part in enumerate(new)]
        columns += [torch.cat([x, *new]), torch.cat([y, *new_y])]
    pool, pool_y, test, test_y = columns
    return Pool(pool / scale, pool_y, log_prob(density, pool), test / scale, test_y,
                data.train[known] / scale, data.train_labels[known])  # fmt: skip

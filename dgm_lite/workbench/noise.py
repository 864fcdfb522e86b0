"""Noise that fools a classifier: another training, and an attacker who knows p(x) as well."""

from dataclasses import dataclass
from itertools import count

import torch
from matplotlib.axes import Axes
from torch import Tensor

from dgm_lite import catalog, plot
from dgm_lite.autoregressive.causal import CausalARM
from dgm_lite.datasets import files
from dgm_lite.datasets.images import digits
from dgm_lite.evaluate import decisions, likelihood
from dgm_lite.joint.classifier import Classifier
from dgm_lite.live.noise import Noise
from dgm_lite.training.config import TrainConfig
from dgm_lite.why.hardening import Hardened
from dgm_lite.why.noise import (
    against_both,
    against_classifier,
    first_look,
    moves_to_flip,
    pixel_by_pixel,
    same_size_noise,
)
from dgm_lite.workbench.bench import Control, Progress, Workbench
from dgm_lite.workbench.progress import fit_told

SETTINGS = {"lr": 2e-3, "batch_size": 64, "weight_decay": 0.1}
LOOKS = [0, 5, 10, 20, 40, 60]  # after so many moves log p(x) is asked


@dataclass(frozen=True)
class Attack:
    """A classifier, and digits that it gets right until they are changed.

    Args:
        classifier: What is attacked.
        y: True labels, (B,).
        path: The digits after 0, 1, .., 60 moves, (61, B, 64).
        rate: Nats of margin that the attacker gives for a nat of log p(x).
    """

    classifier: Classifier
    y: Tensor
    path: Tensor
    rate: float = 0.0

    def random_path(self) -> Tensor:
        """The same changes at random pixels, with random signs."""
        coins = torch.Generator()
        return torch.stack([
            same_size_noise(self.path[0], x, levels=17, generator=coins.manual_seed(0)) for x in self.path
        ])  # fmt: skip


def density() -> CausalARM:
    """The chapter's p(x) of digits."""
    return catalog.load(files.path("causal_arm_digits.safetensors"))[0].requires_grad_(False)


def trained(progress: Progress, digits_seen: int, hardening: int) -> Classifier:
    """The chapter's classifier; with a budget it learns from attacked digits for ten epochs more."""
    data = digits().first(digits_seen).labelled()
    classifier = Classifier(64, 10, hidden=128, dropout=0.3, scale=16.0)
    fit_told(progress, classifier, data, TrainConfig(epochs=40, **SETTINGS), 0, 0.2)
    if hardening:
        pupil = Hardened(classifier, budget=hardening, levels=17, n_steps=3)
        fit_told(progress, pupil, data, TrainConfig(epochs=10, seed=7, **SETTINGS), 0.2, 0.4)
    return classifier.requires_grad_(False)


def attack(progress: Progress, *, digits_seen: int, hardening: int, rate: float) -> Attack:
    """Train a classifier, and change the first forty test digits that it gets right by sixty moves."""
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(0)
        classifier = trained(progress, digits_seen, hardening)
    data, p_x = digits(), density()
    right = (classifier(data.test).argmax(1) == data.test_labels).nonzero()[:40, 0]
    x, y = data.test[right], data.test_labels[right]
    known = {"classifier": classifier, "density": p_x, "y": y, "weight": rate}
    lowered = against_both(**known) if rate else against_classifier(classifier, y)
    asked = count(1)

    def score(z: Tensor) -> Tensor:
        progress(min(0.4 + 0.6 * next(asked) / 120, 1))  # twice for each move
        return lowered(z)

    look = first_look(**known) if rate else None
    path = pixel_by_pixel(score, x, levels=17, n_moves=60, first_look=look, shortlist=6)
    return Attack(classifier, y, path, rate)


def draw(ax: Axes, result: Attack) -> None:
    """Against the size of the change: the share still right, for random noise too, and what p(x) notices."""
    path, random_path = result.path, result.random_path()
    size = (path - path[0]).double().square().mean(2).sqrt().mean(1)
    kept, kept_random = ((result.classifier(p).argmax(-1) == result.y).double().mean(1)
                         for p in (path, random_path))  # fmt: skip
    log_px = likelihood.log_prob(density(), path[LOOKS].flatten(0, 1)).unflatten(0, (len(LOOKS), -1))
    noticed = [decisions.auroc(log_px[0], now) for now in log_px]
    ax.plot(size, kept_random, color=plot.BLUE, label="right: random")
    ax.plot(size, kept, color=plot.ORANGE, label="right: chosen")
    ax.plot(size[LOOKS], noticed, "o--", color=plot.GREEN, label="AUROC of log p(x)")
    ax.set(xlabel=f"RMS (grey levels of 16)\n{1 - kept[-1]:.0%} fooled in the end", ylim=(0, 1.03))
    ax.legend(loc="lower left", fontsize=9)


def try_it(result: Attack) -> Noise:
    """The live figure of the chapter, with four of these digits: of each label the first to fall."""
    falls = moves_to_flip(result.classifier, result.path, result.y)
    first = {result.y[i].item(): i for i in falls.argsort(descending=True).tolist()}
    pick = sorted(first.values(), key=falls.__getitem__)[:4]
    way = "against classifier and p(x)" if result.rate else "against the classifier"
    paths = {way: result.path[:, pick], "random, same size": result.random_path()[:, pick]}
    p_x = density()
    usual = likelihood.log_prob(p_x, digits().valid)
    return Noise(result.classifier, p_x, paths, result.y[pick], heldout_log_prob=usual, start=30)


def bench(own: Attack) -> Workbench:
    """The workbench of the chapter, beside the chapter's own attack."""
    controls = {
        "digits_seen": Control("training digits", (50, 200, 1000), 1000),
        "hardening": Control("hardened, levels", (0, 1, 2, 3, 5), 0),
        "rate": Control("the attacker's ρ", (0.0, 0.02, 0.05, 0.1, 0.3), 0.0),
    }
    alt = (
        "Against the size of a change: the share of digits still seen rightly falls for chosen noise and not "
        "for random noise, and the AUROC of log p(x) rises to one long before."
    )
    return Workbench(own, attack, draw, controls, live=try_it, alt=alt)

"""Seen or unseen, with a density that the reader has trained, and by the score of the reader's choice."""

from dataclasses import dataclass

import torch
from matplotlib.axes import Axes
from torch import Tensor

from dgm_lite import plot
from dgm_lite.autoregressive.causal import CausalARM
from dgm_lite.datasets.dataset import Dataset
from dgm_lite.datasets.images import digits, letters
from dgm_lite.evaluate import decisions, likelihood
from dgm_lite.joint.classifier import Classifier
from dgm_lite.live.draw import Draw
from dgm_lite.training.config import TrainConfig
from dgm_lite.training.fit import fit
from dgm_lite.why.detection import NeighbourCode, foreign_images, typicality
from dgm_lite.workbench.bench import Control, Progress, Workbench
from dgm_lite.workbench.progress import fit_told

KNOWN = ("letters", "digits", "digits 0 to 4")
SCORES = ("log p(x)", "typicality", "ratio: code")
KINDS = {  # of foreign images: what they are called here, and in ``foreign_images``
    "quarter turn": "quarter turn", "shuffled pixels": "shuffled pixels", "noise": "noise",
    "even pages": "constant", "half erased": "half a digit", "one dot": "one dot", "blank page": "blank page",
}  # fmt: skip


@dataclass(frozen=True)
class Judged:
    """A density, what it was trained on, and how well a score of it knows foreign images.

    Args:
        model: p(x).
        known: What it was trained on.
        score: What the images are judged by.
        areas: AUROC by kind of foreign image.
    """

    model: CausalARM
    known: str
    score: str
    areas: dict[str, float]


def collection(known: str) -> tuple[Dataset, Tensor]:
    """What a model is trained on, and the other objects, of which it sees none."""
    data, order = digits(), torch.randperm(432, generator=torch.Generator().manual_seed(0))
    if known == "letters":
        x = letters()[0][order]
        return Dataset(known, x[:300], x[300:350], x[350:], levels=17), data.test
    if known == "digits":
        return data, letters()[0]
    low = [x[y < 5] for x, y in map(data.labelled().split, ("train", "valid", "test"))]
    return Dataset(known, *low, levels=17), data.test[data.test_labels >= 5]


def judged(model: CausalARM, known: str, score: str) -> Judged:
    """The AUROC of a score for each kind of foreign image; the code counts in what the model has seen."""
    data, others = collection(known)
    code, usual = NeighbourCode(data.train, 17, 8), likelihood.log_prob(model, data.valid)

    def scored(x: Tensor) -> Tensor:
        log_px = likelihood.log_prob(model, x)
        of_x = (log_px, typicality(log_px, usual), log_px - code.log_prob(x))
        return of_x[SCORES.index(score)]

    foreign, inside = foreign_images(data.test), scored(data.test)
    kinds = {"other objects": others} | {name: foreign[kind] for name, kind in KINDS.items()}
    areas = {name: decisions.auroc(inside, scored(x)) for name, x in kinds.items()}
    return Judged(model, known, score, areas)


def train(progress: Progress, *, known: str, epochs: int, score: str) -> Judged:
    """The small model of the chapter, fifteen epochs and then more."""
    data, _ = collection(known)
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(0)
        model = CausalARM(64, 17, channels=24, dilations=(1, 2, 4, 8, 8)).start_from_marginals(data.train)
        for part, start, end in ((min(epochs, 15), 0, 15 / epochs), (epochs - 15, 15 / epochs, 1)):
            if part > 0:
                config = TrainConfig(epochs=part, lr=5e-3, batch_size=64, weight_decay=0.05)
                fit_told(progress, model, data, config, start, min(end, 1))
    return judged(model, known, score)


def draw(ax: Axes, result: Judged) -> None:
    """AUROC by kind: orange below one half, where a score is worse than a coin."""
    names, areas = list(result.areas), list(result.areas.values())
    colours = [plot.ORANGE if area < 0.5 else plot.BLUE for area in areas]
    ax.barh(names, areas, color=colours)
    for k, area in enumerate(areas):
        ax.text(max(area, 0.02), k, f" {area:.2f}", va="center", fontsize=9)
    ax.axvline(0.5, color=plot.GREY, ls="--", lw=1)
    ax.set(xlim=(0, 1.18), xticks=[0, 0.5, 1], ylim=(len(areas) - 0.5, -0.5))
    ax.set_xlabel(f"AUROC of {result.score},\ntrained on {result.known}")


def try_it(result: Judged) -> Draw:
    """The live figure of the chapter, with this density."""
    data, digit = collection(result.known)[0], digits()
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(0)
        classifier = Classifier(64, 10, scale=16.0)
        fit(
            classifier,
            digit.labelled(),
            TrainConfig(epochs=10, lr=3e-3, batch_size=64),
            bar=False,
            whole=True,
        )
    usual = likelihood.log_prob(result.model, data.valid)
    examples = {"digit": digit.test[:6], "letter": letters()[0][[1, 12, 20, 30]]}
    return Draw(result.model, classifier, usual, examples, things=f"held-out {result.known}")


def bench(own: Judged) -> Workbench:
    """The workbench of the chapter, beside the chapter's own model."""
    controls = {
        "known": Control("trained on", KNOWN, "letters"),
        "epochs": Control("epochs", (1, 5, 15, 30, 60), 60),
        "score": Control("judged by", SCORES, "log p(x)"),
    }
    alt = (
        "Bars for eight kinds of images that a model of letters has not seen, by the AUROC of log p(x): long "
        "for noise and shuffled pixels, short for what was erased, none for the blank page."
    )
    return Workbench(own, train, draw, controls, live=try_it, alt=alt)

"""Two ways to decide, with the reader's own density and classifier."""

import torch
from matplotlib.axes import Axes

from dgm_lite import plot
from dgm_lite.datasets.toys import orange_blue
from dgm_lite.joint.classifier import Classifier
from dgm_lite.joint.classifier_density import ClassifierDensity
from dgm_lite.latent.mixture import GaussianMixture
from dgm_lite.live.cross import Cross
from dgm_lite.training.config import TrainConfig
from dgm_lite.training.fit import fit
from dgm_lite.workbench.bench import Control, Progress, Workbench

LIM, CROSS = (-4.0, 4.6, -4.0, 4.0), (3.6, -3.0)


def train(progress: Progress, *, n_components: int, hidden: int, points: int) -> ClassifierDensity:
    """p(y | x) and p(x) from the first of the training points."""
    few = orange_blue().first(points)
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(0)
        density = GaussianMixture(2, n_components).start_from_data(few.train)
        fit(density, few, TrainConfig(epochs=60, lr=0.03, batch_size=200), bar=False, whole=True)
        progress(0.5)
        classifier = Classifier(2, 2, hidden=hidden)
        config = TrainConfig(epochs=40, lr=0.01, batch_size=200, weight_decay=0.01)
        fit(classifier, few.labelled(), config, bar=False, whole=True)
    progress(0.9)
    return ClassifierDensity(classifier, density)


def draw(ax: Axes, model: ClassifierDensity) -> None:
    """p(x, y) in the plane, and the cross."""
    plot.joint_2d(model, ax, lim=LIM)
    plot.cross(torch.tensor(CROSS), ax)


def cross(model: ClassifierDensity) -> Cross:
    """The live figure of the chapter, with this model."""
    data = orange_blue()
    return Cross(model.classifier, model.density, data.train[:300], data.train_labels[:300],
                 heldout=data.valid, lim=LIM, start=CROSS, threshold=0.01)  # fmt: skip


def bench(own: ClassifierDensity) -> Workbench:
    """The workbench of the chapter, beside the chapter's own model."""
    controls = {
        "n_components": Control("components of p(x)", (1, 2, 4, 8, 16), 8),
        "hidden": Control("hidden units of p(y|x)", (2, 4, 8, 16, 32, 64), 32),
        "points": Control("training points", (20, 50, 200, 600, 1200), 1200),
    }
    alt = (
        "p(x, y) of the chapter's points in the plane: colour near the two bent clouds alone, and a cross "
        "far off."
    )
    return Workbench(own, train, draw, controls, live=cross, alt=alt)

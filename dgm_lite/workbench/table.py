"""The table, measured: one training of the reader's own beside the rows of the chapter."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import torch
from matplotlib.axes import Axes

from dgm_lite import catalog, plot
from dgm_lite.comparison import evidence
from dgm_lite.comparison.file_sizes import counts
from dgm_lite.comparison.results import Row, read, values_of
from dgm_lite.datasets import files
from dgm_lite.datasets.images import digits
from dgm_lite.evaluate import likelihood
from dgm_lite.protocols import Density
from dgm_lite.workbench.bench import Control, Progress, Workbench
from dgm_lite.workbench.progress import fit_told

MODELS = ("causal-arm", "vae", "realnvp-digits", "nice-digits", "integer-flow")
LIM, YOURS, K = (76.0, 124.0), "yours", 200
tight = partial(likelihood.importance_weighted, n_samples=K)


def train(progress: Progress, *, model: str, share: float, rate: float, seed: int) -> list[Row]:
    """The rows of the chapter, and one more: a model trained with a share of its epochs, at another rate."""
    entry, data = catalog.model(model), digits()
    own = entry.config
    epochs = max(1, round(share * own.epochs))
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(seed)
        trained = entry.build()
        getattr(trained, entry.start)(data.train)
        fit_told(progress, trained, data, replace(own, seed=seed, epochs=epochs, lr=rate * own.lr), 0, 0.9)
        measure = likelihood.bits_per_dim if isinstance(trained, Density) else tight
        nats = -measure(trained, data.test, seed=seed).nats
    mine = {"part": YOURS, "model": model, "quantity": "test", "value": nats}
    return [*read(files.path("comparison.json"))[1], mine]


def draw(ax: Axes, rows: Sequence[Row]) -> None:
    """Test nats of each model and seed, bounds hollow; the reader's own in black."""
    for place, name in enumerate(MODELS):
        exact = evidence.likelihood(rows, name)[0] == "exact"
        nats = values_of(rows, "digits", name, "test, exact" if exact else f"test, bound, k = {K}")
        colour = getattr(plot, catalog.model(name).colour.upper())
        ax.plot(nats, [place] * len(nats), "o", ms=8, mec=colour, mfc=colour if exact else "none", mew=1.5)
    for row in rows:
        if row["part"] == YOURS:
            at, place = min(row["value"], LIM[1] - 2), MODELS.index(row["model"])
            ax.plot(at, place, "kD" if at == row["value"] else "k>", ms=7)  # an arrow: further to the right
            ax.annotate(f"{row['value']:.1f}", (at, place), (0, 9), textcoords="offset points", ha="center")
    data = digits()
    log_p = counts(data, torch.zeros_like, 1)[0].T.gather(0, data.test)
    blind = -log_p.sum(1).mean().item()
    ax.axvline(blind, color="#555555", ls=":", lw=1)
    ax.text(blind, -0.3, " histogram", fontsize=9.5)
    ax.set(xlabel="test nats (less is better)", xlim=LIM, yticks=range(len(MODELS)), yticklabels=MODELS)
    ax.set_ylim(len(MODELS) - 0.5, -0.6)


def bench(own: Sequence[Row]) -> Workbench:
    """The workbench of the chapter, beside the rows of its result file."""
    controls = {
        "model": Control("model", MODELS, "vae"),
        "share": Control("share of its epochs", (0.02, 0.1, 0.25, 0.5, 1.0), 1.0),
        "rate": Control("times its own rate", (0.03, 0.1, 0.3, 1.0, 3.0, 10.0), 1.0),
        "seed": Control("seed", (0, 1, 2, 3, 4, 5), 0),
    }
    alt = (
        "Five rows of dots, a model each: test nats of three trainings, which lie close together. The "
        "autoregressive model is furthest to the left, then come the VAE, two flows and the integer flow; "
        "all are left of a line for a histogram of each pixel."
    )
    return Workbench(own, train, draw, controls, alt=alt)

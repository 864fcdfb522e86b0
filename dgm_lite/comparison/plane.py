"""Ten trainings of every family on the same points of the plane: how far apart do they end?"""

from collections.abc import Callable, Iterator
from dataclasses import replace

import torch
from torch import Tensor, nn

from dgm_lite import catalog
from dgm_lite.datasets.dataset import Dataset
from dgm_lite.datasets.toys import two_moons
from dgm_lite.distributions import StandardNormal
from dgm_lite.evaluate import samples
from dgm_lite.latent.likelihoods import GaussianLikelihood
from dgm_lite.latent.posteriors import DiagonalGaussian
from dgm_lite.latent.vae import VAE
from dgm_lite.nets import mlp
from dgm_lite.training.config import TrainConfig
from dgm_lite.training.fit import fit

GRID = 32  # cells along an axis, for models of integers in the plane


def _build(name: str, **options) -> nn.Module:
    return catalog.model(name).build(**options)


def on_a_grid(data: Dataset) -> Dataset:
    """Points of the plane as integers: the cell in which each lies, on a grid over all of them."""
    low, high = data.train.min(0).values - 0.3, data.train.max(0).values + 0.3

    def cell(x: Tensor) -> Tensor:
        return ((x - low) / (high - low) * GRID).long().clamp(0, GRID - 1)

    splits = {name: cell(getattr(data, name)) for name in ("train", "valid", "test")}
    return replace(data, name=f"{data.name}, {GRID} x {GRID} cells", levels=GRID, **splits)


def _plane_vae() -> VAE:
    likelihood = GaussianLikelihood(mlp(2, 64, 2), 2, std=0.3)
    return VAE(DiagonalGaussian(mlp(2, 64, 4)), likelihood, StandardNormal(2))


# The same points and the same number of steps for everybody. The two plain GANs have the optimiser's usual
# memory, the last one what experience recommends.
IN_THE_PLANE: dict[str, tuple[Callable[[], nn.Module], dict]] = {
    "causal-arm": (
        lambda: _build("causal-arm", dim=2, levels=GRID, channels=32, dilations=(1,), dropout=0.0),
        {"lr": 5e-3},
    ),
    "integer-flow": (lambda: _build("integer-flow", dim=2, levels=GRID, hidden=32), {"lr": 5e-3}),
    "realnvp": (lambda: _build("realnvp"), {"lr": 5e-3}),
    "gaussian-mixture": (lambda: _build("gaussian-mixture", n_components=12), {"lr": 0.03}),
    "vae": (_plane_vae, {"lr": 5e-3}),
    "gan, saturating": (lambda: _build("gan", penalty=0.0, loss="saturating"), {"lr": 1e-3}),
    "gan, non-saturating": (lambda: _build("gan", penalty=0.0), {"lr": 1e-3}),
    "gan, calmed": (
        lambda: _build("gan", penalty=0.02),
        {"lr": 2e-3, "betas": (0.0, 0.99), "average": 0.99},
    ),
}


def told_from_data(name: str, epochs: int | None, seed: int) -> Iterator[tuple[str, float, str]]:
    """How often a forest tells draws of one training from test points: (quantity, value, unit).

    Args:
        name: A key of ``IN_THE_PLANE``.
        epochs: Instead of 40.
        seed: Of weights, batches and draws.
    """
    build, options = IN_THE_PLANE[name]
    torch.manual_seed(seed)
    model, data = build(), two_moons()
    if getattr(model, "levels", None):
        data = on_a_grid(data)
    for start in ("start_from_marginals", "start_from_data"):
        if hasattr(model, start):
            getattr(model, start)(data.train)
    fit(model, data, TrainConfig(epochs=epochs or 40, batch_size=200, seed=seed, **options), bar=False)
    x = model.sample(len(data.test), generator=torch.Generator().manual_seed(seed))
    yield "told from data", samples.two_sample(data.test.float(), x.float(), seed=seed), "share"

"""Hidden factors, non-linear: a VAE with the reader's own beta, hidden numbers and networks."""

import torch
from matplotlib.axes import Axes

from dgm_lite import plot
from dgm_lite.datasets.images import digits
from dgm_lite.latent.posteriors import active_units
from dgm_lite.latent.vae import VAE, categorical_vae
from dgm_lite.live.elbo_terms import ElboTerms
from dgm_lite.live.figure import LiveFigure
from dgm_lite.live.latent_plane import LatentPlane
from dgm_lite.training.config import TrainConfig
from dgm_lite.workbench.bench import Control, Progress, Workbench
from dgm_lite.workbench.progress import fit_told


def train(progress: Progress, *, latent_dim: int, beta: float, hidden: int, epochs: int) -> VAE:
    """A VAE of the digits, trained as in the chapter."""
    data = digits()
    config = TrainConfig(epochs=epochs, lr=4e-3, batch_size=100, average=0.99)
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(0)
        model = categorical_vae(64, 17, latent_dim=latent_dim, hidden=hidden, beta=beta)
        fit_told(progress, model.start_from_data(data.train), data, config)
    return model


@torch.no_grad()
def draw(ax: Axes, model: VAE) -> None:
    """Test digits, what is left of them, and draws; the bound in its two terms."""
    x, generator = digits().test, torch.Generator().manual_seed(0)
    terms = torch.stack([torch.stack(model.elbo_terms(x, generator=generator)) for _ in range(10)])
    log_px, log_pz, log_q = terms.mean((0, 2)).tolist()
    kl, alive = log_q - log_pz, active_units(model.posterior, x)
    rows = [x[:8], model.reconstruct(x[:8], generator=generator), model.sample(16, generator=generator)]
    plot.images(torch.cat(rows), ax, columns=8)
    plot.below(ax, f"$-$ELBO, test: {kl - log_px:.1f} nats\n"
                   f"= {-log_px:.1f} for the digit + {kl:.1f} for its cause\n"
                   f"{alive.sum()} of {len(alive)} hidden numbers in use")  # fmt: skip


def follow(model: VAE) -> LiveFigure | None:
    """The chapter's live figure for one hidden number, or for two; there is none for more."""
    data = digits()
    if model.prior.dim == 1:
        return ElboTerms(model, {f"a {data.test_labels[i]}": data.test[i] for i in range(4)})
    if model.prior.dim == 2:
        return LatentPlane(model, data.test, data.test_labels, start=(0.0, -1.0))
    return None


def bench(own: VAE) -> Workbench:
    """The workbench of the chapter, beside the chapter's own model."""
    controls = {
        "latent_dim": Control("hidden numbers", (1, 2, 4, 8, 16), 2),
        "beta": Control("beta", (0.1, 0.25, 1.0, 4.0, 16.0, 64.0), 1.0),
        "hidden": Control("units of a network", (8, 32, 128, 256), 128),
        "epochs": Control("epochs", (5, 20, 50, 100, 200), 100),
    }
    alt = (
        "Eight test digits, what is left of them after a passage through two hidden numbers, and sixteen "
        "draws. Below, the bound on the test digits and its two terms."
    )
    return Workbench(own, train, draw, controls, live=follow, alt=alt)

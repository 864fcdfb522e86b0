"""Adversarial models."""

from dgm_lite.catalog.entry import Entry
from dgm_lite.training.config import TrainConfig

MODELS = (
    Entry(
        name="gan",
        title="Generative adversarial network",
        family="implicit",
        address="dgm_lite.gan.gan:GAN",
        chapter="adversarial/gan",
        data="two-moons",
        arguments={"dim": 2, "latent_dim": 2, "hidden": 64, "penalty": 0.1},
        config=TrainConfig(epochs=80, batch_size=100, betas=(0.0, 0.99), average=0.99),
        small={"dim": 2, "latent_dim": 2, "hidden": 5},
    ),
    Entry(
        name="gan-digits",
        title="Generative adversarial network, digits",
        family="implicit",
        address="dgm_lite.gan.gan:GAN",
        chapter="adversarial/gan",
        data="dequantised-digits",
        arguments={"dim": 64, "latent_dim": 16, "hidden": 256, "penalty": 0.1, "limits": (0.0, 17.0)},
        config=TrainConfig(epochs=400, lr=0.004, betas=(0.0, 0.99), warmup=0.02, average=0.995),
        small={"dim": 2, "latent_dim": 2, "hidden": 5, "limits": (0.0, 3.0)},
    ),
)

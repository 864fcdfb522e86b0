"""Adversarial models."""

from dgm_lite.catalog.entry import Entry, Trial
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
        trials=(
            # Learning rate and memory: the best of six trials each, see comparison.plane.
            Trial(
                part="stability",
                name="gan, saturating",
                arguments={"penalty": 0.0, "loss": "saturating"},
                training={"lr": 1e-2, "betas": (0.0, 0.99)},
            ),
            Trial(
                part="stability",
                name="gan, non-saturating",
                arguments={"penalty": 0.0},
                training={"lr": 1e-2, "betas": (0.0, 0.99)},
                quoted=True,
            ),
            Trial(
                part="stability",
                name="gan, with R1",
                training={"lr": 1e-2, "betas": (0.0, 0.99)},
                beside="With a penalty on the slope (R1)",
            ),
        ),
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
        colour="pink",
        trials=(
            Trial(part="digits", quoted=True),
            Trial(part="sampling", quoted=True),
            Trial(part="lossy", name="gan, nearest z", attempt="nearest z", quoted=True),
            Trial(part="lossless", attempt="nearest z", quoted=True),
        ),
        weights="gan_digits.safetensors",
    ),
    Entry(
        name="gan-whole-digits",
        title="Generative adversarial network, whole levels",
        family="implicit",
        address="dgm_lite.gan.gan:WholeGAN",
        chapter="adversarial/gan",
        data="real-digits",
        arguments={"dim": 64, "latent_dim": 16, "hidden": 256, "penalty": 0.1, "limits": (0.0, 16.0)},
        config=TrainConfig(epochs=400, lr=0.004, betas=(0.0, 0.99), warmup=0.02, average=0.995),
        small={"dim": 2, "latent_dim": 2, "hidden": 5, "limits": (0.0, 3.0)},
        weights="gan_whole_digits.safetensors",
    ),
)

"""Autoregressive models."""

from dgm_lite.catalog.entry import Entry, Trial
from dgm_lite.training.config import TrainConfig

MODELS = (
    Entry(
        name="causal-arm",
        title="Autoregressive, causal convolutions",
        family="autoregressive",
        address="dgm_lite.autoregressive.causal:CausalARM",
        chapter="autoregressive/causal",
        data="digits",
        arguments={"dim": 64, "levels": 17, "channels": 48},
        config=TrainConfig(epochs=60, batch_size=64, lr=0.005, weight_decay=0.05, average=0.995),
        small={"dim": 4, "levels": 3, "channels": 8, "dilations": (1, 2)},
        start="start_from_marginals",
        codec="autoregressive",
        colour="blue",
        trials=(
            Trial(part="digits", quoted=True),
            Trial(
                part="stability",
                arguments={"dim": 2, "levels": 32, "channels": 32, "dilations": (1,), "dropout": 0.0},
                training={"lr": 1e-2, "betas": (0.0, 0.99)},
                quoted=True,
            ),
            Trial(
                part="sampling", name="causal-arm, naive", sampling={"cache": False}, beside="Without a cache"
            ),
            Trial(part="sampling", name="causal-arm, cached", sampling={"cache": True}, quoted=True),
            Trial(part="lossy", name="autoregressive, data rounded", attempt="cells", quoted=True),
        ),
        weights="causal_arm_digits.safetensors",
    ),
    Entry(
        name="causal-arm-logistic",
        title="Autoregressive, causal, logistic mixtures",
        family="autoregressive",
        address="dgm_lite.autoregressive.causal:CausalARM",
        chapter="autoregressive/causal",
        data="digits",
        arguments={"dim": 64, "levels": 17, "channels": 48, "n_logistics": 5, "skips": True},
        config=TrainConfig(epochs=60, batch_size=64, lr=0.005, weight_decay=0.05, average=0.995),
        small={"dim": 4, "levels": 3, "channels": 8, "dilations": (1, 2), "n_logistics": 2, "skips": True},
        start="start_from_marginals",
        codec="autoregressive",
    ),
    Entry(
        name="separate-arm",
        title="Autoregressive, one network per pixel",
        family="autoregressive",
        address="dgm_lite.autoregressive.separate:SeparateARM",
        chapter="autoregressive/causal",
        data="digits",
        arguments={"dim": 64, "levels": 17},
        config=TrainConfig(epochs=60, batch_size=64, lr=0.005, weight_decay=0.05, average=0.995),
        small={"dim": 4, "levels": 3, "hidden": 6},
        start="start_from_marginals",
        codec="autoregressive",
    ),
)

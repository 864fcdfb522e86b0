"""dgm_lite: deep generative models, one readable file each.

The package behind the book "Deep generative models, every claim runs". One folder per
family, one file per model, and the import line is the address:

    from dgm_lite.autoregressive.causal import CausalARM
    from dgm_lite.latent.mixture import GaussianMixture
    from dgm_lite.datasets.images import digits
    from dgm_lite.training.config import TrainConfig
    from dgm_lite.training.fit import fit

Nothing is imported here, so ``import dgm_lite`` costs nothing.
"""

__version__ = "0.1.0"

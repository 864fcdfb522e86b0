"""How far a training is: told a hundred times at most, within its share, and by nobody afterwards."""

import torch

from dgm_lite.datasets.toys import two_moons
from dgm_lite.latent.mixture import GaussianMixture
from dgm_lite.training.config import TrainConfig
from dgm_lite.training.fit import fit
from dgm_lite.workbench.progress import fit_told


def trained(fits):
    torch.manual_seed(0)
    model = GaussianMixture(2, 2)
    data, config = two_moons(50), TrainConfig(epochs=300, batch_size=30)
    fits(model, data, config)
    return model.state_dict()


def test_the_share_grows_from_start_to_end_and_the_training_is_that_of_fit():
    shares = []
    watched = trained(lambda *args: fit_told(shares.append, *args, 0.25, 0.5))
    assert shares == sorted(set(shares)) and len(shares) == 26
    assert shares[0] == 0.25 and shares[-1] == 0.5
    alone = trained(lambda *args: fit(*args, bar=False))
    assert len(shares) == 26 and all(torch.equal(watched[name], alone[name]) for name in alone)

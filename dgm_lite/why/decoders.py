"""A network or a straight line in a VAE's decoder: everything else equal, the settings tuned alike.

    python -m dgm_lite.why.decoders --out data/decoders.json

The head, the encoder, the number of updates and the grid of settings are the same. A setting is chosen by
its bound on validation digits; test digits are looked at when it is.
"""

import argparse
import json
from itertools import product
from pathlib import Path

import torch
from torch import Tensor, nn

from dgm_lite import outputs
from dgm_lite.datasets.dataset import Dataset
from dgm_lite.datasets.images import digits
from dgm_lite.evaluate import likelihood
from dgm_lite.latent.vae import VAE, categorical_vae
from dgm_lite.training.config import TrainConfig
from dgm_lite.training.fit import fit

DECODERS, BOUNDS = ("straight line", "network"), ("elbo", "iwae")
RATES, DROPOUTS, SEEDS = (4e-3, 8e-3, 16e-3, 32e-3), (0.0, 0.1, 0.3), (0, 1, 2)


def build(decoder: str, data: Dataset, *, dropout: float, seed: int, latent_dim: int = 16) -> VAE:
    """A VAE of integers whose decoder is one of ``DECODERS``; nothing else depends on which.

    Raises:
        ValueError: If there is no such decoder.
    """
    if decoder not in DECODERS:
        raise ValueError(f"build: expected one of {', '.join(DECODERS)}, got {decoder!r}.")
    torch.manual_seed(seed)
    dim = data.train.shape[1]
    vae = categorical_vae(dim, data.levels, latent_dim=latent_dim, hidden=256, dropout=dropout)
    if decoder == "straight line":
        vae.likelihood.net = nn.Linear(latent_dim, 2 * dim)  # two powers of the level for each pixel
    return vae.start_from_data(data.train)


def trained(decoder: str, data: Dataset, *, lr: float, dropout: float, seed: int, epochs: int = 150) -> VAE:
    """The same, trained as in the chapter."""
    vae = build(decoder, data, dropout=dropout, seed=seed)
    fit(
        vae,
        data,
        TrainConfig(epochs=epochs, lr=lr, batch_size=100, average=0.99, seed=seed),
        bar=False,
        whole=True,
    )
    return vae


def bounds(vae: VAE, x: Tensor, *, k: int = 100) -> dict[str, Tensor]:
    """ELBO, a mean over k draws, and IWAE-k of every object, in nats, (N,) each."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        elbo = torch.stack([likelihood.log_prob(vae, x) for _ in range(k)]).mean(0)
        vae.eval()
        with torch.no_grad():
            return {"elbo": elbo, "iwae": vae.importance_weighted(x, k)}


def measure(
    data: Dataset | None = None,
    *,
    rates=RATES,
    dropouts=DROPOUTS,
    seeds=SEEDS,
    epochs: int = 150,
    k: int = 100,
) -> dict:
    """Tune both decoders on validation digits, then measure the chosen settings on test digits.

    Args:
        data: Integers; by default the digits.
        rates: Learning rates of the grid.
        dropouts: Dropouts of the grid.
        seeds: The first is that of the tuning; what is chosen is trained with each.
        epochs: Of every training.
        k: Draws of the bounds.

    Returns:
        "tried": a row for each setting of each decoder, with its bound on validation digits. "chosen": by
        decoder, the learning rate and the dropout. "test": by decoder, ELBO and IWAE-k for each seed.
        "difference": by bound, network minus straight line for each seed, and its standard error.
    """
    data = data or digits()
    tried = []
    for decoder, lr, dropout in product(DECODERS, rates, dropouts):
        vae = trained(decoder, data, lr=lr, dropout=dropout, seed=seeds[0], epochs=epochs)
        valid = _mean(bounds(vae, data.valid, k=k)["elbo"])
        tried.append({"decoder": decoder, "lr": lr, "dropout": dropout, "valid": valid})
    chosen, found = {}, {}
    for decoder in DECODERS:
        lr, dropout = chosen[decoder] = best(tried, decoder)
        vaes = [trained(decoder, data, lr=lr, dropout=dropout, seed=s, epochs=epochs) for s in seeds]
        found[decoder] = [bounds(vae, data.test, k=k) for vae in vaes]
    gaps = {b: [n[b] - s[b] for s, n in zip(*found.values(), strict=True)] for b in BOUNDS}
    return {
        "epochs": epochs,
        "k": k,
        "tried": tried,
        "chosen": chosen,
        "test": {d: {b: [_mean(one[b]) for one in found[d]] for b in BOUNDS} for d in DECODERS},
        "difference": {b: [_ahead(gap) for gap in gaps[b]] for b in BOUNDS},
    }


def _mean(nats: Tensor) -> float:
    return round(nats.mean().item(), 3)


def _ahead(gap: Tensor) -> tuple[float, float]:
    """Mean of a difference, and its standard error."""
    return _mean(gap), round(gap.std().item() / len(gap) ** 0.5, 3)


def best(tried: list[dict], decoder: str) -> tuple[float, float]:
    """The learning rate and dropout with the highest bound on validation digits."""
    row = max((row for row in tried if row["decoder"] == decoder), key=lambda row: row["valid"])
    return row["lr"], row["dropout"]


def main() -> None:
    """Measure, and write the file that the chapter reads."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("decoders.json"))
    out = outputs.place(parser.parse_args().out)
    text = json.dumps(measure(), indent=1)
    outputs.write(out, text.encode())


if __name__ == "__main__":
    main()

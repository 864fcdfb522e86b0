"""A VAE's training step against pythae's and a lean loop, at equal architecture.

    python -m pip install -r benchmarks/requirements.txt
    python benchmarks/vae.py                         # about two minutes; --rounds for more

Black-and-white images, a Bernoulli for each pixel, a diagonal Gaussian posterior, a standard normal prior;
encoder and decoder are MLPs with one hidden layer of SiLU units. A step is forward, backward and the same
fused AdamW. Ours takes integers and checks them; the others get floats that were converted beforehand.

One thing is not the same, by design: pythae and the lean loop know the KL of two Gaussians in closed form,
ours draws it (log q - log p at the same z), as it must for any other prior or posterior. Before anything is
timed, the script checks that the losses agree all the same: with equal weights and equal noise the
reconstruction terms are equal, and the drawn KL averages to the closed form.

All contestants take turns in every round; a figure is the median over rounds of a ratio within the round.
"""

import argparse
import os
import platform

os.environ["OMP_NUM_THREADS"] = "1"

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from turns import milliseconds, ratio, take_turns

from dgm_lite.latent.vae import VAE, bernoulli_vae
from dgm_lite.nets import mlp

LATENT = 16
SIZES = {"8x8": (64, 256), "28x28": (784, 512)}  # pixels and hidden units; 512 is pythae's own default


class Lean(nn.Module):
    """The least that computes the loss of a VAE: four matrix products and two sums over the batch."""

    def __init__(self, dim: int, hidden: int):
        super().__init__()
        self.encoder = mlp(dim, hidden, 2 * LATENT, n_layers=1)
        self.decoder = mlp(LATENT, hidden, dim, n_layers=1)

    def loss(self, x: Tensor) -> Tensor:
        mu, log_std = self.encoder(x).chunk(2, 1)
        std = log_std.exp()
        logits = self.decoder(mu + std * torch.randn_like(std))
        kl = 0.5 * (mu.square() + std.square() - 1 - 2 * log_std).sum()
        return (F.binary_cross_entropy_with_logits(logits, x, reduction="sum") + kl) / len(x)


class Pythae(nn.Module):
    """pythae's VAE with these networks in its encoder and decoder classes."""

    def __init__(self, dim: int, hidden: int):
        super().__init__()
        from pythae.models import VAE as Model
        from pythae.models import VAEConfig
        from pythae.models.base.base_utils import ModelOutput
        from pythae.models.nn import BaseDecoder, BaseEncoder

        class Encoder(BaseEncoder):
            def __init__(self):
                super().__init__()
                self.net = mlp(dim, hidden, 2 * LATENT, n_layers=1)

            def forward(self, x: Tensor):
                mu, log_var = self.net(x).chunk(2, 1)
                return ModelOutput(embedding=mu, log_covariance=log_var)

        class Decoder(BaseDecoder):
            def __init__(self):
                super().__init__()
                self.net = mlp(LATENT, hidden, dim, n_layers=1)

            def forward(self, z: Tensor):
                return ModelOutput(reconstruction=torch.sigmoid(self.net(z)))

        config = VAEConfig(input_dim=(dim,), latent_dim=LATENT, reconstruction_loss="bce")
        self.vae = Model(config, Encoder(), Decoder())

    def loss(self, x: Tensor) -> Tensor:
        return self.vae({"data": x}).loss


def ours(dim: int, hidden: int) -> VAE:
    return bernoulli_vae(dim, LATENT, hidden=hidden)


CONTESTANTS = {"lean loop": Lean, "dgm-lite": ours, "pythae": Pythae}


@torch.no_grad()
def give_weights(lean: Lean, own: VAE, other: Pythae) -> None:
    """The same function with each one's conventions: levels in [-1, 1], log sigma against log sigma^2."""
    for decoder in (own.likelihood.net, other.vae.decoder.net):
        decoder.load_state_dict(lean.decoder.state_dict())
    for encoder in (own.posterior.net[1], other.vae.encoder.net):
        encoder.load_state_dict(lean.encoder.state_dict())
    first = own.posterior.net[1][0]  # w (2 x - 1) / 2 + (b + sum(w) / 2) = w x + b
    first.bias += first.weight.sum(1) / 2
    first.weight /= 2
    last = other.vae.encoder.net[-1]
    last.weight[LATENT:] *= 2
    last.bias[LATENT:] *= 2


@torch.no_grad()
def check(dim: int, hidden: int) -> None:
    """Before any timing: everybody computes the same loss, with as many weights.

    Raises:
        SystemExit: If not.
    """
    torch.manual_seed(0)
    lean, own, other = (make(dim, hidden) for make in CONTESTANTS.values())
    give_weights(lean, own, other)
    n_lean, n_own, n_other = (sum(p.numel() for p in m.parameters()) for m in (lean, own, other))
    if (n_own - dim, n_other) != (n_lean, n_lean):  # ours has one logit more for each pixel
        raise SystemExit(f"vae: expected {n_lean} weights ({dim} more in ours), got {n_own} and {n_other}")
    x = torch.randint(2, (20, dim))
    terms = {}
    torch.manual_seed(1)
    terms["dgm-lite"] = -own.elbo_terms(x)[0].mean()
    torch.manual_seed(1)
    theirs = other.vae({"data": x.float()})
    terms["pythae"] = theirs.recon_loss
    torch.manual_seed(1)
    terms["lean loop"] = lean.loss(x.float()) - theirs.reg_loss
    for name, term in terms.items():
        if not torch.isclose(term, terms["dgm-lite"], rtol=1e-5):
            raise SystemExit(f"vae: reconstruction {terms['dgm-lite']:.5f} in dgm-lite, {term:.5f} in {name}")
    _, log_pz, log_q = own.elbo_terms(x.repeat(2_000, 1))
    kl = (log_q - log_pz).view(-1, len(x)).mean(1)
    drawn, error = kl.mean(), kl.std() / len(kl) ** 0.5
    if abs(drawn - theirs.reg_loss) > 4 * error:
        raise SystemExit(f"vae: KL {theirs.reg_loss:.4f} in pythae, {drawn:.4f} +- {error:.4f} in dgm-lite")
    print(
        f"{dim} pixels: equal reconstruction, {terms['pythae']:.4f} nats; "
        f"KL {theirs.reg_loss:.4f} in closed form, {drawn:.4f} +- {error:.4f} drawn"
    )


def training(model: nn.Module, x: Tensor):
    """One step of AdamW, fused, on one batch."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.01, fused=True)

    def step():
        optimizer.zero_grad(set_to_none=True)
        model.loss(x).backward()
        optimizer.step()

    return step


def race(dim: int, hidden: int, batch: int, rounds: int) -> dict[str, list[float]]:
    """CPU seconds of everybody's step in each round."""
    runs = {}
    for name, make in CONTESTANTS.items():
        torch.manual_seed(0)
        x = torch.randint(2, (batch, dim))
        runs[name] = training(make(dim, hidden), x if name == "dgm-lite" else x.float())
    return take_turns(runs, rounds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=60)
    rounds = parser.parse_args().rounds
    torch.set_num_threads(1)
    try:
        for size in SIZES.values():
            check(*size)
    except ImportError as error:
        raise SystemExit(f"vae: {error}; install benchmarks/requirements.txt") from error
    print(f"torch {torch.__version__}, {platform.machine()}, one thread, {rounds} rounds")
    print(f"{'':18}" + "".join(f"{name:>18}" for name in CONTESTANTS) + f"{'dgm-lite/pythae':>18}")
    for title, (dim, hidden) in SIZES.items():
        for batch in (64, 256):
            times = race(dim, hidden, batch, rounds)
            lean, own, other = times.values()
            cells = [f"{milliseconds(t):8.2f} ms {ratio(t, lean):5.2f}x" for t in (lean, own, other)]
            cells.append(f"{ratio(own, other):.3f}")
            print(f"{title + ', batch ' + str(batch):18}" + "".join(f"{c:>18}" for c in cells), flush=True)


if __name__ == "__main__":
    main()

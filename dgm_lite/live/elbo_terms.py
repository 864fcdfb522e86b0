"""The three terms of the ELBO, live: move q(z|x) against the true posterior of one latent number."""

import math
from collections.abc import Mapping

import matplotlib.pyplot as plt
import torch
from torch import Tensor, nn

from dgm_lite import plot
from dgm_lite.live.figure import LiveFigure, pack, png, still
from dgm_lite.nets import eval_mode
from dgm_lite.shapes import check_levels

ALT = (
    "Left: three curves over z, the broad prior p(z), the narrower true posterior p(z|x) of {first}, and a "
    "Gaussian q(z|x). Right: the ELBO for every mean that q could have, everywhere below the dashed line "
    "log p(x). "
    "In the live figure the mean and the width of q can be moved, and the three terms are shown as numbers."
)
REACH, POINTS = 5.0, 401


class ElboTerms(LiveFigure):
    """Two sliders, the mean and the width of q(z|x), and what they do to the three terms of the bound.

    Everything is summed over a grid of z, so that log p(x), the true posterior and the gap are exact.

    Args:
        model: A VAE with one latent number and a standard normal prior; its posterior has a ``distribution``.
        examples: Square pictures behind the buttons, by name: integers, (D,).
        alt: What the image shows; by default a description of the usual case.

    Raises:
        ValueError: If z has more than one number, there are no examples, or pictures aren't square.
    """

    def __init__(self, model: nn.Module, examples: Mapping[str, Tensor], *, alt: str | None = None):
        side = math.isqrt(model.dim)
        if model.prior.dim != 1 or side * side != model.dim:
            raise ValueError(
                "ElboTerms: expected a model of square pictures with 1 latent number, "
                f"got {model.dim} pixels and {model.prior.dim}."
            )
        if not examples:
            raise ValueError("ElboTerms: expected at least one example, got none.")
        for name, one in examples.items():
            check_levels(one, model.levels, (model.dim,), f"ElboTerms example {name!r}")
        x = torch.stack(list(examples.values()))
        z = torch.linspace(-REACH, REACH, POINTS)
        with torch.no_grad(), eval_mode(model):
            given_z = model.likelihood(z[:, None].to(next(model.parameters())))
            log_px = torch.stack([given_z.log_prob(one.expand(POINTS, -1)) for one in x])
            q = model.posterior.distribution(x)
        spec = {
            "side": side,
            "top": model.levels - 1,
            "reach": REACH,
            "names": list(examples),
            "pictures": x.tolist(),
            "log_px": pack(log_px),
            "encoder": [[m, s] for m, s in zip(q.mu[:, 0].tolist(), q.log_std[:, 0].tolist(), strict=True)],
        }
        still = _still(z.double(), log_px[0].double(), *spec["encoder"][0], x[:1], side, model.levels)
        alt = alt or ALT.format(first=next(iter(examples)))
        super().__init__("elbo_terms", spec, {}, image=still, alt=alt)


def _still(z: Tensor, log_px: Tensor, mu: float, log_std: float, x: Tensor, side: int, levels: int) -> bytes:
    """Prior, true posterior and the encoder's q; and the ELBO over q's mean."""
    step = (z[1] - z[0]).item()
    log_pz = -0.5 * z**2 - 0.5 * math.log(2 * math.pi)
    exact = (log_px + log_pz).logsumexp(0) + math.log(step)
    posterior = (log_px + log_pz - exact).exp()

    def log_q(mean: float) -> Tensor:
        return -0.5 * ((z - mean) / math.exp(log_std)) ** 2 - log_std - 0.5 * math.log(2 * math.pi)

    def elbo(mean: float) -> float:
        return (log_q(mean).exp() * (log_px + log_pz - log_q(mean))).sum().item() * step

    means = torch.linspace(-3, 3, 121).tolist()
    with still():
        figure, (small, left, right) = plt.subplots(1, 3, figsize=(7.2, 2.6), width_ratios=[0.7, 2, 2])
        plot.images(x, small, shape=(side, side), columns=1, levels=levels)
        small.set_title("$\\mathbf{x}$")
        left.fill_between(z, posterior, color=plot.BLUE, alpha=0.25, lw=0)
        left.plot(z, posterior, color=plot.BLUE, label="$p(z\\,|\\,\\mathbf{x})$")
        left.plot(z, log_pz.exp(), color=plot.GREY, label="$p(z)$")
        left.plot(z, log_q(mu).exp(), color=plot.ORANGE, ls="--", label="$q(z\\,|\\,\\mathbf{x})$")
        left.set(xlim=(-3, 3), xlabel="$z$", yticks=[])
        left.legend()
        right.plot(means, [elbo(m) for m in means], color=plot.ORANGE)
        right.plot(mu, elbo(mu), "o", color=plot.ORANGE)
        right.axhline(exact.item(), color="black", ls="--", lw=1)
        right.text(-3, exact.item(), " $\\log p(\\mathbf{x})$", va="bottom", fontsize=9)
        right.set(xlabel="mean of $q$", ylabel="ELBO (nats)", ylim=(exact.item() - 25, exact.item() + 5))
        return png(figure)

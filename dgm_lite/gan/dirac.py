"""A game small enough to be solved on paper: all data at 0, a single draw, a discriminator with one slope.

G(z) = theta,   f(x) = psi x                                                [book: eq. gan-dirac]

Each player follows minus the gradient of its own loss in its own weight; at rest both are 0.
"""

import torch
from torch import Tensor

from dgm_lite.gan.gan import LOSSES
from dgm_lite.shapes import check_count, check_real


def velocity(weights: Tensor, *, loss: str = "saturating", penalty: float = 0.0) -> Tensor:
    """(d theta / dt, d psi / dt): (push on the draw) psi, and -D(theta) theta - gamma psi.

    D(theta) = sigmoid(psi theta); the push is D for the saturating loss and 1 - D for the other.

    Args:
        weights: (theta, psi), (B, 2).
        loss: What the generator minimises: "saturating" or "non-saturating".
        penalty: Weight gamma of R1, which is gamma / 2 psi^2 here.

    Raises:
        ValueError: If there is no such loss, or the weights have another shape.

    Source: book eq. `gan-dirac-flow`; Mescheder et al. (2018), Which training methods for GANs do actually
    converge?, section 2.
    """
    if loss not in LOSSES:
        raise ValueError(f"velocity: expected loss to be one of {', '.join(LOSSES)}; got {loss!r}.")
    weights = check_real(weights, ("B", 2), "velocity")
    theta, psi = weights.T
    believed = torch.sigmoid(psi * theta)  # D at the draw
    push = believed if loss == "saturating" else 1 - believed
    return torch.stack([push * psi, -believed * theta - penalty * psi], dim=1)


def eigenvalues(penalty: float = 0.0) -> Tensor:
    """Eigenvalues of the game's Jacobian at rest: (-gamma +- sqrt(gamma^2 - 1)) / 2, complex128, (2,).

    Imaginary ones turn, a negative real part draws in.

    Source: book eq. `gan-eigenvalues`; Mescheder et al. (2018), section 2.
    """
    root = torch.tensor(penalty**2 - 1, dtype=torch.complex128).sqrt()
    return torch.stack([-penalty - root, -penalty + root]) / 2


def path(start: Tensor, n_steps: int, *, rate: float = 0.1, in_turn: bool = True, **game) -> Tensor:
    """Where the weights go in steps of a finite size: (n_steps + 1, 2).

    Args:
        start: (theta, psi), (2,).
        n_steps: Steps.
        rate: Size of a step.
        in_turn: The discriminator moves first and the generator sees it, as in training; or both at once.
        game: ``loss`` and ``penalty`` of ``velocity``.

    Raises:
        ValueError: If the start has another shape, or there are no steps.
    """
    check_count(n_steps, "path", "n_steps")
    weights = [check_real(start, (2,), "path")]
    for _ in range(n_steps):
        theta, psi = weights[-1]
        _, moved = velocity(weights[-1][None], **game)[0] * rate
        seen = torch.stack([theta, psi + moved]) if in_turn else weights[-1]
        pushed, _ = velocity(seen[None], **game)[0] * rate
        weights.append(torch.stack([theta + pushed, psi + moved]))
    return torch.stack(weights)

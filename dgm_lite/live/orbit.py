"""The smallest adversarial game, live: choose a start and a penalty, and see it go round or come to rest."""

from collections.abc import Callable

import matplotlib.pyplot as plt
import torch
from torch import Tensor

from dgm_lite import plot
from dgm_lite.live.figure import LiveFigure, png, still
from dgm_lite.shapes import check_count

ALT = (
    "A plane with the draw theta to the right and the slope psi upwards. Arrows circle around the origin. "
    "From one start, a violet path of players that move at once winds slowly outwards, a blue one of players "
    "that move in turn stays on a circle, and a green one, with a penalty, winds inwards to the origin. In "
    "the live figure start, penalty, loss and the order of moves can be chosen; eigenvalues are shown."
)
REACH = 2.0


class Orbit(LiveFigure):
    """Where both weights of the smallest game go, from a start that the reader drags.

    Args:
        path: ``dgm_lite.gan.dirac.path``: where the weights go, for the still picture.
        velocity: ``dgm_lite.gan.dirac.velocity``: where the players push, for its arrows.
        start: First theta and psi, each between -2 and 2.
        rate: Size of a step.
        n_steps: Steps.

    Raises:
        ValueError: If the start lies outside, or there are no steps.
    """

    def __init__(self, path: Callable[..., Tensor], velocity: Callable[..., Tensor], *,
                 start: tuple[float, float] = (1.2, 0.0), rate: float = 0.1, n_steps: int = 300):  # fmt: skip
        check_count(n_steps, "Orbit", "n_steps")
        if not max(map(abs, start)) <= REACH:
            raise ValueError(f"Orbit: expected a start within {REACH:g} of the origin, got {start}.")
        spec = {"start": list(start), "rate": rate, "steps": n_steps, "reach": REACH}
        first, game = torch.tensor(start), {"n_steps": n_steps, "rate": rate}
        ways = {
            "both at once": (path(first, in_turn=False, **game), plot.VIOLET),
            "in turn": (path(first, **game), plot.BLUE),
            "in turn, $\\gamma = 0.4$": (path(first, penalty=0.4, **game), plot.GREEN),
        }
        super().__init__("orbit", spec, {}, image=_still(ways, velocity), alt=ALT)


def _still(ways: dict[str, tuple[Tensor, str]], velocity: Callable[..., Tensor]) -> bytes:
    """Some paths over the field of pushes without a penalty."""
    places, _, _ = plot.grid((-REACH, REACH, -REACH, REACH), 15)
    with still():
        figure, ax = plt.subplots(figsize=(4.6, 4.6))
        ax.quiver(*places.T, *velocity(places).T, color="#99999988", scale=22, width=0.005)
        for name, (way, colour) in ways.items():
            ax.plot(*way.T, color=colour, label=name, lw=1.5)
        ax.plot(0, 0, "k+", ms=10)
        ax.set(xlabel="the draw, $\\theta$", ylabel="the slope, $\\psi$", aspect="equal")
        ax.set(xlim=(-REACH, REACH), ylim=(-REACH, REACH))
        ax.legend(loc="upper right")
        return png(figure)

"""The adversarial game as a film: what generator and discriminator do, step by step."""

import math

import matplotlib.pyplot as plt
import torch
from torch import Tensor, nn

from dgm_lite import plot
from dgm_lite.live.figure import LiveFigure, pack, png, still
from dgm_lite.protocols import Step
from dgm_lite.shapes import check_real

ALT = (
    "Four moments of training side by side. At first the drawn points are one blob far from the two moons of "
    "real points; then they spread, overshoot, and in the end lie on the moons. The background "
    "shows where the "
    "discriminator believes in real points. The live figure scrubs through all moments."
)


class Film:
    """Records a GAN while it trains: call ``add`` after a step, ``show`` at the end.

    Args:
        gan: Has ``generate``, ``discriminate``, ``force`` and ``latent_dim``; draws points of the plane.
        real: Real points to show, (N, 2).
        lim: The plane's limits x0, x1, y0, y1.
        n_points: Drawn points; the same z in every frame, so that each point can be followed.
    """

    def __init__(self, gan: nn.Module, real: Tensor, lim: plot.Limits, *, n_points: int = 150):
        check_real(real, ("N", 2), "Film")
        self.gan, self.real, self.lim = gan, real, lim
        self.z = torch.randn(n_points, gan.latent_dim, generator=torch.Generator().manual_seed(0))
        self.frames: list[dict] = []

    def add(self, step: Step) -> None:
        """Keep this moment: points, forces, the discriminator's belief over the plane, both losses."""
        with torch.no_grad():
            points = self.gan.generate(self.z)
            grid, _, _ = plot.grid(self.lim, 25)
            belief = torch.sigmoid(self.gan.discriminate(grid)).reshape(25, 25).flip(0)  # rows from the top
        # Arrows of one width of the figure per 8 units of force, and no longer than an eighth of it.
        force = self.gan.force(points) / 8 * (self.lim[1] - self.lim[0])
        longest = (self.lim[1] - self.lim[0]) / 8
        force = force * (longest / force.norm(dim=1, keepdim=True).clamp_min(1e-12)).clamp_max(1)
        losses = {name: round(step.losses[name], 4) for name in ("discriminator", "generator")}
        self.frames.append(
            {"step": step.index + 1, "points": points, "force": force, "field": belief, **losses}
        )

    def show(self, *, alt: str = ALT) -> LiveFigure:
        """The film as a live figure.

        Raises:
            ValueError: If nothing was recorded.
        """
        if not self.frames:
            raise ValueError("Film: expected at least one recorded step, got none. Call add after a step.")
        packed = [
            {**f, "points": pack(f["points"]), "force": pack(f["force"]), "field": pack(f["field"])}
            for f in self.frames
        ]
        spec = {"lim": [float(v) for v in self.lim], "n": 25, "steps": self.frames[-1]["step"],
                "real": pack(self.real), "frames": packed}  # fmt: skip
        return LiveFigure("game", spec, {}, image=self._still(), alt=alt)

    def _still(self) -> bytes:
        last = len(self.frames) - 1
        chosen = sorted({0, math.ceil(last * 0.15), math.ceil(last * 0.4), last})
        with still():
            figure, axes = plt.subplots(1, len(chosen), figsize=(7, 2.1), squeeze=False)
            for ax, frame in zip(axes[0], (self.frames[k] for k in chosen), strict=True):
                extent = self.lim
                field = (1 - frame["field"]).numpy()
                ax.imshow(field, extent=extent, cmap=plot.DECISION, vmin=0, vmax=1, aspect="equal")
                ax.scatter(*self.real.T.numpy(), s=2, color=plot.ORANGE)
                ax.scatter(*frame["points"].T.numpy(), s=2, color=plot.BLUE)
                ax.set(title=f"step {frame['step']}", xlim=extent[:2], ylim=extent[2:], xticks=[], yticks=[])
            return png(figure)

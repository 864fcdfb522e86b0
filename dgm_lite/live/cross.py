"""Two ways to decide, live: drag a cross and compare p(y|x) with p(x, y) = p(y|x) p(x)."""

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch import Tensor, nn

from dgm_lite import plot
from dgm_lite.live.export import export
from dgm_lite.live.figure import LiveFigure, pack, png, still
from dgm_lite.nets import eval_mode
from dgm_lite.protocols import Density
from dgm_lite.shapes import check_labels, check_real

ALT = (
    "Orange and blue points in the plane and a black cross, three times. Left: the points. Middle: the "
    "classifier's p(y|x) colours the whole plane, far from all points too. Right: p(x, y) fades to white "
    "away from the points; in the hatched part the system refuses to decide. In the live figure the cross "
    "moves."
)


class Cross(LiveFigure):
    """Orange and blue points, and a black cross to drag.

    The browser shows p(y|x), p(x) with its place among held-out points, p(x, y), and two decisions:
    the classifier's, and one that refuses where p(x) is below a threshold that the reader moves.

    Args:
        classifier: Maps points (B, 2) to two logits (B, 2), orange first.
        density: Has ``log_prob``: points (B, 2) to nats (B,).
        points: Points to show, (N, 2).
        labels: 0 for orange, 1 for blue, (N,).
        heldout: Points that neither model was trained on, (M, 2).
        lim: The plane's limits x0, x1, y0, y1.
        start: Where the cross is at first.
        threshold: Share of held-out points to refuse at first, in [0, 0.2].
        names: What the two classes are called.
        alt: What the image shows; by default a description of the usual case.

    Raises:
        ValueError: On shapes other than these, a density without ``log_prob``, or models that the
            browser's engine can't run.
    """

    def __init__(
        self, classifier: nn.Module, density: nn.Module, points: Tensor, labels: Tensor, *, heldout: Tensor,
        lim: plot.Limits = (-3.0, 3.0, -3.0, 3.0), start: tuple[float, float] = (0.0, 0.0),
        threshold: float = 0.01, names: tuple[str, str] = ("orange", "blue"), alt: str = ALT,
    ):  # fmt: skip
        check_real(points, ("N", 2), "Cross points")
        check_real(heldout, ("M", 2), "Cross heldout")
        check_labels(labels, 2, len(points), "Cross")
        if not isinstance(density, Density):
            raise ValueError(f"Cross: expected a density with log_prob, got {type(density).__name__}.")
        if not 0 <= threshold <= 0.2:
            raise ValueError(f"Cross: expected a threshold in [0, 0.2], got {threshold}.")
        x0, x1, y0, y1 = lim
        if not (x0 < x1 and y0 < y1 and x0 <= start[0] <= x1 and y0 <= start[1] <= y1):
            raise ValueError(f"Cross: expected limits x0 < x1, y0 < y1 around the start {start}, got {lim}.")
        with torch.no_grad(), eval_mode(density):
            scores = density.log_prob(heldout).sort().values
        spec = {
            "lim": [float(v) for v in lim],
            "start": [float(v) for v in start],
            "threshold": float(threshold),
            "names": list(names),
            "points": pack(torch.cat([points, labels[:, None].to(points)], dim=1)),
            "heldout": pack(scores),
        }
        models = {
            "classifier": export(classifier, points[:2], ["logits"]),
            "density": export(density, points[:2], ["log_prob"], method="log_prob"),
        }
        with eval_mode(classifier, density):
            still = _still(classifier, density, points, labels, scores, lim, torch.tensor(start), threshold)
        super().__init__("cross", spec, models, image=still, alt=alt)


@torch.no_grad()
def _still(classifier, density, points, labels, scores, lim, start, threshold) -> bytes:
    """The essay's three panels: data, p(y|x), p(x, y)."""
    x, a, b = plot.grid(lim)
    a, b, n = a.numpy(), b.numpy(), len(a)
    blue = classifier(x).softmax(1)[:, 1].reshape(n, n).numpy()
    log_px = density.log_prob(x).reshape(n, n).numpy()
    # As strong as p(x) is high; the root keeps the skirts of the density visible.
    strength = np.minimum(1.15 * np.exp(0.5 * (log_px - max(scores[-1].item(), log_px.max()))), 1)[..., None]
    hue = plot.DECISION(blue)[..., :3]
    limit = scores.quantile(threshold).item()
    with still():
        plt.rcParams.update({"hatch.color": "#999999", "hatch.linewidth": 0.5})
        wide, tall = 2.3, 2.3 * (lim[3] - lim[2]) / (lim[1] - lim[0])  # of a panel, in inches
        figure, axes = plt.subplots(1, 3, figsize=(3 * wide + 0.3, tall + 0.4))
        axes[1].imshow(hue, extent=lim, origin="lower", interpolation="bilinear")
        axes[1].contour(a, b, blue, levels=[0.5], colors="#444444", linewidths=1.2)
        axes[2].imshow(1 - strength * (1 - hue), extent=lim, origin="lower", interpolation="bilinear")
        axes[2].contourf(a, b, log_px, levels=[-np.inf, limit], colors="none", hatches=["////"])
        axes[2].contour(a, b, log_px, levels=[limit], colors="#333333", linewidths=1.2, linestyles="solid")
        titles = ("data", "$p(y\\,|\\,x)$", "$p(x, y) = p(y\\,|\\,x)\\,p(x)$")
        for ax, title in zip(axes, titles, strict=True):
            plot.points(points, labels, ax, size=6)
            plot.cross(start, ax)
            ax.set(title=title, aspect="equal", xlim=lim[:2], ylim=lim[2:], xticks=[], yticks=[])
            ax.spines[["top", "right"]].set_visible(True)
        return png(figure)

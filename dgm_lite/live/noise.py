"""Perturbations of growing size, live: the image, the classifier's belief and log p(x)."""

import math
from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import torch
from torch import Tensor, nn

from dgm_lite import plot
from dgm_lite.live.figure import LiveFigure, pack, png, still
from dgm_lite.nets import eval_mode
from dgm_lite.protocols import Density
from dgm_lite.shapes import check_labels, check_levels, check_real

ALT = (
    "A {first} under growing perturbations, one row for each way to choose them: {ways}. Under each image "
    "stand the label that the classifier gives, its probability, and log p(x). In the live figure a slider "
    "sets the size."
)


class Noise(LiveFigure):
    """Choose an image, a way to perturb it and a size; see the classifier's belief and log p(x).

    Every image is computed beforehand, so the browser shows PyTorch's own numbers.

    Args:
        classifier: Maps levels as floats (..., D) to logits (..., n_classes).
        density: Has ``log_prob``: integers (B, D) to nats (B,).
        paths: By name of the way to choose the perturbation, images after 0, 1, .. n moves: integers
            (n + 1, B, D), with the same unperturbed images at 0.
        labels: True labels of the B images.
        heldout_log_prob: log p(x) of held-out data in nats, (N,).
        levels: Number of grey levels, at most 64.
        false_alarms: Share of held-out data whose log p(x) is below the mark of suspicion.
        start: How many moves are shown at first.
        classes: What the classes are called.
        things: What the held-out data are called.
        alt: What the image shows; by default a description of the usual case.

    Raises:
        ValueError: On shapes or levels other than these, images that aren't square, or a density without
            ``log_prob``.
    """

    def __init__(
        self, classifier: nn.Module, density: nn.Module, paths: Mapping[str, Tensor], labels: Tensor, *,
        heldout_log_prob: Tensor, levels: int = 17, false_alarms: float = 0.05, start: int = 0,
        classes: Sequence[str] = tuple("0123456789"), things: str = "held-out digits", alt: str | None = None,
    ):  # fmt: skip
        if not isinstance(density, Density):
            raise ValueError(f"Noise: expected a density with log_prob, got {type(density).__name__}.")
        if not paths:
            raise ValueError("Noise: expected at least one way to choose a perturbation, got none.")
        if not 2 <= levels <= 64:
            raise ValueError(f"Noise: expected 2 to 64 grey levels, got {levels!r}.")
        if not 0 < false_alarms < 1:
            raise ValueError(f"Noise: expected false_alarms between 0 and 1, got {false_alarms!r}.")
        shape = tuple(next(iter(paths.values())).shape)
        if len(shape) != 3 or math.isqrt(shape[-1]) ** 2 != shape[-1]:
            raise ValueError(f"Noise: expected paths of shape (n + 1, B, D) of square images, got {shape}.")
        clean = next(iter(paths.values()))[0]
        for name, path in paths.items():
            check_levels(path, levels, shape, f"Noise path {name!r}")
            if not torch.equal(path[0], clean):
                raise ValueError(f"Noise: expected path {name!r} to begin with the images of the first one.")
        check_labels(labels, len(classes), shape[1], "Noise")
        check_real(heldout_log_prob, ("N",), "Noise heldout_log_prob")
        if not 0 <= start < shape[0]:
            raise ValueError(f"Noise: expected a start from 0 to {shape[0] - 1}, got {start!r}.")
        belief, log_px = _answers(classifier, density, paths)
        scores = heldout_log_prob.detach().sort().values
        limit = scores.quantile(false_alarms).item()
        spec = {
            "side": math.isqrt(shape[-1]), "levels": levels, "moves": shape[0] - 1, "start": start,
            "classes": list(classes), "labels": labels.tolist(), "ways": list(paths), "things": things,
            # One character per pixel; by way, then by image, then by number of moves.
            "images": [_characters(path.transpose(0, 1)) for path in paths.values()],
            "belief": [pack(b.transpose(0, 1)) for b in belief.values()],
            "logPx": [pack(v.T) for v in log_px.values()],
            "heldout": pack(scores), "limit": limit, "falseAlarms": false_alarms,
        }  # fmt: skip
        still = _still(paths, belief, log_px, spec)
        words = ALT.format(first=classes[int(labels[0])], ways="; ".join(paths))
        super().__init__("noise", spec, {}, image=still, alt=alt or words)


def _characters(images: Tensor) -> str:
    return "".join(chr(48 + v) for v in images.flatten().tolist())


@torch.no_grad()
def _answers(classifier, density, paths) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """p(y | x), (n + 1, B, n_classes), and log p(x), (n + 1, B), of every image of every path."""
    with eval_mode(classifier, density):
        belief = {name: classifier(path.float()).softmax(-1) for name, path in paths.items()}
        log_px = {name: density.log_prob(p.flatten(0, 1)).reshape(p.shape[:2]) for name, p in paths.items()}
    return belief, log_px


def _still(paths, belief, log_px, spec) -> bytes:
    """The first image at five sizes, a row for each way."""
    side, moves = spec["side"], spec["moves"]
    shown = sorted({round(moves * share) for share in (0, 0.25, 0.5, 0.75, 1)})
    gap = 4
    with still():
        figure, axes = plt.subplots(len(paths), 1, figsize=(7.2, 1.75 * len(paths)), squeeze=False)
        for ax, (name, path) in zip(axes[:, 0], paths.items(), strict=True):
            plot.images(
                path[shown, 0], ax, shape=(side, side), columns=5, levels=spec["levels"], gap=gap, frames=True
            )
            for i, k in enumerate(shown):
                p, label = belief[name][k, 0].max(0)
                words = f"{spec['classes'][label]}: {p:.2f},  {log_px[name][k, 0]:.0f} nats"
                wrong = label.item() != spec["labels"][0]
                look = {"color": "#9A4F00", "weight": "bold"} if wrong else {"color": "#222222"}
                centre = i * (side + gap) + side / 2 - 0.5
                words = words.replace("-", "\u2212")
                ax.text(centre, side + 0.3, words, ha="center", va="top", fontsize=8.5, **look)
            ax.set(ylim=(side + 1.6, -0.8))
            ax.set_title(name, loc="left", fontsize=10)
        return png(figure)

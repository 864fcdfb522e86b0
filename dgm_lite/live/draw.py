"""Draw a digit, live: log p(x) against held-out digits, and what a classifier believes it sees."""

import math
from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import torch
from torch import Tensor, nn

from dgm_lite import plot
from dgm_lite.live.export import export
from dgm_lite.live.figure import LiveFigure, pack, png, still
from dgm_lite.nets import eval_mode
from dgm_lite.protocols import Density
from dgm_lite.shapes import check_levels, check_real

ALT = (
    "A picture of {side} by {side} pixels, {first}; the histogram of log p(x) of {things} with a line at "
    "each of {names}; and the classifier's probability of each class. In the live figure one can draw on "
    "the picture."
)


class _Levels(nn.Module):
    """A density of integers, fed with the same numbers as floats: what the browser's engine holds.

    Models with ``log_prob_terms`` give the share of every pixel, too.
    """

    def __init__(self, density: nn.Module):
        super().__init__()
        self.density = density

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        """Levels as floats, (B, D), to nats (B,) and, where the model has them, terms (B, D)."""
        if not hasattr(self.density, "log_prob_terms"):
            return self.density.log_prob(x.long())
        terms = self.density.log_prob_terms(x.long())
        return terms.sum(1), terms


class Draw(LiveFigure):
    """A canvas to draw on, log p(x) in nats and bits per dimension, and the classifier's belief.

    Args:
        density: Has ``log_prob``: integers (B, D) to nats (B,). With ``log_prob_terms``, (B, D), the
            figure can show which pixels surprise the model.
        classifier: Maps levels as floats (B, D) to logits (B, n_classes).
        heldout_log_prob: log p(x) of held-out data in nats, (N,).
        examples: Pictures behind the buttons, by name: integers (D,) or (n, D), of which a button
            shows one after another. The figure opens with the very first.
        levels: Number of grey levels.
        classes: What the classes are called.
        things: What the held-out data are called.
        half: Store the density's weights in 16 bits: half the page's size, log p(x) off by some 0.01 nats.
        alt: What the image shows; by default a description of the usual case.

    Raises:
        ValueError: On shapes or levels other than these, pictures that aren't square, a density without
            ``log_prob``, or models that the browser's engine can't run.
    """

    def __init__(
        self, density: nn.Module, classifier: nn.Module, heldout_log_prob: Tensor,
        examples: Mapping[str, Tensor], *, levels: int = 17, classes: Sequence[str] = tuple("0123456789"),
        things: str = "held-out digits", half: bool = True, alt: str | None = None,
    ):  # fmt: skip
        if not isinstance(density, Density):
            raise ValueError(f"Draw: expected a density with log_prob, got {type(density).__name__}.")
        check_real(heldout_log_prob, ("N",), "Draw heldout_log_prob")
        if not examples:
            raise ValueError("Draw: expected at least one example, got none.")
        pages = {name: x.reshape(-1, x.shape[-1]) for name, x in examples.items()}
        dim = next(iter(pages.values())).shape[1]
        side = math.isqrt(dim)
        if side * side != dim:
            raise ValueError(f"Draw: expected square pictures, got {dim} pixels.")
        for name, x in pages.items():
            check_levels(x, levels, ("n", dim), f"Draw example {name!r}")
        first = next(iter(pages.values()))[:1]
        scores = heldout_log_prob.detach().sort().values
        terms = ["terms"] if hasattr(density, "log_prob_terms") else []
        pair = first.float().repeat(2, 1)
        spec = {
            "side": side,
            "levels": levels,
            "classes": list(classes),
            "things": things,
            "examples": {name: pack(x) for name, x in pages.items()},
            "heldout": pack(scores),
            "start": first[0].tolist(),
        }
        models = {
            "density": export(_Levels(density), pair, ["log_prob", *terms], half=half),
            "classifier": export(classifier, pair, ["logits"]),
        }
        alt = alt or ALT.format(side=side, first=next(iter(pages)), things=things, names=", ".join(pages))
        still = _still(density, classifier, scores, pages, side, levels, classes, things)
        super().__init__("draw", spec, models, image=still, alt=alt)


@torch.no_grad()
def _still(density, classifier, scores, pages, side, levels, classes, things) -> bytes:
    """The first example, every first example's log p(x) on the histogram, and the classifier's belief."""
    firsts = torch.stack([x[0] for x in pages.values()])
    with eval_mode(density, classifier):
        log_px, belief = density.log_prob(firsts), classifier(firsts[:1].float()).softmax(1)[0]
    low = scores[-1] - 2.2 * (scores[-1] - scores.quantile(0.01))
    with still():
        figure, (left, middle, right) = plt.subplots(1, 3, figsize=(7.2, 2.3), width_ratios=[1, 1.9, 1.2])
        plot.images(firsts[:1], left, shape=(side, side), columns=1, levels=levels)
        left.set_title(next(iter(pages)))
        middle.hist(scores.numpy(), bins=40, color=plot.GREY, alpha=0.7)
        top = middle.get_ylim()[1]
        # The farther left, the taller: no line then crosses the words of another.
        marks = sorted(zip(log_px.tolist(), pages, strict=True), reverse=True)
        for k, (value, name) in enumerate(marks):
            at = max(value, low.item())
            words = name if at == value else f"$\\leftarrow$ {name}"
            tall = top * (1.05 + 0.13 * k)
            middle.plot([at, at], [0, tall], color=plot.ORANGE, lw=1.4)
            middle.annotate(words, (at, tall), xytext=(3, -2), textcoords="offset points", fontsize=9)
        middle.set(title=f"log p(x) of {things}", xlabel="nats", yticks=[])
        middle.spines["left"].set_visible(False)
        right.bar(range(len(classes)), belief.tolist(), color=plot.BLUE)
        right.set_xticks(range(len(classes)), classes)
        right.set(title="$p(y\\,|\\,x)$", ylim=(0, 1), yticks=[0, 1])
        return png(figure)

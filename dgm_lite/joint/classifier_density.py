"""A classifier that also knows how likely its input is.

    p(x, y) = p(y | x) p(x)                                            [book: eq. joint]

Where p(x) is small the classifier's answer rests on nothing, and the system may decline.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from dgm_lite.joint.classifier import Classifier
from dgm_lite.nets import in_eval_mode
from dgm_lite.protocols import Density
from dgm_lite.shapes import check_labels

REJECT = -1


@dataclass(frozen=True)
class Decision:
    """What the system says of each object.

    Args:
        label: Most probable label, or REJECT (-1) where p(x) is below the threshold, (B,).
        confidence: p(label | x) of the most probable label, rejected or not, (B,).
        log_px: log p(x) in nats, (B,).
    """

    label: Tensor
    confidence: Tensor
    log_px: Tensor


class ClassifierDensity(nn.Module):
    """The joint p(x, y) = p(y | x) p(x), made of a classifier and any density of x.

    The two parts share no weights: each is trained by its own ``loss``.

    Args:
        classifier: p(y | x).
        density: p(x); any module with an exact ``log_prob``.

    Source: book eq. `joint`; Chow (1970), On optimum recognition error and reject tradeoff.
    """

    def __init__(self, classifier: Classifier, density: nn.Module):
        super().__init__()
        if not isinstance(density, Density):
            raise ValueError(
                f"ClassifierDensity: expected a density with log_prob, got {type(density).__name__}."
            )
        self.classifier, self.density = classifier, density
        # Below this log p(x) the system declines to decide; -inf: it never declines.
        self.register_buffer("threshold", torch.tensor(-torch.inf))

    def log_prob_joint(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """log p(x, y) = log p(y | x) + log p(x), in nats: of the labels y, (B,), or of all, (B, n_classes).

        Args:
            x: Objects, shape (B, D).
            y: Labels 0 .. n_classes-1, shape (B,), or None.

        Source: book eq. `joint`.
        """
        joint = self.classifier.log_prob_labels(x) + self.density.log_prob(x)[:, None]
        if y is None:
            return joint
        y = check_labels(y, self.classifier.n_classes, len(x), "ClassifierDensity")
        return joint.gather(1, y[:, None]).squeeze(1)

    def log_prob(self, x: Tensor) -> Tensor:
        """log p(x), nats, (B,). There is no log p(x | y): p(y) would be an integral over all x.

        Source: book eq. `joint`.
        """
        return self.density.log_prob(x)

    @torch.no_grad()
    @in_eval_mode
    def reject_below(self, heldout: Tensor, quantile: float) -> "ClassifierDensity":
        """Decline to decide where log p(x) is below this quantile of held-out objects; return the model.

        Args:
            heldout: Objects that neither part was trained on, (N, D).
            quantile: Share of ordinary objects that we are ready to reject, in [0, 1).

        Raises:
            ValueError: If the quantile is outside [0, 1).
        """
        if not 0 <= quantile < 1:
            raise ValueError(f"ClassifierDensity: expected a quantile in [0, 1), got {quantile}.")
        self.threshold.copy_(self.density.log_prob(heldout).quantile(quantile))
        return self

    @torch.no_grad()
    @in_eval_mode
    def decide(self, x: Tensor) -> Decision:
        """The most probable label of each object, or REJECT where log p(x) is below the threshold."""
        log_px = self.density.log_prob(x)
        confidence, label = self.classifier.log_prob_labels(x).exp().max(1)
        label = torch.where(log_px < self.threshold, REJECT, label)
        return Decision(label, confidence, log_px)

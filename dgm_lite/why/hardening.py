"""Training on the worst images near the examples: a classifier that small changes move less."""

from torch import Tensor, nn

from dgm_lite.shapes import check_count
from dgm_lite.why.noise import untargeted


class Hardened(nn.Module):
    """Adversarial training: min_theta E[max_delta -log p(y | x + delta)], all |delta_d| <= budget.

    Train it in place of its classifier, which is then used by itself.

    Args:
        classifier: Has ``loss(x, y)`` in nats, and maps real images (B, D) to logits.
        budget: Largest change of one pixel, in grey levels.
        levels: Number of grey levels.
        n_steps: Steps of the attack on each batch; every one costs as much as a step of plain training.

    Raises:
        ValueError: If the budget is not above 0, or there is no step.

    Source: book eq. `adversarial-training`; Madry et al. (2018), Towards deep learning models resistant to
    adversarial attacks, section 2.
    """

    def __init__(self, classifier: nn.Module, *, budget: float, levels: int, n_steps: int = 5):
        super().__init__()
        if not budget > 0:
            raise ValueError(f"Hardened: expected a budget above 0 grey levels, got {budget!r}.")
        check_count(n_steps, "Hardened", "n_steps")
        self.classifier = classifier
        self.attack = {"budget": budget, "levels": levels, "n_steps": n_steps, "whole": False}

    def loss(self, x: Tensor, y: Tensor) -> Tensor:
        """Mean of -log p(y | x') at the worst x' that the attack finds, in nats per example.

        Args:
            x: Integer images, values 0 .. levels-1, (B, D).
            y: True labels, (B,).
        """
        worst = untargeted(self.classifier, x, y, **self.attack)
        return self.classifier.loss(worst, y)

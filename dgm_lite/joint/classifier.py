"""A classifier: p(y | x) and nothing about x."""

import torch.nn.functional as F
from torch import Tensor, nn

from dgm_lite.nets import mlp
from dgm_lite.shapes import check_counts, check_labels, check_real, check_shape


class Classifier(nn.Module):
    """p(y | x) = softmax(f(x)), f a multilayer perceptron.

    Args:
        dim: D, the number of inputs.
        n_classes: Number of labels.
        hidden: Units of each hidden layer.
        n_layers: Hidden layers.
        dropout: Share of hidden units silenced in training.
        scale: Inputs are divided by this (16 for digits with levels 0..16), so that the network sees [0, 1].

    Raises:
        ValueError: If a size is below 1, or the scale not above 0.
    """

    def __init__(self, dim: int, n_classes: int, *, hidden: int = 64, n_layers: int = 2,
                 dropout: float = 0.0, scale: float = 1.0):  # fmt: skip
        super().__init__()
        check_counts("Classifier", dim=dim, n_classes=n_classes, hidden=hidden, n_layers=n_layers)
        if not scale > 0:
            raise ValueError(f"Classifier: expected a scale above 0, got {scale!r}.")
        self.dim, self.n_classes, self.scale = dim, n_classes, scale
        self.net = mlp(dim, hidden, n_classes, n_layers=n_layers, dropout=dropout)

    def forward(self, x: Tensor) -> Tensor:
        """Logits f(x): (B, D) -> (B, n_classes). Integers are accepted: pixels are inputs too."""
        return self.net(x.to(self.net[0].weight.dtype) / self.scale)

    def log_prob_labels(self, x: Tensor) -> Tensor:
        """log p(y | x) of every label y, in nats, (B, n_classes).

        Raises:
            ValueError: If x is not (B, D), or holds NaN or infinity.

        Source: book eq. `softmax-classifier`.
        """
        check_shape(x, ("B", self.dim), "Classifier")
        if x.is_floating_point() or x.is_complex():
            check_real(x, ("B", self.dim), "Classifier")
        return self(x).log_softmax(1)

    def loss(self, x: Tensor, y: Tensor) -> Tensor:
        """Mean cross-entropy -log p(y | x) over the batch, in nats per example.

        Args:
            x: Inputs, (B, D).
            y: Labels 0 .. n_classes-1, (B,).
        """
        log_py = self.log_prob_labels(x)
        return F.nll_loss(log_py, check_labels(y, self.n_classes, len(x), "Classifier"))

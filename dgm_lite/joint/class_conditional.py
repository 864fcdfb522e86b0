"""One density per class, turned into a classifier by Bayes' rule.

    p(x, y) = p(x | y) p(y)                                [book: eq. class-conditional]

With ``loss`` each density learns from its own class only, and p(y) from the share of the classes. Points
without a label can teach them, too: ``dgm_lite.joint.expectation_maximisation``.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from dgm_lite.nets import in_eval_mode
from dgm_lite.protocols import Density
from dgm_lite.shapes import check_count, check_labels


class ClassConditional(nn.Module):
    """The other factorisation: p(x, y) = p(x | y) p(y), hence p(y | x) = p(x, y) / sum_y' p(x, y').

    Args:
        densities: p(x | y) for y = 0, 1, ...: modules with an exact ``log_prob`` and a ``loss``.

    Source: book eq. `class-conditional`; Lasserre et al. (2006), Principled hybrids of generative and
    discriminative models, section 2.
    """

    def __init__(self, densities: Sequence[nn.Module]):
        super().__init__()
        for density in densities:
            if not isinstance(density, Density):
                raise ValueError(
                    f"ClassConditional: expected densities with log_prob, got {type(density).__name__}."
                )
        self.densities = nn.ModuleList(densities)
        self.n_classes = len(self.densities)
        check_count(self.n_classes, "ClassConditional", "the number of densities")
        self.class_logits = nn.Parameter(torch.zeros(self.n_classes))

    def log_prob_each(self, x: Tensor) -> Tensor:
        """log p(x | y) of every label y, in nats, (B, n_classes)."""
        return torch.stack([density.log_prob(x) for density in self.densities], dim=1)

    def log_prob_joint(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """log p(x, y) = log p(x | y) + log p(y), in nats: of the labels y, (B,), or of all, (B, n_classes).

        Source: book eq. `class-conditional`; Lasserre et al. (2006), equation 1.
        """
        joint = self.log_prob_each(x) + self.class_logits.log_softmax(0)
        return joint if y is None else self._chosen(joint, y)

    def log_prob(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """log p(x | y), or log p(x) = log sum_y p(x, y) where no labels are given, in nats, (B,).

        Source: book eq. `class-conditional`.
        """
        return self.log_prob_joint(x).logsumexp(1) if y is None else self._chosen(self.log_prob_each(x), y)

    def _chosen(self, table: Tensor, y: Tensor) -> Tensor:
        y = check_labels(y, self.n_classes, len(table), "ClassConditional")
        return table.gather(1, y[:, None]).squeeze(1)

    def log_prob_labels(self, x: Tensor) -> Tensor:
        """log p(y | x) by Bayes' rule, in nats, (B, n_classes)."""
        return self.log_prob_joint(x).log_softmax(1)

    def loss(self, x: Tensor, y: Tensor) -> Tensor:
        """Mean of -log p(x, y) over the batch, in nats per example."""
        return -self.log_prob_joint(x, y).mean()

    @torch.no_grad()
    @in_eval_mode
    def sample(self, n: int, *, generator: torch.Generator | None = None) -> Tensor:
        """y ~ p(y), then x ~ p(x | y): shape (n, *event), in random order of classes."""
        check_count(n, "ClassConditional.sample")
        y = torch.multinomial(self.class_logits.softmax(0), n, replacement=True, generator=generator)
        counts = torch.bincount(y, minlength=self.n_classes).tolist()
        drawn = [d.sample(c, generator=generator) for d, c in zip(self.densities, counts, strict=True) if c]
        # y is sorted by class in `drawn`; putting rows back at argsort(y) restores the random order.
        x = torch.empty_like(torch.cat(drawn))
        x[y.argsort(stable=True)] = torch.cat(drawn)
        return x

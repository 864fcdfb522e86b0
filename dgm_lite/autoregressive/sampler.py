"""How every autoregressive model draws: one position after another, each given those before it.

A model offers ``stepwise(batch)``: an object whose ``next_logits`` takes the column just fixed and
returns the logits of the next. Whoever fixes the columns decides what happens: this sampler draws
them, a decoder would read them from bits.
"""

from typing import Protocol

import torch
from torch import Tensor

from dgm_lite.nets import eval_mode
from dgm_lite.shapes import check_levels, check_mask


class Stepwise(Protocol):
    """The conditionals of a batch, one position after another, without dropout or gradients."""

    def next_logits(self, previous: Tensor | None) -> Tensor:
        """Logits of p(x_d | x_{<d}), (B, levels), given column d - 1, integers (B,); None at the start."""
        ...


class FullPasses:
    """The naive way: the whole network, all D positions of it, for every single column.

    Args:
        model: Has ``dim`` and ``logits(x)``, or ``logits(x, y)`` where labels are given.
        batch: How many examples side by side.
        y: Their labels, (B,), or None.
    """

    def __init__(self, model, batch: int, y: Tensor | None = None):
        self.model, self.labels, self.d = model, () if y is None else (y,), 0
        device = next(model.parameters()).device
        self.x = torch.zeros(batch, model.dim, dtype=torch.long, device=device)

    @torch.no_grad()
    def next_logits(self, previous: Tensor | None) -> Tensor:
        """One full pass, of which one column is used."""
        if previous is not None:
            self.x[:, self.d - 1] = previous
        with eval_mode(self.model):
            logits = self.model.logits(self.x, *self.labels)
        self.d += 1
        return logits[:, :, self.d - 1]


@torch.no_grad()
def draw_all(steps: Stepwise, n: int, dim: int, *, known: Tensor | None = None,
             generator: torch.Generator | None = None) -> Tensor:  # fmt: skip
    """Draw x_0 ~ p(x_0), x_1 ~ p(x_1 | x_0), and so on.

    Two computations of the same logits, such as ``stepwise`` and ``FullPasses``, differ by rounding. They
    give the same draws but for the rare case that two levels tie to within that rounding.

    Args:
        steps: A fresh stepwise computation for n examples.
        n: How many to draw.
        dim: D.
        known: Integers, (n, d): the first d columns, which are kept and not drawn.
        generator: Source of randomness on the model's device.

    Returns:
        Integers, (n, D).
    """
    columns = [] if known is None else list(known.unbind(1))
    n_known, previous = len(columns), None
    with torch.inference_mode():  # spares some bookkeeping in each of thousands of small operations
        for d in range(dim):
            logits = steps.next_logits(previous)
            if d >= n_known:
                columns.append(draw(logits, generator))
            previous = columns[d]
    return torch.stack(columns, dim=1)


def draw(logits: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """One integer from softmax(logits) for each row, (B, levels) -> (B,): the first of L racing clocks.

    Clock k rings after a time e_k / p_k with e_k ~ Exp(1), and it rings first with probability p_k. The
    normaliser is the same for all and may be left out (the Gumbel-max trick).
    """
    e = torch.empty_like(logits).exponential_(generator=generator)
    return (logits - e.log_()).argmax(1)


def known_prefix(x: Tensor, known: Tensor, levels: int, dim: int, owner: str) -> Tensor:
    """The known columns of x, (B, d), if they are its first ones.

    Args:
        x: Integers, (B, D). What stands where nothing is known is not looked at.
        known: Booleans, (D,): which positions of x to keep.
        levels: Values that x may take.
        dim: D.
        owner: Who refuses: the first word of the message.

    Raises:
        ValueError: If x or the mask is none, or if something is known after something unknown: the
            model has p(x_d | x_{<d}), and conditioning on what comes later would take a sum over
            everything between.
    """
    whole = check_levels(x, None, ("B", dim), owner)
    check_mask(known, dim, owner)
    whole = check_levels(whole.masked_fill(~known.to(x.device), 0), levels, ("B", dim), owner)
    start = int(known.sum())
    if not known[:start].all():
        gap = int((~known).nonzero()[0])
        raise ValueError(
            f"{owner}: expected the known positions to come first, got position {gap} unknown before a "
            "known one. An autoregressive model conditions on what comes earlier in its order, not on "
            "what comes later."
        )
    return whole[:, :start]

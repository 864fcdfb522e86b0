"""An autoregressive model of integers with causal convolutions.

    p(x) = p(x_0) prod_{d=1}^{D-1} p(x_d | x_{<d})                       [book: eq. arm]

One network computes all D conditionals in one pass, because no output can see its own input
or anything after it. The sum over all x is one by construction: each conditional is a softmax,
or a mixture of logistics whose outermost bins reach to infinity.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dgm_lite.autoregressive.convolution import (
    CausalConv1d,
    ColumnOfBlock,
    GatedBlock,
    RingBuffer,
    taps_first,
)
from dgm_lite.autoregressive.sampler import FullPasses, draw_all, known_prefix
from dgm_lite.distributions import Logistics, level_counts, starting_logistics
from dgm_lite.shapes import check_count, check_counts, check_labels, check_levels


class CausalARM(nn.Module):
    """Autoregressive model of integer vectors x in {0, .., levels-1}^D, one pass for all conditionals.

    Args:
        dim: D, the length of x.
        levels: Number of values that each x_d can take.
        channels: Width of the network.
        kernel: Inputs that one convolution sees.
        dilations: Gap between these inputs, one per block. The network sees
            1 + (kernel - 1) * (1 + sum(dilations)) pixels back.
        dropout: Share of gated units silenced in training.
        skips: Let the head read every block, not only the last.
        n_logistics: Logistics in the mixture that is each conditional: 3 numbers each, however many
            levels. None for a softmax over the levels.
        n_classes: Number of classes of a model of p(x | y), which takes labels y everywhere. None for p(x).

    Example:
        >>> model = CausalARM(dim=64, levels=17)
        >>> x = torch.randint(17, (3, 64))
        >>> model.log_prob(x).shape  # nats, exact
        torch.Size([3])
        >>> model.sample(2).shape
        torch.Size([2, 64])

    Source: van den Oord et al. (2016), WaveNet: a generative model for raw audio, section 2; Salimans
    et al. (2017), PixelCNN++, section 2.1, for the logistics.
    """

    def __init__(self, dim: int, levels: int, *, channels: int = 64, kernel: int = 3,
                 dilations: tuple[int, ...] = (1, 2, 4, 8, 16, 8), dropout: float = 0.3, skips: bool = False,
                 n_logistics: int | None = None, n_classes: int | None = None):  # fmt: skip
        super().__init__()
        check_counts("CausalARM", dim=dim, levels=levels, channels=channels, kernel=kernel)
        optional = {"n_logistics": n_logistics, "n_classes": n_classes}
        check_counts("CausalARM", **{what: n for what, n in optional.items() if n is not None})
        self.dim, self.levels, self.n_logistics, self.n_classes = dim, levels, n_logistics, n_classes
        self.first = CausalConv1d(1, channels, kernel, shift=1)
        self.position = nn.Parameter(0.1 * torch.randn(channels, dim))
        self.label = nn.Embedding(n_classes, channels) if n_classes else None
        self.blocks = nn.ModuleList(
            GatedBlock(channels, kernel, dilation=d, dropout=dropout, skip=skips) for d in dilations
        )
        n_out = 3 * n_logistics if n_logistics else levels
        self.head = nn.Conv1d(channels, n_out, 1)
        self.marginal = nn.Parameter(torch.zeros(n_out, dim))

    def start_from_marginals(self, x: Tensor) -> "CausalARM":
        """Set the bias of the last layer so that training starts at the histogram of every position.

        A mixture of logistics starts at the quantiles of every position instead.

        Args:
            x: Training data, integers, shape (N, D).

        Returns:
            The model itself.
        """
        check_levels(x, self.levels, ("N", self.dim), "CausalARM")
        with torch.no_grad():
            nn.init.zeros_(self.head.weight)
            nn.init.zeros_(self.head.bias)
            if self.n_logistics is None:
                counts = level_counts(x, self.levels) + 1.0  # no value is impossible
                self.marginal.copy_((counts / counts.sum(1, keepdim=True)).log().T)
            else:
                start = starting_logistics(self.scaled(x), self.levels, self.n_logistics)
                self.marginal.copy_(start.flatten(0, 1))
        return self

    def scaled(self, x: Tensor) -> Tensor:
        """Levels to [-1, 1], in the model's dtype."""
        return x.to(self.marginal.dtype) * (2 / max(self.levels - 1, 1)) - 1

    def outputs(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """What the network says about p(x_d | x_{<d}), for all d in one pass.

        Args:
            x: Integers or the same numbers as floats, shape (B, D).
            y: Labels, shape (B,), for a model of p(x | y).

        Returns:
            Shape (B, levels, D), or (B, 3 n_logistics, D); column d depends on x_{<d} only.
        """
        h = self.first(self.scaled(x)[:, None]) + self.position
        y = check_labels(y, self.n_classes, len(x), "CausalARM")
        if y is not None:
            h = h + self.label(y)[:, :, None]
        skips = []
        for block in self.blocks:
            h, skip = block(h)
            skips += [skip] if skip is not None else []
        return self.head(F.silu(sum(skips, h))) + self.marginal

    def mixture(self, out: Tensor) -> Logistics:
        """The conditionals as mixtures of logistics, from (B, 3K, ...)."""
        return Logistics(*out.unflatten(1, (3, self.n_logistics)).movedim(2, -1).unbind(1), self.levels)

    def table(self, out: Tensor) -> Tensor:
        """Logits of all levels from what the network says: (B, n_out, ...) -> (B, levels, ...)."""
        return out if self.n_logistics is None else self.mixture(out).table().movedim(-1, 1)

    def logits(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Unnormalised log p(x_d = k | x_{<d}) for all d and k at once.

        Args:
            x: Integers or the same numbers as floats, shape (B, D).
            y: Labels, shape (B,), for a model of p(x | y).

        Returns:
            Shape (B, levels, D); column d depends on x_0 .. x_{d-1} only.
        """
        return self.table(self.outputs(x, y))

    def log_prob_terms(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """log p(x_d | x_{<d}) of every position, in nats, shape (B, D)."""
        x = check_levels(x, self.levels, ("B", self.dim), self)
        out = self.outputs(x, y)
        if self.n_logistics is not None:
            return self.mixture(out).log_prob_terms(x)
        return out.log_softmax(1).gather(1, x[:, None]).squeeze(1)

    def log_prob(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Exact log-probability: log p(x) = sum_d log p(x_d | x_{<d}).

        Args:
            x: Integers 0 .. levels-1, shape (B, D).
            y: Labels, shape (B,), for a model of p(x | y).

        Returns:
            Nats, shape (B,). Never positive: it is a probability.

        Raises:
            ValueError: If x has another shape, dtype or range, or y is missing or out of place.

        Source: book eq. `arm`; van den Oord et al. (2016), WaveNet, equation 1.
        """
        return self.log_prob_terms(x, y).sum(1)

    def loss(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Mean of -log p(x) over the batch, in nats per example."""
        return -self.log_prob(x, y).mean()

    # --- one position at a time ---------------------------------------------------------------

    def stepwise(self, batch: int, y: Tensor | None = None) -> "CausalSteps":
        """The same conditionals one position at a time, for a sampler or a decoder.

        Args:
            batch: How many examples side by side.
            y: Labels, shape (B,), for a model of p(x | y).

        Returns:
            An object whose ``next_logits(previous)`` gives (B, levels). On one machine, the same columns
            in a batch of the same size give the same bits; the logits of a full pass differ by rounding.
        """
        check_count(batch, "CausalARM.stepwise", "batch")
        return CausalSteps(self, batch, y)

    def sample(self, n: int, *, y: Tensor | None = None, cache: bool = True,
               generator: torch.Generator | None = None) -> Tensor:  # fmt: skip
        """Draw x_0, then x_1 given x_0, and so on.

        Args:
            n: How many to draw.
            y: Labels, shape (n,), for a model of p(x | y).
            cache: Compute one position per step and remember the past; without, D full passes.
            generator: Source of randomness on the model's device; the same seed gives the same draws.

        Returns:
            Integers, shape (n, D).
        """
        check_count(n, "CausalARM.sample")
        steps = CausalSteps(self, n, y) if cache else FullPasses(self, n, y)
        return draw_all(steps, n, self.dim, generator=generator)

    def complete(self, x: Tensor, known: Tensor, *, y: Tensor | None = None, cache: bool = True,
                 generator: torch.Generator | None = None) -> Tensor:  # fmt: skip
        """Keep the known first positions and draw the others: x_{>=d} ~ p(x_{>=d} | x_{<d}).

        Args:
            x: Integers, shape (B, D); what stands in unknown positions is ignored.
            known: Booleans, shape (D,), true for the first positions only.
            y: Labels, shape (B,), for a model of p(x | y).
            cache: As in ``sample``.
            generator: As in ``sample``.

        Returns:
            Integers, shape (B, D).

        Raises:
            ValueError: If something is known after something unknown.
        """
        prefix = known_prefix(x, known, self.levels, self.dim, "CausalARM.complete")
        steps = CausalSteps(self, len(x), y) if cache else FullPasses(self, len(x), y)
        return draw_all(steps, len(x), self.dim, known=prefix, generator=generator)


class CausalSteps:
    """The stepwise computation of ``CausalARM``: every layer computes the one column that is new.

    The weights are copied and arranged once, at the start: the steps are so small that what counts is how
    many operations they take.
    """

    @torch.no_grad()
    def __init__(self, model: CausalARM, batch: int, y: Tensor | None = None):
        self.model, self.d = model, 0
        self.past, self.weight = RingBuffer(model.first, batch), taps_first(model.first)
        self.blocks = [ColumnOfBlock(block, batch) for block in model.blocks]
        self.head = model.head.weight[:, :, 0].T.clone()
        # Everything that is added at position d, summed and taken apart beforehand.
        self.at_first = (model.position.T + model.first.bias).unbind(0)
        self.at_head = (model.marginal.T + model.head.bias).unbind(0)
        y = check_labels(y, model.n_classes, batch, "CausalARM")
        self.label = None if y is None else model.label(y)
        self.padding = model.marginal.new_zeros(batch, 1)
        self.inputs = model.scaled(torch.arange(model.levels, device=model.marginal.device))[:, None]

    def next_logits(self, previous: Tensor | None) -> Tensor:
        """Logits of p(x_d | x_{<d}), (B, levels), given column d - 1, integers (B,); None at the start."""
        # The shift by one: position d reads x_{d-1} as its newest input, and position 0 the padding.
        newest = self.padding if previous is None else self.inputs.index_select(0, previous.long())
        h = torch.addmm(self.at_first[self.d], self.past.push(newest), self.weight)
        if self.label is not None:
            h = h + self.label
        skips = []
        for block in self.blocks:
            h, skip = block(h)
            if skip is not None:
                skips.append(skip)
        out = torch.addmm(self.at_head[self.d], F.silu(sum(skips, h)), self.head)
        self.d += 1
        return self.model.table(out)

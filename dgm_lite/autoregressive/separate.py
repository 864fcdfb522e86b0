"""One network for each conditional: the product rule taken literally.

    p(x) = p(x_0) prod_{d=1}^{D-1} p(x_d | x_{<d})                       [book: eq. arm]

It is exact, easy to get right, and wasteful: D networks learn D times what an edge looks like.
"""

import torch
from torch import Tensor, nn

from dgm_lite.autoregressive.sampler import FullPasses, draw_all, known_prefix
from dgm_lite.distributions import level_counts
from dgm_lite.nets import eval_mode, mlp
from dgm_lite.shapes import check_count, check_counts, check_levels


class SeparateARM(nn.Module):
    """Categorical autoregressive model of x in {0, .., levels-1}^D with D networks that share nothing.

    Args:
        dim: D, the length of x.
        levels: Number of values that each x_d can take.
        hidden: Units of the one hidden layer of each network.
        dropout: Share of hidden units silenced in training.

    Source: Bengio and Bengio (2000), Taking on the curse of dimensionality in joint distributions using
    neural networks, section II; there the networks share parts of their first layer.
    """

    def __init__(self, dim: int, levels: int, *, hidden: int = 32, dropout: float = 0.5):
        super().__init__()
        check_counts("SeparateARM", dim=dim, levels=levels, hidden=hidden)
        self.dim, self.levels = dim, levels
        self.marginal = nn.Parameter(torch.zeros(levels, dim))  # its first column is all of p(x_0)
        self.nets = nn.ModuleList(mlp(d, hidden, levels, n_layers=1, dropout=dropout) for d in range(1, dim))

    def start_from_marginals(self, x: Tensor) -> "SeparateARM":
        """Start training at the histogram of every position.

        Args:
            x: Training data, integers, shape (N, D).

        Returns:
            The model itself.
        """
        check_levels(x, self.levels, ("N", self.dim), "SeparateARM")
        counts = level_counts(x, self.levels) + 1.0  # one more each: no value is impossible
        with torch.no_grad():
            self.marginal.copy_((counts / counts.sum(1, keepdim=True)).log().T)
            for net in self.nets:
                nn.init.zeros_(net[-1].weight)
                nn.init.zeros_(net[-1].bias)
        return self

    def next_logits(self, x: Tensor) -> Tensor:
        """Logits of p(x_d | x_{<d}) from the d numbers before: (B, d) -> (B, levels)."""
        d = x.shape[1]
        if d == 0:
            return self.marginal[:, 0].expand(len(x), -1)
        half = max(self.levels - 1, 1) / 2
        scaled = x.to(self.marginal.dtype) / half - 1  # levels to [-1, 1]
        return self.marginal[:, d] + self.nets[d - 1](scaled)

    def logits(self, x: Tensor) -> Tensor:
        """Unnormalised log p(x_d = k | x_{<d}) for all d and k: D networks, one after another.

        Args:
            x: Integers or the same numbers as floats, shape (B, D).

        Returns:
            Shape (B, levels, D); column d depends on x_0 .. x_{d-1} only.
        """
        return torch.stack([self.next_logits(x[:, :d]) for d in range(self.dim)], dim=2)

    def log_prob_terms(self, x: Tensor) -> Tensor:
        """log p(x_d | x_{<d}) of every position, in nats, shape (B, D)."""
        x = check_levels(x, self.levels, ("B", self.dim), self)
        return self.logits(x).log_softmax(1).gather(1, x[:, None]).squeeze(1)

    def log_prob(self, x: Tensor) -> Tensor:
        """Exact log-probability: log p(x) = sum_d log p(x_d | x_{<d}).

        Args:
            x: Integers 0 .. levels-1, shape (B, D).

        Returns:
            Nats, shape (B,). Never positive: it is a probability.

        Raises:
            ValueError: If x has another shape, dtype or range.

        Source: book eq. `arm`.
        """
        return self.log_prob_terms(x).sum(1)

    def loss(self, x: Tensor) -> Tensor:
        """Mean of -log p(x) over the batch, in nats per example."""
        return -self.log_prob(x).mean()

    def stepwise(self, batch: int) -> "OneByOne":
        """The conditionals of a batch one position after another: each takes one of the D networks."""
        check_count(batch, "SeparateARM.stepwise", "batch")
        return OneByOne(self, batch)

    def sample(self, n: int, *, cache: bool = True, generator: torch.Generator | None = None) -> Tensor:
        """Draw x_0, then x_1 given x_0, and so on.

        Args:
            n: How many to draw.
            cache: Run only the network that is due; without, all D at each of D steps.
            generator: Source of randomness on the model's device; the same seed gives the same draws.

        Returns:
            Integers, shape (n, D).
        """
        check_count(n, "SeparateARM.sample")
        steps = OneByOne(self, n) if cache else FullPasses(self, n)
        return draw_all(steps, n, self.dim, generator=generator)

    def complete(self, x: Tensor, known: Tensor, *, cache: bool = True,
                 generator: torch.Generator | None = None) -> Tensor:  # fmt: skip
        """Keep the known first positions and draw the others: x_{>=d} ~ p(x_{>=d} | x_{<d}).

        Args:
            x: Integers, shape (B, D).
            known: Booleans, shape (D,), true for the first positions only.
            cache: As in ``sample``.
            generator: As in ``sample``.

        Returns:
            Integers, shape (B, D).

        Raises:
            ValueError: If something is known after something unknown.
        """
        prefix = known_prefix(x, known, self.levels, self.dim, "SeparateARM.complete")
        steps = OneByOne(self, len(x)) if cache else FullPasses(self, len(x))
        return draw_all(steps, len(x), self.dim, known=prefix, generator=generator)


class OneByOne:
    """The stepwise computation of ``SeparateARM``: remembers the columns and asks the network that is due."""

    def __init__(self, model: SeparateARM, batch: int):
        self.model, self.past = model, model.marginal.new_zeros(batch, 0)

    @torch.no_grad()
    def next_logits(self, previous: Tensor | None) -> Tensor:
        """Logits of p(x_d | x_{<d}), (B, levels), given column d - 1, integers (B,); None at the start."""
        if previous is not None:
            self.past = torch.cat([self.past, previous[:, None].to(self.past)], dim=1)
        with eval_mode(self.model):
            return self.model.next_logits(self.past)

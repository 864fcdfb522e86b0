"""An autoregressive model of integers with causal convolutions.

    p(x) = p(x_0) prod_{d=1}^{D-1} p(x_d | x_{<d})                       [book: eq. arm]

One network computes all D conditionals in one pass, because no output can see its own input
or anything after it. The sum over all x is one by construction: each conditional is a softmax.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dgm_lite.nets import CausalConv1d
from dgm_lite.shapes import check_count, check_levels


class GatedBlock(nn.Module):
    """h + W_out (tanh(a) * sigmoid(b)),   (a, b) = causal convolution of h.

    The gate lets a unit switch itself off where the past says nothing.
    """

    def __init__(self, channels: int, kernel: int, *, dilation: int, dropout: float):
        super().__init__()
        self.conv = CausalConv1d(channels, 2 * channels, kernel, dilation=dilation)
        self.out = nn.Conv1d(channels, channels, 1)
        self.dropout = nn.Dropout(dropout)

    def forward(self, h: Tensor) -> Tensor:
        """(B, C, D) -> (B, C, D)."""
        a, b = self.conv(h).chunk(2, dim=1)
        return h + self.out(self.dropout(torch.tanh(a) * torch.sigmoid(b)))


class CausalARM(nn.Module):
    """Categorical autoregressive model of integer vectors x in {0, .., levels-1}^D.

    Args:
        dim: D, the length of x.
        levels: Number of values that each x_d can take.
        channels: Width of the network.
        kernel: Inputs that one convolution sees.
        dilations: Gap between these inputs, one per block. The network sees
            1 + (kernel - 1) * (1 + sum(dilations)) pixels back.
        dropout: Share of gated units silenced in training.

    Source: van den Oord et al. (2016), WaveNet: a generative model for raw audio, section 2.
    """

    def __init__(self, dim: int, levels: int, *, channels: int = 64, kernel: int = 3,
                 dilations: tuple[int, ...] = (1, 2, 4, 8, 16, 8), dropout: float = 0.3):  # fmt: skip
        super().__init__()
        for what, n in {"dim": dim, "levels": levels, "channels": channels, "kernel": kernel}.items():
            check_count(n, "CausalARM", what)
        self.dim, self.levels = dim, levels
        self.first = CausalConv1d(1, channels, kernel, shift=1)
        self.position = nn.Parameter(0.1 * torch.randn(channels, dim))
        self.blocks = nn.ModuleList(
            GatedBlock(channels, kernel, dilation=d, dropout=dropout) for d in dilations
        )
        self.head = nn.Conv1d(channels, levels, 1)
        self.marginal = nn.Parameter(torch.zeros(levels, dim))

    def start_from_marginals(self, x: Tensor) -> "CausalARM":
        """Set the bias of the last layer so that training starts at the histogram of every position.

        Args:
            x: Training data, integers, shape (N, D).

        Returns:
            The model itself.
        """
        check_levels(x, self.levels, ("N", self.dim), "CausalARM")
        counts = F.one_hot(x.long(), self.levels).sum(0).T + 1.0  # one more each: no value is impossible
        with torch.no_grad():
            self.marginal.copy_((counts / counts.sum(0)).log())
            nn.init.zeros_(self.head.weight)
            nn.init.zeros_(self.head.bias)
        return self

    def logits(self, x: Tensor) -> Tensor:
        """Unnormalised log p(x_d = k | x_{<d}) for all d and k at once.

        Args:
            x: Integers or the same numbers as floats, shape (B, D).

        Returns:
            Shape (B, levels, D); column d depends on x_0 .. x_{d-1} only.
        """
        scaled = x.to(self.marginal.dtype) * (2 / max(self.levels - 1, 1)) - 1  # levels to [-1, 1]
        h = self.first(scaled[:, None]) + self.position
        for block in self.blocks:
            h = block(h)
        return self.head(F.silu(h)) + self.marginal

    def log_prob_terms(self, x: Tensor) -> Tensor:
        """log p(x_d | x_{<d}) of every position, in nats, shape (B, D)."""
        check_levels(x, self.levels, ("B", self.dim), "CausalARM", "Flatten images: x.flatten(1).")
        return self.logits(x).log_softmax(1).gather(1, x.long()[:, None]).squeeze(1)

    def log_prob(self, x: Tensor) -> Tensor:
        """Exact log-probability: log p(x) = sum_d log p(x_d | x_{<d}).

        Args:
            x: Integers 0 .. levels-1, shape (B, D).

        Returns:
            Nats, shape (B,). Never positive: it is a probability.

        Raises:
            ValueError: If x has another shape, dtype or range.

        Source: book eq. `arm`; van den Oord et al. (2016), WaveNet, equation 1.
        """
        return self.log_prob_terms(x).sum(1)

    def loss(self, x: Tensor) -> Tensor:
        """Mean of -log p(x) over the batch, in nats per example."""
        return -self.log_prob(x).mean()

    @torch.no_grad()
    def sample(self, n: int, *, generator: torch.Generator | None = None) -> Tensor:
        """Draw x_0, then x_1 given x_0, and so on: D passes through the network.

        Args:
            n: How many to draw.
            generator: Source of randomness on the model's device; the same seed gives the same draws.

        Returns:
            Integers, shape (n, D).
        """
        check_count(n, "CausalARM.sample")
        x = torch.zeros(n, self.dim, dtype=torch.long, device=self.marginal.device)
        for d in range(self.dim):
            probs = self.logits(x)[:, :, d].softmax(1)
            x[:, d] = torch.multinomial(probs, 1, generator=generator).squeeze(1)
        return x

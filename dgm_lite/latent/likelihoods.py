"""Likelihoods p(x | z), also called decoders: ``likelihood(z)`` is a distribution over x.

What comes back has ``log_prob(x) -> (B,)``, ``sample()`` and ``mean``. ``check(x, model)`` refuses what x
can't be, and gives the rest in the type that the model computes with.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dgm_lite.distributions import DiagonalNormal, Logistics, level_counts, starting_logistics, sum_event
from dgm_lite.shapes import check_count, check_counts, check_levels, check_real


class Categorical:
    """Independent integers x_d in 0 .. L-1 with their own probabilities, for each row.

    Args:
        logits: Unnormalised log-probabilities, (B, D, L): the levels last.
    """

    def __init__(self, logits: Tensor):
        self.logits, self._log_total = logits, None

    @property
    def log_total(self) -> Tensor:
        """log sum_k exp(logits_k): what makes probabilities of the logits, (B, D). Worked out once."""
        if self._log_total is None:
            self._log_total = self.logits.logsumexp(2)
        return self._log_total

    def table(self) -> Tensor:
        """Logits of every level of each number, (B, D, L)."""
        return self.logits

    @property
    def mean(self) -> Tensor:
        """Expected level, (B, D)."""
        levels = torch.arange(self.logits.shape[2], dtype=self.logits.dtype, device=self.logits.device)
        return self.logits.softmax(2) @ levels

    def log_prob(self, x: Tensor) -> Tensor:
        """sum_d log p(x_d), in nats, (B,). Source: book eq. `categorical-likelihood`."""
        chosen = self.logits.gather(2, x.long()[:, :, None]).squeeze(2)
        return sum_event(chosen - self.log_total)

    def sample(self, *, generator: torch.Generator | None = None) -> Tensor:
        """Integers, (B, D)."""
        batch, dim, levels = self.logits.shape
        probs = self.logits.softmax(2).reshape(batch * dim, levels)
        return torch.multinomial(probs, 1, generator=generator).reshape(batch, dim)


class CategoricalLikelihood(nn.Module):
    """p(x | z) = prod_d softmax(m_d + sum_j f_dj(z) v^j)[x_d]: each pixel's histogram, tilted by z.

    m_d are the log-probabilities of pixel d before anything is known about z, and v in [-1, 1] is the level.
    Levels are ordered, so two powers are often enough: one moves grey values up or down, the other spreads
    them. Without ``powers`` the net gives every level its own number, and there is more to over-fit.

    Args:
        net: The decoder f: (B, M) -> (B, D * powers), or (B, D * levels) without powers.
        dim: D, pixels.
        levels: L, values of a pixel.
        powers: How many powers of the level are tilted by z, or None for free logits.

    Source: book eq. `categorical-likelihood`.
    """

    def __init__(self, net: nn.Module, dim: int, *, levels: int, powers: int | None = None):
        super().__init__()
        check_counts("CategoricalLikelihood", dim=dim, levels=levels)
        self.net, self.dim, self.levels = net, dim, levels
        self.marginal = nn.Parameter(torch.zeros(dim, levels))
        if powers is not None:
            check_count(powers, "CategoricalLikelihood", "powers")
            v = torch.linspace(-1, 1, levels)
            self.register_buffer("tilt", torch.stack([v**j for j in range(1, powers + 1)]))  # (powers, L)
        else:
            self.tilt = None

    def check(self, x: Tensor, owner: nn.Module | str) -> Tensor:
        """Refuse anything but integers 0 .. levels-1 of shape (B, D)."""
        return check_levels(x, self.levels, ("B", self.dim), owner)

    @torch.no_grad()
    def start_from_data(self, x: Tensor) -> None:
        """Start at the histogram of each pixel: what is left to learn is how z changes it."""
        counts = level_counts(x, self.levels) + 1.0  # one more each: no level is impossible
        self.marginal.copy_((counts / counts.sum(1, keepdim=True)).log())

    def forward(self, z: Tensor) -> Categorical:
        """p(. | z) of each row."""
        n = self.levels if self.tilt is None else len(self.tilt)
        f = self.net(z).view(-1, self.dim, n)  # (B, D, L) or (B, D, powers)
        return Categorical(self.marginal + (f if self.tilt is None else f @ self.tilt))


class LogisticLikelihood(nn.Module):
    """p(x | z) = prod_d sum_k pi_dk(z) [mass of logistic k of pixel d in the cell of x_d]: for many levels.

    A pixel takes 3 K numbers however many levels it has, and no level needs a number of its own. z moves the
    mean of a logistic in units of the width that it starts with: the net's numbers all have the size of one.

    Args:
        net: The decoder f: (B, M) -> (B, 3 * K * D).
        dim: D, pixels.
        levels: L, values of a pixel. The cells of 0 and of L-1 take in the tails.
        n_logistics: K.

    Source: book eq. `logistic-cell`; Salimans et al. (2017), PixelCNN++, section 2.1.
    """

    def __init__(self, net: nn.Module, dim: int, *, levels: int, n_logistics: int = 3):
        super().__init__()
        check_counts("LogisticLikelihood", dim=dim, levels=levels, n_logistics=n_logistics)
        self.net, self.dim, self.levels = net, dim, levels
        # logits, mu and log_std before anything is known about z, in units in which the levels span [-1, 1].
        self.marginal = nn.Parameter(torch.zeros(3, n_logistics, dim))

    def check(self, x: Tensor, owner: nn.Module | str) -> Tensor:
        """Refuse anything but integers 0 .. levels-1 of shape (B, D)."""
        return check_levels(x, self.levels, ("B", self.dim), owner)

    @torch.no_grad()
    def start_from_data(self, x: Tensor) -> None:
        """Start at the quantiles of each pixel."""
        scaled = x.to(self.marginal.dtype) * (2 / max(self.levels - 1, 1)) - 1
        self.marginal.copy_(starting_logistics(scaled, self.levels, self.marginal.shape[1]))

    def forward(self, z: Tensor) -> Logistics:
        """p(. | z) of each row."""
        f = self.net(z).view(-1, *self.marginal.shape).movedim(2, -1)  # (B, 3, D, K)
        logits, mu, log_std = self.marginal.mT  # (D, K) each
        return Logistics(f[:, 0] + logits, f[:, 1] * log_std.exp() + mu, f[:, 2] + log_std, self.levels)


class Bernoulli:
    """Independent x_d in {0, 1}, for each row.

    Args:
        logits: log p(x_d = 1) - log p(x_d = 0), (B, D).
    """

    def __init__(self, logits: Tensor):
        self.logits = logits

    def table(self) -> Tensor:
        """Logits of 0 and of 1, of each number, (B, D, 2)."""
        return torch.stack([torch.zeros_like(self.logits), self.logits], dim=-1)

    @property
    def mean(self) -> Tensor:
        """p(x_d = 1), (B, D)."""
        return torch.sigmoid(self.logits)

    def log_prob(self, x: Tensor) -> Tensor:
        """sum_d log p(x_d), in nats, (B,). Source: book eq. `bernoulli-likelihood`."""
        # The sign of the logit says which of the two was seen.
        return sum_event(F.logsigmoid(self.logits * (2 * x.to(self.logits.dtype) - 1)))

    def sample(self, *, generator: torch.Generator | None = None) -> Tensor:
        """Integers 0 or 1, (B, D)."""
        return torch.bernoulli(self.mean, generator=generator).long()


class BernoulliLikelihood(nn.Module):
    """p(x | z) = prod_d Bernoulli(x_d; sigmoid(f_d(z))) for black-and-white x in {0, 1}^D.

    It refuses grey values: with them its formula is still a number, but no probability of anything.

    Args:
        net: The decoder f: (B, M) -> (B, D).
        dim: D, pixels.

    Source: book eq. `bernoulli-likelihood`; Kingma and Welling (2013), Auto-encoding variational Bayes,
    appendix C.1.
    """

    levels = 2

    def __init__(self, net: nn.Module, dim: int):
        super().__init__()
        check_count(dim, "BernoulliLikelihood", "dim")
        self.net, self.dim = net, dim
        self.marginal = nn.Parameter(torch.zeros(dim))

    def check(self, x: Tensor, owner: nn.Module | str) -> Tensor:
        """Refuse anything but integers 0 and 1 of shape (B, D)."""
        return check_levels(x, 2, ("B", self.dim), owner)

    @torch.no_grad()
    def start_from_data(self, x: Tensor) -> None:
        """Start at the share of ones of each pixel."""
        share = (x.sum(0) + 1.0) / (len(x) + 2.0)
        self.marginal.copy_(torch.logit(share))

    def forward(self, z: Tensor) -> Bernoulli:
        """p(. | z) of each row."""
        return Bernoulli(self.net(z) + self.marginal)


class GaussianLikelihood(nn.Module):
    """p(x | z) = N(x; f(z), sigma^2 I) for real x, with one sigma, learned or fixed.

    Args:
        net: The decoder f: (B, M) -> (B, D). A single linear layer makes the model probabilistic PCA.
        dim: D.
        std: sigma, at the start where it is learned.
        learn_std: Whether sigma is trained.

    Source: book eq. `gaussian-likelihood`.
    """

    levels = None

    def __init__(self, net: nn.Module, dim: int, *, std: float = 1.0, learn_std: bool = True):
        super().__init__()
        check_count(dim, "GaussianLikelihood", "dim")
        if not std > 0:
            raise ValueError(f"GaussianLikelihood: expected std to be above 0, got {std!r}.")
        self.net, self.dim = net, dim
        log_std = torch.tensor(math.log(std))
        if learn_std:
            self.log_std = nn.Parameter(log_std)
        else:
            self.register_buffer("log_std", log_std)

    def check(self, x: Tensor, owner: nn.Module | str) -> Tensor:
        """Refuse anything but finite floats of shape (B, D)."""
        return check_real(x, ("B", self.dim), owner)

    @torch.no_grad()
    def start_from_data(self, x: Tensor) -> None:
        """Start sigma at the spread of the data, if it is learned."""
        if isinstance(self.log_std, nn.Parameter):
            self.log_std.copy_(x.std(0, correction=0).square().mean().sqrt().log())

    def forward(self, z: Tensor) -> DiagonalNormal:
        """p(. | z) of each row."""
        return DiagonalNormal(self.net(z), self.log_std)

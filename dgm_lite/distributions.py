"""Distributions and bounds whose value is always one number per example, in nats: (B,).

``torch.distributions`` gives one number per dimension, and forgetting to add them up (or averaging them)
is the commonest error in this field. Here the sum is part of the distribution.
"""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dgm_lite.shapes import check_count, check_real

LOG_2PI = math.log(2 * math.pi)


def sum_event(values: Tensor) -> Tensor:
    """Sum over every dimension but the first: (B, *event) -> (B,)."""
    return values.flatten(1).sum(1) if values.dim() > 1 else values


def level_counts(x: Tensor, levels: int) -> Tensor:
    """How often each number has each level: integers 0 .. levels-1, (N, D), to counts, (D, levels)."""
    dim = x.shape[1]
    cells = x.long() + levels * torch.arange(dim, device=x.device)  # a number of its own for each (d, level)
    return cells.flatten().bincount(minlength=dim * levels).view(dim, levels)


class DiagonalNormal:
    """N(mu, diag(sigma^2)), one for each row.

    Args:
        mu: Means, (B, D).
        log_std: log sigma, broadcast over mu. Not the variance, nor its log.
    """

    def __init__(self, mu: Tensor, log_std: Tensor):
        self.mu, self.log_std = mu, log_std

    @property
    def mean(self) -> Tensor:
        """E[x], (B, D)."""
        return self.mu

    def log_prob(self, x: Tensor) -> Tensor:
        """log N(x; mu, sigma^2) = -1/2 sum_d (eps_d^2 + 2 log sigma_d + log 2 pi), in nats, (B,).

        Source: book eq. `gaussian-posterior`.
        """
        return self._log_prob_of((x - self.mu) * torch.exp(-self.log_std))

    def _log_prob_of(self, eps: Tensor) -> Tensor:
        return sum_event(-0.5 * (eps**2 + LOG_2PI) - self.log_std)

    def draw(self, *, generator: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
        """x = mu + sigma eps with eps ~ N(0, I), and log N(x; mu, sigma^2): shapes (B, D), (B,).

        Gradients pass to mu and sigma. The eps that made x is known, so it is not worked out again.
        """
        like_mu = {"device": self.mu.device, "dtype": self.mu.dtype}
        eps = torch.randn(self.mu.shape, generator=generator, **like_mu)
        return self.mu + torch.exp(self.log_std) * eps, self._log_prob_of(eps)

    def sample(self, *, generator: torch.Generator | None = None) -> Tensor:
        """mu + sigma eps, (B, D)."""
        return self.draw(generator=generator)[0]


class StandardNormal(nn.Module):
    """p(z) = N(z; 0, I): the usual base density of a flow, and the usual prior of a latent variable.

    Args:
        dim: D, numbers per example.
    """

    def __init__(self, dim: int):
        super().__init__()
        check_count(dim, "StandardNormal", "dim")
        self.dim = dim
        self.register_buffer("zero", torch.zeros(()), persistent=False)  # knows the device and the dtype

    def log_prob(self, z: Tensor) -> Tensor:
        """log N(z; 0, I) = -(|z|^2 + D log 2 pi) / 2, in nats, shape (B,).

        Raises:
            ValueError: If z is not floating point, or not (B, D).

        Source: book eq. `normal-base`; as a prior, `standard-prior`.
        """
        check_real(z, ("B", self.dim), "StandardNormal", finite=False)
        return -0.5 * torch.linalg.vecdot(z, z) - 0.5 * self.dim * LOG_2PI

    def sample(self, n: int, *, generator: torch.Generator | None = None) -> Tensor:
        """n draws, (n, D)."""
        check_count(n, "StandardNormal.sample")
        return torch.randn(n, self.dim, generator=generator, device=self.zero.device, dtype=self.zero.dtype)


def log_mean_weight(
    log_weight: Callable[[Tensor], Tensor], x: Tensor, n_samples: int, *, at_once: int = 20_000
) -> Tensor:
    """log (1/k) sum_i w_i(x): the importance-weighted bound, in memory that does not grow with k.

    Args:
        log_weight: Draws log w(x) for each row, (B, *event) -> (B,) nats, with E[w(x)] = p(x). The
            one-draw bound of a VAE or of a dequantised flow is such a weight.
        x: Examples, (B, *event).
        n_samples: k, draws for each example.
        at_once: Rows passed to ``log_weight`` in one call.

    Returns:
        Nats, shape (B,). Its mean is a lower bound on log p(x) that rises with k.

    Raises:
        ValueError: If n_samples is below 1.

    Source: book eq. `iwae`; Burda et al. (2016), Importance weighted autoencoders, equation 8.
    """
    check_count(n_samples, "log_mean_weight", "n_samples")
    parts = []
    for rows in x.split(max(1, at_once // n_samples) if n_samples < at_once else 1):
        total = None
        for first in range(0, n_samples, at_once):
            k = min(at_once, n_samples - first)
            log_w = log_weight(rows.repeat_interleave(k, dim=0)).view(len(rows), k).logsumexp(1)
            total = log_w if total is None else torch.logaddexp(total, log_w)
        parts.append(total - math.log(n_samples))
    return torch.cat(parts)


# A logistic of scale s has the standard deviation s pi / sqrt 3.
_LOG_STD_OF_UNIT_LOGISTIC = math.log(math.pi / math.sqrt(3))


def log_prob_logistic_mixture(
    x: Tensor, logits: Tensor, mu: Tensor, log_std: Tensor, *, levels: int | None = None
) -> Tensor:
    """log sum_k pi_k [sigmoid((x + 1/2 - mu_k) / s_k) - sigmoid((x - 1/2 - mu_k) / s_k)], element by element.

    The mass of each logistic between the two edges of the cell of an integer x. With ``levels`` the cells
    of 0 and of levels - 1 reach to infinity and absorb the tails, so that the levels sum to one; without,
    x may be any integer, and all integers sum to one.

    Args:
        x: Integers, or the same numbers as floats, shape (...).
        logits: Unnormalised log pi_k, shape (..., K).
        mu: Means, in units of x, shape (..., K).
        log_std: Log of the standard deviations, in units of x, shape (..., K). The scale is
            s = std sqrt(3) / pi.
        levels: Number of levels 0 .. levels-1, or None for all integers.

    Returns:
        Nats of each element, shape (...): the caller adds up what belongs to one example.

    Raises:
        ValueError: If the parameters differ in shape, or do not fit x.

    Source: book eq. `logistic-cell`; Salimans et al. (2017), PixelCNN++, section 2.1, there with a floor.
    """
    if not logits.shape == mu.shape == log_std.shape or logits.shape[:-1] != x.shape:
        raise ValueError(
            f"log_prob_logistic_mixture: expected logits, mu and log_std of shape {(*x.shape, 'K')}, "
            f"got {tuple(logits.shape)}, {tuple(mu.shape)} and {tuple(log_std.shape)}."
        )
    x = x.to(mu.dtype)[..., None]
    inverse_scale = (_LOG_STD_OF_UNIT_LOGISTIC - log_std).exp()
    above, below = (x + 0.5 - mu) * inverse_scale, (x - 0.5 - mu) * inverse_scale
    # sigmoid(a) - sigmoid(b) = sigmoid(a) sigmoid(-b) (1 - exp(b - a)), and a - b = 1 / s. In logarithms
    # nothing cancels or underflows, so no floor is needed: a floor would give every integer some mass.
    log_above, log_below = F.logsigmoid(above), F.logsigmoid(-below)
    log_width = torch.log(-torch.expm1(-inverse_scale)).expand_as(above)
    if levels is not None:
        lowest, highest, zero = x <= 0, x >= levels - 1, torch.zeros_like(above)
        log_above = torch.where(highest, zero, log_above)
        log_below = torch.where(lowest, zero, log_below)
        log_width = torch.where(lowest | highest, zero, log_width)
    return (logits.log_softmax(-1) + log_above + log_below + log_width).logsumexp(-1)


class Logistics:
    """Independent integers x_d in 0 .. L-1, each a mixture of logistics cut into the cells of the levels.

    Args:
        logits: Unnormalised log pi_k, (B, ..., K).
        mu: Means, where the levels span [-1, 1], (B, ..., K): networks give numbers of that size.
        log_std: Log of the standard deviations in the same unit, (B, ..., K).
        levels: L. The cells of 0 and of L-1 take in the tails.
    """

    def __init__(self, logits: Tensor, mu: Tensor, log_std: Tensor, levels: int):
        half = max(levels - 1, 1) / 2
        self.logits, self.mu, self.log_std = logits, (mu + 1) * half, log_std + math.log(half)
        self.levels = levels

    def log_prob_terms(self, x: Tensor) -> Tensor:
        """log p(x_d) of each number, in nats, (B, ...)."""
        return log_prob_logistic_mixture(x, self.logits, self.mu, self.log_std, levels=self.levels)

    def log_prob(self, x: Tensor) -> Tensor:
        """sum_d log p(x_d), in nats, (B,). Source: book eq. `logistic-cell`."""
        return sum_event(self.log_prob_terms(x))

    def table(self) -> Tensor:
        """log p of every level of each number, in nats, (B, ..., L): as much work as a categorical head."""
        each = [p.expand(self.levels, *p.shape) for p in (self.logits, self.mu, self.log_std)]
        x = torch.arange(self.levels, device=self.mu.device).reshape(-1, *[1] * (self.mu.dim() - 1))
        x = x.expand(each[0].shape[:-1])
        return log_prob_logistic_mixture(x, *each, levels=self.levels).movedim(0, -1)

    @property
    def mean(self) -> Tensor:
        """Expected level, (B, ...)."""
        return self.table().exp() @ torch.arange(self.levels).to(self.mu)

    def sample(self, *, generator: torch.Generator | None = None) -> Tensor:
        """Integers, (B, ...): a logistic number, rounded, falls in a cell with the cell's mass."""
        shares = self.logits.softmax(-1)
        k = torch.multinomial(shares.flatten(0, -2), 1, generator=generator).view(*shares.shape[:-1], 1)
        mu, log_std = self.mu.gather(-1, k).squeeze(-1), self.log_std.gather(-1, k).squeeze(-1)
        u = torch.rand(mu.shape, generator=generator, device=mu.device, dtype=mu.dtype)
        # Where u is 0, x is -infinity, and so in the lowest cell.
        x = mu + (log_std - _LOG_STD_OF_UNIT_LOGISTIC).exp() * u.logit()
        return x.round().clamp(0, self.levels - 1).long()


def starting_logistics(x: Tensor, levels: int, n: int) -> Tensor:
    """logits, mu and log_std of n logistics for each number, at the quantiles of data: (3, n, D), in float64.

    Args:
        x: Data, scaled so that the levels span [-1, 1], (N, D). So are the results.
        levels: Number of levels.
        n: K, logistics for each number.
    """
    x = x.cpu().double()  # not every device has float64
    ranks = (torch.arange(n, dtype=torch.double) + 0.5) / n
    mu = torch.stack([column.quantile(ranks) for column in x.unbind(1)], dim=1)  # all at once has a limit
    # Equal components would get equal gradients and stay equal for ever: hence the spread.
    spread = 0.1 * (ranks[:, None] - 0.5)
    log_std = (x.std(0, correction=0) + 1 / levels).log().expand_as(mu) + spread
    return torch.stack([torch.zeros_like(mu), mu + spread, log_std])

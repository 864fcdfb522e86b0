"""A base for flows on integers: for each number a mixture of logistics, cut into the cells of all integers.

    p_z(z) = prod_d sum_k pi_dk [sigmoid((z_d + 1/2 - mu_dk) / s_dk) - sigmoid((z_d - 1/2 - mu_dk) / s_dk)]

The tails go on for ever, as the cells do, so that the mass of all integers is one. Edge cells that take in
the tails would count them twice here; a floor under them would make the sum endless.
"""

import torch
from torch import Tensor, nn

from dgm_lite.distributions import level_counts, log_prob_logistic_mixture
from dgm_lite.nets import finest
from dgm_lite.shapes import check_count, check_counts, check_levels, has_values


class LogisticMixtureBase(nn.Module):
    """p_z(z) = prod_d sum_k pi_dk (mass of logistic k of number d in the cell of the integer z_d).

    Args:
        dim: D.
        n_components: K, logistics for each number.

    Source: book eq. `integer-base`; Hoogeboom et al. (2019), Integer discrete flows, section 3.
    """

    def __init__(self, dim: int, n_components: int = 9):
        super().__init__()
        check_counts("LogisticMixtureBase", dim=dim, n_components=n_components)
        self.dim = dim
        self.logits = nn.Parameter(torch.zeros(dim, n_components))
        self.mu = nn.Parameter(_evenly(-1.0, 1.0, n_components).repeat(dim, 1))
        self.log_std = nn.Parameter(torch.zeros(dim, n_components))

    @torch.no_grad()
    def start_from_data(self, z: Tensor) -> "LogisticMixtureBase":
        """Means evenly over the range of z, (N, D); weights by how many z lie nearest: almost a histogram."""
        z = check_levels(z, None, ("N", self.dim), "LogisticMixtureBase.start_from_data")
        n_components, (low, high) = self.mu.shape[1], (float(v) for v in z.aminmax())
        means = _evenly(low, high, n_components).to(z.device, self.mu.dtype)
        nearest = torch.bucketize(z, (means[:-1] + means[1:]) / 2)  # (N, D)
        shares = level_counts(nearest, n_components).to(self.mu.dtype) / len(z)
        self.mu.copy_(means)
        self.log_std.fill_(max(1.0, (high - low) / max(n_components - 1, 1))).mul_(0.4).log_()
        self.logits.copy_((shares + 0.1 / n_components).log())
        return self

    def log_prob_terms(self, z: Tensor) -> Tensor:
        """log p_z(z_d) of each number, nats, (B, D). z: integers, or whole floats."""
        shape = (*z.shape, self.mu.shape[1])
        parameters = (self.logits, self.mu, self.log_std)
        return log_prob_logistic_mixture(z, *(v.expand(shape) for v in parameters))

    def look_up(self, values: list[Tensor], places: list[Tensor]) -> list[Tensor]:
        """log p_z(z_d = v) of several values v of each of some numbers d.

        Args:
            values: Integers, (B, n_d, k) each.
            places: Which numbers d they are values of, (n_d,) each.

        Returns:
            Nats, shaped as the values.
        """
        if has_values(values[0]):
            ends = torch.stack([torch.stack(v.aminmax()) for v in values])
            low, high = int(ends[:, 0].min()), int(ends[:, 1].max())
            # A table of all integers in between is cheaper than a look at each, unless they lie far apart.
            if (high - low) * self.dim < sum(v.numel() for v in values):
                table = self.table(low, high)
                return [table[d[:, None], v - low] for v, d in zip(values, places, strict=True)]
        parameters = (self.logits, self.mu, self.log_std)
        return [
            log_prob_logistic_mixture(v, *(p[d, None].expand(*v.shape, -1) for p in parameters))
            for v, d in zip(values, places, strict=True)
        ]

    def log_prob(self, z: Tensor) -> Tensor:
        """log p_z(z) = sum_d log p_z(z_d), nats, (B,). Source: book eq. `integer-base`."""
        return self.log_prob_terms(z).sum(1)

    def table(self, low: int, high: int) -> Tensor:
        """log p_z of each of the integers low .. high for each number, nats, (D, high - low + 1).

        Raises:
            ValueError: If low is above high.
        """
        if low > high:
            raise ValueError(f"LogisticMixtureBase.table: expected low <= high, got {low} and {high}.")
        values = torch.arange(low, high + 1, device=self.mu.device)
        return self.log_prob_terms(values[:, None].expand(-1, self.dim)).T

    @torch.no_grad()
    def sample(self, n: int, *, generator: torch.Generator | None = None) -> Tensor:
        """n draws, integers (n, D): a logistic number, rounded, falls in a cell with the cell's mass."""
        return self.draw(n, generator=generator).round().long()

    @torch.no_grad()
    def draw(self, n: int, *, generator: torch.Generator | None = None) -> Tensor:
        """n draws from the mixtures before they are rounded: real, as fine as the device has them, (n, D)."""
        check_count(n, "LogisticMixtureBase.sample")
        k = torch.multinomial(self.logits.softmax(1), n, replacement=True, generator=generator)  # (D, n)
        mu, log_std = (v.gather(1, k).T.to(finest(v.device)) for v in (self.mu, self.log_std))
        u = torch.rand(mu.shape, generator=generator, dtype=mu.dtype, device=mu.device)
        scale = log_std.exp() * 3**0.5 / torch.pi
        return mu + scale * u.clamp(min=torch.finfo(u.dtype).eps / 4).logit()  # u may be 0, and never 1


def _evenly(low: float, high: float, n: int) -> Tensor:
    """n numbers from low to high; a single one stands in the middle."""
    return torch.linspace(low, high, n) if n > 1 else torch.tensor([(low + high) / 2])

"""A base for flows on integers: for each number a mixture of logistics, cut into the cells of all integers.

    p_z(z) = prod_d sum_k pi_dk [sigmoid((z_d + 1/2 - mu_dk) / s_dk) - sigmoid((z_d - 1/2 - mu_dk) / s_dk)]

The tails go on for ever, as the cells do, so that the mass of all integers is one. Edge cells that take in
the tails would count them twice here; a floor under them would make the sum endless.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dgm_lite.distributions import log_prob_logistic_mixture
from dgm_lite.shapes import check_count, check_shape


class LogisticMixtureBase(nn.Module):
    """p_z(z) = prod_d sum_k pi_dk (mass of logistic k of number d in the cell of the integer z_d).

    Args:
        dim: D.
        n_components: K, logistics for each number.

    Source: book eq. `integer-base`; Hoogeboom et al. (2019), Integer discrete flows, section 3.
    """

    def __init__(self, dim: int, n_components: int = 9):
        super().__init__()
        check_count(dim, "LogisticMixtureBase", "dim")
        check_count(n_components, "LogisticMixtureBase", "n_components")
        self.dim = dim
        self.logits = nn.Parameter(torch.zeros(dim, n_components))
        self.mu = nn.Parameter(torch.linspace(-1.0, 1.0, n_components).repeat(dim, 1))
        self.log_std = nn.Parameter(torch.zeros(dim, n_components))

    @torch.no_grad()
    def start_from_data(self, z: Tensor) -> "LogisticMixtureBase":
        """Means evenly over the range of z, (N, D); weights by how many z lie nearest: almost a histogram."""
        check_integers(z, ("N", self.dim), "LogisticMixtureBase.start_from_data")
        n_components = self.mu.shape[1]
        means = torch.linspace(float(z.min()), float(z.max()), n_components).to(self.mu)
        nearest = (z[..., None] - means).abs().argmin(2)  # (N, D)
        counts = F.one_hot(nearest, n_components).to(self.mu.dtype).mean(0)
        self.mu.copy_(means.expand_as(self.mu))
        self.log_std.fill_(max(1.0, float(z.max() - z.min()) / max(n_components - 1, 1))).mul_(0.4).log_()
        self.logits.copy_((counts + 0.1 / n_components).log())
        return self

    def log_prob_terms(self, z: Tensor) -> Tensor:
        """log p_z(z_d) of each number, nats, (B, D). z: integers, or whole floats."""
        shape = (*z.shape, self.mu.shape[1])
        parameters = (self.logits, self.mu, self.log_std)
        return log_prob_logistic_mixture(z, *(v.expand(shape) for v in parameters))

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
        """n draws from the mixtures before they are rounded: real numbers in float64, (n, D)."""
        check_count(n, "LogisticMixtureBase.sample")
        k = torch.multinomial(self.logits.softmax(1), n, replacement=True, generator=generator)  # (D, n)
        mu, log_std = self.mu.gather(1, k).T.double(), self.log_std.gather(1, k).T.double()
        u = torch.rand(mu.shape, generator=generator, dtype=mu.dtype, device=mu.device)
        scale = log_std.exp() * 3**0.5 / torch.pi
        return mu + scale * u.clamp(min=1e-300).logit()  # u may be 0, and never 1


def check_integers(x: Tensor, shape: tuple[int | str, ...], owner: str, hint: str = "") -> None:
    """Refuse anything but integers, of any size, of the given shape.

    Raises:
        ValueError: On a wrong shape or a dtype that is not an integer one.
    """
    check_shape(x, shape, owner, hint)
    if x.is_floating_point() or x.is_complex() or x.dtype == torch.bool:
        raise ValueError(f"{owner}: expected integers, got {x.dtype}. Convert with x.long().")

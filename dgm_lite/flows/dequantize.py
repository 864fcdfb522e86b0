"""Integers under a density of real numbers: noise that fills the unit cell, and the logit.

    log p(x) >= E_u[ log p_v((x + u) / L) ] - D log L,   u ~ U[0, 1)^D            [book: eq. dequantise]

The value is a bound and is called ``elbo``: the probability of an integer x is the mean of the density over
its cell [book: eq. dequantise-cell], and the logarithm of a mean is never below the mean of the logarithms.
"""

import math

import numpy as np
import torch
from torch import Tensor, nn

from dgm_lite.distributions import log_mean_weight
from dgm_lite.flows.coupling import NICE, RealNVP
from dgm_lite.flows.flow import Flow
from dgm_lite.nets import finest
from dgm_lite.protocols import TooLarge
from dgm_lite.shapes import check_count, check_levels


class Logit(nn.Module):
    """r = log v - log(1 - v), number by number: from the unit interval to the whole line.

    dr/dv = 1 / (v (1 - v)), so log |det dr/dv| = -sum(log v + log(1 - v)).

    Source: book eq. `logit`; Dinh et al. (2016), Density estimation using Real NVP, section 4.1.
    """

    def to_latent(self, v: Tensor) -> tuple[Tensor, Tensor]:
        """(r, log_det) of v in (0, 1)^D: shapes (B, D) and nats (B,)."""
        below, above = v.log(), (-v).log1p()
        return below - above, -(below + above).sum(1)

    def to_data(self, r: Tensor) -> Tensor:
        """v = 1 / (1 + exp(-r))."""
        return r.sigmoid()


class DequantizedFlow(nn.Module):
    """A model of integers x in {0, .., levels-1}^D: a flow over logit((x + u) / levels).

    It has ``elbo`` and no ``log_prob``. p(x) is the density's mass in the cell of x, of which one draw of u
    sees one point. Over all x these masses (of which it gives bounds) sum to one, because the cells tile the
    unit cube and the logit maps that onto the flow's whole space.

    Args:
        flow: A Flow of D real numbers.
        levels: L, values that each x_d can take.

    Source: book eq. `dequantise`; Theis et al. (2016), A note on the evaluation of generative models,
    section 3.1.
    """

    def __init__(self, flow: Flow, levels: int):
        super().__init__()
        check_count(levels, "DequantizedFlow", "levels")
        if not isinstance(flow, Flow):
            raise ValueError(f"DequantizedFlow: expected a Flow, got {type(flow).__name__}.")
        self.flow, self.levels, self.dim = flow, levels, flow.dim
        self.logit = Logit()

    def check(self, x: Tensor) -> Tensor:
        """x as int64, if it holds integers 0 .. levels-1 and is (B, D)."""
        return check_levels(x, self.levels, ("B", self.dim), self)

    def noise(self, x: Tensor) -> Tensor:
        """u ~ U[0, 1)^D, the whole unit cell. Half a cell would earn D log 2 nats that aren't there."""
        dtype = finest(x.device)
        # Rounding may not make x + 1 of x + u, another's cell, nor 0 or L: their logits are infinite.
        # In float64 no draw comes so near to the edge; in float32 some do.
        edge = self.levels * torch.finfo(dtype).eps
        return torch.rand(x.shape, device=x.device, dtype=dtype).clamp(edge, 1 - edge)

    def to_real(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Integers to real numbers: (r, log_det) with log_det = log |det dr/d(x + u)|.

        Shapes (B, D) and (B,), the latter in nats: noise, unit interval, logit, and the price of the scaling.
        """
        x = self.check(x)
        r, log_det = self.logit.to_latent((x + self.noise(x)) / self.levels)
        dtype = next(self.flow.parameters()).dtype
        return r.to(dtype), (log_det - self.dim * math.log(self.levels)).to(dtype)

    def start_from_data(self, x: Tensor) -> "DequantizedFlow":
        """Let the flow's scaling layer start from dequantised training data, integers (N, D)."""
        self.flow.start_from_data(self.to_real(x)[0])
        return self

    def elbo(self, x: Tensor) -> Tensor:
        """One-draw estimate of a lower bound on log p(x): log p_v((x + u) / L) - D log L.

        Args:
            x: Integers 0 .. levels-1, shape (B, D).

        Returns:
            Nats, shape (B,); its mean over u is at most log p(x).

        Raises:
            ValueError: If x has another shape, dtype or range.

        Source: book eq. `dequantise`; Theis et al. (2016), A note on the evaluation of generative models,
        section 3.1.
        """
        r, log_det = self.to_real(x)
        return self.flow.log_prob(r) + log_det

    def importance_weighted(self, x: Tensor, n_samples: int) -> Tensor:
        """log (1/k) sum_i exp(elbo_i) with k draws of u: a tighter lower bound.

        Args:
            x: Integers 0 .. levels-1, shape (B, D).
            n_samples: k. The bound rises with k, to log p(x).

        Returns:
            Nats, shape (B,).

        Raises:
            ValueError: If x has another shape, dtype or range, or n_samples is below 1.

        Source: book eq. `dequantise-iw`; Burda et al. (2016), Importance weighted autoencoders, equation 8.
        """
        return log_mean_weight(self.elbo, self.check(x), n_samples)

    @torch.no_grad()
    def exact(self, x: Tensor, *, n: int = 150, far: float = 60.0) -> Tensor:
        """log p(x) = log of the integral of the density over the cell of x: what the bounds stay below.

        By Gauss and Legendre's rule on the far side of the logit, where the density is smooth.

        Args:
            x: Integers 0 .. levels-1, shape (B, D) with D = 1 or 2: grids grow as n^D.
            n: Points along each side of a cell.
            far: Where the two outermost cells, which reach to infinity, are cut off.

        Returns:
            Nats, shape (B,).

        Raises:
            TooLarge: If D is larger than 2.
            ValueError: If x is not of its kind.

        Source: book eq. `dequantise-cell`.
        """
        x = self.check(x)
        if self.dim > 2:
            raise TooLarge(f"DequantizedFlow.exact: expected 1 or 2 dimensions, got {self.dim}.")
        weight = next(self.flow.parameters())
        nodes, shares = (torch.from_numpy(v).to(weight) for v in np.polynomial.legendre.leggauss(n))
        edges = torch.logit(torch.arange(self.levels + 1).to(weight) / self.levels).clamp(-far, far)
        half = (edges.diff() / 2)[:, None]
        points, log_w = edges[:-1, None] + half * (1 + nodes), (half * shares).log()  # (L, n) each
        log_p = []
        for cell in x:
            r = torch.cartesian_prod(*points[cell]).view(-1, self.dim)
            log_cell = torch.cartesian_prod(*log_w[cell]).view(-1, self.dim).sum(1)
            log_p.append((self.flow.log_prob(r) + log_cell).logsumexp(0))
        return torch.stack(log_p)

    def loss(self, x: Tensor) -> Tensor:
        """Mean of -elbo over the batch, in nats per example, with new noise at every call."""
        return -self.elbo(x).mean()

    @torch.no_grad()
    def sample(self, n: int, *, generator: torch.Generator | None = None) -> Tensor:
        """Draw from the flow and take the cell in which the point lies: integers, (n, D)."""
        check_count(n, "DequantizedFlow.sample")
        v = self.logit.to_data(self.flow.sample(n, generator=generator))
        return (v * self.levels).long().clamp(max=self.levels - 1)  # v rounds to 1 where r is large


def dequantized_realnvp(
    dim: int, levels: int, *, n_layers: int = 8, hidden: int = 256, dropout: float = 0.0
) -> DequantizedFlow:
    """A RealNVP of dequantised integers."""
    return DequantizedFlow(RealNVP(dim, n_layers, hidden=hidden, dropout=dropout), levels)


def dequantized_nice(
    dim: int, levels: int, *, n_layers: int = 8, hidden: int = 256, dropout: float = 0.0
) -> DequantizedFlow:
    """A NICE of dequantised integers."""
    return DequantizedFlow(NICE(dim, n_layers, hidden=hidden, dropout=dropout), levels)

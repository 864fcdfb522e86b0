"""The deep density model: a general invertible network, and its determinant in full.

    log p(x) = log p_z(f(x)) + log |det J_f(x)|,   J_f by D backward passes, det in O(D^3).

Nothing in the network is arranged for the determinant's sake. That is what it costs.
"""

import torch
from torch import Tensor, nn

from dgm_lite.distributions import StandardNormal
from dgm_lite.flows.flow import Affine, Chain, Flow
from dgm_lite.shapes import check_counts


def full_log_det(function, x: Tensor) -> tuple[Tensor, Tensor]:
    """(f(x), log |det J_f(x)|) of any smooth function, from all D x D partial derivatives.

    Time O(D^3) per example and memory O(D^2): D backward passes for the Jacobian, then a
    factorisation of it.

    Args:
        function: f of one example: (D,) -> (D,).
        x: Where, (B, D).

    Returns:
        f(x), (B, D), and nats, (B,). -inf where the Jacobian is singular.
    """

    def twice(v):  # without types: torch 2.6 compiles no function whose types are made while it runs
        z = function(v)
        return z, z  # the second is handed through, so that f is computed once

    jacobian, z = torch.func.vmap(torch.func.jacrev(twice, has_aux=True))(x)  # (B, D, D), (B, D)
    return z, torch.linalg.slogdet(jacobian).logabsdet


class ResidualMap(nn.Module):
    """z = x + g(x), where g(x) = W_2 tanh(W_1 x + b_1) + b_2 shrinks every distance by c < 1 or more.

    Invertible by construction: x -> z - g(x) is then a contraction, whose one fixed point is the
    inverse. A network without such a constraint may fold, and its "density" counts what it folds
    only once.

    Args:
        dim: D.
        hidden: Units of the hidden layer.
        contraction: c, between 0 and 1. Near 1 the map bends more, and its inverse takes more steps.

    Raises:
        ValueError: If a size is below 1, or c not between 0 and 1.

    Source: book eq. `residual-map`; Behrmann et al. (2019), Invertible residual networks, theorem 1.
    """

    def __init__(self, dim: int, hidden: int = 64, *, contraction: float = 0.9):
        super().__init__()
        check_counts("ResidualMap", dim=dim, hidden=hidden)
        if not 0 < contraction < 1:
            raise ValueError(f"ResidualMap: expected a contraction between 0 and 1, got {contraction!r}.")
        self.contraction = contraction
        self.first, self.second = nn.Linear(dim, hidden), nn.Linear(hidden, dim)

    def shift(self):
        """g with its present weights, as a function of (..., D)."""
        # |tanh'| <= 1, so the product of the two spectral norms bounds how g stretches. They are
        # computed exactly: an estimate by power iteration lies below, and invertibility would be a hope.
        norms = [torch.linalg.matrix_norm(layer.weight, 2) for layer in (self.first, self.second)]
        scale = self.contraction / (norms[0] * norms[1]).clamp(min=self.contraction)
        w_1, b_1, w_2, b_2 = self.first.weight, self.first.bias, self.second.weight * scale, self.second.bias
        return lambda x: torch.tanh(x @ w_1.T + b_1) @ w_2.T + b_2

    def to_latent(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(z, log_det), (B, D) and nats (B,), with the full determinant."""
        g = self.shift()
        return full_log_det(lambda v: v + g(v), x)

    @torch.no_grad()
    def to_data(self, z: Tensor) -> Tensor:
        """Iterate x <- z - g(x): each step is shorter than the last, until only rounding is left."""
        g, x, step = self.shift(), z, float("inf")
        while True:
            x, before, last = z - g(x), x, step
            step = (x - before).norm(dim=-1).amax().item()
            if not step < last:
                return x


class DeepDensity(Flow):
    """A flow of general invertible networks whose determinants are computed in full.

    Args:
        dim: D.
        n_layers: Number of residual maps.
        hidden: Hidden units of each.
        contraction: See ``ResidualMap``.

    Source: book eq. `flow-log-prob`; Rippel and Adams (2013), High-dimensional probability estimation with
    deep density models; for maps that are residual, Behrmann et al. (2019), Invertible residual networks.
    """

    def __init__(self, dim: int, n_layers: int = 4, *, hidden: int = 64, contraction: float = 0.9):
        check_counts("DeepDensity", n_layers=n_layers)
        maps = [ResidualMap(dim, hidden, contraction=contraction) for _ in range(n_layers)]
        super().__init__(Chain([Affine(dim), *maps]), StandardNormal(dim))

    def start_from_data(self, x: Tensor) -> "DeepDensity":
        """Let the scaling layer start at the mean and standard deviation of the data, (N, D)."""
        self.bijection.layers[0].start_from_data(x)
        return self

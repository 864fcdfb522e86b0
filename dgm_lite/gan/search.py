"""The density of a generator of the plane, by a search for every z that gives x.

p(x) = sum of p(z) / |det dG/dz| over all z with G(z) = x                    [book: eq. gan-search]

A grid of triangles over z, bent by G, covers the plane, some of it more than once. A triangle that covers x
has a z inside, or nearly so, that gives x: there Newton's method begins.
"""

from copy import deepcopy

import torch
from torch import Tensor
from torch.distributions import Normal

from dgm_lite.gan.gan import GAN
from dgm_lite.shapes import check_count, check_real

POINTS = 64  # looked for at a time
NEARLY = 0.1  # so far outside a triangle, in its own sides, a point is still looked for: G is bent inside it


def log_prob_by_search(gan: GAN, x: Tensor, *, cells: int = 150, reach: float = 5.0) -> Tensor:
    """log p(x) = log sum_z N(z; 0, I) / |det dG/dz|, over the z that ``origins`` finds.

    Args:
        gan: Its z and its x have two numbers.
        x: Points, (B, 2).
        cells: See ``origins``.
        reach: See ``origins``.

    Returns:
        Nats, (B,), float64; minus infinity where no z was found.

    Raises:
        ValueError: If z or x has another size.

    Source: book eq. `gan-search`.
    """
    index, z = origins(gan, x, cells=cells, reach=reach)
    if not len(z):
        return torch.full((len(x),), -torch.inf, dtype=torch.float64)
    _, jacobian = _bent(deepcopy(gan).double(), z)
    log_pz = Normal(0.0, 1.0).log_prob(z).sum(1)
    share = (log_pz - jacobian.det().abs().log()).exp()
    return share.new_zeros(len(x)).index_add(0, index, share).log()


@torch.no_grad()
def origins(gan: GAN, x: Tensor, *, cells: int = 150, reach: float = 5.0) -> tuple[Tensor, Tensor]:
    """Every z with G(z) = x that the search finds.

    Args:
        gan: Its z and its x have two numbers.
        x: Points, (B, 2).
        cells: Cells of the grid over z, along each axis; two triangles a cell.
        reach: How far from 0 the grid goes, along each axis.

    Returns:
        (which x, z): (K,) and (K, 2) in float64, in no order.

    Raises:
        ValueError: If z or x has another size, there are no cells, or the grid has no extent.
    """
    x = check_real(x, ("B", 2), "origins").double()
    check_count(cells, "origins", "cells")
    if not 0 < reach < torch.inf:
        raise ValueError(f"origins: expected a reach above 0 and finite, got {reach}.")
    if (gan.dim, gan.latent_dim) != (2, 2):
        raise ValueError(
            f"origins: expected a generator from the plane to the plane, got one from {gan.latent_dim} to "
            f"{gan.dim} numbers. With M numbers the grid has cells^M cells."
        )
    gan = deepcopy(gan).double()
    corners = _triangles(cells, reach)
    a, b, c = gan.generate(corners.reshape(-1, 2)).reshape(3, -1, 2)
    low, high = torch.minimum(torch.minimum(a, b), c), torch.maximum(torch.maximum(a, b), c)
    box = low - NEARLY * (high - low), high + NEARLY * (high - low)
    found = [_covering(part, (a, b, c), box) for part in x.split(POINTS)]
    index = torch.cat([point + POINTS * k for k, (point, _) in enumerate(found)])
    z = corners.mean(0)[torch.cat([triangle for _, triangle in found])]
    if not len(z):
        return index, z
    for _ in range(16):
        drawn, jacobian = _bent(gan, z)
        step = _solved(jacobian, drawn - x[index])
        z = z - step * (0.3 / step.norm(dim=1, keepdim=True).clamp_min(0.3))  # no leaps near folds
    arrived = (_bent(gan, z)[0] - x[index]).norm(dim=1) < 1e-6
    # Two triangles may lead to one z.
    once = torch.cat([index[arrived, None].double(), z[arrived].mul(1e5).round().div(1e5)], 1).unique(dim=0)
    return once[:, 0].long(), once[:, 1:]


def _triangles(cells: int, reach: float) -> Tensor:
    """Corners of two triangles a cell: (3, 2 cells^2, 2)."""
    axis = torch.linspace(-reach, reach, cells + 1, dtype=torch.float64)
    z = torch.stack(torch.meshgrid(axis, axis, indexing="ij"), dim=-1)
    one, other = [z[:-1, :-1], z[1:, :-1], z[:-1, 1:]], [z[1:, 1:], z[:-1, 1:], z[1:, :-1]]
    return torch.stack(
        [torch.cat([p.reshape(-1, 2), q.reshape(-1, 2)]) for p, q in zip(one, other, strict=True)]
    )


def _covering(x: Tensor, corners: tuple[Tensor, ...], box: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    """(point, triangle) for triangles a, b, c that a point lies in or close to: a + u (b - a) + v (c - a)."""
    boxed = ((box[0] <= x[:, None]) & (x[:, None] <= box[1])).all(2)
    point, triangle = boxed.nonzero().T
    a, b, c = (corner[triangle] for corner in corners)
    side_b, side_c, here = b - a, c - a, x[point] - a
    area = _cross(side_b, side_c)
    u, v = _cross(here, side_c) / area, _cross(side_b, here) / area
    inside = (u >= -NEARLY) & (v >= -NEARLY) & (u + v <= 1 + NEARLY)
    return point[inside], triangle[inside]


def _solved(jacobian: Tensor, y: Tensor) -> Tensor:
    """J^-1 y for matrices of two rows; where J has no inverse, a long way."""
    (a, b), (c, d) = jacobian.unbind(1)[0].unbind(1), jacobian.unbind(1)[1].unbind(1)
    det = a * d - b * c
    det = torch.where(det.abs() < 1e-12, 1e-12, det)
    return torch.stack([d * y[:, 0] - b * y[:, 1], a * y[:, 1] - c * y[:, 0]], 1) / det[:, None]


def _cross(p: Tensor, q: Tensor) -> Tensor:
    return p[:, 0] * q[:, 1] - p[:, 1] * q[:, 0]


def _bent(gan: GAN, z: Tensor) -> tuple[Tensor, Tensor]:
    """G(z) and its Jacobian dG/dz: (K, 2) and (K, 2, 2)."""
    z = z.detach().requires_grad_()
    with torch.enable_grad():
        x = gan.generate(z)
        rows = [torch.autograd.grad(x[:, d].sum(), z, retain_graph=True)[0] for d in range(2)]
    return x.detach(), torch.stack(rows, 1)

"""A flow of the plane, live: a grid of latent values carried to the data, layer by layer, with its areas."""

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.collections import PolyCollection
from matplotlib.colors import LinearSegmentedColormap
from torch import Tensor, nn

from dgm_lite.live.figure import LiveFigure, pack, png, still
from dgm_lite.nets import eval_mode
from dgm_lite.shapes import check_count, check_real

# Squeezed cells green, stretched cells orange; the same stops stand in flow_grid.mjs.
AREA = LinearSegmentedColormap.from_list("area", ["#0F6B50", "#8CCBB5", "#F4F1EA", "#F0B25E", "#C96A00"])
ALT = (
    "Four panels from left to right. A square grid of latent values, coloured by area, "
    "and points of the data "
    "as a round cloud over it. In each further panel more layers are undone: the grid "
    "bends, its cells shrink "
    "where the points gather and stretch in between, until in the last panel the points lie as the data do."
)


class FlowGrid(LiveFigure):
    """A square grid over z, carried to x by the layers of a flow; scrub through them, choose a cell.

    Each cell has the colour of its area factor |det dx/dz| = exp(-log_det), at its centre. All places
    are computed here, so the browser only draws.

    Args:
        flow: A flow of the plane: has ``bijection.layers``, each with to_latent and to_data, and ``base``.
        points: Data to carry along, (N, 2).
        n_cells: Cells along each side of the grid.
        reach: The grid covers z in [-reach, reach]^2.
        alt: What the image shows.

    Raises:
        ValueError: On points of another shape, or a flow without layers.
    """

    def __init__(
        self, flow: nn.Module, points: Tensor, *, n_cells: int = 28, reach: float = 2.5, alt: str = ALT
    ):
        check_real(points, ("N", 2), "FlowGrid points")
        check_count(n_cells, "FlowGrid", "n_cells")
        if not hasattr(getattr(flow, "bijection", None), "layers"):
            got = type(flow).__name__
            raise ValueError(f"FlowGrid: expected a flow whose bijection has layers, got {got}.")
        with eval_mode(flow), torch.no_grad():
            carried = _carry(flow, points, n_cells, reach)
        # Each stage fills the frame: most of the grid and all of the points, whatever their scale.
        near = torch.cat([carried["nodes"].abs().amax(2).quantile(0.97, dim=1)[:, None],
                          carried["points"].abs().amax(2).amax(1)[:, None]], 1)  # fmt: skip
        edges = (1.06 * near.amax(1)).tolist()
        densest = int((carried["logBase"] - carried["logAreas"][-1]).argmax())
        spec: dict[str, Any] = {
            "n": n_cells + 1,
            "reach": float(reach),
            "edges": edges,
            "names": [type(layer).__name__ for layer in reversed(flow.bijection.layers)],
            "start": [len(flow.bijection.layers), densest // n_cells, densest % n_cells],
            **{name: pack(values) for name, values in carried.items()},
        }
        super().__init__("flow_grid", spec, {}, image=_still(carried, n_cells, edges), alt=alt)


def _carry(flow: nn.Module, points: Tensor, n_cells: int, reach: float) -> dict[str, Tensor]:
    """Grid nodes, cell centres' log-areas and data points at every stage, from z (first) to x (last)."""
    layers = list(flow.bijection.layers)
    edges = torch.linspace(-reach, reach, n_cells + 1, dtype=points.dtype)
    middles = (edges[1:] + edges[:-1]) / 2
    node, centre = torch.cartesian_prod(edges, edges), torch.cartesian_prod(middles, middles)
    log_base = flow.base.log_prob(centre)
    nodes, log_areas = [node], [torch.zeros_like(log_base)]
    for layer in reversed(layers):
        node, centre = layer.to_data(node), layer.to_data(centre)
        nodes.append(node)
        log_areas.append(log_areas[-1] - layer.to_latent(centre)[1])
    states = [points]
    for layer in layers:
        states.append(layer.to_latent(states[-1])[0])
    return {
        "nodes": torch.stack(nodes),
        "logAreas": torch.stack(log_areas),
        "points": torch.stack(states[::-1]),
        "logBase": log_base,
    }


def _still(carried: dict[str, Tensor], n_cells: int, edges: list[float]) -> bytes:
    """Four stages side by side."""
    last = len(carried["nodes"]) - 1
    shown = [0, round(last / 3), round(2 * last / 3), last]
    n = n_cells + 1
    corner = (torch.arange(n_cells)[:, None] * n + torch.arange(n_cells)).flatten()
    corners = torch.stack([corner, corner + 1, corner + n + 1, corner + n], 1)
    alpha = 0.15 + 0.85 * (carried["logBase"] - carried["logBase"].max()).mul(0.5).exp()
    with still():
        figure, axes = plt.subplots(1, 4, figsize=(7.2, 2.15))
        for ax, k in zip(axes, shown, strict=True):
            edge = edges[k]
            colours = AREA(((carried["logAreas"][k] / 3).clamp(-1, 1) / 2 + 0.5).numpy())
            colours[:, 3] = alpha.numpy()
            cells = PolyCollection(carried["nodes"][k][corners].numpy(), facecolors=colours, lw=0.25,
                                   edgecolors=np.array([[0.3, 0.3, 0.3, 0.45]]))  # fmt: skip
            ax.add_collection(cells)
            ax.scatter(*carried["points"][k].T.numpy(), s=1.5, c="black", lw=0)
            title = "$\\mathbf{z}$" if k == 0 else "$\\mathbf{x}$" if k == last else f"{k} layers undone"
            ax.set(xlim=(-edge, edge), ylim=(-edge, edge), aspect="equal", xticks=[], yticks=[], title=title)
            ax.spines[["top", "right"]].set_visible(True)
        return png(figure)

"""The map of the field, live: the families as nested boxes that link to their chapters, and a chooser."""

import html
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.patches import FancyBboxPatch

from dgm_lite import plot
from dgm_lite.live.figure import LiveFigure, png, still

COLUMNS = {"training": "Training", "likelihood": "Likelihood", "sampling": "Sampling",
           "lossy": "Lossy compression", "lossless": "Lossless compression"}  # fmt: skip
# What a reader may ask for, and the words of Table 1 that grant it.
WISHES = (
    {"key": "training", "name": "training", "words": "stable training", "words_that_do": ["stable"]},
    {"key": "likelihood", "name": "likelihood", "words": "an exact likelihood", "words_that_do": ["exact"]},
    {"key": "sampling", "name": "sampling", "words": "fast sampling", "words_that_do": ["fast", "fast/slow"]},
    {"key": "lossy", "name": "lossy compression", "words": "lossy compression", "words_that_do": ["yes"]},
    {
        "key": "lossless",
        "name": "lossless compression",
        "words": "lossless compression",
        "words_that_do": ["yes"],
    },
)


class Map(LiveFigure):
    """Families of generative models as boxes inside boxes; tick needs and see which families remain.

    Args:
        families: The catalog's families, each box after the one that holds it.
        links: Address of each family's page or section, by key.

    Raises:
        ValueError: If a family lies in a box that does not exist.
    """

    def __init__(self, families: Sequence[Any], links: Mapping[str, str]):
        keys = {f.key for f in families}
        for f in families:
            if f.parent is not None and f.parent not in keys:
                raise ValueError(
                    f"Map: expected the parent of {f.key!r} among {sorted(keys)}, got {f.parent!r}."
                )
        boxes = [
            {"key": f.key, "parent": f.parent, "title": f.title, "part": f.part, "idea": f.idea,
             "table": f.table, "href": links.get(f.key, "")}
            for f in families
        ]  # fmt: skip
        names = [f.title for f in families if f.parent is not None]
        alt = (
            f"A tree of deep generative models: {'; '.join(names)}. "
            "Prescribed and implicit models are latent variable models."
        )
        super().__init__("map", {"boxes": boxes, "wishes": list(WISHES)}, {}, image=_still(families), alt=alt)


def _still(families: Sequence[Any]) -> bytes:
    """The tree from left to right: leaves on equal rows, each parent at the middle of its children."""
    children = {f.key: [c for c in families if c.parent == f.key] for f in families}
    depth, row = {}, {}

    def place(family: Any, level: int) -> None:
        """Set depth and row of a family after those of its children: a leaf takes the next free row."""
        depth[family.key] = level
        for child in children[family.key]:
            place(child, level + 1)
        inner = [row[c.key] for c in children[family.key]]
        row[family.key] = (
            sum(inner) / len(inner) if inner else sum(k in row and not children[k] for k in depth)
        )

    place(next(f for f in families if f.parent is None), 0)
    with still():
        figure, ax = plt.subplots(figsize=(7, 3.6))
        for family in families:
            _box(family, depth[family.key] * 1.3, -row[family.key], bool(children[family.key]), ax)
            if family.parent is not None:
                start, end = depth[family.parent] * 1.3 + 1.05, depth[family.key] * 1.3
                ax.plot([start, (start + end) / 2, (start + end) / 2, end],
                        [-row[family.parent], -row[family.parent], -row[family.key], -row[family.key]],
                        color="#8a93a3", lw=1, zorder=0)  # fmt: skip
        ax.set(xlim=(-0.05, 3.75), ylim=(-max(row.values()) - 0.6, 0.6))
        ax.set_axis_off()
        return png(figure)


def _box(family: Any, x: float, y: float, inner: bool, ax: Axes) -> None:
    colour = "#FDF1E0" if inner else "#E4EEF8"
    edge = plot.ORANGE if inner else plot.BLUE
    ax.add_patch(FancyBboxPatch((x, y - 0.34), 1.05, 0.68, boxstyle="round,pad=0,rounding_size=0.08",
                                facecolor=colour, edgecolor=edge, lw=1, mutation_aspect=2))  # fmt: skip
    title, _, kinds = family.title.partition(": ")
    words = f"{title}\n{kinds}" if kinds else title.replace(" models", "\nmodels")
    ax.text(x + 0.525, y, words, ha="center", va="center", fontsize=8.6, linespacing=1.2)


class Table:
    """Table 1 of the essay from the catalog, one row per family that the essay compares.

    Args:
        families: The catalog's families; those without table entries are left out.
        note: A line below the table.
    """

    def __init__(self, families: Sequence[Any], note: str = ""):
        self.rows = [(f.title, [f.table[c] for c in COLUMNS]) for f in families if f.table]
        self.note = note

    def __str__(self) -> str:
        width = max(len(title) for title, _ in self.rows)
        lines = [" " * width + "  " + "  ".join(COLUMNS.values())]
        for title, cells in self.rows:
            padded = (cell.ljust(len(head)) for cell, head in zip(cells, COLUMNS.values(), strict=True))
            lines.append(f"{title.ljust(width)}  " + "  ".join(padded).rstrip())
        return "\n".join(lines + ([self.note] if self.note else []))

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        head = "".join(f'<th scope="col">{name}</th>' for name in COLUMNS.values())
        body = "".join(
            f'<tr><th scope="row">{html.escape(title)}</th>'
            + "".join(f"<td>{html.escape(c)}</td>" for c in cells)
            + "</tr>"
            for title, cells in self.rows
        )
        note = f"<caption>{html.escape(self.note)}</caption>" if self.note else ""
        page = (
            f'<div class="dgm-table" tabindex="0" role="region" aria-label="Table 1 of the '
            f'essay"><table class="table">{note}<thead>'
            f'<tr><th scope="col">Family</th>{head}</tr></thead><tbody>{body}</tbody></table></div>'
        )
        return {"text/plain": str(self), "text/html": page}

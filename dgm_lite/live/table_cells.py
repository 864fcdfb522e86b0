"""Table 1 of the essay, live and measured: its words, our figures, verdicts, and who serves a need."""

import re
from collections.abc import Mapping
from typing import Any

import matplotlib.pyplot as plt

from dgm_lite.claims import STATES, Verdict
from dgm_lite.live.figure import LiveFigure, png, still
from dgm_lite.live.map import WISHES

VERDICTS = {state: STATES[state].sign for state in STATES if state != "not yet"}
TONES = {"holds": "#00695F", "holds, more exactly put": "#00695F", "holds if": "#8A5200",
         "not tried": "#57606F", "fails": "#A3195B"}  # fmt: skip
WORDS = ("says", "measured", "verdict", "detail", "href")
MORE = ("interval", "how")
# A page beside this one, a section, or both: ../flows/change-of-variables.html#digits
ADDRESS = re.compile(r"(?![\w+.-]+:)(?!/)\S+")


class TableCells(LiveFigure):
    """Families by properties: choose a cell to see its measurement, or needs to see which families remain.

    Args:
        rows: Title of each family, by key.
        columns: Title of each property, by key.
        cells: For each (row key, column key) a mapping with ``says``, the essay's word; ``measured``, our
            figure in a few characters; ``verdict``, what becomes of the word, a ``claims.Verdict``;
            ``detail``, the measurement in a sentence; ``href``, the chapter's address relative to the page;
            ``serves``, whether by our measurement the family has the property that a reader may need. It may
            have ``interval``, the figure with its interval, and ``how`` it was measured.
        needs: What follows "I need ...", by column key; columns that are left out can't be asked for.
            Those of the map by default.

    Raises:
        ValueError: If a cell is missing, too much, or incomplete, or if a verdict or address is none.
    """

    def __init__(
        self, rows: Mapping[str, str], columns: Mapping[str, str],
        cells: Mapping[tuple[str, str], Mapping[str, Any]], *, needs: Mapping[str, str] | None = None,
    ):  # fmt: skip
        if not rows or not columns:
            raise ValueError(
                f"TableCells: expected a row and a column or more, got {len(rows)} and {len(columns)}."
            )
        asked = {(row, column) for row in rows for column in columns}
        if missing := sorted(asked - set(cells)):
            raise ValueError(f"TableCells: expected a cell for each row and column, got none for {missing}.")
        if foreign := sorted(set(cells) - asked):
            raise ValueError(f"TableCells: expected cells of the rows and columns alone, got {foreign}.")
        if needs is None:
            needs = {wish["key"]: wish["words"] for wish in WISHES if wish["key"] in columns}
        if foreign := sorted(set(needs) - set(columns)):
            raise ValueError(
                f"TableCells: expected needs among {', '.join(columns)}, got {', '.join(foreign)}."
            )
        table = [[_cell(cells[row, column], f"cell {(row, column)}") for column in columns] for row in rows]
        spec = {
            "rows": list(rows.values()),
            "serves": [[cell["serves"] for cell in line] for line in table],
            "needs": [{"column": list(columns).index(key), "words": words} for key, words in needs.items()],
        }
        words = {
            "columns": list(columns.values()),
            "cells": table,
            "signs": VERDICTS,
            "css": {state: STATES[state].css for state in VERDICTS},
        }
        said = [
            f"{family}: "
            + "; ".join(
                f"{title.lower()} “{cell['says']}”, measured {cell['measured']}, {cell['verdict']}"
                for title, cell in zip(columns.values(), line, strict=True)
            )
            for family, line in zip(rows.values(), table, strict=True)
        ]
        alt = f"The essay's table with our figures. {'. '.join(said)}."
        super().__init__("table_cells", spec, {}, image=_still(spec["rows"], **words), alt=alt, words=words)


def _cell(given: Mapping[str, Any], owner: str) -> dict[str, Any]:
    """The cell as plain data, checked."""
    owner = f"TableCells {owner}"
    known, got = ", ".join((*WORDS, "serves", *MORE)), ", ".join(given)
    if lacking := [key for key in (*WORDS, "serves") if key not in given]:
        raise ValueError(f"{owner}: expected {known}; {', '.join(lacking)} is missing, got {got}.")
    if set(given) - {*WORDS, *MORE, "serves"}:
        raise ValueError(f"{owner}: expected {known}, got {got}.")
    for key in ({*WORDS, *MORE} - {"verdict"}) & set(given):
        if not isinstance(given[key], str) or (key in WORDS and not given[key].strip()):
            raise ValueError(f"{owner}: expected {key} in words, got {given[key]!r}.")
    if not isinstance(given["verdict"], Verdict) or given["verdict"].state not in VERDICTS:
        verdicts = ", ".join(map(repr, VERDICTS))
        raise ValueError(f"{owner}: expected a Verdict with one of {verdicts}, got {given['verdict']!r}.")
    if not ADDRESS.fullmatch(given["href"]):
        raise ValueError(
            f"{owner}: expected an address relative to the page, such as ../latent/vae.html, "
            f"got {given['href']!r}."
        )
    if not isinstance(given["serves"], bool):
        raise ValueError(f"{owner}: expected serves to be True or False, got {given['serves']!r}.")
    said = {"verdict": given["verdict"].state, "said": given["verdict"].said}
    return {"interval": "", "how": "", **given, **said}


def _still(
    rows: list[str], columns: list[str], cells: list[list[dict[str, Any]]], signs: Mapping[str, str], **_
) -> bytes:  # fmt: skip
    """The table: the essay's word in each cell, below it our figure with the sign of its verdict."""
    n_rows, n_columns = len(rows), len(columns)
    with still():
        figure, ax = plt.subplots(figsize=(7.2, 0.62 * (n_rows + 1) + 0.3))
        wide = 4.6 / n_columns
        for k, title in enumerate(columns):
            ax.text(1.5 + (k + 0.5) * wide, -0.5, title.replace(" ", "\n", 1), ha="center", va="center",
                    fontsize=8.8, fontweight="bold")  # fmt: skip
        for i, (family, line) in enumerate(zip(rows, cells, strict=True)):
            ax.axhline(i, color="#C9CEDA", lw=0.8)
            title, _, kinds = family.partition(": ")
            words = f"{title}\n{kinds}" if kinds else title.replace(" ", "\n", 1)
            ax.text(0, i + 0.5, words, va="center", fontsize=8.8, fontweight="bold")
            for k, cell in enumerate(line):
                x = 1.5 + (k + 0.5) * wide
                ax.text(x, i + 0.3, cell["says"], ha="center", va="center", fontsize=9)
                measured = f"{signs[cell['verdict']]} {cell['measured']}"
                ax.text(
                    x, i + 0.7, measured, ha="center", va="center", fontsize=7.6, color=TONES[cell["verdict"]]
                )
        signs = ", ".join(f"{sign} {verdict}" for verdict, sign in signs.items())
        ax.text(6.1, n_rows + 0.3, f"above: the essay's word; below: our figure; {signs}", ha="right",
                va="center", fontsize=7.6, color="#555555")  # fmt: skip
        ax.set(xlim=(0, 6.1), ylim=(n_rows + 0.5, -1))
        ax.set_axis_off()
        return png(figure)

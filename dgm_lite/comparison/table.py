"""Table 1 of the essay, cell by cell, from the result file of `python -m dgm_lite compare`.

A verdict is computed from the numbers: nowhere does it stand written. The cards of the claims "tab-…" take
theirs from here, in whatever chapter they stand.
"""

from collections.abc import Sequence
from statistics import median

from dgm_lite.catalog.families import FAMILIES
from dgm_lite.claims import Verdict, verdict
from dgm_lite.comparison import evidence
from dgm_lite.comparison.cells import Cell, chapter_of
from dgm_lite.comparison.competitors import ROWS, beside, counted, quoted
from dgm_lite.comparison.file_cells import lossless, lossy
from dgm_lite.comparison.likelihood_cells import likelihood
from dgm_lite.comparison.plane import STEPS
from dgm_lite.comparison.results import Row, summary

COLUMNS = {"training": "Training", "likelihood": "Likelihood", "sampling": "Sampling",
           "lossy": "Lossy compression", "lossless": "Lossless compression"}  # fmt: skip
SLOW = 10  # so many times the median time of the four families is slow

LARGEST, SMALLEST = "an image of 1024 numbers", "an image of 16 numbers"


def cells(rows: Sequence[Row]) -> dict[tuple[str, str], Cell]:
    """Every cell of the table: what the essay says, what was measured, and what becomes of the word.

    Args:
        rows: Of a whole run of ``compare``.

    Returns:
        By (family, column): ``says``, ``measured``, ``interval``, ``how``, ``verdict`` (a
        ``claims.Verdict``), ``detail``, ``href`` and ``serves``, as ``live.table_cells.TableCells`` takes
        them.

    Raises:
        ValueError: If a measurement is missing.
    """
    makers = {"training": _training, "likelihood": likelihood, "sampling": _sampling, "lossy": lossy,
              "lossless": lossless}  # fmt: skip
    words = {f.key: f.table for f in FAMILIES if f.table}
    return {
        (family, column): {"says": words[family][column], **make(rows, family, words[family][column])}
        for family in ROWS
        for column, make in makers.items()
    }


def parts(cells: dict[tuple[str, str], Cell], column: str) -> dict[str, Verdict]:
    """What became of a column's words, one for each family, as ``claims.claim`` takes them.

    Args:
        cells: What ``cells`` gave.
        column: A key of ``COLUMNS``.
    """
    return {f"{family}: {cells[family, column]['says']}": cells[family, column]["verdict"] for family in ROWS}


def _training(rows: Sequence[Row], family: str, word: str) -> Cell:
    own = {c.name: evidence.stability(rows, c.name) for c in counted("stability", family)}
    remedies = {c.trial.beside: evidence.stability(rows, c.name) for c in beside("stability", family)}
    judged = [*own.values(), *remedies.values()]
    lost, n = sum(runs.lost for runs in judged), sum(runs.n for runs in judged)
    shown, usual = quoted("stability", family), evidence.usual_spread(rows)
    first = own[shown.name]
    detail = (
        f"A forest tells the draws of {lost} of {n} trainings from data in more than {evidence.LOST:.0%} "
    )
    detail += f"of cases. Over seeds {shown.name} spreads {first.spread / usual:.1f} times as far as usual."
    for name, runs in remedies.items():
        detail += f" {name}: {runs.lost} of {runs.n} lost, {runs.spread / usual:.1f} times."
    found = evidence.training(rows, family, word)
    return {
        "measured": f"{lost} of {n} lost",
        "interval": f"{shown.name}: told {first.told:.0%} of the time, with a spread of {first.spread:.1%} "
        "over seeds",
        "how": f"Ten seeds each on two moons, {STEPS[-1]:,} steps, settings chosen from six trials each on "
        "validation points.",
        "verdict": found,
        "detail": detail,
        "href": chapter_of(shown),
        "serves": (found.state == "holds") == (word == "stable"),
    }


def _sampling(rows: Sequence[Row], family: str, word: str) -> Cell:
    times, small = (
        {key: summary(rows, "sampling", quoted("sampling", key).name, size)[0] for key in ROWS}
        for size in (LARGEST, SMALLEST)
    )
    fastest, own, middle = min(times.values()), times[family], median(times.values())
    detail = f"{own / fastest:.0f} times the time of the fastest family." if own > fastest else "The fastest."
    for other in beside("sampling", family):
        theirs = summary(rows, "sampling", other.name, LARGEST)[0]
        detail += f" {other.trial.beside} it would be {theirs / own:.0f} times that again."
    figures = {}
    for numbers, size, usual in (("1,024", LARGEST, middle), ("16", SMALLEST, median(small.values()))):
        for c in (quoted("sampling", family), *beside("sampling", family)):
            ratio = summary(rows, "sampling", c.name, size)[0] / usual
            form = "{:,.0f} times the median" if ratio >= SLOW else "{:.2g} times the median"
            figures[f"{c.name}, {numbers} numbers"] = (ratio, form)
    as_said = (lambda t: t > SLOW) if word == "slow" else (lambda t: t <= SLOW)
    found = verdict(
        figures,
        lambda f: all(as_said(t) for t in f.values()),
        only_if=("images are not tiny", lambda f: all(as_said(t) for n, t in f.items() if "1,024" in n)),
    )
    if family == "flow":
        detail += " Measured are couplings, the fast kind; autoregressive flows, the slow kind, are to come."
        if found.state == "holds":
            found = Verdict("not tried", found.figures, "the slow kind; couplings, measured, are fast")
    return {
        "measured": f"{_rounded(1 / own)} a second",
        "interval": f"images of 1,024 numbers: {1000 * own:.3g} ms of one core for each",
        "how": "16 images at a time on one thread, the fastest of several rounds; weights don't matter.",
        "verdict": found,
        "detail": detail,
        "href": chapter_of(quoted("sampling", family)),
        "serves": own <= SLOW * middle,
    }


def _rounded(value: float) -> str:
    """Two digits, and thousands by commas."""
    return f"{float(f'{value:.2g}'):,.0f}" if value >= 10 else f"{value:.2g}"

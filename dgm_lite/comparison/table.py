"""Table 1 of the essay, cell by cell, from the result file of `python -m dgm_lite compare`.

A verdict is computed from the numbers: nowhere does it stand written. The cards of the claims "tab-…" take
theirs from here, in whatever chapter they stand.
"""

from collections.abc import Sequence
from statistics import median

from dgm_lite.catalog.families import FAMILIES
from dgm_lite.claims import Figure, Verdict, not_tried, verdict
from dgm_lite.comparison import evidence
from dgm_lite.comparison.answers import answers
from dgm_lite.comparison.competitors import ROWS, Competitor, beside, counted, quoted
from dgm_lite.comparison.results import Row, summary
from dgm_lite.protocols import Bound, Density

COLUMNS = {"training": "Training", "likelihood": "Likelihood", "sampling": "Sampling",
           "lossy": "Lossy compression", "lossless": "Lossless compression"}  # fmt: skip
FILES = "files.html"
SLOW = 10  # so many times the median time of the four families is slow

LARGEST = "an image of 1024 numbers"

Cell = dict[str, object]


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
    makers = {"training": _training, "likelihood": _likelihood, "sampling": _sampling, "lossy": _lossy,
              "lossless": _lossless}  # fmt: skip
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


def _chapter(competitor: Competitor) -> str:
    return f"../{competitor.entry.chapter}.html"


def _training(rows: Sequence[Row], family: str, word: str) -> Cell:
    own = {c.name: evidence.stability(rows, c.name) for c in counted("stability", family)}
    remedies = {c.trial.beside: evidence.stability(rows, c.name) for c in beside("stability", family)}
    lost, n = sum(r[2] for r in own.values()), sum(r[3] for r in own.values())
    shown = quoted("stability", family)
    mean, spread, *_ = own[shown.name]
    sure = f"{evidence.LOST:.0%} of cases"
    detail = f"A forest tells the draws of {lost} of {n} trainings from data in more than {sure}."
    for name, (_, _, lost_then, n_then) in remedies.items():
        detail += f" {name}: {lost_then} of {n_then}."
    lost_in = {f"{name}: runs lost": (r[2], f"{{}} of {r[3]}") for name, r in (own | remedies).items()}
    as_first = [f"{name}: runs lost" for name in own]
    return {
        "measured": f"{lost} of {n} lost",
        "interval": f"{shown.name}: told {mean:.0%} of the time, with a spread of {spread:.1%} over seeds",
        "how": "Ten seeds each on two moons, the same points and the same number of steps.",
        "verdict": verdict(
            lost_in,
            lambda f: not any(f.values()) if word == "stable" else min(f.values()) > 0,
            only_if=(
                "the game is played as in the first papers",
                lambda f: word == "unstable" and min(f[name] for name in as_first) > 0,
            ),
        ),
        "detail": detail,
        "href": _chapter(shown),
        "serves": lost == 0,
    }


def _likelihood(rows: Sequence[Row], family: str, word: str) -> Cell:
    built = {c.name: c.build() for c in counted("digits", family)}
    kinds = {
        name: "exact" if isinstance(m, Density) else "bound" if isinstance(m, Bound) else "none"
        for name, m in built.items()
    }
    first = quoted("digits", family)
    best = kinds[first.name]
    shown = {"exact": "exact", "approximate": "bound", "no": "none"}[word]
    figures = []
    for name, kind in kinds.items():
        if kind != "none":
            mean, error, n = summary(rows, "digits", name, f"test, {kind}")
            figures.append(f"{name}: {mean:.1f} +- {error:.1f} nats ({kind}, {n} seeds)")
    detail = {
        "exact": "log_prob is exact: over a small domain the probabilities are added up, and the sum is one.",
        "bound": "elbo lies below log p(x): on small models both are computed and compared.",
        "none": "There is neither log_prob nor elbo, and evaluate refuses with advice.",
    }[best]
    if len(set(kinds.values())) > 1:
        detail += " On pixels, flows of real numbers have a bound only."
    mean = f"{summary(rows, 'digits', first.name, f'test, {best}')[0]:.1f} nats" if figures else "none"
    found, _ = answers()[family]
    answered: dict[str, Figure] = {"a small one, tested": (found == shown, found)}
    answered |= {f"{name}, on digits": (kind == shown, kind) for name, kind in kinds.items()}
    return {
        "measured": {"exact": mean, "bound": f"at most {mean}", "none": "none"}[best],
        "interval": "; ".join(figures),
        "how": "8 x 8 digits, public split, chosen on validation, measured once on 447 test digits.",
        "verdict": _tried(word)
        or verdict(
            answered,
            lambda f: all(f.values()),
            only_if=(
                "on pixels it is one of integers",
                lambda f: f["a small one, tested"] and f[f"{first.name}, on digits"],
            ),
        ),
        "detail": detail,
        "href": _chapter(first),
        "serves": best == "exact",
    }


def _tried(word: str) -> Verdict | None:
    """That a likelihood can't be had is no matter of a method that is missing."""
    return not_tried("a search for every z that gives x, and the volume there") if word == "no" else None


def _sampling(rows: Sequence[Row], family: str, word: str) -> Cell:
    times = {key: summary(rows, "sampling", quoted("sampling", key).name, LARGEST)[0] for key in ROWS}
    fastest, own, middle = min(times.values()), times[family], median(times.values())
    detail = f"{own / fastest:.0f} times the time of the fastest family." if own > fastest else "The fastest."
    against = {quoted("sampling", family).name: own}
    for other in beside("sampling", family):
        theirs = against[other.name] = summary(rows, "sampling", other.name, LARGEST)[0]
        detail += f" {other.trial.beside} it would be {theirs / own:.0f} times that again."
    figures = {name: (t / middle, "{:.2g} times the median") for name, t in against.items()}
    found = verdict(figures, lambda f: min(f.values()) > SLOW if word == "slow" else max(f.values()) <= SLOW)
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
        "href": _chapter(quoted("sampling", family)),
        "serves": own <= SLOW * middle,
    }


def _rounded(value: float) -> str:
    """Two digits, and thousands by commas."""
    return f"{float(f'{value:.2g}'):,.0f}" if value >= 10 else f"{value:.2g}"


ATTEMPTS = {  # what it would take to give up exactness, by family
    "autoregressive": "rounding the data before they are coded",
    "flow": "rounding z, which is as large as x",
    "implicit": "a search for the z of each image, and rounding it",
}


def _lossy(rows: Sequence[Row], family: str, word: str) -> Cell:
    shown = {"measured": "not tried", "interval": "", "detail": "", "verdict": None, "serves": False}
    if not counted("lossy", family):
        shown["verdict"] = not_tried(ATTEMPTS[family])
        shown["detail"] = f"An attempt would take {ATTEMPTS[family]}."
    else:
        name = quoted("lossy", family).name
        ours, theirs = evidence.lossy_gain(rows, name)
        fewer = evidence.less_than_linear(rows, name)
        saved = {}
        for rival in ("JPEG", "WebP"):
            low, high = evidence.lossy_savings(rows, name, rival)
            saved[f"fewer bytes than {rival}, least"] = (low, "{:.0%}")
            saved[f"fewer bytes than {rival}, most"] = (high, "{:.0%}")
        shown |= {
            "measured": f"{ours / theirs:.0%} of WebP",
            "interval": f"{ours:,.0f} bytes against WebP's {theirs:,.0f} at the same error",
            "detail": "A transform coder, a VAE with a rounded z, against WebP at equal squared error. It "
            f"needs {fewer:.0%} fewer bytes than rounded principal components.",
            "verdict": verdict(saved, lambda f: (min(f.values()) > 0) == (word == "yes")),
            "serves": True,
        }
    return {
        **shown,
        "how": "Bytes of real files for the 447 test digits, against the squared error.",
        "href": f"{FILES}#giving-up-exactness",
    }


def _lossless(rows: Sequence[Row], family: str, word: str) -> Cell:
    rivals = evidence.image_formats(rows)
    rival = min(rivals, key=rivals.get)
    common = {"href": FILES, "how": "One file with all 447 test digits, decoded bit for bit."}
    first = quoted("digits", family)
    if not first.entry.lossless:
        why = "a code for z, and for what the draw at z leaves"
        nothing = {"measured": "not tried", "interval": "", "verdict": not_tried(why), "serves": False}
        return {**nothing, "detail": f"A code needs p(x). An attempt without it would take {why}.", **common}
    mean, error, n = summary(rows, "digits", first.name, "test digits as one file")
    beaten, apart = mean < rivals[rival], abs(1 - mean / rivals[rival])
    detail = f"The file is {apart:.0%} {'shorter' if beaten else 'longer'} than the best image format's."
    if family == "prescribed":
        detail += " Not by sending z, but by getting its bits back."
    sizes = {first.name: (mean, "{:,.0f} bytes"), rival: (rivals[rival], "{:,.0f} bytes")}
    return {
        "measured": f"{mean:,.0f} bytes",
        "interval": f"{mean:,.0f} +- {error:.0f} bytes ({n} seeds); {rival}: {rivals[rival]:,.0f}",
        "verdict": verdict(sizes, lambda f: (f[first.name] < f[rival]) == (word == "yes")),
        "detail": detail,
        "serves": True,
        **common,
    }

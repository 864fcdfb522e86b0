"""Table 1 of the essay, cell by cell, from the result file of `python -m dgm_lite compare`.

A verdict is computed from the numbers: nowhere does it stand written. Where a cell says "no", what is checked
is that the model object has nothing to answer with.
"""

from collections.abc import Sequence
from statistics import median

from dgm_lite.catalog.families import FAMILIES
from dgm_lite.codecs import autoregressive, bits_back, container, integer_flow, lossy
from dgm_lite.comparison import evidence
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
        By (family, column): ``says``, ``measured``, ``interval``, ``how``, ``verdict``, ``detail``, ``href``
        and ``serves``, as ``live.table_cells.TableCells`` takes them.

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


def verdict(holds: bool, caveat: bool = False) -> str:
    """In the words of the claims' cards."""
    return "fails" if not holds else "holds with a caveat" if caveat else "holds"


def _chapter(competitor: Competitor) -> str:
    return f"../{competitor.entry.chapter}.html"


def _training(rows: Sequence[Row], family: str, word: str) -> Cell:
    runs = {c.name: evidence.stability(rows, c.name) for c in counted("stability", family)}
    lost, n = sum(r[2] for r in runs.values()), sum(r[3] for r in runs.values())
    shown = quoted("stability", family)
    mean, spread, *_ = runs[shown.name]
    stable = lost == 0
    sure = f"{evidence.LOST:.0%} of cases"
    detail = f"A forest tells the draws of {lost} of {n} trainings from data in more than {sure}."
    calmer = False
    for remedy in beside("stability", family):
        _, _, lost_then, n_then = evidence.stability(rows, remedy.name)
        detail += f" {remedy.trial.beside}: {lost_then} of {n_then}."
        calmer |= lost_then < lost / 2
    return {
        "measured": f"{lost} of {n} lost",
        "interval": f"{shown.name}: told {mean:.0%} of the time, with a spread of {spread:.1%} over seeds",
        "how": "Ten seeds each on two moons, the same points and the same number of steps.",
        "verdict": verdict((word == "stable") == stable, calmer),
        "detail": detail,
        "href": _chapter(shown),
        "serves": stable,
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
    mixed = len(set(kinds.values())) > 1
    if mixed:
        detail += " On pixels, flows of real numbers have a bound only."
    mean = f"{summary(rows, 'digits', first.name, f'test, {best}')[0]:.1f} nats" if figures else "none"
    return {
        "measured": {"exact": mean, "bound": f"at most {mean}", "none": "none"}[best],
        "interval": "; ".join(figures),
        "how": "8 x 8 digits, public split, chosen on validation, measured once on 447 test digits.",
        "verdict": verdict(best == shown, mixed),
        "detail": detail,
        "href": _chapter(first),
        "serves": best == "exact",
    }


def _sampling(rows: Sequence[Row], family: str, word: str) -> Cell:
    times = {key: summary(rows, "sampling", quoted("sampling", key).name, LARGEST)[0] for key in ROWS}
    fastest, own = min(times.values()), times[family]
    slow = own > SLOW * median(times.values())
    detail = f"{own / fastest:.0f} times the time of the fastest family." if own > fastest else "The fastest."
    for other in beside("sampling", family):
        theirs = summary(rows, "sampling", other.name, LARGEST)[0]
        detail += f" {other.trial.beside} it would be {theirs / own:.0f} times that again."
    if family == "flow":
        detail += " Measured are couplings, the fast kind; autoregressive flows, the slow kind, are to come."
    return {
        "measured": f"{_rounded(1 / own)} a second",
        "interval": f"images of 1,024 numbers: {1000 * own:.3g} ms of one core for each",
        "how": "16 images at a time on one thread, the fastest of several rounds; weights don't matter.",
        "verdict": verdict(slow if word == "slow" else not slow, family == "flow"),
        "detail": detail,
        "href": _chapter(quoted("sampling", family)),
        "serves": not slow,
    }


def _rounded(value: float) -> str:
    """Two digits, and thousands by commas."""
    return f"{float(f'{value:.2g}'):,.0f}" if value >= 10 else f"{value:.2g}"


def _codecs(family: str) -> set:
    """The codecs that the family's models of digits have, by asking for one."""
    found = set()
    for competitor in (*counted("digits", family), *counted("lossy", family)):
        try:
            found.add(container.codec_of(competitor.build()))
        except ValueError:
            continue  # a refusal that explains itself: no codec
    return found


NO_Z = {
    "autoregressive": "There is no z that could be rounded.",
    "flow": "z is as large as x: nothing is summarised.",
    "implicit": "Nothing leads from an image to a z. (Recent lossy codecs set a discriminator beside a VAE.)",
}


def _lossy(rows: Sequence[Row], family: str, word: str) -> Cell:
    has = lossy in _codecs(family)
    shown = {"measured": "no codec", "interval": "", "detail": NO_Z.get(family, "")}
    if has:
        name = quoted("lossy", family).name
        ours, theirs = evidence.lossy_gain(rows, name)
        fewer = evidence.less_than_linear(rows, name)
        shown = {
            "measured": f"{ours / theirs:.0%} of WebP",
            "interval": f"{ours:,.0f} bytes against WebP's {theirs:,.0f} at the same error",
            "detail": "A transform coder, a VAE with a rounded z, against WebP at equal squared error. It "
            f"needs {fewer:.0%} fewer bytes than rounded principal components.",
        }
    return {
        **shown,
        "how": "Bytes of real files for the 447 test digits, against the squared error.",
        "verdict": verdict(has == (word == "yes")),
        "href": f"{FILES}#giving-up-exactness",
        "serves": has,
    }


def _lossless(rows: Sequence[Row], family: str, word: str) -> Cell:
    codecs = _codecs(family) & {autoregressive, integer_flow, bits_back}
    rivals = evidence.image_formats(rows)
    rival = min(rivals, key=rivals.get)
    common = {"href": FILES, "serves": bool(codecs)}
    common["how"] = "One file with all 447 test digits, decoded bit for bit."
    if not codecs:
        nothing = {"measured": "no codec", "interval": "", "verdict": verdict(word == "no")}
        nothing["detail"] = "A code needs p(x). A GAN has none, and asking for a codec is refused."
        return {**nothing, **common}
    name = quoted("digits", family).name
    mean, error, n = summary(rows, "digits", name, "test digits as one file")
    beaten, apart = mean < rivals[rival], abs(1 - mean / rivals[rival])
    detail = f"The file is {apart:.0%} {'shorter' if beaten else 'longer'} than the best image format's."
    if family == "prescribed":
        detail += " Not by sending z, but by getting its bits back."
    return {
        "measured": f"{mean:,.0f} bytes",
        "interval": f"{mean:,.0f} +- {error:.0f} bytes ({n} seeds); {rival}: {rivals[rival]:,.0f}",
        "verdict": verdict(word == "yes", not beaten),
        "detail": detail,
        **common,
    }

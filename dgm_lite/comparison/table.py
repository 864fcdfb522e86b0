"""Table 1 of the essay, cell by cell, from the result file of `python -m dgm_lite compare`.

A verdict is computed from the numbers: nowhere does it stand written. The cards of the claims "tab-…" take
theirs from here, in whatever chapter they stand.
"""

from collections.abc import Mapping, Sequence
from statistics import median

from dgm_lite.catalog.families import FAMILIES
from dgm_lite.claims import Figure, Verdict, verdict
from dgm_lite.comparison import evidence
from dgm_lite.comparison.answers import answers
from dgm_lite.comparison.competitors import ROWS, Competitor, beside, counted, quoted
from dgm_lite.comparison.plane import STEPS
from dgm_lite.comparison.results import Row, summary
from dgm_lite.protocols import Bound, Density

COLUMNS = {"training": "Training", "likelihood": "Likelihood", "sampling": "Sampling",
           "lossy": "Lossy compression", "lossless": "Lossless compression"}  # fmt: skip
FILES = "files.html"
SLOW = 10  # so many times the median time of the four families is slow

MET, POINTS = "test digits met by a search or by draws", "points of a grid over z, on digits, ten a number"
TOO_MANY = 9  # numbers of z: a thousand million points are more than anybody adds up for each image
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
    lost, n = sum(runs.lost for runs in own.values()), sum(runs.n for runs in own.values())
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
        "href": _chapter(shown),
        "serves": (found.state == "holds") == (word == "stable"),
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
    # That a class has no method proves nothing. A number worked out for a small model counts like any other.
    asked: dict[str, Figure] = {what: (kind == shown, kind) for what, (kind, _) in answers()[family].items()}
    large = {f"{name}, on digits": (kind == shown, kind) for name, kind in kinds.items() if kind != "none"}
    where, needed = "on pixels it is one of integers", [f"{first.name}, on digits"]
    if word != "exact":
        model = built[first.name]
        m = model.prior.dim if isinstance(model, Bound) else model.latent_dim
        large[POINTS] = (m >= TOO_MANY, f"10^{m}")
        where, needed = "z is too large for a grid over all of it", [POINTS]
    if word == "approximate":
        where = f"z goes through a network, and {where}"
        needed.append(f"{first.name}, on digits")
    if word == "no":
        met, n = evidence.met_exactly(rows, quoted("lossless", family).name)
        large[MET] = (met == 0, f"{met} of {n}")
        needed.append(MET)
        detail = (
            "The mass of all z that give x is p(x). On a grid it can be added up where z has two numbers; "
            "for digits neither a search nor draws find a single such z, so that no value can be given."
        )
    return {
        "measured": {"exact": mean, "bound": f"at most {mean}", "none": "none found"}[best],
        "interval": "; ".join(figures),
        "how": "8 x 8 digits, public split, chosen on validation, measured once on 447 test digits.",
        "verdict": verdict(
            asked | large,
            lambda f: all(f.values()),
            only_if=(where, lambda f: all(f[name] for name in needed)),
        ),
        "detail": detail,
        "href": _chapter(first),
        "serves": best == "exact",
    }


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


def _lossy(rows: Sequence[Row], family: str, word: str) -> Cell:
    names, rivals = [c.name for c in counted("lossy", family)], evidence.RIVALS
    if family == "flow":  # a rotation is one
        names, rivals = [*names, evidence.LINEAR], [r for r in rivals if r != evidence.LINEAR]
    points = {name: evidence.against_rivals(rows, name, rivals) for name in names}
    ends = {name: [end(share for _, share in own) for end in (min, max)] for name, own in points.items()}
    best = min(ends, key=lambda name: sum(ends[name]))
    figures = {
        f"{name}, {end}": (share, "{:.0%} of the best rival's bytes")
        for name, two in ends.items()
        for end, share in zip(("least", "most"), two, strict=True)
    }

    def able(f: Mapping[str, float]) -> bool:
        return min([max(f[f"{name}, least"], f[f"{name}, most"]) for name in ends]) < 1

    def unable(f: Mapping[str, float]) -> bool:
        return min(f.values()) >= 1

    where = _where_rivals_win([point for own in points.values() for point in own])
    found = verdict(
        figures,
        able if word == "yes" else unable,
        only_if=(where, lambda f: word == "no" and bool(where) and not able(f)),
    )
    beside = "WebP" if word == "yes" else quoted("lossy", "prescribed").name
    return {
        "measured": f"{100 * ends[best][0]:.0f}–{ends[best][1]:.0%} of bytes",
        "interval": "; ".join(f"{name}: {text}" for name, text in found.figures.items()),
        "detail": f"At the same squared error {best} takes {_range(rows, best, 'JPEG')} of JPEG's bytes, and "
        f"{_range(rows, best, beside)} of those of {beside}.",
        "verdict": found,
        "serves": able({name: share for name, (share, _) in figures.items()}),
        "how": "Bytes of real files as a share of the best rival's, at the same squared error. Rivals: "
        f"{', '.join(rivals)}.",
        "href": f"{FILES}#giving-up-exactness",
    }


def _range(rows: Sequence[Row], name: str, rival: str) -> str:
    low, high = evidence.share_of(rows, name, rival)
    return f"{low:.0%} to {high:.0%}"


def _where_rivals_win(points: Sequence[tuple[float, float]]) -> str:
    """At which errors no attempt is shorter than the best rival, in words; "" if there is no such place."""
    won = [error for error, share in points if share < 1]
    lost = [error for error, share in points if share >= 1]
    if not won or not lost:
        return ""
    if max(won) < max(lost):
        nearest = min(error for error in lost if error > max(won))
        return f"files are to be small, with a squared error of {nearest:.1f} or more"
    nearest = max((error for error in lost if error < min(won)), default=0)
    return f"the squared error is to be {nearest:.1f} or less" if nearest else ""


def _lossless(rows: Sequence[Row], family: str, word: str) -> Cell:
    rivals = evidence.image_formats(rows)
    rival, alone = min(rivals, key=rivals.get), "counts without the model"
    common = {"href": FILES, "how": "One file with all 447 test digits, decoded bit for bit."}
    first = quoted("digits", family)
    part = "digits" if first.entry.lossless else "lossless"
    length, error, n = summary(rows, part, first.name, "test digits as one file")
    others = {rival: rivals[rival], alone: evidence.without_model(rows)}
    able = length < min(others.values())
    apart = [f"{abs(1 - length / theirs):.1%} {'shorter' if length < theirs else 'longer'} than {name}"
             for name, theirs in others.items()]  # fmt: skip
    detail = f"The file is {' and '.join(apart)}."
    if family == "prescribed":
        detail += " It sends z, and it gets its bits back."
    if family == "implicit":
        z = summary(rows, part, first.name, "z")[0]
        detail += f" {z:,.0f} bytes of it are for z, the nearest by search; the rest is coded by counts."
    sizes: dict[str, Figure] = {first.name: (length, "{:,.0f} bytes")}
    sizes |= {name: (size, "{:,.0f} bytes") for name, size in others.items()}
    only_if = None
    if family == "implicit":  # is the model enough, or does it take counts for what it leaves?
        met, of = evidence.met_exactly(rows, first.name)
        sizes[MET] = (met, f"{{}} of {of}")
        only_if = ("the model has to do it alone", lambda f: f[MET] == 0)
    return {
        "measured": f"{'yes' if able else 'no'}, {length:,.0f} bytes",
        "interval": f"{length:,.0f} +- {error:.0f} bytes ({n} seeds); {rival}: {rivals[rival]:,.0f}; "
        f"{alone}: {others[alone]:,.0f}",
        "verdict": verdict(
            sizes,
            lambda f: (f[first.name] < min(f[rival], f[alone])) == (word == "yes") and not f.get(MET),
            only_if=only_if,
        ),
        "detail": detail,
        "serves": able,
        **common,
    }

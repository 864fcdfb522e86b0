"""The cells of the table on compression, with and without loss."""

from collections.abc import Mapping, Sequence

from dgm_lite.claims import Figure, verdict
from dgm_lite.comparison import evidence
from dgm_lite.comparison.cells import MET, Cell
from dgm_lite.comparison.competitors import counted, quoted
from dgm_lite.comparison.results import Row, summary

FILES = "files.html"


def lossy(rows: Sequence[Row], family: str, word: str) -> Cell:
    """The cell of lossy compression: bytes of each attempt as a share of its best rival's."""
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
        beyond = [error for error in lost if error > max(won)]
        more = "or more" if len(beyond) > 1 else "(the largest that was measured)"
        return f"files are to be small, with a squared error of {min(beyond):.1f} {more}"
    nearest = max((error for error in lost if error < min(won)), default=0)
    return f"the squared error is to be {nearest:.1f} or less" if nearest else ""


def lossless(rows: Sequence[Row], family: str, word: str) -> Cell:
    """The cell of lossless compression: one file of the test digits, beside formats and counts."""
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

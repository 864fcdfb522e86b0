"""Figures that the table rests on, from the rows of a result file of `python -m dgm_lite compare`."""

from collections.abc import Mapping, Sequence
from statistics import median
from typing import NamedTuple

import numpy as np

from dgm_lite.claims import Verdict, verdict
from dgm_lite.comparison.competitors import beside, competitors, counted, quoted
from dgm_lite.comparison.jobs import DRAWN, DRAWN_EXACTLY, SEARCHED
from dgm_lite.comparison.plane import STEPS
from dgm_lite.comparison.plane import told as told_after
from dgm_lite.comparison.rate_distortion import Point, bytes_at, reaches, shares
from dgm_lite.comparison.results import Row, summary, values_of

KINDS = ("test, exact", "test, bound", "test, bound, k = 200")
LINEAR = "principal components"  # a rotation, its z rounded
RIVALS = ("JPEG", "WebP", LINEAR)  # of lossy codecs
LOST = 0.9  # a run whose draws a forest tells from data this often counts as lost
MUCH_WIDER = 2  # so many times the usual spread over seeds is not stable


def likelihood(rows: Sequence[Row], name: str) -> tuple[str, float]:
    """("exact" or "bound", test nats) of a model of digits: the exact value, or the tightest bound there is.

    Raises:
        ValueError: If the results have neither.
    """
    found = [q for m, q in quantities(rows) if m == name and q in KINDS]
    if not found:
        raise ValueError(f"table: expected a likelihood of {name!r} in the results, got none.")
    best = min(found, key=lambda q: summary(rows, "digits", name, q)[0])
    return "exact" if "exact" in best else "bound", summary(rows, "digits", name, best)[0]


def likelihoods(rows: Sequence[Row]) -> dict[str, tuple[str, float]]:
    """``likelihood`` of every model of digits that has one, by name."""
    names = dict.fromkeys(model for model, quantity in quantities(rows) if quantity in KINDS)
    return {name: likelihood(rows, name) for name in names}


def quantities(rows: Sequence[Row]) -> list[tuple[str, str]]:
    """(model, quantity) of everything measured on digits, once each."""
    return list(dict.fromkeys((r["model"], r["quantity"]) for r in rows if r["part"] == "digits"))


def image_formats(rows: Sequence[Row]) -> dict[str, float]:
    """Bytes of the test digits in general-purpose formats, shortest first."""
    found = {r["quantity"]: r["value"] for r in rows if r["part"] == "formats" and r["unit"] == "bytes"}
    return {k: v for k, v in sorted(found.items(), key=lambda item: item[1]) if "range coder" not in k}


class Runs(NamedTuple):
    """What became of several trainings of a model after the same number of steps.

    Args:
        told: Mean share of cases in which a forest tells draws from test points.
        spread: Its standard deviation over seeds.
        lost: How many runs were lost.
        n: Of how many.
    """

    told: float
    spread: float
    lost: int
    n: int


def stability(rows: Sequence[Row], model: str, n_steps: int = STEPS[-1]) -> Runs:
    """The ten trainings of a model in the plane, by default those of the longest budget.

    Raises:
        ValueError: If the results have fewer than two seeds of it.
    """
    told = np.array(values_of(rows, "stability", model, told_after(n_steps, "data")))
    if len(told) < 2:
        raise ValueError(f"table: expected two seeds or more of {model!r} in the results, got {len(told)}.")
    return Runs(float(told.mean()), float(told.std(ddof=1)), int((told > LOST).sum()), len(told))


def usual_spread(rows: Sequence[Row], n_steps: int = STEPS[-1], beside: str = "") -> float:
    """The median spread over seeds of the models trained by likelihood, beside the one that is judged."""
    by_likelihood = [c.name for c in competitors("stability") if c.entry.family != "implicit"]
    return median(stability(rows, name, n_steps).spread for name in by_likelihood if name != beside)


def training(rows: Sequence[Row], family: str, word: str) -> Verdict:
    """Whether a family trains stably: for the table, and for the chapter on games.

    A model is stable if after the longest budget none of its runs is lost, and if they spread less than
    twice as far as those of the other models that are trained by their likelihood do in the median.

    Args:
        rows: Of a whole run of ``compare``.
        family: Key of a row of Table 1.
        word: What the essay calls it, "stable" or "unstable".

    Raises:
        ValueError: If a measurement is missing.
    """
    names = [c.name for group in (counted, beside) for c in group("stability", family)]
    figures, close = {}, []
    for name in names:
        runs = stability(rows, name)
        ratio = runs.spread / usual_spread(rows, beside=name)
        uncertain = ratio / (2 * (runs.n - 1)) ** 0.5  # of a standard deviation from n normal numbers
        close += [name] * (abs(ratio - MUCH_WIDER) < 2 * uncertain)
        figures[f"{name}: runs lost"] = (runs.lost, f"{{}} of {runs.n}")
        figures[f"{name}: spread over seeds"] = (ratio, f"{{:.1f}} +- {uncertain:.1f} times the usual one")

    def as_said(f: Mapping[str, float]) -> list[str]:
        found = {n: (f[f"{n}: runs lost"], f[f"{n}: spread over seeds"]) for n in names}
        stable = {n: lost == 0 and spread < MUCH_WIDER for n, (lost, spread) in found.items()}
        return [n for n in names if stable[n] == (word == "stable")]

    some = as_said({what: number for what, (number, _) in figures.items()})
    return verdict(
        figures,
        lambda f: as_said(f) == names,
        only_if=(f"the model is one of: {'; '.join(some)}", lambda f: as_said(f) != []),
        note=f"Within two standard errors of the limit: {'; '.join(close)}." if close else "",
    )


def lossy_curve(rows: Sequence[Row], model: str) -> list[Point]:
    """The points of a lossy codec, means over seeds.

    Raises:
        ValueError: If the results have none of it.
    """
    names = {r["quantity"] for r in rows if r["part"] == "lossy" and r["model"] == model}
    if not names:
        raise ValueError(f"table: expected the lossy curve of {model!r} in the results, got none.")
    points = []
    for k in range(len(names) // 2):
        n_bytes, mse = (summary(rows, "lossy", model, f"{what}, point {k}")[0] for what in ("bytes", "error"))
        points.append(Point(f"point {k}", round(n_bytes), mse, n_pixels=64 * DRAWN, levels=17))
    return points


def without_model(rows: Sequence[Row]) -> float:
    """Bytes of the test digits without loss by counts alone: a histogram for each pixel, in a file of ours.

    Raises:
        ValueError: If the results have none.
    """
    return summary(rows, "lossless", quoted("lossless", "implicit").name, "the same without the model")[0]


def met_exactly(rows: Sequence[Row], model: str) -> tuple[int, int]:
    """How many test digits a search or draws found a z for that gives them exactly; and of how many.

    Raises:
        ValueError: If the results have none of it.
    """
    found = [values_of(rows, "lossless", model, quantity) for quantity in (SEARCHED, DRAWN_EXACTLY)]
    return round(sum(map(sum, found))), DRAWN * len(found[0])


def against_rivals(
    rows: Sequence[Row], model: str, rivals: Sequence[str] = RIVALS
) -> list[tuple[float, float]]:
    """Each point of a lossy codec: its error, and its bytes as a share of the best rival's at that error.

    Rivals are JPEG, WebP, and rounded principal components: the same training images without a deep model.
    These are a flow, of one rotation: for flows they are an attempt and no rival. Points with an error that
    none of them reaches are left out.

    Raises:
        ValueError: If the results have none of it, or no point is left.
    """
    curves = [lossy_curve(rows, rival) for rival in rivals]
    points = lossy_curve(rows, model)
    found = []
    for point in points:
        theirs = [bytes_at(curve, point.mse) for curve in curves if reaches(curve, point.mse)]
        if theirs:
            found.append((point.mse, point.n_bytes / min(theirs)))
    if not found:
        got = ", ".join(f"{p.mse:.3g}" for p in points)
        raise ValueError(f"table: expected errors of {model!r} that a rival reaches, got {got}.")
    return found


def share_of(rows: Sequence[Row], model: str, rival: str) -> tuple[float, float]:
    """Least and largest bytes of a lossy codec as a share of another's, over the errors that both reach.

    Raises:
        ValueError: If the results have none of either, or the two reach no error in common.
    """
    ours, theirs = (lossy_curve(rows, name) for name in (model, rival))
    found = [share for share in shares(ours, theirs) if share is not None]
    if not found:
        got = ", ".join(f"{p.mse:.3g}" for p in ours)
        raise ValueError(f"table: expected errors of {model!r} that {rival} reach, got {got}.")
    return min(found), max(found)

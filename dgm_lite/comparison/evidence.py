"""Figures that the table rests on, from the rows of a result file of `python -m dgm_lite compare`."""

from collections.abc import Sequence

import numpy as np

from dgm_lite.comparison.competitors import quoted
from dgm_lite.comparison.jobs import DRAWN, DRAWN_EXACTLY, SEARCHED
from dgm_lite.comparison.rate_distortion import Point, bytes_at, reaches, shares
from dgm_lite.comparison.results import Row, summary, values_of

KINDS = ("test, exact", "test, bound", "test, bound, k = 200")
RIVALS = ("JPEG", "WebP", "principal components")  # of lossy codecs
LOST = 0.9  # a run whose draws a forest tells from data this often counts as lost


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


def stability(rows: Sequence[Row], model: str) -> tuple[float, float, int, int]:
    """Mean and standard deviation of the told share over seeds, how many runs were lost, and of how many.

    Raises:
        ValueError: If the results have fewer than two seeds of it.
    """
    told = np.array(values_of(rows, "stability", model, "told from data"))
    if len(told) < 2:
        raise ValueError(f"table: expected two seeds or more of {model!r} in the results, got {len(told)}.")
    return float(told.mean()), float(told.std(ddof=1)), int((told > LOST).sum()), len(told)


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


def against_rivals(rows: Sequence[Row], model: str) -> list[tuple[float, float]]:
    """Each point of a lossy codec: its error, and its bytes as a share of the best rival's at that error.

    Rivals are JPEG, WebP, and rounded principal components: the same training images without a deep model.
    Points with an error that none of them reaches are left out.

    Raises:
        ValueError: If the results have none of it, or no point is left.
    """
    rivals = [lossy_curve(rows, rival) for rival in RIVALS]
    points = lossy_curve(rows, model)
    found = []
    for point in points:
        theirs = [bytes_at(rival, point.mse) for rival in rivals if reaches(rival, point.mse)]
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

"""Figures that the table rests on, from the rows of a result file of `python -m dgm_lite compare`."""

from collections.abc import Sequence

import numpy as np

from dgm_lite.comparison.jobs import DRAWN
from dgm_lite.comparison.rate_distortion import Point, bytes_at, savings
from dgm_lite.comparison.results import Row, summary, values_of

KINDS = ("test, exact", "test, bound", "test, bound, k = 200")
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


def lossy_gain(rows: Sequence[Row], model: str) -> tuple[float, float]:
    """Bytes of a lossy codec at the middle of what it shares with WebP, and WebP's at that error.

    Raises:
        ValueError: If the results have none of either, or the two reach no error in common.
    """
    ours, theirs = lossy_curve(rows, model), lossy_curve(rows, "WebP")
    shared = [p for p in ours if theirs[-1].mse <= p.mse <= theirs[0].mse]
    if not shared:
        span = f"{theirs[-1].mse:.3g} to {theirs[0].mse:.3g}"
        got = ", ".join(f"{p.mse:.3g}" for p in ours)
        raise ValueError(f"table: expected errors of {model!r} among those of WebP, {span}, got {got}.")
    middle = shared[len(shared) // 2]
    return middle.n_bytes, bytes_at(theirs, middle.mse)


def lossy_savings(rows: Sequence[Row], model: str, rival: str) -> tuple[float, float]:
    """Least and largest share of bytes that a lossy codec saves against another, over its points.

    Raises:
        ValueError: If the results have none of either, or the two reach no error in common.
    """
    saved = _saved(rows, model, rival)
    return min(saved), max(saved)


def less_than_linear(rows: Sequence[Row], model: str) -> float:
    """Share of bytes that a lossy codec saves against principal components, mean over its points.

    Raises:
        ValueError: If the results have none of either, or the two reach no error in common.
    """
    return float(np.mean(_saved(rows, model, "principal components")))


def _saved(rows: Sequence[Row], model: str, rival: str) -> list[float]:
    """The shares saved at the points whose error the rival reaches as well."""
    ours, theirs = (lossy_curve(rows, name) for name in (model, rival))
    saved = [s for s in savings(ours, theirs) if s is not None]
    if not saved:
        got = ", ".join(f"{p.mse:.3g}" for p in ours)
        raise ValueError(f"table: expected errors of {model!r} that {rival} reach, got {got}.")
    return saved

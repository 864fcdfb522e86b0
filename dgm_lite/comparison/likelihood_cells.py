"""The cells of the table on the likelihood: exact, approximate, or none.

That a class has no method proves nothing: a number worked out for a small model counts like any other.
"""

from collections.abc import Mapping, Sequence

from torch import nn

from dgm_lite.claims import Figure, Verdict, verdict
from dgm_lite.comparison import evidence
from dgm_lite.comparison.answers import answers
from dgm_lite.comparison.cells import MET, Cell, chapter_of
from dgm_lite.comparison.competitors import counted, quoted
from dgm_lite.comparison.results import Row, summary
from dgm_lite.protocols import Bound, Density

POINTS = "points of a grid over z, on digits, ten a number"
TOO_MANY = 9  # numbers of z: a thousand million points are more than anybody adds up for each image
KINDS = {"exact": "exact", "approximate": "bound", "no": "none"}  # by the essay's word
DETAIL = {
    "exact": "log_prob is exact: over a small domain the probabilities are added up, and the sum is one.",
    "bound": "elbo lies below log p(x): on small models both are computed and compared.",
    "none": "The mass of all z that give x is p(x). On a grid it can be added up where z has two numbers; "
    "for digits neither a search nor draws find a single such z, so that no value can be given.",
}


def likelihood(rows: Sequence[Row], family: str, word: str) -> Cell:
    """The cell of a family: what its models of digits can say of log p(x), and what small ones can."""
    built = {c.name: c.build() for c in counted("digits", family)}
    kinds = {name: _kind(model) for name, model in built.items()}
    first = quoted("digits", family)
    best = kinds[first.name]
    figures = []
    for name, kind in kinds.items():
        if kind != "none":
            mean, error, n = summary(rows, "digits", name, f"test, {kind}")
            figures.append(f"{name}: {mean:.1f} +- {error:.1f} nats ({kind}, {n} seeds)")
    mean = f"{summary(rows, 'digits', first.name, f'test, {best}')[0]:.1f} nats" if figures else "none"
    mixed = " On pixels, flows of real numbers have a bound only." if len(set(kinds.values())) > 1 else ""
    return {
        "measured": {"exact": mean, "bound": f"at most {mean}", "none": "none found"}[best],
        "interval": "; ".join(figures),
        "how": "8 x 8 digits, public split, chosen on validation, measured once on 447 test digits.",
        "verdict": _verdict(rows, family, word, kinds, built[first.name]),
        "detail": DETAIL[best] + mixed,
        "href": chapter_of(first),
        "serves": best == "exact",
    }


def _kind(model: nn.Module) -> str:
    return "exact" if isinstance(model, Density) else "bound" if isinstance(model, Bound) else "none"


def _verdict(
    rows: Sequence[Row], family: str, word: str, kinds: Mapping[str, str], model: nn.Module
) -> Verdict:
    """Whether small models and models of digits answer as the essay says; else whether those of digits do."""
    shown, own = KINDS[word], quoted("digits", family).name
    small: dict[str, Figure] = {what: (kind == shown, kind) for what, (kind, _) in answers()[family].items()}
    large: dict[str, Figure] = {
        f"{name}, on digits": (kind == shown, kind) for name, kind in kinds.items() if kind != "none"
    }
    where, needed = "on pixels it is one of integers", [f"{own}, on digits"]
    if word != "exact":
        m = model.prior.dim if isinstance(model, Bound) else model.latent_dim
        large[POINTS] = (m >= TOO_MANY, f"10^{m}")
        where = "z is too large for a grid over all of it"
        needed = list(large)
    if word == "approximate":
        where = f"z goes through a network, and {where}"
    if word == "no":
        met, n = evidence.met_exactly(rows, quoted("lossless", family).name)
        large[MET] = (met == 0, f"{met} of {n}")
        needed = list(large)
    return verdict(
        small | large,
        lambda f: all(f.values()),
        only_if=(where, lambda f: all(f[name] for name in needed)),
    )

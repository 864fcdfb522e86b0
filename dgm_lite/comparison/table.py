"""Table 1 of the essay, cell by cell, from the result file of `python -m dgm_lite compare`.

A verdict is computed from the numbers: nowhere does it stand written. Where a cell says "no", what is checked
is that the model object has nothing to answer with.
"""

from collections.abc import Sequence
from statistics import median

from dgm_lite import catalog
from dgm_lite.catalog.families import FAMILIES
from dgm_lite.codecs import autoregressive, bits_back, container, integer_flow, lossy
from dgm_lite.comparison import evidence
from dgm_lite.comparison.results import Row, summary
from dgm_lite.protocols import Bound, Density

ROWS = {"autoregressive": "Autoregressive models", "flow": "Flow-based models",
        "prescribed": "Prescribed models: pPCA, VAE", "implicit": "Implicit models: GAN"}  # fmt: skip
COLUMNS = {"training": "Training", "likelihood": "Likelihood", "sampling": "Sampling",
           "lossy": "Lossy compression", "lossless": "Lossless compression"}  # fmt: skip
CHAPTERS = {"autoregressive": "../autoregressive/causal.html", "flow": "../flows/change-of-variables.html",
            "prescribed": "../latent/vae.html", "implicit": "../adversarial/gan.html"}  # fmt: skip
FILES = "files.html"
SLOW = 10  # so many times the median time of the four families is slow

# Who stands for a family: in the plane, and on the digits.
PLANE = {"autoregressive": ("causal-arm",), "flow": ("realnvp", "integer-flow"),
         "prescribed": ("vae", "gaussian-mixture"),
         "implicit": ("gan, non-saturating", "gan, saturating")}  # fmt: skip
DIGITS = {"autoregressive": ("causal-arm",), "flow": ("integer-flow", "realnvp-digits", "nice-digits"),
          "prescribed": ("vae",), "implicit": ("gan-digits",)}  # fmt: skip
SAMPLERS = {"autoregressive": "causal-arm, cached", "flow": "realnvp-digits", "prescribed": "vae",
            "implicit": "gan-digits"}  # fmt: skip
LARGEST = "an image of 1024 numbers"

EVERY_SAMPLER = (
    "causal-arm, naive",
    "causal-arm, cached",
    "realnvp-digits",
    "integer-flow",
    "vae",
    "gan-digits",
)

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


def _training(rows: Sequence[Row], family: str, word: str) -> Cell:
    runs = {model: evidence.stability(rows, model) for model in PLANE[family]}
    lost, n = sum(r[2] for r in runs.values()), sum(r[3] for r in runs.values())
    model, (mean, spread, *_) = next(iter(runs.items()))
    calmed = evidence.stability(rows, "gan, calmed")
    stable = lost == 0
    sure = f"{evidence.LOST:.0%} of cases"
    detail = f"A forest tells the draws of {lost} of {n} trainings from data in more than {sure}."
    if family == "implicit":
        detail += f" With a short memory, a penalty and averaged weights: {calmed[2]} of {calmed[3]}."
    return {
        "measured": f"{lost} of {n} lost",
        "interval": f"{model}: told {mean:.0%} of the time, with a spread of {spread:.1%} over seeds",
        "how": "Ten seeds each on two moons, the same points and the same number of steps.",
        "verdict": verdict((word == "stable") == stable, family == "implicit" and calmed[2] < lost / 2),
        "detail": detail,
        "href": "../adversarial/gan.html" if family == "implicit" else CHAPTERS[family],
        "serves": stable,
    }


def _likelihood(rows: Sequence[Row], family: str, word: str) -> Cell:
    built = {name: catalog.model(name).build() for name in DIGITS[family]}
    kinds = {
        name: "exact" if isinstance(m, Density) else "bound" if isinstance(m, Bound) else "none"
        for name, m in built.items()
    }
    best = kinds[DIGITS[family][0]]
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
    mean = f"{summary(rows, 'digits', DIGITS[family][0], f'test, {best}')[0]:.1f} nats" if figures else "none"
    return {
        "measured": {"exact": mean, "bound": f"at most {mean}", "none": "none"}[best],
        "interval": "; ".join(figures),
        "how": "8 x 8 digits, public split, chosen on validation, measured once on 447 test digits.",
        "verdict": verdict(best == shown, mixed),
        "detail": detail,
        "href": CHAPTERS[family] if family != "flow" else "../flows/integers.html",
        "serves": best == "exact",
    }


def _sampling(rows: Sequence[Row], family: str, word: str) -> Cell:
    times = {key: summary(rows, "sampling", model, LARGEST)[0] for key, model in SAMPLERS.items()}
    fastest, own = min(times.values()), times[family]
    slow = own > SLOW * median(times.values())
    detail = f"{own / fastest:.0f} times the time of the fastest family." if own > fastest else "The fastest."
    if family == "autoregressive":
        naive = summary(rows, "sampling", "causal-arm, naive", LARGEST)[0]
        detail += f" Without a cache it would be {naive / own:.0f} times that again."
    if family == "flow":
        detail += " Measured are couplings, the fast kind; autoregressive flows, the slow kind, are to come."
    return {
        "measured": f"{_rounded(1 / own)} a second",
        "interval": f"images of 1,024 numbers: {1000 * own:.3g} ms of one core for each",
        "how": "16 images at a time on one thread, the fastest of several rounds; weights don't matter.",
        "verdict": verdict(slow if word == "slow" else not slow, family == "flow"),
        "detail": detail,
        "href": CHAPTERS[family],
        "serves": not slow,
    }


def _rounded(value: float) -> str:
    """Two digits, and thousands by commas."""
    return f"{float(f'{value:.2g}'):,.0f}" if value >= 10 else f"{value:.2g}"


def _codecs(family: str) -> set:
    """The codecs that the family's models of digits have, by asking for one."""
    found = set()
    for name in (*DIGITS[family], *(["transform-coder"] if family == "prescribed" else [])):
        try:
            found.add(container.codec_of(catalog.model(name).build()))
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
    ours, theirs = evidence.lossy_gain(rows)
    shown = {
        "measured": f"{ours / theirs:.0%} of WebP",
        "interval": f"{ours:,.0f} bytes against WebP's {theirs:,.0f} at the same error",
        "detail": "A transform coder, a VAE with a rounded z, against WebP at equal squared error. It needs "
        f"{evidence.less_than_linear(rows):.0%} fewer bytes than rounded principal components.",
    }
    nothing = {"measured": "no codec", "interval": "", "detail": NO_Z.get(family, "")}
    return {
        **(shown if has else nothing),
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
    name = {"autoregressive": "causal-arm", "flow": "integer-flow", "prescribed": "vae"}[family]
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

"""The one Python object behind every live figure."""

import base64
import html
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure as MatplotlibFigure
from torch import Tensor

from dgm_lite import plot
from dgm_lite.extras import extra
from dgm_lite.live import bundle, markup

with extra("live"):
    from jinja2 import UndefinedError

# Defines <dgm-figure> by functions in a module script: no eval and no data: address, for strict hosts' sake.
_LOADER = """<script type="module">
%s
const dgm = (globalThis.dgm ??= shared());
if (!dgm.kinds["%s"]) own(dgm);
dgm.define();
</script>"""
_STORED = re.compile(
    r'<dgm-figure kind="(?P<kind>\w+)"[^>]*>'
    r'<img src="data:image/png;base64,(?P<image>[^"]*)" alt="(?P<alt>[^"]*)"[^>]*>'
    r'<script type="application/json">(?P<data>.*?)</script>',
    re.S,
)


def pack(values: Tensor | np.ndarray | Sequence[float]) -> str:
    """Numbers as base64 of little-endian float32, which ``fig.array`` reads in the browser."""
    array = values.detach().cpu().numpy() if isinstance(values, Tensor) else np.asarray(values)
    return base64.b64encode(np.ascontiguousarray(array, dtype="<f4").tobytes()).decode()


@contextmanager
def still() -> Iterator[None]:
    """The book's style for what is drawn inside; then the former one, and no figure of it is left open."""
    before = plt.get_fignums()
    try:
        with plt.rc_context():
            plot.use_style()
            yield
    finally:
        for number in set(plt.get_fignums()) - set(before):
            plt.close(number)


def png(figure: MatplotlibFigure, *, dpi: int = 150) -> bytes:
    """A matplotlib figure as PNG bytes, free of version and date, so that equal pictures are equal bytes."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi, facecolor="white", metadata={"Software": None})
    return buffer.getvalue()


class LiveFigure:
    """A figure that runs on a static page, in any notebook's output, in slides, and as an image elsewhere.

    Displaying it gives ``text/html`` (the element with the image inside as its fallback, the models, the
    markup and the code), ``image/png`` and ``text/plain``. The same arguments give the same bytes.

    Args:
        kind: Name of the figure in JavaScript, such as "cross".
        spec: Its data: numbers, words, lists, and arrays by ``pack``. Its template sees them too.
        models: Networks that run in the browser, by name, as ``export`` makes them.
        image: The static twin, a PNG.
        alt: What the image shows, in words.
        words: What the template alone uses, by name.

    Raises:
        ValueError: If there is no figure of this kind, or no words for the image.
    """

    def __init__(
        self, kind: str, spec: dict[str, Any], models: Mapping[str, bytes], *, image: bytes, alt: str,
        words: Mapping[str, Any] | None = None,
    ):  # fmt: skip
        known = [path.stem for path in bundle.figures()]
        if kind not in known:
            raise ValueError(f"LiveFigure: expected one of the kinds {', '.join(known)}, got {kind!r}.")
        if not alt.strip():
            raise ValueError("LiveFigure: expected alt text that says what the image shows, got none.")
        self.kind, self.spec, self.models, self.image, self.alt = kind, spec, dict(models), image, alt
        self.words = dict(words or {})
        self.markup = markup.render(kind, {**spec, **self.words})

    def packed(self) -> dict[str, str]:
        """The models as base64, by name."""
        return {name: base64.b64encode(data).decode() for name, data in self.models.items()}

    def html(self) -> str:
        """The element, its image, its data and the loader: all that a page needs, with no other file."""
        everything = {"kind": self.kind, "spec": self.spec, "models": self.packed()}
        if self.words:
            everything["words"] = self.words  # for ``restamp``; the browser has them in the template
        data = json.dumps(everything, separators=(",", ":"))
        data = data.replace("</", r"<\/")  # nothing inside may end the script element
        image = base64.b64encode(self.image).decode()
        return (
            f'<dgm-figure kind="{self.kind}" style="display:block;margin:.5rem 0">'
            f'<img src="data:image/png;base64,{image}" alt="{html.escape(self.alt)}" style="max-width:100%">'
            f'<script type="application/json">{data}</script>'
            f"<template>{self.markup}</template></dgm-figure>\n"
            + _LOADER
            % (bundle.inline(self.kind), self.kind)
        )

    def page(self) -> str:
        """A whole HTML document with this figure alone, to save and open from anywhere."""
        return (
            '<!doctype html><html lang="en"><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width"><title>Live figure</title>'
            f'<body style="max-width:900px;margin:auto;padding:8px">{self.html()}</body></html>'
        )

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        image = base64.b64encode(self.image).decode()
        return {"text/plain": self.alt, "text/html": self.html(), "image/png": image}

    def widget(self) -> Any:
        """The same figure as an anywidget, whose ``value`` follows the reader's choice in a running kernel.

        It needs ``anywidget``. Its state is no part of this object's output, so a notebook
        that shows the figure itself never stores any.
        """
        with extra("live"):
            import anywidget
            import traitlets

        module = bundle.esm([self.kind])

        class LiveWidget(anywidget.AnyWidget):
            """What anywidget shares with the browser."""

            _esm = module
            kind = traitlets.Unicode().tag(sync=True)
            spec = traitlets.Dict().tag(sync=True)
            models = traitlets.Dict().tag(sync=True)
            markup = traitlets.Unicode().tag(sync=True)
            value = traitlets.Any().tag(sync=True)

        return LiveWidget(
            kind=self.kind,
            spec=self.spec,
            models=self.models,
            markup=self.markup,
            value=self.spec.get("start"),
        )


def restamp(stored: str) -> str:
    """A figure's HTML of some time ago, with the present code, markup and styles.

    What was computed stays: the spec, the models, the image and its description. The same figure made again
    from its arguments gives the same bytes.

    Args:
        stored: What ``LiveFigure.html`` gave.

    Raises:
        ValueError: If this is no figure's HTML, its kind is unknown by now, or its template asks for
            something that is not stored.
    """
    found = _STORED.match(stored)
    if found is None:
        raise ValueError(f"restamp: expected the HTML of a live figure, got {stored[:60]!r}.")
    data = json.loads(found["data"])
    models = {name: base64.b64decode(model) for name, model in data["models"].items()}
    try:
        figure = LiveFigure(
            found["kind"], data["spec"], models, image=base64.b64decode(found["image"]),
            alt=html.unescape(found["alt"]), words=data.get("words"),
        )  # fmt: skip
    except UndefinedError as error:
        raise ValueError(
            f"restamp: the template of {found['kind']} asks for more than is stored: {error}."
        ) from error
    return figure.html()

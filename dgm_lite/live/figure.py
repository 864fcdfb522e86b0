"""The one Python object behind every live figure, and the way from a PyTorch module into the browser."""

import base64
import html
import io
import itertools
import json
import logging
import string
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from matplotlib.figure import Figure as MatplotlibFigure
from torch import Tensor, nn

from dgm_lite.live import bundle

if TYPE_CHECKING:
    import onnx

# Defines <dgm-figure>: from the site's own file where there is a site, else from the copy inside the page.
# The copy is a function in a module script: no eval, no data: address, so that strict hosts run it too.
_LOADER = """<script type="module">
if (!customElements.get("dgm-figure")) {
const inline = () => {
%s
return { define };
};
const root = document.documentElement.dataset.content_root;
const site = root !== undefined && location.protocol !== "file:";
const url = site && new URL(root + "_static/dgm/figures.mjs", document.baseURI).href;
(site ? await import(url).catch(inline) : inline()).define();
}
</script>"""


def pack(values: Tensor | np.ndarray | Sequence[float]) -> str:
    """Numbers as base64 of little-endian float32, which ``fig.array`` reads in the browser."""
    array = values.detach().cpu().numpy() if isinstance(values, Tensor) else np.asarray(values)
    return base64.b64encode(np.ascontiguousarray(array, dtype="<f4").tobytes()).decode()


def png(figure: MatplotlibFigure, *, dpi: int = 150) -> bytes:
    """A matplotlib figure as PNG bytes, free of version and date, so that equal pictures are equal bytes."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi, facecolor="white", metadata={"Software": None})
    return buffer.getvalue()


class LiveFigure:
    """A figure that runs on a static page, in any notebook's output, in slides, and as an image elsewhere.

    Displaying it gives ``text/html`` (the element with the image inside as its fallback, the models, and
    the code), ``image/png`` and ``text/plain``. The same arguments give the same bytes.

    Args:
        kind: Name of the figure in JavaScript, such as "cross".
        spec: Its data: numbers, words, lists, and arrays by ``pack``.
        models: Networks that run in the browser, by name, as ``export`` makes them.
        image: The static twin, a PNG.
        alt: What the image shows, in words.

    Raises:
        ValueError: If there is no figure of this kind, or no words for the image.
    """

    def __init__(
        self, kind: str, spec: dict[str, Any], models: Mapping[str, bytes], *, image: bytes, alt: str
    ):  # fmt: skip
        known = [path.stem for path in bundle.figures()]
        if kind not in known:
            raise ValueError(f"LiveFigure: expected one of the kinds {', '.join(known)}, got {kind!r}.")
        if not alt.strip():
            raise ValueError("LiveFigure: expected alt text that says what the image shows, got none.")
        self.kind, self.spec, self.models, self.image, self.alt = kind, spec, dict(models), image, alt

    def html(self) -> str:
        """The element, its image, its data and the loader: all that a page needs, with no other file."""
        models = {name: base64.b64encode(data).decode() for name, data in self.models.items()}
        data = json.dumps({"kind": self.kind, "spec": self.spec, "models": models}, separators=(",", ":"))
        data = data.replace("</", r"<\/")  # nothing inside may end the script element
        image = base64.b64encode(self.image).decode()
        return (
            f'<dgm-figure kind="{self.kind}">'
            f'<img src="data:image/png;base64,{image}" alt="{html.escape(self.alt)}" style="max-width:100%">'
            f'<script type="application/json">{data}</script></dgm-figure>\n' + _LOADER % bundle.body()
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
        import anywidget
        import traitlets

        class LiveWidget(anywidget.AnyWidget):
            _esm = bundle.esm()
            kind = traitlets.Unicode().tag(sync=True)
            spec = traitlets.Dict().tag(sync=True)
            models = traitlets.Dict().tag(sync=True)
            value = traitlets.Any().tag(sync=True)

        return LiveWidget(kind=self.kind, spec=self.spec, models=self.models, value=self.spec.get("start"))


@contextmanager
def evaluating(*modules: nn.Module) -> Iterator[None]:
    """Puts modules in evaluation mode, and each part of them back in the mode it was in."""
    parts = {part: part.training for module in modules for part in module.modules()}
    for module in modules:
        module.eval()
    try:
        yield
    finally:
        for part, was_training in parts.items():
            part.training = was_training


class _Call(nn.Module):
    """A module whose forward is another module's method."""

    def __init__(self, module: nn.Module, method: str):
        super().__init__()
        self.module, self.method = module, method

    def forward(self, *inputs: Tensor) -> Tensor | tuple[Tensor, ...]:
        return getattr(self.module, self.method)(*inputs)


def export(
    module: nn.Module, example: Tensor | tuple[Tensor, ...], names: Sequence[str], *,
    method: str = "forward", half: bool = False,
) -> bytes:  # fmt: skip
    """A module as an ONNX file that the browser's engine runs.

    The first dimension of every input and output is the batch and stays free. The module is
    exported as it is in evaluation mode, and left in the mode it came in.

    Args:
        module: Any nn.Module.
        example: Its inputs, with a batch of two or more: shapes and dtypes count, values don't.
        names: What to call the outputs.
        method: Which method to export.
        half: Store weights as 16-bit floats: half the size, each weight off by up to 0.05 %.

    Returns:
        The file's bytes; equal for equal modules.

    Raises:
        ValueError: If the module can't be traced, or needs an operator that the engine lacks.
    """
    inputs = example if isinstance(example, tuple) else (example,)
    quiet = logging.getLogger("torch.onnx")
    level = quiet.level
    quiet.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), torch.no_grad(), evaluating(module):
            warnings.simplefilter("ignore")
            program = torch.onnx.export(
                _Call(module, method).eval(), inputs, dynamo=True, verbose=False,
                input_names=[f"x{i}" for i in range(len(inputs))], output_names=list(names),
                dynamic_shapes=(tuple({0: torch.export.Dim("batch")} for _ in inputs),),
            )  # fmt: skip
    except Exception as error:
        raise ValueError(f"export: {type(module).__name__}.{method} can't be exported: {error}") from error
    finally:
        quiet.setLevel(level)
    return _tidy(program.model_proto, half)


def _short_names() -> Iterator[str]:
    for size in itertools.count(1):
        yield from ("".join(letters) for letters in itertools.product(string.ascii_lowercase, repeat=size))


def _tidy(model: "onnx.ModelProto", half: bool) -> bytes:
    """Keep what the engine reads: short names, no metadata, and 16-bit weights where asked."""
    import onnx

    graph = model.graph
    if lacking := sorted({node.op_type for node in graph.node} - bundle.supported()):
        raise ValueError(
            f"export: expected operators that the browser's engine knows, got {', '.join(lacking)}. "
            f"It knows {', '.join(sorted(bundle.supported()))}."
        )
    outside = {value.name for value in [*graph.input, *graph.output]}
    short = (name for name in _short_names() if name not in outside)
    names = {"": ""} | {name: name for name in outside}
    casts = []
    for weight in graph.initializer:
        names[weight.name] = next(short)
        array = onnx.numpy_helper.to_array(weight)
        if half and weight.data_type == onnx.TensorProto.FLOAT and array.size > 1:
            wide, names[weight.name] = weight.name, next(short)
            array, stored = array.astype(np.float16), next(short)
            casts.append(onnx.helper.make_node("Cast", [stored], [names[wide]], to=onnx.TensorProto.FLOAT))
            weight.CopyFrom(onnx.numpy_helper.from_array(array, stored))
        else:
            weight.CopyFrom(onnx.numpy_helper.from_array(array, names[weight.name]))
    nodes = []
    for node in graph.node:
        for name in node.output:
            names.setdefault(name, next(short))
        inputs, outputs = [names[n] for n in node.input], [names[n] for n in node.output]
        fresh = onnx.NodeProto(op_type=node.op_type, input=inputs, output=outputs)
        fresh.attribute.extend(node.attribute)
        nodes.append(fresh)
    bare = onnx.helper.make_graph(
        casts + nodes, "g", list(graph.input), list(graph.output), initializer=list(graph.initializer)
    )
    # The attribute and the shape of inputs and outputs may carry the exporter's notes, too.
    for value in [*bare.input, *bare.output]:
        value.ClearField("metadata_props")
    versions = [onnx.helper.make_opsetid(v.domain, v.version) for v in model.opset_import if not v.domain]
    bare_model = onnx.helper.make_model(bare, opset_imports=versions, ir_version=10)
    return bare_model.SerializeToString(deterministic=True)

"""The way from a PyTorch module into the browser: an ONNX file that the engine of live figures runs."""

import contextlib
import itertools
import logging
import string
import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from torch import Tensor, nn

from dgm_lite.extras import extra
from dgm_lite.live import bundle
from dgm_lite.nets import eval_mode

with extra("live"):
    import onnx
    import onnxscript  # noqa: F401  (what torch.onnx exports with)
    from onnx.helper import get_attribute_value, make_graph, make_model, make_node, make_opsetid
    from onnx.numpy_helper import from_array, to_array


@cache
def _made_once(make: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    return make(*args, **kwargs)


def _one_table() -> contextlib.AbstractContextManager:
    """torch makes its table of operators anew for every export, half of the time: here all share one.

    A torch that keeps it elsewhere goes on as it does.
    """
    try:
        from torch.onnx._internal.exporter._registration import ONNXRegistry

        make = partial(_made_once, ONNXRegistry.from_torchlib)
    except (ImportError, AttributeError):
        return contextlib.nullcontext()
    return patch.object(ONNXRegistry, "from_torchlib", make)


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
        half: Store weights as 16-bit floats: half the size, each weight off by at most 0.05 % of the
            greatest in its tensor. A tensor that has no place for that, as beyond 65504, keeps its 32 bits.

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
        with warnings.catch_warnings(), torch.no_grad(), eval_mode(module), _one_table():
            warnings.simplefilter("ignore")
            program = torch.onnx.export(
                _Call(module, method).eval(), inputs, dynamo=True, verbose=False, opset_version=18,
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


def _without_einsum(node: onnx.NodeProto, name: Iterator[str]) -> list[onnx.NodeProto]:
    """An Einsum as broadcast products and a sum: "bd,kd->bk" is the sum over d of x[b, 1, d] * y[1, k, d]."""
    equation = get_attribute_value(node.attribute[0]).decode().replace(" ", "")
    terms, out = equation.split("->")
    letters = out + "".join(sorted(set(terms) - set(out) - {","}))
    nodes, factors = [], []

    def add(op: str, inputs: list[str], axes: Sequence[int] = (), **attributes: Any) -> str:
        """One more node, its axes as a constant input; returns the name of its output."""
        if axes:
            inputs = [*inputs, next(name)]
            nodes.append(make_node("Constant", [], inputs[-1:], value=from_array(np.array(axes, dtype="i8"))))
        nodes.append(make_node(op, inputs, [next(name)], **attributes))
        return nodes[-1].output[0]

    for given, term in zip(node.input, terms.split(","), strict=True):
        if "." in equation or len(set(term)) < len(term):
            raise ValueError(f"export: expected an einsum without dots and diagonals, got {equation!r}.")
        order = sorted(range(len(term)), key=lambda k, term=term: letters.index(term[k]))
        moved = add("Transpose", [given], perm=order)
        absent = [k for k, letter in enumerate(letters) if letter not in term]
        factors.append(add("Unsqueeze", [moved], absent) if absent else moved)
    product = factors[0]
    for factor in factors[1:]:
        product = add("Mul", [product, factor])
    summed = list(range(len(out), len(letters)))
    add("ReduceSum", [product], summed, keepdims=0) if summed else add("Identity", [product])
    nodes[-1].output[0] = node.output[0]
    return nodes


def _fits_half(array: np.ndarray) -> bool:
    """Whether 16 bits round no number by more than they round the greatest one, 2^-11 of it."""
    finite = array[np.isfinite(array)]  # the others stay what they are
    with np.errstate(over="ignore"):
        error = np.abs(finite.astype(np.float16).astype(np.float32) - finite)
    return error.max(initial=0) <= 2**-11 * np.abs(finite).max(initial=0)


def _tidy(model: onnx.ModelProto, half: bool) -> bytes:
    """Keep what the engine reads: constants as weights, short names, no notes, and 16 bits where asked."""
    graph = model.graph
    fresh = (f"einsum {k}" for k in itertools.count())
    nodes = []
    for node in graph.node:
        nodes += _without_einsum(node, fresh) if node.op_type == "Einsum" else [node]
    weights = {weight.name: to_array(weight) for weight in graph.initializer}
    for node in nodes:
        if node.op_type == "Constant":
            value = get_attribute_value(node.attribute[0])
            weights[node.output[0]] = (
                to_array(value) if isinstance(value, onnx.TensorProto) else np.array(value)
            )
    nodes = [node for node in nodes if node.op_type != "Constant"]
    if lacking := sorted({node.op_type for node in nodes} - bundle.supported()):
        raise ValueError(
            f"export: expected operators that the browser's engine knows, got {', '.join(lacking)}. "
            f"It knows {', '.join(sorted(bundle.supported()))}."
        )

    outside = {value.name for value in [*graph.input, *graph.output]}
    short = (name for name in _short_names() if name not in outside)
    names = {"": ""} | {name: name for name in outside}
    stored, bare = [], []
    for name, array in weights.items():
        names[name] = next(short)
        if half and array.dtype == np.float32 and array.size > 1 and _fits_half(array):
            narrow = next(short)
            stored.append(from_array(array.astype(np.float16), narrow))
            bare.append(make_node("Cast", [narrow], [names[name]], to=onnx.TensorProto.FLOAT))
        else:
            stored.append(from_array(array, names[name]))
    for node in nodes:
        for name in node.output:
            names.setdefault(name, next(short))
        inputs, outputs = [names[n] for n in node.input], [names[n] for n in node.output]
        bare.append(onnx.NodeProto(op_type=node.op_type, input=inputs, output=outputs))
        bare[-1].attribute.extend(node.attribute)
    tidy = make_graph(bare, "g", list(graph.input), list(graph.output), initializer=stored)
    for value in [*tidy.input, *tidy.output]:
        value.ClearField("metadata_props")
    version = next(v.version for v in model.opset_import if not v.domain)
    file = make_model(tidy, opset_imports=[make_opsetid("", version)], ir_version=10)
    return file.SerializeToString(deterministic=True)

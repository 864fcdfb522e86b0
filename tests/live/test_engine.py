# ruff: noqa: E501
"""Every operator of the browser's engine against onnxruntime, on random shapes."""

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
import torch.nn.functional as F
from onnx import TensorProto, helper, numpy_helper

from dgm_lite.live import bundle

OPSET = 20


def model(
    op: str, inputs: list[np.ndarray], n_fed: int, n_out: int = 1, opset: int = OPSET, **attributes
) -> bytes:
    """One node. The first n_fed inputs are fed, the others stored in the file."""
    names = [f"i{k}" if x is not None else "" for k, x in enumerate(inputs)]
    node = helper.make_node(op, names, [f"o{k}" for k in range(n_out)], **attributes)
    kinds = {
        "f4": TensorProto.FLOAT,
        "i8": TensorProto.INT64,
        "b1": TensorProto.BOOL,
        "i4": TensorProto.INT32,
    }
    kind = {k: kinds[x.dtype.str[1:]] for k, x in zip(names, inputs, strict=True) if x is not None}
    fed = [
        helper.make_tensor_value_info(k, kind[k], x.shape)
        for k, x in zip(names[:n_fed], inputs, strict=False)
    ]
    stored = [
        numpy_helper.from_array(x, k)
        for k, x in zip(names[n_fed:], inputs[n_fed:], strict=True)
        if x is not None
    ]
    outputs = [onnx.ValueInfoProto(name=f"o{k}") for k in range(n_out)]
    graph = helper.make_graph([node], "g", fed, outputs, stored)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)
    return onnx.shape_inference.infer_shapes(made).SerializeToString()


def reference(file: bytes, feeds: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    return dict(zip([o.name for o in session.get_outputs()], session.run(None, feeds), strict=True))


def f(rng, *shape, low=-2.0, high=2.0) -> np.ndarray:
    return rng.uniform(low, high, shape).astype("f4")


def i(*values) -> np.ndarray:
    return np.array(values, dtype="i8")


def shape(rng, rank: int) -> tuple[int, ...]:
    return tuple(int(n) for n in rng.integers(1, 6, rank))


def pair(rng, low=-2.0, high=2.0):
    """Two arrays that broadcast: some axes of either side are 1, and the second may have fewer."""
    full = shape(rng, 4)
    a = [n if rng.random() < 0.7 else 1 for n in full]
    b = [n if rng.random() < 0.7 else 1 for n in full][rng.integers(0, 4) :]
    return f(rng, *a, low=low, high=high), f(rng, *b, low=low, high=high)


def permutation(rng, rank):
    return [int(k) for k in rng.permutation(rank)]


def some_axes(rng, rank):
    return sorted(int(k) for k in rng.choice(rank, rng.integers(1, rank + 1), replace=False))


def convolution(rng, rank, transpose=False):
    n, c, m = (int(v) for v in rng.integers(1, 7, 3))
    kernel, dilations = [int(v) for v in rng.integers(1, 4, rank)], [int(v) for v in rng.integers(1, 3, rank)]
    strides, pads = [int(v) for v in rng.integers(1, 3, rank)], [int(v) for v in rng.integers(0, 2, 2 * rank)]
    size = [int(v) for v in rng.integers(7, 12, rank)]
    x, w = f(rng, n, c, *size), f(rng, *((c, m) if transpose else (m, c)), *kernel)
    attributes = {"strides": strides, "pads": pads, "dilations": dilations, "kernel_shape": kernel}
    if transpose and rng.random() < 0.5:
        attributes["output_padding"] = [s - 1 for s in strides]
    return [x, w, f(rng, m) if rng.random() < 0.7 else None], 1, 1, attributes


def matmul(rng):
    m, k, n = (int(v) for v in rng.integers(1, 12, 3))
    batch = shape(rng, 2)
    a, b = [d if rng.random() < 0.6 else 1 for d in batch], [d if rng.random() < 0.6 else 1 for d in batch]
    kind = rng.integers(0, 4)
    if kind == 0:
        return [f(rng, *a, m, k), f(rng, *b, k, n)], 2, 1, {}
    if kind == 1:
        return [f(rng, *a, m, k), f(rng, k, n)], 2, 1, {}
    if kind == 2:
        return [f(rng, k), f(rng, *b, k, n)], 2, 1, {}
    return [f(rng, *a, m, k), f(rng, k)], 2, 1, {}


def gemm(rng):
    m, k, n = (int(v) for v in rng.integers(1, 12, 3))
    trans_a, trans_b = int(rng.integers(0, 2)), int(rng.integers(0, 2))
    c = [None, f(rng, n), f(rng, m, 1), f(rng, m, n)][rng.integers(0, 4)]
    inputs = [f(rng, *((k, m) if trans_a else (m, k))), f(rng, *((n, k) if trans_b else (k, n))), c]
    return inputs, 1, 1, {"transA": trans_a, "transB": trans_b, "alpha": 0.7, "beta": 1.3}


def slicing(rng):
    x = f(rng, 5, 6, 7)
    axes = some_axes(rng, 3)
    steps = [int(rng.choice([-2, -1, 1, 2])) for _ in axes]
    ends = [np.iinfo("i8").min if s < 0 else np.iinfo("i8").max for s in steps] if rng.random() < 0.5 else [
        1 if s < 0 else -1 for s in steps
    ]  # fmt: skip
    starts = [-1 if s < 0 else int(rng.integers(0, 3)) for s in steps]
    return (
        [x, i(*starts), i(*ends), i(*(k - 3 if rng.random() < 0.5 else k for k in axes)), i(*steps)],
        1,
        1,
        {},
    )


def padding(rng):
    x, pads = f(rng, 4, 5, 6), i(*(int(v) for v in rng.integers(-1, 3, 6)))
    if rng.random() < 0.5:
        return [x, pads, np.array(0.5, dtype="f4")], 1, 1, {}
    return [x, pads[:2], None, i(-1)], 1, 1, {}


def splitting(rng):
    x = f(rng, 3, 7, 4)
    if rng.random() < 0.5:
        return [x, i(2, 4, 1)], 1, 3, {"axis": 1}
    return [x], 1, 3, {"axis": -2, "num_outputs": 3}


def reduction(rng):
    x, rank = f(rng, *shape(rng, 4)), 4
    axes = i(*(k - rank if rng.random() < 0.3 else k for k in some_axes(rng, rank)))
    return [x, *([axes] if rng.random() < 0.8 else [])], 1, 1, {"keepdims": int(rng.integers(0, 2))}


def gathering(rng):
    x, axis = f(rng, *shape(rng, 3)), int(rng.integers(-3, 3))
    index = rng.integers(-x.shape[axis], x.shape[axis], shape(rng, int(rng.integers(0, 3)))).astype("i8")
    return [x, np.asarray(index, dtype="i8")], 1, 1, {"axis": axis}


def gathering_elements(rng):
    x, axis = f(rng, 4, 5, 6), int(rng.integers(-3, 3))
    size = [3, 4, 2]
    return [x, rng.integers(-x.shape[axis], x.shape[axis], size).astype("i8")], 1, 1, {"axis": axis}


def reshaping(rng):
    a, b, c = shape(rng, 3)
    return [f(rng, a, b, c), [i(-1, c), i(0, -1), i(a * b * c), i(b, 1, -1)][rng.integers(0, 4)]], 1, 1, {}


def unary(low=-3.0, high=3.0, **attributes):
    return lambda rng: ([f(rng, *shape(rng, 3), low=low, high=high)], 1, 1, attributes)


def binary(low=-2.0, high=2.0):
    return lambda rng: ([*pair(rng, low, high)], 2, 1, {})


def integers(rng):
    """Comparisons of numbers that are often equal."""
    a, b = pair(rng)
    return [np.round(a).astype("f4"), np.round(b).astype("f4")], 2, 1, {}


def halves(rng):
    """Numbers of which every other one lies half-way between two integers."""
    return [(rng.integers(-9, 10, shape(rng, 3)) / 2).astype("f4")], 1, 1, {}


def booleans(rng):
    a, b = pair(rng)
    return [a > 0, b > 0], 2, 1, {}


def divisions(rng):
    a, b = pair(rng)
    return [a, (np.sign(b) + 0.5).astype("f4")], 2, 1, {}


def powers(rng):
    a, _ = pair(rng, 0.1, 2)
    return [a, np.array(rng.choice([0.5, 1, 2, 3, -1]), dtype="f4")], 2, 1, {}


CASES = {
    "Add": binary(), "Sub": binary(), "Mul": binary(), "Div": divisions, "Pow": powers,
    "Min": binary(), "Max": binary(), "Equal": integers, "Less": integers, "LessOrEqual": integers,
    "Greater": integers, "GreaterOrEqual": integers, "And": booleans, "Or": booleans,
    "Not": lambda rng: ([f(rng, 3, 4) > 0], 1, 1, {}),
    "Neg": unary(), "Abs": unary(), "Exp": unary(), "Log": unary(0.01, 5), "Sqrt": unary(0, 5), "Reciprocal": unary(0.1, 3),
    "Floor": unary(), "Round": halves, "Sin": unary(), "Cos": unary(), "Erf": unary(), "Relu": unary(), "LeakyRelu": unary(alpha=0.2),
    "Sigmoid": unary(-30, 30), "Tanh": unary(), "Softplus": unary(-60, 60),
    "Softmax": lambda rng: ([f(rng, *shape(rng, 3), low=-90, high=90)], 1, 1, {"axis": int(rng.integers(-3, 3))}),
    "LogSoftmax": lambda rng: ([f(rng, *shape(rng, 3), low=-90, high=90)], 1, 1, {"axis": int(rng.integers(-3, 3))}),
    "ReduceSum": reduction, "ReduceMean": reduction, "ReduceMax": reduction, "ReduceLogSumExp": reduction,
    "MatMul": matmul, "Gemm": gemm,
    "Conv": lambda rng: convolution(rng, int(rng.integers(1, 3))),
    "ConvTranspose": lambda rng: convolution(rng, int(rng.integers(1, 3)), transpose=True),
    "Gather": gathering, "GatherElements": gathering_elements, "Slice": slicing, "Split": splitting, "Pad": padding,
    "Concat": lambda rng: ([f(rng, 2, 3, 4), f(rng, 2, 1, 4), f(rng, 2, 5, 4)], 2, 1, {"axis": int(rng.choice([1, -2]))}),
    "Reshape": reshaping, "Flatten": lambda rng: ([f(rng, *shape(rng, 3))], 1, 1, {"axis": int(rng.integers(0, 4))}),
    "Squeeze": lambda rng: ([f(rng, 3, 1, 4, 1), *([i(-1)] if rng.random() < 0.5 else [])], 1, 1, {}),
    "Unsqueeze": lambda rng: ([f(rng, 3, 4), i(*[(0, -1), (1,), (3, 1)][rng.integers(0, 3)])], 1, 1, {}),
    "Transpose": lambda rng: ([f(rng, *shape(rng, 4))], 1, 1, {"perm": permutation(rng, 4)}),
    "Expand": lambda rng: ([f(rng, 3, 1), i(2, 1, 5)], 1, 1, {}),
    "Where": lambda rng: ([f(rng, 3, 1) > 0, f(rng, 4), f(rng, 2, 3, 4)], 3, 1, {}),
    "Clip": lambda rng: ([f(rng, 3, 4), np.array(-0.5, dtype="f4"), np.array(1, dtype="f4")], 1, 1, {}),
    "Cast": lambda rng: ([f(rng, 3, 4)], 1, 1, {"to": int(rng.choice([TensorProto.INT64, TensorProto.BOOL, TensorProto.FLOAT]))}),
    "Identity": unary(), "Shape": lambda rng: ([f(rng, *shape(rng, 3))], 1, 1, {}),
    "ConstantOfShape": lambda rng: ([i(2, 3)], 1, 1, {"value": numpy_helper.from_array(np.array([1.5], dtype="f4"))}),
}  # fmt: skip


def close(got: dict, wanted: dict, tolerance: float = 2e-5) -> None:
    assert got.keys() == wanted.keys()
    for name in wanted:
        assert got[name].shape == wanted[name].shape
        np.testing.assert_allclose(got[name], wanted[name].astype("f8"), rtol=tolerance, atol=tolerance)


def test_there_is_a_case_for_every_operator(engine_page):
    assert set(engine_page.evaluate("small.operators")) == set(CASES) == bundle.supported()


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("op", CASES)
def test_operator_agrees_with_onnxruntime(engine, op, seed):
    inputs, n_fed, n_out, attributes = CASES[op](np.random.default_rng([seed, *op.encode()]))
    file = model(op, inputs, n_fed, n_out, **attributes)
    feeds = {f"i{k}": x for k, x in enumerate(inputs[:n_fed])}
    close(engine(file, feeds), reference(file, feeds))


ODD = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, -1.0, 2.0, 0.5, -2.5], dtype="f4")
ENTRIES = {
    "Neg": torch.neg, "Abs": torch.abs, "Exp": torch.exp, "Log": torch.log, "Sqrt": torch.sqrt, "Floor": torch.floor,
    "Reciprocal": torch.reciprocal, "Round": torch.round, "Sin": torch.sin, "Cos": torch.cos, "Erf": torch.erf, "Relu": torch.relu,
    "LeakyRelu": lambda x: F.leaky_relu(x, 0.01), "Sigmoid": torch.sigmoid, "Tanh": torch.tanh, "Softplus": F.softplus,
    "Identity": torch.clone,
}  # fmt: skip
PAIRS = {
    "Add": torch.add, "Sub": torch.sub, "Mul": torch.mul, "Div": torch.div, "Pow": torch.pow, "Min": torch.minimum, "Max": torch.maximum,
    "Equal": torch.eq, "Less": torch.lt, "LessOrEqual": torch.le, "Greater": torch.gt, "GreaterOrEqual": torch.ge,
}  # fmt: skip
ROWS = {
    "ReduceSum": lambda x: x.sum(1), "ReduceMean": lambda x: x.mean(1), "ReduceMax": lambda x: x.amax(1),
    "ReduceLogSumExp": lambda x: x.logsumexp(1), "Softmax": lambda x: x.softmax(1), "LogSoftmax": lambda x: x.log_softmax(1),
}  # fmt: skip


@pytest.mark.parametrize("op", [*ENTRIES, *PAIRS, *ROWS])
def test_what_is_no_ordinary_number_comes_out_as_in_torch(engine, op):
    """NaN, infinities and zeros of both signs, with themselves and each other."""
    column, attributes = ODD[:, None], {}
    inputs, wanted = [column], (ENTRIES | PAIRS | ROWS)[op]
    if op in PAIRS:
        inputs = [column, ODD[None]]
    elif op in ROWS:
        inputs = [np.stack([np.repeat(ODD, len(ODD)), np.tile(ODD, len(ODD))], axis=1)]
        attributes = {"keepdims": 0} if op.startswith("Reduce") else {"axis": 1}
    stored = [i(1)] if op.startswith("Reduce") else []
    file = model(op, [*inputs, *stored], len(inputs), **attributes)
    out = engine(file, {f"i{k}": x for k, x in enumerate(inputs)})["o0"]
    wanted = wanted(*map(torch.from_numpy, inputs)).numpy().astype("f8")
    np.testing.assert_allclose(out, wanted, rtol=2e-5, atol=2e-5)


def test_log_sum_exp_does_not_overflow(engine):
    x = np.array([[1000.0, 1001.0], [-1000.0, -1001.0], [-np.inf, -np.inf], [-np.inf, 3.0]], dtype="f4")
    out = engine(model("ReduceLogSumExp", [x, i(1)], 1, keepdims=0), {"i0": x})["o0"]
    np.testing.assert_allclose(out, [1001.3132617, -999.6867383, -np.inf, 3.0], rtol=1e-6)


def test_halves_are_rounded_to_the_even_neighbour_and_nothing_else_is(engine):
    """0.49999997 is the largest float32 below a half: adding a half and cutting would make it 1."""
    x = np.array(
        [0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 0.49999997, -0.50000006, 8388607.5, 1e30, np.inf], dtype="f4"
    )
    out = engine(model("Round", [x], 1), {"i0": x})["o0"]
    np.testing.assert_array_equal(out, [0, 2, 2, 0, -2, -2, 0, -1, 8388608, np.float32(1e30), np.inf])


def test_half_precision_weights(engine):
    w = np.array([[1.5, -2.25, 65504.0], [6e-8, 0.0, -0.0009765625]], dtype="f2")
    nodes = [
        helper.make_node("Cast", ["w"], ["v"], to=TensorProto.FLOAT),
        helper.make_node("Add", ["x", "v"], ["y"]),
    ]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [2, 3])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [2, 3])
    graph = helper.make_graph(nodes, "g", [x], [y], [numpy_helper.from_array(w, "w")])
    file = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=10
    ).SerializeToString()
    feeds = {"x": np.zeros((2, 3), dtype="f4")}
    np.testing.assert_array_equal(engine(file, feeds)["y"], w.astype("f8"))


@pytest.mark.parametrize(
    ("file", "message"),
    [
        (model("HardSwish", [np.zeros((2, 2), dtype="f4")], 1), "unsupported operator HardSwish"),
        (b"\xff\xd8not a model at all", "engine:"),
        (b"", "not an ONNX model"),
        (model("Add", [np.zeros(2, dtype="f4"), np.zeros(3, dtype="f4")], 0), "do not broadcast"),
    ],
)
def test_refusals_name_what_is_wrong(engine_page, file, message):
    code = "(bytes) => { try { new small.Model(Uint8Array.from(bytes)).run({}); return 'ran'; } catch (e) { return e.message; } }"
    assert message in engine_page.evaluate(code, list(file))


def test_a_missing_input_is_named(engine_page):
    file = model("Neg", [np.zeros(2, dtype="f4")], 1)
    code = "(bytes) => { try { new small.Model(Uint8Array.from(bytes)).run({z: 1}); } catch (e) { return e.message; } }"
    assert engine_page.evaluate(code, list(file)) == 'engine: the model needs an input "i0", got z'


def test_results_survive_the_next_run(engine_page):
    """Operators reuse their memory; what run() returned must not change under the caller."""
    file = model("Neg", [np.zeros(2, dtype="f4")], 1)
    code = """(bytes) => { const m = new small.Model(Uint8Array.from(bytes)), x = (v) => ({ i0: { dims: [1], data: [v] } });
      const a = m.run(x(1)).o0, b = m.run(x(2)).o0; return [a.data[0], b.data[0]]; }"""
    assert engine_page.evaluate(code, list(file)) == [-1, -2]


def test_a_model_in_the_middle_of_a_buffer(engine_page):
    """Its floats then lie at addresses that no Float32Array could start at."""
    x = f(np.random.default_rng(1), 2, 3)
    code = """(bytes) => { const buffer = new Uint8Array(bytes.length + 9); buffer.set(bytes, 3);
      return Array.from(new small.Model(buffer.subarray(3, 3 + bytes.length)).run({}).o0.data); }"""
    np.testing.assert_allclose(
        engine_page.evaluate(code, list(model("Add", [x, x], 0))), 2 * x.ravel(), rtol=1e-6
    )

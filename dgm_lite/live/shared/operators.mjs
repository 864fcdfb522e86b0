// The operators of ONNX that the engine runs. Each is called with (attributes, inputs, number of outputs) and
// gives a tensor, or a list of them.
import { concat, constantOf, expand, flattenFrom, gather, gatherElements, pad, reshape } from "./moves.mjs";
import { shapeOf, slice, split, squeeze, unsqueeze, where } from "./moves.mjs";
import { conv, convTranspose, gemm, matMul } from "./products.mjs";
import { axisOf, binary, count, make, reduce, transpose, unary } from "./tensors.mjs";

// ---------------------------------------------------------------- functions of a number

// Abramowitz and Stegun 7.1.26: off by at most 1.5e-7.
function erf(x) {
  const t = 1 / (1 + 0.3275911 * Math.abs(x));
  const tail = -1.453152027 + t * 1.061405429;
  const p = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * tail)));
  return Math.sign(x) * (1 - p * Math.exp(-x * x));
}

// To the nearest integer, and halves to the even one, as ONNX and PyTorch do; Math.round takes them upwards.
function roundEven(x) {
  const rounded = Math.round(x);
  return rounded - x === 0.5 && rounded % 2 ? rounded - 1 : rounded;
}

const sigmoid = (x) => (x >= 0 ? 1 / (1 + Math.exp(-x)) : 1 - 1 / (1 + Math.exp(x)));
const softplus = (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
const power = (x, y) => (x === 1 || (x === -1 && Math.abs(y) === Infinity) ? 1 : y === 2 ? x * x : x ** y);
const leakyRelu = (x, { alpha = 0.01 }) => (x > 0 ? x : alpha * x);

// ---------------------------------------------------------------- functions of a row from `start` on

function total(data, start, n) {
  let result = 0;
  for (let i = start; i < start + n; i++) result += data[i];
  return result;
}

function greatest(data, start, n) {
  let result = -Infinity;
  for (let i = start; i < start + n; i++) result = Math.max(result, data[i]); // NaN, where there is one
  return result;
}

function logSumExp(data, start, n) {
  const most = greatest(data, start, n); // taken out first, so that no exp overflows
  if (!Number.isFinite(most)) return most;
  let result = 0;
  for (let i = start; i < start + n; i++) result += Math.exp(data[i] - most);
  return most + Math.log(result);
}

// finish(log of the softmax) -> what the operator gives
function softmaxOf(finish) {
  return (attributes, [x]) => {
    const axis = axisOf(attributes.axis ?? -1, x.dims.length);
    const y = make(x.dims);
    const n = x.dims[axis];
    const inner = count(x.dims.slice(axis + 1));
    const from = x.data;
    const to = y.data;
    for (let block = 0; block < from.length; block += n * inner) {
      for (let start = block; start < block + inner; start++) {
        const end = start + n * inner;
        let most = -Infinity;
        let weights = 0;
        for (let i = start; i < end; i += inner) if (from[i] > most) most = from[i];
        for (let i = start; i < end; i += inner) weights += Math.exp(from[i] - most);
        const log = most + Math.log(weights);
        for (let i = start; i < end; i += inner) to[i] = finish(from[i] - log);
      }
    }
    return y;
  };
}

// ---------------------------------------------------------------- the table

const fold = (f) => (_, inputs) => inputs.reduce((x, y) => binary(f)(_, [x, y]));

function clipTo(_, [x, low, high]) {
  const least = low?.data[0] ?? -Infinity;
  const most = high?.data[0] ?? Infinity;
  return unary((value) => Math.min(Math.max(value, least), most))(_, [x]);
}

// Floats (1), half floats (10) and doubles (11) stay; booleans (9) are 0 or 1; integers lose their fraction.
function cast({ to }, [x]) {
  if ([1, 10, 11].includes(to)) return x;
  return unary(to === 9 ? (value) => +(value !== 0) : Math.trunc)({}, [x]);
}

export const OPERATORS = {
  Add: binary((x, y) => x + y),
  Sub: binary((x, y) => x - y),
  Mul: binary((x, y) => x * y),
  Div: binary((x, y) => x / y),
  Pow: binary(power),
  Min: fold(Math.min),
  Max: fold(Math.max),
  Equal: binary((x, y) => +(x === y)),
  Less: binary((x, y) => +(x < y)),
  LessOrEqual: binary((x, y) => +(x <= y)),
  Greater: binary((x, y) => +(x > y)),
  GreaterOrEqual: binary((x, y) => +(x >= y)),
  And: binary((x, y) => +(x && y)),
  Or: binary((x, y) => +(x || y)),
  Not: unary((x) => +!x),
  Neg: unary((x) => -x),
  Abs: unary(Math.abs),
  Exp: unary(Math.exp),
  Log: unary(Math.log),
  Sqrt: unary(Math.sqrt),
  Reciprocal: unary((x) => 1 / x),
  Floor: unary(Math.floor),
  Round: unary(roundEven),
  Sin: unary(Math.sin),
  Cos: unary(Math.cos),
  Erf: unary(erf),
  Relu: unary((x) => Math.max(x, 0)),
  LeakyRelu: unary(leakyRelu),
  Sigmoid: unary(sigmoid),
  Tanh: unary(Math.tanh),
  Softplus: unary(softplus),
  Clip: clipTo,
  Cast: cast,
  Softmax: softmaxOf(Math.exp),
  LogSoftmax: softmaxOf((log) => log),
  ReduceSum: reduce(total),
  ReduceMean: reduce((data, start, n) => total(data, start, n) / n),
  ReduceMax: reduce(greatest),
  ReduceLogSumExp: reduce(logSumExp),
  MatMul: matMul,
  Gemm: gemm,
  Conv: conv,
  ConvTranspose: convTranspose,
  Identity: (_, [x]) => x,
  Transpose: ({ perm }, [x]) => transpose(x, perm ?? [...x.dims.keys()].reverse()),
  Gather: gather,
  GatherElements: gatherElements,
  Slice: slice,
  Concat: concat,
  Split: split,
  Pad: pad,
  Reshape: reshape,
  Flatten: flattenFrom,
  Squeeze: squeeze,
  Unsqueeze: unsqueeze,
  Expand: expand,
  Where: where,
  Shape: shapeOf,
  ConstantOfShape: constantOf,
};

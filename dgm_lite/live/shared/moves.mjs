// Operators that move numbers about: they cut, join, stretch and rearrange tensors.
import { axisOf, broadcast, broadcastDims, count, make, rows, strided, stridesOf, view } from "./tensors.mjs";

const axesOf = (given, rank) => [...given.data].map((axis) => axisOf(axis, rank));

// Blocks along an axis: [blocks before it, numbers in one step of it].
const blocks = (dims, axis) => [count(dims.slice(0, axis)), count(dims.slice(axis + 1))];

export function gather(attributes, [x, index]) {
  const axis = axisOf(attributes.axis ?? 0, x.dims.length);
  const [outer, inner] = blocks(x.dims, axis);
  const n = x.dims[axis];
  const y = make([...x.dims.slice(0, axis), ...index.dims, ...x.dims.slice(axis + 1)]);
  let at = 0;
  for (let i = 0; i < outer; i++) {
    for (const k of index.data) {
      const from = (i * n + axisOf(k, n)) * inner;
      y.data.set(x.data.subarray(from, from + inner), at);
      at += inner;
    }
  }
  return y;
}

export function gatherElements(attributes, [x, index]) {
  const axis = axisOf(attributes.axis ?? 0, x.dims.length);
  const y = make(index.dims);
  const own = stridesOf(x.dims);
  const strides = [...own.map((step, k) => (k === axis ? 0 : step)), 0];
  rows([...index.dims, 1], strides, strides, (from, _, at) => {
    y.data[at] = x.data[from + axisOf(index.data[at], x.dims[axis]) * own[axis]];
  });
  return y;
}

export function slice(_, [x, { data: starts }, { data: ends }, axes, steps]) {
  const own = stridesOf(x.dims);
  const dims = [...x.dims];
  const strides = [...own];
  let offset = 0;
  (axes?.data ?? starts.map((_, i) => i)).forEach((given, i) => {
    const axis = axisOf(given, x.dims.length);
    const n = x.dims[axis];
    const step = steps?.data[i] ?? 1;
    const back = step < 0 ? 1 : 0; // backwards, the end may be the place before the first
    const inside = (k) => Math.min(Math.max(k < 0 ? k + n : k, -back), n - back);
    const start = inside(starts[i]);
    dims[axis] = Math.max(0, Math.ceil((inside(ends[i]) - start) / step));
    strides[axis] = own[axis] * step;
    offset += start * own[axis];
  });
  return strided(x, dims, strides, offset);
}

export function concat(attributes, inputs) {
  const dims = [...inputs[0].dims];
  const axis = axisOf(attributes.axis, dims.length);
  dims[axis] = inputs.reduce((total, x) => total + x.dims[axis], 0);
  const y = make(dims);
  const [outer] = blocks(dims, axis);
  let at = 0;
  for (let i = 0; i < outer; i++) {
    for (const x of inputs) {
      const n = x.data.length / outer;
      y.data.set(x.data.subarray(i * n, (i + 1) * n), at);
      at += n;
    }
  }
  return y;
}

export function split(attributes, [x, sizes], parts) {
  const axis = axisOf(attributes.axis ?? 0, x.dims.length);
  const n = x.dims[axis];
  const [outer, inner] = blocks(x.dims, axis);
  const each = Math.ceil(n / parts);
  const equal = Array.from({ length: parts }, (_, i) => Math.min(each, n - i * each));
  const widths = sizes ? [...sizes.data] : equal;
  let begin = 0;
  return widths.map((part) => {
    const y = make(x.dims.map((size, k) => (k === axis ? part : size)));
    const width = part * inner;
    for (let i = 0; i < outer; i++) {
      const from = (i * n + begin) * inner;
      y.data.set(x.data.subarray(from, from + width), i * width);
    }
    begin += part;
    return y;
  });
}

// A negative pad cuts: read a window of x, and write it at an offset.
export function pad({ mode }, [x, pads, value, axes]) {
  if (mode && mode !== "constant") throw new Error(`engine: Pad with mode ${mode} is not supported`);
  const rank = x.dims.length;
  const before = Array(rank).fill(0);
  const after = Array(rank).fill(0);
  const padded = axes ? axesOf(axes, rank) : [...x.dims.keys()];
  padded.forEach((axis, i) => {
    before[axis] = pads.data[i];
    after[axis] = pads.data[i + padded.length];
  });
  const cut = before.map((n) => Math.max(-n, 0));
  const inside = x.dims.map((size, axis) => Math.max(0, size - cut[axis] - Math.max(-after[axis], 0)));
  const y = make(x.dims.map((size, axis) => size + before[axis] + after[axis]));
  const [from, to] = [stridesOf(x.dims), stridesOf(y.dims)];
  const placeOf = (index, strides) => index.reduce((place, k, axis) => place + k * strides[axis], 0);
  const read = placeOf(cut, from);
  const write = placeOf(before.map((n) => Math.max(n, 0)), to);
  const width = inside.at(-1);
  y.data.fill(value?.data[0] ?? 0);
  rows(inside, from, to, (p, q) => y.data.set(x.data.subarray(read + p, read + p + width), write + q));
  return y;
}

export function reshape({ allowzero }, [x, shape]) {
  const dims = [...shape.data].map((size, axis) => (size === 0 && !allowzero ? x.dims[axis] : size));
  const free = dims.indexOf(-1);
  if (free >= 0) dims[free] = x.data.length / -count(dims);
  return view(x, dims);
}

export function squeeze(_, [x, given]) {
  const axes = given && axesOf(given, x.dims.length);
  return view(x, x.dims.filter((size, axis) => (axes ? !axes.includes(axis) : size !== 1)));
}

export function unsqueeze(_, [x, given]) {
  const dims = [...x.dims];
  const axes = axesOf(given, dims.length + given.data.length).sort((a, b) => a - b);
  for (const axis of axes) dims.splice(axis, 0, 1);
  return view(x, dims);
}

export function flattenFrom(attributes, [x]) {
  const axis = axisOf(attributes.axis ?? 1, x.dims.length);
  return view(x, [count(x.dims.slice(0, axis)), count(x.dims.slice(axis))]);
}

export function expand(_, [x, shape]) {
  return broadcast(x, broadcastDims(x.dims, [...shape.data]));
}

export function where(_, [test, x, y]) {
  const dims = broadcastDims(broadcastDims(test.dims, x.dims), y.dims);
  const z = make(dims);
  const [choice, a, b] = [test, x, y].map((tensor) => broadcast(tensor, dims).data);
  for (let i = 0; i < choice.length; i++) z.data[i] = choice[i] ? a[i] : b[i];
  return z;
}

export function shapeOf(_, [x]) {
  const y = make([x.dims.length]);
  y.data.set(x.dims);
  return y;
}

export function constantOf({ value }, [shape]) {
  const y = make([...shape.data]);
  y.data.fill(value?.data[0] ?? 0);
  return y;
}

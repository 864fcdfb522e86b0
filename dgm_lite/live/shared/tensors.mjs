// Shapes, strides, and loops over tensors: what the engine's operators are made of.

export const count = (dims) => dims.reduce((product, size) => product * size, 1);
export const axisOf = (axis, rank) => (axis < 0 ? axis + rank : axis);
export const view = (x, dims) => ({ dims, data: x.data });

export function stridesOf(dims) {
  const strides = Array(dims.length);
  let step = 1;
  for (let axis = dims.length - 1; axis >= 0; axis--) {
    strides[axis] = step;
    step *= dims[axis];
  }
  return strides;
}

// Operators take their memory here. The running node gets back its arrays of the last run, so that a figure
// that is dragged 60 times a second makes no garbage: an array may hold old numbers.
let buffers = [];
let taken = 0;
export function reuse(arrays) {
  buffers = arrays;
  taken = 0;
}
export function make(dims) {
  const n = count(dims);
  if (buffers[taken]?.length !== n) buffers[taken] = new Float32Array(n);
  return { dims, data: buffers[taken++] };
}

// Calls inner(offset a, offset b, position in the result) for each row along the last axis, where one step
// along axis k moves the offsets by stridesA[k] and stridesB[k].
export function rows(dims, stridesA, stridesB, inner) {
  const last = dims.length - 1;
  const index = new Int32Array(dims.length);
  const n = count(dims.slice(0, last));
  const width = dims[last];
  if (!width) return;
  let a = 0;
  let b = 0;
  for (let row = 0; row < n; row++) {
    inner(a, b, row * width);
    for (let axis = last - 1; axis >= 0; axis--) { // as a counter does: carry to the axis before
      a += stridesA[axis];
      b += stridesB[axis];
      if (++index[axis] < dims[axis]) break;
      a -= stridesA[axis] * dims[axis];
      b -= stridesB[axis] * dims[axis];
      index[axis] = 0;
    }
  }
}

// y[i, j, ..] = x[offset + i s_0 + j s_1 + ..]. Transpose, Slice and Expand are this.
export function strided(x, dims, strides, offset = 0) {
  const y = make(dims);
  const from = x.data;
  const to = y.data;
  if (!dims.length) {
    to[0] = from[offset];
    return y;
  }
  const width = dims.at(-1);
  const step = strides.at(-1);
  rows(dims, strides, strides, (a, _, at) => {
    for (let i = 0, p = a + offset; i < width; i++, p += step) to[at + i] = from[p];
  });
  return y;
}

export function transpose(x, order) {
  const strides = stridesOf(x.dims);
  return strided(x, order.map((axis) => x.dims[axis]), order.map((axis) => strides[axis]));
}

export function broadcastDims(a, b) {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, i) => {
    const m = a[a.length - rank + i] ?? 1;
    const n = b[b.length - rank + i] ?? 1;
    if (m !== n && m !== 1 && n !== 1) throw new Error(`engine: shapes [${a}] and [${b}] do not broadcast`);
    return m === 1 ? n : m;
  });
}

// Strides of x seen as a tensor of the larger shape: 0 along the axes that repeat.
export function broadcastStrides(x, dims) {
  const own = stridesOf(x.dims);
  const added = dims.length - x.dims.length;
  return dims.map((_, axis) => (axis < added || x.dims[axis - added] === 1 ? 0 : own[axis - added]));
}

export const broadcast = (x, dims) => strided(x, dims, broadcastStrides(x, dims));

// ---------------------------------------------------------------- operators entry by entry
// An operator is called with (attributes, inputs, number of outputs) and gives a tensor, or a list of them.

// y = f(x, attributes)
export function unary(f) {
  return (attributes, [x]) => {
    const y = make(x.dims);
    const from = x.data;
    const to = y.data;
    for (let i = 0; i < to.length; i++) to[i] = f(from[i], attributes);
    return y;
  };
}

// z = f(x, y), where the smaller one is repeated
export function binary(f) {
  return (_, [x, y]) => {
    const dims = broadcastDims(x.dims, y.dims);
    const z = make(dims);
    const [a, b, c] = [x.data, y.data, z.data];
    const flat = flatten(dims, broadcastStrides(x, dims), broadcastStrides(y, dims));
    const [width, stepX, stepY] = [flat.dims.at(-1), flat.x.at(-1), flat.y.at(-1)];
    rows(flat.dims, flat.x, flat.y, (p, q, at) => {
      for (let i = 0; i < width; i++, p += stepX, q += stepY) c[at + i] = f(a[p], b[q]);
    });
    return z;
  };
}

// Neighbouring axes that both sides walk through without a jump become one long axis.
function flatten(dims, stridesX, stridesY) {
  const flat = { dims: [1], x: [0], y: [0] };
  dims.forEach((size, axis) => {
    const [stepX, stepY] = [stridesX[axis], stridesY[axis]];
    const last = flat.dims.length - 1;
    if (flat.x[last] === stepX * size && flat.y[last] === stepY * size) {
      flat.dims[last] *= size;
      flat.x[last] = stepX;
      flat.y[last] = stepY;
    } else if (size !== 1) {
      flat.dims.push(size);
      flat.x.push(stepX);
      flat.y.push(stepY);
    }
  });
  return flat;
}

// f(data, start, n) -> number, over rows that hold the reduced axes one after another
export function reduce(f) {
  return (attributes, [x, given]) => {
    const all = [...x.dims.keys()];
    const listed = given ? [...given.data] : [];
    if (!listed.length && attributes.noop_with_empty_axes) return x;
    const chosen = listed.map((axis) => axisOf(axis, all.length)).sort((a, b) => a - b);
    const reduced = listed.length ? chosen : all;
    const kept = all.filter((axis) => !reduced.includes(axis));
    const order = [...kept, ...reduced];
    const { data } = order.every((axis, k) => axis === k) ? x : transpose(x, order);
    const n = count(reduced.map((axis) => x.dims[axis]));
    const dims = attributes.keepdims ?? 1
      ? x.dims.map((size, axis) => (reduced.includes(axis) ? 1 : size))
      : kept.map((axis) => x.dims[axis]);
    const y = make(dims);
    for (let i = 0; i < y.data.length; i++) y.data[i] = f(data, i * n, n);
    return y;
  };
}

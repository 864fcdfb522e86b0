// A small ONNX interpreter: reads a model and runs it in float32, one operator after another. It reads what
// export() of export.py writes: operator set 18 or later, with axes and the like as inputs, and raw tensors.
//
// A tensor is {dims, data}: data is a Float32Array in row-major order. Integers and booleans are kept
// as floats too, which is exact up to 2^24: enough for shapes, indices and pixels.

// ---------------------------------------------------------------- reading the file (protobuf)

const text = new TextDecoder();

class Reader {
  constructor(bytes, start = 0, end = bytes.length) {
    Object.assign(this, { bytes, at: start, end });
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }
  varint() {
    let low = 0, high = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.bytes[this.at++], bits = byte & 127;
      if (shift < 28) low |= bits << shift;
      else if (shift === 28) { low |= bits << 28; high |= bits >> 4; }
      else high |= bits << (shift - 32);
      if (byte < 128) return high === 0 && low >= 0 ? low : (high | 0) * 4294967296 + (low >>> 0);
    }
  }
  // A message's values by field number, each a list; a length-delimited value is a Reader.
  fields() {
    const fields = Array.from({ length: 32 }, () => []);
    while (this.at < this.end) {
      const key = this.varint(), kind = key & 7;
      let value;
      if (kind === 0) value = this.varint();
      else if (kind === 1) { value = this.view.getFloat64(this.at, true); this.at += 8; }
      else if (kind === 5) { value = this.view.getFloat32(this.at, true); this.at += 4; }
      else if (kind === 2) { const n = this.varint(); value = new Reader(this.bytes, this.at, this.at + n); this.at += n; }
      else throw new Error("engine: this is not an ONNX file");
      fields[key >> 3]?.push(value);
    }
    return fields;
  }
  toString() { return text.decode(this.bytes.subarray(this.at, this.end)); }
}

// Repeated integers arrive packed (a Reader) or one by one (a number).
function integers(value) {
  if (!(value instanceof Reader)) return value;
  const list = [];
  while (value.at < value.end) list.push(value.varint());
  return list;
}

function float16(h) {
  const sign = h & 0x8000 ? -1 : 1, exponent = (h >> 10) & 31, fraction = h & 1023;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

// ONNX element types -> how to read their raw bytes as float32.
const ELEMENTS = {
  1: (b) => new Float32Array(b), 10: (b) => Float32Array.from(new Uint16Array(b), float16),
  6: (b) => Float32Array.from(new Int32Array(b)), 7: (b) => Float32Array.from(new BigInt64Array(b), Number),
  11: (b) => Float32Array.from(new Float64Array(b)),
  9: (b) => Float32Array.from(new Uint8Array(b)),
};

function readTensor(reader) {
  const { 1: dims, 2: [type], 8: name, 9: [raw] } = reader.fields();
  if (!raw || !ELEMENTS[type]) throw new Error(`engine: tensor "${name}" is of element type ${type}${raw ? "" : " without raw data"}, which is not supported`);
  return { name: String(name), dims: dims.flatMap(integers), data: ELEMENTS[type](raw.bytes.slice(raw.at, raw.end).buffer) };
}

function readAttribute(reader) {
  const { 1: name, 2: [float], 3: [integer], 4: [words], 5: [tensor], 8: list } = reader.fields();
  return [name, float ?? integer ?? words?.toString() ?? (tensor ? readTensor(tensor) : list.flatMap(integers))];
}

function readNode(reader) {
  const { 1: inputs, 2: outputs, 4: op, 5: attributes } = reader.fields();
  return { op: String(op), inputs: inputs.map(String), outputs: outputs.map(String), attributes: Object.fromEntries(attributes.map(readAttribute)), buffers: [] };
}

function readGraph(bytes) {
  const [graph] = new Reader(bytes).fields()[7];
  if (!graph) throw new Error("engine: this is not an ONNX model");
  const { 1: nodes, 5: tensors, 11: inputs, 12: outputs } = graph.fields();
  const constants = tensors.map(readTensor).map((tensor) => [tensor.name, tensor]), names = (list) => list.map((one) => String(one.fields()[1]));
  return { nodes: nodes.map(readNode), constants: new Map(constants), inputs: names(inputs), outputs: names(outputs) };
}

// ---------------------------------------------------------------- shapes and loops

const count = (dims) => dims.reduce((a, b) => a * b, 1);
const axisOf = (axis, rank) => (axis < 0 ? axis + rank : axis);
const view = (x, dims) => ({ dims, data: x.data });

function stridesOf(dims) {
  const strides = Array(dims.length);
  for (let i = dims.length - 1, step = 1; i >= 0; step *= dims[i--]) strides[i] = step;
  return strides;
}

// Operators take their memory here: the running node gets back its arrays of the last run, so that
// a figure that is dragged 60 times a second makes no garbage. The array may hold old numbers.
let running = { buffers: [] }, taken = 0;
function make(dims) {
  const n = count(dims), old = running.buffers[taken];
  const data = old?.length === n ? old : (running.buffers[taken] = new Float32Array(n));
  taken++;
  return { dims, data };
}

// Calls inner(offset a, offset b, position in the result) for each row along the last axis.
function rows(dims, sa, sb, inner) {
  const last = dims.length - 1, index = new Int32Array(dims.length), n = count(dims.slice(0, last)), width = dims[last];
  if (!width) return;
  for (let row = 0, a = 0, b = 0; row < n; row++) {
    inner(a, b, row * width);
    for (let k = last - 1; k >= 0; k--) {
      a += sa[k]; b += sb[k];
      if (++index[k] < dims[k]) break;
      a -= sa[k] * dims[k]; b -= sb[k] * dims[k]; index[k] = 0;
    }
  }
}

// A strided read: y[i, j, ..] = x[offset + i s_0 + j s_1 + ..]. Transpose, Slice and Expand are this.
function strided(x, dims, strides, offset = 0) {
  const y = make(dims), from = x.data, to = y.data;
  if (!dims.length) { to[0] = from[offset]; return y; }
  const last = dims.length - 1, width = dims[last], step = strides[last];
  rows(dims, strides, strides, (a, _, at) => {
    for (let i = 0, p = a + offset; i < width; i++, p += step) to[at + i] = from[p];
  });
  return y;
}

function transpose(x, order) {
  const strides = stridesOf(x.dims);
  return strided(x, order.map((k) => x.dims[k]), order.map((k) => strides[k]));
}

function broadcastDims(a, b) {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, i) => {
    const m = a[a.length - rank + i] ?? 1, n = b[b.length - rank + i] ?? 1;
    if (m !== n && m !== 1 && n !== 1) throw new Error(`engine: shapes [${a}] and [${b}] do not broadcast`);
    return m === 1 ? n : m;
  });
}

// Strides of x seen as a tensor of the larger shape: 0 along the axes that repeat.
function broadcastStrides(x, dims) {
  const own = stridesOf(x.dims), shift = dims.length - x.dims.length;
  return dims.map((_, i) => (i < shift || x.dims[i - shift] === 1 ? 0 : own[i - shift]));
}

function binary(f) {
  return (_, [x, y]) => {
    const dims = broadcastDims(x.dims, y.dims), out = make(dims), a = x.data, b = y.data, c = out.data;
    // Neighbouring axes that both sides walk through without a jump become one long axis.
    const flat = { d: [1], x: [0], y: [0] }, sx = broadcastStrides(x, dims), sy = broadcastStrides(y, dims);
    dims.forEach((d, i) => {
      const k = flat.d.length - 1;
      if (flat.x[k] === sx[i] * d && flat.y[k] === sy[i] * d) { flat.d[k] *= d; flat.x[k] = sx[i]; flat.y[k] = sy[i]; }
      else if (d !== 1) { flat.d.push(d); flat.x.push(sx[i]); flat.y.push(sy[i]); }
    });
    const width = flat.d.at(-1), stepX = flat.x.at(-1), stepY = flat.y.at(-1);
    rows(flat.d, flat.x, flat.y, (p, q, at) => {
      for (let i = 0; i < width; i++, p += stepX, q += stepY) c[at + i] = f(a[p], b[q]);
    });
    return out;
  };
}

function unary(f) {
  return (a, [x]) => {
    const out = make(x.dims), from = x.data, to = out.data;
    for (let i = 0; i < to.length; i++) to[i] = f(from[i], a);
    return out;
  };
}

// f(data, start, n) -> number, over rows that hold the reduced axes one after another.
function reduce(f) {
  return (a, [x, given]) => {
    const rank = x.dims.length, listed = given ? [...given.data] : [];
    if (!listed.length && a.noop_with_empty_axes) return x;
    const axes = new Set(listed.length ? listed.map((k) => axisOf(k, rank)) : x.dims.keys());
    const kept = [...x.dims.keys()].filter((k) => !axes.has(k)), order = [...kept, ...[...axes].sort((p, q) => p - q)];
    const data = (order.every((k, i) => k === i) ? x : transpose(x, order)).data;
    const n = count([...axes].map((k) => x.dims[k]));
    const out = make(a.keepdims ?? 1 ? x.dims.map((d, k) => (axes.has(k) ? 1 : d)) : kept.map((k) => x.dims[k]));
    for (let i = 0; i < out.data.length; i++) out.data[i] = f(data, i * n, n);
    return out;
  };
}

const sum = (data, start, n) => { let s = 0; for (let i = start; i < start + n; i++) s += data[i]; return s; };
const greatest = (data, start, n) => { let m = -Infinity; for (let i = start; i < start + n; i++) if (data[i] > m) m = data[i]; return m; };
function logSumExp(data, start, n) {
  const m = greatest(data, start, n); // taken out first, so that no exp overflows
  if (!Number.isFinite(m)) return m;
  let s = 0;
  for (let i = start; i < start + n; i++) s += Math.exp(data[i] - m);
  return m + Math.log(s);
}

function softmax(finish) {
  return (a, [x]) => {
    const rank = x.dims.length, axis = axisOf(a.axis ?? -1, rank), out = make(x.dims);
    const n = x.dims[axis], inner = count(x.dims.slice(axis + 1)), from = x.data, to = out.data;
    for (let start = 0; start < from.length; start += n * inner) for (let j = start; j < start + inner; j++) {
      let m = -Infinity, s = 0;
      for (let i = 0, p = j; i < n; i++, p += inner) if (from[p] > m) m = from[p];
      for (let i = 0, p = j; i < n; i++, p += inner) s += Math.exp(from[p] - m);
      for (let i = 0, p = j, log = m + Math.log(s); i < n; i++, p += inner) to[p] = finish(from[p] - log);
    }
    return out;
  };
}

// ---------------------------------------------------------------- products

// C = A B with A (M, K), B (K, N), row-major, at the given offsets.
function multiply(A, a0, B, b0, C, c0, M, K, N) {
  // Sizes that came from a file are doubles to the compiler; as integers the inner loop runs twice as fast.
  a0 |= 0; b0 |= 0; c0 |= 0; M |= 0; K |= 0; N |= 0;
  const even = M < 4 ? 0 : N - (N % 2), whole = even ? M - (M % 4) : 0;
  for (let i = 0; i < whole; i += 4) for (let j = 0; j < even; j += 2) tile(A, a0 + i * K, B, b0 + j, C, c0 + i * N + j, K, N);
  if (even < N) for (let i = 0; i < whole; i++) C[c0 + (i + 1) * N - 1] = dot(A, a0 + i * K, 1, B, b0 + N - 1, N, K);
  rowByRow(A, a0 + whole * K, B, b0, C, c0 + whole * N, M - whole, K, N);
}

// Four rows by two columns: eight sums stay in registers. Functions of their own compile better than nested loops.
function tile(A, r0, B, p, C, c, K, N) {
  let s0 = 0, s1 = 0, t0 = 0, t1 = 0, u0 = 0, u1 = 0, v0 = 0, v1 = 0;
  for (let k = 0, r1 = r0 + K, r2 = r1 + K, r3 = r2 + K; k < K; k++, p += N) {
    const x = B[p], y = B[p + 1], s = A[r0 + k], t = A[r1 + k], u = A[r2 + k], v = A[r3 + k];
    s0 += s * x; s1 += s * y; t0 += t * x; t1 += t * y; u0 += u * x; u1 += u * y; v0 += v * x; v1 += v * y;
  }
  C[c] = s0; C[c + 1] = s1; c += N; C[c] = t0; C[c + 1] = t1; c += N; C[c] = u0; C[c + 1] = u1; c += N; C[c] = v0; C[c + 1] = v1;
}

// The last rows, and any vector times a matrix: along the rows of B, which lie together.
function rowByRow(A, a, B, b0, C, c0, M, K, N) {
  C.fill(0, c0, c0 + M * N);
  for (let i = 0; i < M; i++, c0 += N) for (let k = 0, p = b0; k < K; k++, a++) {
    const s = A[a];
    if (s === 0) p += N;
    else for (let c = c0; c < c0 + N; c++, p++) C[c] += s * B[p];
  }
}

function dot(A, a, stepA, B, b, stepB, n) {
  let s = 0;
  for (let k = 0; k < n; k++, a += stepA, b += stepB) s += A[a] * B[b];
  return s;
}

function matMul(_, [x, y]) {
  const left = x.dims.length === 1 ? [1, ...x.dims] : x.dims, right = y.dims.length === 1 ? [...y.dims, 1] : y.dims;
  const [M, K] = left.slice(-2), N = right.at(-1);
  if (right.at(-2) !== K) throw new Error(`engine: MatMul of shapes [${x.dims}] and [${y.dims}]`);
  const batch = broadcastDims(left.slice(0, -2), right.slice(0, -2));
  const out = make([...batch, ...(x.dims.length === 1 ? [] : [M]), ...(y.dims.length === 1 ? [] : [N])]);
  const sa = broadcastStrides({ dims: left.slice(0, -2) }, batch), sb = broadcastStrides({ dims: right.slice(0, -2) }, batch);
  rows([...batch, 1], [...sa, 0], [...sb, 0], (a, b, at) => multiply(x.data, a * M * K, y.data, b * K * N, out.data, at * M * N, M, K, N));
  return out;
}

function gemm(a, [x, y, z]) {
  if (a.transA) x = transpose(x, [1, 0]);
  const [M, K] = x.dims, N = y.dims[a.transB ? 0 : 1], out = make([M, N]), c = out.data;
  if (!a.transB) multiply(x.data, 0, y.data, 0, c, 0, M, K, N);
  else if (M < 4) for (let i = 0; i < M; i++) for (let j = 0; j < N; j++) c[i * N + j] = dot(x.data, i * K, 1, y.data, j * K, 1, K);
  else multiply(x.data, 0, transpose(y, [1, 0]).data, 0, c, 0, M, K, N);
  const alpha = a.alpha ?? 1, beta = a.beta ?? 1;
  const [si, sj] = z ? broadcastStrides(z, [M, N]) : [0, 0];
  for (let i = 0, p = 0; i < M; i++) for (let j = 0; j < N; j++, p++) c[p] = alpha * c[p] + (z ? beta * z.data[i * si + j * sj] : 0);
  return out;
}

// 1-D convolutions are 2-D ones of height 1.
function window2d(x, w, a) {
  const flat = x.dims.length === 3, two = (v, other) => (flat ? [other, v?.[0] ?? other] : v ?? [other, other]);
  if ((a.group ?? 1) !== 1) throw new Error("engine: convolutions in groups are not supported");
  if (a.auto_pad && a.auto_pad !== "NOTSET") throw new Error(`engine: auto_pad ${a.auto_pad} is not supported`);
  const pads = a.pads ?? [0, 0, 0, 0], [top, left, bottom, right] = flat ? [0, pads[0], 0, pads[1]] : pads;
  const [N, C, H, W] = flat ? [x.dims[0], x.dims[1], 1, x.dims[2]] : x.dims;
  const [kh, kw] = flat ? [1, w.dims[2]] : w.dims.slice(2);
  const [sy, sx] = two(a.strides, 1), [dy, dx] = two(a.dilations, 1), [oy, ox] = two(a.output_padding, 0);
  return { flat, N, C, H, W, kh, kw, sy, sx, dy, dx, oy, ox, top, left, bottom, right };
}

// Copies each window's inputs into a column, (C kh kw) x (outputs), so that a convolution is one product.
function columns(x, start, g, oh, ow, to) {
  for (let c = 0, at = 0; c < g.C; c++) for (let u = 0; u < g.kh; u++) for (let v = 0; v < g.kw; v++) for (let i = 0; i < oh; i++) {
    const y = i * g.sy + u * g.dy - g.top, row = start + (c * g.H + y) * g.W;
    if (y < 0 || y >= g.H) { to.fill(0, at, at + ow); at += ow; continue; }
    for (let j = 0, z = v * g.dx - g.left; j < ow; j++, z += g.sx) to[at++] = z >= 0 && z < g.W ? x[row + z] : 0;
  }
}

function addBias(y, b, M, n) {
  if (b) for (let i = 0; i < y.length; i += n) { const s = b.data[(i / n) % M]; for (let j = i; j < i + n; j++) y[j] += s; }
}

function conv(a, [x, w, b]) {
  const g = window2d(x, w, a), M = w.dims[0], K = g.C * g.kh * g.kw;
  const oh = Math.floor((g.H + g.top + g.bottom - g.dy * (g.kh - 1) - 1) / g.sy) + 1;
  const ow = Math.floor((g.W + g.left + g.right - g.dx * (g.kw - 1) - 1) / g.sx) + 1, n = oh * ow;
  const y = make(g.flat ? [g.N, M, ow] : [g.N, M, oh, ow]);
  const plain = g.kh * g.kw * g.sy * g.sx === 1 && n === g.H * g.W, cols = plain ? null : make([K, n]).data;
  for (let i = 0; i < g.N; i++) {
    const start = i * g.C * g.H * g.W;
    if (!plain) columns(x.data, start, g, oh, ow, cols);
    multiply(w.data, 0, plain ? x.data : cols, plain ? start : 0, y.data, i * M * n, M, K, n);
  }
  addBias(y.data, b, M, n);
  return y;
}

// Each input stamps its weighted kernel on the output: the reverse of a convolution's window.
function convTranspose(a, [x, w, b]) {
  const g = window2d(x, w, a), M = w.dims[1];
  const oh = (g.H - 1) * g.sy + g.dy * (g.kh - 1) + 1 + g.oy - g.top - g.bottom;
  const ow = (g.W - 1) * g.sx + g.dx * (g.kw - 1) + 1 + g.ox - g.left - g.right;
  const y = make(g.flat ? [g.N, M, ow] : [g.N, M, oh, ow]), n = g.H * g.W, K = M * g.kh * g.kw;
  const stamps = make([K, n]).data, weights = transpose({ dims: [g.C, K], data: w.data }, [1, 0]).data;
  y.data.fill(0);
  for (let i = 0; i < g.N; i++) {
    multiply(weights, 0, x.data, i * g.C * n, stamps, 0, K, g.C, n);
    for (let m = 0, at = 0; m < M; m++) for (let u = 0; u < g.kh; u++) for (let v = 0; v < g.kw; v++) for (let r = 0; r < g.H; r++) {
      const p = r * g.sy + u * g.dy - g.top, row = ((i * M + m) * oh + p) * ow;
      if (p < 0 || p >= oh) { at += g.W; continue; }
      for (let j = 0, q = v * g.dx - g.left; j < g.W; j++, q += g.sx, at++) if (q >= 0 && q < ow) y.data[row + q] += stamps[at];
    }
  }
  addBias(y.data, b, M, oh * ow);
  return y;
}

// ---------------------------------------------------------------- moving numbers about

// Blocks along an axis: [blocks before it, numbers in one step of it].
const blocks = (dims, axis) => [count(dims.slice(0, axis)), count(dims.slice(axis + 1))];

function gather(a, [x, index]) {
  const axis = axisOf(a.axis ?? 0, x.dims.length), [outer, inner] = blocks(x.dims, axis), n = x.dims[axis];
  const y = make([...x.dims.slice(0, axis), ...index.dims, ...x.dims.slice(axis + 1)]);
  for (let i = 0, at = 0; i < outer; i++) for (const k of index.data) {
    const from = (i * n + axisOf(k, n)) * inner;
    y.data.set(x.data.subarray(from, from + inner), at);
    at += inner;
  }
  return y;
}

function gatherElements(a, [x, index]) {
  const axis = axisOf(a.axis ?? 0, x.dims.length), y = make(index.dims), own = stridesOf(x.dims);
  const strides = own.map((s, k) => (k === axis ? 0 : s));
  rows([...index.dims, 1], [...strides, 0], [...strides, 0], (p, _, at) => {
    y.data[at] = x.data[p + axisOf(index.data[at], x.dims[axis]) * own[axis]];
  });
  return y;
}

function slice(_, [x, { data: from }, { data: to }, axes, steps]) {
  const on = axes ? axes.data : from.map((_, i) => i), by = steps ? steps.data : from.map(() => 1);
  const own = stridesOf(x.dims), dims = [...x.dims], strides = [...own];
  let offset = 0;
  on.forEach((k, i) => {
    const axis = axisOf(k, x.dims.length), n = x.dims[axis], step = by[i], back = step < 0 ? 1 : 0;
    const clip = (v) => Math.min(Math.max(v < 0 ? v + n : v, -back), n - back), first = clip(from[i]), end = clip(to[i]);
    dims[axis] = Math.max(0, Math.ceil((end - first) / step));
    strides[axis] = own[axis] * step;
    offset += first * own[axis];
  });
  return strided(x, dims, strides, offset);
}

function concat(a, inputs) {
  const axis = axisOf(a.axis, inputs[0].dims.length), dims = [...inputs[0].dims];
  dims[axis] = inputs.reduce((s, x) => s + x.dims[axis], 0);
  const y = make(dims), [outer] = blocks(dims, axis);
  for (let i = 0, at = 0; i < outer; i++) for (const x of inputs) {
    const n = x.data.length / outer;
    y.data.set(x.data.subarray(i * n, (i + 1) * n), at);
    at += n;
  }
  return y;
}

function split(a, [x, sizes], parts) {
  const axis = axisOf(a.axis ?? 0, x.dims.length), n = x.dims[axis], [outer, inner] = blocks(x.dims, axis);
  const each = Math.ceil(n / parts);
  const widths = sizes ? [...sizes.data] : Array.from({ length: parts }, (_, i) => Math.min(each, n - i * each));
  let begin = 0;
  return widths.map((part) => {
    const y = make(x.dims.map((d, k) => (k === axis ? part : d))), width = part * inner;
    for (let i = 0; i < outer; i++) { const p = (i * n + begin) * inner; y.data.set(x.data.subarray(p, p + width), i * width); }
    begin += part;
    return y;
  });
}

function pad(a, [x, pads, value, axes]) {
  if (a.mode && a.mode !== "constant") throw new Error(`engine: Pad with mode ${a.mode} is not supported`);
  const rank = x.dims.length, before = Array(rank).fill(0), after = Array(rank).fill(0), given = pads.data;
  const on = axes ? [...axes.data].map((k) => axisOf(k, rank)) : [...x.dims.keys()];
  on.forEach((axis, i) => { before[axis] = given[i]; after[axis] = given[i + on.length]; });
  // A negative pad cuts: read a window of x, write it at an offset.
  const own = stridesOf(x.dims), cut = before.map((b) => Math.max(-b, 0));
  const inside = x.dims.map((d, k) => Math.max(0, d - cut[k] - Math.max(-after[k], 0)));
  const y = make(x.dims.map((d, k) => d + before[k] + after[k])), to = stridesOf(y.dims), width = inside.at(-1);
  const from = cut.reduce((s, c, k) => s + c * own[k], 0), put = before.reduce((s, b, k) => s + Math.max(b, 0) * to[k], 0);
  y.data.fill(value?.data[0] ?? 0);
  rows(inside, own, to, (p, q) => y.data.set(x.data.subarray(from + p, from + p + width), put + q));
  return y;
}

function reshape(a, [x, shape]) {
  const dims = [...shape.data].map((d, i) => (d === 0 && !a.allowzero ? x.dims[i] : d)), free = dims.indexOf(-1);
  if (free >= 0) dims[free] = x.data.length / -count(dims);
  return view(x, dims);
}

function squeeze(_, [x, given]) {
  const axes = given && [...given.data].map((k) => axisOf(k, x.dims.length));
  return view(x, x.dims.filter((d, k) => (axes ? !axes.includes(k) : d !== 1)));
}

function unsqueeze(_, [x, given]) {
  const axes = [...given.data], dims = [...x.dims], rank = dims.length + axes.length;
  axes.map((k) => axisOf(k, rank)).sort((a, b) => a - b).forEach((k) => dims.splice(k, 0, 1));
  return view(x, dims);
}

function where(_, [test, x, y]) {
  const dims = broadcastDims(broadcastDims(test.dims, x.dims), y.dims), out = make(dims);
  const [t, a, b] = [test, x, y].map((v) => strided(v, dims, broadcastStrides(v, dims)).data);
  for (let i = 0; i < t.length; i++) out.data[i] = t[i] ? a[i] : b[i];
  return out;
}

function vector(numbers) {
  const y = make([numbers.length]);
  y.data.set(numbers);
  return y;
}

function constantOf(dims, value) {
  const y = make(dims);
  y.data.fill(value);
  return y;
}

// Abramowitz and Stegun 7.1.26: off by at most 1.5e-7.
function erf(x) {
  const t = 1 / (1 + 0.3275911 * Math.abs(x));
  const p = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
  return Math.sign(x) * (1 - p * Math.exp(-x * x));
}

// To the nearest integer, and halves to the even one, as ONNX and PyTorch do; Math.round takes halves upwards.
const roundEven = (v) => { const r = Math.round(v); return r - v === 0.5 && r % 2 ? r - 1 : r; };
const sigmoid = (v) => (v >= 0 ? 1 / (1 + Math.exp(-v)) : 1 - 1 / (1 + Math.exp(v)));
const fold = (f) => (_, inputs) => inputs.reduce((x, y) => binary(f)(_, [x, y]));

// operator(attributes, inputs, number of outputs) -> a tensor, or a list of them
const OPERATORS = {
  Add: binary((x, y) => x + y), Sub: binary((x, y) => x - y), Mul: binary((x, y) => x * y), Div: binary((x, y) => x / y),
  Pow: binary((x, y) => (y === 2 ? x * x : x ** y)), Min: fold(Math.min), Max: fold(Math.max),
  Equal: binary((x, y) => +(x === y)), Less: binary((x, y) => +(x < y)), LessOrEqual: binary((x, y) => +(x <= y)),
  Greater: binary((x, y) => +(x > y)), GreaterOrEqual: binary((x, y) => +(x >= y)),
  And: binary((x, y) => +(x && y)), Or: binary((x, y) => +(x || y)), Not: unary((v) => +!v),
  Neg: unary((v) => -v), Abs: unary(Math.abs), Exp: unary(Math.exp), Log: unary(Math.log), Sqrt: unary(Math.sqrt),
  Reciprocal: unary((v) => 1 / v), Floor: unary(Math.floor), Round: unary(roundEven), Sin: unary(Math.sin), Cos: unary(Math.cos), Erf: unary(erf),
  Relu: unary((v) => (v > 0 ? v : 0)), LeakyRelu: unary((v, a) => (v > 0 ? v : (a.alpha ?? 0.01) * v)),
  Sigmoid: unary(sigmoid), Tanh: unary(Math.tanh), Softplus: unary((v) => Math.max(v, 0) + Math.log1p(Math.exp(-Math.abs(v)))),
  Softmax: softmax(Math.exp), LogSoftmax: softmax((v) => v),
  ReduceSum: reduce(sum), ReduceMean: reduce((d, i, n) => sum(d, i, n) / n), ReduceMax: reduce(greatest), ReduceLogSumExp: reduce(logSumExp),
  MatMul: matMul, Gemm: gemm, Conv: conv, ConvTranspose: convTranspose,
  Gather: gather, GatherElements: gatherElements, Slice: slice, Concat: concat, Split: split, Pad: pad,
  Reshape: reshape, Squeeze: squeeze, Unsqueeze: unsqueeze, Where: where, Identity: (_, [x]) => x,
  Flatten: (a, [x]) => { const k = axisOf(a.axis ?? 1, x.dims.length); return view(x, [count(x.dims.slice(0, k)), count(x.dims.slice(k))]); },
  Transpose: (a, [x]) => transpose(x, a.perm ?? [...x.dims.keys()].reverse()),
  Expand: (_, [x, shape]) => { const dims = broadcastDims(x.dims, [...shape.data]); return strided(x, dims, broadcastStrides(x, dims)); },
  Shape: (_, [x]) => vector(x.dims), ConstantOfShape: (a, [shape]) => constantOf([...shape.data], a.value?.data[0] ?? 0),
  // Floats (1), half floats (10) and doubles (11) stay; booleans (9) are 0 or 1; integers lose their fraction.
  Cast: (a, [x]) => ([1, 10, 11].includes(a.to) ? x : unary(a.to === 9 ? (v) => +(v !== 0) : Math.trunc)(a, [x])),
  Clip: (_, [x, low, high]) => {
    const lo = low?.data[0] ?? -Infinity, hi = high?.data[0] ?? Infinity;
    return unary((v) => Math.min(Math.max(v, lo), hi))({}, [x]);
  },
};

// ---------------------------------------------------------------- a model

// const model = new Model(bytes); model.run({x: {dims: [1, 2], data: [0.5, -1]}}).log_prob.data[0]
export class Model {
  constructor(bytes) {
    const graph = readGraph(bytes), missing = new Set(graph.nodes.map((n) => n.op).filter((op) => !OPERATORS[op]));
    if (missing.size) throw new Error(`engine: unsupported operator ${[...missing].join(", ")}`);
    this.values = graph.constants;
    this.inputs = graph.inputs.filter((name) => !this.values.has(name));
    this.outputs = graph.outputs;
    // What depends on constants only is computed once, here.
    this.nodes = graph.nodes.filter((node) => {
      if (!node.inputs.every((name) => name === "" || this.values.has(name))) return true;
      this.step(node);
      return false;
    });
  }

  step(node) {
    running = node;
    taken = 0;
    const y = OPERATORS[node.op](node.attributes, node.inputs.map((name) => this.values.get(name)), node.outputs.length);
    [y].flat().forEach((t, i) => this.values.set(node.outputs[i], t));
  }

  run(feeds) {
    for (const name of this.inputs) {
      if (!feeds[name]) throw new Error(`engine: the model needs an input "${name}", got ${Object.keys(feeds)}`);
      this.values.set(name, { dims: feeds[name].dims, data: Float32Array.from(feeds[name].data) });
    }
    for (const node of this.nodes) this.step(node);
    return Object.fromEntries(this.outputs.map((name) => {
      const { dims, data } = this.values.get(name);
      return [name, { dims, data: data.slice() }];
    }));
  }
}

export const operators = Object.keys(OPERATORS);

// Products of matrices, and the convolutions, which are products too.
import { broadcastDims, broadcastStrides, make, rows, transpose } from "./tensors.mjs";

// C = A B with A (M, K), B (K, N), row-major, at the given offsets.
function multiply(A, a, B, b, C, c, M, K, N) {
  // Sizes that came from a file are doubles to the compiler; as integers the inner loop runs twice as fast.
  a |= 0;
  b |= 0;
  c |= 0;
  M |= 0;
  K |= 0;
  N |= 0;
  const even = M < 4 ? 0 : N - (N % 2);
  const whole = even ? M - (M % 4) : 0;
  for (let i = 0; i < whole; i += 4) {
    for (let j = 0; j < even; j += 2) tile(A, a + i * K, B, b + j, C, c + i * N + j, K, N);
  }
  if (even < N) {
    for (let i = 0; i < whole; i++) C[c + (i + 1) * N - 1] = dot(A, a + i * K, 1, B, b + N - 1, N, K);
  }
  rowByRow(A, a + whole * K, B, b, C, c + whole * N, M - whole, K, N);
}

// Four rows of A by two columns of B: the eight sums stay in registers. Functions of their own compile better
// than nested loops.
function tile(A, row0, B, b, C, c, K, N) {
  const row1 = row0 + K;
  const row2 = row1 + K;
  const row3 = row2 + K;
  let s0 = 0, s1 = 0, t0 = 0, t1 = 0, u0 = 0, u1 = 0, v0 = 0, v1 = 0;
  for (let k = 0; k < K; k++, b += N) {
    const left = B[b];
    const right = B[b + 1];
    const s = A[row0 + k];
    const t = A[row1 + k];
    const u = A[row2 + k];
    const v = A[row3 + k];
    s0 += s * left;
    s1 += s * right;
    t0 += t * left;
    t1 += t * right;
    u0 += u * left;
    u1 += u * right;
    v0 += v * left;
    v1 += v * right;
  }
  C[c] = s0;
  C[c + 1] = s1;
  C[c + N] = t0;
  C[c + N + 1] = t1;
  C[c + 2 * N] = u0;
  C[c + 2 * N + 1] = u1;
  C[c + 3 * N] = v0;
  C[c + 3 * N + 1] = v1;
}

// The last rows, and any vector times a matrix: along the rows of B, which lie together.
function rowByRow(A, a, B, b, C, c, M, K, N) {
  C.fill(0, c, c + M * N);
  for (let i = 0; i < M; i++, c += N) {
    for (let k = 0, from = b; k < K; k++, a++, from += N) {
      const weight = A[a];
      if (weight === 0) continue;
      for (let j = 0; j < N; j++) C[c + j] += weight * B[from + j];
    }
  }
}

function dot(A, a, stepA, B, b, stepB, n) {
  let total = 0;
  for (let k = 0; k < n; k++, a += stepA, b += stepB) total += A[a] * B[b];
  return total;
}

export function matMul(_, [x, y]) {
  const left = x.dims.length === 1 ? [1, ...x.dims] : x.dims;
  const right = y.dims.length === 1 ? [...y.dims, 1] : y.dims;
  const [M, K] = left.slice(-2);
  const N = right.at(-1);
  if (right.at(-2) !== K) throw new Error(`engine: MatMul of shapes [${x.dims}] and [${y.dims}]`);
  const [batchX, batchY] = [left.slice(0, -2), right.slice(0, -2)];
  const batch = broadcastDims(batchX, batchY);
  const z = make([...batch, ...(x.dims.length === 1 ? [] : [M]), ...(y.dims.length === 1 ? [] : [N])]);
  const [stridesX, stridesY] = [batchX, batchY].map((dims) => [...broadcastStrides({ dims }, batch), 0]);
  rows([...batch, 1], stridesX, stridesY, (a, b, at) => {
    multiply(x.data, a * M * K, y.data, b * K * N, z.data, at * M * N, M, K, N);
  });
  return z;
}

// alpha x y + beta z, with x and y transposed where the attributes say so
export function gemm({ transA, transB, alpha = 1, beta = 1 }, [x, y, z]) {
  if (transA) x = transpose(x, [1, 0]);
  const [M, K] = x.dims;
  const N = y.dims[transB ? 0 : 1];
  const out = make([M, N]);
  const to = out.data;
  if (transB && M < 4) { // a transpose would take longer than the product
    for (let i = 0; i < M; i++) {
      for (let j = 0; j < N; j++) to[i * N + j] = dot(x.data, i * K, 1, y.data, j * K, 1, K);
    }
  } else {
    multiply(x.data, 0, (transB ? transpose(y, [1, 0]) : y).data, 0, to, 0, M, K, N);
  }
  const [stepI, stepJ] = z ? broadcastStrides(z, [M, N]) : [0, 0];
  for (let i = 0, at = 0; i < M; i++) {
    for (let j = 0; j < N; j++, at++) {
      to[at] = alpha * to[at] + (z ? beta * z.data[i * stepI + j * stepJ] : 0);
    }
  }
  return out;
}

// ---------------------------------------------------------------- convolutions

// What a convolution does, in two letters: kernel k, stride s, dilation d, extra output o, each in y and x.
// 1-D convolutions are 2-D ones of height 1.
function windowOf(x, w, { group = 1, auto_pad: auto, pads = [0, 0, 0, 0], ...attributes }) {
  if (group !== 1) throw new Error("engine: convolutions in groups are not supported");
  if (auto && auto !== "NOTSET") throw new Error(`engine: auto_pad ${auto} is not supported`);
  const flat = x.dims.length === 3;
  const pair = (given, usual) => (flat ? [usual, given?.[0] ?? usual] : given ?? [usual, usual]);
  const [N, C, H, W] = flat ? [x.dims[0], x.dims[1], 1, x.dims[2]] : x.dims;
  const [ky, kx] = flat ? [1, w.dims[2]] : w.dims.slice(2);
  const [top, left, bottom, right] = flat ? [0, pads[0], 0, pads[1]] : pads;
  const [sy, sx] = pair(attributes.strides, 1);
  const [dy, dx] = pair(attributes.dilations, 1);
  const [oy, ox] = pair(attributes.output_padding, 0);
  return { flat, N, C, H, W, ky, kx, sy, sx, dy, dx, oy, ox, top, left, bottom, right };
}

// For each channel, entry (u, v) of the kernel and row of windows: visit(channel, y, x) with the place in the
// picture that the entry covers in the row's first window.
function eachRow({ ky, kx, sy, dy, dx, top, left }, channels, height, visit) {
  for (let channel = 0; channel < channels; channel++) {
    for (let u = 0; u < ky; u++) {
      for (let v = 0; v < kx; v++) {
        for (let i = 0; i < height; i++) visit(channel, i * sy + u * dy - top, v * dx - left);
      }
    }
  }
}

function addBias(y, bias, channels, n) {
  if (!bias) return;
  for (let start = 0; start < y.length; start += n) {
    const added = bias.data[(start / n) % channels];
    for (let i = start; i < start + n; i++) y[i] += added;
  }
}

// Copies each window's inputs into a column, (C ky kx) x (windows), so that a convolution is one product.
function columns(from, start, { sx, H, W, ...rest }, C, height, width, to) {
  let at = 0;
  eachRow(rest, C, height, (channel, y, x) => {
    const row = start + (channel * H + y) * W;
    const inside = y >= 0 && y < H;
    for (let j = 0; j < width; j++, x += sx) to[at++] = inside && x >= 0 && x < W ? from[row + x] : 0;
  });
}

export function conv(attributes, [x, w, bias]) {
  const window = windowOf(x, w, attributes);
  const { flat, N, C, H, W, ky, kx, sy, sx, dy, dx, top, left, bottom, right } = window;
  const M = w.dims[0];
  const K = C * ky * kx;
  const height = Math.floor((H + top + bottom - dy * (ky - 1) - 1) / sy) + 1;
  const width = Math.floor((W + left + right - dx * (kx - 1) - 1) / sx) + 1;
  const n = height * width;
  const y = make(flat ? [N, M, width] : [N, M, height, width]);
  const plain = ky * kx * sy * sx === 1 && n === H * W; // each window is one pixel: x is its own columns
  const copied = plain ? null : make([K, n]).data;
  for (let i = 0; i < N; i++) {
    const start = i * C * H * W;
    if (!plain) columns(x.data, start, window, C, height, width, copied);
    multiply(w.data, 0, plain ? x.data : copied, plain ? start : 0, y.data, i * M * n, M, K, n);
  }
  addBias(y.data, bias, M, n);
  return y;
}

// Each input stamps its weighted kernel on the output: the reverse of a convolution's window.
export function convTranspose(attributes, [x, w, bias]) {
  const window = windowOf(x, w, attributes);
  const { flat, N, C, H, W, ky, kx, sy, sx, dy, dx, oy, ox, top, left, bottom, right } = window;
  const M = w.dims[1];
  const height = (H - 1) * sy + dy * (ky - 1) + 1 + oy - top - bottom;
  const width = (W - 1) * sx + dx * (kx - 1) + 1 + ox - left - right;
  const y = make(flat ? [N, M, width] : [N, M, height, width]);
  const n = H * W;
  const K = M * ky * kx;
  const stamps = make([K, n]).data;
  const weights = transpose({ dims: [C, K], data: w.data }, [1, 0]).data;
  y.data.fill(0);
  for (let i = 0; i < N; i++) {
    multiply(weights, 0, x.data, i * C * n, stamps, 0, K, C, n);
    let at = 0;
    eachRow(window, M, H, (channel, row, column) => {
      const start = ((i * M + channel) * height + row) * width;
      const inside = row >= 0 && row < height;
      for (let j = 0; j < W; j++, at++, column += sx) {
        if (inside && column >= 0 && column < width) y.data[start + column] += stamps[at];
      }
    });
  }
  addBias(y.data, bias, M, height * width);
  return y;
}

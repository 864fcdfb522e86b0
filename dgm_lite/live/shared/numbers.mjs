// Numbers, words, squares of a picture, and colours, as several figures need them.

export const clip = (value, low = 0, high = 1) => Math.min(Math.max(value, low), high);
// The place of a value on an axis where a lies at `from` and b at `to`.
export const scale = (a, b, from, to) => (value) => from + ((value - a) / (b - a)) * (to - from);
export const range = (n, entry = (i) => i) => Array.from({ length: n }, (_, i) => entry(i));
export const sum = (values) => values.reduce((total, value) => total + value, 0);
export const peak = (values) => values.indexOf(Math.max(...values));

export function softmax(logits) {
  const most = Math.max(...logits);
  const weights = Array.from(logits, (logit) => Math.exp(logit - most));
  const total = sum(weights);
  return weights.map((weight) => weight / total);
}

// Linear interpolation between order statistics, as torch.quantile does it.
export function quantile(sorted, q) {
  const at = q * (sorted.length - 1);
  const i = Math.floor(at);
  const next = sorted[i + 1] ?? sorted[i];
  return sorted[i] + (at - i) * (next - sorted[i]);
}

// ---------------------------------------------------------------- in words

export const signed = (value) => String(value).replace("-", "−");
export const fixed = (value, digits = 2) => signed(value.toFixed(digits));

// 0.0317, 12.4, or 1.2 × 10⁻⁷.
export function number(value) {
  const size = Math.abs(value);
  if (value === 0 || (size >= 0.001 && size < 1e4)) return signed(+value.toPrecision(3));
  const [mantissa, exponent] = value.toExponential(1).split("e");
  const raised = [...exponent.replace("+", "")].map((digit) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[digit] ?? "⁻");
  return signed(`${mantissa} × 10${raised.join("")}`);
}

// "lower than 99.8 % of held-out points": never 100 % while one is lower, never 0 % while one is higher.
export function rank(sorted, value, things) {
  const n = sorted.length;
  const lower = sorted.filter((other) => other < value).length;
  if (lower === 0) return `lower than all ${n} ${things}`;
  if (lower === n) return `higher than all ${n} ${things}`;
  return `lower than ${clip(+((100 * (n - lower)) / n).toFixed(1), 0.1, 99.9)} % of ${things}`;
}

// ---------------------------------------------------------------- squares of a picture, in reading order

const slot = (u, n) => clip(Math.floor(u * n), 0, n - 1);
export const squareAt = (n, u, v) => slot(v, n) * n + slot(u, n);
export const place = (n, i) => `row ${Math.floor(i / n) + 1}, column ${(i % n) + 1}`;
export function stepFrom(n, i, right, up) {
  const row = clip(Math.floor(i / n) - up, 0, n - 1);
  const column = clip((i % n) + right, 0, n - 1);
  return row * n + column;
}

// ---------------------------------------------------------------- colours

const known = {};
export const rgb = (hex) => (known[hex] ??= [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16)));
export const mix = (a, b, t) => a.map((value, i) => value + (b[i] - value) * t);
export const css = (colour) => `rgb(${colour.map(Math.round)})`;

// What every live figure shares: the element, its host, theme, pointer and keys, frames, drawing, and small plots.
// Its HTML and most of its words come from Python: figure.html and the template of its kind.
import { Model } from "./engine.mjs";

const SMALL = "12px system-ui, sans-serif";
export const BOLD = `600 ${SMALL}`;

const media = (query) => window.matchMedia?.(query);

// Sphinx's theme, JupyterLab, VS Code and Colab each say in their own way whether the page is dark.
function pageIsDark() {
  const html = document.documentElement, body = document.body;
  if (html.dataset.theme) return html.dataset.theme === "dark";
  if (body.dataset.jpThemeLight) return body.dataset.jpThemeLight === "false";
  if (body.classList.contains("vscode-body")) return !body.classList.contains("vscode-light");
  if (html.hasAttribute("theme")) return html.getAttribute("theme") === "dark";
  return media("(prefers-color-scheme: dark)")?.matches ?? false;
}

const bytesOf = (base64) => Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));

export const kinds = {};
const waiting = {};
// figure("cross", build): build(fig, parts) returns the function that shows the present state.
export function figure(kind, build) {
  kinds[kind] = build;
  for (const start of waiting[kind] ?? []) start();
}

// One figure on the page. `spec` is plain data from Python, `models` maps names to ONNX bytes (base64 or binary).
class Figure {
  constructor(host, { kind, spec, models, markup }) {
    Object.assign(this, { host, kind, spec, models, markup, ready: {}, colours: {}, stats: { frames: [] } });
    host.stats = this.stats;
    // Nothing is built before the figure comes near the window or is touched: until then its still image stands.
    const start = () => { seen?.disconnect(); this.start(); };
    const seen = window.IntersectionObserver && new IntersectionObserver((all) => all.some((e) => e.isIntersecting) && start(), { rootMargin: "300px" });
    seen ? seen.observe(host) : start();
    for (const type of ["pointerdown", "focusin"]) host.addEventListener(type, start, { once: true });
  }

  start() {
    if (this.box) return;
    if (!kinds[this.kind]) { (waiting[this.kind] ??= []).push(() => this.start()); return; } // its code is on the way
    this.shadow = this.host.attachShadow({ mode: "open" });
    this.shadow.innerHTML = this.markup;
    this.box = this.shadow.querySelector(".dgm");
    this.parts = Object.fromEntries(this.all("[data-p]").map((e) => [e.dataset.p, e]));
    this.guard(() => {
      this.followTheme();
      this.show = kinds[this.kind](this, this.parts);
      this.host.setAttribute("live", ""); // hides the still image
      this.show();
    });
  }

  // An error is told in the figure, and the still image comes back.
  guard(run) {
    try { run(); } catch (error) {
      console.error(error);
      this.host.removeAttribute("live");
      this.box.innerHTML = '<p role="alert"></p>';
      this.box.firstChild.textContent = `This live figure stopped: ${error.message}.`;
      this.show = null;
    }
  }

  followTheme() {
    const apply = () => {
      this.box.classList.toggle("dark", pageIsDark());
      const style = getComputedStyle(this.box);
      for (const name of ["paper", "ink", "muted", "line", "soft", "orange", "blue", "accent", "bad"]) this.colours[name] = style.getPropertyValue("--" + name).trim();
      this.dark = pageIsDark();
      this.colours.page = this.colours[this.dark ? "soft" : "paper"]; // behind the ink of a picture
      this.onTheme?.();
      this.redraw();
    };
    new MutationObserver(apply).observe(document.documentElement, { attributeFilter: ["data-theme", "theme"] });
    new MutationObserver(apply).observe(document.body, { attributeFilter: ["data-jp-theme-light", "class"] });
    media("(prefers-color-scheme: dark)")?.addEventListener("change", apply);
    apply();
  }

  // Many events between two frames make one redraw.
  redraw() {
    if (this.frame || !this.show) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      const began = performance.now();
      if (this.show) this.guard(this.show);
      this.stats.frames.push(performance.now() - began);
      if (this.stats.frames.length > 600) this.stats.frames.shift();
    });
  }

  // Work that the first answer need not wait for.
  later(work) { setTimeout(() => { if (this.show) this.guard(work); this.stats.settled = true; this.redraw(); }); }

  // The reader chose this: a kernel is told, if there is one.
  chose(value) {
    this.host.dispatchEvent(new CustomEvent("dgm-change", { detail: value }));
    this.redraw();
  }

  // Runs a model on one batch: fig.run("density", [1, 2], [x0, x1]) -> {output name: Float32Array}.
  run(name, dims, data) {
    const bytes = this.models[name], model = (this.ready[name] ??= new Model(bytes.trim ? bytesOf(bytes) : bytes));
    const out = model.run({ [model.inputs[0]]: { dims, data } });
    return Object.fromEntries(Object.entries(out).map(([key, tensor]) => [key, tensor.data]));
  }

  // Numbers that Python packed as base64 float32; and those of several entries of the spec.
  array(packed) { return new Float32Array(bytesOf(packed).buffer); }
  arrays(...names) { return names.map((name) => this.array(this.spec[name])); }

  all(selector) { return [...this.shadow.querySelectorAll(selector)]; }

  // The words of parts, by their names.
  write(words) { for (const name in words) this.parts[name].textContent = words[name]; }

  // Speaks to screen readers, once things have come to rest; first of the place, where the figure has the focus.
  say(words, place = "") {
    clearTimeout(this.saying);
    this.saying = setTimeout(() => { this.box.lastElementChild.textContent = (document.activeElement === this.host ? place : "") + words; }, 700);
  }

  // A pixel's colour: 0 is the page, 1 is ink.
  tone(t) { return mix(rgb(this.colours.page), rgb(this.colours.ink), t); }
}

// A canvas that follows its width and the screen's resolution. All lengths are CSS pixels.
export class Plot {
  constructor(fig, element, ratio = 1) {
    Object.assign(this, { fig, element, ratio, c: element.getContext("2d") });
    element.style.aspectRatio = `1 / ${ratio}`;
    new ResizeObserver(() => fig.redraw()).observe(element);
  }
  // draw(width, height, context), on a clean canvas
  paint(draw) {
    const { element, c } = this, width = (this.width = element.clientWidth || 300), height = width * this.ratio, scale = Math.min(devicePixelRatio || 1, 3);
    const w = Math.round(width * scale), h = Math.round(height * scale);
    if (element.width !== w || element.height !== h) { element.width = w; element.height = h; }
    c.setTransform(scale, 0, 0, scale, 0, 0);
    c.clearRect(0, 0, width, height);
    c.lineJoin = "round";
    draw(width, height, c);
  }

  rect(x, y, w, h, colour) {
    this.c.fillStyle = colour;
    this.c.fillRect(x, y, w, h);
  }
  frame(x, y, w, h, colour, width = 1) {
    this.pen(colour, width);
    this.c.strokeRect(x, y, w, h);
  }
  dot(x, y, r, colour) {
    this.c.beginPath();
    this.c.arc(x, y, r, 0, 7);
    this.c.fillStyle = colour;
    this.c.fill();
  }
  pen(colour, width = 1, dash = []) {
    Object.assign(this.c, { strokeStyle: colour, lineWidth: width });
    this.c.setLineDash(dash);
  }
  // The path through points, each [x, y].
  path(points) {
    this.c.beginPath();
    for (const [x, y] of points) this.c.lineTo(x, y);
  }
  line(points, ...pen) {
    this.path(points);
    this.pen(...pen);
    this.c.stroke();
  }
  area(points, colour) {
    this.path(points);
    this.c.fillStyle = colour;
    this.c.fill();
  }
  cross(x, y, colour, width) {
    for (const [a, b] of [[10, 0], [0, 10]]) this.line([[x - a, y - b], [x + a, y + b]], colour, width);
  }
  text(words, x, y, colour, align = "center", font = SMALL, most) {
    Object.assign(this.c, { fillStyle: colour, textAlign: align, font });
    this.c.fillText(words, x, y, most);
  }
  // n x n colours as crisp squares: colour(i) -> [r, g, b] of square i, row by row from the top.
  image(n, colour, x = 0, y = 0, size = this.width) {
    this.c.imageSmoothingEnabled = false;
    this.c.drawImage(fieldImage(n, colour), x, y, size, size);
  }
  middle(n, i) { return [i % n, Math.floor(i / n)].map((k) => ((k + 0.5) * this.width) / n); }
  // Frames square i of n x n; `inset` is the distance of the line from its edge.
  mark(n, i, colour, width, inset = width / 2) {
    const half = this.width / n / 2 - inset, [x, y] = this.middle(n, i);
    this.frame(x - half, y - half, 2 * half, 2 * half, colour, width);
  }

  // onMove(u, v, "down" | "move"): the pointer in [0, 1] x [0, 1] from the top left, while it is pressed.
  pointer(onMove) {
    const { element } = this;
    const tell = (event, phase) => {
      const r = element.getBoundingClientRect();
      onMove(clip((event.clientX - r.left) / r.width), clip((event.clientY - r.top) / r.height), phase);
    };
    element.addEventListener("pointerdown", (e) => {
      if (e.button) return;
      element.setPointerCapture(e.pointerId);
      tell(e, "down");
    });
    element.addEventListener("pointermove", (e) => {
      if (!element.hasPointerCapture(e.pointerId)) return;
      const all = e.getCoalescedEvents?.() ?? []; // every place on the way, where the browser tells
      for (const one of all.length ? all : [e]) tell(one, "move");
    });
    return this;
  }
  // onStep(dx, dy, shift) for the arrow keys; onKey(key) -> true if it used another key.
  keys(onStep, onKey = () => false) {
    this.element.onkeydown = (e) => {
      if (e.ctrlKey || e.metaKey || e.altKey) return;
      const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[e.key];
      if (step) onStep(...step, e.shiftKey);
      if (step || onKey(e.key)) e.preventDefault();
    };
    this.element.onfocus = this.element.onblur = () => this.fig.redraw();
    return this;
  }
  get focused() { return this.fig.shadow.activeElement === this.element; }
}

// ---------------------------------------------------------------- numbers and words

export const clip = (v, low = 0, high = 1) => Math.min(Math.max(v, low), high);
// v => the place of v when a lies at `from` and b at `to`.
export const scale = (a, b, from, to) => (v) => from + ((v - a) / (b - a)) * (to - from);
export const range = (n, f = (i) => i) => Array.from({ length: n }, (_, i) => f(i));
export const sum = (values) => values.reduce((a, b) => a + b, 0);
export const peak = (values) => values.indexOf(Math.max(...values));

export const signed = (v) => String(v).replace("-", "−");
export const fixed = (v, digits = 2) => signed(v.toFixed(digits));
// 0.0317, 12.4, or 1.2 × 10⁻⁷.
export function number(v) {
  if (v === 0 || (Math.abs(v) >= 0.001 && Math.abs(v) < 1e4)) return signed(+v.toPrecision(3));
  const [m, e] = v.toExponential(1).split("e");
  return signed(`${m} × 10${[...e.replace("+", "")].map((d) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[d] ?? "⁻").join("")}`);
}

// Squares of an n x n picture, in reading order: under the pointer, a step away, and in words.
const slot = (u, n) => clip(Math.floor(u * n), 0, n - 1);
export const squareAt = (n, u, v) => slot(v, n) * n + slot(u, n);
export const stepFrom = (n, i, dx, dy) => clip(Math.floor(i / n) - dy, 0, n - 1) * n + clip((i % n) + dx, 0, n - 1);
export const place = (n, i) => `row ${Math.floor(i / n) + 1}, column ${(i % n) + 1}`;

// Linear interpolation between order statistics, as torch.quantile does it.
export function quantile(sorted, q) {
  const at = q * (sorted.length - 1), i = Math.floor(at), next = sorted[i + 1] ?? sorted[i];
  return sorted[i] + (at - i) * (next - sorted[i]);
}
// "lower than 99.8 % of held-out points": never 100 % while one is lower, never 0 % while one is higher.
export function rank(sorted, v, things) {
  const n = sorted.length, k = sorted.filter((other) => other < v).length;
  if (k === 0) return `lower than all ${n} ${things}`;
  if (k === n) return `higher than all ${n} ${things}`;
  return `lower than ${clip(+((100 * (n - k)) / n).toFixed(1), 0.1, 99.9)} % of ${things}`;
}

export function softmax(logits) {
  const m = Math.max(...logits), e = Array.from(logits, (v) => Math.exp(v - m)), s = sum(e);
  return e.map((v) => v / s);
}

// ---------------------------------------------------------------- colours and small plots

const known = {};
export const rgb = (hex) => (known[hex] ??= [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16)));
export const mix = (a, b, t) => a.map((v, i) => v + (b[i] - v) * t);
export const css = (colour) => `rgb(${colour.map(Math.round)})`;

// The step between marks of an axis of this length with at most so many.
export const tick = (length, most) => [1, 2, 5, 10, 20, 50, 100, 200, 500].find((s) => length / s <= most) ?? 1000;

// The histogram of held-out log p(x), with a mark at `value` and, where given, a limit below which is refused.
export function histogram(fig, element, sorted, low = Math.min(sorted[0], sorted.at(-1) - 2.2 * (sorted.at(-1) - quantile(sorted, 0.01)))) {
  const bins = 48, plot = new Plot(fig, element, 0.36), high = sorted.at(-1), right = high + 0.12 * (high - low), counts = Array(bins).fill(0);
  for (const v of sorted) counts[clip(Math.floor(scale(low, right, 0, bins)(v)), 0, bins - 1)]++;
  const top = Math.max(...counts);
  return (value, limit = low) => plot.paint((w, h) => {
    const { ink, muted, line, bad } = fig.colours, foot = h - 19, x = scale(low, right, 8, w - 8), step = tick(right - low, Math.min(w / 46, 9)), wide = (w - 16) / bins;
    counts.forEach((n, i) => {
      const tall = Math.max(1.5, (n / top) * (foot - 22));
      if (n) plot.rect(8 + i * wide, foot - tall, wide - 0.6, tall, (x(limit) > 8 + (i + 0.5) * wide ? bad : muted) + "99");
    });
    plot.rect(0, foot, w, 1, line);
    for (let t = Math.ceil(low / step) * step; t <= right; t += step) if (x(t) > 18 && x(t) < w - 18) plot.text(signed(t), x(t), h - 5, muted);
    if (limit > low) for (let y = 16; y < foot; y += 6) plot.rect(x(limit) - 0.75, y, 1.5, 3.5, bad);
    // The mark; off the scale it becomes an arrow at the edge.
    const off = value < low ? -1 : value > right ? 1 : 0, at = off ? (off < 0 ? 3 : w - 3) : x(value);
    if (off) plot.area([[at, foot - 10], [at - 9 * off, foot - 16], [at - 9 * off, foot - 4]], ink);
    else plot.rect(at - 1, 15, 2, foot - 15, ink);
    plot.text(`${fixed(value, 1)} nats`, at, off ? foot - 22 : 11, ink, at < 40 ? "left" : at > w - 40 ? "right" : "center", BOLD);
  });
}

// One bar for each label, the tallest in colour.
export function bars(fig, element, labels) {
  const plot = new Plot(fig, element, 0.3);
  return (values) => plot.paint((w, h) => {
    const { accent, muted, ink } = fig.colours, wide = w / labels.length, foot = h - 18, best = peak(values);
    labels.forEach((label, k) => {
      const tall = Math.max(1, values[k] * (foot - 4));
      plot.rect((k + 0.16) * wide, foot - tall, 0.68 * wide, tall, k === best ? accent : muted);
      plot.text(label, (k + 0.5) * wide, h - 3, ink, "center", "13px system-ui, sans-serif");
    });
  });
}

// An n x n grid of colours as an image: colour(i) -> [r, g, b] of node i, row by row from the top.
export function fieldImage(n, colour) {
  const canvas = document.createElement("canvas"), c = canvas.getContext("2d"), image = c.createImageData(n, n);
  canvas.width = canvas.height = n;
  for (let i = 0; i < n * n; i++) image.data.set([...colour(i), 255], 4 * i);
  c.putImageData(image, 0, 0);
  return canvas;
}

// ---------------------------------------------------------------- hosts

// A static page or any notebook's HTML output: <dgm-figure><img alt><script type="application/json">…<template>…
// On a site, load(kind) fetches the code of a kind when the first figure of that kind appears.
export function define(load) {
  if (customElements.get("dgm-figure")) return;
  customElements.define("dgm-figure", class extends HTMLElement {
    connectedCallback() {
      if (this.figure) return;
      const template = this.querySelector("template"); // comes last
      if (template) {
        const data = JSON.parse(this.querySelector('script[type="application/json"]').textContent);
        this.figure = new Figure(this, { ...data, markup: template.innerHTML });
        if (!kinds[data.kind]) load?.(data.kind);
      }
      else if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", () => this.connectedCallback(), { once: true });
    }
  });
}

// anywidget: the same figure in a notebook with a kernel, which gets the reader's choice back as `value`.
export function render({ model, el }) {
  const host = document.createElement("div"), models = {};
  for (const [name, bytes] of Object.entries(model.get("models"))) models[name] = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength).slice();
  host.addEventListener("dgm-change", (e) => { model.set("value", e.detail); model.save_changes(); });
  el.append(host);
  new Figure(host, { kind: model.get("kind"), spec: model.get("spec"), markup: model.get("markup"), models });
}

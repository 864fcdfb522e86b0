// What every live figure shares: the element, its host, theme, pointer and keys, frames, and small plots.
import { Model } from "./engine.mjs";

const CSS = `
:host{display:block;margin:.5rem 0;max-width:100%}
.dgm{--paper:#ffffff;--ink:#1d2433;--muted:#5b6475;--line:#d5dae3;--soft:#f2f4f8;--orange:#e07b00;--blue:#2166ac;--orange-ink:#9a4f00;--blue-ink:#1d5a99;--accent:#1d5a99;--bad:#b3261e;
 box-sizing:border-box;background:var(--paper);color:var(--ink);border:1px solid var(--line);border-radius:10px;padding:14px;max-width:100%;font:15px/1.45 system-ui,-apple-system,"Segoe UI",sans-serif;text-align:left}
.dgm.dark{--paper:#171c24;--ink:#e6e9ef;--muted:#a3acbb;--line:#3a4352;--soft:#222934;--orange:#f59a36;--blue:#5aa9f0;--orange-ink:#ffb866;--blue-ink:#8cc4fb;--accent:#8cc4fb;--bad:#ff9c94}
.dgm *{box-sizing:border-box}[hidden]{display:none!important}
.cols{display:flex;flex-wrap:wrap;gap:14px 22px}.cols>*{flex:1 1 260px;min-width:0}.cols>.wide{flex:1 1 320px;max-width:440px}
canvas{display:block;width:100%;border-radius:6px}canvas[tabindex]{touch-action:none;cursor:crosshair}
:focus-visible{outline:3px solid var(--accent);outline-offset:2px}
.row{display:flex;flex-wrap:wrap;gap:6px 10px;align-items:center;margin:0 0 8px}
.seg,fieldset{display:flex;flex-wrap:wrap;border:0;margin:0 0 10px;padding:0;gap:6px;min-width:0}
.seg label,button{font:inherit;color:var(--ink);background:var(--soft);border:1px solid var(--line);border-radius:6px;padding:4px 11px;min-height:32px;cursor:pointer;margin:0}
.seg label:has(:checked){background:var(--accent);color:var(--paper);border-color:var(--accent)}.seg label:has(:focus-visible){outline:3px solid var(--accent);outline-offset:2px}
.seg input{position:absolute;opacity:0;width:1px;height:1px;margin:0}
button:hover,.seg label:hover{border-color:var(--accent)}
.num{font-variant-numeric:tabular-nums;white-space:nowrap}.muted{color:var(--muted)}.small{font-size:13px}
p.head{margin:12px 0 3px}p.head:first-child{margin-top:0}strong{font-weight:600}p{margin:0 0 4px}
.split{display:flex;height:14px;border-radius:7px;overflow:hidden;background:var(--soft)}.split i{display:block;height:100%}
.verdict{border-left:4px solid var(--line);padding:2px 0 2px 10px;margin:6px 0}
input[type=range]{width:100%;margin:4px 0;accent-color:var(--accent)}
.orange{color:var(--orange-ink)}.blue{color:var(--blue-ink)}.bad,[role=alert]{color:var(--bad)}
.hide{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
@media (max-width:480px){.dgm{padding:10px}}
@media (prefers-reduced-motion:no-preference){.ease{transition:width .12s linear}}
slot{display:none}:host(:not([live])) slot{display:block}
@media print{.dgm{display:none}slot{display:block!important}}`;

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

const decode = (base64) => Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));

export const kinds = {};
const waiting = {};
// figure("cross", build): build(fig) fills fig.box and returns the function that shows the present state.
export function figure(kind, build) {
  kinds[kind] = build;
  for (const start of waiting[kind] ?? []) start();
}

// One figure on the page. `spec` is plain data from Python, `models` maps names to ONNX bytes (base64 or binary).
class Figure {
  constructor(host, { kind, spec, models }) {
    Object.assign(this, { host, kind, spec, models, ready: {}, colours: {}, stats: { frames: [] } });
    host.stats = this.stats;
    this.shadow = host.shadowRoot ?? host.attachShadow({ mode: "open" });
    this.shadow.innerHTML = `<style>${CSS}</style><slot></slot>`;
    this.waitUntilSeen();
  }

  // Nothing is built before the figure comes near the window or is touched: until then its still image stands.
  waitUntilSeen() {
    const start = () => { seen?.disconnect(); this.start(); };
    const seen = window.IntersectionObserver && new IntersectionObserver((all) => all.some((e) => e.isIntersecting) && start(), { rootMargin: "300px" });
    seen ? seen.observe(this.host) : start();
    for (const type of ["pointerdown", "focusin"]) this.host.addEventListener(type, start, { once: true });
  }

  start() {
    if (this.box) return;
    if (!kinds[this.kind]) { (waiting[this.kind] ??= []).push(() => this.start()); return; } // its code is on the way
    this.box = document.createElement("div");
    this.box.className = "dgm";
    this.guard(() => {
      this.shadow.append(this.box);
      this.followTheme();
      this.show = kinds[this.kind](this);
      this.status = document.createElement("div");
      this.status.className = "hide";
      this.status.setAttribute("role", "status");
      this.box.append(this.status);
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

  // Runs a model on one batch: fig.run("density", [1, 2], [x0, x1]) -> {output name: Float32Array}.
  run(name, dims, data) {
    const model = (this.ready[name] ??= new Model(typeof this.models[name] === "string" ? decode(this.models[name]) : this.models[name]));
    const out = model.run({ [model.inputs[0]]: { dims, data } });
    return Object.fromEntries(Object.entries(out).map(([key, tensor]) => [key, tensor.data]));
  }

  // Numbers that Python packed as base64 float32.
  array(packed) { return new Float32Array(decode(packed).buffer); }

  // Fills the box and returns its elements with a data-p="name", by that name. An <output> would read each
  // of its changes aloud: say() does that better.
  html(markup) {
    this.box.innerHTML = markup;
    for (const output of this.box.querySelectorAll("output:not([aria-live])")) output.setAttribute("aria-live", "off");
    return Object.fromEntries([...this.box.querySelectorAll("[data-p]")].map((e) => [e.dataset.p, e]));
  }

  // Speaks to screen readers, once things have come to rest.
  say(words) {
    clearTimeout(this.saying);
    this.saying = setTimeout(() => { this.status.textContent = words; }, 700);
  }

  // Tells a kernel, if there is one, what the reader chose.
  emit(value) { this.host.dispatchEvent(new CustomEvent("dgm-change", { detail: value })); }
}

// A canvas that follows its width and the screen's resolution. paint(c, width, height) draws in CSS pixels.
export class Plot {
  constructor(fig, element, ratio) {
    Object.assign(this, { fig, element, ratio, c: element.getContext("2d") });
    element.style.aspectRatio = `1 / ${ratio}`;
    new ResizeObserver(() => fig.redraw()).observe(element);
  }
  paint(draw) {
    const { element, c } = this, width = element.clientWidth || 300, height = width * this.ratio, scale = Math.min(devicePixelRatio || 1, 3);
    const w = Math.round(width * scale), h = Math.round(height * scale);
    if (element.width !== w || element.height !== h) { element.width = w; element.height = h; }
    c.setTransform(scale, 0, 0, scale, 0, 0);
    c.clearRect(0, 0, width, height);
    draw(c, width, height);
  }
  // onMove(u, v, "down" | "move"): the pointer in [0, 1] x [0, 1] from the top left, while it is pressed.
  pointer(onMove) {
    const tell = (event, phase) => {
      const r = this.element.getBoundingClientRect(), clip = (a) => Math.min(Math.max(a, 0), 1);
      onMove(clip((event.clientX - r.left) / r.width), clip((event.clientY - r.top) / r.height), phase, event);
    };
    this.element.addEventListener("pointerdown", (e) => {
      if (e.button) return;
      this.element.setPointerCapture(e.pointerId);
      tell(e, "down");
    });
    this.element.addEventListener("pointermove", (e) => {
      if (!this.element.hasPointerCapture(e.pointerId)) return;
      const all = e.getCoalescedEvents?.() ?? []; // every place on the way, where the browser tells
      for (const one of all.length ? all : [e]) tell(one, "move");
    });
    return this;
  }
  // onStep(dx, dy, shift) for the arrow keys; onKey(event) -> true if it used another key.
  keys(onStep, onKey = () => false) {
    this.element.addEventListener("keydown", (e) => {
      if (e.ctrlKey || e.metaKey || e.altKey) return;
      const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[e.key];
      if (step) onStep(...step, e.shiftKey);
      if (step || onKey(e)) e.preventDefault();
    });
    return this;
  }
}

// ---------------------------------------------------------------- numbers and words

// 0.0317, 12.4, or 1.2 × 10⁻⁷.
export function number(v) {
  if (v === 0 || (Math.abs(v) >= 0.001 && Math.abs(v) < 1e4)) return String(+v.toPrecision(3)).replace("-", "−");
  const [m, e] = v.toExponential(1).split("e");
  return `${m} × 10${[...e.replace("+", "")].map((d) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[d] ?? "⁻").join("")}`.replace("-", "−");
}
export const fixed = (v, digits = 2) => v.toFixed(digits).replace("-", "−");

// Words from Python, safe inside markup.
export const escape = (words) => words.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");

// How many of the sorted numbers lie below v.
export function below(sorted, v) {
  let low = 0, high = sorted.length;
  while (low < high) { const mid = (low + high) >> 1; if (sorted[mid] < v) low = mid + 1; else high = mid; }
  return low;
}
// Linear interpolation between order statistics, as torch.quantile does it.
export function quantile(sorted, q) {
  const at = q * (sorted.length - 1), i = Math.floor(at), next = sorted[Math.min(i + 1, sorted.length - 1)];
  return sorted[i] + (at - i) * (next - sorted[i]);
}
// "lower than 99.8 % of held-out points": never 100 % while one is lower, never 0 % while one is higher.
export function rank(sorted, v, things) {
  const k = below(sorted, v), n = sorted.length;
  if (k === 0) return `lower than all ${n} ${things}`;
  if (k === n) return `higher than all ${n} ${things}`;
  const share = (100 * (n - k)) / n;
  return `lower than ${Math.min(Math.max(+share.toFixed(1), 0.1), 99.9)} % of ${things}`;
}

export function softmax(logits) {
  const m = Math.max(...logits), e = Array.from(logits, (v) => Math.exp(v - m)), s = e.reduce((a, b) => a + b);
  return e.map((v) => v / s);
}

// ---------------------------------------------------------------- small plots

export const rgb = (hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));
export const mix = (a, b, t) => a.map((v, i) => v + (b[i] - v) * t);

// The histogram of held-out log p(x), with a mark at `value` and, where given, a limit below which is refused.
export function histogram(fig, element, sorted, { low, unit = "nats", bins = 48, ratio = 0.36 }) {
  const plot = new Plot(fig, element, ratio), high = sorted.at(-1), right = high + 0.12 * (high - low), counts = Array(bins).fill(0);
  for (const v of sorted) counts[Math.min(bins - 1, Math.max(0, Math.floor(((v - low) / (right - low)) * bins)))]++;
  const top = Math.max(...counts);
  return (value, limit) => plot.paint((c, w, h) => {
    const step = [1, 2, 5, 10, 20, 50, 100, 200, 500].find((s) => (right - low) / s <= Math.min(w / 46, 9)) ?? 1000;
    const { ink, muted, line, accent, bad } = fig.colours, foot = h - 19, x = (v) => 8 + ((v - low) / (right - low)) * (w - 16);
    c.font = "12px system-ui, sans-serif";
    c.textAlign = "center";
    const wide = (w - 16) / bins;
    counts.forEach((n, i) => {
      if (!n) return;
      const tall = Math.max(1.5, (n / top) * (foot - 22));
      c.fillStyle = limit !== undefined && low + ((i + 0.5) / bins) * (right - low) < limit ? bad + "99" : muted + "99";
      c.fillRect(8 + i * wide, foot - tall, wide - 0.6, tall);
    });
    c.fillStyle = line;
    c.fillRect(0, foot, w, 1);
    c.fillStyle = muted;
    for (let t = Math.ceil(low / step) * step; t <= right; t += step) if (x(t) > 18 && x(t) < w - 18) c.fillText(String(t).replace("-", "−"), x(t), h - 5);
    if (limit !== undefined && limit > low) {
      c.fillStyle = bad;
      for (let y = 16; y < foot; y += 6) c.fillRect(x(limit) - 0.75, y, 1.5, 3.5);
    }
    // The mark; off the scale it becomes an arrow at the edge.
    const off = value < low ? -1 : value > right ? 1 : 0, at = off ? (off < 0 ? 3 : w - 3) : x(value);
    c.fillStyle = ink;
    c.beginPath();
    if (off) { c.moveTo(at, foot - 10); c.lineTo(at - 9 * off, foot - 16); c.lineTo(at - 9 * off, foot - 4); }
    else c.rect(at - 1, 15, 2, foot - 15);
    c.fill();
    c.font = "600 12px system-ui, sans-serif";
    c.textAlign = at < 40 ? "left" : at > w - 40 ? "right" : "center";
    c.fillText(`${fixed(value, 1)} ${unit}`, at, off ? foot - 22 : 11);
  });
}

// One bar for each label, the tallest in colour.
export function bars(fig, element, labels, ratio = 0.3) {
  const plot = new Plot(fig, element, ratio);
  return (values) => plot.paint((c, w, h) => {
    const wide = w / labels.length, foot = h - 18, best = values.indexOf(Math.max(...values));
    c.font = "13px system-ui, sans-serif";
    c.textAlign = "center";
    labels.forEach((label, k) => {
      const tall = Math.max(1, values[k] * (foot - 4));
      c.fillStyle = k === best ? fig.colours.accent : fig.colours.muted;
      c.fillRect((k + 0.16) * wide, foot - tall, 0.68 * wide, tall);
      c.fillStyle = fig.colours.ink;
      c.fillText(label, (k + 0.5) * wide, h - 3);
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

// A static page or any notebook's HTML output: <dgm-figure><img alt><script type="application/json">…
// On a site, load(kind) fetches the code of a kind when the first figure of that kind appears.
export function define(load) {
  if (customElements.get("dgm-figure")) return;
  customElements.define("dgm-figure", class extends HTMLElement {
    connectedCallback() {
      if (this.figure) return;
      const data = this.querySelector('script[type="application/json"]');
      if (data) {
        this.figure = new Figure(this, JSON.parse(data.textContent));
        if (!kinds[this.figure.kind]) load?.(this.figure.kind);
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
  new Figure(host, { kind: model.get("kind"), spec: model.get("spec"), models });
}

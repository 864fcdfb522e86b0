// A live figure on a page: its element, its theme, its frames, its models, and its voice for screen readers.
// Its HTML and most of its words come from Python: figure.html and the template of its kind.
import { Model } from "./engine.mjs";
import { mix, rgb } from "./numbers.mjs";

const COLOURS = ["paper", "ink", "muted", "line", "soft", "orange", "blue", "accent", "bad"];
const DARK = "(prefers-color-scheme: dark)";

// Sphinx's theme, JupyterLab, VS Code and Colab each say in their own way whether the page is dark.
function pageIsDark() {
  const html = document.documentElement;
  const { classList, dataset } = document.body;
  if (html.dataset.theme) return html.dataset.theme === "dark";
  if (dataset.jpThemeLight) return dataset.jpThemeLight === "false";
  if (classList.contains("vscode-body")) return !classList.contains("vscode-light");
  if (html.hasAttribute("theme")) return html.getAttribute("theme") === "dark";
  return window.matchMedia?.(DARK)?.matches ?? false;
}

const bytesOf = (base64) => Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));

// ---------------------------------------------------------------- kinds of figures

export const kinds = {};
const waiting = {};

// figure("cross", build): build(fig, parts) returns the function that shows the present state.
export function figure(kind, build) {
  kinds[kind] = build;
  for (const start of waiting[kind] ?? []) start();
}

// ---------------------------------------------------------------- one figure on the page

// `spec` is plain data from Python, `models` maps names to ONNX bytes (base64 or binary).
export class Figure {
  constructor(host, { kind, spec, models, markup }) {
    this.host = host;
    this.kind = kind;
    this.spec = spec;
    this.models = models;
    this.markup = markup;
    this.ready = {};
    this.colours = {};
    this.stats = host.stats = { frames: [] };
    this.startWhenNear();
  }

  // Nothing is built before the figure comes near the window or is touched: so long its still image stands.
  startWhenNear() {
    const { host } = this;
    const start = () => {
      near?.disconnect();
      this.start();
    };
    const look = (entries) => entries.some((entry) => entry.isIntersecting) && start();
    const near = window.IntersectionObserver && new IntersectionObserver(look, { rootMargin: "300px" });
    if (near) near.observe(host);
    else start();
    for (const type of ["pointerdown", "focusin"]) host.addEventListener(type, start, { once: true });
  }

  start() {
    if (this.box) return;
    const build = kinds[this.kind];
    if (!build) { // its code is on the way
      (waiting[this.kind] ??= []).push(() => this.start());
      return;
    }
    this.shadow = this.host.attachShadow({ mode: "open" });
    this.shadow.innerHTML = this.markup;
    this.box = this.shadow.querySelector(".dgm");
    this.parts = Object.fromEntries(this.all("[data-p]").map((element) => [element.dataset.p, element]));
    this.guard(() => {
      this.followTheme();
      this.show = build(this, this.parts);
      this.host.setAttribute("live", ""); // hides the still image
      this.show();
    });
  }

  // An error is told in the figure, and the still image comes back.
  guard(run) {
    try {
      run();
    } catch (error) {
      console.error(error);
      this.host.removeAttribute("live");
      this.box.innerHTML = '<p role="alert"></p>';
      this.box.firstChild.textContent = `This live figure stopped: ${error.message}.`;
      this.show = null;
    }
  }

  // ---------------------------------------------------------------- theme and frames

  followTheme() {
    const apply = () => this.applyTheme();
    const { documentElement: html, body } = document;
    new MutationObserver(apply).observe(html, { attributeFilter: ["data-theme", "theme"] });
    new MutationObserver(apply).observe(body, { attributeFilter: ["data-jp-theme-light", "class"] });
    window.matchMedia?.(DARK)?.addEventListener("change", apply);
    apply();
  }

  applyTheme() {
    this.dark = pageIsDark();
    this.box.classList.toggle("dark", this.dark);
    const style = getComputedStyle(this.box);
    for (const name of COLOURS) this.colours[name] = style.getPropertyValue("--" + name).trim();
    this.colours.page = this.colours[this.dark ? "soft" : "paper"]; // behind the ink of a picture
    this.onTheme?.();
    this.redraw();
  }

  // Many events between two frames make one redraw.
  redraw() {
    if (this.frame || !this.show) return;
    this.frame = requestAnimationFrame(() => {
      const { frames } = this.stats;
      const began = performance.now();
      this.frame = 0;
      if (this.show) this.guard(this.show);
      frames.push(performance.now() - began);
      if (frames.length > 600) frames.shift();
    });
  }

  // Work that the first answer need not wait for.
  later(work) {
    setTimeout(() => {
      if (this.show) this.guard(work);
      this.stats.settled = true;
      this.redraw();
    });
  }

  // ---------------------------------------------------------------- for the code of a kind

  // The reader chose this: a kernel is told, if there is one.
  chose(value) {
    this.host.dispatchEvent(new CustomEvent("dgm-change", { detail: value }));
    this.redraw();
  }

  // Runs a model on one batch: fig.run("density", [1, 2], [x0, x1]) -> {output name: Float32Array}.
  run(name, dims, data) {
    const bytes = this.models[name];
    const model = (this.ready[name] ??= new Model(bytes.trim ? bytesOf(bytes) : bytes));
    const outputs = model.run({ [model.inputs[0]]: { dims, data } });
    return Object.fromEntries(Object.entries(outputs).map(([key, tensor]) => [key, tensor.data]));
  }

  // Numbers that Python packed as base64 float32; and those of several entries of the spec.
  array(packed) {
    return new Float32Array(bytesOf(packed).buffer);
  }
  arrays(...names) {
    return names.map((name) => this.array(this.spec[name]));
  }

  all(selector) {
    return [...this.shadow.querySelectorAll(selector)];
  }

  // The words of parts, by their names.
  write(words) {
    for (const name in words) this.parts[name].textContent = words[name];
  }

  // Speaks to screen readers, once things have come to rest; first of the place, if the figure has the focus.
  say(words, place = "") {
    clearTimeout(this.saying);
    this.saying = setTimeout(() => {
      const focused = document.activeElement === this.host;
      this.box.lastElementChild.textContent = (focused ? place : "") + words;
    }, 700);
  }

  // A pixel's colour: 0 is the page, 1 is ink.
  tone(ink) {
    return mix(rgb(this.colours.page), rgb(this.colours.ink), ink);
  }
}

// ---------------------------------------------------------------- <dgm-figure>

// On a page it holds an <img> with its alt, a <script type="application/json">, and last a <template>.
// On a site, load(kind) fetches the code of a kind when the first figure of that kind appears.
export function define(load) {
  if (customElements.get("dgm-figure")) return;
  customElements.define("dgm-figure", class extends HTMLElement {
    connectedCallback() {
      if (this.figure) return;
      const template = this.querySelector("template");
      if (!template) { // it comes last, and the page is still on its way
        if (document.readyState !== "loading") return;
        document.addEventListener("DOMContentLoaded", () => this.connectedCallback(), { once: true });
        return;
      }
      const data = JSON.parse(this.querySelector('script[type="application/json"]').textContent);
      this.figure = new Figure(this, { ...data, markup: template.innerHTML });
      if (!kinds[data.kind]) load?.(data.kind);
    }
  });
}

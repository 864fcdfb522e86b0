// A canvas that follows its width and the screen's resolution: what figures draw on it, pointer and keys.
import { clip } from "./numbers.mjs";

const FONT = "12px system-ui, sans-serif";
export const BOLD = `600 ${FONT}`;

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

// All lengths are CSS pixels; `ratio` is the height divided by the width.
export class Plot {
  constructor(fig, element, ratio = 1) {
    this.fig = fig;
    this.element = element;
    this.ratio = ratio;
    this.context = element.getContext("2d");
    element.style.aspectRatio = `1 / ${ratio}`;
    new ResizeObserver(() => fig.redraw()).observe(element);
  }

  // draw(width, height, context), on a clean canvas
  paint(draw) {
    const { element, context } = this;
    const width = element.clientWidth || 300;
    const height = width * this.ratio;
    const dots = Math.min(devicePixelRatio || 1, 3);
    this.width = width;
    this.resize(Math.round(width * dots), Math.round(height * dots));
    context.setTransform(dots, 0, 0, dots, 0, 0);
    context.clearRect(0, 0, width, height);
    context.lineJoin = "round";
    draw(width, height, context);
  }

  // Setting a canvas's size takes time even where it stays the same.
  resize(width, height) {
    const { element } = this;
    if (element.width === width && element.height === height) return;
    element.width = width;
    element.height = height;
  }

  // ---------------------------------------------------------------- drawing

  pen(colour, width = 1, dash = []) {
    this.context.strokeStyle = colour;
    this.context.lineWidth = width;
    this.context.setLineDash(dash);
  }

  rect(x, y, width, height, colour) {
    this.context.fillStyle = colour;
    this.context.fillRect(x, y, width, height);
  }

  frame(x, y, width, height, colour, thickness = 1) {
    this.pen(colour, thickness);
    this.context.strokeRect(x, y, width, height);
  }

  dot(x, y, radius, colour) {
    this.context.beginPath();
    this.context.arc(x, y, radius, 0, 7);
    this.fill(colour);
  }

  fill(colour) {
    this.context.fillStyle = colour;
    this.context.fill();
  }

  // The path through points, each [x, y].
  path(points) {
    this.context.beginPath();
    for (const [x, y] of points) this.context.lineTo(x, y);
  }

  line(points, ...pen) {
    this.path(points);
    this.pen(...pen);
    this.context.stroke();
  }

  area(points, colour) {
    this.path(points);
    this.fill(colour);
  }

  cross(x, y, colour, width) {
    this.line([[x - 10, y], [x + 10, y]], colour, width);
    this.line([[x, y - 10], [x, y + 10]], colour, width);
  }

  text(words, x, y, colour, align = "center", font = FONT, most) {
    this.context.fillStyle = colour;
    this.context.textAlign = align;
    this.context.font = font;
    this.context.fillText(words, x, y, most);
  }

  // n x n colours as crisp squares: colour(i) -> [r, g, b] of square i, row by row from the top.
  image(n, colour, x = 0, y = 0, size = this.width) {
    this.context.imageSmoothingEnabled = false;
    this.context.drawImage(fieldImage(n, colour), x, y, size, size);
  }

  // The middle of square i of n x n.
  middle(n, i) {
    return [i % n, Math.floor(i / n)].map((k) => ((k + 0.5) * this.width) / n);
  }

  // Frames square i of n x n; `inset` is the distance of the line from its edge.
  mark(n, i, colour, width, inset = width / 2) {
    const half = this.width / n / 2 - inset;
    const [x, y] = this.middle(n, i);
    this.frame(x - half, y - half, 2 * half, 2 * half, colour, width);
  }

  // ---------------------------------------------------------------- pointer and keys

  // onMove(u, v, "down" | "move"): the pointer in [0, 1] x [0, 1] from the top left, while it is pressed.
  pointer(onMove) {
    const { element } = this;
    const tell = ({ clientX, clientY }, phase) => {
      const box = element.getBoundingClientRect();
      onMove(clip((clientX - box.left) / box.width), clip((clientY - box.top) / box.height), phase);
    };
    element.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      element.setPointerCapture(event.pointerId);
      tell(event, "down");
    });
    element.addEventListener("pointermove", (event) => {
      if (!element.hasPointerCapture(event.pointerId)) return;
      const all = event.getCoalescedEvents?.() ?? []; // every place on the way, where the browser tells
      for (const one of all.length ? all : [event]) tell(one, "move");
    });
    return this;
  }

  // onStep(right, up, shift) for the arrow keys; onKey(key) -> true if it used another key.
  keys(onStep, onKey = () => false) {
    const { element, fig } = this;
    element.onkeydown = (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const step = ARROWS[event.key];
      if (step) onStep(...step, event.shiftKey);
      if (step || onKey(event.key)) event.preventDefault();
    };
    element.onfocus = element.onblur = () => fig.redraw();
    return this;
  }

  get focused() {
    return this.fig.shadow.activeElement === this.element;
  }
}

// An n x n grid of colours as an image: colour(i) -> [r, g, b] of node i, row by row from the top.
export function fieldImage(n, colour) {
  const canvas = document.createElement("canvas");
  const context = canvas.getContext("2d");
  const image = context.createImageData(n, n);
  canvas.width = canvas.height = n;
  for (let i = 0; i < n * n; i++) image.data.set([...colour(i), 255], 4 * i);
  context.putImageData(image, 0, 0);
  return canvas;
}

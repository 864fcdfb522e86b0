// Two ways to decide: drag the cross, see p(y|x), p(x), p(x, y), and the decision with and without refusal.
import { histogram } from "./shared/charts.mjs";
import { figure } from "./shared/figure.mjs";
import { clip, fixed, mix, number, quantile, range, rank, rgb, scale, softmax } from "./shared/numbers.mjs";
import { fieldImage, Plot } from "./shared/plot.mjs";

const N = 81; // nodes of the background grid, a side
const GREEN = [27, 130, 100]; // the hue of p(x)
const SIDES = ["orange", "blue"];

// ---------------------------------------------------------------- curves of equal height

// Marching squares on an n x n grid of values, in units of cells from the top left.
// Returns {line, area}: the curve value = level, and the region where value < level.
function contour(n, values, level) {
  const line = new Path2D();
  const area = new Path2D();
  for (let row = 0; row < n - 1; row++) {
    let from = -1; // where a run of cells that lie wholly below the level began
    for (let column = 0; column < n; column++) {
      const corners = column < n - 1 ? cornersOf(n, values, row, column) : [];
      const below = corners.filter(([, , value]) => value < level).length;
      if (below === 4) {
        if (from < 0) from = column;
        continue;
      }
      if (from >= 0) area.rect(from, row, column - from, 1);
      from = -1;
      if (below) addCell(corners, level, line, area);
    }
  }
  return { line, area };
}

// The corners of a cell in turn, each [x, y, value].
function cornersOf(n, values, row, column) {
  const at = row * n + column;
  return [
    [column, row, values[at]],
    [column + 1, row, values[at + 1]],
    [column + 1, row + 1, values[at + n + 1]],
    [column, row + 1, values[at + n]],
  ];
}

// Adds the part of a cell that lies below the level, and the pieces of the curve that bound it.
function addCell(corners, level, line, area) {
  const outline = [];
  const cuts = [];
  corners.forEach(([x, y, value], k) => {
    const [nextX, nextY, nextValue] = corners[(k + 1) % 4];
    if (value < level) outline.push([x, y]);
    if (value < level === nextValue < level) return;
    const t = (level - value) / (nextValue - value);
    const cut = [x + t * (nextX - x), y + t * (nextY - y)];
    outline.push(cut);
    cuts.push(cut);
  });
  outline.forEach(([x, y], k) => (k ? area.lineTo(x, y) : area.moveTo(x, y)));
  area.closePath();
  cuts.forEach(([x, y], k) => (k % 2 ? line.lineTo(x, y) : line.moveTo(x, y)));
}

// ---------------------------------------------------------------- the figure

figure("cross", (fig, parts) => {
  const { lim: [x0, x1, y0, y1], names, start } = fig.spec;
  const [points, heldout] = fig.arrays("points", "heldout");
  const map = new Plot(fig, parts.map, (y1 - y0) / (x1 - x0));
  const showDensity = histogram(fig, parts.hist, heldout);
  let at = start;
  let field = "joint"; // the background: posterior, density or joint
  let limit; // of log p(x), below which is refused
  let refused; // where that is

  // ---------------------------------------------------------------- what the reader does

  const move = (x, y) => fig.chose(at = [clip(x, x0, x1), clip(y, y0, y1)]);
  function refuseBelow() {
    limit = quantile(heldout, parts.slider.value / 100);
    refused = null;
    fig.redraw();
  }
  map.pointer((u, v) => move(x0 + u * (x1 - x0), y1 - v * (y1 - y0)));
  map.keys((right, up, shift) => {
    const step = (x1 - x0) / (shift ? 20 : 100);
    move(at[0] + right * step, at[1] + up * step);
  });
  parts.slider.oninput = refuseBelow;
  fig.box.onchange = ({ target }) => {
    if (target.name !== "field") return;
    field = target.value;
    fig.redraw();
  };
  refuseBelow();

  // ---------------------------------------------------------------- the background, by the very same models

  let pBlue; // p(y = blue | x) at each node
  let logPx; // log p(x) at each node
  let highest;

  // The outer nodes lie on the edges of the plane.
  function node(i) {
    const [row, column] = [Math.floor(i / N), i % N];
    return [x0 + (column / (N - 1)) * (x1 - x0), y1 - (row / (N - 1)) * (y1 - y0)];
  }
  fig.later(() => {
    const grid = range(N * N, node).flat();
    const { logits } = fig.run("classifier", [N * N, 2], grid);
    pBlue = range(N * N, (i) => 1 / (1 + Math.exp(logits[2 * i] - logits[2 * i + 1])));
    logPx = fig.run("density", [N * N, 2], grid).log_prob;
    highest = Math.max(heldout.at(-1), ...logPx);
  });

  let images = {}; // by field, in the colours of the theme
  fig.onTheme = () => {
    images = {};
  };
  function background() {
    const { paper, orange, blue, ink } = fig.colours;
    const white = mix(rgb(paper), [255, 255, 255], fig.dark ? 0.08 : 1);
    const green = mix(rgb(ink), GREEN, fig.dark ? 0.6 : 0.9);
    const strength = (i) => Math.sqrt(Math.exp(logPx[i] - highest));
    function hue(i) {
      const doubt = 2 * Math.min(pBlue[i], 1 - pBlue[i]);
      return mix(rgb(pBlue[i] < 0.5 ? orange : blue), white, 0.3 + 0.7 * doubt ** 2);
    }
    const colours = {
      posterior: hue,
      density: (i) => mix(white, green, 0.9 * strength(i)),
      joint: (i) => mix(white, hue(i), Math.min(1, 1.15 * strength(i))),
    };
    return (images[field] ??= fieldImage(N, colours[field]));
  }

  const curves = {};
  function contours() {
    if (field === "posterior") {
      return (curves.posterior ??= [0.02, 0.5, 0.98].map((level) => contour(N, pBlue, level).line));
    }
    const shares = [0.02, 0.1, 0.3, 0.6, 0.9];
    return (curves.density ??= shares.map((q) => contour(N, logPx, quantile(heldout, q)).line));
  }

  // ---------------------------------------------------------------- drawing

  // From units of cells to those of the canvas.
  function stretched(path, width, height) {
    const result = new Path2D();
    result.addPath(path, new DOMMatrix([width / (N - 1), 0, 0, height / (N - 1), 0, 0]));
    return result;
  }

  function drawBackground(width, height, context) {
    context.imageSmoothingQuality = "high"; // the browser smooths between nodes
    context.drawImage(background(), 0.5, 0.5, N - 1, N - 1, 0, 0, width, height);
    contours().forEach((path, k) => {
      const boundary = field === "posterior" && k === 1;
      context.globalAlpha = boundary ? 0.85 : 0.32;
      map.pen(fig.colours.ink, boundary ? 1.8 : 1);
      context.stroke(stretched(path, width, height));
    });
    context.globalAlpha = 1;
  }

  // Orange discs and blue triangles.
  function drawPoints(toX, toY, context) {
    const { paper, orange, blue } = fig.colours;
    for (let i = 0; i < points.length; i += 3) {
      const [x, y] = [toX(points[i]), toY(points[i + 1])];
      if (points[i + 2]) map.area([[x, y - 4.2], [x + 3.9, y + 2.7], [x - 3.9, y + 2.7]], blue);
      else map.dot(x, y, 3.2, orange);
      map.pen(paper, 0.8);
      context.closePath();
      context.stroke();
    }
  }

  function hatching(context) {
    const tile = document.createElement("canvas");
    const strokes = tile.getContext("2d");
    tile.width = tile.height = 8;
    strokes.strokeStyle = fig.colours.ink;
    strokes.globalAlpha = 0.28;
    for (const x of [-8, 0, 8]) {
      strokes.moveTo(x - 1, 9);
      strokes.lineTo(x + 9, -1);
    }
    strokes.stroke();
    return context.createPattern(tile, "repeat");
  }

  function drawRefused(width, height, context) {
    refused ??= contour(N, logPx, limit);
    const area = stretched(refused.area, width, height);
    context.globalAlpha = 0.35;
    context.fillStyle = fig.colours.paper;
    context.fill(area);
    context.globalAlpha = 1;
    context.fillStyle = hatching(context);
    context.fill(area);
    map.pen(fig.colours.ink, 1.4);
    context.stroke(stretched(refused.line, width, height));
  }

  function drawMap(width, height, context) {
    const toX = scale(x0, x1, 0, width);
    const toY = scale(y1, y0, 0, height);
    if (logPx) drawBackground(width, height, context);
    drawPoints(toX, toY, context);
    if (logPx) drawRefused(width, height, context);
    // The black cross with a white rim; on dark pages the other way round, as in the still pictures.
    const [black, white] = fig.dark ? ["#ffffff", "#000000"] : ["#000000", "#ffffff"];
    context.lineCap = "round";
    map.cross(toX(at[0]), toY(at[1]), white, 7);
    map.cross(toX(at[0]), toY(at[1]), black, 3.6);
    context.lineCap = "butt";
  }

  const probability = (p) => (p > 0.9995 ? "> 0.999" : number(p));
  const percent = (p) => (p > 0.9995 ? "> 99.9 %" : `${(100 * p).toFixed(1)} %`);

  return () => {
    const posterior = softmax(fig.run("classifier", [1, 2], at).logits);
    const log = fig.run("density", [1, 2], at).log_prob[0];
    const px = Math.exp(log);
    const winner = posterior[1] > posterior[0] ? 1 : 0;
    const refuse = log < limit;
    const where = rank(heldout, log, "held-out points");
    const spot = at.map((value) => fixed(value)).join(", ");
    const alone = `${names[winner]}, ${percent(posterior[winner])} certain`;
    const decision = refuse ? "no decision, p(x) is too low" : alone;
    const tone = fig.colours[SIDES[winner]];
    map.paint(drawMap);
    showDensity(log, limit);
    fig.write({
      orange: probability(posterior[0]),
      blue: probability(posterior[1]),
      px: number(px),
      log: fixed(log),
      rank: where,
      jointOrange: number(px * posterior[0]),
      jointBlue: number(px * posterior[1]),
      alone,
      decision,
      share: `${parts.slider.value} %`,
    });
    parts.bar.style.width = `${100 * posterior[0]}%`;
    parts.left.style.borderColor = tone;
    parts.right.style.borderColor = refuse ? fig.colours.bad : tone;
    parts.map.ariaDescription = `cross at ${spot}`;
    fig.stats.value = { x: at, posterior, log_px: log, limit, refuse };
    const density = `log p of x is ${fixed(log)}, ${where}`;
    fig.say(`Cross at ${spot}. Classifier: ${alone}. ${density}. With a reject option: ${decision}.`);
  };
});

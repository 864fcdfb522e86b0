// A grid of latent values carried to the data, layer by layer: choose a cell and see its area factor.
import { figure } from "./shared/figure.mjs";
import { clip, css, fixed, mix, number, rgb, scale, sum } from "./shared/numbers.mjs";
import { Plot } from "./shared/plot.mjs";

// Colours of cells: shrunk to a twentieth of their area, as large as they were, grown to twenty times it.
const STOPS = ["#0f6b50", "#8ccbb5", "#f4f1ea", "#f0b25e", "#c96a00"].map(rgb);
const calm = matchMedia("(prefers-reduced-motion: reduce)");

// The area inside a polygon of points [x, y], by the shoelace formula.
function areaOf(polygon) {
  const twice = polygon.map(([x, y], k) => {
    const [u, v] = polygon[(k + 1) % polygon.length];
    return x * v - u * y;
  });
  return Math.abs(sum(twice)) / 2;
}

// Whether a ray from the point crosses the polygon's edge an odd number of times.
function isInside(polygon, [x, y]) {
  let odd = false;
  polygon.forEach(([a, b], k) => {
    const [u, v] = polygon[(k + 3) % 4];
    if (b > y !== v > y && x < a + ((y - b) / (v - b)) * (u - a)) odd = !odd;
  });
  return odd;
}

function colourOf(logArea) {
  const t = (clip(logArea / 3, -1) + 1) * 2;
  const k = Math.min(Math.floor(t), 3);
  return css(mix(STOPS[k], STOPS[k + 1], t - k));
}

figure("flow_grid", (fig, parts) => {
  const { n, reach, edges, names, start } = fig.spec;
  const last = names.length;
  const cells = n - 1;
  const [nodes, logAreas, points, logBase] = fig.arrays("nodes", "logAreas", "points", "logBase");
  const count = points.length / (last + 1) / 2;
  const map = new Plot(fig, parts.map);
  let [stage, row, column] = start;
  let at = stage; // what is shown: it glides from stage to stage

  // ---------------------------------------------------------------- where things are while the picture moves

  // Number i of a packed array of stages, between two stages. The frame zooms with them.
  function between(array, i) {
    const size = array.length / (last + 1);
    const k = Math.min(Math.floor(at), last - 1);
    const t = at - k;
    return array[k * size + i] * (1 - t) + array[(k + 1) * size + i] * t;
  }
  const place = (array, i) => [between(array, 2 * i), between(array, 2 * i + 1)];
  function corners(r, c) {
    const first = r * n + c;
    return [first, first + 1, first + n + 1, first + n].map((i) => place(nodes, i));
  }

  // The cell at a point; beside the sheet, the cell whose middle is nearest.
  function cellAt(point) {
    let nearest;
    let least = Infinity;
    for (let r = 0; r < cells; r++) {
      for (let c = 0; c < cells; c++) {
        const cell = corners(r, c);
        const [x, y] = [0, 1].map((axis) => (cell[0][axis] + cell[2][axis]) / 2 - point[axis]);
        const far = isInside(cell, point) ? -1 : Math.hypot(x, y);
        if (far >= least) continue;
        least = far;
        nearest = [r, c];
      }
    }
    return nearest;
  }

  // ---------------------------------------------------------------- what the reader does

  function go(toStage, toRow = row, toColumn = column) {
    stage = clip(toStage, 0, last);
    row = clip(toRow, 0, cells - 1);
    column = clip(toColumn, 0, cells - 1);
    parts.slider.value = stage;
    if (calm.matches) at = stage;
    fig.chose([stage, row, column]);
  }
  map.pointer((u, v) => {
    const edge = between(edges, 0);
    go(stage, ...cellAt([(2 * u - 1) * edge, (1 - 2 * v) * edge]));
  });
  map.keys((right, up) => go(stage, row + right, column + up), (key) => {
    const by = { PageDown: 1, PageUp: -1 }[key];
    if (by) go(stage + by);
    return by;
  });
  parts.slider.oninput = () => go(+parts.slider.value);
  parts.sheet.onchange = () => fig.redraw();

  // ---------------------------------------------------------------- drawing

  const densest = Math.max(...logBase);
  const strength = logBase.map((log) => 0.15 + 0.85 * Math.exp((log - densest) / 2));

  function drawSheet(outline, context) {
    for (let i = 0; i < cells * cells; i++) {
      const cell = outline(corners(Math.floor(i / cells), i % cells));
      context.globalAlpha = strength[i];
      map.area(cell, colourOf(between(logAreas, i)));
      context.globalAlpha = 1;
      map.line(cell, fig.colours.muted + "77", 0.5);
    }
  }

  function draw(width, _, context) {
    const { ink, paper } = fig.colours;
    const edge = between(edges, 0);
    const toX = scale(-edge, edge, 0, width);
    const toY = scale(edge, -edge, 0, width);
    const outline = (cell) => [...cell, cell[0]].map(([x, y]) => [toX(x), toY(y)]);
    if (parts.sheet.checked) drawSheet(outline, context);
    for (let i = 0; i < count; i++) {
      const [x, y] = place(points, i);
      map.rect(toX(x) - 1.1, toY(y) - 1.1, 2.2, 2.2, ink);
    }
    const chosen = outline(corners(row, column));
    map.line(chosen, paper, 5);
    map.line(chosen, ink, 2.4);
  }

  function titleOf() {
    if (stage === 0) return "No layer undone: the base";
    if (stage === last) return `All ${last} layers undone: the data`;
    return `${stage} of ${last} layers undone`;
  }

  return () => {
    at = Math.abs(stage - at) < 0.02 ? stage : at + (stage - at) * 0.25;
    map.paint(draw);
    const i = row * cells + column;
    const base = Math.exp(logBase[i]);
    const factor = Math.exp(logAreas[stage * cells * cells + i]);
    const density = base / factor;
    const drawn = areaOf(corners(row, column)) / ((2 * reach) / cells) ** 2;
    const title = titleOf();
    fig.write({
      title,
      base: number(base),
      factor: number(factor),
      drawn: number(drawn),
      density: number(density),
      words: stage ? `Undone last: ${names[stage - 1]}.` : "Nothing has moved yet, so each factor is 1.",
    });
    fig.stats.value = { stage, row, column, factor, drawn, density, still: at === stage };
    if (at !== stage) {
      fig.redraw();
      return;
    }
    const numbers = `area factor ${number(factor)}, density ${fixed(density, 3)}`;
    fig.say(`${title}. Cell ${row + 1}, ${column + 1}: ${numbers}.`);
  };
});

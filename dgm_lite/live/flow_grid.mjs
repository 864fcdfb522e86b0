// A grid of latent values carried to the data, layer by layer: choose a cell and see its area factor.
import { figure, Plot, clip, scale, sum, number, fixed, rgb, mix, css } from "./core.mjs";

const STOPS = ["#0f6b50", "#8ccbb5", "#f4f1ea", "#f0b25e", "#c96a00"].map(rgb);
const calm = matchMedia("(prefers-reduced-motion: reduce)");

figure("flow_grid", (fig, p) => {
  const { n, reach, edges, names, start } = fig.spec, last = names.length, cells = n - 1;
  const [nodes, logAreas, points, logBase] = fig.arrays("nodes", "logAreas", "points", "logBase"), count = points.length / (last + 1) / 2;
  let [stage, row, column] = start, at = stage;

  // Number i of a packed array of stages, between two stages while the picture moves. The frame zooms with them.
  function between(array, i) {
    const size = array.length / (last + 1), k = Math.min(Math.floor(at), last - 1), t = at - k;
    return array[k * size + i] * (1 - t) + array[(k + 1) * size + i] * t;
  }
  const place = (array, i) => [between(array, 2 * i), between(array, 2 * i + 1)];
  const corners = (r, c) => [r * n + c, r * n + c + 1, (r + 1) * n + c + 1, (r + 1) * n + c].map((i) => place(nodes, i));
  const area = (q) => Math.abs(sum(q.map(([x, y], k) => { const [u, v] = q[(k + 1) % 4]; return x * v - u * y; }))) / 2;
  function colour(log) {
    const t = (clip(log / 3, -1) + 1) * 2, k = Math.min(Math.floor(t), 3);
    return css(mix(STOPS[k], STOPS[k + 1], t - k));
  }

  const map = new Plot(fig, p.map), strength = logBase.map((v) => 0.15 + 0.85 * Math.exp((v - Math.max(...logBase)) / 2));
  function draw(w, _, c) {
    const { muted, ink, paper } = fig.colours, edge = between(edges, 0), X = scale(-edge, edge, 0, w), Y = scale(edge, -edge, 0, w);
    const outline = (q) => [...q, q[0]].map(([x, y]) => [X(x), Y(y)]);
    if (p.sheet.checked) for (let i = 0; i < cells * cells; i++) {
      const q = outline(corners(Math.floor(i / cells), i % cells));
      c.globalAlpha = strength[i];
      map.area(q, colour(between(logAreas, i)));
      c.globalAlpha = 1;
      map.line(q, muted + "77", 0.5);
    }
    for (let i = 0; i < count; i++) { const [x, y] = place(points, i); map.rect(X(x) - 1.1, Y(y) - 1.1, 2.2, 2.2, ink); }
    for (const [tone, width] of [[paper, 5], [ink, 2.4]]) map.line(outline(corners(row, column)), tone, width);
  }

  function go(to, r = row, k = column) {
    [stage, row, column] = [clip(to, 0, last), clip(r, 0, cells - 1), clip(k, 0, cells - 1)];
    p.slider.value = stage;
    if (calm.matches) at = stage;
    fig.chose([stage, row, column]);
  }
  const inside = (q, [x, y]) => q.reduce((odd, [a, b], k) => { const [u, v] = q[(k + 3) % 4]; return b > y !== v > y && x < a + ((y - b) / (v - b)) * (u - a) ? !odd : odd; }, false);
  map.pointer((u, v) => {
    const edge = between(edges, 0), x = [(2 * u - 1) * edge, (1 - 2 * v) * edge];
    let nearest, least = Infinity; // beside the sheet: the cell whose middle is nearest
    for (let r = 0; r < cells; r++) for (let k = 0; k < cells; k++) {
      const q = corners(r, k), far = inside(q, x) ? -1 : Math.hypot((q[0][0] + q[2][0]) / 2 - x[0], (q[0][1] + q[2][1]) / 2 - x[1]);
      if (far < least) { least = far; nearest = [r, k]; }
    }
    go(stage, ...nearest);
  }).keys((dx, dy) => go(stage, row + dx, column + dy), (key) => {
    const by = { PageDown: 1, PageUp: -1 }[key];
    if (by) go(stage + by);
    return by;
  });
  p.slider.oninput = () => go(+p.slider.value);
  p.sheet.onchange = () => fig.redraw();

  return () => {
    at = Math.abs(stage - at) < 0.02 ? stage : at + (stage - at) * 0.25; // glides from layer to layer
    const i = row * cells + column, log = logAreas[stage * cells * cells + i], base = Math.exp(logBase[i]), factor = Math.exp(log), density = base / factor;
    map.paint(draw);
    const drawn = area(corners(row, column)) / (2 * reach / cells) ** 2;
    const title = stage === 0 ? "No layer undone: the base" : stage === last ? `All ${last} layers undone: the data` : `${stage} of ${last} layers undone`;
    fig.write({
      title, base: number(base), factor: number(factor), drawn: number(drawn), density: number(density),
      words: stage ? `Undone last: ${names[stage - 1]}.` : "Nothing has moved yet, so each factor is 1.",
    });
    fig.stats.value = { stage, row, column, factor, drawn, density, still: at === stage };
    if (at !== stage) fig.redraw();
    else fig.say(`${title}. Cell ${row + 1}, ${column + 1}: area factor ${number(factor)}, density ${fixed(density, 3)}.`);
  };
});

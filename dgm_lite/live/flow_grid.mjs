// A grid of latent values carried to the data, layer by layer: choose a cell and see its area factor.
import { figure, Plot, number, fixed, rgb, mix } from "./core.mjs";

const STOPS = ["#0f6b50", "#8ccbb5", "#f4f1ea", "#f0b25e", "#c96a00"].map(rgb);
const calm = matchMedia("(prefers-reduced-motion: reduce)");

figure("flow_grid", (fig) => {
  const { n, reach, edges, names, start } = fig.spec, last = names.length, cells = n - 1;
  const nodes = fig.array(fig.spec.nodes), logAreas = fig.array(fig.spec.logAreas), points = fig.array(fig.spec.points), logBase = fig.array(fig.spec.logBase);
  let [stage, row, column] = start, at = stage, sheet = true;

  const p = fig.html(`
    <div class="cols"><div class="wide">
      <canvas data-p="map" tabindex="0" role="application" aria-label="The grid and the points. The arrow keys choose a cell; page up and page down go from layer to layer."></canvas>
      <p class="small muted" style="margin-top:6px">Click a cell, or use the arrow keys. Green cells have shrunk, orange ones have grown.</p>
    </div><div>
      <label><strong data-p="title"></strong>
        <input data-p="slider" type="range" min="0" max="${last}" step="1" value="${stage}"></label>
      <p class="row small muted" style="justify-content:space-between"><span>latent <b>z</b></span><span>data <b>x</b></span></p>
      <label class="row small"><input data-p="sheet" type="checkbox" checked> show the grid</label>
      <p class="head"><strong>The chosen cell</strong></p>
      <p>base density <i>p</i><sub><i>z</i></sub>(<b>z</b>) = <output class="num" data-p="base"></output></p>
      <p>area factor exp(−log det) = <output class="num" data-p="factor"></output></p>
      <p>area of the drawn cell ÷ its first area = <output class="num" data-p="drawn"></output></p>
      <div class="verdict">density here = base ÷ factor = <output class="num" data-p="density"></output></div>
      <p class="small muted" data-p="words"></p>
    </div></div>`);

  // The frame zooms with the stage.
  const zoom = () => { const k = Math.min(Math.floor(at), last - 1); return edges[k] + (at - k) * (edges[k + 1] - edges[k]); };
  // Place of number i of a packed array of stages, between two stages while the picture moves.
  const between = (array, i) => {
    const size = array.length / (last + 1), k = Math.min(Math.floor(at), last - 1), t = at - k;
    return array[k * size + i] * (1 - t) + array[(k + 1) * size + i] * t;
  };
  const place = (array, i) => [between(array, 2 * i), between(array, 2 * i + 1)];
  const corners = (r, c) => [r * n + c, r * n + c + 1, (r + 1) * n + c + 1, (r + 1) * n + c].map((i) => place(nodes, i));
  const area = (q) => Math.abs(q.reduce((sum, [x, y], k) => { const [u, v] = q[(k + 1) % 4]; return sum + x * v - u * y; }, 0)) / 2;
  function colour(log) {
    const t = (Math.min(Math.max(log / 3, -1), 1) + 1) * 2, k = Math.min(Math.floor(t), 3);
    return mix(STOPS[k], STOPS[k + 1], t - k);
  }

  const map = new Plot(fig, p.map, 1), strength = logBase.map((v) => 0.15 + 0.85 * Math.exp((v - Math.max(...logBase)) / 2));
  function draw(c, w) {
    const edge = zoom(), X = ([x, y]) => [((x + edge) / (2 * edge)) * w, ((edge - y) / (2 * edge)) * w];
    const trace = (q) => { c.beginPath(); q.map(X).forEach((a, k) => (k ? c.lineTo(...a) : c.moveTo(...a))); c.closePath(); };
    c.lineWidth = 0.5;
    if (sheet) for (let r = 0, i = 0; r < cells; r++) for (let k = 0; k < cells; k++, i++) {
      trace(corners(r, k));
      c.fillStyle = `rgba(${colour(between(logAreas, i)).map(Math.round)},${strength[i]})`;
      c.fill();
      c.strokeStyle = fig.colours.muted + "77";
      c.stroke();
    }
    c.fillStyle = fig.colours.ink;
    for (let i = 0; i < points.length / (last + 1) / 2; i++) { const [a, b] = X(place(points, i)); c.fillRect(a - 1.1, b - 1.1, 2.2, 2.2); }
    trace(corners(row, column));
    for (const [ink, width] of [[fig.colours.paper, 5], [fig.colours.ink, 2.4]]) { c.strokeStyle = ink; c.lineWidth = width; c.lineJoin = "round"; c.stroke(); }
  }

  function go(to) {
    stage = Math.min(Math.max(to, 0), last);
    p.slider.value = stage;
    if (calm.matches) at = stage;
    fig.emit([stage, row, column]);
    fig.redraw();
  }
  function choose(r, k) {
    row = Math.min(Math.max(r, 0), cells - 1);
    column = Math.min(Math.max(k, 0), cells - 1);
    go(stage);
  }
  const inside = (q, [x, y]) => q.reduce((odd, [a, b], k) => { const [u, v] = q[(k + 3) % 4]; return b > y !== v > y && x < a + ((y - b) / (v - b)) * (u - a) ? !odd : odd; }, false);
  map.pointer((u, v) => {
    const edge = zoom(), x = [(2 * u - 1) * edge, (1 - 2 * v) * edge];
    let nearest = [row, column], least = Infinity; // beside the sheet: the cell whose middle is nearest
    for (let r = 0; r < cells; r++) for (let k = 0; k < cells; k++) {
      const q = corners(r, k), far = Math.hypot((q[0][0] + q[2][0]) / 2 - x[0], (q[0][1] + q[2][1]) / 2 - x[1]);
      if (inside(q, x)) return choose(r, k);
      if (far < least) { least = far; nearest = [r, k]; }
    }
    choose(...nearest);
  }).keys((dx, dy) => choose(row + dx, column + dy), (e) => {
    const by = { PageDown: 1, PageUp: -1 }[e.key];
    if (by) go(stage + by);
    return Boolean(by);
  });
  p.slider.addEventListener("input", () => go(+p.slider.value));
  p.sheet.addEventListener("change", () => { sheet = p.sheet.checked; fig.redraw(); });

  return () => {
    at = Math.abs(stage - at) < 0.02 ? stage : at + (stage - at) * 0.25; // glides from layer to layer
    const i = row * cells + column, log = logAreas[stage * cells * cells + i], base = Math.exp(logBase[i]), factor = Math.exp(log);
    map.paint(draw);
    const drawn = area(corners(row, column)) / (2 * reach / cells) ** 2;
    p.title.textContent = stage === 0 ? "No layer undone: the base" : stage === last ? `All ${last} layers undone: the data` : `${stage} of ${last} layers undone`;
    p.base.textContent = number(base);
    p.factor.textContent = number(factor);
    p.drawn.textContent = number(drawn);
    p.density.textContent = number(base / factor);
    p.words.textContent = stage ? `Undone last: ${names[stage - 1]}.` : "Nothing has moved yet, so each factor is 1.";
    fig.stats.value = { stage, row, column, factor, drawn, density: base / factor, still: at === stage };
    if (at !== stage) fig.redraw();
    else fig.say(`${p.title.textContent}. Cell ${row + 1}, ${column + 1}: area factor ${number(factor)}, density ${fixed(base / factor, 3)}.`);
  };
});

// Two ways to decide: drag the cross, see p(y|x), p(x), p(x, y), and the decision with and without a reject option.
import { figure, Plot, histogram, fieldImage, escape, number, fixed, quantile, rank, softmax, rgb, mix } from "./core.mjs";

const N = 81; // nodes of the background grid, a side

// Puts the outer nodes of an image on the canvas's edges and lets the browser smooth.
function paintField(c, field, w, h) {
  c.imageSmoothingQuality = "high";
  c.drawImage(field, 0.5, 0.5, field.width - 1, field.height - 1, 0, 0, w, h);
}

// Marching squares on an n x n grid of values, in units of cells from the top left.
// Returns {line, area}: the curve value = level, and the region where value < level.
function contour(n, values, level) {
  const line = new Path2D(), area = new Path2D();
  for (let i = 0; i < n - 1; i++) for (let j = 0, from = -1; j < n; j++) {
    const p = i * n + j, q = p + n;
    const low = j < n - 1 ? (values[p] < level) + (values[p + 1] < level) + (values[q] < level) + (values[q + 1] < level) : 0;
    if (low === 4) { if (from < 0) from = j; continue; }
    if (from >= 0) { area.rect(from, i, j - from, 1); from = -1; } // a run of whole cells
    if (!low) continue;
    const corner = [[j, i, values[p]], [j + 1, i, values[p + 1]], [j + 1, i + 1, values[p + n + 1]], [j, i + 1, values[p + n]]];
    const outline = [], cut = [];
    corner.forEach(([x, y, v], k) => {
      const [x2, y2, v2] = corner[(k + 1) % 4];
      if (v < level) outline.push([x, y]);
      if (v < level !== v2 < level) { const t = (level - v) / (v2 - v), at = [x + t * (x2 - x), y + t * (y2 - y)]; outline.push(at); cut.push(at); }
    });
    outline.forEach((q, k) => (k ? area.lineTo(...q) : area.moveTo(...q)));
    area.closePath();
    for (let k = 0; k + 1 < cut.length; k += 2) { line.moveTo(...cut[k]); line.lineTo(...cut[k + 1]); }
  }
  return { line, area };
}

figure("cross", (fig) => {
  const { lim: [x0, x1, y0, y1], names, start, threshold } = fig.spec;
  const points = fig.array(fig.spec.points), heldout = fig.array(fig.spec.heldout);
  let at = [...start], field = "joint";

  const [orange, blue] = names.map((name, k) => `<span class="${["orange", "blue"][k]}">${escape(name)}</span>`);
  const p = fig.html(`
    <fieldset class="seg"><legend class="hide">Background</legend>${[["posterior", "<i>p</i>(<i>y</i> | <b>x</b>)"], ["density", "<i>p</i>(<b>x</b>)"], ["joint", "<i>p</i>(<b>x</b>, <i>y</i>)"]]
      .map(([key, label]) => `<label><input type="radio" name="field" value="${key}"${key === field ? " checked" : ""}>${label}</label>`).join("")}</fieldset>
    <div class="cols"><div class="wide">
      <canvas data-p="map" tabindex="0" role="application" aria-label="The plane with ${escape(names[0])} and ${escape(names[1])} points and a black cross. The arrow keys move the cross, with shift in bigger steps."></canvas>
      <p class="small muted" style="margin-top:6px">Drag the cross, tap, or use the arrow keys. Hatched: refused.</p>
    </div><div>
      <p class="head"><strong>The classifier</strong> <i>p</i>(<i>y</i> | <b>x</b>)</p>
      <div class="split" aria-hidden="true"><i data-p="bar" class="ease" style="background:var(--orange)"></i><i style="flex:1;background:var(--blue)"></i></div>
      <p class="row num" style="justify-content:space-between"><span>${orange} <output data-p="orange"></output></span><span>${blue} <output data-p="blue"></output></span></p>
      <p class="head"><strong>The density</strong> <i>p</i>(<b>x</b>) = <output class="num" data-p="px"></output></p>
      <canvas data-p="hist" role="img" aria-label="Histogram of log p(x) of held-out points, with a mark at the cross"></canvas>
      <p class="small muted">log <i>p</i>(<b>x</b>) = <output class="num" data-p="log"></output>, <output data-p="rank"></output></p>
      <p class="head"><strong>Both</strong> <i>p</i>(<b>x</b>, <i>y</i>) = <i>p</i>(<i>y</i> | <b>x</b>) <i>p</i>(<b>x</b>)</p>
      <p class="row num" style="justify-content:space-between"><span>${orange} <output data-p="jointOrange"></output></span><span>${blue} <output data-p="jointBlue"></output></span></p>
      <div class="verdict" data-p="left">By <i>p</i>(<i>y</i> | <b>x</b>) alone: <output data-p="alone"></output></div>
      <div class="verdict" data-p="right">With a reject option: <output data-p="decision"></output></div>
      <label class="small">Refuse where <i>p</i>(<b>x</b>) is below that of <output class="num" data-p="share"></output> of held-out points
        <input data-p="slider" type="range" min="0" max="20" step="0.5" value="${100 * threshold}"></label>
    </div></div>`);

  // ------------------------------------------------ the background, computed once by the very same models
  const images = {}, curves = {};
  let pBlue, logPx, peak;
  fig.later(() => {
    const grid = new Float32Array(2 * N * N);
    for (let i = 0, k = 0; i < N; i++) for (let j = 0; j < N; j++) {
      grid[k++] = x0 + (j / (N - 1)) * (x1 - x0);
      grid[k++] = y1 - (i / (N - 1)) * (y1 - y0);
    }
    const { logits } = fig.run("classifier", [N * N, 2], grid);
    pBlue = Float32Array.from({ length: N * N }, (_, i) => 1 / (1 + Math.exp(logits[2 * i] - logits[2 * i + 1])));
    logPx = fig.run("density", [N * N, 2], grid).log_prob;
    peak = Math.max(heldout.at(-1), ...logPx);
  });
  const contours = () => (curves[field === "posterior"] ??= field === "posterior" ? [0.02, 0.5, 0.98].map((level) => contour(N, pBlue, level).line)
    : [0.02, 0.1, 0.3, 0.6, 0.9].map((q) => contour(N, logPx, quantile(heldout, q)).line));
  function background() {
    const paper = rgb(fig.colours.paper), warm = rgb(fig.colours.orange), cool = rgb(fig.colours.blue), ink = rgb(fig.colours.ink);
    const white = mix(paper, [255, 255, 255], fig.dark ? 0.08 : 1);
    const strength = (i) => Math.sqrt(Math.exp(logPx[i] - peak)), hue = (t) => (t < 0.5 ? mix(warm, white, 0.3 + 0.7 * (2 * t) ** 2) : mix(cool, white, 0.3 + 0.7 * (2 - 2 * t) ** 2));
    const paint = {
      posterior: (i) => hue(pBlue[i]),
      density: (i) => mix(white, mix(ink, [27, 130, 100], fig.dark ? 0.6 : 0.9), 0.9 * strength(i)),
      joint: (i) => mix(white, hue(pBlue[i]), Math.min(1, 1.15 * strength(i))),
    };
    return (images[field] ??= fieldImage(N, paint[field]));
  }
  fig.onTheme = () => { for (const key in images) delete images[key]; };

  let refused, limit = quantile(heldout, p.slider.value / 100);

  // ------------------------------------------------ drawing
  const map = new Plot(fig, p.map, (y1 - y0) / (x1 - x0));
  const spread = heldout.at(-1) - quantile(heldout, 0.01), hist = histogram(fig, p.hist, heldout, { low: Math.min(heldout[0], heldout.at(-1) - 2.2 * spread) });
  function hatch(c) {
    const tile = document.createElement("canvas"), t = tile.getContext("2d");
    tile.width = tile.height = 8;
    t.strokeStyle = fig.colours.ink;
    t.globalAlpha = 0.28;
    t.beginPath();
    for (const k of [-8, 0, 8]) { t.moveTo(k - 1, 9); t.lineTo(k + 9, -1); }
    t.stroke();
    return c.createPattern(tile, "repeat");
  }
  function shadeRefused(c, curve) {
    refused ??= contour(N, logPx, limit);
    const area = curve(refused.area);
    c.globalAlpha = 0.35;
    c.fillStyle = fig.colours.paper;
    c.fill(area);
    c.globalAlpha = 1;
    c.fillStyle = hatch(c);
    c.fill(area);
    c.strokeStyle = fig.colours.ink;
    c.lineWidth = 1.4;
    c.stroke(curve(refused.line));
  }
  function drawMap() {
    map.paint((c, w, h) => {
      const { ink, paper, orange: warm, blue: cool } = fig.colours, cell = [w / (N - 1), h / (N - 1)], X = (a) => ((a - x0) / (x1 - x0)) * w, Y = (b) => ((y1 - b) / (y1 - y0)) * h;
      const curve = (path) => { const scaled = new Path2D(); scaled.addPath(path, new DOMMatrix([cell[0], 0, 0, cell[1], 0, 0])); return scaled; };
      if (logPx) paintField(c, background(), w, h);
      c.strokeStyle = ink;
      if (logPx) contours().forEach((path, k) => {
        const boundary = field === "posterior" && k === 1;
        c.globalAlpha = boundary ? 0.85 : 0.32;
        c.lineWidth = boundary ? 1.8 : 1;
        c.stroke(curve(path));
      });
      c.globalAlpha = 1;
      c.lineWidth = 0.8;
      c.strokeStyle = paper;
      for (let i = 0; i < points.length; i += 3) {
        c.fillStyle = points[i + 2] ? cool : warm;
        const a = X(points[i]), b = Y(points[i + 1]);
        c.beginPath();
        if (points[i + 2]) { c.moveTo(a, b - 4.2); c.lineTo(a + 3.9, b + 2.7); c.lineTo(a - 3.9, b + 2.7); c.closePath(); }
        else c.arc(a, b, 3.2, 0, 7);
        c.fill();
        c.stroke();
      }
      if (logPx) shadeRefused(c, curve);
      // The black cross, black on dark pages too, with a white rim.
      const a = X(at[0]), b = Y(at[1]);
      c.lineCap = "round";
      for (const [colour, width] of [["#ffffff", 7], ["#000000", 3.6]]) {
        c.strokeStyle = colour;
        c.lineWidth = width;
        c.beginPath();
        c.moveTo(a - 10, b); c.lineTo(a + 10, b); c.moveTo(a, b - 10); c.lineTo(a, b + 10);
        c.stroke();
      }
      c.lineCap = "butt";
    });
  }

  const probability = (v) => (v > 0.9995 ? "> 0.999" : number(v));
  const percent = (v) => (v > 0.9995 ? "> 99.9 %" : `${(100 * v).toFixed(1)} %`);
  function show() {
    const posterior = softmax(fig.run("classifier", [1, 2], at).logits), log = fig.run("density", [1, 2], at).log_prob[0], px = Math.exp(log);
    const winner = posterior[1] > posterior[0] ? 1 : 0, refuse = log < limit, place = rank(heldout, log, "held-out points");
    drawMap();
    hist(log, limit);
    p.bar.style.width = `${100 * posterior[0]}%`;
    p.orange.textContent = probability(posterior[0]);
    p.blue.textContent = probability(posterior[1]);
    p.px.textContent = number(px);
    p.log.textContent = fixed(log);
    p.rank.textContent = place;
    p.jointOrange.textContent = number(px * posterior[0]);
    p.jointBlue.textContent = number(px * posterior[1]);
    p.alone.textContent = `${names[winner]}, ${percent(posterior[winner])} certain`;
    p.decision.textContent = refuse ? "no decision, p(x) is too low" : `${names[winner]}, ${percent(posterior[winner])} certain`;
    p.left.style.borderColor = fig.colours[["orange", "blue"][winner]];
    p.right.style.borderColor = refuse ? fig.colours.bad : fig.colours[["orange", "blue"][winner]];
    p.share.textContent = `${p.slider.value} %`;
    p.map.setAttribute("aria-description", `cross at ${fixed(at[0])}, ${fixed(at[1])}`);
    fig.stats.value = { x: at, posterior, log_px: log, limit, refuse };
    fig.say(`Cross at ${fixed(at[0])}, ${fixed(at[1])}. Classifier: ${p.alone.textContent}. log p of x is ${fixed(log)}, ${place}. With a reject option: ${p.decision.textContent}.`);
  }

  function move(a, b) {
    at = [Math.min(Math.max(a, x0), x1), Math.min(Math.max(b, y0), y1)];
    fig.emit(at);
    fig.redraw();
  }
  map.pointer((u, v) => move(x0 + u * (x1 - x0), y1 - v * (y1 - y0)))
    .keys((dx, dy, shift) => { const step = (x1 - x0) / (shift ? 20 : 100); move(at[0] + dx * step, at[1] + dy * step); });
  p.slider.addEventListener("input", () => { limit = quantile(heldout, p.slider.value / 100); refused = null; fig.redraw(); });
  fig.box.addEventListener("change", (e) => { if (e.target.name === "field") { field = e.target.value; fig.redraw(); } });
  return show;
});

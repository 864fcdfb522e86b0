// Two ways to decide: drag the cross, see p(y|x), p(x), p(x, y), and the decision with and without a reject option.
import { figure, Plot, histogram, fieldImage, clip, scale, range, number, fixed, quantile, rank, softmax, rgb, mix } from "./core.mjs";

const N = 81; // nodes of the background grid, a side

// Marching squares on an n x n grid of values, in units of cells from the top left.
// Returns {line, area}: the curve value = level, and the region where value < level.
function contour(n, values, level) {
  const line = new Path2D(), area = new Path2D();
  for (let i = 0; i < n - 1; i++) for (let j = 0, from = -1; j < n; j++) {
    const p = i * n + j, corners = j < n - 1 ? [[j, i, values[p]], [j + 1, i, values[p + 1]], [j + 1, i + 1, values[p + n + 1]], [j, i + 1, values[p + n]]] : [];
    const low = corners.filter((corner) => corner[2] < level).length;
    if (low === 4) { if (from < 0) from = j; continue; }
    if (from >= 0) { area.rect(from, i, j - from, 1); from = -1; } // a run of whole cells
    if (!low) continue;
    const outline = [], cut = [];
    corners.forEach(([x, y, v], k) => {
      const [x2, y2, v2] = corners[(k + 1) % 4];
      if (v < level) outline.push([x, y]);
      if (v < level !== v2 < level) { const t = (level - v) / (v2 - v), at = [x + t * (x2 - x), y + t * (y2 - y)]; outline.push(at); cut.push(at); }
    });
    outline.forEach((q, k) => (k ? area.lineTo(...q) : area.moveTo(...q)));
    area.closePath();
    cut.forEach((q, k) => (k % 2 ? line.lineTo(...q) : line.moveTo(...q)));
  }
  return { line, area };
}

figure("cross", (fig, p) => {
  const { lim: [x0, x1, y0, y1], names, start } = fig.spec, [points, heldout] = fig.arrays("points", "heldout"), sides = ["orange", "blue"];
  let at = start, field = "joint", limit, refused;

  // ------------------------------------------------ the background, computed once by the very same models
  let images = {}, pBlue, logPx, top;
  const curves = {};
  fig.later(() => {
    const grid = range(2 * N * N, (k) => { const i = k >> 1; return k % 2 ? y1 - (Math.floor(i / N) / (N - 1)) * (y1 - y0) : x0 + ((i % N) / (N - 1)) * (x1 - x0); });
    const { logits } = fig.run("classifier", [N * N, 2], grid);
    pBlue = range(N * N, (i) => 1 / (1 + Math.exp(logits[2 * i] - logits[2 * i + 1])));
    logPx = fig.run("density", [N * N, 2], grid).log_prob;
    top = Math.max(heldout.at(-1), ...logPx);
  });
  const contours = () => (curves[field === "posterior"] ??= field === "posterior" ? [0.02, 0.5, 0.98].map((level) => contour(N, pBlue, level).line)
    : [0.02, 0.1, 0.3, 0.6, 0.9].map((q) => contour(N, logPx, quantile(heldout, q)).line));
  function background() {
    const { paper, orange, blue, ink } = fig.colours, white = mix(rgb(paper), [255, 255, 255], fig.dark ? 0.08 : 1);
    const strength = (i) => Math.sqrt(Math.exp(logPx[i] - top)), hue = (t) => mix(rgb(t < 0.5 ? orange : blue), white, 0.3 + 0.7 * (2 * Math.min(t, 1 - t)) ** 2);
    return (images[field] ??= fieldImage(N, {
      posterior: (i) => hue(pBlue[i]),
      density: (i) => mix(white, mix(rgb(ink), [27, 130, 100], fig.dark ? 0.6 : 0.9), 0.9 * strength(i)),
      joint: (i) => mix(white, hue(pBlue[i]), Math.min(1, 1.15 * strength(i))),
    }[field]));
  }
  fig.onTheme = () => { images = {}; };

  // ------------------------------------------------ drawing
  const map = new Plot(fig, p.map, (y1 - y0) / (x1 - x0)), hist = histogram(fig, p.hist, heldout);
  function hatch(c) {
    const tile = document.createElement("canvas"), t = tile.getContext("2d");
    tile.width = tile.height = 8;
    t.strokeStyle = fig.colours.ink;
    t.globalAlpha = 0.28;
    for (const k of [-8, 0, 8]) { t.moveTo(k - 1, 9); t.lineTo(k + 9, -1); }
    t.stroke();
    return c.createPattern(tile, "repeat");
  }
  function drawMap(w, h, c) {
    const { ink, paper, orange, blue } = fig.colours, X = scale(x0, x1, 0, w), Y = scale(y1, y0, 0, h);
    const curve = (path) => { const scaled = new Path2D(); scaled.addPath(path, new DOMMatrix([w / (N - 1), 0, 0, h / (N - 1), 0, 0])); return scaled; };
    if (logPx) {
      // The outer nodes lie on the canvas's edges; the browser smooths between nodes.
      c.imageSmoothingQuality = "high";
      c.drawImage(background(), 0.5, 0.5, N - 1, N - 1, 0, 0, w, h);
      contours().forEach((path, k) => {
        const boundary = field === "posterior" && k === 1;
        c.globalAlpha = boundary ? 0.85 : 0.32;
        map.pen(ink, boundary ? 1.8 : 1);
        c.stroke(curve(path));
      });
      c.globalAlpha = 1;
    }
    for (let i = 0; i < points.length; i += 3) {
      const a = X(points[i]), b = Y(points[i + 1]);
      if (points[i + 2]) map.area([[a, b - 4.2], [a + 3.9, b + 2.7], [a - 3.9, b + 2.7]], blue);
      else map.dot(a, b, 3.2, orange);
      map.pen(paper, 0.8);
      c.closePath();
      c.stroke();
    }
    if (logPx) {
      refused ??= contour(N, logPx, limit);
      const area = curve(refused.area);
      c.globalAlpha = 0.35;
      c.fillStyle = paper;
      c.fill(area);
      c.globalAlpha = 1;
      c.fillStyle = hatch(c);
      c.fill(area);
      map.pen(ink, 1.4);
      c.stroke(curve(refused.line));
    }
    // The black cross with a white rim; on dark pages the other way round, as in the still pictures.
    const [black, white] = fig.dark ? ["#ffffff", "#000000"] : ["#000000", "#ffffff"];
    c.lineCap = "round";
    map.cross(X(at[0]), Y(at[1]), white, 7);
    map.cross(X(at[0]), Y(at[1]), black, 3.6);
    c.lineCap = "butt";
  }

  const probability = (v) => (v > 0.9995 ? "> 0.999" : number(v));
  const percent = (v) => (v > 0.9995 ? "> 99.9 %" : `${(100 * v).toFixed(1)} %`);
  const refuseBelow = () => { limit = quantile(heldout, p.slider.value / 100); refused = null; fig.redraw(); };
  const move = (a, b) => fig.chose(at = [clip(a, x0, x1), clip(b, y0, y1)]);
  map.pointer((u, v) => move(x0 + u * (x1 - x0), y1 - v * (y1 - y0)))
    .keys((dx, dy, shift) => { const step = (x1 - x0) / (shift ? 20 : 100); move(at[0] + dx * step, at[1] + dy * step); });
  p.slider.oninput = refuseBelow;
  fig.box.onchange = ({ target }) => { if (target.name === "field") { field = target.value; fig.redraw(); } };
  refuseBelow();

  return () => {
    const posterior = softmax(fig.run("classifier", [1, 2], at).logits), log = fig.run("density", [1, 2], at).log_prob[0], px = Math.exp(log);
    const winner = posterior[1] > posterior[0] ? 1 : 0, refuse = log < limit, where = rank(heldout, log, "held-out points"), spot = at.map((v) => fixed(v)).join(", ");
    const alone = `${names[winner]}, ${percent(posterior[winner])} certain`, decision = refuse ? "no decision, p(x) is too low" : alone, { bad, [sides[winner]]: tone } = fig.colours;
    map.paint(drawMap);
    hist(log, limit);
    fig.write({
      orange: probability(posterior[0]), blue: probability(posterior[1]), px: number(px), log: fixed(log), rank: where, alone, decision,
      jointOrange: number(px * posterior[0]), jointBlue: number(px * posterior[1]), share: `${p.slider.value} %`,
    });
    p.bar.style.width = `${100 * posterior[0]}%`;
    p.left.style.borderColor = tone;
    p.right.style.borderColor = refuse ? bad : tone;
    p.map.ariaDescription = `cross at ${spot}`;
    fig.stats.value = { x: at, posterior, log_px: log, limit, refuse };
    fig.say(`Cross at ${spot}. Classifier: ${alone}. log p of x is ${fixed(log)}, ${where}. With a reject option: ${decision}.`);
  };
});

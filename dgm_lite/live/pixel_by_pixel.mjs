// A picture drawn pixel by pixel from p(x_d | x_{<d}), by chance or by hand, while log p(x) adds up.
import { figure, Plot, clip, scale, range, sum, peak, signed, fixed, squareAt, quantile, rank, softmax, rgb } from "./core.mjs";

figure("pixel_by_pixel", (fig, p) => {
  const { side, levels, things, prefix } = fig.spec, D = side * side, top = levels - 1, [heldout] = fig.arrays("heldout");
  const pad = new Plot(fig, p.pad), chart = new Plot(fig, p.bars, 0.4), path = new Plot(fig, p.path, 0.36), draws = fig.all("[name=draw]");
  let x = prefix, terms, next, at, seed = 1, upTo = 0, fresh = true;

  // A small generator of random numbers, so that a figure draws the same pictures everywhere.
  function random() {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), seed | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  }

  // One pass gives every conditional; what stands after the prefix does not matter to the columns we read.
  function look() {
    const { logits } = fig.run("model", [1, D], range(D, (d) => x[d] ?? 0)), column = (d) => softmax(range(levels, (k) => logits[k * D + d]));
    terms = x.map((v, d) => Math.log(column(d)[v]));
    next = x.length < D ? column(x.length) : [];
    if (fresh) at = peak(next);
    fresh = false;
  }
  function set(picture) { x = picture; fresh = true; fig.chose(x); }
  function change(picture) { upTo = 0; set(picture); }
  const put = (level) => { if (x.length < D) change([...x, level]); };
  const drawTo = (end) => { upTo = Math.min(D, end); fig.redraw(); };
  function drawOne() {
    let u = random(), k = 0;
    while (k < top && (u -= next[k]) > 0) k++;
    set([...x, k]);
  }

  fig.box.onclick = ({ target }) => { if (target.name === "draw") drawTo(x.length + +target.value); };
  p.undo.onclick = () => change(x.slice(0, -1));
  p.again.onclick = () => change([]);
  pad.pointer((u, v, phase) => {
    const d = squareAt(side, u, v);
    if (phase === "down" && d < x.length) change(x.slice(0, d));
  });
  chart.pointer((u, _, phase) => { if (phase === "down") put(clip(Math.floor(u * levels), 0, top)); });
  chart.keys((dx) => { at = clip(at + dx, 0, top); fig.redraw(); }, (key) => {
    const act = { Enter: () => put(at), " ": () => drawTo(x.length + 1), Backspace: () => change(x.slice(0, -1)) }[key];
    act?.();
    return act;
  });

  return () => {
    look();
    if (x.length < upTo) { drawOne(); look(); } // one pixel a frame
    const { muted, line, soft, accent, orange, blue } = fig.colours, sums = terms.reduce((all, t) => [...all, all.at(-1) + t], [0]), total = sums.at(-1), done = x.length === D;
    pad.paint(() => {
      pad.image(side, (d) => (d < x.length ? fig.tone(x[d] / top) : rgb(soft)));
      for (let d = x.length + 1; d < D; d++) { const [left, upper] = pad.middle(side, d); pad.rect(left - 1, upper - 1, 2, 2, line); }
      if (!done) pad.mark(side, x.length, orange, 3, 2);
    });
    chart.paint((w, h) => {
      const wide = w / levels, foot = h - 16, most = Math.max(...next, 0.05);
      for (let k = 0; k < levels; k++) {
        const tall = done ? 0 : Math.max(1, (next[k] / most) * (foot - 6));
        chart.rect((k + 0.12) * wide, foot - tall, 0.76 * wide, tall, k === at ? orange : blue);
        if (k % (wide < 18 ? 4 : 2) === 0) chart.text(k, (k + 0.5) * wide, h - 3, muted);
      }
      if (done) chart.text("All pixels are set.", w / 2, foot / 2, muted);
      else if (chart.focused) chart.frame(at * wide, 1, wide, h - 2, accent, 2);
    });
    path.paint((w, h) => {
      const low = 1.15 * Math.min(quantile(heldout, 0.02), total), right = w - 52, X = scale(0, D, 2, right - 2), Y = scale(0, low, 6, h - 8);
      const [a, b] = [0.05, 0.95].map((q) => Y(quantile(heldout, q)));
      for (let v = 0; v > low; v -= 40) {
        path.rect(2, Y(v), right, v ? 0.5 : 1, line);
        path.text(signed(v), right + 14, Y(v) + 4, muted, "left");
      }
      path.rect(right + 4, b, 6, a - b, line);
      path.line(sums.flatMap((s, d) => [[X(d), Y(sums[d - 1] ?? 0)], [X(d), Y(s)]]), blue, 2);
    });
    const level = done ? "" : `Level ${at}: p = ${fixed(next[at], 3)}.`, so = `${fixed(total, 1)} nats`, left = `${D - x.length} pixels to go.`;
    const say = done ? `All ${D} pixels: log p(x) = ${so}, ${fixed(-total / D / Math.LN2)} bits per pixel, ${rank(heldout, total, things)}.`
      : x.length ? `Pixel ${x.length - 1} was given level ${x.at(-1)}, at a price of ${fixed(-terms.at(-1))} nats. ${left}` : `Nothing is set: log p = 0. ${left}`;
    fig.write({ level, say, sum: so });
    p.undo.disabled = p.again.disabled = !x.length;
    for (const button of draws) button.disabled = done;
    p.bars.ariaDescription = level;
    fig.stats.value = { x, terms, p: next, log_prob: total, at };
    fig.say(say, `${level} `);
  };
});

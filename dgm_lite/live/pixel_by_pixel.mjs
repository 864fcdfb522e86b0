// A picture drawn pixel by pixel from p(x_d | x_{<d}), by chance or by hand, while log p(x) adds up.
import { figure } from "./shared/figure.mjs";
import { clip, fixed, peak, quantile, range, rank, rgb, scale } from "./shared/numbers.mjs";
import { signed, softmax, squareAt } from "./shared/numbers.mjs";
import { Plot } from "./shared/plot.mjs";

// Mulberry32, a small generator of random numbers, so that a figure draws the same pictures everywhere.
function generator(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), seed | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

figure("pixel_by_pixel", (fig, parts) => {
  const { side, levels, things, prefix } = fig.spec;
  const D = side * side;
  const top = levels - 1;
  const [heldout] = fig.arrays("heldout");
  const pad = new Plot(fig, parts.pad);
  const chart = new Plot(fig, parts.bars, 0.4);
  const path = new Plot(fig, parts.path, 0.36);
  const draws = fig.all("[name=draw]");
  const random = generator(1);
  let x = prefix;
  let terms; // log p(x_d | x_{<d}) of the pixels that are set
  let next; // p(x_d | x_{<d}) of the first that is not
  let at; // the level that the keys have chosen for it
  let fresh = true; // nobody has chosen yet: the likeliest
  let upTo = 0; // pixels to draw, one a frame

  // One pass gives every conditional; what stands after the prefix does not matter to the columns we read.
  function look() {
    const { logits } = fig.run("model", [1, D], range(D, (d) => x[d] ?? 0));
    const conditional = (d) => softmax(range(levels, (k) => logits[k * D + d]));
    terms = x.map((level, d) => Math.log(conditional(d)[level]));
    next = x.length < D ? conditional(x.length) : [];
    if (fresh) at = peak(next);
    fresh = false;
  }

  function drawOne() {
    let u = random();
    let level = 0;
    while (level < top && (u -= next[level]) > 0) level++;
    set([...x, level]);
  }

  // ---------------------------------------------------------------- what the reader does

  function set(picture) {
    x = picture;
    fresh = true;
    fig.chose(x);
  }
  function change(picture) {
    upTo = 0;
    set(picture);
  }
  function put(level) {
    if (x.length < D) change([...x, level]);
  }
  function drawTo(end) {
    upTo = Math.min(D, end);
    fig.redraw();
  }
  const back = () => change(x.slice(0, -1));

  fig.box.onclick = ({ target }) => {
    if (target.name === "draw") drawTo(x.length + +target.value);
  };
  parts.undo.onclick = back;
  parts.again.onclick = () => change([]);
  pad.pointer((u, v, phase) => {
    const d = squareAt(side, u, v);
    if (phase === "down" && d < x.length) change(x.slice(0, d));
  });
  chart.pointer((u, _, phase) => {
    if (phase === "down") put(clip(Math.floor(u * levels), 0, top));
  });
  chart.keys((right) => {
    at = clip(at + right, 0, top);
    fig.redraw();
  }, (key) => {
    const act = { Enter: () => put(at), " ": () => drawTo(x.length + 1), Backspace: back }[key];
    act?.();
    return act;
  });

  // ---------------------------------------------------------------- drawing

  function drawPad() {
    const { line, soft, orange } = fig.colours;
    pad.image(side, (d) => (d < x.length ? fig.tone(x[d] / top) : rgb(soft)));
    for (let d = x.length + 1; d < D; d++) {
      const [left, upper] = pad.middle(side, d);
      pad.rect(left - 1, upper - 1, 2, 2, line);
    }
    if (x.length < D) pad.mark(side, x.length, orange, 3, 2);
  }

  function drawChart(width, height) {
    const { muted, accent, orange, blue } = fig.colours;
    const done = x.length === D;
    const wide = width / levels;
    const foot = height - 16;
    const most = Math.max(...next, 0.05);
    for (let level = 0; level < levels; level++) {
      const tall = done ? 0 : Math.max(1, (next[level] / most) * (foot - 6));
      const colour = level === at ? orange : blue;
      chart.rect((level + 0.12) * wide, foot - tall, 0.76 * wide, tall, colour);
      if (level % (wide < 18 ? 4 : 2) === 0) chart.text(level, (level + 0.5) * wide, height - 3, muted);
    }
    if (done) chart.text("All pixels are set.", width / 2, foot / 2, muted);
    else if (chart.focused) chart.frame(at * wide, 1, wide, height - 2, accent, 2);
  }

  // The sum falls step by step; the bar on the right is where nine in ten held-out pictures end.
  function drawPath(width, height, sums) {
    const { muted, line, blue } = fig.colours;
    const low = 1.15 * Math.min(quantile(heldout, 0.02), sums.at(-1));
    const right = width - 52;
    const toX = scale(0, D, 2, right - 2);
    const toY = scale(0, low, 6, height - 8);
    const [bottom, upper] = [0.05, 0.95].map((q) => toY(quantile(heldout, q)));
    for (let value = 0; value > low; value -= 40) {
      path.rect(2, toY(value), right, value ? 0.5 : 1, line);
      path.text(signed(value), right + 14, toY(value) + 4, muted, "left");
    }
    path.rect(right + 4, upper, 6, bottom - upper, line);
    const steps = sums.flatMap((value, d) => [[toX(d), toY(sums[d - 1] ?? 0)], [toX(d), toY(value)]]);
    path.line(steps, blue, 2);
  }

  function summary(total) {
    const left = `${D - x.length} pixels to go.`;
    if (!x.length) return `Nothing is set: log p = 0. ${left}`;
    if (x.length < D) {
      const price = `at a price of ${fixed(-terms.at(-1))} nats`;
      return `Pixel ${x.length - 1} was given level ${x.at(-1)}, ${price}. ${left}`;
    }
    const bits = `${fixed(-total / D / Math.LN2)} bits per pixel`;
    return `All ${D} pixels: log p(x) = ${fixed(total, 1)} nats, ${bits}, ${rank(heldout, total, things)}.`;
  }

  return () => {
    look();
    if (x.length < upTo) {
      drawOne();
      look();
    }
    const sums = terms.reduce((all, term) => [...all, all.at(-1) + term], [0]);
    const total = sums.at(-1);
    const done = x.length === D;
    pad.paint(drawPad);
    chart.paint(drawChart);
    path.paint((width, height) => drawPath(width, height, sums));
    const level = done ? "" : `Level ${at}: p = ${fixed(next[at], 3)}.`;
    const say = summary(total);
    fig.write({ level, say, sum: `${fixed(total, 1)} nats` });
    parts.undo.disabled = parts.again.disabled = !x.length;
    for (const button of draws) button.disabled = done;
    parts.bars.ariaDescription = level;
    fig.stats.value = { x, terms, p: next, log_prob: total, at };
    fig.say(say, `${level} `);
  };
});

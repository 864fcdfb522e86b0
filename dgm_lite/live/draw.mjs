// Draw a small image: log p(x) against held-out data, and what a classifier believes it sees.
import { bars, histogram } from "./shared/charts.mjs";
import { figure } from "./shared/figure.mjs";
import { clip, fixed, peak, place, rank, softmax, squareAt, stepFrom } from "./shared/numbers.mjs";
import { Plot } from "./shared/plot.mjs";

// A stroke covers FINE x FINE dots in each pixel, and a pixel's level counts them: as the digits were made.
const FINE = 4;
const REACH = 0.62 * FINE; // of the brush, in dots

figure("draw", (fig, parts) => {
  const { side, levels, classes, things, examples } = fig.spec;
  const D = side * side;
  const top = levels - 1;
  const [heldout] = fig.arrays("heldout");
  const pad = new Plot(fig, parts.pad);
  const showDensity = histogram(fig, parts.hist, heldout);
  const showBelief = bars(fig, parts.bars, classes);
  let x;
  let at = 0;

  const set = (picture) => fig.chose(x = picture);

  // ---------------------------------------------------------------- examples, which take turns

  const unpacked = Object.entries(examples).map(([name, packed]) => [name, fig.array(packed)]);
  const pages = Object.fromEntries(unpacked);
  const timesShown = {};
  function example(name) {
    const page = pages[name];
    const k = (timesShown[name] ?? 0) % (page.length / D);
    timesShown[name] = k + 1;
    set([...page.slice(k * D, (k + 1) * D)]);
  }
  fig.box.onclick = ({ target }) => {
    if (target === parts.clear) set(Array(D).fill(0));
    else if (target.type === "button") example(target.value);
  };

  // ---------------------------------------------------------------- the brush

  const dots = side * FINE;
  let before; // the picture as the stroke began
  let covered; // by the stroke, dot by dot
  let last; // where the stroke was, in dots

  // Covers the dots around a point.
  function touch(a, b) {
    covered.forEach((_, k) => {
      const column = (k % dots) + 0.5;
      const row = Math.floor(k / dots) + 0.5;
      if (Math.hypot(column - a, row - b) <= REACH) covered[k] = 1;
    });
  }

  // Covers the dots on the way from where the stroke was, in steps of at most a dot.
  function strokeTo(to) {
    const [a, b] = last;
    const steps = Math.max(1, Math.ceil(Math.hypot(to[0] - a, to[1] - b)));
    for (let s = 1; s <= steps; s++) touch(a + ((to[0] - a) * s) / steps, b + ((to[1] - b) * s) / steps);
    last = to;
  }

  // The picture under the stroke: ink is added where it was less, or taken where it was more.
  function inked() {
    const counts = Array(D).fill(0);
    covered.forEach((on, k) => {
      counts[squareAt(side, (k % dots) / dots, Math.floor(k / dots) / dots)] += on;
    });
    return before.map((level, d) => {
      const ink = Math.round((counts[d] / FINE ** 2) * top);
      return parts.erase.checked ? Math.min(level, top - ink) : Math.max(level, ink);
    });
  }

  pad.pointer((u, v, phase) => {
    const to = [u * dots, v * dots];
    if (phase === "down") {
      before = x;
      covered = new Uint8Array(dots * dots);
      last = to;
    }
    strokeTo(to);
    at = squareAt(side, u, v);
    set(inked());
  });

  // ---------------------------------------------------------------- keys

  // The level that a key gives the chosen pixel, if it gives any.
  function levelOf(key) {
    const old = x[at];
    const named = { "+": old + 1, "=": old + 1, "-": old - 1, " ": old ? 0 : top, Delete: 0, Backspace: 0 };
    if (key.length === 1 && key >= "0" && key <= "9") return Math.round((key / 9) * top);
    return named[key];
  }

  pad.keys((right, up) => {
    at = stepFrom(side, at, right, up);
    fig.redraw();
  }, (key) => {
    const level = levelOf(key);
    if (level === undefined) return false;
    set(x.map((old, d) => (d === at ? clip(level, 0, top) : old)));
    return true;
  });
  parts.surprise.onchange = () => fig.redraw();

  // ---------------------------------------------------------------- drawing

  function drawPad(width, context, terms) {
    const { line, accent, bad } = fig.colours;
    pad.image(side, (d) => fig.tone(x[d] / top));
    for (let k = 1; k < side; k++) {
      const edge = (k * width) / side - 0.25;
      pad.rect(edge, 0, 0.5, width, line);
      pad.rect(0, edge, width, 0.5, line);
    }
    if (terms && parts.surprise.checked) {
      context.globalAlpha = 0.85;
      terms.forEach((nats, d) => {
        const radius = Math.min(0.48, 0.16 * Math.sqrt(-nats)) * (width / side);
        pad.dot(...pad.middle(side, d), radius, bad);
      });
      context.globalAlpha = 1;
    }
    if (pad.focused) pad.mark(side, at, accent, 3);
  }

  example(Object.keys(pages)[0]);

  return () => {
    const { log_prob: [log], terms } = fig.run("density", [1, D], x);
    const posterior = softmax(fig.run("classifier", [1, D], x).logits);
    const best = peak(posterior);
    const where = rank(heldout, log, things);
    const sees = `${classes[best]}, ${(100 * posterior[best]).toFixed(1)} %`;
    parts.toggle.hidden = !terms;
    pad.paint((width, _, context) => drawPad(width, context, terms));
    showDensity(log);
    showBelief(posterior);
    fig.write({
      log: `${fixed(log, 1)} nats (${fixed(-log / D / Math.LN2)} bits/dim)`,
      rank: where[0].toUpperCase() + where.slice(1),
      belief: sees,
    });
    const spot = `${place(side, at)}: level ${x[at]} of ${top}`;
    parts.pad.ariaDescription = spot;
    fig.stats.value = { x, log_prob: log, terms, posterior };
    fig.say(`log p of x is ${fixed(log, 1)} nats, ${where}. Classifier: ${sees}.`, `${spot}. `);
  };
});

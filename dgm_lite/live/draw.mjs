// Draw a small image: log p(x) against held-out data, and what a classifier believes it sees.
import { figure, Plot, histogram, bars, clip, peak, fixed, place, squareAt, stepFrom, rank, softmax } from "./core.mjs";

const FINE = 4; // a stroke covers FINE x FINE dots in each pixel, and a pixel's level counts them: as the digits were made

figure("draw", (fig, p) => {
  const { side, levels, classes, things, examples } = fig.spec, D = side * side, top = levels - 1, dots = side * FINE, timesShown = {};
  const [heldout] = fig.arrays("heldout"), pages = Object.fromEntries(Object.entries(examples).map(([name, packed]) => [name, fig.array(packed)]));
  let x, at = 0;

  const pad = new Plot(fig, p.pad), hist = histogram(fig, p.hist, heldout), belief = bars(fig, p.bars, classes);
  const set = (next) => fig.chose(x = next);

  // The next example of its kind.
  function example(name) {
    const page = pages[name], k = timesShown[name] ?? 0, n = page.length / D;
    timesShown[name] = k + 1;
    set([...page.slice((k % n) * D, (k % n) * D + D)]);
  }

  // ------------------------------------------------ the brush
  let before, covered, last;
  pad.pointer((u, v, phase) => {
    const to = [u * dots, v * dots];
    if (phase === "down") { before = x; covered = new Uint8Array(dots * dots); last = to; }
    const reach = 0.62 * FINE, steps = Math.max(1, Math.ceil(Math.hypot(to[0] - last[0], to[1] - last[1])));
    for (let s = 1; s <= steps; s++) {
      const a = last[0] + ((to[0] - last[0]) * s) / steps, b = last[1] + ((to[1] - last[1]) * s) / steps;
      covered.forEach((_, k) => { if (Math.hypot((k % dots) + 0.5 - a, Math.floor(k / dots) + 0.5 - b) <= reach) covered[k] = 1; });
    }
    last = to;
    at = squareAt(side, u, v);
    const counts = Array(D).fill(0);
    covered.forEach((on, k) => { counts[squareAt(side, (k % dots) / dots, Math.floor(k / dots) / dots)] += on; });
    set(before.map((level, d) => {
      const ink = Math.round((counts[d] / FINE ** 2) * top);
      return p.erase.checked ? Math.min(level, top - ink) : Math.max(level, ink);
    }));
  }).keys((dx, dy) => {
    at = stepFrom(side, at, dx, dy);
    fig.redraw();
  }, (key) => {
    const old = x[at], digit = key.length === 1 && key >= "0" && key <= "9" ? Math.round((key / 9) * top) : undefined;
    const level = { "+": old + 1, "=": old + 1, "-": old - 1, " ": old ? 0 : top, Delete: 0, Backspace: 0 }[key] ?? digit;
    if (level === undefined) return false;
    set(x.map((v, d) => (d === at ? clip(level, 0, top) : v)));
    return true;
  });

  p.surprise.onchange = () => fig.redraw();
  fig.box.onclick = ({ target }) => {
    if (target === p.clear) set(Array(D).fill(0));
    else if (target.type === "button") example(target.value);
  };
  example(Object.keys(pages)[0]);

  return () => {
    const { log_prob: [log], terms } = fig.run("density", [1, D], x), posterior = softmax(fig.run("classifier", [1, D], x).logits);
    const best = peak(posterior), where = rank(heldout, log, things), sees = `${classes[best]}, ${(100 * posterior[best]).toFixed(1)} %`;
    p.toggle.hidden = !terms;
    pad.paint((w, _, c) => {
      const { line, accent, bad } = fig.colours;
      pad.image(side, (d) => fig.tone(x[d] / top));
      for (let k = 1; k < side; k++) { const y = (k * w) / side - 0.25; pad.rect(y, 0, 0.5, w, line); pad.rect(0, y, w, 0.5, line); }
      c.globalAlpha = 0.85;
      if (terms && p.surprise.checked) terms.forEach((nats, d) => pad.dot(...pad.middle(side, d), (Math.min(0.48, 0.16 * Math.sqrt(-nats)) * w) / side, bad));
      c.globalAlpha = 1;
      if (pad.focused) pad.mark(side, at, accent, 3);
    });
    hist(log);
    belief(posterior);
    fig.write({ log: `${fixed(log, 1)} nats (${fixed(-log / D / Math.LN2)} bits/dim)`, rank: where[0].toUpperCase() + where.slice(1), belief: sees });
    p.pad.ariaDescription = `${place(side, at)}: level ${x[at]} of ${top}`;
    fig.stats.value = { x, log_prob: log, terms, posterior };
    fig.say(`log p of x is ${fixed(log, 1)} nats, ${where}. Classifier: ${sees}.`, `${p.pad.ariaDescription}. `);
  };
});

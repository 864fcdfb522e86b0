// Draw a small image: log p(x) against held-out data, and what a classifier believes it sees.
import { figure, Plot, histogram, bars, escape, fixed, quantile, rank, softmax, rgb, mix } from "./core.mjs";

const FINE = 4; // a stroke covers FINE x FINE dots in each pixel, and a pixel's level counts them: as the digits were made

figure("draw", (fig) => {
  const { side, levels, classes, things, examples } = fig.spec, D = side * side, top = levels - 1, dots = side * FINE;
  const heldout = fig.array(fig.spec.heldout), pages = Object.entries(examples).map(([name, packed]) => [name, fig.array(packed)]);
  let x = [...pages[0][1].slice(0, D)], cell = [0, 0], surprise = false, timesShown = {};

  const p = fig.html(`
    <div class="cols"><div class="wide" style="max-width:340px">
      <fieldset class="seg"><legend class="hide">Brush</legend><label><input type="radio" name="brush" value="ink" checked>Draw</label><label><input type="radio" name="brush" value="erase">Erase</label><button type="button" data-p="clear">Clear</button></fieldset>
      <canvas data-p="pad" tabindex="0" role="application" style="border:1px solid var(--line)" aria-label="A picture of ${side} by ${side} pixels. Arrow keys choose a pixel, plus and minus change its level, digits 0 to 9 set it, space switches it."></canvas>
      <p class="small muted" style="margin-top:6px">Draw with the pointer; or arrow keys, + and −, 0 to 9, space.</p>
      <div class="row" role="group" aria-label="Examples" style="margin-top:10px">${pages.map(([name]) => `<button type="button" class="small" data-example="${escape(name)}">${escape(name)}</button>`).join("")}</div>
    </div><div>
      <p class="head"><strong>The density</strong> log <i>p</i>(<b>x</b>) = <output class="num" data-p="log"></output></p>
      <canvas data-p="hist" role="img" aria-label="Histogram of log p(x) of ${escape(things)}, with a mark at this picture"></canvas>
      <p class="small muted"><output data-p="rank"></output></p>
      <p class="head"><strong>The classifier</strong> <i>p</i>(<i>y</i> | <b>x</b>): <output data-p="belief"></output></p>
      <canvas data-p="bars" role="img" aria-label="The classifier's probability of each class"></canvas>
      <label class="small row" data-p="toggle" style="margin-top:12px;flex-wrap:nowrap"><input type="checkbox" data-p="surprise"><span>Show where the model is surprised: a dot of size −log <i>p</i>(<i>x<sub>d</sub></i> | <i><b>x</b><sub>&lt;d</sub></i>)</span></label>
    </div></div>`);

  const pad = new Plot(fig, p.pad, 1), spread = heldout.at(-1) - quantile(heldout, 0.01);
  const hist = histogram(fig, p.hist, heldout, { low: Math.min(heldout[0], heldout.at(-1) - 2.2 * spread) }), belief = bars(fig, p.bars, classes);

  function show() {
    const density = fig.run("density", [1, D], x), log = density.log_prob[0], posterior = softmax(fig.run("classifier", [1, D], x).logits);
    const bits = -log / D / Math.LN2, best = posterior.indexOf(Math.max(...posterior)), place = rank(heldout, log, things);
    p.toggle.hidden = !density.terms;
    pad.paint((c, w) => {
      const { ink, line, accent, bad } = fig.colours, paper = fig.dark ? fig.colours.soft : fig.colours.paper, size = w / side;
      for (let d = 0; d < D; d++) {
        const i = Math.floor(d / side), j = d % side;
        c.fillStyle = `rgb(${mix(rgb(paper), rgb(ink), x[d] / top).map(Math.round)})`;
        c.fillRect(j * size, i * size, size + 0.5, size + 0.5);
      }
      c.fillStyle = line;
      for (let k = 1; k < side; k++) { c.fillRect(k * size - 0.25, 0, 0.5, w); c.fillRect(0, k * size - 0.25, w, 0.5); }
      if (surprise && density.terms) for (let d = 0; d < D; d++) {
        const nats = -density.terms[d];
        c.globalAlpha = 0.85;
        c.fillStyle = bad;
        c.beginPath();
        c.arc(((d % side) + 0.5) * size, (Math.floor(d / side) + 0.5) * size, Math.min(0.48, 0.16 * Math.sqrt(nats)) * size, 0, 7);
        c.fill();
        c.globalAlpha = 1;
      }
      if (fig.shadow.activeElement === p.pad) {
        c.strokeStyle = accent;
        c.lineWidth = 3;
        c.strokeRect(cell[1] * size + 1.5, cell[0] * size + 1.5, size - 3, size - 3);
      }
    });
    hist(log);
    belief(posterior);
    p.log.textContent = `${fixed(log, 1)} nats (${bits.toFixed(2)} bits/dim)`;
    p.rank.textContent = place[0].toUpperCase() + place.slice(1);
    p.belief.textContent = `${classes[best]}, ${(100 * posterior[best]).toFixed(1)} %`;
    p.pad.setAttribute("aria-description", `row ${cell[0] + 1}, column ${cell[1] + 1}: level ${x[cell[0] * side + cell[1]]} of ${top}`);
    fig.stats.value = { x, log_prob: log, terms: density.terms, posterior };
    fig.say(`${document.activeElement === fig.host ? p.pad.getAttribute("aria-description") + ". " : ""}log p of x is ${fixed(log, 1)} nats, ${place}. Classifier: ${p.belief.textContent}.`);
  }

  function set(next) {
    x = next;
    fig.emit(x);
    fig.redraw();
  }

  // ------------------------------------------------ the brush
  let before, covered, last;
  function stroke(u, v, phase) {
    const to = [u * dots, v * dots], erase = p.pad.erase;
    if (phase === "down") { before = [...x]; covered = new Uint8Array(dots * dots); last = to; }
    const reach = 0.62 * FINE, steps = Math.max(1, Math.ceil(Math.hypot(to[0] - last[0], to[1] - last[1])));
    for (let s = 1; s <= steps; s++) {
      const a = last[0] + ((to[0] - last[0]) * s) / steps, b = last[1] + ((to[1] - last[1]) * s) / steps;
      for (let i = Math.max(0, Math.floor(b - reach)); i < Math.min(dots, b + reach); i++) {
        for (let j = Math.max(0, Math.floor(a - reach)); j < Math.min(dots, a + reach); j++) {
          if (Math.hypot(j + 0.5 - a, i + 0.5 - b) <= reach) covered[i * dots + j] = 1;
        }
      }
    }
    last = to;
    cell = [Math.min(side - 1, Math.floor(to[1] / FINE)), Math.min(side - 1, Math.floor(to[0] / FINE))];
    const counts = new Float32Array(D);
    covered.forEach((on, k) => { if (on) counts[Math.floor(k / dots / FINE) * side + Math.floor((k % dots) / FINE)]++; });
    set(before.map((level, d) => {
      const ink = Math.round((counts[d] / FINE ** 2) * top);
      return erase ? Math.min(level, top - ink) : Math.max(level, ink);
    }));
  }

  function change(level) {
    const next = [...x], d = cell[0] * side + cell[1];
    next[d] = Math.min(Math.max(level(next[d]), 0), top);
    set(next);
    return true;
  }
  pad.pointer(stroke).keys((dx, dy) => {
    cell = [cell[0] - dy, cell[1] + dx].map((k) => Math.min(Math.max(k, 0), side - 1));
    fig.redraw();
  }, ({ key }) => {
    if (key === "+" || key === "=") return change((v) => v + 1);
    if (key === "-") return change((v) => v - 1);
    if (key === " ") return change((v) => (v ? 0 : top));
    if (key === "Delete" || key === "Backspace") return change(() => 0);
    return key >= "0" && key <= "9" && key.length === 1 && change(() => Math.round((key / 9) * top));
  });
  for (const type of ["focus", "blur"]) p.pad.addEventListener(type, () => fig.redraw());

  fig.box.addEventListener("change", ({ target }) => {
    if (target.name === "brush") p.pad.erase = target.value === "erase";
    else if (target === p.surprise) { surprise = target.checked; fig.redraw(); }
  });
  // A button pressed again shows the next example of its kind.
  fig.box.addEventListener("click", ({ target }) => {
    if (target === p.clear) set(Array(D).fill(0));
    const page = pages.find(([name]) => name === target.dataset.example)?.[1];
    if (!page) return;
    const k = timesShown[target.dataset.example] ?? (page === pages[0][1] ? 1 : 0), n = page.length / D;
    timesShown[target.dataset.example] = k + 1;
    set([...page.slice((k % n) * D, (k % n) * D + D)]);
  });
  return show;
});

// A picture drawn pixel by pixel from p(x_d | x_{<d}), by chance or by hand, while log p(x) adds up.
import { figure, Plot, escape, fixed, rank, softmax, rgb, mix } from "./core.mjs";

figure("pixel_by_pixel", (fig) => {
  const { side, levels, things, prefix } = fig.spec, D = side * side, top = levels - 1, heldout = fig.array(fig.spec.heldout);
  let x = [...prefix], terms = [], p_next = [], at = 0, seed = 1, upTo = 0, fresh = true;

  const p = fig.html(`
    <div class="row" role="group" aria-label="Pixels"><button type="button" data-n="1">Draw the next pixel</button><button type="button" data-n="${side}">Draw ${side}</button><button type="button" data-n="${D}">Draw the rest</button><button type="button" data-p="undo">Back</button><button type="button" data-p="again">From the start</button></div>
    <div class="cols"><div style="max-width:270px">
      <canvas data-p="pad" role="img" style="border:1px solid var(--line)" aria-label="The picture so far"></canvas>
      <p class="small muted" style="margin-top:6px">Click a pixel that is set to go back to it.</p></div>
    <div><p class="head"><strong>The next pixel</strong> <i>p</i>(<i>x<sub>d</sub></i> | <i><b>x</b><sub>&lt;d</sub></i>)</p>
      <canvas data-p="bars" tabindex="0" role="application" aria-label="Probability of each level of the next pixel. Left and right choose a level, enter sets it, backspace goes back, space draws."></canvas>
      <p class="small muted">Click a bar to choose the level yourself; or arrow keys and Enter. <output class="num" data-p="level"></output></p>
      <p class="head"><strong>So far</strong> log <i>p</i> = <output class="num" data-p="sum"></output></p>
      <canvas data-p="path" role="img" aria-label="Sum of log p over the pixels set, falling step by step, and where ${escape(things)} end"></canvas>
      <p class="small muted">The grey bar on the right is where 9 in 10 ${escape(things)} end.</p>
    </div></div><p class="verdict"><output data-p="say"></output></p>`);
  const pad = new Plot(fig, p.pad, 1), chart = new Plot(fig, p.bars, 0.4), path = new Plot(fig, p.path, 0.36);

  // A small generator of random numbers, so that a figure draws the same pictures everywhere.
  function random() {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), seed | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  }

  // One pass gives every conditional; what stands after the prefix does not matter to the columns we read.
  function look() {
    const full = new Float32Array(D);
    full.set(x);
    const { logits } = fig.run("model", [1, D], full), column = (d) => softmax(Array.from({ length: levels }, (_, k) => logits[k * D + d]));
    terms = x.map((v, d) => Math.log(column(d)[v]));
    p_next = x.length < D ? column(x.length) : [];
    if (fresh) at = p_next.indexOf(Math.max(...p_next));
    fresh = false;
  }

  function put(level) {
    x = [...x, level];
    fresh = true;
    fig.emit(x);
  }
  function drawOne() {
    let u = random(), k = 0;
    while (k < top && (u -= p_next[k]) > 0) k++;
    put(k);
  }
  function change(next) { upTo = 0; x = next; fresh = true; fig.emit(x); fig.redraw(); }

  function show() {
    look();
    if (x.length < upTo) { drawOne(); look(); if (x.length < upTo) fig.redraw(); } // one pixel a frame
    const { ink, muted, line, soft, accent, orange, blue } = fig.colours, paper = fig.dark ? soft : fig.colours.paper, total = terms.reduce((a, b) => a + b, 0);
    pad.paint((c, w) => {
      const size = w / side;
      for (let d = 0; d < D; d++) {
        const left = (d % side) * size, high = Math.floor(d / side) * size;
        c.fillStyle = d < x.length ? `rgb(${mix(rgb(paper), rgb(ink), x[d] / top).map(Math.round)})` : soft;
        c.fillRect(left, high, size + 0.5, size + 0.5);
        if (d > x.length) { c.fillStyle = line; c.fillRect(left + size / 2 - 1, high + size / 2 - 1, 2, 2); }
        if (d === x.length) { c.strokeStyle = orange; c.lineWidth = 3; c.strokeRect(left + 2, high + 2, size - 4, size - 4); }
      }
    });
    chart.paint((c, w, h) => {
      const wide = w / levels, foot = h - 16, most = Math.max(...p_next, 0.05);
      c.font = "12px system-ui, sans-serif";
      c.textAlign = "center";
      for (let k = 0; k < levels; k++) {
        c.fillStyle = k === at && p_next.length ? orange : blue;
        const tall = p_next.length ? Math.max(1, (p_next[k] / most) * (foot - 6)) : 0;
        c.fillRect((k + 0.12) * wide, foot - tall, 0.76 * wide, tall);
        c.fillStyle = muted;
        if (k % (wide < 18 ? 4 : 2) === 0) c.fillText(String(k), (k + 0.5) * wide, h - 3);
      }
      c.fillStyle = muted;
      if (!p_next.length) c.fillText("All pixels are set.", w / 2, foot / 2);
      else if (fig.shadow.activeElement === p.bars) { c.strokeStyle = accent; c.lineWidth = 2; c.strokeRect(at * wide, 1, wide, h - 2); }
    });
    path.paint((c, w, h) => {
      const low = 1.15 * Math.min(heldout[Math.floor(heldout.length * 0.02)], total), right = w - 52, X = (d) => 2 + (d / D) * (right - 4), Y = (v) => 6 + (v / low) * (h - 14);
      const [a, b] = [0.05, 0.95].map((q) => Y(heldout[Math.floor(q * (heldout.length - 1))]));
      c.font = "12px system-ui, sans-serif";
      c.fillStyle = line;
      for (let v = 0; v > low; v -= 40) c.fillRect(2, Y(v), right, v ? 0.5 : 1);
      c.fillRect(right + 4, b, 6, a - b);
      c.fillStyle = muted;
      for (let v = 0; v > low; v -= 40) c.fillText(String(v).replace("-", "−"), right + 14, Y(v) + 4);
      c.strokeStyle = blue;
      c.lineWidth = 2;
      c.beginPath();
      c.moveTo(X(0), Y(0));
      let s = 0;
      terms.forEach((t, d) => { c.lineTo(X(d + 1), Y(s)); s += t; c.lineTo(X(d + 1), Y(s)); });
      c.stroke();
    });
    const done = x.length === D, last = terms.at(-1);
    p.level.textContent = done ? "" : `Level ${at}: p = ${fixed(p_next[at], 3)}.`;
    p.sum.textContent = `${fixed(total, 1)} nats`;
    p.say.textContent = done ? `All ${D} pixels: log p(x) = ${fixed(total, 1)} nats, ${fixed(-total / D / Math.LN2)} bits per pixel, ${rank(heldout, total, things)}.` : x.length ? `Pixel ${x.length - 1} was given level ${x.at(-1)}, at a price of ${fixed(-last, 2)} nats. ${D - x.length} pixels to go.` : `Nothing is set: log p = 0. ${D} pixels to go.`;
    p.undo.disabled = p.again.disabled = !x.length;
    for (const button of fig.box.querySelectorAll("[data-n]")) button.disabled = done;
    p.bars.setAttribute("aria-description", p.level.textContent);
    fig.stats.value = { x, terms, p: p_next, log_prob: total, at };
    fig.say(`${p.say.textContent} ${document.activeElement === fig.host ? p.level.textContent : ""}`);
  }

  fig.box.addEventListener("click", ({ target }) => {
    if (target.dataset?.n) { upTo = Math.min(D, x.length + Number(target.dataset.n)); fig.redraw(); }
    else if (target === p.undo) change(x.slice(0, -1));
    else if (target === p.again) change([]);
  });
  pad.pointer((u, v, phase) => {
    const d = Math.min(Math.floor(v * side), side - 1) * side + Math.min(Math.floor(u * side), side - 1);
    if (phase === "down" && d < x.length) change(x.slice(0, d));
  });
  const set = (level) => { if (x.length < D) change([...x, level]); };
  chart.pointer((u, _, phase) => phase === "down" && set(Math.min(Math.floor(u * levels), top)));
  chart.keys((dx) => { at = Math.min(Math.max(at + dx, 0), top); fig.redraw(); }, ({ key }) => {
    if (key === "Enter") set(at);
    else if (key === " ") { upTo = Math.min(D, x.length + 1); fig.redraw(); }
    else if (key === "Backspace") { if (x.length) change(x.slice(0, -1)); }
    else return false;
    return true;
  });
  for (const type of ["focus", "blur"]) p.bars.addEventListener(type, () => fig.redraw());
  return show;
});

// Where each model spends its bits on a picture: a map of its pixels, sums in reading order, and totals.
import { figure, Plot, escape, fieldImage, fixed, quantile, rgb, mix } from "./core.mjs";

figure("code_length", (fig) => {
  const { side, levels, things, models, wholes, start } = fig.spec, D = side * side, raw = D * Math.log2(levels);
  const x = fig.array(fig.spec.x), N = x.length / D, bits = models.map((m) => fig.array(m.bits)), whole = wholes.map((w) => fig.array(w.bits));
  const codes = [...models, ...wholes].map(({ name }) => name);
  // One scale of colours for all pictures and models, so that they can be compared.
  const most = Math.max(1, Math.ceil(quantile(Float32Array.from(bits.flatMap((b) => [...b])).sort(), 0.995)));
  const sums = bits.map((b) => { let s = 0; return b.map((v, i) => (s = i % D ? s + v : v)); });
  const highest = Math.max(raw, ...sums.flatMap((s) => [...s]));
  let [n, d, m] = start, news = "";

  const p = fig.html(`
    <fieldset class="seg strip"><legend class="small muted">Pick one of ${N} ${escape(things)}</legend>${Array.from({ length: N }, (_, i) => `<label><input type="radio" name="n" value="${i}" aria-label="${i + 1} of ${N}"${i ? "" : " checked"}></label>`).join("")}</fieldset>
    <div class="cols"><div>
      <fieldset class="seg"><legend class="small muted">Bits of each pixel under</legend>${models.map(({ name }, k) => `<label><input type="radio" name="m" value="${k}"${k === m ? " checked" : ""}>${escape(name)}</label>`).join("")}</fieldset>
      <div class="pair"><canvas data-p="heat" tabindex="0" role="application" aria-label="Bits of each pixel. The arrow keys choose a pixel."></canvas><canvas data-p="pad" role="img" aria-label="The picture"></canvas></div>
      <p class="row small muted"><span>0</span><span class="scale"></span><span>${most} bits or more</span></p>
      <p data-p="pixel" class="pixel"></p>
      <p class="verdict"><output data-p="say"></output></p>
    </div><div>
      <p class="head"><strong>Bits so far, in reading order</strong></p>
      <canvas data-p="path" role="img" aria-label="The bits of the pixels added up in reading order, a line for each model"></canvas>
      <p class="head"><strong>All ${D} pixels</strong></p>
      <div data-p="bars" role="list">${codes.map((name) => `<div role="listitem"><span>${escape(name)}</span> <span class="num"></span><i class="track"><i></i></i></div>`).join("")}</div>
      <p class="small muted">The full width is ${fixed(raw, 1)} bits: ${D} × log<sub>2</sub> ${levels}, all levels alike. <span data-p="cut"></span></p>
    </div></div>
    <style>
      legend{padding:0 0 5px}.strip{gap:4px}.strip label{padding:3px;min-height:0;line-height:0}.strip canvas{width:30px;image-rendering:pixelated;border-radius:3px}
      .pair{display:flex;gap:10px;max-width:420px;margin-bottom:6px}.pair canvas{flex:1;min-width:0;width:0;box-shadow:0 0 0 1px var(--line)}
      .scale{width:74px;height:9px;border-radius:4px;background:linear-gradient(90deg,var(--soft),var(--orange),color-mix(in srgb,var(--orange) 30%,var(--ink)))}
      .pixel{min-height:4.4em}[data-p=bars]>div{display:grid;grid-template-columns:1fr auto;margin-bottom:5px;gap:0 8px}
      .track{grid-column:1/-1;height:11px;border-radius:3px;background:var(--soft);overflow:hidden}.track i{display:block;height:100%;background:var(--muted)}
      .on .track i{background:var(--accent)}.best>span{font-weight:600}
      .long i i{mask:linear-gradient(110deg,#000 86%,#0000 86% 88%,#000 88% 90%,#0000 90% 92%,#000 92%)}
    </style>`);
  const pad = new Plot(fig, p.pad, 1), heat = new Plot(fig, p.heat, 1), path = new Plot(fig, p.path, 0.62);

  const ink = (v) => mix(rgb(fig.colours[fig.dark ? "soft" : "paper"]), rgb(fig.colours.ink), v / (levels - 1));
  function warm(b) {
    const [cold, mild, hot] = ["soft", "orange", "ink"].map((name) => rgb(fig.colours[name])), t = Math.min(b / most, 1) * 2;
    return t < 1 ? mix(cold, mild, t) : mix(mild, hot, (t - 1) * 0.7);
  }
  // The strip is drawn once for each theme.
  fig.onTheme = () => fig.box.querySelectorAll(".strip label").forEach((label, i) => {
    label.querySelector("canvas")?.remove();
    label.append(fieldImage(side, (k) => ink(x[i * D + k])));
  });
  fig.onTheme();

  function picture(plot, colour) {
    plot.paint((c, w) => {
      const size = w / side;
      c.imageSmoothingEnabled = false;
      c.drawImage(fieldImage(side, colour), 0, 0, w, w);
      c.lineJoin = "round";
      for (const [tone, width] of [["paper", 6], ["ink", 2.5]]) {
        c.strokeStyle = fig.colours[tone];
        c.lineWidth = width;
        c.strokeRect((d % side) * size + 1, Math.floor(d / side) * size + 1, size - 2, size - 2);
      }
    });
  }

  // Running sums with a name at the end of each, moved apart where they would meet.
  let edge = [26, 300]; // where the curves begin and end
  function curves(c, w, h) {
    const { ink: black, muted, line, accent } = fig.colours, foot = h - 18, end = (k) => sums[k][(n + 1) * D - 1];
    const order = [...models.keys()].sort((a, b) => end(a) - end(b)), bold = "600 12px system-ui, sans-serif";
    c.font = bold;
    edge = [26, w - Math.min(Math.max(...models.map(({ name }) => c.measureText(name).width)) + 6, 0.45 * w)];
    c.font = "12px system-ui, sans-serif";
    const X = (k) => edge[0] + (k / D) * (edge[1] - edge[0]), Y = (v) => foot - (v / highest) * (foot - 8);
    const step = [10, 20, 50, 100, 200, 500].find((s) => highest / s < 6) ?? 1000;
    c.textAlign = "right";
    for (let v = 0; v <= highest; v += step) {
      c.fillStyle = line;
      c.fillRect(X(0), Y(v), X(D) - X(0), v ? 0.5 : 1);
      c.fillStyle = muted;
      c.fillText(v, X(0) - 4, Y(v) + 4);
    }
    c.fillText("no model", X(D * 0.6) - 6, Y(raw * 0.6));
    c.textAlign = "center";
    for (let k = 0; k <= D; k += D / 4) c.fillText(k, X(k), h - 3);
    c.strokeStyle = muted;
    c.setLineDash([2, 4]);
    c.beginPath();
    c.moveTo(X(0), Y(0)); c.lineTo(X(D), Y(raw));
    c.stroke();
    c.setLineDash([]);
    c.fillStyle = black;
    c.fillRect(X(d + 1) - 0.75, Y(highest), 1.5, foot - Y(highest));
    for (const k of [...order.filter((k) => k !== m), m]) {
      const s = sums[k].subarray(n * D, (n + 1) * D);
      c.strokeStyle = c.fillStyle = k === m ? accent : muted;
      c.lineWidth = k === m ? 2.5 : 1.4;
      c.beginPath();
      c.moveTo(X(0), Y(0));
      s.forEach((v, i) => { c.lineTo(X(i + 1), Y(i ? s[i - 1] : 0)); c.lineTo(X(i + 1), Y(v)); });
      c.stroke();
      c.beginPath();
      c.arc(X(d + 1), Y(s[d]), k === m ? 4 : 3, 0, 7);
      c.fill();
    }
    c.textAlign = "left";
    let free = Infinity;
    for (const k of order) {
      free = Math.min(Y(end(k)) + 4, free - 14);
      c.fillStyle = k === m ? accent : muted;
      if (k === m) c.font = bold;
      c.fillText(models[k].name, X(D) + 5, free, w - X(D) - 5);
      c.font = "12px system-ui, sans-serif";
    }
  }

  function show() {
    const at = n * D + d, here = bits.map((b) => b[at]), totals = [...sums.map((s) => s[(n + 1) * D - 1]), ...whole.map((v) => v[n])];
    const order = totals.map((_, k) => k).sort((a, b) => totals[a] - totals[b]), [first, second] = order, last = order.at(-1), long = codes.filter((_, k) => totals[k] > raw);
    picture(pad, (k) => ink(x[n * D + k]));
    picture(heat, (k) => warm(bits[m][n * D + k]));
    path.paint(curves);
    [...p.bars.children].forEach((row, k) => {
      row.className = `${k === m ? "on " : ""}${k === first ? "best " : ""}${totals[k] > raw ? "long" : ""}`;
      row.children[1].textContent = `${fixed(totals[k], 1)} bits`;
      row.querySelector("i i").style.width = `${Math.min(100, (100 * totals[k]) / raw)}%`;
    });
    p.cut.textContent = long.map((name) => `The bar of ${name} is cut: to scale it would be ${fixed(totals[codes.indexOf(name)] / raw, 1)} times as long.`).join(" ");
    p.pixel.textContent = `Pixel (row ${Math.floor(d / side) + 1}, column ${(d % side) + 1}) = ${x[at]}: ${here.map((b, k) => `${fixed(b, 1)} bits under ${models[k].name}`).join(", ")}.`;
    p.say.textContent = `Shortest for this picture: ${codes[first]}, ${fixed(totals[first], 1)} bits, ${fixed(totals[first] / D)} a pixel.`
      + (second === undefined ? "" : ` Next comes ${codes[second]} with ${fixed(totals[second] - totals[first], 1)} bits more; ${codes[last]} takes ${fixed(totals[last] / totals[first], 1)} times as many.`);
    p.heat.setAttribute("aria-description", p.pixel.textContent);
    fig.stats.value = { n, d, model: models[m].name, bits: here, sums: sums.map((s) => s[at]), totals: Object.fromEntries(codes.map((name, k) => [name, totals[k]])), shortest: codes[first] };
    fig.say(news === "d" ? p.pixel.textContent : p.say.textContent);
  }

  function choose(next, what) {
    const to = { n, d, m, ...next };
    if (to.n === n && to.d === d && to.m === m) return;
    ({ n, d, m } = to);
    news = what;
    fig.emit([n, d, models[m].name]);
    fig.redraw();
  }
  const inside = (u, cells) => Math.min(Math.max(Math.floor(u * cells), 0), cells - 1);
  const pixel = (to) => choose({ d: to }, "d"), cell = (u, v) => pixel(inside(v, side) * side + inside(u, side));
  const along = (u) => pixel(inside((u * p.path.clientWidth - edge[0]) / (edge[1] - edge[0]), D));
  // The pointer chooses while it is pressed, and a mouse by hovering, too.
  for (const [plot, act] of [[pad, cell], [heat, cell], [path, along]]) {
    plot.pointer(act).element.addEventListener("pointermove", (e) => {
      if (e.pointerType === "mouse" && !e.buttons) act(e.offsetX / e.target.clientWidth, e.offsetY / e.target.clientHeight);
    });
  }
  heat.keys((dx, dy) => { const to = d + dx - dy * side; if (to >= 0 && to < D) pixel(to); });
  fig.box.addEventListener("change", ({ target }) => choose({ [target.name]: +target.value }, target.name));
  return show;
});

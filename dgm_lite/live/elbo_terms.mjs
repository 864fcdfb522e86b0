// The three terms of the ELBO: move a Gaussian q(z|x) against the true posterior, everything summed over a grid of z.
import { figure, Plot, escape, fixed, rgb, mix } from "./core.mjs";

const C = 0.5 * Math.log(2 * Math.PI), WIDE = 3;

figure("elbo_terms", (fig) => {
  const { side, top, reach, names, pictures, encoder } = fig.spec, table = fig.array(fig.spec.log_px), n = table.length / names.length, step = (2 * reach) / (n - 1);
  const z = Array.from({ length: n }, (_, i) => -reach + i * step);
  let k = 0, mu, logStd, logPx, exact, posterior;

  const p = fig.html(`
    <div class="row" role="group" aria-label="Examples">${names.map((name, i) => `<button type="button" class="small" data-k="${i}">${escape(name)}</button>`).join("")}</div>
    <div class="cols"><div class="wide">
      <canvas data-p="curves" tabindex="0" role="application" aria-label="Prior, true posterior and q over z. Left and right arrow keys move q, up and down change its width."></canvas>
      <p class="small"><span class="muted">grey: <i>p</i>(<i>z</i>)</span>, <span class="blue">blue: true <i>p</i>(<i>z</i> | <b>x</b>)</span>, <span class="orange">orange, dashed: <i>q</i>(<i>z</i> | <b>x</b>)</span></p>
      <label class="small">mean of <i>q</i>: <output class="num" data-p="muOut"></output><input data-p="mu" type="range" min="-3" max="3" step="0.02"></label>
      <label class="small">width of <i>q</i>: <output class="num" data-p="stdOut"></output><input data-p="std" type="range" min="-3" max="0.7" step="0.02"></label>
      <div class="row"><button type="button" class="small" data-p="enc">The encoder's q</button><button type="button" class="small" data-p="best">The best q</button></div>
    </div><div>
      <canvas data-p="x" role="img" aria-label="The picture x" style="max-width:90px;margin-bottom:8px"></canvas>
      <p class="row num" style="justify-content:space-between"><span>E log <i>p</i>(<b>x</b> | <i>z</i>)</span><output data-p="rec"></output></p>
      <p class="row num" style="justify-content:space-between"><span>E log <i>p</i>(<i>z</i>)</span><output data-p="prior"></output></p>
      <p class="row num" style="justify-content:space-between"><span>− E log <i>q</i>(<i>z</i> | <b>x</b>)</span><output data-p="ent"></output></p>
      <p class="row num" style="justify-content:space-between;border-top:1px solid var(--line)"><strong>ELBO, their sum</strong><output data-p="elbo"></output></p>
      <p class="row num" style="justify-content:space-between"><span>log <i>p</i>(<b>x</b>), exact</span><output data-p="exact"></output></p>
      <p class="row num" style="justify-content:space-between"><span>gap = KL(<i>q</i> ‖ <i>p</i>(<i>z</i> | <b>x</b>))</span><output data-p="gap"></output></p>
      <canvas data-p="bound" role="img" aria-label="The ELBO for every mean that q could have, and log p(x) above it"></canvas>
      <p class="small muted">the ELBO over the mean of <i>q</i>; dashed: log <i>p</i>(<b>x</b>)</p>
    </div></div>`);
  const curves = new Plot(fig, p.curves, 0.55), bound = new Plot(fig, p.bound, 0.42), image = new Plot(fig, p.x, 1);

  // q is divided by its sum over the grid, so that its expectations are those of a distribution on the grid.
  function terms(m, s) {
    const std = Math.exp(s);
    let total = 0, rec = 0, prior = 0, ent = 0;
    for (let i = 0; i < n; i++) { const e = (z[i] - m) / std, w = Math.exp(-0.5 * e * e); total += w; rec += w * logPx[i]; prior -= w * (0.5 * z[i] * z[i] + C); ent += w * 0.5 * e * e; }
    ent = ent / total + Math.log(total * step);
    return { rec: rec / total, prior: prior / total, ent, elbo: (rec + prior) / total + ent };
  }
  function choose(next) {
    k = next;
    logPx = table.subarray(k * n, (k + 1) * n);
    const joint = z.map((v, i) => logPx[i] - 0.5 * v * v - C), most = Math.max(...joint);
    exact = most + Math.log(joint.reduce((a, v) => a + Math.exp(v - most), 0) * step);
    posterior = joint.map((v) => Math.exp(v - exact));
    fig.box.querySelectorAll("[data-k]").forEach((b, i) => { b.setAttribute("aria-pressed", i === k); b.style.borderColor = i === k ? "var(--accent)" : ""; });
    set(...encoder[k]);
  }
  function set(m, s) {
    p.mu.value = m;
    p.std.value = s;
    [mu, logStd] = [+p.mu.value, +p.std.value];
    fig.emit([mu, logStd]);
    fig.redraw();
  }
  function best() {
    let found = [-Infinity];
    for (let s = -3; s <= 0.7; s += 0.1) for (let m = -3; m <= 3; m += 0.04) { const { elbo } = terms(m, s); if (elbo > found[0]) found = [elbo, m, s]; }
    for (let d = 0.02, [m0, s0] = found.slice(1), i = -2; i <= 2; i++) for (let j = -2; j <= 2; j++) { const { elbo } = terms(m0 + i * d, s0 + j * d); if (elbo > found[0]) found = [elbo, m0 + i * d, s0 + j * d]; }
    set(found[1], found[2]);
  }

  function show() {
    const t = terms(mu, logStd), std = Math.exp(logStd), q = z.map((v) => Math.exp(-0.5 * ((v - mu) / std) ** 2 - logStd - C)), { ink, muted, line, orange, blue, soft, paper } = fig.colours;
    const path = (c, xs, ys, X, Y) => { c.beginPath(); xs.forEach((v, i) => (i ? c.lineTo(X(v), Y(ys[i])) : c.moveTo(X(v), Y(ys[i])))); };
    curves.paint((c, w, h) => {
      const foot = h - 18, most = Math.max(...posterior, 0.5) * 1.25, X = (v) => ((v / WIDE + 1) / 2) * w, Y = (v) => foot - (Math.min(v, most) / most) * (foot - 6);
      c.lineWidth = 2;
      path(c, z, posterior, X, Y);
      c.globalAlpha = 0.25;
      c.fillStyle = blue;
      c.fill();
      c.globalAlpha = 1;
      for (const [ys, colour, dash] of [[posterior, blue, []], [z.map((v) => Math.exp(-0.5 * v * v - C)), muted, []], [q, orange, [6, 4]]]) {
        c.setLineDash(dash);
        c.strokeStyle = colour;
        path(c, z, ys, X, Y);
        c.stroke();
      }
      c.setLineDash([]);
      c.fillStyle = line;
      c.fillRect(0, foot, w, 1);
      c.fillStyle = muted;
      c.font = "12px system-ui, sans-serif";
      c.textAlign = "center";
      for (let v = -2; v <= 2; v++) c.fillText(String(v).replace("-", "−"), X(v), h - 4);
    });
    bound.paint((c, w, h) => {
      const means = Array.from({ length: 121 }, (_, i) => -3 + i / 20), values = means.map((m) => terms(m, logStd).elbo), low = exact - 30;
      const X = (v) => ((v / WIDE + 1) / 2) * w, Y = (v) => 10 + ((exact - Math.max(v, low - 9)) / 30) * (h - 14);
      c.fillStyle = soft;
      c.fillRect(0, 0, w, h);
      c.lineWidth = 2;
      c.strokeStyle = orange;
      path(c, means, values, X, Y);
      c.stroke();
      c.strokeStyle = ink;
      c.lineWidth = 1;
      c.setLineDash([5, 4]);
      path(c, [-WIDE, WIDE], [exact, exact], X, Y);
      c.stroke();
      c.setLineDash([]);
      c.fillStyle = orange;
      c.beginPath();
      c.arc(X(mu), Math.min(Y(t.elbo), h - 5), 5, 0, 7);
      c.fill();
    });
    image.paint((c, w) => pictures[k].forEach((v, d) => {
      c.fillStyle = `rgb(${mix(rgb(fig.dark ? soft : paper), rgb(ink), v / top).map(Math.round)})`;
      c.fillRect(((d % side) * w) / side, (Math.floor(d / side) * w) / side, w / side + 0.4, w / side + 0.4);
    }));
    p.muOut.textContent = fixed(mu);
    p.stdOut.textContent = fixed(std);
    for (const key of ["rec", "prior", "ent", "elbo"]) p[key].textContent = fixed(t[key]);
    p.exact.textContent = fixed(exact);
    p.gap.textContent = fixed(exact - t.elbo);
    fig.stats.value = { k, mu, log_std: logStd, ...t, exact };
    fig.say(`Mean ${fixed(mu)}, width ${fixed(std)}. The ELBO is ${fixed(t.elbo)} nats, ${fixed(exact - t.elbo)} below log p of x.`);
  }
  for (const input of [p.mu, p.std]) input.addEventListener("input", () => set(p.mu.value, p.std.value));
  curves.pointer((u) => set((2 * u - 1) * WIDE, logStd)).keys((dx, dy, shift) => { const d = shift ? 0.2 : 0.04; set(mu + dx * d, logStd + dy * d); });
  p.enc.addEventListener("click", () => set(...encoder[k]));
  p.best.addEventListener("click", best);
  fig.box.addEventListener("click", ({ target }) => { if (target.dataset.k) choose(+target.dataset.k); });
  choose(0);
  return show;
});

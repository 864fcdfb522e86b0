// The three terms of the ELBO: move a Gaussian q(z|x) against the true posterior, everything summed over a grid of z.
import { figure, Plot, scale, range, sum, signed, fixed } from "./core.mjs";

const C = 0.5 * Math.log(2 * Math.PI), WIDE = 3;

figure("elbo_terms", (fig, p) => {
  const { side, top, reach, names, pictures, encoder } = fig.spec, [table] = fig.arrays("log_px"), n = table.length / names.length, step = (2 * reach) / (n - 1);
  const z = range(n, (i) => -reach + i * step), prior = z.map((v) => Math.exp(-0.5 * v * v - C));
  const curves = new Plot(fig, p.curves, 0.55), bound = new Plot(fig, p.bound, 0.42), image = new Plot(fig, p.x);
  let k, mu, logStd, logPx, exact, posterior;

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
    exact = most + Math.log(sum(joint.map((v) => Math.exp(v - most))) * step);
    posterior = joint.map((v) => Math.exp(v - exact));
    fig.all("[name=example]").forEach((b, i) => { b.ariaPressed = i === k; b.style.borderColor = i === k ? "var(--accent)" : ""; });
    set(...encoder[k]);
  }
  function set(m, s) {
    p.mu.value = m;
    p.std.value = s;
    fig.chose([mu, logStd] = [+p.mu.value, +p.std.value]);
  }
  // Over the whole plane in coarse steps, then near the best of them in fine ones.
  function best() {
    let found = [-Infinity];
    const seek = (m, s) => { const { elbo } = terms(m, s); if (elbo > found[0]) found = [elbo, m, s]; };
    for (let s = -3; s <= 0.7; s += 0.1) for (let m = -3; m <= 3; m += 0.04) seek(m, s);
    const [, m, s] = found;
    for (let i = -2; i <= 2; i++) for (let j = -2; j <= 2; j++) seek(m + i * 0.02, s + j * 0.02);
    set(found[1], found[2]);
  }

  for (const input of [p.mu, p.std]) input.oninput = () => set(p.mu.value, p.std.value);
  curves.pointer((u) => set((2 * u - 1) * WIDE, logStd)).keys((dx, dy, shift) => { const d = shift ? 0.2 : 0.04; set(mu + dx * d, logStd + dy * d); });
  p.enc.onclick = () => set(...encoder[k]);
  p.best.onclick = best;
  fig.box.onclick = ({ target }) => { if (target.name === "example") choose(+target.value); };
  choose(0);

  return () => {
    const t = terms(mu, logStd), std = Math.exp(logStd), gap = exact - t.elbo, { ink, muted, line, orange, blue, soft } = fig.colours;
    curves.paint((w, h, c) => {
      const foot = h - 18, most = Math.max(...posterior, 0.5) * 1.25, X = scale(-WIDE, WIDE, 0, w), Y = scale(0, most, foot, 6);
      const curve = (ys) => ys.map((y, i) => [X(z[i]), Y(Math.min(y, most))]);
      c.globalAlpha = 0.25;
      curves.area(curve(posterior), blue);
      c.globalAlpha = 1;
      curves.line(curve(posterior), blue, 2);
      curves.line(curve(prior), muted, 2);
      curves.line(curve(z.map((v) => Math.exp(-0.5 * ((v - mu) / std) ** 2 - logStd - C))), orange, 2, [6, 4]);
      curves.rect(0, foot, w, 1, line);
      for (let v = -2; v <= 2; v++) curves.text(signed(v), X(v), h - 4, muted);
    });
    bound.paint((w, h) => {
      const X = scale(-WIDE, WIDE, 0, w), Y = (v) => 10 + ((exact - Math.max(v, exact - 39)) / 30) * (h - 14);
      bound.rect(0, 0, w, h, soft);
      bound.line(range(121, (i) => -3 + i / 20).map((m) => [X(m), Y(terms(m, logStd).elbo)]), orange, 2);
      bound.line([[0, Y(exact)], [w, Y(exact)]], ink, 1, [5, 4]);
      bound.dot(X(mu), Math.min(Y(t.elbo), h - 5), 5, orange);
    });
    image.paint(() => image.image(side, (d) => fig.tone(pictures[k][d] / top)));
    const words = { rec: t.rec, prior: t.prior, ent: t.ent, elbo: t.elbo, exact, gap, muOut: mu, stdOut: std };
    fig.write(Object.fromEntries(Object.entries(words).map(([key, v]) => [key, fixed(v)])));
    fig.stats.value = { k, mu, log_std: logStd, ...t, exact };
    fig.say(`Mean ${fixed(mu)}, width ${fixed(std)}. The ELBO is ${fixed(t.elbo)} nats, ${fixed(gap)} below log p of x.`);
  };
});

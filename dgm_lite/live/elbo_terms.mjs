// The three terms of the ELBO: move a Gaussian q(z|x) against the true posterior. All of it is summed over a
// grid of z.
import { figure } from "./shared/figure.mjs";
import { fixed, range, scale, signed, sum } from "./shared/numbers.mjs";
import { Plot } from "./shared/plot.mjs";

const LOG_ROOT = 0.5 * Math.log(2 * Math.PI); // log N(z; 0, 1) = -z^2 / 2 - LOG_ROOT
const WIDE = 3; // the part of the z axis that is shown
const LOWEST = -3; // log of the narrowest q
const HIGHEST = 0.7; // and of the widest

figure("elbo_terms", (fig, parts) => {
  const { side, top, reach, names, pictures, encoder } = fig.spec;
  const [table] = fig.arrays("log_px");
  const n = table.length / names.length;
  const step = (2 * reach) / (n - 1);
  const z = range(n, (i) => -reach + i * step);
  const prior = z.map((v) => Math.exp(-0.5 * v * v - LOG_ROOT));
  const curves = new Plot(fig, parts.curves, 0.55);
  const bound = new Plot(fig, parts.bound, 0.42);
  const image = new Plot(fig, parts.x);
  let example;
  let mu;
  let logStd;
  let logPx; // log p(x | z) on the grid
  let exact; // log p(x)
  let posterior; // p(z | x) on the grid

  // ---------------------------------------------------------------- the terms

  // q is divided by its sum over the grid, so that its expectations are those of a distribution on the grid.
  function terms(m, logS) {
    const std = Math.exp(logS);
    let total = 0;
    let rec = 0;
    let prior = 0;
    let squares = 0;
    for (let i = 0; i < n; i++) {
      const eps = (z[i] - m) / std;
      const q = Math.exp(-0.5 * eps * eps);
      total += q;
      rec += q * logPx[i];
      prior -= q * (0.5 * z[i] * z[i] + LOG_ROOT);
      squares += q * 0.5 * eps * eps;
    }
    const ent = squares / total + Math.log(total * step);
    return { rec: rec / total, prior: prior / total, ent, elbo: (rec + prior) / total + ent };
  }

  function chooseExample(k) {
    example = k;
    logPx = table.subarray(k * n, (k + 1) * n);
    const joint = z.map((v, i) => logPx[i] - 0.5 * v * v - LOG_ROOT);
    const most = Math.max(...joint);
    exact = most + Math.log(sum(joint.map((v) => Math.exp(v - most))) * step);
    posterior = joint.map((v) => Math.exp(v - exact));
    fig.all("[name=example]").forEach((button, i) => {
      button.ariaPressed = i === k;
      button.style.borderColor = i === k ? "var(--accent)" : "";
    });
    set(...encoder[k]);
  }

  // Over the whole plane in coarse steps, then near the best of them in fine ones.
  function best() {
    let found = [-Infinity];
    function seek(m, logS) {
      const { elbo } = terms(m, logS);
      if (elbo > found[0]) found = [elbo, m, logS];
    }
    for (let logS = LOWEST; logS <= HIGHEST; logS += 0.1) {
      for (let m = -WIDE; m <= WIDE; m += 0.04) seek(m, logS);
    }
    const [, m, logS] = found;
    for (let i = -2; i <= 2; i++) {
      for (let j = -2; j <= 2; j++) seek(m + i * 0.02, logS + j * 0.02);
    }
    set(found[1], found[2]);
  }

  // ---------------------------------------------------------------- what the reader does

  // The sliders round, and keep q where it can be seen.
  function set(m, logS) {
    parts.mu.value = m;
    parts.std.value = logS;
    mu = +parts.mu.value;
    logStd = +parts.std.value;
    fig.chose([mu, logStd]);
  }
  for (const slider of [parts.mu, parts.std]) slider.oninput = () => set(parts.mu.value, parts.std.value);
  curves.pointer((u) => set((2 * u - 1) * WIDE, logStd));
  curves.keys((right, up, shift) => {
    const by = shift ? 0.2 : 0.04;
    set(mu + right * by, logStd + up * by);
  });
  parts.enc.onclick = () => set(...encoder[example]);
  parts.best.onclick = best;
  fig.box.onclick = ({ target }) => {
    if (target.name === "example") chooseExample(+target.value);
  };
  chooseExample(0);

  // ---------------------------------------------------------------- drawing

  function drawCurves(width, height, context) {
    const { muted, line, orange, blue } = fig.colours;
    const foot = height - 18;
    const most = Math.max(...posterior, 0.5) * 1.25;
    const toX = scale(-WIDE, WIDE, 0, width);
    const toY = scale(0, most, foot, 6);
    const curve = (densities) => densities.map((density, i) => [toX(z[i]), toY(Math.min(density, most))]);
    const q = z.map((v) => Math.exp(-0.5 * ((v - mu) / Math.exp(logStd)) ** 2 - logStd - LOG_ROOT));
    context.globalAlpha = 0.25;
    curves.area(curve(posterior), blue);
    context.globalAlpha = 1;
    curves.line(curve(posterior), blue, 2);
    curves.line(curve(prior), muted, 2);
    curves.line(curve(q), orange, 2, [6, 4]);
    curves.rect(0, foot, width, 1, line);
    for (let value = -2; value <= 2; value++) curves.text(signed(value), toX(value), height - 4, muted);
  }

  // The ELBO over the mean, down to 30 nats below log p(x).
  function drawBound(width, height, elbo) {
    const { ink, orange, soft } = fig.colours;
    const toX = scale(-WIDE, WIDE, 0, width);
    const toY = (value) => 10 + ((exact - Math.max(value, exact - 39)) / 30) * (height - 14);
    const means = range(121, (i) => -WIDE + i / 20);
    bound.rect(0, 0, width, height, soft);
    bound.line(means.map((m) => [toX(m), toY(terms(m, logStd).elbo)]), orange, 2);
    bound.line([[0, toY(exact)], [width, toY(exact)]], ink, 1, [5, 4]);
    bound.dot(toX(mu), Math.min(toY(elbo), height - 5), 5, orange);
  }

  return () => {
    const now = terms(mu, logStd);
    const std = Math.exp(logStd);
    const gap = exact - now.elbo;
    curves.paint(drawCurves);
    bound.paint((width, height) => drawBound(width, height, now.elbo));
    image.paint(() => image.image(side, (d) => fig.tone(pictures[example][d] / top)));
    const numbers = { ...now, exact, gap, muOut: mu, stdOut: std };
    fig.write(Object.fromEntries(Object.entries(numbers).map(([name, value]) => [name, fixed(value)])));
    fig.stats.value = { k: example, mu, log_std: logStd, ...now, exact };
    const below = `${fixed(gap)} below log p of x`;
    fig.say(`Mean ${fixed(mu)}, width ${fixed(std)}. The ELBO is ${fixed(now.elbo)} nats, ${below}.`);
  };
});

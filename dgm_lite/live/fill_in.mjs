// Hide pixels of a digit and watch a linear Gaussian model fill them in: the posterior of z given what is left.
import { figure, Plot, clip, range, sum, fixed, squareAt, stepFrom, rgb } from "./core.mjs";

// Solves A z = b for a symmetric positive A (rows as arrays) by Cholesky's decomposition.
function solve(A, b) {
  const n = b.length, L = A.map((row) => [...row]), z = [...b];
  for (let j = 0; j < n; j++) {
    for (let k = 0; k < j; k++) for (let i = j; i < n; i++) L[i][j] -= L[i][k] * L[j][k];
    const d = Math.sqrt(L[j][j]);
    for (let i = j; i < n; i++) L[i][j] /= d;
  }
  for (let i = 0; i < n; i++) { for (let k = 0; k < i; k++) z[i] -= L[i][k] * z[k]; z[i] /= L[i][i]; }
  for (let i = n - 1; i >= 0; i--) { for (let k = i + 1; k < n; k++) z[i] -= L[k][i] * z[k]; z[i] /= L[i][i]; }
  return z;
}

figure("fill_in", (fig, p) => {
  const { side, latent: M, variance, count } = fig.spec, D = side * side, [W, mu, digits] = fig.arrays("weight", "mu", "digits");
  let which = 0, known = range(D, (d) => d < D / 2), at = 0;
  const pad = new Plot(fig, p.pad), filled = new Plot(fig, p.mean);

  // E[x | known] = W z + mu with (W_o^T W_o + sigma^2 I) z = W_o^T (x_o - mu_o).
  function complete(x) {
    const A = range(M, (i) => range(M, (j) => (i === j ? variance : 0))), b = Array(M).fill(0);
    for (let d = 0; d < D; d++) if (known[d]) for (let i = 0; i < M; i++) {
      b[i] += W[d * M + i] * (x[d] - mu[d]);
      for (let j = 0; j < M; j++) A[i][j] += W[d * M + i] * W[d * M + j];
    }
    const z = solve(A, b);
    return Array.from(x, (v, d) => (known[d] ? v : mu[d] + sum(z.map((zi, i) => zi * W[d * M + i]))));
  }

  const set = (keep) => fig.chose(known = range(D, keep));
  const hidings = { below: (d) => d < D / 2, right: (d) => d % side < side / 2, most: (d) => d % side % 2 === 0 && Math.floor(d / side) % 2 === 0, none: () => true };
  fig.box.onclick = ({ target }) => { if (target.name === "hide") set(hidings[target.value]); };
  p.next.onclick = () => { which = (which + 1) % count; fig.redraw(); };
  pad.pointer((u, v) => {
    at = squareAt(side, u, v);
    if (known[at]) set((d) => known[d] && d !== at);
  }).keys((dx, dy) => {
    at = stepFrom(side, at, dx, dy);
    fig.redraw();
  }, (key) => {
    if (key === " ") set((d) => known[d] !== (d === at));
    return key === " ";
  });

  return () => {
    const x = digits.subarray(which * D, (which + 1) * D), guess = complete(x), hidden = known.filter((k) => !k).length, { line, accent, orange } = fig.colours;
    const error = Math.sqrt(sum(guess.map((v, d) => (v - x[d]) ** 2)) / Math.max(hidden, 1)), tone = (v) => fig.tone(clip(v));
    pad.paint(() => {
      pad.image(side, (d) => (known[d] ? tone(x[d]) : rgb(line)));
      known.forEach((k, d) => { const [left, upper] = pad.middle(side, d); if (!k) pad.rect(left - 2, upper - 2, 4, 4, orange); });
      if (pad.focused) pad.mark(side, at, accent, 3);
    });
    filled.paint(() => filled.image(side, (d) => tone(guess[d])));
    const say = hidden ? `${hidden} of ${D} pixels hidden; filled in with an error of ${fixed(error)} (root mean square; the page is 0, ink is 1).` : "Nothing is hidden yet.";
    fig.write({ say });
    fig.stats.value = { known, guess, error };
    fig.say(say);
  };
});

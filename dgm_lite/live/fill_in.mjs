// Hide pixels of a digit and watch a linear Gaussian model fill them in: the posterior of z given the rest.
import { figure } from "./shared/figure.mjs";
import { clip, fixed, range, rgb, squareAt, stepFrom, sum } from "./shared/numbers.mjs";
import { Plot } from "./shared/plot.mjs";

// Solves A z = b for a symmetric positive A (rows as arrays): A = L L^T by Cholesky, then L y = b, L^T z = y.
function solve(A, b) {
  const n = b.length;
  const L = A.map((row) => [...row]);
  const z = [...b];
  for (let j = 0; j < n; j++) {
    for (let k = 0; k < j; k++) {
      for (let i = j; i < n; i++) L[i][j] -= L[i][k] * L[j][k];
    }
    const pivot = Math.sqrt(L[j][j]);
    for (let i = j; i < n; i++) L[i][j] /= pivot;
  }
  for (let i = 0; i < n; i++) {
    for (let k = 0; k < i; k++) z[i] -= L[i][k] * z[k];
    z[i] /= L[i][i];
  }
  for (let i = n - 1; i >= 0; i--) {
    for (let k = i + 1; k < n; k++) z[i] -= L[k][i] * z[k];
    z[i] /= L[i][i];
  }
  return z;
}

figure("fill_in", (fig, parts) => {
  const { side, latent: M, variance, count } = fig.spec;
  const D = side * side;
  const [W, mu, digits] = fig.arrays("weight", "mu", "digits");
  const pad = new Plot(fig, parts.pad);
  const filled = new Plot(fig, parts.mean);
  const keeps = {
    below: (d) => d < D / 2,
    right: (d) => d % side < side / 2,
    most: (d) => d % side % 2 === 0 && Math.floor(d / side) % 2 === 0,
    none: () => true,
  };
  let which = 0;
  let known = range(D, keeps.below);
  let at = 0;

  // E[x | known] = W z + mu with (W_o^T W_o + sigma^2 I) z = W_o^T (x_o - mu_o).
  function complete(x) {
    const A = range(M, (i) => range(M, (j) => (i === j ? variance : 0)));
    const b = Array(M).fill(0);
    for (let d = 0; d < D; d++) {
      if (!known[d]) continue;
      for (let i = 0; i < M; i++) {
        b[i] += W[d * M + i] * (x[d] - mu[d]);
        for (let j = 0; j < M; j++) A[i][j] += W[d * M + i] * W[d * M + j];
      }
    }
    const z = solve(A, b);
    const mean = (d) => mu[d] + sum(z.map((zi, i) => zi * W[d * M + i]));
    return range(D, (d) => (known[d] ? x[d] : mean(d)));
  }

  // ---------------------------------------------------------------- what the reader does

  const set = (keep) => fig.chose(known = range(D, keep));
  fig.box.onclick = ({ target }) => {
    if (target.name === "hide") set(keeps[target.value]);
  };
  parts.next.onclick = () => {
    which = (which + 1) % count;
    fig.redraw();
  };
  pad.pointer((u, v) => {
    at = squareAt(side, u, v);
    if (known[at]) set((d) => known[d] && d !== at);
  });
  pad.keys((right, up) => {
    at = stepFrom(side, at, right, up);
    fig.redraw();
  }, (key) => {
    if (key === " ") set((d) => known[d] !== (d === at));
    return key === " ";
  });

  // ---------------------------------------------------------------- drawing

  const tone = (value) => fig.tone(clip(value));

  function drawPad(x) {
    const { line, accent, orange } = fig.colours;
    pad.image(side, (d) => (known[d] ? tone(x[d]) : rgb(line)));
    for (let d = 0; d < D; d++) {
      const [left, upper] = pad.middle(side, d);
      if (!known[d]) pad.rect(left - 2, upper - 2, 4, 4, orange);
    }
    if (pad.focused) pad.mark(side, at, accent, 3);
  }

  return () => {
    const x = digits.subarray(which * D, (which + 1) * D);
    const guess = complete(x);
    const hidden = known.filter((k) => !k).length;
    const error = Math.sqrt(sum(guess.map((value, d) => (value - x[d]) ** 2)) / Math.max(hidden, 1));
    pad.paint(() => drawPad(x));
    filled.paint(() => filled.image(side, (d) => tone(guess[d])));
    const how = "root mean square; the page is 0, ink is 1";
    const say = hidden
      ? `${hidden} of ${D} pixels hidden; filled in with an error of ${fixed(error)} (${how}).`
      : "Nothing is hidden yet.";
    fig.write({ say });
    fig.stats.value = { known, guess, error };
    fig.say(say);
  };
});

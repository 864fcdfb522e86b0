// Hide pixels of a digit and watch a linear Gaussian model fill them in: the posterior of z given what is left.
import { figure, Plot, fixed, rgb, mix } from "./core.mjs";

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

figure("fill_in", (fig) => {
  const { side, latent, variance, count } = fig.spec, D = side * side, M = latent;
  const W = fig.array(fig.spec.weight), mu = fig.array(fig.spec.mu), digits = fig.array(fig.spec.digits);
  let which = 0, known = Array.from({ length: D }, (_, d) => d < D / 2), cell = [0, 0];

  const p = fig.html(`
    <div class="row" role="group" aria-label="What to hide"><button type="button" data-hide="below">Hide the lower half</button><button type="button" data-hide="right">Hide the right half</button><button type="button" data-hide="most">Keep every fourth pixel</button><button type="button" data-hide="none">Show all</button><button type="button" data-p="next">Next digit</button></div>
    <div class="cols"><div style="max-width:300px"><p class="head"><strong>What the model sees</strong></p>
      <canvas data-p="pad" tabindex="0" role="application" style="border:1px solid var(--line)" aria-label="A digit of ${side} by ${side} pixels. Arrow keys choose a pixel, space hides or shows it."></canvas>
      <p class="small muted" style="margin-top:6px">Rub out pixels with the pointer; or arrow keys and space.</p></div>
    <div style="max-width:300px"><p class="head"><strong>What it fills in</strong></p><canvas data-p="mean" role="img" aria-label="The digit with hidden pixels replaced by their expected values"></canvas>
      <p class="small" style="margin-top:6px"><output data-p="say"></output></p></div></div>`);
  const pad = new Plot(fig, p.pad, 1), filled = new Plot(fig, p.mean, 1);
  const digit = () => digits.subarray(which * D, (which + 1) * D);

  // E[x | known] = W z + mu with (W_o^T W_o + sigma^2 I) z = W_o^T (x_o - mu_o).
  function complete(x) {
    const A = Array.from({ length: M }, (_, i) => Array.from({ length: M }, (_, j) => (i === j ? variance : 0))), b = Array(M).fill(0);
    for (let d = 0; d < D; d++) if (known[d]) for (let i = 0; i < M; i++) {
      b[i] += W[d * M + i] * (x[d] - mu[d]);
      for (let j = 0; j < M; j++) A[i][j] += W[d * M + i] * W[d * M + j];
    }
    const z = solve(A, b);
    return Array.from(x, (v, d) => known[d] ? v : mu[d] + z.reduce((s, zi, i) => s + zi * W[d * M + i], 0));
  }

  function paint(plot, values, veil) {
    plot.paint((c, w) => {
      const { ink, line, accent, orange } = fig.colours, paper = fig.dark ? fig.colours.soft : fig.colours.paper, size = w / side;
      for (let d = 0; d < D; d++) {
        const x = (d % side) * size, y = Math.floor(d / side) * size, v = Math.min(Math.max(values[d], 0), 1);
        c.fillStyle = veil && !known[d] ? line : `rgb(${mix(rgb(paper), rgb(ink), v).map(Math.round)})`;
        c.fillRect(x, y, size + 0.5, size + 0.5);
        if (veil && !known[d]) { c.fillStyle = orange; c.fillRect(x + size / 2 - 2, y + size / 2 - 2, 4, 4); }
      }
      if (veil && fig.shadow.activeElement === p.pad) { c.strokeStyle = accent; c.lineWidth = 3; c.strokeRect(cell[1] * size + 1.5, cell[0] * size + 1.5, size - 3, size - 3); }
    });
  }

  function set(next) { known = next; fig.emit(known); fig.redraw(); }
  const hidings = { below: (d) => d < D / 2, right: (d) => d % side < side / 2, most: (d) => d % side % 2 === 0 && Math.floor(d / side) % 2 === 0, none: () => true };
  for (const button of fig.box.querySelectorAll("[data-hide]")) button.addEventListener("click", () => set(known.map((_, d) => hidings[button.dataset.hide](d))));
  p.next.addEventListener("click", () => { which = (which + 1) % count; fig.redraw(); });
  pad.pointer((u, v) => {
    cell = [Math.min(Math.floor(v * side), side - 1), Math.min(Math.floor(u * side), side - 1)];
    const at = cell[0] * side + cell[1];
    if (known[at]) set(known.map((k, d) => k && d !== at));
  });
  pad.keys((dx, dy) => {
    cell = [Math.min(Math.max(cell[0] - dy, 0), side - 1), Math.min(Math.max(cell[1] + dx, 0), side - 1)];
    fig.redraw();
  }, (e) => {
    if (e.key !== " ") return false;
    set(known.map((k, d) => (d === cell[0] * side + cell[1] ? !k : k)));
    return true;
  });
  for (const type of ["focus", "blur"]) p.pad.addEventListener(type, () => fig.redraw());

  return () => {
    const x = digit(), guess = complete(x), hidden = known.filter((k) => !k).length;
    const error = Math.sqrt(guess.reduce((s, v, d) => s + (known[d] ? 0 : (v - x[d]) ** 2), 0) / Math.max(hidden, 1));
    paint(pad, x, true);
    paint(filled, guess, false);
    p.say.textContent = hidden ? `${hidden} of ${D} pixels hidden; filled in with an error of ${fixed(error, 2)} (root mean square; white is 0, black is 1).` : "Nothing is hidden yet.";
    fig.stats.value = { known, guess, error };
    fig.say(p.say.textContent);
  };
});

// Edit a digit, see its integer code under a flow change, what each entry costs, and the digit come back.
import { figure } from "./shared/figure.mjs";
import { clip, fixed, mix, place, range, rgb, signed, squareAt, stepFrom, sum } from "./shared/numbers.mjs";
import { Plot } from "./shared/plot.mjs";

const softplus = (v) => Math.max(v, 0) + Math.log1p(Math.exp(-Math.abs(v))); // log(1 + e^v)
const count = (flags) => flags.filter(Boolean).length;
const differ = (a, b) => a.map((value, d) => value !== b[d]);

figure("integer_code", (fig, parts) => {
  const { side, levels, start } = fig.spec;
  const D = side * side;
  const top = levels - 1;
  const [digits, logPi, mu, steepness] = fig.arrays("digits", "logPi", "mu", "steepness");
  const K = mu.length / D;
  const [pad, code, price, back] = ["pad", "code", "bits", "back"].map((name) => new Plot(fig, parts[name]));
  const digit = () => [...digits.subarray(which * D, (which + 1) * D)];
  let which = 0;
  let x = digit();
  let at = start[0] * side + start[1];

  // ---------------------------------------------------------------- the model

  // The network runs both ways at once: z = f(first half), x = the inverse of f at the second half.
  function both(first, second) {
    const out = fig.run("flow", [1, 2 * D], [...first, ...second]);
    const plain = (values) => Array.from(values, (value) => value + 0); // + 0: no −0
    return { z: plain(out.z), x: plain(out.x) };
  }

  // −log2 of the mass of a mixture of logistics in the cell of an integer, in logarithms throughout.
  function bitsOf(z, d) {
    const terms = range(K, (k) => {
      const i = d * K + k;
      const g = steepness[i];
      const v = z - mu[i];
      const width = Math.log(-Math.expm1(-g));
      return logPi[i] - softplus(-(v + 0.5) * g) - softplus((v - 0.5) * g) + width;
    });
    const most = Math.max(...terms);
    return -(most + Math.log(sum(terms.map((term) => Math.exp(term - most))))) / Math.LN2;
  }

  // ---------------------------------------------------------------- what the reader does

  const set = (picture) => fig.chose(x = picture);
  const setLevel = (level) => set(x.map((old, d) => (d === at ? clip(level, 0, top) : old)));
  function choose(d) {
    at = d;
    fig.redraw();
  }
  parts.slider.oninput = () => setLevel(+parts.slider.value);
  parts.less.onclick = () => setLevel(x[at] - 1);
  parts.more.onclick = () => setLevel(x[at] + 1);
  parts.undo.onclick = () => set(digit());
  parts.next.onclick = () => {
    which = (which + 1) % fig.spec.count;
    set(digit());
  };
  pad.pointer((u, v) => choose(squareAt(side, u, v)));
  pad.keys((right, up) => choose(stepFrom(side, at, right, up)), (key) => {
    const step = { "+": 1, "=": 1, "-": -1, "−": -1 }[key];
    if (step) setLevel(x[at] + step);
    return step;
  });

  // ---------------------------------------------------------------- drawing

  // shade(d) -> [colour, how much of it]; word(d) stands on entry d; framed[d] says which have a frame.
  function draw(plot, shade, word, framed = [], frame) {
    plot.paint((width, _, context) => {
      const { ink, page, accent } = fig.colours;
      const font = `${Math.min(13, (width / side) * 0.48)}px system-ui, sans-serif`;
      plot.image(side, (d) => {
        const [colour, strength] = shade(d);
        return mix(rgb(page), rgb(colour), strength);
      });
      context.textBaseline = "middle";
      for (let d = 0; d < D; d++) {
        if (word) plot.text(word(d), ...plot.middle(side, d), ink, "center", font);
        if (framed[d]) plot.mark(side, d, frame, 2);
      }
      plot.mark(side, at, page, 4, -0.5);
      plot.mark(side, at, pad.focused ? accent : ink, 2, -0.5);
    });
  }

  function drawAll(z, bits, decoded, moved, wrong) {
    const { ink, blue, orange, muted, accent, bad } = fig.colours;
    const codeShade = (d) => [z[d] < 0 ? orange : blue, Math.min(Math.abs(z[d]) / top, 1) * 0.5];
    const priceShade = (d) => [muted, Math.min(bits[d] / 16, 1) * 0.6];
    draw(pad, (d) => [ink, x[d] / top]);
    draw(code, codeShade, (d) => signed(z[d]), moved, accent);
    draw(price, priceShade, (d) => bits[d].toFixed(bits[d] < 9.95 ? 1 : 0));
    draw(back, (d) => [ink, clip(decoded[d] / top)], null, wrong, bad);
  }

  return () => {
    const old = digit();
    const { z } = both(x, Array(D).fill(0));
    const { z: before, x: decoded } = both(old, z);
    const bits = z.map(bitsOf);
    const total = sum(bits);
    const was = sum(before.map(bitsOf));
    const moved = differ(z, before);
    const wrong = differ(decoded, x);
    const edits = count(differ(x, old));
    drawAll(z, bits, decoded, moved, wrong);
    parts.slider.value = x[at];
    parts.undo.disabled = !edits;

    const chosen = place(side, at);
    const spot = chosen[0].toUpperCase() + chosen.slice(1);
    const changed = x[at] === old[at] ? "" : ` (was ${old[at]})`;
    const level = `${spot}: level ${x[at]}${changed}, code ${signed(z[at])}, ${fixed(bits[at], 1)} bits`;
    const edited = `${edits} ${edits === 1 ? "pixel" : "pixels"} edited`;
    const unedited = edits ? `, unedited ${fixed(was, 1)}` : "";
    const say = `${edited}, ${count(moved)} of ${D} entries of the code changed. `
      + `${fixed(total, 1)} bits${unedited}. Decoded, ${count(wrong)} of ${D} pixels differ.`;
    fig.write({ level, say });
    parts.pad.ariaDescription = level;
    const counts = { moved: count(moved), wrong: count(wrong) };
    fig.stats.value = { which, at, x, z, bits, total, was, back: decoded, ...counts };
    fig.say(say, `${level}. `);
  };
});

// Edit a digit, see its integer code under a flow change, what each entry costs, and the digit come back from it.
import { figure, Plot, clip, range, sum, signed, fixed, place, squareAt, stepFrom, rgb, mix } from "./core.mjs";

const soft = (v) => Math.max(v, 0) + Math.log1p(Math.exp(-Math.abs(v))); // log(1 + e^v)

figure("integer_code", (fig, p) => {
  const { side, levels, count, start } = fig.spec, D = side * side, top = levels - 1;
  const [digits, logPi, mu, steep] = fig.arrays("digits", "logPi", "mu", "steepness"), K = mu.length / D;
  const digit = () => [...digits.subarray(which * D, (which + 1) * D)];
  let which = 0, x = digit(), at = start[0] * side + start[1];
  const [pad, code, price, back] = [p.pad, p.code, p.bits, p.back].map((element) => new Plot(fig, element));

  // The network runs both ways at once, f on the first half and its inverse on the second.
  const none = Array(D).fill(0);
  const both = (v, z) => { const out = fig.run("flow", [1, 2 * D], [...v, ...z]), plain = (a) => Array.from(a, (e) => e + 0); return { z: plain(out.z), x: plain(out.x) }; }; // + 0: no −0
  // −log2 of the mass of a mixture of logistics in the cell of an integer, in logarithms throughout.
  function bitsOf(z, d) {
    const terms = range(K, (k) => {
      const i = d * K + k, g = steep[i], v = z - mu[i];
      return logPi[i] - soft(-(v + 0.5) * g) - soft((v - 0.5) * g) + Math.log(-Math.expm1(-g));
    }), most = Math.max(...terms);
    return -(most + Math.log(sum(terms.map((t) => Math.exp(t - most))))) / Math.LN2;
  }

  // shade(d) -> [colour, how much of it]
  function paint(plot, shade, word, framed = [], frame) {
    plot.paint((w, _, c) => {
      const { ink, page, accent } = fig.colours, size = w / side;
      plot.image(side, (d) => { const [colour, t] = shade(d); return mix(rgb(page), rgb(colour), t); });
      c.textBaseline = "middle";
      for (let d = 0; d < D; d++) {
        if (word) plot.text(word(d), ...plot.middle(side, d), ink, "center", `${Math.min(13, size * 0.48)}px system-ui, sans-serif`);
        if (framed[d]) plot.mark(side, d, frame, 2);
      }
      plot.mark(side, at, page, 4, -0.5);
      plot.mark(side, at, pad.focused ? accent : ink, 2, -0.5);
    });
  }

  const set = (next) => fig.chose(x = next);
  const level = (v) => set(x.map((old, d) => (d === at ? clip(v, 0, top) : old)));
  const choose = (d) => { at = d; fig.redraw(); };
  p.slider.oninput = () => level(+p.slider.value);
  p.less.onclick = () => level(x[at] - 1);
  p.more.onclick = () => level(x[at] + 1);
  p.undo.onclick = () => set(digit());
  p.next.onclick = () => { which = (which + 1) % count; set(digit()); };
  pad.pointer((u, v) => choose(squareAt(side, u, v))).keys((dx, dy) => choose(stepFrom(side, at, dx, dy)), (key) => {
    const step = { "+": 1, "=": 1, "-": -1, "−": -1 }[key];
    if (step) level(x[at] + step);
    return step;
  });

  return () => {
    const old = digit(), { z } = both(x, none), { z: before, x: decoded } = both(old, z), bits = z.map(bitsOf), total = sum(bits), was = sum(before.map(bitsOf));
    const differ = (a, b) => a.map((v, d) => v !== b[d]), many = (list) => list.filter(Boolean).length;
    const edits = many(differ(x, old)), moved = differ(z, before), wrong = differ(decoded, x), { ink, blue, orange, muted, accent, bad } = fig.colours;
    paint(pad, (d) => [ink, x[d] / top]);
    paint(code, (d) => [z[d] < 0 ? orange : blue, Math.min(Math.abs(z[d]) / top, 1) * 0.5], (d) => signed(z[d]), moved, accent);
    paint(price, (d) => [muted, Math.min(bits[d] / 16, 1) * 0.6], (d) => bits[d].toFixed(bits[d] < 9.95 ? 1 : 0));
    paint(back, (d) => [ink, clip(decoded[d] / top)], null, wrong, bad);
    p.slider.value = x[at];
    const chosen = place(side, at), here = `${chosen[0].toUpperCase()}${chosen.slice(1)}: level ${x[at]}${x[at] === old[at] ? "" : ` (was ${old[at]})`}, code ${signed(z[at])}, ${fixed(bits[at], 1)} bits`;
    const say = `${edits} ${edits === 1 ? "pixel" : "pixels"} edited, ${many(moved)} of ${D} entries of the code changed. ${fixed(total, 1)} bits${edits ? `, unedited ${fixed(was, 1)}` : ""}. Decoded, ${many(wrong)} of ${D} pixels differ.`;
    fig.write({ level: here, say });
    p.undo.disabled = !edits;
    p.pad.ariaDescription = here;
    fig.stats.value = { which, at, x, z, bits, total, was, back: decoded, moved: many(moved), wrong: many(wrong) };
    fig.say(say, `${here}. `);
  };
});

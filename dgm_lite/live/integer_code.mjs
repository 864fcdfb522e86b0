// Edit a digit, see its integer code under a flow change, what each entry costs, and the digit come back from it.
import { figure, Plot, fixed, rgb, mix } from "./core.mjs";

const soft = (v) => Math.max(v, 0) + Math.log1p(Math.exp(-Math.abs(v))); // log(1 + e^v)
const signed = (v) => String(v).replace("-", "−");

figure("integer_code", (fig) => {
  const { side, levels, count, start } = fig.spec, D = side * side, top = levels - 1;
  const digits = fig.array(fig.spec.digits), logPi = fig.array(fig.spec.logPi), mu = fig.array(fig.spec.mu), steep = fig.array(fig.spec.steepness), K = mu.length / D;
  const digit = (k) => [...digits.subarray(k * D, (k + 1) * D)];
  let which = 0, x = digit(0), at = start[0] * side + start[1];

  const panel = (name, title, more) => `<div><p class="head" style="margin-top:0"><strong>${title}</strong></p><canvas data-p="${name}" style="border:1px solid var(--line)" ${more}></canvas></div>`;
  const p = fig.html(`
    <div class="row"><button type="button" data-p="next">Next digit</button><button type="button" data-p="undo">Undo all edits</button></div>
    <div style="display:grid;grid-template-columns:repeat(auto-fit,minmax(145px,1fr));gap:10px 14px">
      ${panel("pad", "Picture <b>x</b>", `tabindex="0" role="application" aria-label="A digit of ${side} by ${side} pixels. Arrow keys choose a pixel, plus and minus change its level."`)}
      ${panel("code", "Code <b>z</b>", 'role="img" aria-label="The integer code, changed entries framed"')}
      ${panel("bits", "Price in bits", 'role="img" aria-label="The price of each entry in bits"')}
      ${panel("back", "Decoded from <b>z</b>", 'role="img" aria-label="The picture decoded from the code"')}
    </div>
    <div class="row" style="margin:10px 0 0;flex-wrap:nowrap"><button type="button" data-p="less" aria-label="One level less">−</button>
      <label style="flex:1;max-width:420px"><span class="small" data-p="level"></span><input data-p="slider" type="range" min="0" max="${top}" step="1"></label>
      <button type="button" data-p="more" aria-label="One level more">+</button></div>
    <p class="small muted">Choose a pixel with the pointer or the arrow keys; + and − or the slider change its level.</p>
    <p class="verdict"><output data-p="say"></output></p>`);
  const plots = Object.fromEntries(["pad", "code", "bits", "back"].map((name) => [name, new Plot(fig, p[name], 1)]));

  // The network runs both ways at once, f on the first half and its inverse on the second.
  const none = Array(D).fill(0);
  const code = (v) => [...fig.run("flow", [1, 2 * D], [...v, ...none]).z].map((e) => e + 0); // no −0
  const decoded = (z) => [...fig.run("flow", [1, 2 * D], [...none, ...z]).x].map((e) => e + 0);
  // −log2 of the mass of a mixture of logistics in the cell of an integer, in logarithms throughout.
  function price(z, d) {
    const terms = Array.from({ length: K }, (_, k) => {
      const i = d * K + k, g = steep[i], v = z - mu[i];
      return logPi[i] - soft(-(v + 0.5) * g) - soft((v - 0.5) * g) + Math.log(-Math.expm1(-g));
    }), most = Math.max(...terms);
    return -(most + Math.log(terms.reduce((s, t) => s + Math.exp(t - most), 0))) / Math.LN2;
  }

  function paint(plot, shade, word, framed = []) {
    plot.paint((c, w) => {
      const { ink, paper, accent, bad } = fig.colours, size = w / side;
      c.font = `${Math.min(13, size * 0.48)}px system-ui, sans-serif`;
      c.textAlign = "center";
      c.textBaseline = "middle";
      for (let d = 0; d < D; d++) {
        const i = Math.floor(d / side) * size, j = (d % side) * size, [colour, t] = shade(d);
        c.fillStyle = `rgb(${mix(rgb(paper), rgb(colour), t).map(Math.round)})`;
        c.fillRect(j, i, size + 0.5, size + 0.5);
        c.fillStyle = ink;
        if (word) c.fillText(word(d), j + size / 2, i + size / 2);
        if (framed[d]) { c.strokeStyle = plot === plots.back ? bad : accent; c.lineWidth = 2; c.strokeRect(j + 1, i + 1, size - 2, size - 2); }
      }
      const i = Math.floor(at / side) * size, j = (at % side) * size;
      for (const [colour, width] of [[paper, 4], [fig.shadow.activeElement === p.pad ? accent : ink, 2]]) { c.strokeStyle = colour; c.lineWidth = width; c.strokeRect(j - 0.5, i - 0.5, size + 1, size + 1); }
    });
  }

  function set(next) { x = next; fig.emit(x); fig.redraw(); }
  const level = (v) => set(x.map((old, d) => (d === at ? Math.min(Math.max(v, 0), top) : old)));
  p.slider.addEventListener("input", () => level(+p.slider.value));
  p.less.addEventListener("click", () => level(x[at] - 1));
  p.more.addEventListener("click", () => level(x[at] + 1));
  p.undo.addEventListener("click", () => set(digit(which)));
  p.next.addEventListener("click", () => { which = (which + 1) % count; set(digit(which)); });
  plots.pad.pointer((u, v) => { at = Math.min(Math.floor(v * side), side - 1) * side + Math.min(Math.floor(u * side), side - 1); fig.redraw(); });
  plots.pad.keys((dx, dy) => {
    const clip = (v) => Math.min(Math.max(v, 0), side - 1);
    at = clip(Math.floor(at / side) - dy) * side + clip((at % side) + dx);
    fig.redraw();
  }, ({ key }) => {
    const step = { "+": 1, "=": 1, "-": -1, "−": -1 }[key];
    if (step) level(x[at] + step);
    return Boolean(step);
  });
  for (const type of ["focus", "blur"]) p.pad.addEventListener(type, () => fig.redraw());

  return () => {
    const old = digit(which), z = code(x), before = code(old), back = decoded(z), bits = z.map(price);
    const total = bits.reduce((a, b) => a + b), was = before.map(price).reduce((a, b) => a + b);
    const count = (list) => list.filter(Boolean).length, edits = count(x.map((v, d) => v !== old[d]));
    const moved = z.map((v, d) => v !== before[d]), wrong = back.map((v, d) => v !== x[d]);
    const { ink, blue, orange, muted } = fig.colours;
    paint(plots.pad, (d) => [ink, x[d] / top]);
    paint(plots.code, (d) => [z[d] < 0 ? orange : blue, Math.min(Math.abs(z[d]) / top, 1) * 0.5], (d) => signed(z[d]), moved);
    paint(plots.bits, (d) => [muted, Math.min(bits[d] / 16, 1) * 0.6], (d) => bits[d].toFixed(bits[d] < 9.95 ? 1 : 0));
    paint(plots.back, (d) => [ink, Math.min(Math.max(back[d] / top, 0), 1)], null, wrong);
    p.slider.value = x[at];
    p.level.textContent = `Row ${Math.floor(at / side) + 1}, column ${(at % side) + 1}: level ${x[at]}${x[at] === old[at] ? "" : ` (was ${old[at]})`}, code ${signed(z[at])}, ${fixed(bits[at], 1)} bits`;
    p.say.textContent = `${edits} ${edits === 1 ? "pixel" : "pixels"} edited, ${count(moved)} of ${D} entries of the code changed. ${fixed(total, 1)} bits${edits ? `, unedited ${fixed(was, 1)}` : ""}. Decoded, ${count(wrong)} of ${D} pixels differ.`;
    p.undo.disabled = !edits;
    p.pad.setAttribute("aria-description", p.level.textContent);
    fig.stats.value = { which, at, x, z, bits, total, was, back, moved: count(moved), wrong: count(wrong) };
    fig.say(`${document.activeElement === fig.host ? `${p.level.textContent}. ` : ""}${p.say.textContent}`);
  };
});

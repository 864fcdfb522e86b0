// Touch an output pixel and see which inputs it can see, layer by layer; with the wrong mask it sees itself.
import { figure, Plot } from "./core.mjs";

// Positions read in every layer, from x up to the output: as visible() in receptive.py.
function visible(output, kernel, gaps, shift) {
  const layers = [[output]];
  [...gaps.keys()].reverse().forEach((l) => {
    const seen = new Set();
    for (const d of layers[0]) for (let k = 0; k < kernel; k++) { const from = d - (l ? 0 : shift) - k * gaps[l]; if (from >= 0) seen.add(from); }
    layers.unshift([...seen].sort((a, b) => a - b));
  });
  return layers;
}

figure("receptive", (fig) => {
  const { side, kernel, dilations } = fig.spec, D = side * side, all = [1, ...dilations];
  let output = fig.spec.start, n = all.length, shift = 1;
  const p = fig.html(`
    <fieldset class="seg"><legend class="hide">First convolution</legend><label><input type="radio" name="mask" value="1" checked>Right: without the present</label><label><input type="radio" name="mask" value="0">Wrong: with the present</label></fieldset>
    <div class="cols"><div style="max-width:260px">
      <canvas data-p="pad" tabindex="0" role="application" aria-label="The output pixels, ${side} by ${side}, in reading order. Arrow keys choose one."></canvas>
      <p class="small muted" style="margin-top:6px">Choose an output with the pointer or the arrow keys.</p></div>
    <div class="wide" style="max-width:none">
      <canvas data-p="net" role="img" aria-label="The network as rows of dots, inputs below, outputs on top"></canvas>
      <label class="small">Layers: <output class="num" data-p="depth"></output><input type="range" data-p="layers" min="1" max="${n}" value="${n}"></label>
    </div></div>
    <p class="verdict"><output data-p="say"></output></p>`);
  const pad = new Plot(fig, p.pad, 1), net = new Plot(fig, p.net, 0.52);

  function show() {
    const gaps = all.slice(0, n), layers = visible(output, kernel, gaps, shift), seen = new Set(layers[0]), { ink, line, soft, muted, blue, orange, bad, accent } = fig.colours;
    pad.paint((c, w) => {
      const size = w / side;
      c.textAlign = "center";
      c.textBaseline = "middle";
      c.font = `600 ${size * 0.45}px system-ui, sans-serif`;
      for (let d = 0; d < D; d++) {
        const x = (d % side) * size, y = Math.floor(d / side) * size, self = d === output;
        c.fillStyle = seen.has(d) ? (d >= output ? bad : blue) : soft;
        c.fillRect(x + 1, y + 1, size - 2, size - 2);
        if (!self) continue;
        c.strokeStyle = fig.shadow.activeElement === p.pad ? accent : orange;
        c.lineWidth = 4;
        c.strokeRect(x + 3, y + 3, size - 6, size - 6);
        if (!seen.has(d)) { c.fillStyle = ink; c.fillText("?", x + size / 2, y + size / 2); }
      }
    });
    net.paint((c, w, h) => {
      const left = w < 430 ? 52 : 60, step = (w - left - 6) / (D - 1), tall = (h - 24) / n, x = (d) => left + d * step, y = (l) => h - 12 - l * tall;
      c.font = "12px system-ui, sans-serif";
      c.textBaseline = "middle";
      for (let l = 0; l <= n; l++) {
        c.fillStyle = muted;
        c.fillText(l === 0 ? "x" : l === 1 ? "first" : `gap ${gaps[l - 1]}`, 0, y(l));
        for (let d = 0; d < D; d++) { c.fillStyle = line; c.beginPath(); c.arc(x(d), y(l), Math.min(1.6, step / 3), 0, 7); c.fill(); }
      }
      c.lineWidth = 0.7;
      for (let l = 0; l < n; l++) for (const d of layers[l + 1]) for (let k = 0; k < kernel; k++) {
        const from = d - (l ? 0 : shift) - k * gaps[l];
        if (from < 0) continue;
        c.strokeStyle = l === 0 && from >= output ? bad : blue;
        c.globalAlpha = from >= output && l === 0 ? 1 : 0.55;
        c.beginPath(); c.moveTo(x(from), y(l)); c.lineTo(x(d), y(l + 1)); c.stroke();
      }
      c.globalAlpha = 1;
      layers.forEach((layer, l) => layer.forEach((d) => {
        c.fillStyle = l === n ? orange : l === 0 && d >= output ? bad : blue;
        c.beginPath(); c.arc(x(d), y(l), Math.min(l === n ? 5 : 3, step * 0.6 + (l === n ? 2 : 0)), 0, 7); c.fill();
      }));
    });
    const past = layers[0].filter((d) => d < output).length, cheat = seen.has(output);
    p.depth.textContent = `${n} of ${all.length}`;
    p.say.innerHTML = `Output ${output} sees ${past} of the ${output} pixels before it` + (cheat ? ', <span class="bad">and it sees itself: it can copy the answer</span>.' : past < output ? ". More layers see further back." : ".");
    p.pad.setAttribute("aria-description", `row ${Math.floor(output / side) + 1}, column ${(output % side) + 1}`);
    fig.stats.value = { output, shift, layers: n, seen: layers[0] };
    fig.say(p.say.textContent);
  }

  const choose = (d) => { output = d; fig.emit(d); fig.redraw(); };
  pad.pointer((u, v) => choose(Math.min(Math.floor(v * side), side - 1) * side + Math.min(Math.floor(u * side), side - 1)));
  pad.keys((dx, dy) => {
    const to = output + dx - dy * side;
    if (to >= 0 && to < D) choose(to);
  });
  for (const type of ["focus", "blur"]) p.pad.addEventListener(type, () => fig.redraw());
  p.layers.addEventListener("input", () => { n = Number(p.layers.value); fig.redraw(); });
  fig.box.addEventListener("change", ({ target }) => { if (target.name === "mask") { shift = Number(target.value); fig.redraw(); } });
  return show;
});

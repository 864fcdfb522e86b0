// Touch an output pixel and see which inputs it can see, layer by layer; with the wrong mask it sees itself.
import { figure, Plot, range, squareAt, place, rgb } from "./core.mjs";

figure("receptive", (fig, p) => {
  const { side, kernel, dilations, start } = fig.spec, D = side * side, all = [1, ...dilations];
  const pad = new Plot(fig, p.pad), net = new Plot(fig, p.net, 0.52);
  let output = start, n = all.length, shift = 1;

  // What position d reads in the layer below layer l + 1; and all positions read, from x up to the output: as visible() in receptive.py.
  const reads = (l, d) => range(kernel, (k) => d - (l ? 0 : shift) - k * all[l]).filter((from) => from >= 0);
  function visible() {
    const layers = [[output]];
    for (let l = n - 1; l >= 0; l--) layers.unshift([...new Set(layers[0].flatMap((d) => reads(l, d)))].sort((a, b) => a - b));
    return layers;
  }

  const choose = (d) => { if (d >= 0 && d < D) fig.chose(output = d); };
  pad.pointer((u, v) => choose(squareAt(side, u, v))).keys((dx, dy) => choose(output + dx - dy * side));
  p.layers.oninput = () => { n = +p.layers.value; fig.redraw(); };
  fig.box.onchange = ({ target }) => { if (target.name === "mask") { shift = +target.value; fig.redraw(); } };

  return () => {
    const layers = visible(), seen = layers[0], cheats = seen.includes(output), { ink, paper, line, soft, muted, blue, orange, bad, accent } = fig.colours;
    pad.paint((w, _, c) => {
      pad.image(side, (d) => rgb(!seen.includes(d) ? soft : d >= output ? bad : blue));
      for (let d = 0; d < D; d++) pad.mark(side, d, paper, 2, 0);
      pad.mark(side, output, pad.focused ? accent : orange, 4, 3);
      c.textBaseline = "middle";
      if (!cheats) pad.text("?", ...pad.middle(side, output), ink, "center", `600 ${(w / side) * 0.45}px system-ui, sans-serif`);
    });
    net.paint((w, h, c) => {
      const left = w < 430 ? 52 : 60, step = (w - left - 6) / (D - 1), tall = (h - 24) / n, x = (d) => left + d * step, y = (l) => h - 12 - l * tall;
      c.textBaseline = "middle";
      for (let l = 0; l <= n; l++) {
        net.text(l === 0 ? "x" : l === 1 ? "first" : `gap ${all[l - 1]}`, 0, y(l), muted, "left");
        for (let d = 0; d < D; d++) net.dot(x(d), y(l), Math.min(1.6, step / 3), line);
      }
      layers.slice(1).forEach((layer, l) => layer.forEach((d) => reads(l, d).forEach((from) => {
        const wrong = l === 0 && from >= output;
        c.globalAlpha = wrong ? 1 : 0.55;
        net.line([[x(from), y(l)], [x(d), y(l + 1)]], wrong ? bad : blue, 0.7);
      })));
      c.globalAlpha = 1;
      layers.forEach((layer, l) => layer.forEach((d) => net.dot(x(d), y(l), Math.min(l === n ? 5 : 3, step * 0.6 + (l === n ? 2 : 0)), l === n ? orange : l === 0 && d >= output ? bad : blue)));
    });
    const past = seen.filter((d) => d < output).length, cheat = cheats ? ", and it sees itself: it can copy the answer." : "";
    const say = `Output ${output} sees ${past} of the ${output} pixels before it${cheats ? "" : past < output ? ". More layers see further back." : "."}`;
    fig.write({ depth: `${n} of ${all.length}`, say, cheat });
    p.pad.ariaDescription = place(side, output);
    fig.stats.value = { output, shift, layers: n, seen };
    fig.say(say + cheat);
  };
});

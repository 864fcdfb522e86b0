// Touch an output pixel and see which inputs it can see, layer by layer; with the wrong mask it sees itself.
import { figure } from "./shared/figure.mjs";
import { place, range, rgb, squareAt } from "./shared/numbers.mjs";
import { Plot } from "./shared/plot.mjs";

figure("receptive", (fig, parts) => {
  const { side, kernel, dilations, start } = fig.spec;
  const D = side * side;
  const gaps = [1, ...dilations];
  const pad = new Plot(fig, parts.pad);
  const net = new Plot(fig, parts.net, 0.52);
  let output = start;
  let n = gaps.length;
  let shift = 1; // the first convolution's: 0 is the wrong mask

  // ---------------------------------------------------------------- as visible() in receptive.py

  // What position d of layer l + 1 reads in layer l.
  function reads(l, d) {
    const newest = l === 0 ? d - shift : d;
    return range(kernel, (k) => newest - k * gaps[l]).filter((from) => from >= 0);
  }

  // All positions that count for the output, layer by layer from x up.
  function visible() {
    const layers = [[output]];
    for (let l = n - 1; l >= 0; l--) {
      const below = new Set(layers[0].flatMap((d) => reads(l, d)));
      layers.unshift([...below].sort((a, b) => a - b));
    }
    return layers;
  }

  // ---------------------------------------------------------------- what the reader does

  function choose(d) {
    if (d >= 0 && d < D) fig.chose(output = d);
  }
  pad.pointer((u, v) => choose(squareAt(side, u, v)));
  pad.keys((right, up) => choose(output + right - up * side));
  parts.layers.oninput = () => {
    n = +parts.layers.value;
    fig.redraw();
  };
  fig.box.onchange = ({ target }) => {
    if (target.name !== "mask") return;
    shift = +target.value;
    fig.redraw();
  };

  // ---------------------------------------------------------------- drawing

  function drawPad(width, context, seen) {
    const { ink, paper, soft, blue, orange, bad, accent } = fig.colours;
    const colourOf = (d) => (!seen.includes(d) ? soft : d >= output ? bad : blue);
    pad.image(side, (d) => rgb(colourOf(d)));
    for (let d = 0; d < D; d++) pad.mark(side, d, paper, 2, 0);
    pad.mark(side, output, pad.focused ? accent : orange, 4, 3);
    if (seen.includes(output)) return;
    context.textBaseline = "middle";
    const font = `600 ${(width / side) * 0.45}px system-ui, sans-serif`;
    pad.text("?", ...pad.middle(side, output), ink, "center", font);
  }

  function drawNet(width, height, context, layers) {
    const { line, muted, blue, orange, bad } = fig.colours;
    const left = width < 430 ? 52 : 60;
    const step = (width - left - 6) / (D - 1);
    const tall = (height - 24) / n;
    const toX = (d) => left + d * step;
    const toY = (l) => height - 12 - l * tall;
    context.textBaseline = "middle";
    for (let l = 0; l <= n; l++) {
      const name = ["x", "first"][l] ?? `gap ${gaps[l - 1]}`;
      net.text(name, 0, toY(l), muted, "left");
      for (let d = 0; d < D; d++) net.dot(toX(d), toY(l), Math.min(1.6, step / 3), line);
    }
    for (let l = 0; l < n; l++) {
      for (const d of layers[l + 1]) {
        for (const from of reads(l, d)) {
          const wrong = l === 0 && from >= output;
          context.globalAlpha = wrong ? 1 : 0.55;
          net.line([[toX(from), toY(l)], [toX(d), toY(l + 1)]], wrong ? bad : blue, 0.7);
        }
      }
    }
    context.globalAlpha = 1;
    layers.forEach((layer, l) => layer.forEach((d) => {
      const [most, more, usual] = l === n ? [5, 2, orange] : [3, 0, blue];
      const colour = l === 0 && d >= output ? bad : usual;
      net.dot(toX(d), toY(l), Math.min(most, step * 0.6 + more), colour);
    }));
  }

  return () => {
    const layers = visible();
    const seen = layers[0];
    const cheats = seen.includes(output);
    pad.paint((width, _, context) => drawPad(width, context, seen));
    net.paint((width, height, context) => drawNet(width, height, context, layers));
    const past = seen.filter((d) => d < output).length;
    const cheat = cheats ? ", and it sees itself: it can copy the answer." : "";
    const end = cheats ? "" : past < output ? ". More layers see further back." : ".";
    const say = `Output ${output} sees ${past} of the ${output} pixels before it${end}`;
    fig.write({ depth: `${n} of ${gaps.length}`, say, cheat });
    parts.pad.ariaDescription = place(side, output);
    fig.stats.value = { output, shift, layers: n, seen };
    fig.say(say + cheat);
  };
});

// The latent plane of a VAE: drag z, see the decoded picture, the nearest real one, and where all real ones lie.
import { figure, Plot, fixed, rgb, mix } from "./core.mjs";

const N = 13; // decoded pictures along a side of the plane

figure("latent_plane", (fig) => {
  const { side, top, reach, labels, hues } = fig.spec, D = side * side;
  const codes = fig.array(fig.spec.codes), pictures = Uint8Array.from(atob(fig.spec.pictures), (b) => b.charCodeAt(0));
  let z = [...fig.spec.start], field = "codes";

  const p = fig.html(`
    <fieldset class="seg"><legend class="hide">What the plane shows</legend><label><input type="radio" name="field" value="codes" checked>Test digits</label><label><input type="radio" name="field" value="decoded">Decoded digits</label></fieldset>
    <div class="cols"><div class="wide">
      <canvas data-p="map" tabindex="0" role="application" aria-label="The latent plane with real digits as numerals and a cross. The arrow keys move the cross, with shift in bigger steps."></canvas>
      <p class="small muted" style="margin-top:6px">Drag the cross, tap, or use the arrow keys.</p>
    </div><div>
      <p class="head"><strong>z</strong> = <output class="num" data-p="z"></output></p>
      <p class="small muted">log <i>p</i>(<b>z</b>) = <output class="num" data-p="log"></output> nats; the ring holds 95 % of the prior</p>
      <div class="cols" style="gap:14px;flex-wrap:nowrap;align-items:end;max-width:340px"><div style="flex:1 1 0"><p class="head">decoded</p><canvas data-p="image" role="img" aria-label="The mean picture of p(x | z)"></canvas></div>
      <div style="flex:1 1 0"><p class="head">nearest test digit: <output data-p="label"></output></p><canvas data-p="real" role="img" aria-label="The test digit whose code is nearest"></canvas></div></div>
    </div></div>`);

  const map = new Plot(fig, p.map, 1), image = new Plot(fig, p.image, 1), real = new Plot(fig, p.real, 1);
  const grid = new Float32Array(2 * N * N);
  for (let i = 0, k = 0; i < N; i++) for (let j = 0; j < N; j++) {
    grid[k++] = ((2 * j + 1) / N - 1) * reach;
    grid[k++] = (1 - (2 * i + 1) / N) * reach;
  }
  let tiles;

  function picture(c, x, from, left, upper, size) {
    const paper = rgb(fig.dark ? fig.colours.soft : fig.colours.paper), ink = rgb(fig.colours.ink), cell = size / side;
    for (let d = 0; d < D; d++) {
      c.fillStyle = `rgb(${mix(paper, ink, x[from + d] / top).map(Math.round)})`;
      c.fillRect(left + (d % side) * cell, upper + Math.floor(d / side) * cell, cell + 0.4, cell + 0.4);
    }
  }
  function nearest() {
    let best = 0, least = Infinity;
    for (let i = 0; i < labels.length; i++) {
      const far = (codes[2 * i] - z[0]) ** 2 + (codes[2 * i + 1] - z[1]) ** 2;
      if (far < least) { least = far; best = i; }
    }
    return best;
  }

  function show() {
    const mean = fig.run("decoder", [1, 2], z).mean, near = nearest(), logPz = -0.5 * (z[0] ** 2 + z[1] ** 2) - Math.log(2 * Math.PI);
    map.paint((c, w) => {
      const { ink, paper, line, muted } = fig.colours, X = (a) => ((a / reach + 1) / 2) * w, Y = (b) => ((1 - b / reach) / 2) * w;
      if (field === "decoded") {
        tiles ??= fig.run("decoder", [N * N, 2], grid).mean;
        for (let k = 0; k < N * N; k++) picture(c, tiles, k * D, ((k % N) * w) / N, (Math.floor(k / N) * w) / N, w / N);
      } else {
        c.font = `600 ${w < 330 ? 10 : 12}px system-ui, sans-serif`;
        c.textAlign = "center";
        c.textBaseline = "middle";
        for (let i = 0; i < labels.length; i++) {
          c.fillStyle = `rgb(${mix(rgb(hues[labels[i]]), rgb(ink), 0.18).map(Math.round)})`;
          c.fillText(labels[i], X(codes[2 * i]), Y(codes[2 * i + 1]));
        }
        c.textBaseline = "alphabetic";
      }
      c.strokeStyle = muted;
      c.lineWidth = 1;
      c.beginPath();
      c.arc(X(0), Y(0), (2.448 / reach) * (w / 2), 0, 7);
      c.stroke();
      c.strokeStyle = line;
      c.strokeRect(0.5, 0.5, w - 1, w - 1);
      for (const [colour, width] of [[paper, 7], [ink, 3.2]]) {
        c.strokeStyle = colour;
        c.lineWidth = width;
        c.beginPath();
        c.moveTo(X(z[0]) - 10, Y(z[1])); c.lineTo(X(z[0]) + 10, Y(z[1])); c.moveTo(X(z[0]), Y(z[1]) - 10); c.lineTo(X(z[0]), Y(z[1]) + 10);
        c.stroke();
      }
    });
    image.paint((c, w) => picture(c, mean, 0, 0, 0, w));
    real.paint((c, w) => picture(c, pictures, near * D, 0, 0, w));
    p.z.textContent = `(${fixed(z[0])}, ${fixed(z[1])})`;
    p.log.textContent = fixed(logPz);
    p.label.textContent = labels[near];
    fig.stats.value = { z, mean: Array.from(mean), near, log_pz: logPz };
    fig.say(`z at ${p.z.textContent}. log p of z is ${p.log.textContent} nats. The nearest test digit is a ${labels[near]}.`);
  }

  function move(a, b) {
    z = [a, b].map((v) => Math.min(Math.max(v, -reach), reach));
    fig.emit(z);
    fig.redraw();
  }
  map.pointer((u, v) => move((2 * u - 1) * reach, (1 - 2 * v) * reach))
    .keys((dx, dy, shift) => { const step = reach / (shift ? 10 : 50); move(z[0] + dx * step, z[1] + dy * step); });
  fig.box.addEventListener("change", ({ target }) => { if (target.name === "field") { field = target.value; fig.redraw(); } });
  return show;
});

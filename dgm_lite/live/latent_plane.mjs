// The latent plane of a VAE: drag z, see the decoded picture, the nearest real one, and where all others lie.
import { figure } from "./shared/figure.mjs";
import { clip, css, fixed, mix, range, rgb, scale } from "./shared/numbers.mjs";
import { Plot } from "./shared/plot.mjs";

const N = 13; // decoded pictures along a side of the plane
const RING = Math.sqrt(-2 * Math.log(0.05)); // 95 % of the prior of z lie inside this radius

figure("latent_plane", (fig, parts) => {
  const { side, top, reach, hues, start, pictures } = fig.spec;
  const labels = [...fig.spec.labels];
  const D = side * side;
  const [codes] = fig.arrays("codes");
  const real = atob(pictures);
  const map = new Plot(fig, parts.map);
  const image = new Plot(fig, parts.image);
  const nearest = new Plot(fig, parts.real);
  let z = start;
  let field = "codes";

  // ---------------------------------------------------------------- what the reader does

  const move = (a, b) => fig.chose(z = [clip(a, -reach, reach), clip(b, -reach, reach)]);
  map.pointer((u, v) => move((2 * u - 1) * reach, (1 - 2 * v) * reach));
  map.keys((right, up, shift) => {
    const step = reach / (shift ? 10 : 50);
    move(z[0] + right * step, z[1] + up * step);
  });
  fig.box.onchange = ({ target }) => {
    field = target.value;
    fig.redraw();
  };

  // ---------------------------------------------------------------- drawing

  // The z of picture k of N x N, in reading order, at the middle of its place.
  function gridPoint(k) {
    const [row, column] = [Math.floor(k / N), k % N];
    return [reach * ((2 * column + 1) / N - 1), reach * (1 - (2 * row + 1) / N)];
  }

  let tiles; // all decoded pictures, one after another
  function drawDecoded() {
    tiles ??= fig.run("decoder", [N * N, 2], range(N * N, gridPoint).flat()).mean;
    map.image(N * side, (i) => {
      const row = Math.floor(i / (N * side));
      const column = i % (N * side);
      const k = Math.floor(row / side) * N + Math.floor(column / side);
      const d = (row % side) * side + (column % side);
      return fig.tone(tiles[k * D + d] / top);
    });
  }

  function drawCodes(toX, toY, context) {
    const font = `600 ${map.width < 330 ? 10 : 12}px system-ui, sans-serif`;
    const colours = hues.map((hue) => css(mix(rgb(hue), rgb(fig.colours.ink), 0.18)));
    context.textBaseline = "middle";
    labels.forEach((label, i) => {
      map.text(label, toX(codes[2 * i]), toY(codes[2 * i + 1]), colours[label], "center", font);
    });
  }

  function drawMap(width, _, context) {
    const { ink, paper, line, muted } = fig.colours;
    const toX = scale(-reach, reach, 0, width);
    const toY = scale(reach, -reach, 0, width);
    if (field === "decoded") drawDecoded();
    else drawCodes(toX, toY, context);
    const angles = range(91, (i) => (i * Math.PI) / 45);
    map.line(angles.map((a) => [toX(RING * Math.cos(a)), toY(RING * Math.sin(a))]), muted);
    map.frame(0.5, 0.5, width - 1, width - 1, line);
    map.cross(toX(z[0]), toY(z[1]), paper, 7);
    map.cross(toX(z[0]), toY(z[1]), ink, 3.2);
  }

  return () => {
    const { mean } = fig.run("decoder", [1, 2], z);
    const far = labels.map((_, i) => Math.hypot(codes[2 * i] - z[0], codes[2 * i + 1] - z[1]));
    const near = far.indexOf(Math.min(...far));
    const logPz = -0.5 * (z[0] ** 2 + z[1] ** 2) - Math.log(2 * Math.PI);
    map.paint(drawMap);
    image.paint(() => image.image(side, (d) => fig.tone(mean[d] / top)));
    nearest.paint(() => nearest.image(side, (d) => fig.tone(real.charCodeAt(near * D + d) / top)));
    const words = { z: `(${fixed(z[0])}, ${fixed(z[1])})`, log: fixed(logPz), label: labels[near] };
    fig.write(words);
    fig.stats.value = { z, mean: Array.from(mean), near, log_pz: logPz };
    fig.say(`z at ${words.z}. log p of z is ${words.log} nats. The nearest test digit is a ${words.label}.`);
  };
});

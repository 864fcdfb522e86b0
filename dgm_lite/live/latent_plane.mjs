// The latent plane of a VAE: drag z, see the decoded picture, the nearest real one, and where all real ones lie.
import { figure, Plot, clip, scale, range, fixed, rgb, mix, css } from "./core.mjs";

const N = 13; // decoded pictures along a side of the plane

figure("latent_plane", (fig, p) => {
  const { side, top, reach, labels, hues, start, pictures } = fig.spec, D = side * side, [codes] = fig.arrays("codes"), real = atob(pictures);
  const map = new Plot(fig, p.map), image = new Plot(fig, p.image), nearest = new Plot(fig, p.real);
  let z = start, field = "codes", tiles;

  const grid = range(2 * N * N, (k) => { const i = k >> 1; return reach * (k % 2 ? 1 - (2 * Math.floor(i / N) + 1) / N : (2 * (i % N) + 1) / N - 1); });
  // All decoded pictures as one: pixel i of N side x N side is pixel d of picture k.
  function decoded(i) {
    const row = Math.floor(i / (N * side)), column = i % (N * side), k = Math.floor(row / side) * N + Math.floor(column / side);
    return fig.tone(tiles[k * D + (row % side) * side + (column % side)] / top);
  }

  const move = (a, b) => fig.chose(z = [clip(a, -reach, reach), clip(b, -reach, reach)]);
  map.pointer((u, v) => move((2 * u - 1) * reach, (1 - 2 * v) * reach))
    .keys((dx, dy, shift) => { const step = reach / (shift ? 10 : 50); move(z[0] + dx * step, z[1] + dy * step); });
  fig.box.onchange = ({ target }) => { field = target.value; fig.redraw(); };

  return () => {
    const mean = fig.run("decoder", [1, 2], z).mean, far = range(labels.length, (i) => Math.hypot(codes[2 * i] - z[0], codes[2 * i + 1] - z[1])), near = far.indexOf(Math.min(...far));
    const logPz = -0.5 * (z[0] ** 2 + z[1] ** 2) - Math.log(2 * Math.PI), { ink, paper, line, muted } = fig.colours;
    map.paint((w, _, c) => {
      const X = scale(-reach, reach, 0, w), Y = scale(reach, -reach, 0, w);
      if (field === "decoded") {
        tiles ??= fig.run("decoder", [N * N, 2], grid).mean;
        map.image(N * side, decoded);
      } else {
        c.textBaseline = "middle";
        for (let i = 0; i < labels.length; i++) map.text(labels[i], X(codes[2 * i]), Y(codes[2 * i + 1]), css(mix(rgb(hues[labels[i]]), rgb(ink), 0.18)), "center", `600 ${w < 330 ? 10 : 12}px system-ui, sans-serif`);
      }
      map.line(range(91, (i) => i * Math.PI / 45).map((a) => [X(2.448 * Math.cos(a)), Y(2.448 * Math.sin(a))]), muted);
      map.frame(0.5, 0.5, w - 1, w - 1, line);
      for (const [colour, width] of [[paper, 7], [ink, 3.2]]) map.cross(X(z[0]), Y(z[1]), colour, width);
    });
    image.paint(() => image.image(side, (d) => fig.tone(mean[d] / top)));
    nearest.paint(() => nearest.image(side, (d) => fig.tone(real.charCodeAt(near * D + d) / top)));
    const words = { z: `(${fixed(z[0])}, ${fixed(z[1])})`, log: fixed(logPz), label: labels[near] };
    fig.write(words);
    fig.stats.value = { z, mean: Array.from(mean), near, log_pz: logPz };
    fig.say(`z at ${words.z}. log p of z is ${words.log} nats. The nearest test digit is a ${words.label}.`);
  };
});

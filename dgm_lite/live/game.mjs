// The adversarial game as a film: scrub through training and watch points, discriminator and forces.
import { figure, Plot, fieldImage, clip, scale, fixed, rgb, mix } from "./core.mjs";

figure("game", (fig, p) => {
  const { lim: [x0, x1, y0, y1], frames, n, steps } = fig.spec, [real] = fig.arrays("real"), last = frames.length - 1;
  const shots = frames.map((f) => ({ ...f, points: fig.array(f.points), force: fig.array(f.force), field: fig.array(f.field) }));
  const players = ["discriminator", "generator"], top = Math.max(2, ...shots.flatMap((s) => players.map((name) => Math.abs(s[name]))));
  let at = last, images = [];
  const pad = new Plot(fig, p.pad, (y1 - y0) / (x1 - x0)), losses = new Plot(fig, p.loss, 0.4);
  fig.onTheme = () => { images = []; };

  const background = (k) => (images[k] ??= fieldImage(n, (i) => {
    const { orange, blue, paper } = fig.colours, d = shots[k].field[i];
    return mix(rgb(paper), rgb(d > 0.5 ? orange : blue), 0.75 * Math.sqrt(Math.abs(2 * d - 1)));
  }));

  const go = (k) => fig.chose(p.time.value = at = clip(k, 0, last));
  p.time.oninput = () => go(+p.time.value);
  p.arrows.onchange = () => fig.redraw();
  pad.keys((dx, dy, shift) => go(at + (dx + dy) * (shift ? 5 : 1)));
  for (const plot of [pad, losses]) plot.pointer((u) => go(Math.round(u * last)));

  return () => {
    const shot = shots[at], { ink, blue, orange, line, accent } = fig.colours;
    pad.paint((w, h, c) => {
      const X = scale(x0, x1, 0, w), Y = scale(y1, y0, 0, h), n = shot.points.length / 2;
      c.drawImage(background(at), 0, 0, w, h);
      for (const [points, colour] of [[real, orange], [shot.points, blue]]) for (let i = 0; i < points.length; i += 2) pad.dot(X(points[i]), Y(points[i + 1]), 2.4, colour);
      if (p.arrows.checked) for (let i = 0; i < n; i++) {
        const [x, y] = shot.points.subarray(2 * i), [dx, dy] = shot.force.subarray(2 * i);
        pad.line([[X(x), Y(y)], [X(x + dx), Y(y + dy)]], ink);
      }
    });
    losses.paint((w, h) => {
      const X = scale(0, last, 2, w - 2), Y = scale(0, top, h - 4, 4), guess = Y(2 * Math.LN2);
      losses.line([[0, guess], [w, guess]], line, 1, [2, 4]);
      players.forEach((name, i) => losses.line(shots.map((s, k) => [X(k), Y(Math.abs(s[name]))]), i ? blue : ink, 1.5));
      losses.rect(X(at) - 1, 0, 2, h, accent);
    });
    const say = `Step ${shot.step} of ${steps}. Discriminator's loss ${fixed(shot.discriminator)}, generator's ${fixed(shot.generator)}.`;
    fig.write({ say });
    fig.stats.value = { at, step: shot.step, points: shot.points };
    fig.say(say);
  };
});

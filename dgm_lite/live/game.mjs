// The adversarial game as a film: scrub through training and watch points, discriminator and forces.
import { figure } from "./shared/figure.mjs";
import { clip, fixed, mix, rgb, scale } from "./shared/numbers.mjs";
import { fieldImage, Plot } from "./shared/plot.mjs";

const PLAYERS = ["discriminator", "generator"];

figure("game", (fig, parts) => {
  const { lim: [x0, x1, y0, y1], frames, n, steps } = fig.spec;
  const [real] = fig.arrays("real");
  const shots = frames.map((shot) => ({
    ...shot,
    points: fig.array(shot.points),
    force: fig.array(shot.force),
    field: fig.array(shot.field),
  }));
  const last = shots.length - 1;
  const losses = shots.flatMap((shot) => PLAYERS.map((name) => Math.abs(shot[name])));
  const highest = Math.max(2, ...losses);
  const pad = new Plot(fig, parts.pad, (y1 - y0) / (x1 - x0));
  const chart = new Plot(fig, parts.loss, 0.4);
  let at = last;

  // ---------------------------------------------------------------- what the reader does

  const go = (k) => fig.chose(parts.time.value = at = clip(k, 0, last));
  parts.time.oninput = () => go(+parts.time.value);
  parts.arrows.onchange = () => fig.redraw();
  pad.keys((right, up, shift) => go(at + (right + up) * (shift ? 5 : 1)));
  for (const plot of [pad, chart]) plot.pointer((u) => go(Math.round(u * last)));

  // ---------------------------------------------------------------- drawing

  // Where the discriminator believes in orange or blue, by shot, in the colours of the theme.
  let backgrounds = [];
  fig.onTheme = () => {
    backgrounds = [];
  };
  function background(k) {
    const { orange, blue, paper } = fig.colours;
    return (backgrounds[k] ??= fieldImage(n, (i) => {
      const belief = shots[k].field[i];
      const strength = 0.75 * Math.sqrt(Math.abs(2 * belief - 1));
      return mix(rgb(paper), rgb(belief > 0.5 ? orange : blue), strength);
    }));
  }

  function drawPlane(width, height, context) {
    const { points, force } = shots[at];
    const { ink, blue, orange } = fig.colours;
    const toX = scale(x0, x1, 0, width);
    const toY = scale(y1, y0, 0, height);
    context.drawImage(background(at), 0, 0, width, height);
    for (const [dots, colour] of [[real, orange], [points, blue]]) {
      for (let i = 0; i < dots.length; i += 2) pad.dot(toX(dots[i]), toY(dots[i + 1]), 2.4, colour);
    }
    if (!parts.arrows.checked) return;
    for (let i = 0; i < points.length; i += 2) {
      const [x, y] = points.subarray(i);
      const [dx, dy] = force.subarray(i);
      pad.line([[toX(x), toY(y)], [toX(x + dx), toY(y + dy)]], ink);
    }
  }

  function drawLosses(width, height) {
    const { ink, blue, line, accent } = fig.colours;
    const toX = scale(0, last, 2, width - 2);
    const toY = scale(0, highest, height - 4, 4);
    const guess = toY(2 * Math.LN2);
    chart.line([[0, guess], [width, guess]], line, 1, [2, 4]);
    PLAYERS.forEach((name, i) => {
      const curve = shots.map((shot, k) => [toX(k), toY(Math.abs(shot[name]))]);
      chart.line(curve, i ? blue : ink, 1.5);
    });
    chart.rect(toX(at) - 1, 0, 2, height, accent);
  }

  return () => {
    const shot = shots[at];
    pad.paint(drawPlane);
    chart.paint(drawLosses);
    const both = `Discriminator's loss ${fixed(shot.discriminator)}, generator's ${fixed(shot.generator)}.`;
    const say = `Step ${shot.step} of ${steps}. ${both}`;
    fig.write({ say });
    fig.stats.value = { at, step: shot.step, points: shot.points };
    fig.say(say);
  };
});

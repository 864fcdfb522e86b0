// The adversarial game as a film: scrub through training and watch points, discriminator and forces.
import { figure, Plot, fieldImage, fixed, rgb, mix } from "./core.mjs";

figure("game", (fig) => {
  const { lim, frames, n, steps } = fig.spec, real = fig.array(fig.spec.real);
  const [x0, x1, y0, y1] = lim, shots = frames.map((f) => ({ ...f, points: fig.array(f.points), force: fig.array(f.force), field: fig.array(f.field) }));
  let at = shots.length - 1, images = [];

  const p = fig.html(`
    <div class="cols"><div class="wide"><canvas data-p="pad" style="touch-action:pan-y;cursor:ew-resize" tabindex="0" role="application" aria-label="Data, drawn points and discriminator in the plane. Arrow keys left and right go through training."></canvas></div>
    <div><label class="small">Training step <input type="range" data-p="time" min="0" max="${shots.length - 1}" step="1" value="${at}"></label>
      <p><output data-p="say"></output></p>
      <label class="small row" style="flex-wrap:nowrap"><input type="checkbox" data-p="arrows" checked><span>Arrows: where the generator's loss pushes each point</span></label>
      <canvas data-p="loss" style="touch-action:pan-y;cursor:ew-resize" role="img" aria-label="Losses of both players over training"></canvas>
      <p class="small muted">Orange: real points. Blue: drawn points. The background says where the discriminator believes in orange or blue. Below: its loss (black, on dark pages white) and the generator's (blue); the dotted line is 2 log 2, the discriminator's loss when it can only guess.</p></div></div>`);
  const pad = new Plot(fig, p.pad, (y1 - y0) / (x1 - x0)), losses = new Plot(fig, p.loss, 0.4);
  fig.onTheme = () => { images = []; };

  const background = (k) => (images[k] ??= fieldImage(n, (i) => {
    const { orange, blue, paper } = fig.colours, d = shots[k].field[i];
    return mix(rgb(paper), rgb(d > 0.5 ? orange : blue), 0.75 * Math.sqrt(Math.abs(2 * d - 1)));
  }));

  const go = (k) => { at = Math.min(Math.max(k, 0), shots.length - 1); p.time.value = at; fig.emit(at); fig.redraw(); };
  p.time.addEventListener("input", () => go(+p.time.value));
  p.arrows.addEventListener("change", () => fig.redraw());
  pad.keys((dx, dy, shift) => go(at + (dx + dy) * (shift ? 5 : 1)));
  for (const plot of [pad, losses]) plot.pointer((u) => go(Math.round(u * (shots.length - 1))));

  return () => {
    const shot = shots[at];
    pad.paint((c, w, h) => {
      const X = (x) => ((x - x0) / (x1 - x0)) * w, Y = (y) => ((y1 - y) / (y1 - y0)) * h, { orange, blue, ink } = fig.colours;
      c.drawImage(background(at), 0, 0, w, h);
      const dots = (points, colour) => { c.fillStyle = colour; for (let i = 0; i < points.length; i += 2) { c.beginPath(); c.arc(X(points[i]), Y(points[i + 1]), 2.4, 0, 7); c.fill(); } };
      dots(real, orange);
      dots(shot.points, blue);
      if (p.arrows.checked) {
        c.strokeStyle = ink;
        c.lineWidth = 1;
        c.beginPath();
        for (let i = 0; i < shot.force.length; i += 2) { c.moveTo(X(shot.points[i]), Y(shot.points[i + 1])); c.lineTo(X(shot.points[i] + shot.force[i]), Y(shot.points[i + 1] + shot.force[i + 1])); }
        c.stroke();
      }
    });
    losses.paint((c, w, h) => {
      const { ink, blue, line, accent } = fig.colours, top = Math.max(2, ...shots.map((s) => Math.max(s.discriminator, Math.abs(s.generator)))), X = (k) => (k / (shots.length - 1)) * (w - 4) + 2, Y = (v) => h - 4 - (v / top) * (h - 8);
      c.setLineDash([2, 4]);
      c.strokeStyle = line;
      c.beginPath(); c.moveTo(0, Y(2 * Math.LN2)); c.lineTo(w, Y(2 * Math.LN2)); c.stroke();
      c.setLineDash([]);
      for (const [name, colour] of [["discriminator", ink], ["generator", blue]]) {
        c.strokeStyle = colour;
        c.lineWidth = 1.5;
        c.beginPath();
        shots.forEach((s, k) => c.lineTo(X(k), Y(Math.abs(s[name]))));
        c.stroke();
      }
      c.fillStyle = accent;
      c.fillRect(X(at) - 1, 0, 2, h);
    });
    p.say.textContent = `Step ${shot.step} of ${steps}. Discriminator's loss ${fixed(shot.discriminator)}, generator's ${fixed(shot.generator)}.`;
    fig.stats.value = { at, step: shot.step, points: shot.points };
    fig.say(p.say.textContent);
  };
});

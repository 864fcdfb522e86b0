// The smallest adversarial game, a draw theta against a slope psi: where do they go, do they come to rest?
import { figure } from "./shared/figure.mjs";
import { clip, fixed, range, scale } from "./shared/numbers.mjs";
import { Plot } from "./shared/plot.mjs";

const ARROWS = 13; // along each side
const sigmoid = (a) => 1 / (1 + Math.exp(-a));

figure("orbit", (fig, parts) => {
  const { rate, steps, reach } = fig.spec;
  const pad = new Plot(fig, parts.pad);
  const chosen = { loss: "saturating", order: "turn" };
  let start = fig.spec.start;

  // ---------------------------------------------------------------- the game

  function velocity([theta, psi]) {
    const believed = sigmoid(psi * theta); // D at the draw
    const push = chosen.loss === "saturating" ? believed : 1 - believed;
    return [push * psi, -believed * theta - parts.gamma.value * psi];
  }

  // In turn, the generator sees the slope that the discriminator has just taken.
  function way() {
    const places = [start];
    for (let i = 0; i < steps; i++) {
      const [theta, psi] = places[i];
      const moved = psi + rate * velocity(places[i])[1];
      const seen = chosen.order === "turn" ? moved : psi;
      places.push([theta + rate * velocity([theta, seen])[0], moved]);
    }
    return places;
  }

  // (-gamma ± sqrt(gamma² - 1)) / 2
  function eigenvalues(gamma) {
    const root = Math.sqrt(Math.abs(gamma * gamma - 1)) / 2;
    if (gamma < 1) return { real: [-gamma / 2], imaginary: root };
    return { real: [-gamma / 2 - root, -gamma / 2 + root], imaginary: 0 };
  }

  // ---------------------------------------------------------------- what the reader does

  const go = (theta, psi) => fig.chose(start = [theta, psi].map((v) => clip(v, -reach, reach)));
  pad.pointer((u, v) => go((2 * u - 1) * reach, (1 - 2 * v) * reach));
  pad.keys((right, up, shift) => {
    const by = shift ? 0.5 : 0.1;
    go(start[0] + right * by, start[1] + up * by);
  });
  parts.gamma.oninput = () => fig.redraw();
  fig.box.onchange = ({ target }) => {
    if (target.name) chosen[target.name] = target.value;
    fig.redraw();
  };

  // ---------------------------------------------------------------- drawing

  function drawPlane(places, width, height) {
    const { ink, muted, line, blue, orange } = fig.colours;
    const toX = scale(-reach, reach, 0, width);
    const toY = scale(reach, -reach, 0, height);
    const at = ([theta, psi]) => [toX(theta), toY(psi)];
    pad.line([[0, height / 2], [width, height / 2]], line);
    pad.line([[width / 2, 0], [width / 2, height]], line);
    for (const i of range(ARROWS * ARROWS)) {
      const [theta, psi] = pad.middle(ARROWS, i).map((v) => (2 * v) / width - 1);
      const from = [theta * reach, -psi * reach];
      const [right, up] = velocity(from);
      const to = [from[0] + 0.15 * right, from[1] + 0.15 * up];
      pad.line([at(from), at(to)], muted, 1);
      pad.dot(...at(from), 1.4, muted);
    }
    pad.line(places.map(at), blue, 2);
    pad.cross(width / 2, height / 2, ink, 1);
    pad.dot(...at(start), pad.focused ? 9 : 7, orange);
    pad.text("θ, the draw", width - 6, height / 2 - 6, muted, "right");
    pad.text("ψ, the slope", width / 2 + 6, 14, muted, "left");
  }

  return () => {
    const gamma = +parts.gamma.value;
    const places = way();
    const end = places[steps];
    const [first, last] = [start, end].map((place) => Math.hypot(...place));
    const { real, imaginary } = eigenvalues(gamma);
    const eigen = real.map((v) => fixed(v)).join(" and ") + (imaginary ? ` ± ${fixed(imaginary)} i` : "");
    let moves = "keeps its distance";
    if (last < 0.99 * first) moves = "draws nearer";
    if (last > 1.01 * first) moves = "drifts away";
    const say = `It ${imaginary ? "turns" : "does not turn"}, and ${moves}.`;
    pad.paint((width, height) => drawPlane(places, width, height));
    fig.write({ gammaOut: fixed(gamma), eigen, first: fixed(first), last: fixed(last), say });
    fig.stats.value = { start, gamma, ...chosen, end, real, imaginary };
    const distances = `Distance ${fixed(first)} at the start, ${fixed(last)} at the end.`;
    fig.say(`Penalty ${fixed(gamma)}. Eigenvalues ${eigen}. ${distances} ${say}`);
  };
});

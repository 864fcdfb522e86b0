// Perturbations of growing size: an image, a way to choose the change, and what classifier and density say.
import { bars, histogram } from "./shared/charts.mjs";
import { figure } from "./shared/figure.mjs";
import { clip, fixed, mix, peak, range, rank, rgb, sum } from "./shared/numbers.mjs";
import { Plot } from "./shared/plot.mjs";

figure("noise", (fig, parts) => {
  const { side, levels, moves, classes, labels, ways, things, images, limit, falseAlarms, start } = fig.spec;
  const D = side * side;
  const K = classes.length;
  const [heldout] = fig.arrays("heldout");
  const beliefs = fig.spec.belief.map((packed) => fig.array(packed));
  const logs = fig.spec.logPx.map((packed) => fig.array(packed));
  const lowest = Math.min(heldout[0], ...logs.flatMap((values) => [...values]));
  const trio = new Plot(fig, parts.trio, 0.31);
  const showBelief = bars(fig, parts.bars, classes);
  const showDensity = histogram(fig, parts.hist, heldout, lowest);
  let who = 0;
  let way = 0;
  let at = start;

  // The image after so many moves; its levels are stored as letters from "0" on.
  const entry = (move) => who * (moves + 1) + move;
  const picture = (move) => range(D, (d) => images[way].charCodeAt(entry(move) * D + d) - 48);

  // ---------------------------------------------------------------- what the reader does

  function move(to, nextWay = way) {
    at = clip(Math.round(to), 0, moves);
    way = (nextWay + ways.length) % ways.length;
    fig.chose({ who, way: ways[way], moves: at });
  }
  trio.pointer((u) => move(u * moves));
  trio.keys((right, up, shift) => move(at + right * (shift ? 10 : 1), way - up));
  parts.slider.oninput = () => move(+parts.slider.value);
  fig.box.onchange = ({ target }) => {
    if (target.name === "who") {
      who = +target.value;
      move(at);
    }
    if (target.name === "way") move(at, +target.value);
  };

  // ---------------------------------------------------------------- drawing

  const tone = (level) => fig.tone(level / (levels - 1));

  // Orange is more ink, blue is less.
  function changeTone(change) {
    const { orange, blue, page } = fig.colours;
    const strength = change && Math.min(1, 0.3 + Math.abs(change) / 5);
    return mix(rgb(page), rgb(change > 0 ? orange : blue), strength);
  }

  function drawTrio(width, height, pictures) {
    pictures.forEach((tones, k) => {
      const left = (k * (width - height)) / 2;
      trio.image(side, (d) => tones[d], left, 0, height);
      trio.frame(left + 0.5, 0.5, height - 1, height - 1, fig.colours.line);
    });
  }

  return () => {
    const { line, bad } = fig.colours;
    const x = picture(0);
    const changed = picture(at);
    const change = changed.map((level, d) => level - x[d]);
    const rms = Math.sqrt(sum(change.map((v) => v * v)) / D);
    const posterior = [...beliefs[way].subarray(entry(at) * K, (entry(at) + 1) * K)];
    const log = logs[way][entry(at)];
    const best = peak(posterior);
    const wrong = best !== labels[who];
    const odd = log < limit;

    const pictures = [x.map(tone), change.map(changeTone), changed.map(tone)];
    trio.paint((width, height) => drawTrio(width, height, pictures));
    showBelief(posterior);
    showDensity(log, limit);
    parts.slider.value = at;
    parts.says.style.borderColor = wrong ? bad : line;
    parts.rank.style.borderColor = odd ? bad : line;
    for (const [name, k] of [["who", who], ["way", way]]) fig.all(`[name=${name}]`)[k].checked = true;

    const mark = `mark at ${+(100 * falseAlarms).toFixed(1)} %`;
    const words = {
      rms: rms.toFixed(2),
      largest: Math.max(...change.map(Math.abs)),
      log: `${fixed(log, 1)} nats`,
      says: `It sees a ${classes[best]}, ${(100 * posterior[best]).toFixed(1)} % certain.`
        + (wrong ? ` It is a ${classes[labels[who]]}.` : ""),
      rank: `${odd ? "Suspicious" : "Not suspicious"}: ${rank(heldout, log, things)} (${mark}).`,
    };
    fig.write(words);
    parts.trio.ariaDescription = `${ways[way]}, ${at} of ${moves} moves`;
    fig.stats.value = { x: changed, posterior, log_px: log, rms, moves: at, way: ways[way], who };
    fig.say(`${ways[way]}, RMS ${words.rms}. ${words.says} log p of x is ${words.log}. ${words.rank}`);
  };
});

// Perturbations of growing size: an image, a way to choose the perturbation, and what classifier and density say.
import { figure, Plot, histogram, bars, clip, range, sum, peak, fixed, rank, rgb, mix } from "./core.mjs";

figure("noise", (fig, p) => {
  const { side, levels, moves, classes, labels, ways, things, images, limit, falseAlarms, start, belief, logPx } = fig.spec, D = side * side, K = classes.length;
  const [heldout] = fig.arrays("heldout"), beliefs = belief.map((b) => fig.array(b)), logs = logPx.map((v) => fig.array(v));
  const trio = new Plot(fig, p.trio, 0.31), believe = bars(fig, p.bars, classes), hist = histogram(fig, p.hist, heldout, Math.min(heldout[0], ...logs.flatMap((v) => [...v])));
  const picture = (k) => range(D, (d) => images[way].charCodeAt((who * (moves + 1) + k) * D + d) - 48);
  let at = start, way = 0, who = 0;

  function move(k, w = way) {
    at = clip(Math.round(k), 0, moves);
    way = (w + ways.length) % ways.length;
    fig.chose({ who, way: ways[way], moves: at });
  }
  trio.pointer((u) => move(u * moves)).keys((dx, dy, shift) => move(at + dx * (shift ? 10 : 1), way - dy));
  p.slider.oninput = () => move(+p.slider.value);
  fig.box.onchange = ({ target }) => {
    if (target.name === "who") { who = +target.value; move(at); }
    if (target.name === "way") move(at, +target.value);
  };

  return () => {
    const x = picture(0), z = picture(at), i = who * (moves + 1) + at, delta = z.map((v, d) => v - x[d]), { orange, blue, page, line, bad } = fig.colours;
    const posterior = [...beliefs[way].subarray(i * K, i * K + K)], log = logs[way][i], best = peak(posterior), size = Math.sqrt(sum(delta.map((v) => v * v)) / D);
    const wrong = best !== labels[who], odd = log < limit, tone = (v) => fig.tone(v / (levels - 1));
    trio.paint((w, h) => [x.map(tone), delta.map((v) => mix(rgb(page), rgb(v > 0 ? orange : blue), v && Math.min(1, 0.3 + Math.abs(v) / 5))), z.map(tone)].forEach((tones, k) => {
      const left = (k * (w - h)) / 2;
      trio.image(side, (d) => tones[d], left, 0, h);
      trio.frame(left + 0.5, 0.5, h - 1, h - 1, line);
    }));
    believe(posterior);
    hist(log, limit);
    p.slider.value = at;
    const words = {
      rms: size.toFixed(2), largest: Math.max(...delta.map(Math.abs)), log: `${fixed(log, 1)} nats`,
      says: `It sees a ${classes[best]}, ${(100 * posterior[best]).toFixed(1)} % certain. ${wrong ? `It is a ${classes[labels[who]]}.` : ""}`.trim(),
      rank: `${odd ? "Suspicious" : "Not suspicious"}: ${rank(heldout, log, things)} (mark at ${+(100 * falseAlarms).toFixed(1)} %).`,
    };
    fig.write(words);
    p.says.style.borderColor = wrong ? bad : line;
    p.rank.style.borderColor = odd ? bad : line;
    for (const [name, k] of [["who", who], ["way", way]]) fig.all(`[name=${name}]`)[k].checked = true;
    p.trio.ariaDescription = `${ways[way]}, ${at} of ${moves} moves`;
    fig.stats.value = { x: z, posterior, log_px: log, rms: size, moves: at, way: ways[way], who };
    fig.say(`${ways[way]}, RMS ${words.rms}. ${words.says} log p of x is ${words.log}. ${words.rank}`);
  };
});

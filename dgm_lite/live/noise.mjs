// Perturbations of growing size: an image, a way to choose the perturbation, and what classifier and density say.
import { figure, Plot, histogram, bars, escape, fixed, rank, rgb, mix } from "./core.mjs";

figure("noise", (fig) => {
  const { side, levels, moves, classes, labels, ways, things, images, limit, falseAlarms } = fig.spec, D = side * side, K = classes.length;
  const heldout = fig.array(fig.spec.heldout), beliefs = fig.spec.belief.map((b) => fig.array(b)), logs = fig.spec.logPx.map((v) => fig.array(v));
  let at = fig.spec.start, way = 0, who = 0;

  const radios = (name, legend, words) => `<fieldset class="seg"><legend class="hide">${legend}</legend>${words.map((w, k) => `<label><input type="radio" name="${name}" value="${k}"${k ? "" : " checked"}>${escape(w)}</label>`).join("")}</fieldset>`;
  const p = fig.html(`
    ${radios("who", "Image", labels.map((y) => `a ${classes[y]}`))}${radios("way", "How the noise is chosen", ways)}
    <div class="cols"><div class="wide">
      <canvas data-p="trio" tabindex="0" role="application" aria-label="Three pictures: the image, the change, and their sum. Arrow keys left and right set the size of the change, up and down how it is chosen."></canvas>
      <p class="row small muted" style="justify-content:space-around;margin:4px 0 8px"><span>image</span><span>change</span><span>sum</span></p>
      <label class="small">Size of the change: RMS <output class="num" data-p="rms"></output> of ${levels - 1} levels, largest <output class="num" data-p="largest"></output>
        <input data-p="slider" type="range" min="0" max="${moves}" value="${at}"></label>
      <p class="small muted">Slide, drag across the pictures, or use the arrow keys. In the change, orange is more ink, blue is less.</p>
    </div><div>
      <p class="head"><strong>The classifier</strong> <i>p</i>(<i>y</i> | <b>x</b>)</p>
      <canvas data-p="bars" role="img" aria-label="The classifier's probability of each class"></canvas>
      <div class="verdict" data-p="left"><output data-p="says"></output></div>
      <p class="head"><strong>The density</strong> log <i>p</i>(<b>x</b>) = <output class="num" data-p="log"></output></p>
      <canvas data-p="hist" role="img" aria-label="Histogram of log p(x) of ${escape(things)}, with a mark at this image"></canvas>
      <div class="verdict" data-p="right"><output data-p="rank"></output></div>
    </div></div>`);

  const lowest = Math.min(heldout[0], ...logs.map((v) => Math.min(...v)));
  const trio = new Plot(fig, p.trio, 0.31), belief = bars(fig, p.bars, classes), hist = histogram(fig, p.hist, heldout, { low: lowest });
  const picture = (k) => Array.from(images[way].substr((who * (moves + 1) + k) * D, D), (c) => c.charCodeAt(0) - 48);

  function show() {
    const x = picture(0), z = picture(at), i = who * (moves + 1) + at, delta = z.map((v, d) => v - x[d]);
    const posterior = Array.from(beliefs[way].slice(i * K, i * K + K)), log = logs[way][i], best = posterior.indexOf(Math.max(...posterior));
    const size = Math.sqrt(delta.reduce((a, v) => a + v * v, 0) / D), wrong = best !== labels[who], odd = log < limit;
    trio.paint((c, w, h) => {
      const paper = rgb(fig.dark ? fig.colours.soft : fig.colours.paper), ink = rgb(fig.colours.ink), warm = rgb(fig.colours.orange), cool = rgb(fig.colours.blue);
      const tones = [x.map((v) => mix(paper, ink, v / (levels - 1))), delta.map((v) => mix(paper, v > 0 ? warm : cool, v ? Math.min(1, 0.3 + Math.abs(v) / 5) : 0)), z.map((v) => mix(paper, ink, v / (levels - 1)))];
      tones.forEach((tone, k) => {
        const cell = h / side, left = (k * (w - h)) / 2;
        tone.forEach((colour, d) => {
          c.fillStyle = `rgb(${colour.map(Math.round)})`;
          c.fillRect(left + (d % side) * cell, Math.floor(d / side) * cell, cell + 0.5, cell + 0.5);
        });
        c.strokeStyle = fig.colours.line;
        c.strokeRect(left + 0.5, 0.5, h - 1, h - 1);
      });
    });
    belief(posterior);
    hist(log, limit);
    p.slider.value = at;
    p.rms.textContent = size.toFixed(2);
    p.largest.textContent = Math.max(...delta.map(Math.abs));
    p.says.textContent = `It sees a ${classes[best]}, ${(100 * posterior[best]).toFixed(1)} % certain${wrong ? `. It is a ${classes[labels[who]]}.` : "."}`;
    p.left.style.borderColor = wrong ? fig.colours.bad : fig.colours.line;
    p.log.textContent = `${fixed(log, 1)} nats`;
    p.rank.textContent = `${odd ? "Suspicious" : "Not suspicious"}: ${rank(heldout, log, things)} (mark at ${+(100 * falseAlarms).toFixed(1)} %).`;
    p.right.style.borderColor = odd ? fig.colours.bad : fig.colours.line;
    for (const [name, value] of [["who", who], ["way", way]]) fig.box.querySelector(`[name=${name}][value="${value}"]`).checked = true;
    p.trio.setAttribute("aria-description", `${ways[way]}, ${at} of ${moves} moves`);
    fig.stats.value = { x: z, posterior, log_px: log, rms: size, moves: at, way: ways[way], who };
    fig.say(`${ways[way]}, RMS ${size.toFixed(2)}. ${p.says.textContent} log p of x is ${fixed(log, 1)} nats. ${p.rank.textContent}`);
  }

  function move(k, w = way) {
    at = Math.min(Math.max(Math.round(k), 0), moves);
    way = (w + ways.length) % ways.length;
    fig.emit({ who, way: ways[way], moves: at });
    fig.redraw();
  }
  trio.pointer((u) => move(u * moves)).keys((dx, dy, shift) => move(at + dx * (shift ? 10 : 1), way - dy));
  p.slider.addEventListener("input", () => move(+p.slider.value));
  fig.box.addEventListener("change", ({ target }) => {
    if (target.name === "who") { who = +target.value; move(at); }
    if (target.name === "way") move(at, +target.value);
  });
  return show;
});

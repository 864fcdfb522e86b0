// Where each model spends its bits on a picture: a map of its pixels, sums in reading order, and totals.
import { tick } from "./shared/charts.mjs";
import { figure } from "./shared/figure.mjs";
import { clip, fixed, mix, place, quantile, rgb, scale, squareAt } from "./shared/numbers.mjs";
import { BOLD, fieldImage, Plot } from "./shared/plot.mjs";

figure("code_length", (fig, parts) => {
  const { side, levels, models, wholes, start } = fig.spec;
  const D = side * side;
  const raw = D * Math.log2(levels); // bits of a picture without a model
  const [x] = fig.arrays("x");
  const bits = models.map((model) => fig.array(model.bits));
  const wholeBits = wholes.map((code) => fig.array(code.bits));
  const codes = [...models, ...wholes].map(({ name }) => name);
  const sums = bits.map(sumsOf); // of the bits in reading order, anew for each picture
  const highest = Math.max(raw, ...sums.flatMap((all) => [...all]));
  // One scale of colours for all pictures and models, so that they can be compared.
  const sorted = bits.flatMap((all) => [...all]).sort((a, b) => a - b);
  const most = Math.max(1, Math.ceil(quantile(sorted, 0.995)));
  const pad = new Plot(fig, parts.pad);
  const heat = new Plot(fig, parts.heat);
  const path = new Plot(fig, parts.path, 0.62);
  let [n, d, m] = start; // picture, pixel, model
  let news = ""; // which of them the reader changed last

  function sumsOf(all) {
    let sum = 0;
    return all.map((value, i) => (sum = i % D ? sum + value : value));
  }
  const endOf = (k) => sums[k][(n + 1) * D - 1];

  // ---------------------------------------------------------------- what the reader does

  let edges; // where the curves begin and end on the canvas

  function choose(change, what) {
    const to = { n, d, m, ...change };
    if (to.n === n && to.d === d && to.m === m) return;
    ({ n, d, m } = to);
    news = what;
    fig.chose([n, d, models[m].name]);
  }
  const choosePixel = (to) => choose({ d: to }, "d");
  const touchSquare = (u, v) => choosePixel(squareAt(side, u, v));
  const touchCurves = (u) => choosePixel(clip(Math.floor(scale(...edges, 0, D)(u * path.width)), 0, D - 1));
  // The pointer chooses while it is pressed, and a mouse by hovering, too.
  for (const [plot, act] of [[pad, touchSquare], [heat, touchSquare], [path, touchCurves]]) {
    plot.pointer(act);
    plot.element.addEventListener("pointermove", ({ pointerType, buttons, offsetX, offsetY, target }) => {
      if (pointerType !== "mouse" || buttons) return;
      act(offsetX / target.clientWidth, offsetY / target.clientHeight);
    });
  }
  heat.keys((right, up) => {
    const to = d + right - up * side;
    if (to >= 0 && to < D) choosePixel(to);
  });
  fig.box.onchange = ({ target }) => choose({ [target.name]: +target.value }, target.name);

  // ---------------------------------------------------------------- pictures

  const ink = (level) => fig.tone(level / (levels - 1));
  function warm(spent) {
    const [cold, mild, hot] = ["soft", "orange", "ink"].map((name) => rgb(fig.colours[name]));
    const t = Math.min(spent / most, 1) * 2;
    return t < 1 ? mix(cold, mild, t) : mix(mild, hot, (t - 1) * 0.7);
  }

  function drawPicture(plot, colour) {
    plot.paint(() => {
      plot.image(side, colour);
      plot.mark(side, d, fig.colours.paper, 6, 1);
      plot.mark(side, d, fig.colours.ink, 2.5, 1);
    });
  }

  // The strip of pictures to choose from is drawn once for each theme.
  fig.onTheme = () => fig.all(".strip label").forEach((label, i) => {
    label.querySelector("canvas")?.remove();
    label.append(fieldImage(side, (k) => ink(x[i * D + k])));
  });
  fig.onTheme();

  // ---------------------------------------------------------------- running sums

  // The chosen model's curve stands out: [colour, width of the line, radius of the dot, font].
  function styleOf(k) {
    const { muted, accent } = fig.colours;
    return k === m ? [accent, 2.5, 4, BOLD] : [muted, 1.4, 3];
  }

  function drawAxes(toX, toY, height) {
    const { muted, line } = fig.colours;
    const step = tick(highest, 5.9);
    for (let value = 0; value <= highest; value += step) {
      path.rect(toX(0), toY(value), toX(D) - toX(0), value ? 0.5 : 1, line);
      path.text(value, toX(0) - 4, toY(value) + 4, muted, "right");
    }
    for (let k = 0; k <= D; k += D / 4) path.text(k, toX(k), height - 3, muted);
    path.text("no model", toX(D * 0.6) - 6, toY(raw * 0.6), muted, "right");
    path.line([[toX(0), toY(0)], [toX(D), toY(raw)]], muted, 1, [2, 4]);
  }

  function drawCurve(k, toX, toY) {
    const all = [0, ...sums[k].subarray(n * D, (n + 1) * D)];
    const [colour, width, radius] = styleOf(k);
    const steps = all.flatMap((value, i) => [[toX(i), toY(all[i - 1] ?? 0)], [toX(i), toY(value)]]);
    path.line(steps, colour, width);
    path.dot(toX(d + 1), toY(all[d + 1]), radius, colour);
  }

  // At the end of each curve, moved apart where they would meet.
  function drawNames(order, toY, left, room) {
    let free = Infinity;
    for (const k of order) {
      const [colour, , , font] = styleOf(k);
      free = Math.min(toY(endOf(k)) + 4, free - 14);
      path.text(models[k].name, left, free, colour, "left", font, room);
    }
  }

  function drawCurves(width, height, context) {
    const foot = height - 18;
    context.font = BOLD;
    const widest = Math.max(...models.map(({ name }) => context.measureText(name).width));
    edges = [26, width - Math.min(widest + 6, 0.45 * width)];
    const toX = scale(0, D, ...edges);
    const toY = scale(0, highest, foot, 8);
    const order = [...models.keys()].sort((a, b) => endOf(a) - endOf(b));
    drawAxes(toX, toY, height);
    path.rect(toX(d + 1) - 0.75, toY(highest), 1.5, foot - toY(highest), fig.colours.ink);
    const others = order.filter((k) => k !== m);
    for (const k of [...others, m]) drawCurve(k, toX, toY); // the chosen one on top
    drawNames(order, toY, toX(D) + 5, width - toX(D) - 5);
  }

  // ---------------------------------------------------------------- totals and words

  const told = (value) => `${fixed(value, 1)} bits`;

  function drawBars(totals, shortest) {
    [...parts.bars.children].forEach((row, k) => {
      const classes = [k === m && "on", k === shortest && "best", totals[k] > raw && "long"];
      row.className = classes.filter(Boolean).join(" ");
      row.children[1].textContent = told(totals[k]);
      row.querySelector("i i").style.width = `${Math.min(100, (100 * totals[k]) / raw)}%`;
    });
  }

  function cutWords(totals) {
    const cut = codes.map((name, k) => {
      if (totals[k] <= raw) return "";
      return `The bar of ${name} is cut: to scale it would be ${fixed(totals[k] / raw, 1)} times as long.`;
    });
    return cut.filter(Boolean).join(" ");
  }

  function verdict(totals, order) {
    const [first, second] = order;
    const shortest = `${codes[first]}, ${told(totals[first])}, ${fixed(totals[first] / D)} a pixel`;
    if (second === undefined) return `Shortest for this picture: ${shortest}.`;
    const last = order.at(-1);
    const more = `${codes[second]} with ${told(totals[second] - totals[first])} more`;
    const times = fixed(totals[last] / totals[first], 1);
    const rest = `Next comes ${more}; ${codes[last]} takes ${times} times as many.`;
    return `Shortest for this picture: ${shortest}. ${rest}`;
  }

  fig.write({ most: `${most} bits or more`, raw: fixed(raw, 1) });

  return () => {
    const at = n * D + d;
    const here = bits.map((all) => all[at]);
    const totals = [...models.map((_, k) => endOf(k)), ...wholeBits.map((all) => all[n])];
    const order = [...totals.keys()].sort((a, b) => totals[a] - totals[b]);
    drawPicture(pad, (k) => ink(x[n * D + k]));
    drawPicture(heat, (k) => warm(bits[m][n * D + k]));
    path.paint(drawCurves);
    drawBars(totals, order[0]);
    const prices = here.map((spent, k) => `${told(spent)} under ${models[k].name}`).join(", ");
    const words = {
      cut: cutWords(totals),
      pixel: `Pixel (${place(side, d)}) = ${x[at]}: ${prices}.`,
      say: verdict(totals, order),
    };
    fig.write(words);
    parts.heat.ariaDescription = words.pixel;
    fig.stats.value = {
      n,
      d,
      model: models[m].name,
      bits: here,
      sums: sums.map((all) => all[at]),
      totals: Object.fromEntries(codes.map((name, k) => [name, totals[k]])),
      shortest: codes[order[0]],
    };
    fig.say(news === "d" ? words.pixel : words.say);
  };
});

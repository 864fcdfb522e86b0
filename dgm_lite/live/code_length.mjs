// Where each model spends its bits on a picture: a map of its pixels, sums in reading order, and totals.
import { figure, Plot, BOLD, clip, scale, squareAt, place, tick, fieldImage, fixed, quantile, rgb, mix } from "./core.mjs";

figure("code_length", (fig, p) => {
  const { side, levels, models, wholes, start } = fig.spec, D = side * side, raw = D * Math.log2(levels), [x] = fig.arrays("x");
  const bits = models.map((m) => fig.array(m.bits)), whole = wholes.map((w) => fig.array(w.bits)), codes = [...models, ...wholes].map(({ name }) => name);
  // One scale of colours for all pictures and models, so that they can be compared.
  const most = Math.max(1, Math.ceil(quantile(bits.flatMap((b) => [...b]).sort((a, b) => a - b), 0.995)));
  const sums = bits.map((b) => { let s = 0; return b.map((v, i) => (s = i % D ? s + v : v)); });
  const highest = Math.max(raw, ...sums.flatMap((s) => [...s]));
  const [pad, heat] = [p.pad, p.heat].map((element) => new Plot(fig, element)), path = new Plot(fig, p.path, 0.62);
  let [n, d, m] = start, news = "";

  const ink = (v) => fig.tone(v / (levels - 1));
  function warm(b) {
    const [cold, mild, hot] = ["soft", "orange", "ink"].map((name) => rgb(fig.colours[name])), t = Math.min(b / most, 1) * 2;
    return t < 1 ? mix(cold, mild, t) : mix(mild, hot, (t - 1) * 0.7);
  }
  // The strip is drawn once for each theme.
  fig.onTheme = () => fig.all(".strip label").forEach((label, i) => {
    label.querySelector("canvas")?.remove();
    label.append(fieldImage(side, (k) => ink(x[i * D + k])));
  });
  fig.onTheme();

  function picture(plot, colour) {
    plot.paint(() => {
      plot.image(side, colour);
      plot.mark(side, d, fig.colours.paper, 6, 1);
      plot.mark(side, d, fig.colours.ink, 2.5, 1);
    });
  }

  // Running sums with a name at the end of each, moved apart where they would meet.
  let edge; // where the curves begin and end
  function curves(w, h, c) {
    const { ink, muted, line, accent } = fig.colours, foot = h - 18, end = (k) => sums[k][(n + 1) * D - 1], order = [...models.keys()].sort((a, b) => end(a) - end(b));
    const style = (k) => (k === m ? [accent, 2.5, 4, BOLD] : [muted, 1.4, 3]);
    c.font = BOLD;
    edge = [26, w - Math.min(Math.max(...models.map(({ name }) => c.measureText(name).width)) + 6, 0.45 * w)];
    const X = scale(0, D, ...edge), Y = scale(0, highest, foot, 8), step = tick(highest, 5.9);
    for (let v = 0; v <= highest; v += step) {
      path.rect(X(0), Y(v), X(D) - X(0), v ? 0.5 : 1, line);
      path.text(v, X(0) - 4, Y(v) + 4, muted, "right");
    }
    for (let k = 0; k <= D; k += D / 4) path.text(k, X(k), h - 3, muted);
    path.text("no model", X(D * 0.6) - 6, Y(raw * 0.6), muted, "right");
    path.line([[X(0), Y(0)], [X(D), Y(raw)]], muted, 1, [2, 4]);
    path.rect(X(d + 1) - 0.75, Y(highest), 1.5, foot - Y(highest), ink);
    for (const k of [...order.filter((k) => k !== m), m]) {
      const s = [0, ...sums[k].subarray(n * D, (n + 1) * D)], [colour, width, dot] = style(k);
      path.line(s.flatMap((v, i) => [[X(i), Y(s[i - 1] ?? 0)], [X(i), Y(v)]]), colour, width);
      path.dot(X(d + 1), Y(s[d + 1]), dot, colour);
    }
    let free = Infinity;
    for (const k of order) {
      const [colour, , , font] = style(k);
      free = Math.min(Y(end(k)) + 4, free - 14);
      path.text(models[k].name, X(D) + 5, free, colour, "left", font, w - X(D) - 5);
    }
  }

  function choose(next, what) {
    const to = { n, d, m, ...next };
    if (to.n === n && to.d === d && to.m === m) return;
    ({ n, d, m } = to);
    news = what;
    fig.chose([n, d, models[m].name]);
  }
  const pixel = (to) => choose({ d: to }, "d"), cell = (u, v) => pixel(squareAt(side, u, v));
  const along = (u) => pixel(clip(Math.floor(scale(...edge, 0, D)(u * path.width)), 0, D - 1));
  // The pointer chooses while it is pressed, and a mouse by hovering, too.
  for (const [plot, act] of [[pad, cell], [heat, cell], [path, along]]) {
    plot.pointer(act).element.addEventListener("pointermove", (e) => {
      if (e.pointerType === "mouse" && !e.buttons) act(e.offsetX / e.target.clientWidth, e.offsetY / e.target.clientHeight);
    });
  }
  heat.keys((dx, dy) => { const to = d + dx - dy * side; if (to >= 0 && to < D) pixel(to); });
  fig.box.onchange = ({ target }) => choose({ [target.name]: +target.value }, target.name);
  fig.write({ most: `${most} bits or more`, raw: fixed(raw, 1) });

  return () => {
    const at = n * D + d, here = bits.map((b) => b[at]), totals = [...sums.map((s) => s[(n + 1) * D - 1]), ...whole.map((v) => v[n])];
    const order = [...totals.keys()].sort((a, b) => totals[a] - totals[b]), [first, second] = order, last = order.at(-1), told = (v) => `${fixed(v, 1)} bits`;
    picture(pad, (k) => ink(x[n * D + k]));
    picture(heat, (k) => warm(bits[m][n * D + k]));
    path.paint(curves);
    [...p.bars.children].forEach((row, k) => {
      row.className = `${k === m ? "on " : ""}${k === first ? "best " : ""}${totals[k] > raw ? "long" : ""}`;
      row.children[1].textContent = told(totals[k]);
      row.querySelector("i i").style.width = `${Math.min(100, (100 * totals[k]) / raw)}%`;
    });
    const words = {
      cut: codes.map((name, k) => (totals[k] > raw ? `The bar of ${name} is cut: to scale it would be ${fixed(totals[k] / raw, 1)} times as long. ` : "")).join("").trim(),
      pixel: `Pixel (${place(side, d)}) = ${x[at]}: ${here.map((b, k) => `${told(b)} under ${models[k].name}`).join(", ")}.`,
      say: `Shortest for this picture: ${codes[first]}, ${told(totals[first])}, ${fixed(totals[first] / D)} a pixel.`
        + (second === undefined ? "" : ` Next comes ${codes[second]} with ${told(totals[second] - totals[first])} more; ${codes[last]} takes ${fixed(totals[last] / totals[first], 1)} times as many.`),
    };
    fig.write(words);
    p.heat.ariaDescription = words.pixel;
    fig.stats.value = { n, d, model: models[m].name, bits: here, sums: sums.map((s) => s[at]), totals: Object.fromEntries(codes.map((name, k) => [name, totals[k]])), shortest: codes[first] };
    fig.say(news === "d" ? words.pixel : words.say);
  };
});

// Small charts that several figures have: where log p(x) lies among held-out values, and bars for classes.
import { clip, fixed, peak, quantile, scale, signed } from "./numbers.mjs";
import { BOLD, Plot } from "./plot.mjs";

const BINS = 48;

// The step between marks of an axis of this length with at most so many.
export function tick(length, most) {
  return [1, 2, 5, 10, 20, 50, 100, 200, 500].find((step) => length / step <= most) ?? 1000;
}

// Where a histogram begins: far outliers would leave no room for the rest.
function usualLow(sorted) {
  const high = sorted.at(-1);
  return Math.min(sorted[0], high - 2.2 * (high - quantile(sorted, 0.01)));
}

// The histogram of held-out log p(x): show(value, limit) puts a mark at the value, and a limit where one is
// given, below which is refused.
export function histogram(fig, element, sorted, low = usualLow(sorted)) {
  const plot = new Plot(fig, element, 0.36);
  const high = sorted.at(-1);
  const right = high + 0.12 * (high - low);
  const counts = Array(BINS).fill(0);
  for (const value of sorted) counts[clip(Math.floor(scale(low, right, 0, BINS)(value)), 0, BINS - 1)]++;
  const highest = Math.max(...counts);

  function columns(toX, foot, wide, limit) {
    const { muted, bad } = fig.colours;
    counts.forEach((count, i) => {
      if (!count) return;
      const tall = Math.max(1.5, (count / highest) * (foot - 22));
      const refused = toX(limit) > 8 + (i + 0.5) * wide;
      plot.rect(8 + i * wide, foot - tall, wide - 0.6, tall, (refused ? bad : muted) + "99");
    });
  }

  function axis(toX, foot, width) {
    const { muted, line } = fig.colours;
    const step = tick(right - low, Math.min(width / 46, 9));
    plot.rect(0, foot, width, 1, line);
    for (let value = Math.ceil(low / step) * step; value <= right; value += step) {
      const x = toX(value);
      if (x > 18 && x < width - 18) plot.text(signed(value), x, foot + 14, muted);
    }
  }

  // Off the scale the mark becomes an arrow at the edge.
  function mark(value, toX, foot, width) {
    const { ink } = fig.colours;
    const side = value < low ? -1 : value > right ? 1 : 0;
    const x = [3, toX(value), width - 3][side + 1];
    if (side) plot.area([[x, foot - 10], [x - 9 * side, foot - 16], [x - 9 * side, foot - 4]], ink);
    else plot.rect(x - 1, 15, 2, foot - 15, ink);
    const align = x < 40 ? "left" : x > width - 40 ? "right" : "center";
    plot.text(`${fixed(value, 1)} nats`, x, side ? foot - 22 : 11, ink, align, BOLD);
  }

  function draw(width, height, value, limit) {
    const foot = height - 19;
    const toX = scale(low, right, 8, width - 8);
    columns(toX, foot, (width - 16) / BINS, limit);
    axis(toX, foot, width);
    if (limit > low) {
      for (let y = 16; y < foot; y += 6) plot.rect(toX(limit) - 0.75, y, 1.5, 3.5, fig.colours.bad);
    }
    mark(value, toX, foot, width);
  }

  return (value, limit = low) => plot.paint((width, height) => draw(width, height, value, limit));
}

// One bar for each label, the tallest in colour: show(values in [0, 1]).
export function bars(fig, element, labels) {
  const plot = new Plot(fig, element, 0.3);
  return (values) => plot.paint((width, height) => {
    const { accent, muted, ink } = fig.colours;
    const wide = width / labels.length;
    const foot = height - 18;
    const best = peak(values);
    labels.forEach((label, k) => {
      const tall = Math.max(1, values[k] * (foot - 4));
      plot.rect((k + 0.16) * wide, foot - tall, 0.68 * wide, tall, k === best ? accent : muted);
      plot.text(label, (k + 0.5) * wide, height - 3, ink, "center", "13px system-ui, sans-serif");
    });
  });
}

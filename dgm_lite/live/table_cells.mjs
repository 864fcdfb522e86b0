// The essay's table with our figures: choose a cell for its measurement, or needs for the families that serve them.
import { figure } from "./core.mjs";

figure("table_cells", (fig, p) => {
  const { rows, serves, needs } = fig.spec, C = serves[0].length, tds = fig.all("td"), inputs = fig.all("input");
  const wanted = () => needs.filter((_, k) => inputs[k].checked), lacks = (i) => wanted().filter(({ column }) => !serves[i][column]);
  let at = 0, shown, news = "";

  function choose(to) {
    if (!tds[to]) return;
    at = to;
    tds[at].focus({ preventScroll: true });
    tds[at].scrollIntoView({ block: "nearest" });
    fig.chose([Math.floor(at / C), at % C]);
  }
  p.body.onclick = ({ target }) => { const to = tds.indexOf(target.closest("td")); if (to !== at) choose(to); };
  p.body.onkeydown = (e) => {
    const k = at % C, stacked = fig.box.classList.contains("narrow");
    const step = { ArrowLeft: k || stacked ? -1 : 0, ArrowRight: k < C - 1 || stacked ? 1 : 0, ArrowUp: stacked ? -1 : -C, ArrowDown: stacked ? 1 : C, Home: -k, End: C - 1 - k }[e.key];
    if (step === undefined || e.ctrlKey || e.metaKey || e.altKey) return;
    e.preventDefault();
    choose(at + step);
  };
  fig.box.onchange = () => { news = ""; fig.redraw(); };
  new ResizeObserver(() => fig.redraw()).observe(fig.box);

  return () => {
    const narrow = fig.box.clientWidth < 600, td = tds[at], home = narrow ? td : p.below, high = td.getBoundingClientRect().top;
    fig.box.classList.toggle("narrow", narrow);
    p.head.className = narrow ? "hide" : "";
    tds.forEach((other) => { other.tabIndex = other === td ? 0 : -1; other.ariaSelected = other === td; });
    if (p.detail.parentNode !== home || shown !== at) {
      // Stacked, the detail opens inside its cell, which stays where it was touched while another closes.
      home.append(p.detail);
      p.detail.replaceChildren(td.querySelector("template").content.cloneNode(true));
      if (narrow && shown !== undefined) scrollBy({ top: td.getBoundingClientRect().top - high, behavior: "instant" });
      if (shown !== undefined) news = [...p.detail.children].slice(0, -1).map((line) => line.textContent).join(" ");
      shown = at;
    }
    const asked = wanted(), fits = rows.filter((_, i) => asked.length && !lacks(i).length);
    [...p.body.children].forEach((row, i) => {
      const without = lacks(i);
      row.className = without.length ? "off" : "";
      row.firstElementChild.lastChild.textContent = !asked.length ? "" : without.length ? `lacks ${without.map(({ words }) => words).join(", ")}` : "✓ has it all";
      serves[i].forEach((_, k) => row.children[k + 1].classList.toggle("lacks", without.some(({ column }) => column === k)));
    });
    const words = !asked.length ? "Choose what you need, and see which families have it by our measurements."
      : fits.length ? `By our measurements all of this is given by: ${fits.join("; ")}.` : "By our measurements no family gives all of this. That is why there are several.";
    fig.write({ fits: words });
    fig.stats.value = { row: Math.floor(at / C), column: at % C, needs: asked.map(({ column }) => column), fits, narrow };
    fig.say(news || words);
  };
});

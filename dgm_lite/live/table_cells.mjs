// The essay's table with our figures: choose a cell for its measurement, or needs for the families that serve
// them.
import { figure } from "./shared/figure.mjs";

figure("table_cells", (fig, parts) => {
  const { rows, serves, needs } = fig.spec;
  const columns = serves[0].length;
  const cells = fig.all("td");
  const inputs = fig.all("input");
  let at = 0;
  let shown; // the cell whose detail stands open
  let news = ""; // what a screen reader hears of it

  // ---------------------------------------------------------------- what the reader does

  function choose(to) {
    if (!cells[to]) return;
    at = to;
    cells[at].focus({ preventScroll: true });
    cells[at].scrollIntoView({ block: "nearest" });
    fig.chose([Math.floor(at / columns), at % columns]);
  }

  // How far a key goes: in a row and from row to row, or from cell to cell where they are stacked.
  function stepOf(key) {
    const k = at % columns;
    const stacked = fig.box.classList.contains("narrow");
    const steps = {
      ArrowLeft: k || stacked ? -1 : 0,
      ArrowRight: k < columns - 1 || stacked ? 1 : 0,
      ArrowUp: stacked ? -1 : -columns,
      ArrowDown: stacked ? 1 : columns,
      Home: -k,
      End: columns - 1 - k,
    };
    return steps[key];
  }

  parts.body.onclick = ({ target }) => {
    const to = cells.indexOf(target.closest("td"));
    if (to !== at) choose(to);
  };
  parts.body.onkeydown = (event) => {
    const step = stepOf(event.key);
    if (step === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    choose(at + step);
  };
  fig.box.onchange = () => {
    news = "";
    fig.redraw();
  };
  new ResizeObserver(() => fig.redraw()).observe(fig.box);

  // ---------------------------------------------------------------- what is shown

  function layOut(narrow) {
    fig.box.classList.toggle("narrow", narrow);
    parts.head.className = narrow ? "hide" : "";
    cells.forEach((cell, k) => {
      cell.tabIndex = k === at ? 0 : -1;
      cell.ariaSelected = k === at;
    });
  }

  // Below the table, or, where cells are stacked, inside the cell, which stays where it was touched while
  // another one closes.
  function showDetail(narrow, high) {
    const cell = cells[at];
    const home = narrow ? cell : parts.below;
    if (parts.detail.parentNode === home && shown === at) return;
    home.append(parts.detail);
    parts.detail.replaceChildren(cell.querySelector("template").content.cloneNode(true));
    if (shown !== undefined) {
      if (narrow) scrollBy({ top: cell.getBoundingClientRect().top - high, behavior: "instant" });
      news = [...parts.detail.children].slice(0, -1).map((line) => line.textContent).join(" ");
    }
    shown = at;
  }

  function markRow(row, wanted, lacks) {
    const note = row.firstElementChild.lastChild;
    row.className = lacks.length ? "off" : "";
    if (!wanted.length) note.textContent = "";
    else if (lacks.length) note.textContent = `lacks ${lacks.map(({ words }) => words).join(", ")}`;
    else note.textContent = "✓ has it all";
    for (let k = 0; k < columns; k++) {
      row.children[k + 1].classList.toggle("lacks", lacks.some(({ column }) => column === k));
    }
  }

  function summary(wanted, fits) {
    if (!wanted.length) return "Choose what you need, and see which families have it by our measurements.";
    if (fits.length) return `By our measurements all of this is given by: ${fits.join("; ")}.`;
    return "By our measurements no family gives all of this. That is why there are several.";
  }

  return () => {
    const narrow = fig.box.clientWidth < 600;
    const high = cells[at].getBoundingClientRect().top;
    layOut(narrow);
    showDetail(narrow, high);
    const wanted = needs.filter((_, k) => inputs[k].checked);
    const lacks = serves.map((has) => wanted.filter(({ column }) => !has[column]));
    const fits = rows.filter((_, i) => wanted.length && !lacks[i].length);
    [...parts.body.children].forEach((row, i) => markRow(row, wanted, lacks[i]));
    const words = summary(wanted, fits);
    fig.write({ fits: words });
    const asked = wanted.map(({ column }) => column);
    fig.stats.value = { row: Math.floor(at / columns), column: at % columns, needs: asked, fits, narrow };
    fig.say(news || words);
  };
});

// The essay's table with our figures: choose a cell for its measurement, or needs for the families that serve them.
import { figure, escape } from "./core.mjs";

const SIGNS = { holds: "✓", "holds with a caveat": "≈", fails: "✗" };

figure("table_cells", (fig) => {
  const { rows, columns, cells, needs } = fig.spec, C = columns.length, wanted = new Set();
  let at = 0, shown, news = "";
  const tone = ({ verdict }) => verdict.split(" ").at(-1);
  const mark = (cell) => `<b class="${tone(cell)}"><span aria-hidden="true">${SIGNS[cell.verdict]}</span><span class="hide">${cell.verdict}: </span></b>`;

  const p = fig.html(`
    <fieldset class="seg"><legend class="small muted">I need …</legend>${needs.map(({ column, words }) => `<label><input type="checkbox" value="${column}">${escape(words)}</label>`).join("")}</fieldset>
    <p class="small"><output data-p="fits"></output></p>
    <p class="small muted">First the essay’s word, then our figure, which <b class="holds">✓</b> bears it out, <b class="caveat">≈</b> does so with a caveat, or <b class="fails">✗</b> does not. Choose a cell for more.</p>
    <table role="grid" aria-label="Families and what they give; the arrow keys choose a cell">
      <thead role="rowgroup" data-p="head"><tr role="row"><th role="columnheader">Family</th>${columns.map((title) => `<th role="columnheader">${escape(title)}</th>`).join("")}</tr></thead>
      <tbody role="rowgroup" data-p="body">${rows.map((title, i) => `<tr role="row"><th role="rowheader">${escape(title)}<span class="small"></span></th>${cells[i].map((cell, k) => `<td role="gridcell"><span class="small muted" aria-hidden="true">${escape(columns[k])}</span><span>${escape(cell.says)}</span><span class="small">${mark(cell)} ${escape(cell.measured)}</span></td>`).join("")}</tr>`).join("")}</tbody></table>
    <div data-p="below"><div data-p="detail" class="verdict"></div></div>
    <style>
      .dgm{--holds:#00695f;--caveat:#8a5200;--fails:#a3195b}.dgm.dark{--holds:#4fd1bd;--caveat:#f5b668;--fails:#ff93bf}
      .holds{color:var(--holds)}.caveat{color:var(--caveat)}.fails{color:var(--fails)}a{color:var(--accent);display:inline-block;padding:4px 0}legend{padding:0 0 6px}
      table{border-collapse:collapse;width:100%;margin:6px 0 8px}thead th{vertical-align:bottom}
      th,td{padding:7px 5px;text-align:left;vertical-align:top;font-weight:600;font-size:13.5px}tbody :is(th,td){border-top:1px solid var(--line)}
      td{cursor:pointer;font-weight:400}td>span,th>span{display:block;font-weight:400}td>span:first-child{display:none}
      td:hover,[aria-selected=true]{background:var(--soft)}[aria-selected=true]{box-shadow:inset 0 0 0 2px var(--accent)}
      .off>:not([aria-selected=true]){opacity:.66}.off *{color:var(--ink)}.off>.lacks{opacity:1;background:var(--soft)}.off>.lacks :not(a){color:var(--fails)}
      .narrow :is(table,tbody,tr){display:block}.narrow tr{margin-top:10px}.narrow tbody th{display:block;padding:8px 6px 4px;font-size:15px}
      .narrow td{display:grid;grid-template-columns:6.4em 6.4em 1fr;gap:0 8px;padding:6px}.narrow td>span:first-child{display:block}.narrow td>div{grid-column:1/-1}
    </style>`);
  const tds = [...p.body.querySelectorAll("td")];
  const lacks = (i) => [...wanted].filter((k) => !cells[i][k].serves);

  function tell() {
    const i = Math.floor(at / C), cell = cells[i][at % C];
    p.detail.innerHTML = `
      <p><strong>${escape(rows[i])}: ${escape(columns[at % C].toLowerCase())}</strong></p>
      <p>The essay: “${escape(cell.says)}”. <b class="${tone(cell)}">${SIGNS[cell.verdict]} ${cell.verdict}</b></p>
      <p>${escape(cell.detail)}</p><p class="num" style="white-space:normal"><strong>${escape(cell.interval ?? cell.measured)}</strong></p>
      ${cell.how ? `<p class="small muted">${escape(cell.how)}</p>` : ""}<p><a href="${escape(cell.href)}">To the chapter</a></p>`;
    return `${rows[i]}, ${columns[at % C]}. The essay: ${cell.says}. Measured: ${cell.interval ?? cell.measured}. ${cell.verdict}. ${cell.detail}`;
  }

  function show() {
    const narrow = fig.box.clientWidth < 600, home = narrow ? tds[at] : p.below, high = tds[at].getBoundingClientRect().top;
    fig.box.classList.toggle("narrow", narrow);
    p.head.className = narrow ? "hide" : "";
    tds.forEach((td, k) => { td.tabIndex = k === at ? 0 : -1; td.setAttribute("aria-selected", k === at); });
    if (p.detail.parentNode !== home || shown !== at) {
      // Stacked, the detail opens inside its cell, which stays where it was touched while another closes.
      home.append(p.detail);
      const words = tell();
      if (narrow && shown !== undefined) scrollBy({ top: tds[at].getBoundingClientRect().top - high, behavior: "instant" });
      if (shown !== undefined) news = words;
      shown = at;
    }
    const fits = rows.filter((_, i) => wanted.size && !lacks(i).length);
    [...p.body.children].forEach((row, i) => {
      const without = lacks(i);
      row.className = without.length ? "off" : "";
      row.firstChild.lastChild.textContent = !wanted.size ? "" : without.length ? `lacks ${without.map((k) => needs.find(({ column }) => column === k).words).join(", ")}` : "✓ has it all";
      cells[i].forEach((_, k) => row.children[k + 1].classList.toggle("lacks", without.includes(k)));
    });
    p.fits.textContent = !wanted.size ? "Choose what you need, and see which families have it by our measurements."
      : fits.length ? `By our measurements all of this is given by: ${fits.join("; ")}.` : "By our measurements no family gives all of this. That is why there are several.";
    fig.stats.value = { row: Math.floor(at / C), column: at % C, needs: [...wanted], fits, narrow };
    fig.say(news || p.fits.textContent);
  }

  function choose(to) {
    if (to < 0 || to >= tds.length) return;
    at = to;
    tds[at].focus({ preventScroll: true });
    tds[at].scrollIntoView({ block: "nearest" });
    fig.emit([Math.floor(at / C), at % C]);
    fig.redraw();
  }
  p.body.addEventListener("click", ({ target }) => { const to = tds.indexOf(target.closest("td")); if (to >= 0 && to !== at) choose(to); });
  p.body.addEventListener("keydown", (e) => {
    const k = at % C, stacked = fig.box.classList.contains("narrow");
    const step = { ArrowLeft: k || stacked ? -1 : 0, ArrowRight: k < C - 1 || stacked ? 1 : 0, ArrowUp: stacked ? -1 : -C, ArrowDown: stacked ? 1 : C, Home: -k, End: C - 1 - k }[e.key];
    if (step === undefined || e.ctrlKey || e.metaKey || e.altKey) return;
    e.preventDefault();
    choose(at + step);
  });
  fig.box.addEventListener("change", ({ target }) => {
    wanted[target.checked ? "add" : "delete"](+target.value);
    fig.redraw();
    news = "";
  });
  new ResizeObserver(() => fig.redraw()).observe(fig.box);
  return show;
});

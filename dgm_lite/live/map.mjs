// The map of the field: say what you need, and see which families the essay's table promises it for.
import { figure } from "./core.mjs";

figure("map", (fig) => {
  const { boxes, wishes } = fig.spec, wanted = new Set();
  const p = fig.html(`
    <fieldset class="seg"><legend class="small muted" style="padding:0 0 6px">I need …</legend>${wishes.map(({ key, words }) => `<label><input type="checkbox" value="${key}">${words}</label>`).join("")}</fieldset>
    <div data-p="tree" style="display:grid;gap:10px"></div>
    <p class="small" style="margin-top:10px"><output data-p="say" aria-live="polite"></output></p>`);

  const children = (key) => boxes.filter((box) => box.parent === key), leaf = (box) => !children(box.key).length;
  const missing = (box) => [...wanted].filter((key) => !wishes.find((w) => w.key === key).words_that_do.includes(box.table[key]));
  const open = (box) => Object.keys(box.table).length > 0;

  // Nested boxes: a family encloses its kinds, so the tree needs no lines and folds on a phone.
  function draw(box) {
    const element = document.createElement("div"), inner = children(box.key);
    element.style.cssText = "border:1.5px solid var(--line);border-radius:10px;padding:10px 12px;min-width:0;background:var(--paper)";
    const where = box.href ? `<a href="${box.href}" style="color:var(--accent);font-weight:600">${box.title}</a>` : `<strong>${box.title}</strong>`;
    element.innerHTML = `<div>${where} <span class="small muted">part ${box.part}</span></div>${box.idea ? `<div class="small">${box.idea}</div>` : ""}`;
    if (inner.length) {
      const nest = document.createElement("div");
      nest.style.cssText = "display:grid;grid-template-columns:repeat(auto-fit,minmax(min(210px,100%),1fr));gap:10px;margin-top:8px";
      nest.append(...inner.map(draw));
      element.append(nest);
      element.style.gridColumn = "1 / -1";
    } else {
      box.note = document.createElement("div");
      box.note.className = "small";
      element.append(box.note);
      box.element = element;
    }
    return element;
  }
  p.tree.append(...boxes.filter((box) => !box.parent).map(draw));

  p.tree.parentNode.querySelectorAll("input").forEach((input) => input.addEventListener("change", () => {
    input.checked ? wanted.add(input.value) : wanted.delete(input.value);
    fig.emit([...wanted]);
    fig.redraw();
  }));

  return () => {
    const leaves = boxes.filter(leaf), fits = [];
    for (const box of leaves) {
      const lacks = open(box) ? missing(box) : [], good = wanted.size && open(box) && !lacks.length;
      if (good) fits.push(box.title);
      box.element.style.borderColor = good ? "var(--accent)" : "var(--line)";
      box.element.style.borderStyle = wanted.size && lacks.length ? "dashed" : "solid";
      box.note.className = lacks.length ? "small bad" : "small muted";
      box.note.textContent = !wanted.size ? "" : !open(box) ? "not in the essay's table" : lacks.length ? lacks.map((key) => `${wishes.find((w) => w.key === key).name}: ${box.table[key]}`).join(", ") : "✓ has it all";
    }
    p.say.textContent = !wanted.size ? "Choose one need or more." : fits.length ? `The table promises all of this for: ${fits.join("; ")}.` : "No family of the table has all of this. That is why there are several.";
    fig.stats.value = fits;
  };
});

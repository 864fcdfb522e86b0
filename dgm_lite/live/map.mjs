// The map of the field: say what you need, and see which families the essay's table promises it for.
import { figure } from "./core.mjs";

figure("map", (fig) => {
  const { boxes, wishes } = fig.spec, inputs = fig.all("input"), leaves = fig.all(".leaf");
  fig.box.onchange = () => fig.chose(inputs.filter((input) => input.checked).map((input) => input.value));

  return () => {
    const wanted = wishes.filter((_, k) => inputs[k].checked), fits = [];
    for (const leaf of leaves) {
      const { title, table } = boxes.find((box) => box.key === leaf.id), known = Object.keys(table).length, note = leaf.lastElementChild;
      const lacks = known ? wanted.filter(({ key, words_that_do: enough }) => !enough.includes(table[key])) : [], good = wanted.length && known && !lacks.length;
      if (good) fits.push(title);
      leaf.className = `box leaf ${good ? "good" : ""} ${lacks.length ? "lacks" : ""}`;
      note.className = lacks.length ? "small bad" : "small muted";
      note.textContent = !wanted.length ? "" : !known ? "not in the essay's table" : lacks.map(({ key, name }) => `${name}: ${table[key]}`).join(", ") || "✓ has it all";
    }
    const say = !wanted.length ? "Choose one need or more." : fits.length ? `The table promises all of this for: ${fits.join("; ")}.` : "No family of the table has all of this. That is why there are several.";
    fig.write({ say });
    fig.stats.value = fits;
    fig.say(say);
  };
});

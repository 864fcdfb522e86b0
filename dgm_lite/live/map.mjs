// The map of the field: say what you need, and see which families the essay's table promises it for.
import { figure } from "./shared/figure.mjs";

figure("map", (fig) => {
  const { boxes, wishes } = fig.spec;
  const inputs = fig.all("input");
  const leaves = fig.all(".leaf");

  fig.box.onchange = () => fig.chose(inputs.filter((input) => input.checked).map((input) => input.value));

  // Writes into a family's box what it lacks of what is wanted, and says whether it has it all.
  function judge(leaf, family, wanted) {
    const known = Object.keys(family.table).length > 0;
    const lacks = known ? wanted.filter((wish) => !wish.words_that_do.includes(family.table[wish.key])) : [];
    const good = wanted.length > 0 && known && !lacks.length;
    const note = leaf.lastElementChild;
    const missing = lacks.map(({ key, name }) => `${name}: ${family.table[key]}`).join(", ");
    leaf.className = `box leaf ${good ? "good" : ""} ${lacks.length ? "lacks" : ""}`;
    note.className = lacks.length ? "small bad" : "small muted";
    if (!wanted.length) note.textContent = "";
    else if (!known) note.textContent = "not in the essay's table";
    else note.textContent = missing || "✓ has it all";
    return good;
  }

  function summary(wanted, fits) {
    if (!wanted.length) return "Choose one need or more.";
    if (fits.length) return `The table promises all of this for: ${fits.join("; ")}.`;
    return "No family of the table has all of this. That is why there are several.";
  }

  return () => {
    const wanted = wishes.filter((_, k) => inputs[k].checked);
    const fits = [];
    for (const leaf of leaves) {
      const family = boxes.find(({ key }) => key === leaf.id);
      if (judge(leaf, family, wanted)) fits.push(family.title);
    }
    const say = summary(wanted, fits);
    fig.write({ say });
    fig.stats.value = fits;
    fig.say(say);
  };
});

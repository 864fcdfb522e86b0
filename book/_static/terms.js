// Terms of the glossary show their definition: on hover, on focus, on a first tap (a second one follows the link).
// Escape closes; the pointer may move onto the tip. The definitions stand on the page (tools/ext/glossary_tips.py).
(() => {
  const data = document.getElementById("dgm-terms");
  if (!data) return;
  const terms = JSON.parse(data.textContent);
  const tip = document.createElement("div");
  tip.id = "dgm-tip";
  tip.setAttribute("role", "tooltip");
  tip.hidden = true;
  document.querySelector("main").append(tip);
  let owner = null, timer = 0, touched = null;

  const place = () => {
    const link = owner.getClientRects()[0], room = document.documentElement.clientWidth;
    tip.style.left = Math.max(8, Math.min(link.left, room - tip.offsetWidth - 8)) + "px";
    const below = link.bottom + 6, fits = below + tip.offsetHeight < innerHeight;
    tip.style.top = (fits ? below : Math.max(8, link.top - tip.offsetHeight - 6)) + "px";
  };
  const hide = () => {
    clearTimeout(timer);
    owner?.removeAttribute("aria-describedby");
    owner = null;
    tip.hidden = true;
  };
  const show = (link) => {
    clearTimeout(timer);
    if (owner === link) return;
    hide();
    owner = link;
    tip.innerHTML = terms[link.hash.slice(1)];
    tip.hidden = false;
    link.setAttribute("aria-describedby", tip.id);
    place();
    if (tip.querySelector(".math")) window.MathJax?.typesetPromise?.([tip]).then(() => owner === link && place());
  };
  const soon = (what, ms) => { clearTimeout(timer); timer = setTimeout(what, ms); };

  for (const span of document.querySelectorAll("a.reference > .std-term")) {
    const link = span.parentElement;
    if (!terms[link.hash.slice(1)]) continue;
    link.classList.add("dgm-term");
    link.addEventListener("pointerenter", (e) => e.pointerType === "mouse" && soon(() => show(link), 120));
    link.addEventListener("pointerleave", (e) => e.pointerType === "mouse" && soon(hide, 200));
    link.addEventListener("pointerdown", (e) => { touched = e.pointerType !== "mouse" && owner !== link ? link : null; });
    link.addEventListener("click", (e) => { if (touched === link) { e.preventDefault(); touched = null; show(link); } });
    link.addEventListener("focus", () => show(link));
    link.addEventListener("blur", () => soon(hide, 100));
  }
  tip.addEventListener("pointerenter", () => clearTimeout(timer));
  tip.addEventListener("pointerleave", () => soon(hide, 200));
  document.addEventListener("keydown", (e) => e.key === "Escape" && hide());
  document.addEventListener("pointerdown", (e) => owner && !owner.contains(e.target) && !tip.contains(e.target) && hide());
  addEventListener("scroll", () => owner && place(), { passive: true, capture: true });
})();

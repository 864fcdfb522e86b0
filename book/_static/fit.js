// A displayed formula that is wider than its place becomes smaller, down to two thirds; below that it scrolls.
(() => {
  const fit = () => {
    for (const formula of document.querySelectorAll("div.math mjx-container")) {
      formula.style.removeProperty("font-size");
      const room = formula.clientWidth, width = formula.scrollWidth;
      if (!room || width <= room + 1) continue;
      const size = parseFloat(getComputedStyle(formula).fontSize);
      const smaller = Math.max(size * (room - 2) / width, size * 2 / 3);
      formula.style.setProperty("font-size", `${smaller}px`, "important");
    }
  };
  addEventListener("load", () => window.MathJax?.startup?.promise?.then(fit));
  addEventListener("resize", fit);
  document.addEventListener("toggle", fit, true); // a formula in a fold has no width before it is opened
})();

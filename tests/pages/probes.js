// What the tests ask of an open page. It scrolls and changes its colours at once: nobody watches.
document.head.insertAdjacentHTML("beforeend", "<style>*{scroll-behavior:auto!important;transition:none!important}</style>");
window.probes = {
  // After the next frame is drawn.
  frame: () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done()))),

  // How wide the page is, and which parts of its content stick out without a scrolling box of their own around them.
  width() {
    const room = document.documentElement.clientWidth;
    const boxed = (element) => {
      for (let p = element.parentElement; p && p !== document.body; p = p.parentElement) {
        const inside = p.getBoundingClientRect().right <= room + 1;
        if (inside && getComputedStyle(p).overflowX !== "visible") return true;
      }
      return false;
    };
    const name = (e) => `${e.tagName.toLowerCase()}.${String(e.className?.baseVal ?? e.className).slice(0, 60)}`;
    const out = [...document.querySelectorAll("main article *")]
      .filter((e) => e.getBoundingClientRect().right > room + 1 && !boxed(e));
    return { scroll: document.scrollingElement.scrollWidth, room, names: out.slice(0, 5).map(name) };
  },

  // What axe would ask of code, asked once for each pair of colours instead of once for each token.
  code() {
    const numbers = (colour) => colour.match(/[\d.]+/g).map(Number);
    const light = (colour) => {
      const [r, g, b] = numbers(colour).slice(0, 3).map((v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
      return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const paper = (element) => {
      for (let e = element; e; e = e.parentElement) {
        const colour = getComputedStyle(e).backgroundColor, [, , , alpha = 1] = numbers(colour);
        if (alpha === 1) return colour;
      }
      return "rgb(255, 255, 255)";
    };
    const wrong = new Set();
    for (const token of document.querySelectorAll(".highlight pre, .highlight pre span")) {
      const ink = getComputedStyle(token).color, [a, b] = [light(ink), light(paper(token))].sort((x, y) => y - x);
      if ((a + 0.05) / (b + 0.05) < 4.5) wrong.add(`${token.className || token.tagName}: ${ink} on ${paper(token)}`);
    }
    for (const pre of document.querySelectorAll(".highlight pre")) {
      if (pre.scrollWidth > pre.clientWidth && pre.tabIndex !== 0) wrong.add("scrolls, but not by keyboard");
    }
    return [...wrong];
  },

  // Live figures start when they come near the window: bring each there, and wait until it stands or has given up.
  async startFigures() {
    for (const figure of document.querySelectorAll("dgm-figure")) {
      figure.scrollIntoView();
      const settled = () => figure.hasAttribute("live") || figure.shadowRoot?.querySelector("[role=alert]");
      const end = performance.now() + 10000;
      while (!settled() && performance.now() < end) await new Promise((next) => setTimeout(next, 30));
    }
    window.scrollTo(0, 0);
  },

  // Displayed formulas that are wider than the room they have.
  cutMaths() {
    const all = [...document.querySelectorAll("div.math")];
    const cut = (m) => m && m.scrollWidth > m.clientWidth + 1;
    return all.filter((div) => cut(div.querySelector("mjx-container"))).map((div) => div.id);
  },

  // Formulas and code without their thousands of tiny elements, in the room they take: what they are is known by now.
  thin() {
    for (const formula of document.querySelectorAll("mjx-container")) {
      const { width, height } = formula.getBoundingClientRect();
      formula.replaceChildren();
      Object.assign(formula.style, { display: "inline-block", width: `${width}px`, height: `${height}px` });
    }
    for (const pre of document.querySelectorAll(".highlight pre")) pre.textContent = pre.textContent;
  },

  silentMaths() {
    const all = [...document.querySelectorAll("mjx-container")];
    return all.filter((m) => !m.querySelector("mjx-assistive-mml math")).map((m) => m.parentElement.outerHTML.slice(0, 120));
  },

  figures() {
    return [...document.querySelectorAll("dgm-figure")].map((figure) => ({
      kind: figure.getAttribute("kind"),
      live: figure.hasAttribute("live"),
      alert: figure.shadowRoot?.querySelector("[role=alert]")?.textContent ?? null,
      alt: figure.querySelector("img")?.alt ?? "",
    }));
  },

  // What a figure shows: its words and the state of its controls, and its pictures by a checksum of their pixels.
  state(figure) {
    const box = figure.shadowRoot.querySelector(".dgm");
    const sum = (canvas) => {
      const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
      let hash = 0;
      for (const colour of new Uint32Array(pixels.buffer)) hash = (hash * 31 + colour) | 0;
      return hash;
    };
    const controls = [...box.querySelectorAll("input")].map((i) => (i.type === "range" ? i.value : i.checked));
    return { words: box.textContent, controls: String(controls), pictures: [...box.querySelectorAll("canvas")].map(sum).join() };
  },
};

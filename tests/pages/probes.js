// What the tests ask of an open page.
window.probes = {
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
      return pixels.reduce((hash, value) => (hash * 31 + value) | 0, 0);
    };
    const controls = [...box.querySelectorAll("input")].map((i) => (i.type === "range" ? i.value : i.checked));
    return { words: box.textContent, controls: String(controls), pictures: [...box.querySelectorAll("canvas")].map(sum).join() };
  },
};

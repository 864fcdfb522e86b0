"""How fast live figures answer, in headless Chromium on this machine.

    python benchmarks/live.py

Targets: the first answer within 100 ms of the first touch, and a drag at 60 frames a second (16.7 ms
a frame). The models are as large as the book's: a density of the plane with 12 Gaussians and a small
classifier for the cross; the causal network with 64 channels and 6 blocks for drawing.

    boot      from an opened page until the figure stands, built and with its numbers (best of 5)
    touch     from the first press of the mouse until the numbers that answer it are painted (best of 5)
    frame     work of one frame while dragging: the models, the canvas, the words (median, 95 %)
    rate      frames a second that a drag really gets
    run       one run of a model (the fastest tenth)
"""

import statistics
import sys
import tempfile
from pathlib import Path

import torch
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from dgm_lite.autoregressive.causal import CausalARM  # noqa: E402
from dgm_lite.joint.classifier import Classifier  # noqa: E402
from dgm_lite.latent.mixture import GaussianMixture  # noqa: E402
from dgm_lite.live import bundle  # noqa: E402
from dgm_lite.live.cross import Cross  # noqa: E402
from dgm_lite.live.draw import Draw  # noqa: E402
from tests.browser import FLAGS  # noqa: E402
from tools import browser as finder  # noqa: E402
from tools.ext.minify import minify  # noqa: E402

BOOT = """async () => {
  while (!document.querySelector("dgm-figure")?.stats?.value) await new Promise((done) => setTimeout(done));
  return performance.now() - performance.timing.domInteractive + performance.timing.navigationStart; }"""
LISTEN = """() => { const host = document.querySelector("dgm-figure");
  host.addEventListener("pointerdown", (event) => {
    const before = host.stats.value, look = () => {
      if (host.stats.value === before) return requestAnimationFrame(look);
      window.touch = performance.now() - event.timeStamp; };
    look(); }, { capture: true, once: true }); }"""
# While the button is down, one move a frame for three seconds.
DRAG = """async (box) => {
  const host = document.querySelector("dgm-figure"), canvas = host.shadowRoot.querySelector("canvas");
  host.stats.frames.length = 0;
  const began = performance.now();
  let frames = 0, now = began;
  while (now - began < 3000) {
    const u = 0.5 + 0.4 * Math.sin(frames / 9), v = 0.5 + 0.4 * Math.cos(frames / 7);
    const place = { clientX: box.x + u * box.width, clientY: box.y + v * box.height };
    canvas.dispatchEvent(new PointerEvent("pointermove", { pointerId: 1, ...place }));
    await new Promise((done) => requestAnimationFrame(done));
    frames++;
    now = performance.now();
  }
  return { frames: host.stats.frames.slice(), rate: frames / ((now - began) / 1000) }; }"""
MODEL = """async (models) => { const { Model } = window.dgm, out = {};
  for (const [name, text] of Object.entries(models)) {
    const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0)), model = new Model(bytes), times = [];
    const n = name === "causal" ? 64 : 2, x = { x0: { dims: [1, n], data: new Float32Array(n) } };
    for (let k = 0; k < 60; k++) {
      const began = performance.now();
      model.run(x);
      times.push(performance.now() - began);
    }
    out[name] = times.slice(20).sort((a, b) => a - b)[4];
  } return out; }"""


def figures() -> dict:
    """The book's two figures with untrained models of the book's size."""
    torch.manual_seed(0)
    x = torch.randn(400, 2)
    levels = torch.randint(0, 17, (40, 64))
    density = CausalARM(64, 17).eval()
    with torch.no_grad():
        scores = density.log_prob(levels)
    classifier, mixture = Classifier(2, 2, hidden=64), GaussianMixture(2, 12)
    return {
        "cross": Cross(classifier, mixture, x[:200], torch.arange(200) % 2, heldout=x[200:]),
        "draw": Draw(density, Classifier(64, 10, hidden=128, scale=16.0), scores, {"a digit": levels}),
    }


def measure(page, address: str) -> dict[str, float]:
    """Load the page, touch the figure, drag for three seconds."""
    boot, touch = [], []
    for _ in range(5):
        page.goto("about:blank")
        page.goto(address)
        boot.append(page.evaluate(BOOT))
        page.evaluate(LISTEN)
        box = page.locator("dgm-figure canvas").first.bounding_box()
        page.mouse.move(box["x"] + box["width"] / 3, box["y"] + box["height"] / 3)
        page.mouse.down()
        page.wait_for_function("() => window.touch")
        touch.append(page.evaluate("window.touch"))
        page.mouse.up()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    end = page.evaluate(DRAG, box)
    page.mouse.up()
    frames = sorted(end["frames"])
    return {
        "boot": min(boot),
        "touch": min(touch),
        "frame": statistics.median(frames),
        "frame95": frames[int(0.95 * len(frames))],
        "rate": end["rate"],
    }


def main() -> int:
    path = finder.find()
    if path is None:
        print(finder.HELP, file=sys.stderr)
        return 1
    made = figures()
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        browser = playwright.chromium.launch(executable_path=path, headless=True, args=FLAGS)
        sizes = {name: len(minify(code).encode()) / 1000 for name, code in bundle.files().items()}
        print(f"Chromium {browser.version}; kilobytes of JavaScript:")
        print(", ".join(f"{name} {size:.1f}" for name, size in sizes.items()))
        print(f"{'figure':8}{'boot ms':>9}{'touch ms':>10}{'frame ms':>10}{'95 %':>8}{'rate /s':>9}")
        for name, figure in made.items():
            file = Path(folder) / f"{name}.html"
            file.write_text(figure.page(), encoding="utf-8")
            page = browser.new_page(viewport={"width": 900, "height": 800})
            m = measure(page, file.as_uri())
            print(
                f"{name:8}{m['boot']:9.0f}{m['touch']:10.0f}{m['frame']:10.1f}{m['frame95']:8.1f}{m['rate']:9.0f}"
            )
            page.close()
        page = browser.new_page()
        page.add_script_tag(content=bundle.esm() + "window.dgm = { Model };", type="module")
        page.wait_for_function("() => window.dgm")
        models = made["draw"].packed()["density"], made["cross"].packed()["density"]
        for name, ms in page.evaluate(MODEL, dict(zip(("causal", "mixture"), models, strict=True))).items():
            print(f"one run of the {name} model: {ms:.2f} ms")
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())

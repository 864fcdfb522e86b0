"""How fast live figures answer, in headless Chromium on this machine.

    python benchmarks/live.py

Target: the first answer within 100 ms of the first touch, and a drag at 60 frames a second (16.7 ms
a frame). The models are as large as the book's: a density of the plane with 12 Gaussians and a small
classifier for the cross; the causal network with 64 channels and 6 blocks for drawing.

    first     from the first event on a page just loaded until the numbers stand
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

# The figure is built by the first touch, as on a page whose reader is faster than the observer.
FIRST = """async () => {
  const host = document.querySelector("dgm-figure"), began = performance.now();
  host.dispatchEvent(new PointerEvent("pointerdown", { bubbles: true }));
  while (!host.stats.value) await new Promise((done) => setTimeout(done));
  return performance.now() - began; }"""
BEGIN = """() => { const s = document.querySelector("dgm-figure").stats;
  s.frames.length = 0; window.began = performance.now(); }"""
END = """() => { const s = document.querySelector("dgm-figure").stats;
  return { frames: s.frames.slice(), seconds: (performance.now() - window.began) / 1000 }; }"""
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
    first = []
    for _ in range(5):
        page.goto("about:blank")
        page.add_init_script("window.IntersectionObserver = class { observe() {} disconnect() {} };")
        page.goto(address)
        page.wait_for_function("() => document.querySelector('dgm-figure').stats")
        first.append(page.evaluate(FIRST))
    box = page.locator("dgm-figure canvas").first.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    for k in range(400):
        if k == 100:
            page.evaluate(BEGIN)
        u, v = 0.5 + 0.4 * torch.tensor(k / 9).sin().item(), 0.5 + 0.4 * torch.tensor(k / 7).cos().item()
        page.mouse.move(box["x"] + u * box["width"], box["y"] + v * box["height"])
        page.wait_for_timeout(4)
    end = page.evaluate(END)
    page.mouse.up()
    frames = sorted(end["frames"])
    return {
        "first": statistics.median(first),
        "frame": statistics.median(frames),
        "frame95": frames[int(0.95 * len(frames))],
        "rate": len(frames) / end["seconds"],
    }


def main() -> int:
    path = finder.find()
    if path is None:
        print(finder.HELP, file=sys.stderr)
        return 1
    made = figures()
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        browser = playwright.chromium.launch(executable_path=path, headless=True, args=FLAGS)
        print(f"Chromium {browser.version}; {len(bundle.esm()) / 1000:.1f} KB of JavaScript for all figures")
        print(f"{'figure':8}{'first ms':>10}{'frame ms':>10}{'95 %':>8}{'rate /s':>9}")
        for name, figure in made.items():
            file = Path(folder) / f"{name}.html"
            file.write_text(figure.page(), encoding="utf-8")
            page = browser.new_page(viewport={"width": 900, "height": 800})
            m = measure(page, file.as_uri())
            print(f"{name:8}{m['first']:10.0f}{m['frame']:10.1f}{m['frame95']:8.1f}{m['rate']:9.0f}")
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

"""Small trained-looking models, pages that hold a figure, and the engine in a page."""

import base64
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from dgm_lite.live import bundle
from tests.browser import borrow, chromium, give_back, room  # noqa: F401
from tools.ext.dgm_bundle import share
from tools.ext.minify import minify

RUN = """([model, feeds]) => {
  const bytes = Uint8Array.from(atob(model), (c) => c.charCodeAt(0));
  const number = (v) => (typeof v === "string" ? Number(v) : v);
  for (const f of Object.values(feeds)) f.data = f.data.map(number);
  const words = (v) => (Number.isFinite(v) ? v : String(v));
  const plain = (t) => ({ dims: t.dims, data: Array.from(t.data, words) });
  const [site, notebook] = [small, written].map(({ Model }) => {
    const m = new Model(bytes);
    m.run(feeds);                    // twice: the second run writes into the arrays of the first
    return Object.fromEntries(Object.entries(m.run(feeds)).map(([k, t]) => [k, plain(t)]));
  });
  if (JSON.stringify(site) !== JSON.stringify(notebook)) throw new Error("the minifier changes the result");
  return site;
}"""


@pytest.fixture(scope="session")
def engine_page(chromium):  # noqa: F811
    """A blank page with the engine as a site serves it, `small`, and as a notebook carries it, `written`."""
    page = chromium.new_page()
    for name, form in {"small": minify, "written": str}.items():
        code = form(f"{bundle.esm([])}window.{name} = {{ Model, operators }};")
        page.add_script_tag(content=code, type="module")
        page.wait_for_function(f"window.{name}")
    yield page
    page.close()


@pytest.fixture(scope="session")
def engine(engine_page) -> Callable[[bytes, dict[str, np.ndarray]], dict[str, np.ndarray]]:
    """Runs an ONNX file in the browser's engine."""

    def run(model: bytes, feeds: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        def word(x):  # JSON has no infinity
            return x if np.isfinite(x) else str(x).replace("inf", "Infinity")

        plain = {
            k: {"dims": list(v.shape), "data": [word(x) for x in v.ravel().tolist()]}
            for k, v in feeds.items()
        }
        out = engine_page.evaluate(RUN, [base64.b64encode(model).decode(), plain])
        return {k: np.array(t["data"], dtype="f8").reshape(t["dims"]) for k, t in out.items()}

    return run


class Blobs(nn.Module):
    """A density of the plane: two round Gaussians, at (-1, 0) and (1, 0), with standard deviation 0.4."""

    def __init__(self):
        super().__init__()
        self.mu = nn.Parameter(torch.tensor([[-1.0, 0.0], [1.0, 0.0]]))

    def log_prob(self, x: Tensor) -> Tensor:
        squares = ((x[:, None] - self.mu) ** 2).sum(2)
        return (-squares / (2 * 0.16)).logsumexp(1) - torch.tensor(2 * torch.pi * 0.16 * 2).log()


class Pixels(nn.Module):
    """A tiny causal model of 4 x 4 pictures with 5 levels."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv1d(1, 8, 3)
        self.dropout = nn.Dropout(0.5)  # on in training mode: an export that forgets eval() shows
        self.head = nn.Conv1d(8, 5, 1)

    def log_prob_terms(self, x: Tensor) -> Tensor:
        h = nn.functional.pad(x.float()[:, None] / 2 - 1, (3, -1))
        h = self.dropout(torch.tanh(self.conv(h)))
        return self.head(h).log_softmax(1).gather(1, x[:, None]).squeeze(1)

    def log_prob(self, x: Tensor) -> Tensor:
        return self.log_prob_terms(x).sum(1)


class OnlyLogProb(nn.Module):
    """The same kind of model without terms: a histogram for each pixel."""

    def __init__(self):
        super().__init__()
        self.table = nn.Parameter(torch.randn(1, 5, 16))

    def log_prob(self, x: Tensor) -> Tensor:
        table = self.table.log_softmax(1).expand(len(x), -1, -1)
        return table.gather(1, x[:, None]).squeeze(1).sum(1)


@pytest.fixture(scope="session")
def plane():
    """(classifier, density, points, labels, heldout) in the plane."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(60) % 2
    centre = torch.tensor([[-1.0, 0.0], [1.0, 0.0]])
    points = centre[labels] + 0.4 * torch.randn(60, 2, generator=generator)
    heldout = centre[torch.arange(500) % 2] + 0.4 * torch.randn(500, 2, generator=generator)
    torch.manual_seed(1)
    classifier = nn.Sequential(nn.Linear(2, 16), nn.SiLU(), nn.Linear(16, 2))
    with torch.no_grad():
        classifier[2].weight.mul_(4)
    return classifier, Blobs(), points, labels, heldout


@pytest.fixture(scope="session")
def cross(plane):
    from dgm_lite.live.cross import Cross

    classifier, density, points, labels, heldout = plane
    return Cross(classifier, density, points, labels, heldout=heldout, lim=(-3, 3, -2, 2), start=(2.0, -1.5))


@pytest.fixture(scope="session")
def pixels():
    """(density, classifier, held-out pictures) of 4 x 4 pixels with 5 levels."""
    torch.manual_seed(2)
    return (
        Pixels(),
        nn.Sequential(nn.Linear(16, 12), nn.Tanh(), nn.Linear(12, 3)),
        torch.randint(0, 5, (80, 16)),
    )


@pytest.fixture(scope="session")
def draw(pixels):
    from dgm_lite.live.draw import Draw

    density, classifier, x = pixels
    with torch.no_grad():
        scores = density.eval().log_prob(x)
    examples = {"a picture": x[:3], "blank": torch.zeros(16, dtype=torch.long)}
    return Draw(
        density, classifier, scores, examples, levels=5, classes="abc", things="held-out pictures", half=False
    )


def serious(message) -> bool:
    """Whether a line of the console is a problem; a test's own reading of pixels is none."""
    return message.type in ("error", "warning") and "getImageData" not in message.text


def watch(page) -> None:
    """Note what goes wrong on a page in its ``problems``."""
    local = ("file:", "data:", "blob:", "about:")
    page.on("console", lambda m: page.problems.append(m.text) if serious(m) else None)
    page.on("pageerror", lambda e: page.problems.append(str(e)))
    page.on("request", lambda r: None if r.url.startswith(local) else page.problems.append(r.url))


@pytest.fixture(scope="session")
def site_code(tmp_path_factory) -> Path:
    """figures.js in a folder with the code of all kinds, small, as a site serves them."""
    folder = tmp_path_factory.mktemp("code")
    for name, code in bundle.files().items():
        (folder / name).write_text(minify(code), encoding="utf-8")
    return folder / "figures.js"


@pytest.fixture
def visit(chromium, tmp_path, site_code):  # noqa: F811
    """visit(figure, **context) opens a page with the figure from file://; console errors fail the test.

    The page's code is what a site serves: what the minifier changes would show here. A body that a
    test brings has what the figure's html() gave it, which is the notebook's code.
    """
    opened = []

    def go(figure, *, live: bool = True, body: str | None = None, **context):
        file = tmp_path / f"page{len(opened)}.html"
        file.write_text(body or share(figure.page(), site_code.as_uri()), encoding="utf-8")
        context = room(chromium, **{"viewport": {"width": 900, "height": 900}, **context})
        opened.append(page := borrow(context, watch))
        page.problems = []
        page.goto(file.as_uri())
        if live:
            page.wait_for_selector("dgm-figure[live]", timeout=20000)
        return page

    yield go
    problems = [problem for page in opened for problem in page.problems]
    for page in opened:
        give_back(page)
    assert not problems, problems

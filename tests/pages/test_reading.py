"""What a reader does with the site: look up a word, search, switch to dark, copy code, print."""

import json
import re

import pytest
from bs4 import BeautifulSoup

from tests.pages.conftest import SITE, pages
from tests.pages.visit import SCREENS, settle

WITH_TERMS = [p for p in pages() if 'id="dgm-terms"' in (SITE / p).read_text(encoding="utf-8")]
NOTEBOOKS = [p for p in pages() if (SITE / "_sources" / p.replace(".html", ".ipynb")).exists()]


@pytest.fixture
def opened(chromium, base):
    """opened(path, screen) -> the browser's page; closed afterwards."""
    contexts = []

    def open_(path: str, screen: str = "wide"):
        contexts.append(chromium.new_context(**SCREENS[screen]))
        page = contexts[-1].new_page()
        page.set_default_timeout(20_000)
        page.goto(base + path, wait_until="load")
        settle(page)
        return page

    yield open_
    for context in contexts:
        context.close()


def definitions(path: str) -> dict[str, str]:
    """Term id -> definition as text, as the page carries them."""
    data = BeautifulSoup((SITE / path).read_text(encoding="utf-8"), "html.parser").find(id="dgm-terms")
    return {k: BeautifulSoup(v, "html.parser").get_text(strip=True) for k, v in json.loads(data.text).items()}


def test_some_pages_have_terms():
    assert len(WITH_TERMS) >= 3


@pytest.mark.parametrize("path", WITH_TERMS)
def test_every_marked_term_has_a_definition(path):
    assert all(len(text) > 20 for text in definitions(path).values())


@pytest.mark.parametrize("path", WITH_TERMS[:1])
def test_a_term_explains_itself_to_the_mouse(opened, path):
    page = opened(path)
    term, tip = page.locator("a.dgm-term").first, page.locator("#dgm-tip")
    assert tip.is_hidden()
    term.hover()
    tip.wait_for(state="visible")
    assert len(tip.inner_text()) > 20
    tip.hover()  # the pointer may go there, to select or to read on
    page.wait_for_timeout(400)
    assert tip.is_visible()
    page.keyboard.press("Escape")
    assert tip.is_hidden()


@pytest.mark.parametrize("path", WITH_TERMS[:1])
def test_a_term_explains_itself_to_the_keyboard(opened, path):
    page = opened(path)
    term, tip = page.locator("a.dgm-term").first, page.locator("#dgm-tip")
    term.focus()
    tip.wait_for(state="visible")
    assert term.get_attribute("aria-describedby") == tip.get_attribute("id")
    assert tip.get_attribute("role") == "tooltip"
    page.keyboard.press("Escape")
    assert tip.is_hidden() and term.get_attribute("aria-describedby") is None


@pytest.mark.parametrize("path", WITH_TERMS[:1])
def test_a_term_explains_itself_to_a_finger(opened, path):
    page = opened(path, "phone")
    here = page.url
    term, tip = page.locator("a.dgm-term").first, page.locator("#dgm-tip")
    term.tap()
    tip.wait_for(state="visible")
    box = tip.bounding_box()
    assert box["x"] >= 0 and box["x"] + box["width"] <= 390
    assert page.url == here
    term.tap()  # the second tap follows the link
    page.wait_for_url(re.compile(r"glossary\.html#term-"))


SEARCHED = {  # what a reader may look for, in this spelling or another, and a page that explains it
    "classifier": "why/noise", "adversarial examples": "why/noise", "adversarial attack": "why/noise",
    "reject option": "why/two-ways", "semi-supervised": "glossary", "calibration": "glossary",
    "out-of-distribution": "glossary", "anomaly detection": "glossary", "novelty detection": "glossary",
    "active learning": "why/what-px-is-for", "typicality": "glossary", "autoregressive model": "glossary",
    "causal convolution": "autoregressive/causal", "pixel by pixel": "autoregressive/causal",
    "change of variables": "flows/change-of-variables", "realnvp": "glossary",
    "jacobian determinant": "flows/change-of-variables", "normalizing flow": "glossary",
    "normalising flow": "glossary", "dequantization": "glossary", "dequantisation": "glossary",
    "integer discrete flow": "flows/integers",
    "probabilistic pca": "latent/ppca", "missing pixels": "latent/ppca",
    "variational autoencoder": "glossary", "vae": "glossary", "elbo": "glossary",
    "evidence lower bound": "glossary", "posterior collapse": "glossary", "iwae": "glossary",
    "reparameterization trick": "glossary", "gan": "adversarial/gan", "mode collapse": "glossary",
    "generative adversarial network": "glossary", "fréchet inception distance": "glossary", "fid": "glossary",
    "kl divergence": "glossary", "monte carlo": "appendix/probability", "partition function": "glossary",
    "arithmetic coding": "compression/files", "bits back": "compression/files", "png": "compression/files",
    "lossy compression": "glossary", "table 1": "compression/table", "diffusion": "part-six",
    "score matching": "part-six", "energy-based model": "part-six", "reinforcement learning": "part-eight",
    "colab": "how-to-use", "own data": "how-to-use", "lecture": "teach", "notation": "appendix/notation",
}  # fmt: skip
BEST_FIRST = """(query) => {
  const [words, terms, excluded, marked, objects] = Search._parseQuery(query);
  return Search._performSearch(words, terms, excluded, marked, objects).map((found) => found[0]).reverse();
}"""


def test_what_a_reader_looks_for_is_found(opened):
    """Among the first four pages stands one that explains it."""
    page = opened("search.html?q=classifier")
    page.locator("#search-results li a").first.wait_for()  # the form works, and the index is there
    found = {words: page.evaluate(BEST_FIRST, words) for words in SEARCHED}
    first = {words: " ".join(list(dict.fromkeys(pages))[:4]) for words, pages in found.items()}
    lost = {words: first[words] for words, page in SEARCHED.items() if page not in first[words]}
    assert len(SEARCHED) > 30 and lost == {}


def test_dark_mode_can_be_chosen(opened):
    page = opened("book/index.html")
    paper = "() => getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(paper)
    for _ in range(3):  # auto, light, dark
        page.locator("button.theme-switch-button").first.click()
        if page.evaluate("() => document.documentElement.dataset.theme") == "dark":
            break
    assert page.evaluate("() => document.documentElement.dataset.theme") == "dark"
    assert page.evaluate(paper) != light


@pytest.mark.parametrize("path", NOTEBOOKS[:1])
def test_code_has_a_copy_button(opened, path):
    page = opened(path)
    assert page.locator("div.cell_input button.copybtn").count() >= 3


@pytest.mark.parametrize("path", NOTEBOOKS)
def test_the_install_cell_is_not_on_the_page(path):
    assert "%pip install" not in (SITE / path).read_text(encoding="utf-8")


@pytest.mark.parametrize("path", NOTEBOOKS)
def test_punctuation_stays_with_its_formula(path):
    soup = BeautifulSoup((SITE / path).read_text(encoding="utf-8"), "html.parser")
    formulas = soup.select("article span.math")
    loose = [m.get_text() for m in formulas if re.match(r"[,.;:!?)]", str(m.next_sibling or ""))
             and "dgm-together" not in m.parent.get("class", [])]  # fmt: skip
    assert loose == []


@pytest.mark.parametrize("path", NOTEBOOKS)
def test_a_plot_opens_by_itself(path):
    soup = BeautifulSoup((SITE / path).read_text(encoding="utf-8"), "html.parser")
    plots = [image for image in soup.select("figure > img, figure > a > img") if "_images/" in image["src"]]
    assert all(image.parent.get("href") == image["src"] for image in plots)


@pytest.mark.parametrize("path", NOTEBOOKS)
def test_equations_and_figures_are_numbered(path):
    soup = BeautifulSoup((SITE / path).read_text(encoding="utf-8"), "html.parser")
    for number in soup.select("div.math .eqno"):
        assert re.match(r"\(\d+\.\d+\)", number.get_text())
    for number in soup.select("figcaption .caption-number"):
        assert re.match(r"Fig\. \d+\.\d+", number.get_text())

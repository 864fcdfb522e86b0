"""Every page, wide in light and dark, and on a phone: no error, no foreign request, nothing out of reach."""

import io
import re

import pytest
from PIL import Image

from tests.pages.conftest import SITE, pages
from tests.pages.visit import SCREENS, visit

PAGES = pages()


def test_there_are_pages():
    assert "book/index.html" in PAGES, "the site is not built: run `make book` first"


def test_the_root_leads_to_the_first_page(chromium, base):
    page = chromium.new_page()
    page.goto(base)
    page.wait_for_url(base + "book/index.html")
    page.close()


def test_the_figures_of_a_page_are_60_kilobytes_of_code():
    """In files that pages share: 30 KB for all kinds, 8 KB for each; no page holds a copy of its own."""
    sizes = {path.stem: path.stat().st_size for path in (SITE / "_static" / "dgm").iterdir()}
    shared = sizes.pop("figures")
    assert shared <= 30_000 and max(sizes.values()) <= 8_000, (shared, sizes)
    html = {page: (SITE / page).read_text(encoding="utf-8") for page in PAGES}
    shown = {page: set(re.findall(r'<dgm-figure kind="(\w+)"', text)) for page, text in html.items()}
    loads = {page: shared + sum(sizes[kind] for kind in kinds) for page, kinds in shown.items() if kinds}
    assert loads and max(loads.values()) <= 60_000, loads
    assert {page for page, text in html.items() if "dgm/figures.js" in text} == set(loads)
    assert not [page for page, text in html.items() if "const shared =" in text]


def paper(picture) -> int:
    """How bright a picture's paper is as the reader sees it, near its upper left corner: from 0 to 255."""
    return Image.open(io.BytesIO(picture.screenshot())).convert("L").getpixel((12, 4))


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_plots_follow_the_theme_and_photographs_do_not(chromium, base, theme):
    """In the dark a plot's paper is the page; a photograph keeps its colours, on a white card."""
    page = chromium.new_page(color_scheme=theme)
    page.goto(base + "book/why/noise.html")
    photograph = page.locator("img.dgm-photo")
    plot = page.locator("div.cell_output img:not(.dgm-photo)").first
    background = page.evaluate("() => getComputedStyle(document.body).backgroundColor")
    ground = sum(int(v) for v in background[4:-1].split(",")) / 3
    assert (ground < 60) == (theme == "dark")
    assert abs(paper(plot) - ground) < 6
    inside = Image.open(io.BytesIO(photograph.screenshot())).convert("RGB")
    red, _, blue = inside.getpixel((inside.width // 6, inside.height * 3 // 5))  # the cat's fur is warm
    assert red > blue and paper(photograph) > 200
    page.close()


@pytest.mark.parametrize("screen", SCREENS)
@pytest.mark.parametrize("page", PAGES)
def test_page(chromium, base, page, screen):
    """One visit, all questions; what is wrong stands under the name of its question."""
    seen = visit(chromium, base, page, screen)
    follows = seen.themes in ([], ["dark", "light"])
    wrong = {
        "errors in the console": seen.errors,
        "requests without an answer": seen.failed,
        "requests to elsewhere": seen.outside,
        "accessibility": seen.axe,
        "code": seen.code,
        "maths without words for screen readers": seen.silent_maths,
        "formulas that do not fit": seen.cut_maths,
        "wider than the window": seen.wide["names"] if seen.wide["scroll"] > seen.wide["room"] else [],
        "themes that do not follow the system's": [] if follows else seen.themes,
        "live figures that did not start": [f for f in seen.figures if not f["live"] or f["alert"]],
        "live figures that do not answer": seen.unmoved,
        "live figures without a described twin": [f["kind"] for f in seen.figures if len(f["alt"]) < 20],
    }
    assert {question: found for question, found in wrong.items() if found} == {}

"""Every page, wide in light and dark, and on a phone: no error, no foreign request, nothing out of reach."""

import pytest

from tests.pages.conftest import pages
from tests.pages.visit import SCREENS, visit

PAGES = pages()


def test_there_are_pages():
    assert "book/index.html" in PAGES, "the site is not built: run `make book` first"


def test_the_root_leads_to_the_first_page(chromium, base):
    page = chromium.new_page()
    page.goto(base)
    page.wait_for_url(base + "book/index.html")
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

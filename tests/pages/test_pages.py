"""Every page, in light, in dark and on a phone: no error, no foreign request, nothing out of reach."""

import functools

import pytest

from tests.pages.conftest import pages
from tests.pages.visit import LOOKS, visit

PAGES = pages()
EVERY = [
    pytest.param(page, look, marks=pytest.mark.xdist_group(page), id=f"{page}-{look}")
    for page in PAGES
    for look in LOOKS
]


@pytest.fixture(scope="session")
def seen(chromium, base):
    """visit(page, look), each made once for each worker."""
    return functools.lru_cache(maxsize=None)(lambda page, look: visit(chromium, base, page, look))


def test_there_are_pages():
    assert "book/index.html" in PAGES, "the site is not built: run `make book` first"


def test_the_root_leads_to_the_first_page(chromium, base):
    page = chromium.new_page()
    page.goto(base)
    page.wait_for_url(base + "book/index.html")
    page.close()


@pytest.mark.parametrize("page, look", EVERY)
def test_no_errors(seen, page, look):
    assert seen(page, look).errors == []


@pytest.mark.parametrize("page, look", EVERY)
def test_every_request_is_answered(seen, page, look):
    assert seen(page, look).failed == []


@pytest.mark.parametrize("page, look", EVERY)
def test_no_request_leaves_the_site(seen, page, look):
    assert seen(page, look).outside == []


@pytest.mark.parametrize("page, look", [p for p in EVERY if p.values[1] != "phone"])
def test_accessible(seen, page, look):
    assert seen(page, look).axe == {}


@pytest.mark.parametrize("page, look", EVERY)
def test_nothing_scrolls_sideways(seen, page, look):
    wide = seen(page, look).wide
    assert wide["scroll"] <= wide["room"], f"{wide['scroll']} px in {wide['room']}: {wide['names']}"


@pytest.mark.parametrize("page, look", EVERY)
def test_live_figures_start(seen, page, look):
    for figure in seen(page, look).figures:
        assert figure["live"] and figure["alert"] is None, figure
        assert len(figure["alt"]) > 20, f"the static twin of {figure['kind']} says nothing: {figure['alt']!r}"

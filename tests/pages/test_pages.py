"""Every page of the site, in light, in dark and on a phone: no error, no foreign request, nothing out of reach."""

import functools

import pytest
from conftest import pages
from visit import LOOKS, visit

PAGES = pages()
EVERY = [
    pytest.param(page, look, marks=pytest.mark.xdist_group(page), id=f"{page}-{look}") for page in PAGES for look in LOOKS
]


@pytest.fixture(scope="session")
def seen(chromium, base):
    """visit(page, look), each made once for each worker."""
    return functools.lru_cache(maxsize=None)(lambda page, look: visit(chromium, base, page, look))


def test_there_are_pages():
    assert "index.html" in PAGES, "the site is not built: run `make book` first"


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

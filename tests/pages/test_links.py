"""Every link and every picture of the built site, read from its HTML."""

import functools
from urllib.parse import unquote, urldefrag, urljoin

import pytest
from bs4 import BeautifulSoup

from tests.pages.conftest import SITE, pages

PAGES = pages()


@functools.cache
def soup(page: str) -> BeautifulSoup:
    return BeautifulSoup((SITE / page).read_text(encoding="utf-8"), "html.parser")


@functools.cache
def anchors(page: str) -> set[str]:
    names = {e["name"] for e in soup(page).find_all("a", attrs={"name": True})}
    return names | {e["id"] for e in soup(page).find_all(id=True)}


@pytest.mark.parametrize("page", PAGES)
def test_internal_links_lead_somewhere(page):
    broken = []
    for link in soup(page).find_all("a", href=True):
        target, anchor = urldefrag(urljoin(page, unquote(link["href"])))
        if "://" in target or target.startswith(("mailto:", "javascript:")):
            continue
        target = target or page
        if not (SITE / target).is_file():
            broken.append(f"{link['href']}: no such file")
        elif anchor and target.endswith(".html") and anchor not in anchors(target):
            broken.append(f"{link['href']}: no such anchor")
    assert broken == []


@pytest.mark.parametrize("page", PAGES)
def test_nothing_is_loaded_from_elsewhere(page):
    loads = [
        e.get("src") or e.get("href") or ""
        for e in soup(page).select(
            "script[src], link[href]:not([rel=canonical]), img[src], iframe[src], source[src]"
        )
    ]
    assert [url for url in loads if url.startswith(("http:", "https:", "//"))] == []


@pytest.mark.parametrize("page", PAGES)
def test_pictures_have_words(page):
    """An image without alt text gets its file's path from Sphinx, and then every checker passes it."""
    main = soup(page).find("main") or soup(page)
    bad = []
    for image in main.find_all("img"):
        alt = image.get("alt")
        if alt == "" and (image.find_parent("a") or image.get("role") == "presentation"):
            continue  # decoration
        if not alt or len(alt) < 8 or "_images/" in alt or alt.endswith((".png", ".svg", ".jpg")):
            bad.append(f"{image.get('src', '')[:60]}: alt={alt!r}")
    assert bad == []


@pytest.mark.parametrize("page", [p for p in PAGES if p.startswith("book/")])
def test_buttons(page):
    """Repository, edit and download on every page; Colab and Binder where there is a notebook to open."""
    links = [a["href"] for a in soup(page).find_all("a", href=True)]
    source = page.removesuffix(".html")
    assert any(f"/edit/main/{source}." in link for link in links), "no edit button"
    assert any("_sources/" in link for link in links), "no download button"
    if (SITE / "_sources" / f"{source}.ipynb").exists():
        assert any(
            "colab.research.google.com/github/" in k and k.endswith(f"/blob/main/{source}.ipynb")
            for k in links
        )
        assert any("mybinder.org/v2/gh/" in link and source.split("/")[-1] in link for link in links)


@pytest.mark.parametrize("page", [p for p in PAGES if p.startswith("book/")])
def test_one_first_heading(page):
    assert len(soup(page).find("article").find_all("h1")) == 1

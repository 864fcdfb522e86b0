"""The site as search engines, messengers and assistants find it: descriptions, cards, map and Markdown."""

import re
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

from tools import install_cell
from tools.ext.twins import site_address, twin

ROOT = Path(__file__).resolve().parents[2]
SITE = ROOT / "_build" / "html"
PAGES = sorted(p.relative_to(SITE).with_suffix("").as_posix() for p in (SITE / "book").rglob("*.html"))
BASE = site_address(install_cell.address(ROOT))


def head(page: str) -> BeautifulSoup:
    return BeautifulSoup((SITE / f"{page}.html").read_text(encoding="utf-8"), "html.parser").head


def test_the_address_of_the_site_follows_from_the_repositorys():
    assert site_address("https://github.com/owner/name") == "https://owner.github.io/name/"


@pytest.mark.parametrize("page", PAGES)
def test_a_page_says_what_it_is_about_and_has_a_card(page):
    found = {m.get("name") or m.get("property"): m.get("content") for m in head(page).find_all("meta")}
    assert len(found["description"]) > 60 and found["description"] == found["og:description"]
    assert found["og:url"] == f"{BASE}{page}.html" and found["og:title"]
    card = found["og:image"].removeprefix(BASE)
    assert (SITE / card).read_bytes().startswith(b"\x89PNG") and found["og:image:alt"]


def test_descriptions_are_the_pages_own():
    said = [head(page).find("meta", {"name": "description"})["content"] for page in PAGES]
    assert len(set(said)) == len(said)


def test_the_map_of_the_site_has_every_page():
    addresses = re.findall("<loc>([^<]+)</loc>", (SITE / "sitemap.xml").read_text(encoding="utf-8"))
    assert {f"{BASE}{page}.html" for page in PAGES} <= set(addresses)
    assert all((SITE / address.removeprefix(BASE)).is_file() for address in addresses)


def test_every_page_has_its_twin_in_markdown_and_llms_txt_lists_them():
    text = (SITE / "llms.txt").read_text(encoding="utf-8")
    listed = re.findall(r"^- \[(.+?)\]\((\S+)\): (.{40,})$", text, re.M)
    assert sorted(address for _, address, _ in listed) == sorted(f"{BASE}{page}.md" for page in PAGES)
    for page in PAGES:
        (link,) = head(page).find_all("link", type="text/markdown")
        assert (SITE / page).parent.joinpath(link["href"]).read_text(encoding="utf-8").strip()


def test_a_chapters_twin_holds_text_code_results_and_descriptions_of_pictures():
    text = twin(ROOT / "book/why/two-ways.ipynb")
    for part in ("# Two ways", "```python\n", "test accuracy", "[Picture: ", "[toy-joint-low]", "verdict: "):
        assert part in text, part
    assert "%pip" not in text and "iVBOR" not in text and "<dgm-figure" not in text

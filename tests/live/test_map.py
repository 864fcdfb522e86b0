"""The map in the browser: needs are compared with the catalog's table, titles are links."""

import pytest

from dgm_lite.catalog.families import FAMILIES
from dgm_lite.live.map import WISHES, Map, Table
from tests.live.test_figures import value


def granted(*needs: str) -> list[str]:
    words = {wish["key"]: wish["words_that_do"] for wish in WISHES}
    rows = [f for f in FAMILIES if f.table]
    return [f.title for f in rows if all(f.table[need] in words[need] for need in needs)]


def test_ticked_needs_leave_the_families_of_the_table(visit):
    page = visit(Map(FAMILIES, {"flow": "#flow"}))
    assert value(page).get("0") is None
    page.get_by_label("an exact likelihood").check()
    page.wait_for_function("document.querySelector('dgm-figure').stats.value.length")
    chosen = page.evaluate("document.querySelector('dgm-figure').stats.value")
    assert chosen == granted("likelihood") == ["Autoregressive models", "Flow-based models"]
    page.get_by_label("fast sampling").check()
    page.wait_for_function("document.querySelector('dgm-figure').stats.value.length === 1")
    assert page.evaluate("document.querySelector('dgm-figure').stats.value") == granted(
        "likelihood", "sampling"
    )
    page.get_by_label("lossy compression").check()
    page.get_by_text("No family of the table has all of this").wait_for()


def test_titles_are_links(visit):
    page = visit(Map(FAMILIES, {"flow": "#flow"}))
    assert page.get_by_role("link", name="Flow-based models").get_attribute("href") == "#flow"


def test_a_family_in_a_box_that_does_not_exist_is_refused():
    orphans = [f for f in FAMILIES if f.key != "latent"]
    with pytest.raises(ValueError, match="Map: expected the parent of 'prescribed'"):
        Map(orphans, {})


def test_table_shows_the_catalogs_words():
    shown = Table(FAMILIES)
    for family in FAMILIES:
        if family.table:
            row = next(line for line in str(shown).splitlines() if line.startswith(family.title))
            assert row[len(family.title) :].split() == list(family.table.values())

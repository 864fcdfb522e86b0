"""The measured table in the browser: cells by mouse, touch and keys; needs against what serves them."""

import pytest

from dgm_lite import laws
from dgm_lite.claims import STATES, Verdict
from dgm_lite.live.figure import restamp
from dgm_lite.live.table_cells import TableCells
from tests.live.test_figures import PNG, text, value, violations

ROWS = {"arm": "Autoregressive models", "flow": "Flows", "gan": "Implicit: <GAN>"}
COLUMNS = {
    "training": "Training",
    "likelihood": "Likelihood",
    "sampling": "Sampling",
    "lossy": "Lossy compression",
}
SERVES = {
    "arm": (True, True, False, False),
    "flow": (True, True, True, False),
    "gan": (False, False, True, False),
}
WORDS = {"holds": "", "holds, more exactly put": "it is more", "holds if": "x is small",
         "not tried": "a week", "fails": ""}  # fmt: skip
VERDICTS = [Verdict(state, words=words) for state, words in WORDS.items()]


@pytest.fixture(scope="module")
def cells() -> dict:
    made = {}
    for i, row in enumerate(ROWS):
        for k, column in enumerate(COLUMNS):
            made[row, column] = {
                "says": f"word {i}{k}", "measured": f"{i}.{k} bits", "verdict": VERDICTS[(4 * i + k) % 5],
                "detail": f"Sentence {i}{k} & more.", "href": f"../{row}/page.html#{column}",
                "serves": SERVES[row][k], "interval": f"{i}.{k} ± 0.1 bits", "how": f"How {i}{k}.",
            }  # fmt: skip
    del made["flow", "lossy"]["interval"], made["flow", "lossy"]["how"]
    return made


@pytest.fixture(scope="module")
def figure(cells) -> TableCells:
    return TableCells(ROWS, COLUMNS, cells)


PHONE = {"has_touch": True, "is_mobile": True, "viewport": {"width": 390, "height": 844}}


def detail_is(page, cells: dict, i: int, k: int) -> None:
    """Below stands everything that Python said of the cell, and the cell alone is chosen."""
    shown = value(page)
    assert (shown["row"], shown["column"]) == (i, k)
    row, column = list(ROWS)[i], list(COLUMNS)[k]
    cell, words = cells[row, column], text(page, "detail")
    for part in (ROWS[row], COLUMNS[column].lower(), cell["says"], cell["verdict"].said, cell["detail"]):
        assert part in words
    assert cell.get("interval", cell["measured"]) in words and cell.get("how", "") in words
    link = page.locator('dgm-figure [data-p="detail"]').get_by_role("link")
    assert link.get_attribute("href") == cell["href"]
    assert link.evaluate("(a) => a.href").endswith(f"/{row}/page.html#{column}")
    chosen = page.locator('dgm-figure [role=gridcell][aria-selected="true"]')
    assert chosen.count() == 1 and cell["says"] in chosen.inner_text()


def test_every_cell_shows_word_figure_and_verdict(visit, figure, cells):
    page = visit(figure)
    rows = page.get_by_role("row")
    assert rows.nth(0).inner_text().split("\t") == ["Family", *COLUMNS.values()]
    for i, row in enumerate(ROWS):
        assert rows.nth(i + 1).get_by_role("rowheader").inner_text().startswith(ROWS[row])
        for k, column in enumerate(COLUMNS):
            cell, shown = cells[row, column], rows.nth(i + 1).get_by_role("gridcell").nth(k)
            words = shown.text_content()
            assert cell["says"] in words and cell["measured"] in words
            state = cell["verdict"].state
            assert STATES[state].sign in words and f"{state}: " in words


def test_a_click_chooses(visit, figure, cells):
    page = visit(figure)
    detail_is(page, cells, 0, 0)
    for i, k in ((1, 2), (2, 0), (1, 3)):
        page.get_by_role("gridcell").nth(4 * i + k).click()
        detail_is(page, cells, i, k)


def test_keys_walk_through_the_grid(visit, figure, cells):
    page = visit(figure)
    value(page)
    cell = page.get_by_role("gridcell")
    assert cell.first.get_attribute("tabindex") == "0"
    cell.first.focus()
    walk = [("ArrowRight", (0, 1)), ("ArrowDown", (1, 1)), ("End", (1, 3)), ("ArrowRight", (1, 3)),
            ("ArrowDown", (2, 3)), ("ArrowDown", (2, 3)), ("Home", (2, 0)), ("ArrowLeft", (2, 0)),
            ("ArrowUp", (1, 0))]  # fmt: skip
    for key, (i, k) in walk:
        page.keyboard.press(key)
        detail_is(page, cells, i, k)
        where = page.evaluate("document.querySelector('dgm-figure').shadowRoot.activeElement.cellIndex")
        assert where == k + 1
    assert page.locator('dgm-figure [tabindex="0"]').count() == 1
    page.keyboard.press("Tab")  # from the chosen cell to the link of its chapter
    focused = page.evaluate("document.querySelector('dgm-figure').shadowRoot.activeElement.textContent")
    assert focused == "To the chapter"


def test_needs_leave_the_families_that_serve_them(visit, figure):
    page = visit(figure)
    words = {"training": "stable training", "likelihood": "an exact likelihood", "sampling": "fast sampling"}
    for needs in (["likelihood"], ["likelihood", "sampling"], ["training"], ["sampling"], []):
        for key, word in words.items():
            page.get_by_label(word).set_checked(key in needs, force=True)
        shown = value(page)
        at = [list(COLUMNS).index(key) for key in needs]
        fits = [title for key, title in ROWS.items() if needs and all(SERVES[key][k] for k in at)]
        assert shown["fits"] == fits and sorted(shown["needs"]) == at
        if needs:
            assert text(page, "fits") == f"By our measurements all of this is given by: {'; '.join(fits)}."
        for i, key in enumerate(ROWS):
            row = page.get_by_role("row").nth(i + 1)
            lacking = [k for k in at if not SERVES[key][k]]
            assert bool(lacking) == ("off" in (row.get_attribute("class") or ""))
            marked = row.get_by_role("gridcell").evaluate_all(
                "(all) => [...all.keys()].filter((k) => all[k].classList.contains('lacks'))"
            )
            assert marked == lacking
            head = row.get_by_role("rowheader").inner_text()
            assert all(words[list(COLUMNS)[k]] in head for k in lacking)
    page.get_by_label("lossy compression").check(force=True)
    assert value(page)["fits"] == [] and text(page, "fits").startswith("By our measurements no family")


def test_on_a_phone_the_detail_opens_in_the_cell(visit, figure, cells):
    page = visit(figure, **PHONE)
    assert value(page)["narrow"]
    for i, k in ((0, 2), (2, 1), (1, 3)):
        cell = page.get_by_role("gridcell").nth(4 * i + k)
        cell.scroll_into_view_if_needed()
        box = cell.bounding_box()
        page.touchscreen.tap(box["x"] + 40, box["y"] + 14)
        detail_is(page, cells, i, k)
        assert cells[list(ROWS)[i], list(COLUMNS)[k]]["detail"] in cell.inner_text()
        assert list(COLUMNS.values())[k] in cell.inner_text()
    page.keyboard.press("ArrowDown")  # stacked, the next cell stands below
    detail_is(page, cells, 2, 0)


def test_a_touched_cell_stays_under_the_finger(visit, figure):
    """Another cell's detail closes above it, and the page scrolls along."""
    body = figure.page().replace("</body>", '<div style="height:2000px"></div></body>')
    page = visit(figure, body=body, **PHONE)
    value(page)
    page.evaluate("scrollTo(0, 400)")
    cell = page.get_by_role("gridcell").nth(9)
    before = cell.bounding_box()["y"]
    page.touchscreen.tap(60, before + 14)
    assert value(page)["row"] == 2
    assert cell.bounding_box()["y"] == pytest.approx(before, abs=2)


@pytest.mark.parametrize("width", [320, 390, 700, 1280])
def test_no_sideways_scrolling(visit, figure, width):
    page = visit(figure, viewport={"width": width, "height": 844})
    shown = value(page)
    assert shown["narrow"] == (width < 640)
    assert page.evaluate("document.scrollingElement.scrollWidth") <= width
    assert page.get_by_role("gridcell").evaluate_all(
        "(all) => all.every((e) => e.getBoundingClientRect().right <= innerWidth)"
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 900])
def test_accessible_with_faded_rows(visit, figure, scheme, width):
    page = visit(figure, color_scheme=scheme, viewport={"width": width, "height": 844})
    value(page)
    assert violations(page) == []
    page.get_by_label("fast sampling").check(force=True)
    page.get_by_role("gridcell").nth(2).click()  # chosen, and lacking
    value(page)
    assert violations(page) == []


def test_a_grid_remains_a_grid_when_it_is_stacked(visit, figure):
    """Blocks instead of table cells: roles and headings are still told."""
    page = visit(figure, **PHONE)
    value(page)
    assert page.get_by_role("grid").count() == 1
    assert page.get_by_role("columnheader").count() == 1 + len(COLUMNS)
    assert page.get_by_role("gridcell").count() == len(ROWS) * len(COLUMNS)


def test_screen_readers_hear_the_measurement(visit, figure, cells):
    page = visit(figure)
    value(page)
    page.get_by_role("gridcell").nth(5).click()
    page.wait_for_timeout(900)
    cell, said = cells["flow", "likelihood"], page.locator('dgm-figure [role="status"]').text_content()
    assert all(cell[key] in said for key in ("says", "interval", "detail")) and cell["verdict"].said in said
    page.get_by_label("fast sampling").check(force=True)
    page.wait_for_timeout(900)
    assert page.locator('dgm-figure [role="status"]').text_content() == text(page, "fits")


def test_still_image_says_the_table(visit, figure, cells):
    page = visit(figure, live=False, java_script_enabled=False)
    alt = page.get_by_role("img").get_attribute("alt")
    assert alt == figure.alt and figure.image.startswith(PNG)
    for cell in cells.values():
        assert f"“{cell['says']}”, measured {cell['measured']}, {cell['verdict'].state}" in alt


def test_the_same_arguments_give_the_same_bytes(figure, cells):
    assert TableCells(ROWS, COLUMNS, cells)._repr_mimebundle_() == figure._repr_mimebundle_()


def test_its_words_are_stored_beside_the_spec(figure):
    """Its template uses more than the code does, and all of it can be renewed from what a notebook holds."""
    html = figure.html()
    assert html.count('"words":{"columns":') == 1
    assert restamp(html) == html
    assert restamp(html.replace("First the essay’s word", "Of old")) == html


def test_needs_can_be_chosen(visit, cells):
    page = visit(TableCells(ROWS, COLUMNS, cells, needs={"sampling": "quick <samples>"}))
    assert page.locator("dgm-figure input").count() == 1
    page.get_by_label("quick <samples>").check(force=True)
    assert value(page)["fits"] == [ROWS["flow"], ROWS["gan"]]


def test_bad_arguments_are_refused(cells):
    def make(rows=ROWS, columns=COLUMNS, given=cells, **more):
        return lambda: TableCells(rows, columns, given, **more)

    def changed(**change):
        return make(given={**cells, ("gan", "lossy"): {**cells["gan", "lossy"], **change}})

    where = "TableCells cell ('gan', 'lossy'): "
    laws.refuses(make(rows={}), "TableCells: expected a row and a column or more, got 0 and 4")
    laws.refuses(make(rows={**ROWS, "vae": "VAE"}), "got none for [('vae', 'likelihood')")
    laws.refuses(make(columns={"training": "T"}), "expected cells of the rows and columns alone, got [('arm'")
    laws.refuses(
        make(needs={"speed": "speed"}),
        "expected needs among training, likelihood, sampling, lossy, got speed",
    )
    laws.refuses(changed(verdict="perhaps"), where + "expected a Verdict with one of 'holds'", "'perhaps'")
    laws.refuses(changed(verdict=Verdict("not yet")), where + "expected a Verdict with one", "not yet")
    laws.refuses(changed(serves=1), where + "expected serves to be True or False, got 1")
    laws.refuses(changed(says=" "), where + "expected says in words, got ' '")
    laws.refuses(changed(measured=1.8), where + "expected measured in words, got 1.8")
    laws.refuses(changed(colour="red"), where + "expected says, measured")
    for href in ("https://example.org/", "/book/x.html", "javascript:alert(1)", "a b.html"):
        laws.refuses(changed(href=href), where + "expected an address relative to the page")
    bare = {key: cells["gan", "lossy"][key] for key in ("says", "measured")}
    laws.refuses(
        make(given={**cells, ("gan", "lossy"): bare}), "verdict, detail, href, serves is missing, got says"
    )

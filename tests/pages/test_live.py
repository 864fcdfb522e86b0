"""Every live figure on every page answers a drag, a key and a tap.

That its numbers are PyTorch's is tested for each figure by itself, in tests/live.
"""

import pytest

from tests.pages.conftest import SITE, pages
from tests.pages.visit import LOOKS, Visit, settle, watch

FIGURES = [
    pytest.param(page, i, id=f"{page}-{i}")
    for page in pages()
    for i in range((SITE / page).read_text(encoding="utf-8").count("<dgm-figure"))
]


@pytest.fixture
def opened(chromium, base):
    """opened(page, index, look) -> (the browser's page, the figure, what happened); closed afterwards."""
    contexts = []

    def open_(path: str, index: int, look: str):
        context = chromium.new_context(**LOOKS[look])
        contexts.append(context)
        page, seen = context.new_page(), Visit()
        page.set_default_timeout(20_000)
        watch(page, base, seen)
        page.goto(base + path, wait_until="load")
        settle(page)
        figure = page.locator("dgm-figure").nth(index)
        figure.scroll_into_view_if_needed()
        page.wait_for_timeout(100)
        return page, figure, seen

    yield open_
    for context in contexts:
        context.close()


def shown(figure) -> tuple[str, str]:
    """What a reader sees of it: words, and a checksum of its pictures."""
    state = figure.evaluate("(figure) => probes.state(figure)")
    return state["words"], state["pictures"]


def changes(page, figure, before: tuple[str, str]) -> bool:
    """Whether what the figure shows differs from ``before`` within two seconds."""
    for _ in range(40):
        if shown(figure) != before:
            return True
        page.wait_for_timeout(50)
    return False


def surface(figure, otherwise: str):
    """Where one acts: the canvas that can be focused, else the first of what is named."""
    canvas = figure.locator("canvas[tabindex]")
    return canvas.first if canvas.count() else figure.locator(otherwise).first


@pytest.mark.parametrize("path, index", FIGURES)
def test_a_key_moves_it(opened, path, index):
    page, figure, seen = opened(path, index, "light")
    before = shown(figure)
    surface(figure, "input, button").focus()
    for key in ("ArrowRight", "ArrowDown", "Space"):
        page.keyboard.press(key)
    assert changes(page, figure, before), "no answer to arrow keys and the space bar"
    assert seen.errors == []


@pytest.mark.parametrize("path, index", FIGURES)
def test_a_drag_moves_it(opened, path, index):
    page, figure, seen = opened(path, index, "dark")
    if not figure.locator("canvas[tabindex]").count():
        pytest.skip("nothing to drag in this figure")
    before = shown(figure)
    box = surface(figure, "canvas").bounding_box()
    page.mouse.move(box["x"] + 0.3 * box["width"], box["y"] + 0.3 * box["height"])
    page.mouse.down()
    for step in range(8):
        part = 0.3 + 0.05 * step
        page.mouse.move(box["x"] + part * box["width"], box["y"] + part * box["height"])
    page.mouse.up()
    assert changes(page, figure, before), "no answer to a drag"
    assert seen.errors == []


@pytest.mark.parametrize("path, index", FIGURES)
def test_a_tap_moves_it(opened, path, index):
    page, figure, seen = opened(path, index, "phone")
    before = shown(figure)
    target = surface(figure, "label, button")
    target.scroll_into_view_if_needed()
    box = target.bounding_box()
    page.touchscreen.tap(box["x"] + 0.7 * box["width"], box["y"] + 0.4 * box["height"])
    assert changes(page, figure, before), "no answer to a tap"
    assert seen.errors == []

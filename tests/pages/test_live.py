"""Every live figure on every page answers a drag, a key and a tap. That its numbers are PyTorch's is tested for each
figure by itself, in tests/live."""

import json
import re

import pytest

from tests.pages.conftest import SITE, pages
from tests.pages.visit import LOOKS, Visit, settle, watch

FIGURES = [
    pytest.param(page, i, marks=pytest.mark.xdist_group(page), id=f"{page}-{i}")
    for page in pages()
    for i in range((SITE / page).read_text(encoding="utf-8").count("<dgm-figure"))
]
# What a figure shows: its words, and its pictures by a checksum of their pixels.
STATE = """(figure) => {
  const box = figure.shadowRoot.querySelector(".dgm"), sums = [...box.querySelectorAll("canvas")].map((c) => {
    const d = c.getContext("2d").getImageData(0, 0, c.width, c.height).data; let s = 0;
    for (let i = 0; i < d.length; i++) s = (s * 31 + d[i]) | 0; return s; });
  return JSON.stringify([box.textContent, sums]); }"""


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


def changes(page, figure, before: str) -> bool:
    """Whether what the figure shows differs from ``before`` within two seconds."""
    for _ in range(40):
        if figure.evaluate(STATE) != before:
            return True
        page.wait_for_timeout(50)
    return False


def words(state: str) -> list[str]:
    return re.findall(r"-?\d+[.,]?\d*", json.loads(state)[0])


@pytest.mark.parametrize("path, index", FIGURES)
def test_a_key_moves_it(opened, path, index):
    page, figure, seen = opened(path, index, "light")
    before = figure.evaluate(STATE)
    target = figure.locator("canvas[tabindex], [role=slider], input[type=range]").first
    target.focus()
    for key in ("ArrowRight", "ArrowDown", "Enter"):
        page.keyboard.press(key)
    assert changes(page, figure, before), "no answer to arrow keys and Enter"
    assert words(figure.evaluate(STATE)) != words(before), "the numbers stayed what they were"
    assert seen.errors == []


@pytest.mark.parametrize("path, index", FIGURES)
def test_a_drag_moves_it(opened, path, index):
    page, figure, seen = opened(path, index, "dark")
    before = figure.evaluate(STATE)
    box = figure.locator("canvas").first.bounding_box()
    page.mouse.move(box["x"] + 0.3 * box["width"], box["y"] + 0.3 * box["height"])
    page.mouse.down()
    for step in range(8):
        page.mouse.move(
            box["x"] + (0.3 + 0.05 * step) * box["width"], box["y"] + (0.3 + 0.05 * step) * box["height"]
        )
    page.mouse.up()
    assert changes(page, figure, before), "no answer to a drag"
    assert words(figure.evaluate(STATE)) != words(before), "the numbers stayed what they were"
    assert seen.errors == []


@pytest.mark.parametrize("path, index", FIGURES)
def test_a_tap_moves_it(opened, path, index):
    page, figure, seen = opened(path, index, "phone")
    before = figure.evaluate(STATE)
    box = figure.locator("canvas").first.bounding_box()
    page.touchscreen.tap(box["x"] + 0.7 * box["width"], box["y"] + 0.2 * box["height"])
    assert changes(page, figure, before), "no answer to a tap"
    assert seen.errors == []

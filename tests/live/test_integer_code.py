"""The integer code in the browser is PyTorch's, and the picture that comes back is the one that went in."""

import math

import pytest
import torch

from dgm_lite import laws
from dgm_lite.flows.integer import IntegerFlow
from dgm_lite.live.integer_code import IntegerCode
from tests.live.test_figures import PNG, text, value, violations

LEVELS = 5


@pytest.fixture(scope="module")
def flow() -> IntegerFlow:
    torch.manual_seed(0)
    model = IntegerFlow(16, LEVELS, n_parts=4, hidden=8, n_components=3)
    return laws.prepare(model, scale=0.6).float().train()


@pytest.fixture(scope="module")
def digits() -> torch.Tensor:
    return torch.randint(LEVELS, (3, 16), generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module")
def figure(flow, digits) -> IntegerCode:
    return IntegerCode(flow, digits)


@torch.no_grad()
def agrees(shown: dict, flow: IntegerFlow, unedited: torch.Tensor | None = None) -> None:
    """Code, prices and decoded picture are those of the flow itself."""
    flow.eval()
    x = torch.tensor([shown["x"]])
    z, _ = flow.to_latent(x)
    assert shown["z"] == z[0].tolist() and shown["back"] == shown["x"] and shown["wrong"] == 0
    bits = -flow.base.log_prob_terms(z)[0] / math.log(2)
    assert shown["bits"] == pytest.approx(bits.tolist(), rel=1e-4, abs=1e-3)
    assert shown["total"] == pytest.approx(-flow.log_prob(x).item() / math.log(2), rel=1e-4)
    if unedited is not None:
        before, _ = flow.to_latent(unedited[None])
        assert shown["moved"] == int((z != before).sum())
        assert shown["was"] == pytest.approx(-flow.log_prob(unedited[None]).item() / math.log(2), rel=1e-4)
    flow.train()


def spot(page, part: str, row: int, column: int) -> tuple[float, float]:
    box = page.locator(f'dgm-figure [data-p="{part}"]').bounding_box()
    return box["x"] + (column + 0.5) / 4 * box["width"], box["y"] + (row + 0.5) / 4 * box["height"]


def test_opens_with_the_first_digit(visit, figure, flow, digits):
    page = visit(figure)
    shown = value(page)
    assert shown["x"] == digits[0].tolist() and shown["moved"] == 0
    agrees(shown, flow, digits[0])
    assert "0 pixels edited" in text(page, "say") and "0 of 16 pixels differ" in text(page, "say")


SLIDE = """async (levels) => {
  const figure = document.querySelector("dgm-figure"), shown = [];
  const slider = figure.shadowRoot.querySelector("[data-p=slider]");
  for (let level = 0; level < levels; level++) {
    slider.value = level;
    slider.dispatchEvent(new Event("input", { bubbles: true }));
    await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
    shown.push(figure.stats.value);
  }
  return shown;
}"""


def test_every_pixel_at_every_level_comes_back(visit, figure, flow, digits):
    """By slider: each of the sixteen pixels through all its levels, compared with PyTorch each time."""
    page = visit(figure)
    moved = 0
    for d in range(16):
        page.mouse.click(*spot(page, "pad", d // 4, d % 4))
        for level, shown in enumerate(page.evaluate(SLIDE, LEVELS)):
            expected = digits[0].clone()
            expected[d] = level
            assert shown["at"] == d and shown["x"] == expected.tolist()
            agrees(shown, flow, digits[0])
            moved = max(moved, shown["moved"])
        page.locator('dgm-figure [data-p="slider"]').fill(str(int(digits[0, d])))
    assert value(page)["moved"] == 0
    assert moved > 1, "a pixel moves only its own entry: the test tests nothing"


def test_keyboard_alone_is_enough(visit, figure, flow, digits):
    page = visit(figure)
    pad = page.locator('dgm-figure [data-p="pad"]')
    pad.focus()
    for key in ("ArrowUp",) * 4 + ("ArrowLeft",) * 4 + ("ArrowDown", "ArrowRight"):
        page.keyboard.press(key)
    assert value(page)["at"] == 5
    for key, level in (("-",) * LEVELS, 0), (("+", "+"), 2), (("+",) * LEVELS, LEVELS - 1):
        for one in key:
            page.keyboard.press(one)
        shown = value(page)
        assert shown["x"][5] == level
        agrees(shown, flow, digits[0])
    assert f"level {LEVELS - 1}" in pad.get_attribute("aria-description")


def test_buttons_change_undo_and_go_on(visit, figure, flow, digits):
    page = visit(figure)
    undo = page.get_by_role("button", name="Undo all edits")
    assert undo.is_disabled()
    before = value(page)
    up = before["x"][before["at"]] < LEVELS - 1
    page.get_by_role("button", name="One level more" if up else "One level less").click()
    shown = value(page)
    assert sum(shown["x"]) == sum(before["x"]) + (1 if up else -1) and undo.is_enabled()
    agrees(shown, flow, digits[0])
    undo.click()
    assert value(page)["x"] == before["x"]
    for k in (1, 2, 0):
        page.get_by_role("button", name="Next digit").click()
        shown = value(page)
        assert shown["x"] == digits[k].tolist()
        agrees(shown, flow, digits[k])


def test_prices_hold_in_the_far_tails(visit, digits):
    """Narrow logistics far away: in single precision the sigmoid would be 0 and the price infinite."""
    torch.manual_seed(0)
    model = IntegerFlow(16, LEVELS, n_parts=2, hidden=4, n_components=2)
    with torch.no_grad():
        model.base.mu.fill_(-20.0)
        model.base.log_std.fill_(-2.5)
    shown = value(visit(IntegerCode(model, digits)))
    assert min(shown["bits"]) > 300
    agrees(shown, model)


@pytest.mark.parametrize("width", [320, 390, 1280])
def test_touch_and_no_sideways_scrolling(visit, figure, flow, digits, width):
    page = visit(figure, viewport={"width": width, "height": 844}, has_touch=True)
    page.touchscreen.tap(*spot(page, "pad", 2, 3))
    assert value(page)["at"] == 11
    page.get_by_role("button", name="One level more").tap()
    page.get_by_role("button", name="One level less").tap()
    agrees(value(page), flow)
    assert page.evaluate("document.scrollingElement.scrollWidth") <= width


def test_changed_entries_are_framed_and_it_reads_in_the_dark(visit, figure):
    page = visit(figure, color_scheme="dark")
    value(page)
    code = page.locator('dgm-figure [data-p="code"]')
    before = code.screenshot()
    page.locator('dgm-figure [data-p="slider"]').fill("4")
    if value(page)["moved"] == 0:
        page.locator('dgm-figure [data-p="slider"]').fill("0")
    assert value(page)["moved"] > 0 and code.screenshot() != before
    assert not violations(page)


def test_a_flow_in_double_precision_is_left_alone(digits):
    model = IntegerFlow(16, LEVELS, n_parts=3, hidden=4).double().train()
    IntegerCode(model, digits)
    assert model.training and {p.dtype for p in model.parameters()} == {torch.float64}


def test_still_image_stands_without_javascript(visit, figure):
    page = visit(figure, live=False, java_script_enabled=False)
    alt = page.get_by_role("img").get_attribute("alt")
    assert alt == figure.alt and "of 16 entries" in alt and "{" not in alt
    assert figure.image.startswith(PNG) and len(figure.image) < 100_000


def test_the_words_say_which_edit_the_still_picture_shows(figure, digits):
    was = digits[0][1 * 4 + 2].item()
    assert f"changed from {was} to {LEVELS - 1 - was}" in figure.alt


def test_the_same_arguments_give_the_same_bytes(figure, flow, digits):
    assert IntegerCode(flow, digits)._repr_mimebundle_() == figure._repr_mimebundle_()


def test_refusals(flow, digits):
    laws.refuses(lambda: IntegerCode(IntegerFlow(15, 5), digits), "IntegerCode", "square", "15")
    laws.refuses(lambda: IntegerCode(flow, digits + LEVELS), "IntegerCode digits", "0..4")
    laws.refuses(lambda: IntegerCode(flow, digits[:, :9]), "(N, 16)")
    laws.refuses(lambda: IntegerCode(flow, digits, cell=(4, 0)), "cell", "(4, 0)")

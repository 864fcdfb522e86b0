"""Pixels drawn or chosen in the browser have the probabilities that PyTorch gives them."""

import pytest
import torch

from dgm_lite import laws
from dgm_lite.autoregressive.causal import CausalARM
from dgm_lite.live.pixel_by_pixel import PixelByPixel
from tests.live.test_figures import place, text, value


@pytest.fixture(scope="module")
def model() -> CausalARM:
    torch.manual_seed(0)
    return laws.prepare(CausalARM(16, 5, channels=6, dilations=(1, 2)), scale=0.3).float()


@pytest.fixture(scope="module")
def figure(model) -> PixelByPixel:
    example = torch.tensor([0, 1, 2, 3, 4, 4, 3, 2, 1, 0, 0, 0, 1, 1, 2, 2])
    heldout = model.log_prob(model.sample(200, generator=torch.Generator().manual_seed(0))).detach()
    return PixelByPixel(model, example, heldout, known=5, half=False)


def agrees(shown: dict, model: CausalARM) -> None:
    n = len(shown["x"])
    x = torch.tensor([shown["x"] + [0] * (16 - n)])
    with torch.no_grad():
        log_p = model.logits(x)[0].log_softmax(0)
    terms = log_p.gather(0, x)[0, :n]
    assert shown["terms"] == pytest.approx(terms.tolist(), abs=1e-4)
    assert shown["log_prob"] == pytest.approx(terms.sum().item(), abs=1e-4)
    assert shown["p"] == pytest.approx(log_p[:, n].exp().tolist() if n < 16 else [], abs=1e-4)


def finished(page, n: int) -> dict:
    page.wait_for_function(f"document.querySelector('dgm-figure').stats.value.x.length === {n}")
    return value(page)


# Presses two of the figure's buttons n times, waiting for its answer each time: all first pixels.
DRAW_AND_GO_BACK = """async (n) => {
  const figure = document.querySelector("dgm-figure"), first = [];
  const press = async (name, length) => {
    [...figure.shadowRoot.querySelectorAll("button")].find((b) => b.textContent.trim() === name).click();
    while (figure.stats.value.x.length !== length) await new Promise((done) => setTimeout(done, 1));
  };
  for (let i = 0; i < n; i++) {
    await press("Draw the next pixel", 1);
    first.push(figure.stats.value.x[0]);
    await press("Back", 0);
  }
  return first;
}"""


def test_opens_with_the_prefix_of_the_static_twin(visit, figure, model):
    shown = value(visit(figure))
    assert shown["x"] == [0, 1, 2, 3, 4]
    agrees(shown, model)


def test_draws_one_some_and_all(visit, figure, model):
    page = visit(figure)
    page.get_by_role("button", name="Draw the next pixel").click()
    agrees(finished(page, 6), model)
    page.get_by_role("button", name="Draw 4").click()
    agrees(finished(page, 10), model)
    page.get_by_role("button", name="Draw the rest").click()
    shown = finished(page, 16)
    agrees(shown, model)
    assert "All 16 pixels" in text(page, "say") and "of held-out digits" in text(page, "say")
    assert page.get_by_role("button", name="Draw the rest").is_disabled()
    page.get_by_role("button", name="Back").click()
    agrees(finished(page, 15), model)
    page.get_by_role("button", name="From the start").click()
    shown = finished(page, 0)
    assert shown["log_prob"] == 0
    agrees(shown, model)


def test_draws_follow_the_distribution(visit, figure, model):
    """First pixels drawn again and again: shares within four standard errors of p(x_0)."""
    page = visit(figure)
    page.get_by_role("button", name="From the start").click()
    shown, n = finished(page, 0), 80
    first = page.evaluate(DRAW_AND_GO_BACK, n)
    for level, p in enumerate(shown["p"]):
        assert abs(first.count(level) - n * p) < 4 * (n * p * (1 - p)) ** 0.5 + 1
    assert len(first) == n and finished(page, 0)["x"] == []


def test_levels_chosen_by_pointer_and_keys(visit, figure, model):
    page = visit(figure)
    bars = page.locator('dgm-figure [data-p="bars"]')
    box = bars.bounding_box()
    page.mouse.click(box["x"] + 0.5 * box["width"], box["y"] + 20)  # the middle one of five
    shown = finished(page, 6)
    assert shown["x"][-1] == 2
    agrees(shown, model)
    bars.focus()
    for _ in range(5):
        page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    assert finished(page, 7)["x"][-1] == 1
    page.keyboard.press("Space")
    agrees(finished(page, 8), model)
    page.keyboard.press("Backspace")
    assert finished(page, 7)["x"][-1] == 1
    page.mouse.click(*place(page, 0.6, 0.1))  # back to the third pixel of the first row
    shown = finished(page, 2)
    assert shown["x"] == [0, 1]
    agrees(shown, model)


def test_on_a_phone(visit, figure):
    page = visit(figure, has_touch=True, is_mobile=True, viewport={"width": 390, "height": 844})
    page.get_by_role("button", name="Draw the rest").tap()
    finished(page, 16)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_bad_arguments_are_refused(model):
    heldout = torch.zeros(3)
    laws.refuses(lambda: PixelByPixel(model, torch.full((16,), 5), heldout), "PixelByPixel example")
    laws.refuses(lambda: PixelByPixel(model, torch.zeros(9, dtype=torch.long), heldout), "(1, 16)")
    laws.refuses(lambda: PixelByPixel(model, torch.zeros(16, dtype=torch.long), heldout, known=16), "known")
    laws.refuses(
        lambda: PixelByPixel(CausalARM(15, 3, channels=4), torch.zeros(15).long(), heldout), "square"
    )

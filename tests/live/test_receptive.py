"""What the figure says an output sees is what the network's Jacobian says."""

import pytest
import torch

from dgm_lite import laws
from dgm_lite.autoregressive.causal import CausalARM
from dgm_lite.live.receptive import Receptive, visible
from tests.live.test_figures import place, value


@pytest.fixture(scope="module")
def model() -> CausalARM:
    torch.manual_seed(0)
    return laws.prepare(CausalARM(16, 3, channels=4, kernel=2, dilations=(1, 3)))


def seen_by_gradient(model: CausalARM, output: int) -> list[int]:
    x = torch.rand(1, model.dim, dtype=torch.float64)
    jacobian = torch.autograd.functional.jacobian(lambda v: model.logits(v)[0, :, output], x)[:, 0]
    return jacobian.abs().sum(0).nonzero().flatten().tolist()


@pytest.mark.parametrize("shift", [1, 0])
@pytest.mark.parametrize("kernel, dilations", [(2, (1, 3)), (3, (2,)), (3, (1, 2, 4)), (2, ()), (1, (5,))])
def test_visible_is_what_the_jacobian_says(kernel, dilations, shift):
    torch.manual_seed(0)
    network = laws.prepare(CausalARM(16, 3, channels=4, kernel=kernel, dilations=dilations))
    network.first.shift = shift
    for output in (0, 1, 7, 15):
        layers = visible(output, kernel, list(dilations), shift)
        assert layers[0] == seen_by_gradient(network, output) and layers[-1] == [output]


def test_pointer_keys_and_the_wrong_mask(visit, model):
    page = visit(Receptive(model, start=9))
    shown = value(page)
    assert shown["output"] == 9 and shown["seen"] == seen_by_gradient(model, 9)
    page.mouse.click(*place(page, 0.9, 0.6))  # third row, last column
    assert value(page)["seen"] == seen_by_gradient(model, 11)
    page.locator("dgm-figure canvas").first.focus()
    for key, output in (
        ("ArrowLeft", 10),
        ("ArrowUp", 6),
        ("ArrowDown", 10),
        ("ArrowDown", 14),
        ("ArrowDown", 14),
    ):
        page.keyboard.press(key)
        assert value(page)["output"] == output
    assert "sees itself" not in page.locator("dgm-figure .verdict").inner_text()
    page.get_by_text("Wrong:").click()
    assert 14 in value(page)["seen"]
    assert "sees itself" in page.locator("dgm-figure .verdict").inner_text()
    slider = page.locator('dgm-figure [data-p="layers"]')
    slider.focus()
    page.keyboard.press("Home")
    assert value(page)["seen"] == visible(14, 2, [], 0)[0] == [13, 14]
    slider.focus()
    page.keyboard.press("ArrowRight")
    assert value(page)["seen"] == visible(14, 2, [1], 0)[0]


def test_on_a_phone_by_touch(visit, model):
    page = visit(
        Receptive(model, start=3), has_touch=True, is_mobile=True, viewport={"width": 390, "height": 844}
    )
    page.touchscreen.tap(*place(page, 0.1, 0.9))
    assert value(page)["output"] == 12
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_bad_arguments_are_refused(model):
    laws.refuses(lambda: Receptive(model, start=16), "0 to 15")
    laws.refuses(lambda: Receptive(CausalARM(15, 3, channels=4), start=3), "square")

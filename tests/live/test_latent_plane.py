"""The latent plane in a browser: the decoded picture is PyTorch's, wherever z is dragged."""

import pytest
import torch

from dgm_lite import laws
from dgm_lite.latent.vae import bernoulli_vae, categorical_vae
from dgm_lite.live.latent_plane import LatentPlane
from tests.live.test_figures import place, value


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return laws.prepare(categorical_vae(16, 5, latent_dim=2, hidden=8), scale=0.3).float()


@pytest.fixture(scope="module")
def x():
    return torch.randint(5, (30, 16), generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def figure(model, x):
    return LatentPlane(model, x, torch.arange(30) % 10, start=(0.5, -1.0), reach=3.0)


def agrees(shown: dict, model, x, where) -> None:
    assert shown["z"] == pytest.approx(where, abs=0.02)
    z = torch.tensor([shown["z"]], dtype=torch.float)
    with torch.no_grad():
        codes = model.posterior.distribution(x).mean
        assert shown["mean"] == pytest.approx(model.likelihood(z).mean[0].tolist(), abs=1e-4)
        assert shown["log_pz"] == pytest.approx(model.prior.log_prob(z).item(), abs=1e-4)
        assert shown["near"] == int(((codes - z) ** 2).sum(1).argmin())


def test_by_mouse_and_keyboard(visit, figure, model, x):
    page = visit(figure)
    agrees(value(page), model, x, (0.5, -1.0))
    page.mouse.click(*place(page, 0.75, 0.25))
    agrees(value(page), model, x, (1.5, 1.5))
    page.keyboard.press("ArrowLeft")
    agrees(value(page), model, x, (1.44, 1.5))
    page.keyboard.press("Shift+ArrowDown")
    agrees(value(page), model, x, (1.44, 1.2))
    page.mouse.move(*place(page, 0.5, 0.5))
    page.mouse.down()
    page.mouse.move(*place(page, 2, -1))  # nothing lies outside the plane
    page.mouse.up()
    agrees(value(page), model, x, (3.0, 3.0))


def test_both_backgrounds_and_the_picture_follow(visit, figure):
    page = visit(figure)
    plane, picture = (page.locator("dgm-figure canvas").nth(i) for i in (0, 1))
    before = plane.screenshot(), picture.screenshot()
    page.locator('dgm-figure input[value="decoded"]').check(force=True)
    value(page)
    assert plane.screenshot() != before[0]
    page.mouse.click(*place(page, 0.1, 0.9))
    value(page)
    assert picture.screenshot() != before[1]


@pytest.mark.parametrize("width", [320, 390, 1280])
def test_no_sideways_scrolling(visit, figure, width):
    page = visit(figure, viewport={"width": width, "height": 800}, color_scheme="dark")
    assert page.evaluate("document.scrollingElement.scrollWidth") <= width
    assert page.locator("dgm-figure .dgm.dark").count() == 1


def test_without_javascript_the_image_stands(visit, figure):
    page = visit(figure, live=False, java_script_enabled=False)
    assert page.get_by_role("img").get_attribute("alt") == figure.alt


def test_screen_readers_hear_where_z_is(visit, figure):
    page = visit(figure)
    page.mouse.click(*place(page, 0.5, 0.5))
    page.wait_for_timeout(900)
    said = page.locator('dgm-figure [role="status"]').inner_text()
    assert said.startswith("z at (0.00, 0.00). log p of z is −1.84 nats. The nearest test digit is a ")


def test_refusals(model, x):
    labels = torch.arange(30) % 10
    torch.manual_seed(0)
    three = categorical_vae(16, 5, latent_dim=3, hidden=8)
    laws.refuses(lambda: LatentPlane(three, x, labels), "LatentPlane", "2 latent numbers", "3")
    laws.refuses(lambda: LatentPlane(categorical_vae(15, 5, latent_dim=2, hidden=8), x[:, :15], labels), "15")
    laws.refuses(lambda: LatentPlane(model, x + 5, labels), "0..4")
    laws.refuses(lambda: LatentPlane(model, x, labels[:5]), "label")
    laws.refuses(lambda: LatentPlane(model, x, labels, start=(4.0, 0.0)), "start")
    binary = LatentPlane(bernoulli_vae(16, 2, hidden=8), x % 2, labels)
    assert binary.spec["top"] == 1

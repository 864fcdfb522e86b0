"""The three terms of the ELBO in a browser: numbers by quadrature in PyTorch, and never above log p(x)."""

import copy
import math

import pytest
import torch

from dgm_lite import laws
from dgm_lite.latent.vae import by_quadrature, categorical_vae
from dgm_lite.live.elbo_terms import ElboTerms
from tests.live.test_figures import place, value


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return laws.prepare(categorical_vae(16, 5, latent_dim=1, hidden=8), scale=0.3).float()


@pytest.fixture(scope="module")
def examples():
    x = torch.randint(5, (2, 16), generator=torch.Generator().manual_seed(0))
    return {"one": x[0], "two": x[1]}


@pytest.fixture(scope="module")
def figure(model, examples):
    return ElboTerms(model, examples)


def agrees(shown: dict, model, examples) -> None:
    """Every term against sums over a finer and wider grid in float64."""
    x = list(examples.values())[shown["k"]][None]
    model = copy.deepcopy(model).double()
    with torch.no_grad():
        exact, z, log_posterior = by_quadrature(model, x, reach=5.0, n=8001)
        mu, log_std = shown["mu"], shown["log_std"]
        log_q = -0.5 * ((z[:, 0] - mu) / math.exp(log_std)) ** 2 - log_std - 0.5 * math.log(2 * math.pi)
        weight = log_q.exp() * 10 / 8000
        log_px = model.likelihood(z).log_prob(x.expand(len(z), -1))
        log_pz = model.prior.log_prob(z)
    assert shown["exact"] == pytest.approx(exact.item(), abs=0.01)
    assert shown["rec"] == pytest.approx((weight * log_px).sum().item(), abs=0.02)
    assert shown["prior"] == pytest.approx((weight * log_pz).sum().item(), abs=0.02)
    assert shown["ent"] == pytest.approx(-(weight * log_q).sum().item(), abs=0.02)
    assert shown["elbo"] == pytest.approx(shown["rec"] + shown["prior"] + shown["ent"], abs=1e-6)
    gap = (weight * (log_q - log_posterior[0])).sum().item()
    assert shown["exact"] - shown["elbo"] == pytest.approx(gap, abs=0.03)
    assert shown["elbo"] <= shown["exact"] + 1e-4


def slide(page, part: str, number: float) -> None:
    page.locator(f'dgm-figure [data-p="{part}"]').fill(str(number))


def test_numbers_are_pytorchs_wherever_q_is(visit, figure, model, examples):
    page = visit(figure)
    agrees(value(page), model, examples)
    for mu, log_std in ((0, -0.5), (1.5, -1.5), (-1, 0)):
        slide(page, "mu", mu)
        slide(page, "std", log_std)
        shown = value(page)
        assert (shown["mu"], shown["log_std"]) == (mu, log_std)
        agrees(shown, model, examples)


def test_starts_at_the_encoder_and_finds_the_best(visit, figure, model, examples):
    page = visit(figure)
    shown = value(page)
    q = model.posterior.distribution(examples["one"][None])
    assert shown["mu"] == pytest.approx(q.mu.item(), abs=0.011)
    assert shown["log_std"] == pytest.approx(q.log_std.item(), abs=0.011)
    page.get_by_role("button", name="The best q").click()
    best = value(page)
    assert best["elbo"] >= shown["elbo"] - 1e-6
    for mu, log_std in ((best["mu"] + 0.1, best["log_std"]), (best["mu"], best["log_std"] - 0.1)):
        slide(page, "mu", mu)
        slide(page, "std", log_std)
        assert value(page)["elbo"] <= best["elbo"] + 1e-3
    page.get_by_role("button", name="The encoder's q").click()
    assert value(page)["mu"] == shown["mu"]


def test_q_by_mouse_and_by_keyboard(visit, figure, model, examples):
    page = visit(figure)
    before = value(page)
    page.mouse.click(*place(page, 0.75, 0.5))
    shown = value(page)
    assert shown["mu"] == pytest.approx(1.5, abs=0.03) and shown["log_std"] == before["log_std"]
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Shift+ArrowUp")
    moved = value(page)
    assert moved["mu"] == pytest.approx(shown["mu"] - 0.04, abs=0.011)
    assert moved["log_std"] == pytest.approx(shown["log_std"] + 0.2, abs=0.011)
    agrees(moved, model, examples)


def test_other_examples_by_keyboard(visit, figure, model, examples):
    page = visit(figure)
    button = page.get_by_role("button", name="two")
    button.focus()
    page.keyboard.press("Enter")
    shown = value(page)
    assert shown["k"] == 1 and button.get_attribute("aria-pressed") == "true"
    agrees(shown, model, examples)
    page.locator('dgm-figure [data-p="mu"]').focus()
    page.keyboard.press("ArrowRight")
    assert value(page)["mu"] == pytest.approx(shown["mu"] + 0.02)


@pytest.mark.parametrize("width", [320, 390, 1280])
def test_no_sideways_scrolling(visit, figure, width):
    page = visit(figure, viewport={"width": width, "height": 800}, color_scheme="dark")
    assert page.evaluate("document.scrollingElement.scrollWidth") <= width


def test_without_javascript_the_image_stands(visit, figure):
    page = visit(figure, live=False, java_script_enabled=False)
    assert "posterior p(z|x) of one" in page.get_by_role("img").get_attribute("alt")


def test_refusals(model, examples):
    torch.manual_seed(0)
    plane = categorical_vae(16, 5, latent_dim=2, hidden=8)
    laws.refuses(lambda: ElboTerms(plane, examples), "ElboTerms", "1 latent number", "2")
    laws.refuses(lambda: ElboTerms(model, {}), "at least one example")
    laws.refuses(lambda: ElboTerms(model, {"bad": examples["one"] + 5}), "0..4", "bad")

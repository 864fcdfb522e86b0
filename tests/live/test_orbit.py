"""The smallest game in a browser: its paths and eigenvalues are PyTorch's."""

import pytest
import torch

from dgm_lite import laws
from dgm_lite.gan.dirac import eigenvalues, path, velocity
from dgm_lite.live.orbit import Orbit
from tests.live.test_figures import place, value, violations


@pytest.fixture(scope="module")
def figure():
    return Orbit(path, velocity, start=(1.2, 0.0))


def agrees(shown: dict) -> None:
    """The end of the path, and the eigenvalues at rest."""
    start = torch.tensor(shown["start"], dtype=torch.float64)
    game = {"loss": shown["loss"], "penalty": shown["gamma"], "in_turn": shown["order"] == "turn"}
    assert shown["end"] == pytest.approx(path(start, 300, rate=0.1, **game)[-1].tolist(), abs=1e-6)
    wanted = eigenvalues(shown["gamma"])
    for real in shown["real"]:
        found = complex(real, shown["imaginary"])
        assert (wanted - found).abs().min() < 1e-6
    assert len(shown["real"]) == (1 if shown["imaginary"] else 2)


def test_paths_and_eigenvalues_are_pytorchs(visit, figure):
    page = visit(figure)
    agrees(value(page))
    for gamma in (0.4, 1.0, 2.5):
        page.locator('dgm-figure [data-p="gamma"]').fill(str(gamma))
        shown = value(page)
        assert shown["gamma"] == gamma
        agrees(shown)
    page.locator('dgm-figure [data-p="gamma"]').fill("0")
    for words in ("both at once", "non-saturating"):
        page.get_by_text(words, exact=True).click()
        agrees(value(page))
    shown = value(page)
    assert (shown["loss"], shown["order"]) == ("non-saturating", "once")


def test_the_start_by_mouse_and_by_keyboard(visit, figure):
    page = visit(figure)
    page.mouse.click(*place(page, 0.25, 0.25))
    shown = value(page)
    assert shown["start"] == pytest.approx([-1, 1], abs=0.02)
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+ArrowDown")
    moved = value(page)
    assert moved["start"] == pytest.approx([shown["start"][0] + 0.1, shown["start"][1] - 0.5])
    agrees(moved)


def test_words_say_what_the_path_does(visit, figure):
    page = visit(figure)
    said = lambda: value(page) and page.locator('dgm-figure [data-p="say"]').inner_text()  # noqa: E731
    assert said() == "It turns, and keeps its distance."
    page.get_by_text("both at once", exact=True).click()
    assert said() == "It turns, and drifts away."
    page.locator('dgm-figure [data-p="gamma"]').fill("1.5")
    assert said() == "It does not turn, and draws nearer."


@pytest.mark.parametrize("width", [320, 390, 1280])
def test_no_sideways_scrolling_and_nothing_that_axe_finds(visit, figure, width):
    page = visit(figure, viewport={"width": width, "height": 800}, color_scheme="dark")
    assert page.evaluate("document.scrollingElement.scrollWidth") <= width
    assert not violations(page)


def test_without_javascript_the_image_stands(visit, figure):
    page = visit(figure, live=False, java_script_enabled=False)
    assert "circle around the origin" in page.get_by_role("img").get_attribute("alt")


def test_refusals():
    laws.refuses(lambda: Orbit(path, velocity, start=(2.5, 0.0)), "Orbit", "within 2", "2.5")
    laws.refuses(lambda: Orbit(path, velocity, n_steps=0), "n_steps", "0")

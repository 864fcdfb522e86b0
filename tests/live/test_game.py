"""The film of the adversarial game: the browser shows the frames that were recorded."""

import pytest
import torch

from dgm_lite.gan.gan import GAN
from dgm_lite.live.game import Film
from dgm_lite.protocols import Step
from tests.live.test_figures import value


@pytest.fixture(scope="module")
def film() -> Film:
    torch.manual_seed(0)
    gan = GAN(2, 2, hidden=8)
    film = Film(gan, torch.randn(20, 2), (-3, 3, -2, 2), n_points=10)
    for index in range(4):
        with torch.no_grad():
            gan.generator[-1].bias.add_(0.2)
        film.add(Step(0, index, {"discriminator": 1.4, "generator": 0.7 + index}))
    return film


def points(shown: dict) -> list[float]:
    return list(shown["points"].values()) if isinstance(shown["points"], dict) else shown["points"]


def test_last_frame_first_then_the_one_that_was_asked_for(visit, film):
    page = visit(film.show())
    shown = value(page)
    assert (shown["at"], shown["step"]) == (3, 4)
    assert points(shown) == pytest.approx(film.frames[3]["points"].flatten().tolist(), abs=1e-6)
    page.locator("dgm-figure canvas").first.focus()
    page.keyboard.press("ArrowLeft")
    assert value(page)["at"] == 2
    page.get_by_label("Training step").fill("0")
    shown = value(page)
    assert points(shown) == pytest.approx(film.frames[0]["points"].flatten().tolist(), abs=1e-6)
    assert "Step 1 of 4" in page.locator('dgm-figure [data-p="say"]').inner_text()


@pytest.mark.parametrize("canvas", ["pad", "loss"])
def test_a_drag_across_a_picture_scrubs(visit, film, canvas):
    page = visit(film.show())
    box = page.locator(f'dgm-figure canvas[data-p="{canvas}"]').bounding_box()
    x, y = (lambda share: box["x"] + share * box["width"]), box["y"] + box["height"] / 2
    page.mouse.move(x(0.9), y)
    page.mouse.down()
    page.mouse.move(x(0.4), y)
    assert value(page)["at"] == 1
    page.mouse.move(x(0.02), y)
    page.mouse.up()
    assert value(page)["at"] == 0


def test_arrows_follow_the_force_and_stay_short(film):
    frame = film.frames[0]
    force = film.gan.force(film.gan.generate(film.z).detach())
    last = film.frames[-1]
    cosine = torch.nn.functional.cosine_similarity(last["force"], force, dim=1)
    assert (cosine > 0.999).all() and (frame["force"].norm(dim=1) <= 6 / 8 + 1e-6).all()


def test_an_empty_film_is_refused():
    with pytest.raises(ValueError, match="expected at least one recorded step"):
        Film(GAN(2, 2, hidden=8), torch.randn(5, 2), (-1, 1, -1, 1)).show()

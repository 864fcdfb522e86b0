"""Filling in missing pixels in the browser gives the numbers of PPCA.complete."""

import pytest
import torch

from dgm_lite.datasets.images import digits
from dgm_lite.latent.ppca import PPCA
from dgm_lite.live.fill_in import FillIn
from tests.live.test_figures import place, value


@pytest.fixture(scope="module")
def model() -> PPCA:
    return PPCA(64, 8).double().fit_closed_form((digits().train + 0.5).double() / 17)


@pytest.fixture(scope="module")
def examples() -> torch.Tensor:
    return (digits().test[:3].double() + 0.5) / 17


def agrees(shown: dict, model: PPCA, x: torch.Tensor) -> None:
    known = torch.tensor(shown["known"])
    mean, _ = model.complete(x[None], known)
    assert shown["guess"] == pytest.approx(mean[0].tolist(), abs=1e-4)


def test_lower_half_is_hidden_at_first(visit, model, examples):
    shown = value(visit(FillIn(model, examples)))
    assert shown["known"] == [True] * 32 + [False] * 32
    agrees(shown, model, examples[0])


def test_buttons_pointer_and_keys(visit, model, examples):
    page = visit(FillIn(model, examples))
    page.get_by_role("button", name="Show all").click()
    assert all(value(page)["known"])
    page.mouse.move(*place(page, 0.55, 0.55))
    page.mouse.down()
    page.mouse.move(*place(page, 0.95, 0.55), steps=20)
    page.mouse.up()
    shown = value(page)
    assert [d for d, known in enumerate(shown["known"]) if not known] == [36, 37, 38, 39]
    agrees(shown, model, examples[0])
    page.get_by_role("button", name="Next digit").click()
    agrees(value(page), model, examples[1])
    page.locator("dgm-figure canvas").first.focus()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Space")
    shown = value(page)
    assert not shown["known"][31]
    agrees(shown, model, examples[1])


def test_digits_of_another_size_are_refused(model):
    with pytest.raises(ValueError, match=r"FillIn digits: expected shape \(N, 64\)"):
        FillIn(model, torch.zeros(3, 49))

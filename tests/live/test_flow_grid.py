"""The grid carried through a flow: its numbers are PyTorch's, by mouse, slider, keys and touch."""

import pytest
import torch

from dgm_lite import laws
from dgm_lite.flows.coupling import RealNVP
from dgm_lite.live.flow_grid import FlowGrid
from tests.live.test_figures import PNG, value

CELLS, REACH = 8, 2.0


@pytest.fixture(scope="module")
def flow():
    torch.manual_seed(0)
    return laws.prepare(RealNVP(2, 3, hidden=6), scale=0.3).float().train()


@pytest.fixture(scope="module")
def grid(flow):
    return FlowGrid(
        flow, torch.randn(40, 2, generator=torch.Generator().manual_seed(1)), n_cells=CELLS, reach=REACH
    )


def centre(row: int, column: int) -> torch.Tensor:
    width = 2 * REACH / CELLS
    return torch.tensor([[-REACH + (row + 0.5) * width, -REACH + (column + 0.5) * width]])


@torch.no_grad()
def agrees(shown: dict, flow) -> None:
    """Factor and density at the last stage are those of the flow's own log_prob."""
    z = centre(shown["row"], shown["column"])
    x = z
    log_area = 0.0
    for layer in list(flow.bijection.layers)[::-1][: shown["stage"]]:
        x = layer.to_data(x)
        log_area -= layer.to_latent(x)[1].item()
    assert shown["factor"] == pytest.approx(torch.tensor(log_area).exp().item(), rel=1e-4)
    density = (flow.base.log_prob(z) - log_area).exp().item()
    assert shown["density"] == pytest.approx(density, rel=1e-4)
    if shown["stage"] == len(flow.bijection.layers):
        assert shown["density"] == pytest.approx(flow.log_prob(x).exp().item(), rel=1e-3)


def calm(visit, grid, **context):
    return visit(grid, reduced_motion="reduce", **context)


def test_starts_at_the_densest_cell_of_the_data(visit, grid, flow):
    shown = value(calm(visit, grid))
    agrees(shown, flow)
    assert shown["stage"] == len(flow.bijection.layers)


def test_slider_scrubs_every_stage(visit, grid, flow):
    page = calm(visit, grid)
    slider = page.locator('dgm-figure [data-p="slider"]')
    pictures = set()
    for stage in range(len(flow.bijection.layers) + 1):
        slider.fill(str(stage))
        shown = value(page)
        assert shown["stage"] == stage and shown["still"]
        agrees(shown, flow)
        pictures.add(page.locator("dgm-figure canvas").screenshot())
    assert len(pictures) == len(flow.bijection.layers) + 1
    slider.fill("0")
    shown = value(page)
    assert shown["factor"] == 1 and shown["drawn"] == pytest.approx(1, abs=1e-4)


def test_click_chooses_the_cell_under_the_pointer(visit, grid, flow):
    page = calm(visit, grid)
    page.locator('dgm-figure [data-p="slider"]').fill("0")
    value(page)
    edge = grid.spec["edges"][0]
    box = page.locator("dgm-figure canvas").bounding_box()
    for row, column in ((0, 0), (3, 6), (7, 1)):
        x, y = (centre(row, column)[0] / (2 * edge) + 0.5).tolist()
        page.mouse.click(box["x"] + x * box["width"], box["y"] + (1 - y) * box["height"])
        shown = value(page)
        assert (shown["row"], shown["column"]) == (row, column)
    page.mouse.click(box["x"] + 2, box["y"] + 2)  # beside the grid: the cell that is nearest
    shown = value(page)
    assert (shown["row"], shown["column"]) == (0, CELLS - 1)


def test_keyboard_alone_is_enough(visit, grid, flow):
    page = calm(visit, grid)
    page.locator("dgm-figure canvas").focus()
    page.keyboard.press("PageUp")
    first = value(page)
    assert first["stage"] == len(flow.bijection.layers) - 1
    for key, change in (("ArrowLeft", ("row", -1)), ("ArrowUp", ("column", 1))):
        before = value(page)
        page.keyboard.press(key)
        after = value(page)
        name, step = change
        assert after[name] == min(max(before[name] + step, 0), CELLS - 1)
        agrees(after, flow)
    for _ in range(20):
        page.keyboard.press("ArrowRight")
    assert value(page)["row"] == CELLS - 1


def test_it_glides_unless_motion_is_reduced(visit, grid):
    page = visit(grid)
    page.locator('dgm-figure [data-p="slider"]').fill("1")
    shown = "document.querySelector('dgm-figure').stats.value"
    page.wait_for_function(f"{shown}?.stage === 1 && {shown}.still")  # and not the moment before it began
    assert len(page.evaluate("document.querySelector('dgm-figure').stats.frames")) > 5


@pytest.mark.parametrize("width", [320, 390, 1280])
def test_no_sideways_scrolling_and_touch(visit, grid, flow, width):
    page = calm(visit, grid, viewport={"width": width, "height": 844}, has_touch=True)
    assert page.evaluate("document.scrollingElement.scrollWidth") <= width
    box = page.locator("dgm-figure canvas").bounding_box()
    page.touchscreen.tap(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    agrees(value(page), flow)


def test_the_grid_can_be_hidden(visit, grid):
    page = calm(visit, grid)
    value(page)
    before = page.locator("dgm-figure canvas").screenshot()
    page.locator('dgm-figure [data-p="sheet"]').uncheck()
    value(page)
    assert page.locator("dgm-figure canvas").screenshot() != before


def test_still_image_stands_without_javascript(visit, grid):
    page = visit(grid, live=False, java_script_enabled=False)
    assert page.get_by_role("img").get_attribute("alt") == grid.alt
    assert grid.image.startswith(PNG) and len(grid.image) < 250_000


def test_the_same_arguments_give_the_same_bytes_and_the_mode_stays(flow, grid):
    again = FlowGrid(
        flow, torch.randn(40, 2, generator=torch.Generator().manual_seed(1)), n_cells=CELLS, reach=REACH
    )
    assert again._repr_mimebundle_() == grid._repr_mimebundle_()
    assert flow.training


def test_refusals(flow):
    with pytest.raises(ValueError, match=r"FlowGrid points: expected shape \(N, 2\)"):
        FlowGrid(flow, torch.zeros(3, 3))
    with pytest.raises(ValueError, match="FlowGrid: expected a flow whose bijection has layers, got Linear"):
        FlowGrid(torch.nn.Linear(2, 2), torch.zeros(3, 2))
    with pytest.raises(ValueError, match="n_cells"):
        FlowGrid(flow, torch.zeros(3, 2), n_cells=0)

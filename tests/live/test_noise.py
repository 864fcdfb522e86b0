"""The live figure of growing perturbations: its numbers are PyTorch's, by key, drag, slider and choice."""

import pytest
import torch

from dgm_lite.live.figure import LiveFigure
from dgm_lite.live.noise import Noise
from tests.browser import chromium  # noqa: F401

WAYS = ("chosen", "by chance")


@pytest.fixture(scope="module")
def paths(pixels):
    """Two ways from the same three pictures of 4 x 4 pixels with 5 levels, in 10 moves."""
    clean = pixels[2][:3]
    generator = torch.Generator().manual_seed(0)
    result = {}
    for way in WAYS:
        path = [clean]
        for _ in range(10):
            step = torch.zeros_like(clean)
            step[torch.arange(3), torch.randint(16, (3,), generator=generator)] = 1
            path.append((path[-1] + step).clamp(max=4))
        result[way] = torch.stack(path)
    return result


@pytest.fixture(scope="module")
def arguments(pixels, paths):
    density, classifier, heldout = pixels
    with torch.no_grad():
        scores = density.eval().log_prob(heldout)
    labels = torch.tensor([0, 1, 2])
    return {"classifier": classifier, "density": density, "paths": paths, "labels": labels,
            "heldout_log_prob": scores, "levels": 5, "classes": "abc", "start": 4}  # fmt: skip


@pytest.fixture(scope="module")
def noise(arguments):
    return Noise(**arguments)


def agrees(page, arguments, *, moves: int, way: str, who: int) -> None:
    """What the figure shows is this image, and both models' answers to it."""
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    shown = page.evaluate("document.querySelector('dgm-figure').stats.value")
    assert (shown["moves"], shown["way"], shown["who"]) == (moves, way, who)
    path = arguments["paths"][way]
    x = path[moves, who]
    assert shown["x"] == x.tolist()
    with torch.no_grad():
        belief = arguments["classifier"](x[None].float()).softmax(1)[0]
        log_px = arguments["density"].log_prob(x[None]).item()
    assert shown["posterior"] == pytest.approx(belief.tolist(), abs=1e-5)
    assert shown["log_px"] == pytest.approx(log_px, abs=1e-4)
    assert shown["rms"] == pytest.approx((x - path[0, who]).double().square().mean().sqrt().item(), abs=1e-6)


def part(page, name: str):
    return page.locator(f'dgm-figure [data-p="{name}"]')


def test_keys(visit, noise, arguments):
    page = visit(noise)
    agrees(page, arguments, moves=4, way="chosen", who=0)
    part(page, "trio").focus()
    page.keyboard.press("ArrowRight")
    agrees(page, arguments, moves=5, way="chosen", who=0)
    page.keyboard.press("ArrowDown")
    agrees(page, arguments, moves=5, way="by chance", who=0)
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Shift+ArrowLeft")
    agrees(page, arguments, moves=0, way="chosen", who=0)
    assert part(page, "rms").inner_text() == "0.00"


def test_drag_slider_and_choices(visit, noise, arguments):
    page = visit(noise)
    box = part(page, "trio").bounding_box()
    page.mouse.move(box["x"] + 5, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.9 * box["width"], box["y"] + 20)
    page.mouse.up()
    agrees(page, arguments, moves=9, way="chosen", who=0)
    part(page, "slider").fill("3")
    agrees(page, arguments, moves=3, way="chosen", who=0)
    page.locator("dgm-figure label", has_text="a c").click()
    page.locator("dgm-figure label", has_text="by chance").click()
    agrees(page, arguments, moves=3, way="by chance", who=2)


def test_tap_on_a_phone(visit, noise, arguments):
    page = visit(noise, has_touch=True, is_mobile=True, viewport={"width": 390, "height": 844})
    box = part(page, "trio").bounding_box()
    page.touchscreen.tap(box["x"] + 0.7 * box["width"], box["y"] + 0.5 * box["height"])
    agrees(page, arguments, moves=7, way="chosen", who=0)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_says_whether_the_label_is_right_and_the_image_suspicious(visit, noise, arguments):
    page = visit(noise)
    limit = arguments["heldout_log_prob"].quantile(0.05)
    for way in WAYS:
        page.locator("dgm-figure label", has_text=way).click()
        for who in range(3):
            page.locator("dgm-figure label", has_text=f"a {'abc'[who]}").click()
            agrees(page, arguments, moves=4, way=way, who=who)
            x = arguments["paths"][way][4, who][None]
            best = arguments["classifier"](x.float()).argmax().item()
            says = part(page, "says").inner_text()
            assert f"It sees a {'abc'[best]}," in says and (f"It is a {'abc'[who]}." in says) == (best != who)
            odd = arguments["density"].log_prob(x)[0] < limit
            assert part(page, "rank").inner_text().startswith("Suspicious" if odd else "Not suspicious")


def test_same_arguments_same_bytes(noise, arguments):
    assert isinstance(noise, LiveFigure)
    assert Noise(**arguments)._repr_mimebundle_() == noise._repr_mimebundle_()
    assert "chosen; by chance" in noise.alt


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"density": torch.nn.Linear(2, 2)}, "density with log_prob, got Linear"),
        ({"paths": {}}, "at least one way"),
        ({"paths": {"flat": torch.zeros(3, 16, dtype=torch.long)}}, r"paths of shape \(n \+ 1, B, D\)"),
        ({"paths": {"odd": torch.zeros(3, 3, 15, dtype=torch.long)}}, "square images"),
        ({"levels": 4}, "expected integers 0..3"),
        ({"levels": 65}, "2 to 64 grey levels"),
        ({"labels": torch.tensor([0, 1, 3])}, "expected integers 0..2"),
        ({"labels": torch.tensor([0, 1])}, "one label per example"),
        ({"start": 11}, "start from 0 to 10, got 11"),
        ({"false_alarms": 0}, "false_alarms between 0 and 1"),
        ({"heldout_log_prob": torch.tensor([float("nan")])}, "NaN"),
    ],
)
def test_refusals(arguments, change, message):
    with pytest.raises(ValueError, match=message):
        Noise(**{**arguments, **change})


def test_paths_must_begin_alike(arguments, paths):
    other = {**paths, "by chance": paths["by chance"].flip(0)}
    with pytest.raises(ValueError, match="'by chance' to begin with the images of the first one"):
        Noise(**{**arguments, "paths": other})

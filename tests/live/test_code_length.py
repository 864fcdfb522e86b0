"""Code lengths in the browser are the bits that Python gave: pixel by pixel, summed, and of whole files."""

import math

import pytest
import torch

from dgm_lite import laws
from dgm_lite.live.code_length import CodeLength
from tests.live.test_figures import PNG, text, value, violations

N, SIDE, LEVELS = 5, 4, 6
D, RAW = SIDE * SIDE, SIDE * SIDE * math.log2(LEVELS)


@pytest.fixture(scope="module")
def arguments() -> dict:
    generator = torch.Generator().manual_seed(0)
    x = torch.randint(0, LEVELS, (N, D), generator=generator)
    table = {"one by one": 1.0, "flow <of> integers": 1.4, "histogram": 2.0}
    bits = {name: scale * torch.rand(N, D, generator=generator) for name, scale in table.items()}
    wholes = {"PNG & co": RAW * (3 + torch.rand(N, generator=generator)), "tiny": torch.full((N,), 30.0)}
    return {"x": x, "bits": bits, "wholes": wholes, "levels": LEVELS, "things": "small pictures"}


@pytest.fixture(scope="module")
def figure(arguments) -> CodeLength:
    return CodeLength(**arguments)


def agrees(shown: dict, arguments: dict) -> None:
    n, d, bits = shown["n"], shown["d"], arguments["bits"]
    assert shown["bits"] == pytest.approx([table[n, d].item() for table in bits.values()], abs=1e-5)
    sums = [table[n, : d + 1].sum().item() for table in bits.values()]
    assert shown["sums"] == pytest.approx(sums, abs=1e-4)
    totals = {name: table[n].sum().item() for name, table in {**bits, **arguments["wholes"]}.items()}
    assert shown["totals"] == pytest.approx(totals, abs=1e-4)
    assert shown["shortest"] == min(totals, key=totals.get)


def middle(page, part: str, d: int) -> tuple[float, float]:
    """Where the middle of pixel d stands in a picture."""
    box = page.locator(f'dgm-figure [data-p="{part}"]').bounding_box()
    return (
        box["x"] + (d % SIDE + 0.5) * box["width"] / SIDE,
        box["y"] + (d // SIDE + 0.5) * box["height"] / SIDE,
    )


def test_opens_with_the_best_model_at_its_dearest_pixel(visit, figure, arguments):
    shown = value(visit(figure))
    agrees(shown, arguments)
    best = min(arguments["bits"], key=lambda name: arguments["bits"][name].sum())
    assert (shown["n"], shown["model"]) == (0, best)
    assert shown["d"] == arguments["bits"][best][0].argmax()


def test_every_picture_can_be_picked(visit, figure, arguments):
    page = visit(figure)
    strip = page.get_by_role("group", name="Pick one of 5 small pictures")
    pictures = set()
    for n in (2, 4, 1):
        strip.locator("label").nth(n).click()
        shown = value(page)
        assert shown["n"] == n
        agrees(shown, arguments)
        pictures.add(page.locator('dgm-figure [data-p="heat"]').screenshot())
    assert len(pictures) == 3
    page.keyboard.press("ArrowRight")  # the strip is a radio group: arrow keys go on
    assert value(page)["n"] == 2
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    shown = value(page)
    assert shown["n"] == 0
    agrees(shown, arguments)


def test_the_models_differ_on_the_map_alone(visit, figure, arguments):
    page = visit(figure)
    value(page)
    heat, pad = (page.locator(f'dgm-figure [data-p="{part}"]') for part in ("heat", "pad"))
    maps, pictures = set(), set()
    for name in arguments["bits"]:
        page.get_by_label(name, exact=True).check(force=True)
        shown = value(page)
        assert shown["model"] == name
        agrees(shown, arguments)
        maps.add(heat.screenshot())
        pictures.add(pad.screenshot())
    assert (len(maps), len(pictures)) == (3, 1)


@pytest.mark.parametrize("part", ["heat", "pad"])
def test_a_mouse_reads_pixels_by_hovering(visit, figure, arguments, part):
    page = visit(figure)
    for d in (0, 6, 15):
        page.mouse.move(*middle(page, part, d))
        shown = value(page)
        assert shown["d"] == d
        agrees(shown, arguments)
    page.mouse.move(5, 5)  # it stays where the mouse left
    assert value(page)["d"] == 15


def test_keys_walk_from_pixel_to_pixel(visit, figure, arguments):
    page = visit(figure)
    page.mouse.click(*middle(page, "heat", 5))
    page.locator('dgm-figure [data-p="heat"]').focus()
    for key, d in (("ArrowRight", 6), ("ArrowDown", 10), ("ArrowLeft", 9), ("ArrowUp", 5), ("ArrowUp", 1)):
        page.keyboard.press(key)
        shown = value(page)
        assert shown["d"] == d
        agrees(shown, arguments)
    page.keyboard.press("ArrowUp")  # there is no row above
    assert value(page)["d"] == 1


def test_the_sums_can_be_scrubbed(visit, figure, arguments):
    page = visit(figure)
    page.locator('dgm-figure [data-p="path"]').scroll_into_view_if_needed()
    box = page.locator('dgm-figure [data-p="path"]').bounding_box()
    page.mouse.move(box["x"] + 1, box["y"] + 40)
    assert value(page)["d"] == 0
    page.mouse.move(box["x"] + box["width"] - 1, box["y"] + 40)
    shown = value(page)
    assert shown["d"] == D - 1
    assert shown["sums"] == pytest.approx([shown["totals"][name] for name in arguments["bits"]], abs=1e-4)


def test_words_say_the_numbers(visit, figure, arguments):
    page = visit(figure)
    page.mouse.move(*middle(page, "heat", 6))
    shown = value(page)
    bits = {name: table[0, 6].item() for name, table in arguments["bits"].items()}
    said = ", ".join(f"{b:.1f} bits under {name}" for name, b in bits.items())
    assert text(page, "pixel") == f"Pixel (row 2, column 3) = {arguments['x'][0, 6]}: {said}."
    order = sorted(shown["totals"].items(), key=lambda item: item[1])
    (first, least), (second, next_), (last, most) = order[0], order[1], order[-1]
    assert text(page, "say") == (
        f"Shortest for this picture: {first}, {least:.1f} bits, {least / D:.2f} a pixel. Next comes {second} "
        f"with {next_ - least:.1f} bits more; {last} takes {most / least:.1f} times as many."
    )
    for name, total in shown["totals"].items():
        row = page.locator("dgm-figure [role=listitem]").filter(has_text=name)
        assert f"{total:.1f} bits" in row.inner_text()


def test_bars_are_to_scale_and_a_cut_one_is_told(visit, figure):
    page = visit(figure)
    shown = value(page)
    for name, total in shown["totals"].items():
        bar = page.locator("dgm-figure [role=listitem]").filter(has_text=name).locator("i i")
        share = bar.evaluate("(e) => e.clientWidth / e.parentElement.clientWidth")
        assert share == pytest.approx(min(1, total / RAW), abs=0.01)
        assert (bar.evaluate("(e) => getComputedStyle(e).maskImage") != "none") == (total > RAW)
    times = shown["totals"]["PNG & co"] / RAW
    assert text(page, "cut") == f"The bar of PNG & co is cut: to scale it would be {times:.1f} times as long."


def test_screen_readers_hear_the_pixel_or_the_verdict(visit, figure):
    page = visit(figure)
    status = page.locator('dgm-figure [role="status"]')
    page.wait_for_function("() => document.querySelector('dgm-figure').stats.value")
    page.locator("dgm-figure .strip label").nth(1).click()
    page.wait_for_timeout(900)
    assert status.text_content() == text(page, "say")
    page.locator('dgm-figure [data-p="heat"]').focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    page.wait_for_timeout(900)
    assert status.text_content() == text(page, "pixel")


def test_on_a_phone(visit, figure, arguments):
    page = visit(figure, has_touch=True, is_mobile=True, viewport={"width": 390, "height": 844})
    page.touchscreen.tap(*middle(page, "heat", 9))
    assert value(page)["d"] == 9
    page.locator("dgm-figure .strip label").nth(3).tap()
    shown = value(page)
    assert (shown["n"], shown["d"]) == (3, 9)
    agrees(shown, arguments)


@pytest.mark.parametrize("width", [320, 390, 1280])
def test_no_sideways_scrolling(visit, figure, width):
    page = visit(figure, viewport={"width": width, "height": 844})
    assert page.evaluate("document.scrollingElement.scrollWidth") <= width


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_accessible(visit, figure, scheme):
    page = visit(figure, color_scheme=scheme)
    value(page)
    assert violations(page) == []


def test_the_strip_follows_the_theme(visit, figure):
    page = visit(figure)
    value(page)
    strip = page.locator("dgm-figure .strip canvas")
    before = strip.first.screenshot()
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    value(page)
    assert strip.count() == N and strip.first.screenshot() != before


def test_still_image_stands_without_javascript(visit, figure, arguments):
    page = visit(figure, live=False, java_script_enabled=False)
    alt = page.get_by_role("img").get_attribute("alt")
    assert alt == figure.alt
    totals = {name: table[0].sum() for name, table in {**arguments["bits"], **arguments["wholes"]}.items()}
    assert all(f"{name} {total:.1f} bits" in alt for name, total in totals.items())
    assert figure.image.startswith(PNG) and len(figure.image) < 250_000


def test_one_model_alone_and_equal_bytes(visit, arguments):
    alone = {**arguments, "bits": {"one": arguments["bits"]["one by one"]}, "wholes": {}}
    page = visit(CodeLength(**alone))
    total = alone["bits"]["one"][0].sum().item()
    assert value(page)["totals"] == pytest.approx({"one": total}, abs=1e-4)
    assert text(page, "say") == f"Shortest for this picture: one, {total:.1f} bits, {total / D:.2f} a pixel."
    assert CodeLength(**alone)._repr_mimebundle_() == CodeLength(**alone)._repr_mimebundle_()


def test_bad_arguments_are_refused(arguments):
    x, bits = arguments["x"], arguments["bits"]["one by one"]

    def make(**change):
        return lambda: CodeLength(**{**arguments, **change})

    laws.refuses(make(x=x + LEVELS), f"CodeLength: expected integers 0..{LEVELS - 1}")
    laws.refuses(make(x=x[:, :15]), "CodeLength: expected a square number of pixels, got 15")
    laws.refuses(make(bits={}), "CodeLength: expected bits of one model or more, got none")
    laws.refuses(make(bits={"a": bits[:3]}), "CodeLength bits of 'a': expected shape (5, 16), got (3, 16)")
    laws.refuses(make(bits={"a": bits - 1}), "CodeLength bits of 'a': expected bits from 0 up, got -")
    laws.refuses(make(bits={"a": bits / 0}), "CodeLength bits of 'a': expected finite values")
    laws.refuses(make(wholes={"b": bits}), "CodeLength wholes of 'b': expected shape (5,), got (5, 16)")
    laws.refuses(make(wholes={"histogram": bits[:, 0]}), "expected each name once, got histogram")

# ruff: noqa: E501
"""Live figures as readers meet them: mouse, touch, keys, dark pages, phones, no JavaScript, no sound."""

import json
import re
import shutil
from contextlib import nullcontext
from pathlib import Path

import axe_playwright_python
import matplotlib.pyplot as plt
import pytest
import torch

from dgm_lite.live import bundle
from dgm_lite.live.cross import Cross
from dgm_lite.live.draw import Draw
from dgm_lite.live.figure import LiveFigure, png, restamp, still
from tools.ext.dgm_bundle import share

VALUE = "document.querySelector('dgm-figure').stats.value"
SETTLED = "() => document.querySelector('dgm-figure').stats.settled"
PNG = b"\x89PNG\r\n\x1a\n"


def value(page) -> dict:
    """What the figure shows now, once its frame is drawn."""
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    return page.evaluate(
        f"(() => {{ const v = {VALUE}; return {{ ...v, terms: v.terms && Array.from(v.terms) }} }})()"
    )


def place(page, u: float, v: float) -> tuple[float, float]:
    """Pixel coordinates of a point of the figure's main canvas, u and v in [0, 1] from the top left."""
    box = page.locator("dgm-figure canvas").first.bounding_box()
    return box["x"] + u * box["width"], box["y"] + v * box["height"]


def violations(page) -> list[tuple[str, str]]:
    """What axe finds wrong with the figure: (rule, an element). The page around it is the test's own."""
    page.add_script_tag(path=Path(axe_playwright_python.__file__).parent / "axe.min.js")
    tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
    found = page.evaluate("(tags) => axe.run('dgm-figure', { preload: false, runOnly: tags })", tags)
    return [(f["id"], f["nodes"][0]["html"]) for f in found["violations"] if f["id"] != "region"]


def agrees(shown: dict, plane, where=None) -> None:
    """The cross's numbers are PyTorch's."""
    classifier, density, _, _, heldout = plane
    x = torch.tensor([shown["x"]], dtype=torch.float)
    if where is not None:
        assert shown["x"] == pytest.approx(where, abs=0.02)
    posterior, log_px = classifier(x).softmax(1)[0].tolist(), density.log_prob(x).item()
    assert shown["posterior"] == pytest.approx(posterior, abs=1e-4)
    assert shown["log_px"] == pytest.approx(log_px, abs=1e-4)
    limit = density.log_prob(heldout).quantile(0.01).item()
    assert shown["limit"] == pytest.approx(limit, abs=1e-4)
    assert shown["refuse"] == (log_px < limit)


def text(page, part: str) -> str:
    return page.locator(f'dgm-figure [data-p="{part}"]').inner_text()


def test_cross_by_mouse(visit, cross, plane):
    page = visit(cross)
    agrees(value(page), plane, (2.0, -1.5))
    page.mouse.move(*place(page, 0.9, 0.9))
    page.mouse.down()
    for k in range(11):  # to (-1, 0): a third of the way across, half of the way down
        page.mouse.move(*place(page, 0.9 + (1 / 3 - 0.9) * k / 10, 0.9 - 0.4 * k / 10))
    page.mouse.up()
    agrees(value(page), plane, (-1.0, 0.0))
    page.mouse.move(*place(page, 0.8, 0.2))  # no button is down: the cross stays
    agrees(value(page), plane, (-1.0, 0.0))


def test_cross_leaves_nothing_outside_its_plane(visit, cross):
    page = visit(cross)
    page.mouse.move(*place(page, 0.5, 0.5))
    page.mouse.down()
    page.mouse.move(*place(page, 3, -3))
    page.mouse.up()
    assert value(page)["x"] == [3, 2]


def test_cross_by_touch(visit, cross, plane):
    page = visit(cross, has_touch=True, is_mobile=True, viewport={"width": 390, "height": 844})
    page.touchscreen.tap(*place(page, 2 / 3, 0.5))
    agrees(value(page), plane, (1.0, 0.0))


def test_cross_by_keyboard(visit, cross, plane):
    page = visit(cross)
    page.locator("dgm-figure canvas").first.focus()
    page.keyboard.press("ArrowLeft")
    agrees(value(page), plane, (2 - 0.06, -1.5))
    page.keyboard.press("Shift+ArrowUp")
    agrees(value(page), plane, (2 - 0.06, -1.5 + 0.3))


def test_cross_words_and_numbers(visit, cross, plane):
    """What is written agrees with PyTorch: the rank among held-out points, both decisions, the joint."""
    page = visit(cross)
    classifier, density, _, _, heldout = plane
    scores = density.log_prob(heldout)
    for at in ((2 / 3, 0.5), (0.5, 0.5), (0.95, 0.95)):
        page.mouse.click(*place(page, *at))
        x = torch.tensor([value(page)["x"]], dtype=torch.float)
        posterior, log_px = classifier(x).softmax(1)[0], density.log_prob(x)
        winner = ("orange", "blue")[int(posterior.argmax())]
        assert text(page, "alone").startswith(winner)
        refused = bool(log_px < scores.quantile(0.01))
        assert ("no decision" in text(page, "decision")) == refused
        share = 100 * (scores > log_px).double().mean().item()
        written = text(page, "rank")
        if share in (0, 100):
            assert written == f"{'lower' if share else 'higher'} than all 500 held-out points"
        else:
            assert written == f"lower than {min(max(round(share, 1), 0.1), 99.9):g} % of held-out points"
        joint = (posterior[1].log() + log_px).exp().item()
        number = text(page, "jointBlue").translate(str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻−", "0123456789--"))
        assert float(number.replace(" × 10", "e")) == pytest.approx(joint, rel=0.06)


def test_cross_threshold_and_backgrounds(visit, cross, plane):
    page = visit(cross)
    page.mouse.click(*place(page, 2 / 3, 0.3))  # two standard deviations from a centre: 13 % lie farther out
    assert not value(page)["refuse"]
    slider = page.locator('dgm-figure [data-p="slider"]')
    slider.focus()
    page.keyboard.press("End")
    shown = value(page)
    scores = plane[1].log_prob(plane[4])
    assert shown["limit"] == pytest.approx(scores.quantile(0.2).item(), abs=1e-4)
    assert shown["refuse"] and "20 %" in text(page, "share")
    page.wait_for_function(SETTLED)
    pictures = set()
    for name in ("posterior", "density", "joint"):
        page.locator(f'dgm-figure input[value="{name}"]').check(force=True)
        value(page)
        pictures.add(page.locator("dgm-figure canvas").first.screenshot())
    assert len(pictures) == 3


def test_background_is_the_models(visit, cross, plane):
    """In p(y|x) the canvas is orange where the classifier says orange, and blue where it says blue."""
    page = visit(cross)
    page.wait_for_function(SETTLED)
    page.locator('dgm-figure input[value="posterior"]').check(force=True)
    page.locator('dgm-figure [data-p="slider"]').fill("0")
    value(page)
    code = """(at) => { const c = document.querySelector('dgm-figure').shadowRoot.querySelector('canvas');
      return Array.from(c.getContext('2d').getImageData(at[0] * c.width, at[1] * c.height, 1, 1).data); }"""
    classifier = plane[0]
    checked = 0
    for u in (0.1, 0.9):
        for v in (0.1, 0.5, 0.9):
            blue = classifier(torch.tensor([[-3 + 6 * u, 2 - 4 * v]])).softmax(1)[0, 1].item()
            red, _, colour_blue, _ = page.evaluate(code, [u, v])
            if abs(blue - 0.5) > 0.2:
                assert (colour_blue > red) == (blue > 0.5), (u, v, blue)
                checked += 1
    assert checked >= 2


def numbers_agree(shown: dict, pixels) -> None:
    density, classifier, _ = pixels
    density.eval()
    x = torch.tensor([shown["x"]])
    assert shown["log_prob"] == pytest.approx(density.log_prob(x).item(), abs=1e-4)
    assert shown["terms"] == pytest.approx(density.log_prob_terms(x)[0].tolist(), abs=1e-4)
    assert shown["posterior"] == pytest.approx(classifier(x.float()).softmax(1)[0].tolist(), abs=1e-4)


def test_draw_by_mouse(visit, draw, pixels):
    page = visit(draw)
    shown = value(page)
    assert shown["x"] == pixels[2][0].tolist()
    numbers_agree(shown, pixels)
    page.get_by_role("button", name="Clear").click()
    assert sum(value(page)["x"]) == 0
    page.mouse.move(*place(page, 0.125, 0.125))  # from the middle of the first pixel down to the last row
    page.mouse.down()
    page.mouse.move(*place(page, 0.125, 0.875), steps=6)
    page.mouse.up()
    shown = value(page)
    picture = torch.tensor(shown["x"]).reshape(4, 4)
    assert (picture[:, 0] == 4).all() and (picture[:, 2:] == 0).all()
    assert all(isinstance(level, int) for level in shown["x"])
    numbers_agree(shown, pixels)
    page.get_by_text("Erase", exact=True).click()
    page.mouse.click(*place(page, 0.125, 0.125))
    assert value(page)["x"][0] < 4


def test_a_fast_stroke_has_no_holes(visit, draw):
    page = visit(draw)
    page.get_by_role("button", name="Clear").click()
    page.mouse.move(*place(page, 0.1, 0.6))
    page.mouse.down()
    page.mouse.move(*place(page, 0.9, 0.6))  # one event from edge to edge
    page.mouse.up()
    assert all(level > 0 for level in value(page)["x"][8:12])


def test_draw_by_touch(visit, draw, pixels):
    page = visit(draw, has_touch=True, is_mobile=True, viewport={"width": 390, "height": 844})
    page.get_by_role("button", name="blank").tap()
    page.touchscreen.tap(*place(page, 0.625, 0.625))
    shown = value(page)
    assert shown["x"][10] == 4
    numbers_agree(shown, pixels)


def test_draw_by_keyboard(visit, draw, pixels):
    page = visit(draw)
    page.get_by_role("button", name="blank").click()
    page.locator("dgm-figure canvas").first.focus()
    for key in (
        "ArrowRight",
        "ArrowDown",
        "9",
        "-",
        "ArrowRight",
        "Space",
        "ArrowDown",
        "+",
        "+",
        "ArrowUp",
        "ArrowUp",
        "5",
    ):
        page.keyboard.press(key)
    shown = value(page)
    assert {d: v for d, v in enumerate(shown["x"]) if v} == {5: 3, 6: 4, 10: 2, 2: 2}
    numbers_agree(shown, pixels)
    assert "row 1, column 3: level 2 of 4" in page.locator("dgm-figure canvas").first.get_attribute(
        "aria-description"
    )


def test_draw_examples_take_turns(visit, draw, pixels):
    page = visit(draw)
    button = page.get_by_role("button", name="a picture")
    seen = []
    for _ in range(4):
        button.click()
        seen.append(value(page)["x"])
    assert seen == [pixels[2][k].tolist() for k in (1, 2, 0, 1)]


def test_draw_words(visit, draw, pixels):
    page = visit(draw)
    shown = value(page)
    log = shown["log_prob"]
    bits = -log / 16 / torch.tensor(2.0).log().item()
    assert text(page, "log") == f"{log:.1f} nats ({bits:.2f} bits/dim)".replace("-", "−")
    best = max(range(3), key=lambda k: shown["posterior"][k])
    assert text(page, "belief") == f"{'abc'[best]}, {100 * shown['posterior'][best]:.1f} %"
    assert "held-out pictures" in text(page, "rank")


def test_draw_with_a_density_that_has_no_terms(visit, pixels):
    from tests.live.conftest import OnlyLogProb

    torch.manual_seed(0)
    density, (_, classifier, x) = OnlyLogProb(), pixels
    figure = Draw(
        density, classifier, density.log_prob(x).detach(), {"one": x[0]}, levels=5, classes="abc", half=False
    )
    page = visit(figure)
    page.mouse.click(*place(page, 0.4, 0.4))
    shown = value(page)
    assert shown["log_prob"] == pytest.approx(density.log_prob(torch.tensor([shown["x"]])).item(), abs=1e-4)
    assert page.locator('dgm-figure [data-p="toggle"]').is_hidden()


BOTH = pytest.mark.parametrize("kind", ["cross", "draw"])


@BOTH
def test_without_javascript_the_image_stands(visit, request, kind):
    figure = request.getfixturevalue(kind)
    page = visit(figure, live=False, java_script_enabled=False)
    image = page.get_by_role("img")
    assert image.count() == 1 and image.get_attribute("alt") == figure.alt
    box = image.bounding_box()
    assert box["width"] > 300 and box["height"] > 80


@BOTH
def test_the_image_gives_way_to_the_live_figure(visit, request, kind):
    page = visit(request.getfixturevalue(kind))
    assert page.locator("dgm-figure > img").is_hidden()
    page.emulate_media(media="print")
    assert page.locator("dgm-figure > img").is_visible()
    assert page.locator("dgm-figure .dgm").is_hidden()


@BOTH
@pytest.mark.parametrize("width", [320, 390, 700, 1280])
def test_no_sideways_scrolling(visit, request, kind, width):
    page = visit(request.getfixturevalue(kind), viewport={"width": width, "height": 844}, has_touch=True)
    assert page.evaluate("document.scrollingElement.scrollWidth") <= width
    assert page.evaluate("""[...document.querySelector('dgm-figure').shadowRoot.querySelectorAll('.dgm *')]
      .every((e) => e.matches('.hide, .hide *, input') || e.getBoundingClientRect().right <= innerWidth)""")


@BOTH
def test_reduced_motion(visit, request, kind):
    code = """() => [...document.querySelector('dgm-figure').shadowRoot.querySelectorAll('*')]
      .filter((e) => parseFloat(getComputedStyle(e).transitionDuration) || getComputedStyle(e).animationName !== 'none').length"""
    assert visit(request.getfixturevalue(kind), reduced_motion="reduce").evaluate(code) == 0


@BOTH
def test_dark_pages(visit, request, kind):
    """The reader's system, Sphinx's theme, JupyterLab's: each can make the figure dark; the theme's own switch wins."""
    figure = request.getfixturevalue(kind)
    dark = "document.querySelector('dgm-figure').shadowRoot.querySelector('.dgm').classList.contains('dark')"
    page = visit(figure, color_scheme="dark")
    assert page.evaluate(dark)
    paper = page.locator("dgm-figure .dgm").evaluate("(e) => getComputedStyle(e).backgroundColor")
    assert max(int(v) for v in re.findall(r"\d+", paper)) < 80
    before = page.locator("dgm-figure canvas").first.screenshot()
    page.evaluate("document.documentElement.dataset.theme = 'light'")
    page.wait_for_function("!" + dark)
    value(page)
    assert page.locator("dgm-figure canvas").first.screenshot() != before
    page.evaluate(
        "delete document.documentElement.dataset.theme; document.body.dataset.jpThemeLight = 'false'"
    )
    page.wait_for_function(dark)


@BOTH
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_accessible(visit, request, kind, scheme):
    """axe finds nothing: names, roles, contrast of words, order of headings."""
    assert violations(visit(request.getfixturevalue(kind), color_scheme=scheme)) == []


@BOTH
def test_screen_readers_hear_one_calm_voice(visit, request, kind):
    """While the pointer drags nothing is said; afterwards one sentence with the numbers."""
    page = visit(request.getfixturevalue(kind))
    page.wait_for_timeout(900)
    status = page.locator('dgm-figure [role="status"]')
    page.evaluate("""() => { window.said = []; const s = document.querySelector('dgm-figure').shadowRoot.querySelector('[role=status]');
      new MutationObserver(() => said.push(s.textContent)).observe(s, { childList: true }); }""")
    page.mouse.move(*place(page, 0.2, 0.2))
    page.mouse.down()
    page.mouse.move(*place(page, 0.6, 0.6), steps=25)
    assert page.evaluate("said") == []
    page.mouse.up()
    page.wait_for_function("said.length")
    page.wait_for_timeout(300)
    assert len(page.evaluate("said")) == 1
    assert "log p of x is" in status.text_content()
    live = page.evaluate("""[...document.querySelector('dgm-figure').shadowRoot.querySelectorAll('output')]
      .filter((e) => e.getAttribute('aria-live') !== 'off').length""")
    assert live == 0


def test_many_moves_make_one_frame(visit, cross):
    page = visit(cross)
    value(page)
    n = page.evaluate("""async () => {
      const host = document.querySelector('dgm-figure'), canvas = host.shadowRoot.querySelector('canvas'), before = host.stats.frames.length;
      canvas.setPointerCapture = () => {}; canvas.hasPointerCapture = () => true;
      for (let k = 0; k < 50; k++) canvas.dispatchEvent(new PointerEvent('pointermove', { clientX: 100 + k, clientY: 100 }));
      await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
      return host.stats.frames.length - before; }""")
    assert n == 1


def test_nothing_runs_before_it_is_seen(visit, cross):
    body = f'<!doctype html><meta charset="utf-8"><div style="height:4000px"></div>{cross.html()}'
    page = visit(cross, live=False, body=body)
    page.wait_for_timeout(300)
    assert page.evaluate("document.querySelector('dgm-figure').shadowRoot === null")
    assert page.locator("dgm-figure > img").is_visible()
    page.locator("dgm-figure").scroll_into_view_if_needed()
    page.wait_for_selector("dgm-figure[live]")


def test_two_figures_on_a_page(visit, cross, draw):
    body = f'<!doctype html><meta charset="utf-8">{cross.html()}{draw.html()}{cross.html()}'
    page = visit(cross, body=body)
    for _ in range(3):
        page.mouse.wheel(0, 800)
        page.wait_for_timeout(150)
    assert page.locator("dgm-figure[live]").count() == 3


def test_an_error_is_told_in_the_figure(visit, cross):
    """A broken model: the message stands in the figure, and the image comes back."""
    figure = LiveFigure(
        "cross", cross.spec, {**cross.models, "density": b"\x08\x01"}, image=cross.image, alt=cross.alt
    )
    page = visit(figure, live=False)
    alert = page.get_by_role("alert")
    alert.wait_for()
    assert "This live figure stopped: engine: this is not an ONNX model." in alert.inner_text()
    assert page.locator("dgm-figure > img").is_visible()
    page.problems[:] = [p for p in page.problems if "not an ONNX model" not in p]


def test_inserted_as_notebooks_insert_outputs(visit, cross):
    """JupyterLab, VS Code and Colab set innerHTML and then run each script again."""
    body = '<!doctype html><meta charset="utf-8"><body data-jp-theme-light="true"><div id="out"></div>'
    page = visit(cross, live=False, body=body)
    page.evaluate(
        """(code) => { const out = document.getElementById('out'); out.innerHTML = code;
        for (const old of out.querySelectorAll('script')) { const s = document.createElement('script'); s.type = old.type;
          s.textContent = old.textContent; old.replaceWith(s); } }""",
        cross.html(),
    )
    page.wait_for_selector("dgm-figure[live]")
    assert value(page)["x"] == [2, -1.5]


def test_runs_under_a_strict_content_policy(visit, cross):
    """No eval and no data: or blob: scripts: VS Code's notebooks forbid them."""
    policy = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:"
    body = f'<!doctype html><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{policy}">{cross.html()}'
    assert value(visit(cross, body=body))["x"] == [2, -1.5]


@pytest.mark.parametrize("scheme", ["http", "file"])
def test_on_a_site_all_pages_share_the_code(chromium, tmp_path, site_code, cross, draw, scheme):
    """No page holds any: it loads the shared script, and the kinds it shows and no others; from a folder too."""
    outputs = share(cross.html() + draw.html() + cross.html(), "../_static/dgm/figures.js")
    assert outputs.count("<script defer") == 1 and "shared" not in outputs
    shutil.copytree(site_code.parent, tmp_path / "_static/dgm")
    (tmp_path / "book").mkdir()
    (tmp_path / "book/page.html").write_text(
        f'<!doctype html><meta charset="utf-8">{outputs}', encoding="utf-8"
    )
    page, asked = chromium.new_page(), []
    page.on("request", lambda request: asked.append(request.url.rpartition("/")[2]))

    def answer(route):
        route.fulfill(path=tmp_path / route.request.url.removeprefix("http://site.test/sub/"))

    if scheme == "http":
        page.route("http://site.test/**", answer)
    page.goto(
        "http://site.test/sub/book/page.html" if scheme == "http" else (tmp_path / "book/page.html").as_uri()
    )
    for k in range(3):
        page.locator("dgm-figure").nth(k).scroll_into_view_if_needed()
        page.wait_for_function(f"() => document.querySelectorAll('dgm-figure')[{k}].stats?.value")
    assert sorted(asked) == ["cross.js", "draw.js", "figures.js", "page.html"]
    page.close()


def test_a_page_without_figures_stays_as_it_is():
    assert (
        share('<p>words</p><script type="module">a()</script>', "x.js")
        == '<p>words</p><script type="module">a()</script>'
    )


def test_outputs_of_different_kinds_share_a_page(visit, cross, draw):
    """A notebook's second output finds engine and core there, and adds only its own figure."""
    body = '<!doctype html><meta charset="utf-8"><body><div id="out"></div>'
    page = visit(cross, live=False, body=body)
    for figure in (cross, draw, cross):
        page.evaluate(
            """(code) => { const out = document.createElement('div'); out.innerHTML = code; document.body.append(out);
            for (const old of out.querySelectorAll('script')) { const s = document.createElement('script'); s.type = old.type;
              s.textContent = old.textContent; old.replaceWith(s); } }""",
            figure.html(),
        )
    for k in range(3):
        page.locator("dgm-figure").nth(k).scroll_into_view_if_needed()
        page.wait_for_function(f"() => document.querySelectorAll('dgm-figure')[{k}].stats?.value")


@BOTH
def test_the_same_figure_gives_the_same_bytes(request, kind, plane, pixels):
    figure = request.getfixturevalue(kind)
    if kind == "cross":
        classifier, density, points, labels, heldout = plane
        again = Cross(
            classifier, density, points, labels, heldout=heldout, lim=(-3, 3, -2, 2), start=(2.0, -1.5)
        )
    else:
        density, classifier, x = pixels
        examples = {"a picture": x[:3], "blank": torch.zeros(16, dtype=torch.long)}
        scores = density.eval().log_prob(x).detach()
        again = Draw(
            density,
            classifier,
            scores,
            examples,
            levels=5,
            classes="abc",
            things="held-out pictures",
            half=False,
        )
    bundle_one, bundle_two = figure._repr_mimebundle_(), again._repr_mimebundle_()
    assert bundle_one == bundle_two
    assert set(bundle_one) == {"text/plain", "text/html", "image/png"}
    assert "widget" not in json.dumps(sorted(bundle_one))


@BOTH
def test_a_stored_figure_has_all_that_it_takes_to_make_it_again(request, kind):
    html = request.getfixturevalue(kind).html()
    assert restamp(html) == html
    assert (
        restamp(html.replace("const shared", "const gone = 1; const shared").replace("<style>", "<style>a{}"))
        == html
    )


@BOTH
def test_the_image_is_a_picture_of_the_right_size(request, kind):
    image = request.getfixturevalue(kind).image
    assert image.startswith(PNG) and len(image) < 250_000
    width = int.from_bytes(image[16:20], "big")
    assert 900 <= width <= 1200  # 7 inches at 150 dots


def test_the_widget_gives_the_kernel_its_value(cross, chromium):
    """anywidget's render: the same figure, and the reader's choice travels back."""
    widget = cross.widget()
    assert widget.kind == "cross" and widget.value == [2.0, -1.5]
    page = chromium.new_page()
    page.add_script_tag(content=widget._esm + "window.render = render;", type="module")
    page.wait_for_function("() => window.render")
    page.evaluate(
        """([spec, models, markup]) => { const sent = window.sent = [], view = (s) => new DataView(Uint8Array.from(atob(s), (c) => c.charCodeAt(0)).buffer);
        const state = { kind: 'cross', spec, markup, models: Object.fromEntries(Object.entries(models).map(([k, v]) => [k, view(v)])) };
        const el = document.createElement('div'); document.body.append(el);
        render({ model: { get: (k) => state[k], set: (k, v) => sent.push([k, v]), save_changes: () => sent.push('saved') }, el }); }""",
        [cross.spec, cross.packed(), cross.markup],
    )
    canvas = page.locator("canvas").first
    canvas.wait_for()
    canvas.focus()
    page.keyboard.press("ArrowRight")
    key, at = page.evaluate("sent")[0]
    assert key == "value" and at == pytest.approx([2.06, -1.5]) and page.evaluate("sent")[1] == "saved"
    page.close()


def test_code_as_served_fits_its_budget(site_code):
    """30 KB that figures share and 8 KB for a kind, not counting on compression, however many kinds there are."""
    sizes = {path.name: path.stat().st_size for path in site_code.parent.iterdir()}
    assert set(sizes) == {"figures.js", *(f"{path.stem}.js" for path in bundle.figures())}
    assert sizes.pop("figures.js") <= 30_000
    assert not {kind: size for kind, size in sizes.items() if size > 8_000}


def test_a_site_has_short_names_and_a_notebook_long_ones(site_code):
    served = (site_code.parent / "cross.js").read_text(encoding="utf-8")
    assert "refuseBelow" in bundle.inline("cross") and "refuseBelow" not in served


# ---------------------------------------------------------------- refusals


def test_refusals(plane, pixels):
    classifier, density, points, labels, heldout = plane

    def make(**change):
        a = {
            "classifier": classifier,
            "density": density,
            "points": points,
            "labels": labels,
            "heldout": heldout,
        } | change
        return Cross(a.pop("classifier"), a.pop("density"), a.pop("points"), a.pop("labels"), **a)

    for change, words in [
        ({"points": points[:, :1]}, r"Cross points: expected shape \(N, 2\), got \(60, 1\)"),
        ({"heldout": heldout * torch.nan}, "Cross heldout: expected finite values"),
        ({"labels": labels + 1}, r"Cross labels: expected integers 0\.\.1"),
        ({"density": classifier}, "Cross: expected a density with log_prob, got Sequential"),
        ({"threshold": 0.5}, r"Cross: expected a threshold in \[0, 0.2\], got 0.5"),
        ({"start": (9.0, 0.0)}, "Cross: expected limits"),
    ]:
        with pytest.raises(ValueError, match=words):
            make(**change)

    density, classifier, x = pixels
    scores = torch.zeros(5)
    for args, words in [
        ((classifier, classifier, scores, {"one": x[0]}), "Draw: expected a density with log_prob"),
        ((density, classifier, scores * torch.nan, {"one": x[0]}), "Draw heldout_log_prob: expected finite"),
        ((density, classifier, scores, {}), "Draw: expected at least one example"),
        ((density, classifier, scores, {"one": x[0, :15]}), "Draw: expected square pictures, got 15"),
        ((density, classifier, scores, {"one": x[0] + 9}), "Draw example 'one': expected integers 0..4"),
    ]:
        with pytest.raises(ValueError, match=words):
            Draw(*args, levels=5)

    with pytest.raises(ValueError, match=r"LiveFigure: expected one of the kinds .*cross, draw.*, got 'pie'"):
        LiveFigure("pie", {}, {}, image=b"", alt="a pie")
    with pytest.raises(ValueError, match="LiveFigure: expected alt text"):
        LiveFigure("cross", {}, {}, image=b"", alt=" ")


def test_no_figure_stays_open_and_no_style_stays_on_after_an_error():
    own, size = plt.figure(), plt.rcParams["font.size"]
    for error in (None, ValueError, KeyboardInterrupt):
        with pytest.raises(error) if error else nullcontext(), still():
            plt.subplots(1, 2)
            plt.figure()
            plt.rcParams["font.size"] = 2 * size
            if error:
                raise error
        assert plt.get_fignums() == [own.number] and plt.rcParams["font.size"] == size
    plt.close(own)


def test_every_picture_is_drawn_so():
    for kind in bundle.figures():
        source = kind.with_suffix(".py").read_text()
        assert "with still():" in source and "plt.close" not in source and "rc_context" not in source, kind


def test_png_is_the_same_each_time():
    import matplotlib.pyplot as plt

    pictures = []
    for _ in range(2):
        figure, ax = plt.subplots()
        ax.plot([1, 2])
        pictures.append(png(figure))
        plt.close(figure)
    assert pictures[0] == pictures[1] and b"Software" not in pictures[0]


def test_hard_text_cannot_break_the_page(visit, cross):
    """Names and alt text may hold anything."""
    alt = "<b>\"quotes\" & 'more' </script>"
    spec = {**cross.spec, "names": ["</script><i>", "b & c"]}
    page = visit(LiveFigure("cross", spec, cross.models, image=cross.image, alt=alt))
    assert page.locator("dgm-figure > img").get_attribute("alt") == alt
    assert text(page, "alone").startswith(("</script><i>", "b & c"))
    assert page.locator("dgm-figure .row span.orange").first.inner_text() == "</script><i>"

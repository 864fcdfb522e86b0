"""Act on a live figure as a reader does, with keys, the mouse or a finger, and say whether it answers.

That its numbers are PyTorch's is tested for each figure by itself, in tests/live.
"""


def unmoved(page, act) -> list[str]:
    """The live figures of an open page that don't answer to an act: keys, drag or tap."""
    silent = []
    for figure in page.locator("dgm-figure").all():
        figure.scroll_into_view_if_needed()
        before = calm(page, figure)
        if before is None:
            silent.append(f"{figure.get_attribute('kind')}: never at rest")
        elif act(page, figure) and not changes(page, figure, before):
            silent.append(f"{figure.get_attribute('kind')}: no answer to {act.__doc__}")
    return silent


def keys(page, figure) -> bool:
    """arrow keys and the space bar"""
    surface(figure, "input, button").focus()
    for key in ("ArrowRight", "ArrowRight", "ArrowDown", "Space"):  # down may undo one step to the right
        page.keyboard.press(key)
    return True


def drag(page, figure) -> bool:
    """a drag"""
    if not figure.locator("canvas[tabindex]").count():
        return False  # nothing to drag in this figure
    box = surface(figure, "canvas").bounding_box()
    page.mouse.move(box["x"] + 0.3 * box["width"], box["y"] + 0.3 * box["height"])
    page.mouse.down()
    for step in range(8):
        part = 0.3 + 0.05 * step
        page.mouse.move(box["x"] + part * box["width"], box["y"] + part * box["height"])
    page.mouse.up()
    return True


def tap(page, figure) -> bool:
    """a tap"""
    target = surface(figure, "label, button")
    target.scroll_into_view_if_needed()
    box = target.bounding_box()
    page.touchscreen.tap(box["x"] + 0.7 * box["width"], box["y"] + 0.4 * box["height"])
    return True


def surface(figure, otherwise: str):
    """Where one acts: the canvas that can be focused, else the first of what is named."""
    canvas = figure.locator("canvas[tabindex]")
    return canvas.first if canvas.count() else figure.locator(otherwise).first


def shown(figure) -> tuple[str, str]:
    """What a reader sees of it: words, and a checksum of its pictures."""
    state = figure.evaluate("(figure) => probes.state(figure)")
    return state["words"], state["pictures"]


def calm(page, figure) -> tuple[str, str] | None:
    """What it shows once nothing has moved for a while; None if it never rests."""
    before = shown(figure)
    for _ in range(20):
        page.wait_for_timeout(120)
        now = shown(figure)
        if now == before:
            return now
        before = now
    return None


def changes(page, figure, before: tuple[str, str]) -> bool:
    """Whether what the figure shows differs from ``before`` within two seconds."""
    for _ in range(40):
        if shown(figure) != before:
            return True
        page.wait_for_timeout(50)
    return False

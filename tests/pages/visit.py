"""Open a page once on one screen and note all that the tests ask about; a wide one in light and in dark."""

from dataclasses import dataclass, field
from pathlib import Path

import axe_playwright_python

from tests.browser import borrow, give_back, room
from tests.pages.hands import drag, keys, tap, unmoved

AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
PROBES = (Path(__file__).parent / "probes.js").read_text(encoding="utf-8")
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
# What depends on colours is asked in the dark as well; the rest is the same there.
EVERYTHING = {"type": "tag", "values": TAGS}
COLOURS = {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}
# Formulas and code are thousands of tiny elements: thin() has emptied them, and their own probes have asked.
TINY = {"exclude": [["mjx-container"], [".highlight pre"]]}
# preload: axe would fetch style sheets itself, relative to the wrong folder.
RUN_AXE = """([what, runOnly]) => axe.run(what, { preload: false, resultTypes: ["violations"], runOnly })
  .then((report) => report.violations)"""
WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
SCREENS = {
    "wide": {"viewport": WIDE, "color_scheme": "light"},
    "phone": {"viewport": NARROW, "color_scheme": "light", "has_touch": True, "is_mobile": True},
}


@dataclass
class Visit:
    """What happened on one page on one screen."""

    errors: list[str] = field(default_factory=list)  # console errors and uncaught exceptions
    failed: list[str] = field(default_factory=list)  # requests without an answer, or 400 and above
    outside: list[str] = field(default_factory=list)  # requests to anywhere but the site
    axe: dict[str, list[str]] = field(default_factory=dict)  # rule and theme -> the elements that break it
    code: list[str] = field(default_factory=list)  # colours without contrast, scrolling without keyboard
    silent_maths: list[str] = field(default_factory=list)  # formulas without assistive MathML
    cut_maths: list[str] = field(default_factory=list)  # displayed formulas without enough room
    wide: dict = field(default_factory=dict)
    figures: list[dict] = field(default_factory=list)
    unmoved: list[str] = field(default_factory=list)  # live figures that don't answer the reader
    themes: list[str] = field(default_factory=list)  # the page's theme, after each change of the system's


def watch(page, base: str) -> None:
    """Note errors and requests of a page in its ``seen``."""

    def finished(response):
        if response.status >= 400:
            page.seen.failed.append(f"{response.status} {response.url}")

    def asked(request):
        if not request.url.startswith((base, "data:", "blob:", "about:")):
            page.seen.outside.append(request.url)

    page.on("console", lambda m: page.seen.errors.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda e: page.seen.errors.append(f"uncaught: {e}"))
    page.on("request", asked)
    page.on("response", finished)
    page.on("requestfailed", lambda r: page.seen.failed.append(f"{r.failure} {r.url}"))


def settle(page) -> None:
    """Wait until the maths is typeset, the fonts are there and the live figures stand."""
    page.evaluate(PROBES)
    page.evaluate("() => window.MathJax?.startup?.promise")
    page.evaluate("() => document.fonts.ready.then(() => true)")
    page.evaluate("() => probes.startFigures()")
    page.evaluate("() => probes.frame()")


def switch(page, theme: str, seen: Visit) -> None:
    """Let the reader's system change to light or dark, and the page follow."""
    page.emulate_media(color_scheme=theme)
    page.evaluate("() => probes.frame()")
    seen.themes.append(page.evaluate("() => document.documentElement.dataset.theme"))
    seen.code += [f"{theme}: {found}" for found in page.evaluate("() => probes.code()")]


def ask_axe(page, rules: dict, theme: str, seen: Visit) -> None:
    """What axe finds wrong with the page as it is now."""
    for rule in page.evaluate(RUN_AXE, [TINY, rules]):
        nodes = [f"{' '.join(map(str, node['target']))}  {node['html'][:160]}" for node in rule["nodes"]]
        seen.axe[f"{rule['id']}, {theme}: {rule['help']}"] = nodes[:5]


def visit(chromium, base: str, path: str, screen: str) -> Visit:
    """Open ``path``, note what happens, and act on its live figures; axe comes to the wide screen."""
    page = borrow(room(chromium, **SCREENS[screen]), lambda page: watch(page, base))
    page.set_default_timeout(20_000)
    page.emulate_media(color_scheme="light")
    page.seen = seen = Visit()
    try:
        page.goto(base + path, wait_until="load")
        settle(page)
        seen.silent_maths = page.evaluate("() => probes.silentMaths()")
        seen.cut_maths = page.evaluate("() => probes.cutMaths()")
        seen.wide = page.evaluate("() => probes.width()")
        seen.figures = page.evaluate("() => probes.figures()")
        if screen == "phone":
            seen.code = page.evaluate("() => probes.code()")
            seen.unmoved = unmoved(page, tap)
            return seen
        switch(page, "dark", seen)
        seen.unmoved = unmoved(page, drag)
        page.evaluate(AXE)
        page.evaluate("() => probes.thin()")
        ask_axe(page, COLOURS, "dark", seen)
        switch(page, "light", seen)
        ask_axe(page, EVERYTHING, "light", seen)
        seen.unmoved += unmoved(page, keys)
    finally:
        give_back(page)
    return seen

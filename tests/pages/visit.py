"""Open a page once in one look (light, dark, phone) and note everything that the tests ask about."""

from dataclasses import dataclass, field
from pathlib import Path

import axe_playwright_python

from tests.pages.hands import unmoved

AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
PROBES = (Path(__file__).parent / "probes.js").read_text(encoding="utf-8")
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
# preload: axe would fetch style sheets itself, relative to the wrong folder.
RULES = {"preload": False, "resultTypes": ["violations"], "runOnly": {"type": "tag", "values": TAGS}}
RUN_AXE = "([what, rules]) => axe.run(what, rules).then((report) => report.violations)"
TINY = [["mjx-container"], [".highlight pre"]]
WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
LOOKS = {
    "light": {"viewport": WIDE, "color_scheme": "light"},
    "dark": {"viewport": WIDE, "color_scheme": "dark"},
    "phone": {"viewport": NARROW, "color_scheme": "light", "has_touch": True, "is_mobile": True},
}


@dataclass
class Visit:
    """What happened on one page in one look."""

    errors: list[str] = field(default_factory=list)  # console errors and uncaught exceptions
    failed: list[str] = field(default_factory=list)  # requests without an answer, or 400 and above
    outside: list[str] = field(default_factory=list)  # requests to anywhere but the site
    axe: dict[str, list[str]] = field(default_factory=dict)  # rule -> the elements that break it
    code: list[str] = field(
        default_factory=list
    )  # colours of code without contrast, scrolling without keyboard
    silent_maths: list[str] = field(default_factory=list)  # formulas without assistive MathML
    cut_maths: list[str] = field(default_factory=list)  # displayed formulas without enough room
    wide: dict = field(default_factory=dict)
    figures: list[dict] = field(default_factory=list)
    unmoved: list[str] = field(default_factory=list)  # live figures that don't answer the reader


def watch(page, base: str, seen: Visit) -> None:
    """Note errors and requests of a Playwright page."""

    def finished(response):
        if response.status >= 400:
            seen.failed.append(f"{response.status} {response.url}")

    def asked(request):
        if not request.url.startswith((base, "data:", "blob:")):
            seen.outside.append(request.url)

    page.on("console", lambda m: seen.errors.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda e: seen.errors.append(f"uncaught: {e}"))
    page.on("request", asked)
    page.on("response", finished)
    page.on("requestfailed", lambda r: seen.failed.append(f"{r.failure} {r.url}"))


def settle(page) -> None:
    """Wait until the maths is typeset, the fonts are there and the live figures stand."""
    page.evaluate(PROBES)
    page.evaluate("() => window.MathJax?.startup?.promise")
    page.evaluate("() => document.fonts.ready.then(() => true)")
    page.evaluate("() => probes.startFigures()")
    page.wait_for_timeout(150)


def told(rule: dict, node: dict) -> str:
    """One finding of axe in a line."""
    return f"{rule['help']}: {' '.join(map(str, node['target']))}  {node['html'][:160]}"


def visit(chromium, base: str, path: str, look: str) -> Visit:
    """Open ``path``, note what happens, and act on its live figures; axe runs in light and dark."""
    context = chromium.new_context(**LOOKS[look])
    page = context.new_page()
    page.set_default_timeout(20_000)
    seen = Visit()
    watch(page, base, seen)
    try:
        page.goto(base + path, wait_until="load")
        settle(page)
        if look != "phone":
            page.evaluate(AXE)
            # Formulas and code are thousands of tiny elements; what axe would ask of them is asked below.
            broken = page.evaluate(RUN_AXE, [{"exclude": TINY}, RULES])
            seen.axe = {rule["id"]: [told(rule, node) for node in rule["nodes"][:5]] for rule in broken}
        seen.code = page.evaluate("() => probes.code()")
        seen.silent_maths = page.evaluate("() => probes.silentMaths()")
        seen.cut_maths = page.evaluate("() => probes.cutMaths()")
        seen.wide = page.evaluate("() => probes.width()")
        seen.figures = page.evaluate("() => probes.figures()")
        seen.unmoved = unmoved(page, look)
    finally:
        context.close()
    return seen

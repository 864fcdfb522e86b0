"""Open a page once in one look (light, dark, phone) and note everything that the tests ask about."""

from dataclasses import dataclass, field
from pathlib import Path

import axe_playwright_python

AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
# preload: axe would fetch style sheets itself, relative to the wrong folder.
RULES = {
    "preload": False,
    "runOnly": {
        "type": "tag",
        "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    },
}
LOOKS = {
    "light": {"viewport": {"width": 1280, "height": 900}, "color_scheme": "light"},
    "dark": {"viewport": {"width": 1280, "height": 900}, "color_scheme": "dark"},
    "phone": {
        "viewport": {"width": 390, "height": 844},
        "color_scheme": "light",
        "has_touch": True,
        "is_mobile": True,
    },
}

WIDE = """() => {
  const room = document.documentElement.clientWidth;
  const clipped = (e) => { for (let p = e.parentElement; p && p !== document.body; p = p.parentElement) {
    const o = getComputedStyle(p).overflowX; if (o !== "visible" && p.getBoundingClientRect().right <= room + 1) return true; } return false; };
  const names = [...document.querySelectorAll("main *:not(.bd-sidebar-secondary, .bd-sidebar-secondary *)")].filter((e) => e.getBoundingClientRect().right > room + 1 && !clipped(e))
    .slice(0, 5).map((e) => e.tagName.toLowerCase() + "." + String(e.className?.baseVal ?? e.className).slice(0, 60));
  return { scroll: document.scrollingElement.scrollWidth, room, names }; }"""

# Live figures start when they come near the window: bring each there, and wait until it stands or has given up.
START_FIGURES = """async () => {
  for (const figure of document.querySelectorAll("dgm-figure")) {
    figure.scrollIntoView();
    const end = performance.now() + 10000, settled = () => figure.hasAttribute("live") || figure.shadowRoot?.querySelector("[role=alert]");
    while (!settled() && performance.now() < end) await new Promise((next) => setTimeout(next, 30));
  }
  window.scrollTo(0, 0); }"""
FIGURES = """() => [...document.querySelectorAll("dgm-figure")].map((e) => ({
  kind: e.getAttribute("kind"), live: e.hasAttribute("live"), alert: e.shadowRoot?.querySelector("[role=alert]")?.textContent ?? null,
  alt: e.querySelector("img")?.alt ?? "" }))"""


@dataclass
class Visit:
    """What happened on one page in one look."""

    errors: list[str] = field(default_factory=list)  # console errors and uncaught exceptions
    failed: list[str] = field(
        default_factory=list
    )  # requests without an answer, or answered by 400 and above
    outside: list[str] = field(default_factory=list)  # requests to anywhere but the site
    axe: dict[str, list[str]] = field(default_factory=dict)  # rule -> the elements that break it
    wide: dict = field(default_factory=dict)
    figures: list[dict] = field(default_factory=list)


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
    page.evaluate("() => window.MathJax?.startup?.promise")
    page.evaluate("() => document.fonts.ready.then(() => true)")
    page.evaluate(START_FIGURES)
    page.wait_for_timeout(150)


def visit(chromium, base: str, path: str, look: str) -> Visit:
    """Open ``path`` and note what happens; axe runs in light and dark."""
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
            report = page.evaluate("(rules) => axe.run(document, rules)", RULES)
            seen.axe = {
                v["id"]: [
                    f"{v['help']}: {' '.join(map(str, n['target']))}  {n['html'][:160]}"
                    for n in v["nodes"][:5]
                ]
                for v in report["violations"]
            }
        seen.wide = page.evaluate(WIDE)
        seen.figures = page.evaluate(FIGURES)
    finally:
        context.close()
    return seen

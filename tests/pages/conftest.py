"""The built site, served below a sub-path as GitHub Pages does, and one browser for each worker."""

import functools
import threading
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

from tools import browser as finder
from tools import serve

ROOT = Path(__file__).resolve().parents[2]
SITE = ROOT / "_build" / "html"
PREFIX = "/some/where/below/"
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--hide-scrollbars",
]  # fmt: skip


def pages() -> list[str]:
    """Every page of the site, as a path below its root, but for index.html, which leads on to the first page."""
    found = (p.relative_to(SITE) for p in SITE.rglob("*.html"))  # none, while there is no site
    skip = {"_static", "_sources", "_downloads", "index.html"}
    return sorted(p.as_posix() for p in found if p.parts[0] not in skip)


class Below(serve.Handler):
    """Serves the site under PREFIX only: an address that forgets the sub-path gets a 404."""

    def translate_path(self, path: str) -> str:
        if not path.startswith(PREFIX):
            return str(SITE / "outside-of-the-site")
        return super().translate_path("/" + path.removeprefix(PREFIX))


@pytest.fixture(scope="session")
def base():
    """The address of the site, with a trailing slash."""
    if not (SITE / "index.html").exists():
        pytest.fail("the site is not built: run `make book` first")
    httpd = serve.http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Below, directory=str(SITE))
    )
    threading.Thread(target=httpd.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{httpd.server_address[1]}{PREFIX}"
    httpd.shutdown()


@pytest.fixture(scope="session")
def chromium():
    """A running headless Chromium. None to be found is a failure that says how to get one."""
    path = finder.find()
    if path is None:
        pytest.fail(finder.HELP)
    with sync_playwright() as p:
        running = p.chromium.launch(executable_path=path, headless=True, args=FLAGS)
        yield running
        running.close()

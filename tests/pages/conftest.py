"""The built site, served below a sub-path as GitHub Pages does."""

import functools
import http.server
import threading
from pathlib import Path

import pytest

from tests.browser import chromium  # noqa: F401
from tools import serve

ROOT = Path(__file__).resolve().parents[2]
SITE = ROOT / "_build" / "html"
PREFIX = "/some/where/below/"


def pages() -> list[str]:
    """Every page of the site by its path, but for index.html, which leads on to the first page."""
    found = (p.relative_to(SITE) for p in SITE.rglob("*.html"))  # none, while there is no site
    skip = {"_static", "_sources", "_downloads", "index.html"}
    return sorted(p.as_posix() for p in found if p.parts[0] not in skip)


class Below(serve.Handler):
    """Serves the site under PREFIX only: an address that forgets the sub-path gets a 404."""

    caching = "max-age=3600"  # nothing changes during a test run

    def translate_path(self, path: str) -> str:
        if not path.startswith(PREFIX):
            return str(SITE / "outside-of-the-site")
        return super().translate_path("/" + path.removeprefix(PREFIX))


@pytest.fixture(scope="session")
def base():
    """The address of the site, with a trailing slash."""
    if not (SITE / "index.html").exists():
        pytest.fail("the site is not built: run `make book` first")
    handler = functools.partial(Below, directory=str(SITE))
    httpd = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=httpd.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{httpd.server_address[1]}{PREFIX}"
    httpd.shutdown()

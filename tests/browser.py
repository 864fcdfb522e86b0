"""The one headless Chromium of a test run, for every test that needs a browser.

A conftest takes the fixture in by name: ``from tests.browser import chromium``. However many do,
a pytest process runs one browser (a second Playwright in one process would be refused).
"""

from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tools import browser as finder

FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--hide-scrollbars",
]  # fmt: skip
RUNNING = pytest.StashKey[Browser]()
ROOMS: dict[str, BrowserContext] = {}
IDLE: dict[BrowserContext, list[Page]] = {}


@pytest.fixture(scope="session")
def chromium(pytestconfig):
    """A running headless Chromium. None to be found is a failure that says how to get one."""
    if RUNNING not in pytestconfig.stash:
        path = finder.find()
        if path is None:
            pytest.fail(finder.HELP)
        playwright = sync_playwright().start()
        running = playwright.chromium.launch(executable_path=path, headless=True, args=FLAGS)
        pytestconfig.stash[RUNNING] = running
        pytestconfig.add_cleanup(lambda: (running.close(), playwright.stop()))
    return pytestconfig.stash[RUNNING]


def room(chromium: Browser, **options) -> BrowserContext:
    """The browser's context with these options, for pages that leave nothing behind.

    Made once in a process: a new one takes a fifth of a second, and reads all scripts anew.
    """
    key = repr(sorted(options.items()))
    if key not in ROOMS:
        ROOMS[key] = chromium.new_context(**options)
    return ROOMS[key]


def borrow(context: BrowserContext, prepare: Callable[[Page], None]) -> Page:
    """A blank page: one that was given back, or a new one on which ``prepare`` has been called.

    Another document in the same page is three times as fast as a page with a process of its own.
    """
    if not IDLE.get(context):
        page = context.new_page()
        prepare(page)
        return page
    return IDLE[context].pop()


def give_back(page: Page) -> None:
    """Leave a page as a new one would be."""
    page.goto("about:blank")
    page.mouse.up()
    page.mouse.move(0, 0)
    page.emulate_media(media="null")
    IDLE.setdefault(page.context, []).append(page)

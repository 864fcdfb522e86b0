"""Find a Chromium for the browser tests, or get one.

    python tools/browser.py            print the path of the browser; install one if there is none

Looks, in this order, at the environment variable DGM_CHROMIUM, at the system's Chromium or Chrome, and at
the one that Playwright downloaded. Where there is none, lets Playwright download its own, and on Debian as
root falls back to apt.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "chrome"]
PLACES = [
    "/usr/bin/chromium",
    "/usr/lib/chromium/chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
]
HELP = """No browser was found, and the tests of the pages need one. Any one of these is enough:
  Debian:          sudo apt install chromium fonts-dejavu-core
  anywhere:        .venv/bin/playwright install --with-deps chromium
  one you have:    export DGM_CHROMIUM=/path/to/chromium"""


def works(path: str | Path | None) -> bool:
    """Whether the file answers to --version (Ubuntu's chromium may be a stub that asks for snap)."""
    if not path or not Path(path).is_file():
        return False
    try:
        done = subprocess.run([str(path), "--version"], capture_output=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0 and bool(done.stdout.strip())


def playwrights_own() -> str | None:
    """The path where Playwright keeps (or would keep) its Chromium."""
    try:
        from playwright.sync_api import sync_playwright

        with sync_playwright() as p:
            return p.chromium.executable_path
    except Exception:
        return None


def find() -> str | None:
    """The path of a Chromium that runs, or None.

    Raises:
        FileNotFoundError: If DGM_CHROMIUM is set to something that does not run.
    """
    named = os.environ.get("DGM_CHROMIUM")
    if named:
        if not works(named):
            raise FileNotFoundError(f"DGM_CHROMIUM={named}: no browser that runs is there")
        return named
    for candidate in [*map(shutil.which, NAMES), *PLACES, playwrights_own()]:
        if works(candidate):
            return str(candidate)
    return None


def get() -> str | None:
    """Install a Chromium: Playwright's, else Debian's where we are root. The path, or None."""
    attempts = [[sys.executable, "-m", "playwright", "install", "chromium"]]
    if hasattr(os, "geteuid") and os.geteuid() == 0 and shutil.which("apt-get"):
        quiet = ["apt-get", "-qq", "-o=Dpkg::Use-Pty=0"]
        attempts.append([*quiet, "update"])
        attempts.append([*quiet, "install", "-y", "--no-install-recommends", "chromium", "fonts-dejavu-core"])
    for command in attempts:
        print("browser: trying", " ".join(command), file=sys.stderr, flush=True)
        env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        subprocess.run(command, env=env, stdout=sys.stderr)
        if found := find():
            return found
    return None


def main() -> int:
    try:
        path = find() or get()
    except FileNotFoundError as error:
        print(error, file=sys.stderr)
        return 1
    print(path or HELP, file=sys.stdout if path else sys.stderr)
    return 0 if path else 1


if __name__ == "__main__":
    sys.exit(main())

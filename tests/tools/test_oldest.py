"""The tests with the oldest versions are all that need no browser, site or wheel."""

import re

from tools.check import ROOT

# What reads the book, the site, the repository or the wheel, or needs a browser.
ELSEWHERE = {"live", "packaging", "pages", "tools"}


def test_no_room_of_tests_is_left_out_in_silence():
    script = (ROOT / "tools/oldest.sh").read_text(encoding="utf-8")
    rooms = set(re.search(r'rooms="([^"]*)"', script)[1].split())
    there = {folder.name for folder in (ROOT / "tests").iterdir() if (folder / "__init__.py").exists()}
    assert rooms == there - ELSEWHERE
    for file in re.findall(r"tests/test_\w+\.py", script):
        assert (ROOT / file).exists(), file

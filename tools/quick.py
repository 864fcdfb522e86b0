"""`make quick`: what is worth knowing after every change, in a minute and a half.

    python tools/quick.py [--since main]

Lint, layers, the laws on small models, and the tests of what changed: those of a file, of its folder where it
has none of its own, and those that import it, unless these are very many. What only `make test` looks at is
named at the end.
"""

import argparse
import re
import subprocess
import sys
import time
from functools import cache
from pathlib import Path

from tools.check import ROOT, environment

ALWAYS = ("tests/test_layering.py", "tests/test_laws.py")
ELSEWHERE = ("tests/packaging", "tests/pages", "tests/live")  # minutes, a browser: `make test` has them
MOST = 12  # files of tests that a change is worth, beyond which it is a matter for `make test`
READ_BY = {  # tests that read files which are not Python, by how these files' names begin
    "book/": ("tests/test_notebooks_hygiene.py", "tests/test_book_sources.py"),
    "data/": ("tests/datasets/test_files.py",),
    "README.md": ("tests/tools/test_documents.py",),
    "CONTRIBUTING.md": ("tests/tools/test_documents.py",),
}


def changed(since: str) -> list[str]:
    """Files that differ from a commit, and those that git does not know yet."""
    git = [["diff", "--name-only", since], ["ls-files", "--others", "--exclude-standard"]]
    said = [
        subprocess.run(["git", *g], cwd=ROOT, capture_output=True, text=True, check=True).stdout for g in git
    ]
    return sorted(set("".join(said).split()))


@cache
def tests_of(file: str) -> set[str]:
    """The tests that a change of this file calls for."""
    path = Path(file)
    if path.match("tests/**/test_*.py") or path.match("tests/test_*.py"):
        return {file} if (ROOT / file).exists() else set()
    if path.parts[0] == "tests":  # what the tests of a folder share
        return {path.parent.as_posix()} if len(path.parts) > 2 and (ROOT / path.parent).exists() else set()
    if path.parts[0] not in ("dgm_lite", "tools"):
        return {test for start, tests in READ_BY.items() if file.startswith(start) for test in tests}
    below = path.parent.parts[1:] if path.parts[0] == "dgm_lite" else path.parent.parts
    folder = Path("tests", *below)
    while not (ROOT / folder).exists():
        folder = folder.parent
    own = folder / f"test_{path.stem}.py"
    found = {own.as_posix()} if (ROOT / own).exists() else {folder.as_posix()} if below else set()
    if path.suffix != ".py":
        return found
    address = re.escape(".".join(path.with_suffix("").parts).removesuffix(".__init__"))
    package, _, name = address.rpartition(r"\.")
    importing = re.compile(
        rf"from {address} import |from {package} import [^\n]*\b{name}\b|import {address}\b"
    )
    for test in (ROOT / "tests").rglob("test_*.py"):
        if importing.search(test.read_text(encoding="utf-8")):
            found.add(test.relative_to(ROOT).as_posix())
    if not found:  # a tool that no test names: the tests of those who use it
        for user in (ROOT / "dgm_lite").rglob("*.py"):
            if importing.search(user.read_text(encoding="utf-8")):
                found |= tests_of(user.relative_to(ROOT).as_posix())
    return {name for name in found if (ROOT / name).exists()}


def run_here(file: str) -> set[str]:
    """The tests of a file for which there is time: where very many import it, those of its own room."""
    tests = {test for test in tests_of(file) if not test.startswith(ELSEWHERE)}
    room = Path("tests", *Path(file).parent.parts[1:])
    return (
        tests if len(tests) <= MOST else {test for test in tests if room in (Path(test), Path(test).parent)}
    )


def left_to_make_test(files: list[str], tests: set[str]) -> list[str]:
    """Tests too long to be run here, notebooks, which are run there, and files that no test here looks at."""
    unread = (file for file in files if file.endswith(".ipynb") or not tests_of(file))
    return sorted(set().union(*map(tests_of, files), unread) - tests)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--since", default="HEAD", help="the commit to compare with (default HEAD)")
    args = parser.parse_args(argv)
    began = time.time()
    files = changed(args.since)
    tests = set().union(*map(run_here, files), ALWAYS)
    left = left_to_make_test(files, tests)
    lint = [sys.executable, "-m", "ruff", "check", "--quiet", "dgm_lite", "tools", "tests"]
    test = [sys.executable, "-m", "pytest", "-q", "-n", "2", "--dist", "worksteal", *sorted(tests)]
    codes = [subprocess.run(command, cwd=ROOT, env=environment()).returncode for command in (lint, test)]
    if left:
        print(f"not run here, but by `make test`: {', '.join(left)}")
    print(
        f"{time.time() - began:.0f} s; {'everything holds' if not any(codes) else 'something does not hold'}"
    )
    return int(any(codes))


if __name__ == "__main__":
    sys.exit(main())

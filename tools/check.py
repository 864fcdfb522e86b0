"""`make test`: run everything that has to hold, even where one part fails, and say how it went.

    python tools/check.py [--jobs 2] [--only unit,book]

Exit code 0 only if every part passed.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parents[1]
STEPS = {
    "lint": ("ruff", ["-m", "ruff", "check", "--quiet", "dgm_lite", "tools", "tests"]),
    "browser": ("a Chromium for the tests below", ["tools/browser.py"]),
    "book": ("the site builds without a warning", ["tools/build.py"]),
}
# One run of pytest for all of these, so that no worker waits for the end of a part. What is long comes first.
TESTS = {
    "packaging": ("the wheel in Colab's environment", ["tests/packaging"]),
    "notebooks": ("every notebook runs and says the same", ["book"]),
    "pages": ("every page in a browser", ["tests/pages"]),
    "unit": ("unit tests, laws, layering, notebook hygiene", []),
}
NAMES = [*STEPS, *TESTS]
NBVAL = [
    "-p",
    "tools.nbval_claims",
    "--nbval-lax",
    "--nbval-sanitize-with=tools/nbval.cfg",
    "--nbval-cell-timeout=300",
]


def environment() -> dict[str, str]:
    """One thread, one order of sets, this environment's kernels, no bars in what notebooks put out."""
    same = {"OMP_NUM_THREADS": "1", "PYTHONHASHSEED": "0", "TQDM_DISABLE": "1"}
    same["JUPYTER_PREFER_ENV_PATH"] = "1"
    return {**os.environ, **same}


def paths(part: str) -> list[str]:
    """Where the tests of a part are; unit has what no other part has."""
    if part != "unit":
        return TESTS[part][1]
    others = {path for _, found in TESTS.values() for path in found}
    every = (p.relative_to(ROOT).as_posix() for p in sorted((ROOT / "tests").iterdir()))
    return [p for p in every if p not in others and (p.endswith(".py") or "." not in p) and "/__" not in p]


def part_of(classname: str) -> str:
    """The part that a test of pytest's report belongs to, by its dotted address."""
    for part, (_, found) in TESTS.items():
        if any(classname.startswith(path.replace("/", ".")) for path in found):
            return part
    return "unit"


def told(report: Path) -> dict[str, Counter]:
    """What pytest's report says of each part: tests, failures and seconds."""
    found = {}
    for case in ElementTree.parse(report).getroot().iter("testcase"):
        counts = found.setdefault(part_of(case.get("classname")), Counter())
        wrong = case.find("failure") is not None or case.find("error") is not None
        counts.update(tests=1, failed=wrong, seconds=float(case.get("time")))
    return found


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", default="2", help="workers for the tests (default 2)")
    parser.add_argument("--only", help=f"some parts only, by comma: {','.join(NAMES)}")
    args = parser.parse_args(argv)
    chosen = args.only.split(",") if args.only else NAMES
    if unknown := set(chosen) - set(NAMES):
        parser.error(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}")

    began = time.time()
    lines, failed = [], []

    def runs(command: list) -> bool:
        return (
            subprocess.run([sys.executable, *map(str, command)], cwd=ROOT, env=environment()).returncode == 0
        )

    def note(name: str, passed: bool, how: str) -> None:
        lines.append(f"  {'passed' if passed else 'FAILED'}  {name:10} {how}")
        failed.extend([] if passed else [name])

    for name in (n for n in STEPS if n in chosen):
        what, command = STEPS[name]
        print(f"── {name}: {what}", flush=True)
        start = time.time()
        note(name, runs(command), f"{time.time() - start:.0f} s")

    parts = [name for name in TESTS if name in chosen]
    if "pages" in parts and "book" in failed:
        parts.remove("pages")
        note("pages", False, "not run: the site did not build")
    if parts:
        print("── " + "; ".join(f"{name}: {TESTS[name][0]}" for name in parts), flush=True)
        with tempfile.TemporaryDirectory() as folder:
            report = Path(folder) / "report.xml"
            # A file stays on one worker, so that what its tests share is made once.
            spread = ["-n", args.jobs, "--dist", "loadfile", "--no-loadscope-reorder"]
            where = [path for name in parts for path in paths(name)]
            passed = runs(["-m", "pytest", "-q", *spread, *NBVAL, f"--junitxml={report}", *where])
            counts = told(report) if report.exists() else {}
        for name in parts:
            c = counts.get(name, Counter())
            how = f"{c['tests']} tests, {c['failed']} failed, {c['seconds']:.0f} s of a worker's time"
            note(name, bool(c["tests"]) and not c["failed"], how)
        if not passed and not failed:
            note("pytest", False, "ended with an error, see above")

    print("\n".join(["", "── summary", *lines]))
    verdict = f"failed: {', '.join(failed)}" if failed else "everything holds"
    print(f"  {time.time() - began:.0f} s in all; {verdict}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

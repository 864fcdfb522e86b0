"""`make test`: run everything that has to hold, even where one part fails, and say how it went.

    python tools/check.py [--jobs 2] [--only unit,book]

Exit code 0 only if every part passed.
"""

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PYTEST = [sys.executable, "-m", "pytest", "-q"]


def parts(jobs: int) -> dict[str, tuple[str, list]]:
    """Name -> (what it is, command), in the order in which they run."""
    notebooks = [
        "-p",
        "tools.nbval_claims",
        "--nbval-lax",
        "--nbval-sanitize-with=tools/nbval.cfg",
        "--nbval-cell-timeout=300",
    ]
    spread = ["-n", jobs, "--dist", "loadscope"]  # a notebook stays on one worker
    return {
        "lint": ("ruff", [sys.executable, "-m", "ruff", "check", "--quiet", "dgm_lite", "tools", "tests"]),
        "browser": ("a Chromium for the tests below", [sys.executable, "tools/browser.py"]),
        "unit": (
            "unit tests, laws, layering, notebook hygiene",
            # A file stays on one worker, so that what its tests share is made once.
            [*PYTEST, "tests", "--ignore=tests/pages", "--ignore=tests/packaging", "-n", jobs]
            + ["--dist", "loadfile"],
        ),
        "notebooks": ("every notebook runs and says the same", [*PYTEST, *notebooks, *spread, "book"]),
        "book": ("the site builds without a warning", [sys.executable, "tools/build.py"]),
        "pages": ("every page in a browser", [*PYTEST, "tests/pages", "-n", jobs]),
        "packaging": ("the wheel in Colab's environment", [*PYTEST, "tests/packaging"]),
    }


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", default="2", help="workers for each part (default 2)")
    names = list(parts("2"))
    parser.add_argument("--only", help=f"some parts only, by comma: {','.join(names)}")
    args = parser.parse_args(argv)
    chosen = args.only.split(",") if args.only else names
    if unknown := set(chosen) - set(names):
        parser.error(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(names)}")

    env = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONHASHSEED": "0", "JUPYTER_PREFER_ENV_PATH": "1"}
    results = {}
    for name, (what, command) in parts(args.jobs).items():
        if name not in chosen:
            continue
        print(f"\n── {name}: {what}", flush=True)
        start = time.time()
        if name == "pages" and results.get("book") is False:
            print("not run: the site did not build")
            results[name], code = False, 1
        else:
            code = subprocess.run([str(c) for c in command], cwd=ROOT, env=env).returncode
        results[name] = code == 0
        print(f"── {name}: {'passed' if code == 0 else 'FAILED'}, {time.time() - start:.0f} s", flush=True)
        results[name + " s"] = time.time() - start

    print("\n── summary")
    ran = [name for name in names if name in results]
    for name in ran:
        print(f"  {'passed' if results[name] else 'FAILED'}  {results[name + ' s']:5.0f} s  {name}")
    failed = [name for name in ran if not results[name]]
    total = sum(results[name + " s"] for name in ran)
    print(f"  {total:.0f} s in all; {'failed: ' + ', '.join(failed) if failed else 'everything holds'}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

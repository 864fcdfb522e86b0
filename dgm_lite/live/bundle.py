"""One ES module made of engine.mjs, core.mjs and every figure's .mjs, with no build step and no Node.

The files are put one after another, each as a function of its own that returns what it exports, so that
private names never meet. Lines that import from each other go, and so do indentation and whole-line
comments. The files are written so that this is safe: imports and exports begin their line and take one
line, and no line of a template literal begins with ``//``.
"""

import re
from functools import cache
from pathlib import Path

HERE = Path(__file__).parent
SHARED = ("engine.mjs", "core.mjs")


def figures() -> list[Path]:
    """The figures' own files, in the order of their names."""
    return sorted(p for p in HERE.glob("*.mjs") if p.name not in SHARED)


def _scoped(path: Path) -> str:
    lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    kept = [line for line in lines if line and not line.startswith(("//", "import "))]
    exported = re.compile(r"^export (?=(?:class|function|const) (\w+))")
    names = ", ".join(found[1] for line in kept if (found := exported.match(line)))
    code = "\n".join(exported.sub("", line) for line in kept)
    return f"const {{ {names} }} = (() => {{\n{code}\nreturn {{ {names} }};\n}})();" if names else f"(() => {{\n{code}\n}})();"


@cache
def body() -> str:
    """The code of all figures without imports and exports: what a script or a function may hold.

    Raises:
        ValueError: If a file holds ``</script``, which would end the script it is put in.
    """
    code = "\n".join(_scoped(path) for path in [HERE / name for name in SHARED] + figures())
    if "</script" in code.lower():
        raise ValueError("dgm_lite.live: expected JavaScript that holds no '</script', got one.")
    return code


def esm() -> str:
    """The module that pages import (and define() the element of), and that anywidget asks for render."""
    return body() + "\nexport { Model, operators, define, render };\nexport default { render };\n"


@cache
def supported() -> frozenset[str]:
    """Names of the ONNX operators that the engine runs, read from its table."""
    table = (HERE / "engine.mjs").read_text(encoding="utf-8").split("const OPERATORS = {")[1].split("\n};")[0]
    return frozenset(re.findall(r"(?:^|[\s,])([A-Z][A-Za-z]+):", table))

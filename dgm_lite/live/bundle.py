"""The JavaScript of live figures, put together with no build step and no Node.

The files in ``shared`` are in every figure's code; each kind of figure has a file of its own. A notebook's
output carries the shared code and its own figure (``inline``). A site serves one shared script and one for
each kind, so that a page loads the figures it shows and no others (``files``); they are classic scripts,
which work from file:// too. ``esm`` is one module, for anywidget and tests.

All shared files become the body of one function, and each kind that of another, so that private names of two
kinds never meet. Lines that are comments, and the blanks that begin a line, stay behind; all else is as it
was written, so that an error in a notebook's console can be read. Imports take one line each.
"""

import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).parent
# Each after those that it imports.
SHARED = (
    "numbers", "onnx_file", "tensors", "moves", "products", "operators", "engine", "plot", "charts", "figure",
)  # fmt: skip
# On a site: what loads the code of a kind, beside the script that holds this.
LOAD = """const { src } = document.currentScript;
dgm.define((kind) => {
const script = document.createElement("script");
script.src = new URL(kind + ".js", src);
document.head.append(script);
});"""

_IMPORT = re.compile(r'^import \{ (.*) \} from "\./[\w/]+\.mjs";\n', re.M)
_EXPORT = re.compile(r"^export (?=(?:class|function|const) (\w+))", re.M)
_LEFT_OUT = re.compile(r"^[ \t]*(?://.*)?\n|^[ \t]+", re.M)


def figures() -> list[Path]:
    """The figures' own files, in the order of their names."""
    return sorted(HERE.glob("*.mjs"))


class _Module(NamedTuple):
    """A file's code without imports and without the word export, and the names that it gives and takes."""

    code: str
    exports: list[str]
    imports: list[str]


@cache
def _read(name: str) -> _Module:
    source = (HERE / f"{name}.mjs").read_text(encoding="utf-8")
    exports, imports = _EXPORT.findall(source), ", ".join(_IMPORT.findall(source)).split(", ")
    code = _LEFT_OUT.sub("", _EXPORT.sub("", _IMPORT.sub("", source)))
    if "</script" in code.lower():  # it would end the script element that holds the code
        raise ValueError(f"dgm_lite.live: expected JavaScript without '</script', got one in {name}.mjs.")
    return _Module(code, exports, imports)


@cache
def _shared(*more: str) -> tuple[str, str]:
    """The body of the function that makes what figures share, and the names of it, with commas."""
    modules = [_read(f"shared/{name}") for name in (*SHARED, *more)]
    names = ", ".join(name for module in modules for name in module.exports)
    return "".join(module.code for module in modules) + f"return {{ {names} }};\n", names


def _own(kind: str) -> str:
    """The function that adds a kind to what figures share."""
    figure = _read(kind)
    return f"({{ {', '.join(figure.imports)} }}) => {{\n{figure.code}}}"


def inline(kind: str) -> str:
    """For a script in a page: ``shared()`` makes what figures share, ``own(shared())`` adds the figure."""
    return f"const shared = () => {{\n{_shared()[0]}}};\nconst own = {_own(kind)};"


def esm(kinds: Iterable[str] | None = None) -> str:
    """One module with these kinds of figures (all by default); it exports all that they share, and render."""
    body, names = _shared("widget")
    chosen = [path.stem for path in figures()] if kinds is None else kinds
    return "\n".join(
        [
            f"const dgm = (() => {{\n{body}}})();",
            *(f"({_own(kind)})(dgm);" for kind in chosen),
            f"export const {{ {names} }} = dgm;\nexport default {{ render }};\n",
        ]
    )


def files() -> dict[str, str]:
    """What a site serves in ``_static/dgm``: figures.js, for pages that have any, which loads the others."""
    shared = f'"use strict";\nglobalThis.dgm = (() => {{\n{_shared()[0]}}})();\n{{\n{LOAD}\n}}\n'
    return {"figures.js": shared} | {
        f"{path.stem}.js": f'"use strict";\n({_own(path.stem)})(dgm);\n' for path in figures()
    }


@cache
def supported() -> frozenset[str]:
    """Names of the ONNX operators that the engine runs, read from its table."""
    source = (HERE / "shared" / "operators.mjs").read_text(encoding="utf-8")
    table = source.split("const OPERATORS = {")[1].split("\n};")[0]
    return frozenset(re.findall(r"^  (\w+):", table, re.M))

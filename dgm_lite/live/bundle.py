"""The JavaScript of live figures, put together with no build step and no Node.

engine.mjs and core.mjs are shared; each figure has a file of its own. A notebook's output carries the shared
code and its own figure (``inline``). A site serves one shared script and one for each kind, so that a page
loads the figures it shows and no others (``files``); they are classic scripts, which work from file:// too.
``esm`` is one module, for anywidget and tests.

Each file becomes a function of its own that returns what it exports, so that private names never meet.
Comments and blanks that the browser does not need go. In a notebook the names stay, so that an error in the
console can be read; a site may give short ones. The sources are written so that ``squeeze`` is safe: imports
and exports begin their line and take one line, statements end in semicolons, and there are no regular
expression literals.
"""

import re
from collections.abc import Callable, Collection, Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).parent
SHARED = ("engine", "core")


def figures() -> list[Path]:
    """The figures' own files, in the order of their names."""
    return sorted(p for p in HERE.glob("*.mjs") if p.stem not in SHARED)


def _tokens(code: str) -> Iterator[str]:
    """Strings and templates whole, comments as a blank, and everything else one character at a time.

    Templates hold HTML and CSS, where the blanks that begin a line mean nothing: those go.
    """
    simple = re.compile(r"""//[^\n]*|/\*.*?\*/|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|\s+|.""", re.S)
    at = 0
    while at < len(code):
        end = _template_end(code, at) if code[at] == "`" else simple.match(code, at).end()
        token = code[at:end]
        if token[0] == "`":
            token = re.sub(r"\n\s+", "\n", token)
        yield " " if token.startswith(("//", "/*")) else token
        at = end


def _template_end(code: str, at: int) -> int:
    """Where the template literal that opens at ``at`` ends, whatever is nested in its ${...}."""
    at, depth = at + 1, 0
    while depth or code[at] != "`":
        if code[at] == "\\":
            at += 1
        elif code[at] == "`":
            at = _template_end(code, at) - 1
        elif depth and code[at] in "{}":
            depth += 1 if code[at] == "{" else -1
        elif code.startswith("${", at):
            depth, at = 1, at + 1
        at += 1
    return at + 1


def squeeze(code: str) -> str:
    """JavaScript without comments and without the blanks that separate nothing."""
    out, blank = [], ""
    for token in _tokens(code):
        if token.isspace():
            blank += token
            continue
        last, first = out[-1][-1] if out else "{", token[0]
        if blank:
            words = (last.isalnum() or last in "_$") and (first.isalnum() or first in "_$")
            signs = last in "+-" and first == last
            # A line break may end a statement, except where one can't have ended or can't begin.
            breaks = "\n" in blank and last not in "{;,([=&|?:>+" and first not in "})]&|?:.,"
            token = ("\n" if breaks else " " if words or signs else "") + token
        out.append(token)
        blank = ""
    return "".join(out)


# Makes code smaller; the second argument has the names that must stay.
Shorten = Callable[[str, Collection[str]], str]


class _Module(NamedTuple):
    """A file's code without imports and without the word export, and the names that it gives and takes."""

    code: str
    exports: list[str]
    imports: list[str]


@cache
def _read(name: str, shorten: Shorten | None) -> _Module:
    source = (HERE / f"{name}.mjs").read_text(encoding="utf-8")
    importing = re.compile(r"^import \{ (.*) \} from .*\n", re.M)
    exporting = re.compile(r"^export (?=(?:class|function|const) (\w+))", re.M)
    exports, imports = exporting.findall(source), ", ".join(importing.findall(source)).split(", ")
    code = squeeze(exporting.sub("", importing.sub("", source)))
    if "</script" in code.lower():  # it would end the script element that holds the code
        raise ValueError(f"dgm_lite.live: expected JavaScript without '</script', got one in {name}.mjs.")
    return _Module(shorten(code, {*exports, *imports}) if shorten else code, exports, imports)


def _shared(shorten: Shorten | None) -> tuple[str, str, list[str]]:
    """The engine as a statement, the core as an expression, and the names that each exports, with commas."""
    values, names = [], []
    for module in (_read(name, shorten) for name in SHARED):
        names.append(",".join(module.exports))
        values.append(f"(()=>{{{module.code}\nreturn {{{names[-1]}}};}})()")
    return f"const {{{names[0]}}}={values[0]};", values[1], names


def esm(kinds: Iterable[str] | None = None, shorten: Shorten | None = None) -> str:
    """One module with these kinds of figures (all by default): exports define, render and the engine."""
    engine, core, names = _shared(shorten)
    chosen = [path.stem for path in figures()] if kinds is None else kinds
    blocks = [f"(()=>{{{_read(kind, shorten).code}\n}})();" for kind in chosen]
    exports = f"export {{{','.join(names)}}};"
    return "\n".join(
        [engine, f"const {{{names[1]}}}={core};", *blocks, exports, "export default {render};\n"]
    )


def inline(kind: str, shorten: Shorten | None = None) -> str:
    """For a script inside a page: ``shared()`` makes engine and core, ``own(shared())`` adds the figure."""
    engine, core, _ = _shared(shorten)
    figure = _read(kind, shorten)
    shared = f"const shared=()=>{{{engine}\nreturn {core};}};"
    return f"{shared}\nconst own=({{{','.join(figure.imports)}}})=>{{{figure.code}\n}};"


def files(shorten: Shorten | None = None) -> dict[str, str]:
    """What a site serves in ``_static/dgm``: figures.js, for pages that have any, which loads the others."""
    engine, core, _ = _shared(shorten)
    load = (
        "const {src}=document.currentScript;dgm.define((kind)=>document.head.append("
        'Object.assign(document.createElement("script"),{src:new URL(kind+".js",src)})));'
    )
    code = {"figures.js": f'"use strict";{{{engine}\nglobalThis.dgm={core};\n{load}}}\n'}
    for kind in (path.stem for path in figures()):
        figure = _read(kind, shorten)
        needed = ",".join(figure.imports)
        code[f"{kind}.js"] = f'"use strict";(({{{needed}}})=>{{{figure.code}\n}})(dgm);\n'
    return code


@cache
def supported() -> frozenset[str]:
    """Names of the ONNX operators that the engine runs, read from its table."""
    table = (HERE / "engine.mjs").read_text(encoding="utf-8").split("const OPERATORS = {")[1].split("\n};")[0]
    return frozenset(re.findall(r"(?:^|[\s,])([A-Z][A-Za-z]+):", table))

"""The JavaScript of live figures, put together with no build step and no Node.

engine.mjs and core.mjs are shared; each figure has a file of its own. A site serves one shared module and one
file for each kind, so that a page loads the figures it shows and no others (``files``). A notebook's output
carries the shared code and its own figure (``inline``). ``esm`` is one module, for anywidget and tests.

Each file becomes a function of its own that returns what it exports, so that private names never meet.
Comments and blanks that the browser does not need go; names stay, so that an error in the console can be
read. The files are written so that this is safe: imports and exports begin their line and take one line,
statements end in semicolons, and there are no regular expression literals.
"""

import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

HERE = Path(__file__).parent
SHARED = ("engine.mjs", "core.mjs")


def figures() -> list[Path]:
    """The figures' own files, in the order of their names."""
    return sorted(p for p in HERE.glob("*.mjs") if p.name not in SHARED)


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


@cache
def _code(path: Path) -> tuple[str, list[str]]:
    """A file's code without imports and without the word export, and the names it exports."""
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("import ")]
    exported = re.compile(r"^export (?=(?:class|function|const) (\w+))")
    names = [found[1] for line in lines if (found := exported.match(line))]
    code = squeeze("\n".join(exported.sub("", line) for line in lines))
    if "</script" in code.lower():  # it would end the script element that holds the code
        raise ValueError(f"dgm_lite.live: expected JavaScript without '</script', got one in {path.name}.")
    return code, names


@cache
def _shared() -> tuple[str, str]:
    """Engine and core as two statements, and all names that they export, with commas."""
    statements, names = [], []
    for path in (HERE / name for name in SHARED):
        code, exported = _code(path)
        inside = ",".join(exported)
        statements.append(f"const {{{inside}}}=(()=>{{{code}\nreturn {{{inside}}};}})();")
        names += exported
    return "\n".join(statements), ",".join(names)


def _figure(kind: str) -> str:
    return _code(HERE / f"{kind}.mjs")[0]


def esm(kinds: Iterable[str] | None = None) -> str:
    """One module with these kinds of figures (all by default): exports define, render and the engine."""
    statements, names = _shared()
    chosen = [path.stem for path in figures()] if kinds is None else kinds
    blocks = [f"(()=>{{{_figure(kind)}\n}})();" for kind in chosen]
    return "\n".join([statements, *blocks, f"export {{{names}}};", "export default {render};\n"])


def inline(kind: str) -> str:
    """For a script inside a page: ``shared()`` makes engine and core, ``own(shared())`` adds one figure."""
    statements, names = _shared()
    shared = f"const shared=()=>{{{statements}\nreturn {{{names}}};}};"
    return f"{shared}\nconst own=({{{names}}})=>{{{_figure(kind)}\n}};"


def files() -> dict[str, str]:
    """What a site serves in ``_static/dgm``: the shared module, and a file for each kind, which it loads."""
    statements, names = _shared()
    others = ",".join(name for name in names.split(",") if name != "define")
    load = 'const load=(kind)=>import(new URL(kind+".mjs",import.meta.url)),here=()=>define(load);'
    exports = f"export {{{others},here as define}};\nexport const site=true;\n"
    take = f'import {{{others}}} from "./figures.mjs";\n'
    kinds = {path.name: f"{take}{_figure(path.stem)}\n" for path in figures()}
    return {"figures.mjs": f"{statements}\n{load}\n{exports}", **kinds}


@cache
def supported() -> frozenset[str]:
    """Names of the ONNX operators that the engine runs, read from its table."""
    table = (HERE / "engine.mjs").read_text(encoding="utf-8").split("const OPERATORS = {")[1].split("\n};")[0]
    return frozenset(re.findall(r"(?:^|[\s,])([A-Z][A-Za-z]+):", table))

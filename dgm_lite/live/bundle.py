"""One ES module made of engine.mjs, core.mjs and every figure's .mjs, with no build step and no Node.

The files are put one after another, each as a function of its own that returns what it exports, so that
private names never meet; lines that import from each other go. Comments and blanks that the browser
does not need go, too; names stay, so that an error in the console can be read. The files are written so
that this is safe: imports and exports begin their line and take one line, statements end in semicolons,
and there are no regular expression literals.
"""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

HERE = Path(__file__).parent
SHARED = ("engine.mjs", "core.mjs")


def figures() -> list[Path]:
    """The figures' own files, in the order of their names."""
    return sorted(p for p in HERE.glob("*.mjs") if p.name not in SHARED)


def _tokens(code: str) -> Iterator[str]:
    """Strings and templates whole, comments as a blank, and everything else one character at a time."""
    simple = re.compile(r"""//[^\n]*|/\*.*?\*/|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|\s+|.""", re.S)
    at = 0
    while at < len(code):
        end = _template_end(code, at) if code[at] == "`" else simple.match(code, at).end()
        token = code[at:end]
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


def _scoped(path: Path) -> str:
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("import ")]
    exported = re.compile(r"^export (?=(?:class|function|const) (\w+))")
    names = ",".join(found[1] for line in lines if (found := exported.match(line)))
    code = squeeze("\n".join(exported.sub("", line) for line in lines))
    return f"const {{{names}}}=(()=>{{{code}\nreturn {{{names}}};}})();" if names else f"(()=>{{{code}}})();"


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

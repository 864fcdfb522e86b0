"""The lines of the package in which a formula stands, without what surrounds them.

    ```{formula} dgm_lite.flows.coupling.AffineCoupling.to_latent
    ```
shows a function (or class) without docstrings, types, decorators and checks of what was passed: the reader
has the equation before it and wants to find it again. With ``:only: first … last`` just the lines from the
first that holds one text to the next that holds the other; with one text alone, the line that holds it.
"""

import ast
import textwrap
from pathlib import Path

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

log = logging.getLogger(__name__)
WIDEST = 79  # columns: what a page shows without scrolling
ROOT = Path(__file__).resolve().parents[2]


def formula(address: str, only: str = "", root: Path = ROOT) -> tuple[str, Path]:
    """The lines that belong to a formula, and the file in which they stand.

    Args:
        address: Of a function, a method or a class, with dots: package.module.Class.method.
        only: "first … last", "first … " to the end, or a text of the one line that is wanted.
        root: The folder of the package.

    Raises:
        ValueError: If there is nothing of that address, or no such line in it.
    """
    names = address.split(".")
    depth = next(
        (d for d in range(len(names), 0, -1) if root.joinpath(*names[:d]).with_suffix(".py").is_file()), 0
    )
    if not depth:
        raise ValueError(f"formula: expected an address in a file of the package, got {address}.")
    path = root.joinpath(*names[:depth]).with_suffix(".py")
    lines = path.read_text(encoding="utf-8").splitlines()
    node = ast.parse("\n".join(lines))
    for name in names[depth:]:
        found = [n for n in node.body if getattr(n, "name", None) == name]
        if not found:
            raise ValueError(f"formula: expected {name} in {path.name}, got {address} without it.")
        node = found[0]
    text = textwrap.dedent("\n".join(_shown(node, lines)))
    return _only(text.splitlines(), only, address), path


def _shown(node: ast.AST, lines: list[str]) -> list[str]:
    """A definition's head and body, without what only surrounds the formula."""
    if not isinstance(node, ast.ClassDef | ast.FunctionDef):
        return [_plain(line) for line in lines[node.lineno - 1 : node.end_lineno]]
    is_class, first = isinstance(node, ast.ClassDef), node.body[0]
    head = f"class {node.name}:" if is_class else f"def {node.name}({_arguments(node)}):"
    shown = [" " * node.col_offset + head]
    last = first.end_lineno if _is_text(first) else first.lineno - 1
    for statement in node.body:
        if _surrounds(statement):
            last = statement.end_lineno
            continue
        if isinstance(statement, ast.ClassDef | ast.FunctionDef):
            shown += ["", *_shown(statement, lines)]
        else:
            remarks = [k for k in lines[last : statement.lineno - 1] if k.lstrip().startswith("#")]
            shown += [_plain(k) for k in [*remarks, *lines[statement.lineno - 1 : statement.end_lineno]]]
        last = statement.end_lineno
    return shown


def _plain(line: str) -> str:
    """A line without orders to tools."""
    return line.split("  # fmt:")[0].split("  # noqa")[0]


def _arguments(node: ast.FunctionDef) -> str:
    """The arguments without their types."""
    bare = ast.parse(f"def f({ast.unparse(node.args)}): ...").body[0].args
    for argument in [*bare.posonlyargs, *bare.args, *bare.kwonlyargs, bare.vararg, bare.kwarg]:
        if argument:
            argument.annotation = None
    return ast.unparse(bare)


def _is_text(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _surrounds(statement: ast.stmt) -> bool:
    """Docstrings, and checks of what was passed: calls of check_…, and ifs that do nothing but refuse."""
    if _is_text(statement):
        return True
    if isinstance(statement, ast.If):
        return not statement.orelse and isinstance(statement.body[-1], ast.Raise)
    value = getattr(statement, "value", None)
    called = value.func if isinstance(value, ast.Call) else None
    name = getattr(called, "id", getattr(called, "attr", ""))
    return isinstance(statement, ast.Expr | ast.Assign) and name.lstrip("_").startswith("check")


def _only(lines: list[str], only: str, address: str) -> str:
    if not only:
        return "\n".join(lines)
    first, _, last = (part.strip() for part in only.partition("…"))
    at = [k for k, line in enumerate(lines) if first in line]
    to = [k for k, line in enumerate(lines) if at and k >= at[0] and last in line] if last else at
    if not at or not to:
        raise ValueError(f"formula: expected a line with {first!r} and then {last!r} in {address}, got none.")
    end = len(lines) if "…" in only and not last else to[0] + 1
    return textwrap.dedent("\n".join(lines[at[0] : end]))


class Formula(SphinxDirective):
    """The directive."""

    required_arguments = 1
    option_spec = {"only": directives.unchanged}

    def run(self) -> list[nodes.Node]:
        try:
            text, path = formula(self.arguments[0], self.options.get("only", ""))
        except ValueError as error:
            raise self.error(str(error)) from error
        self.env.note_dependency(str(path))
        if long := [line for line in text.splitlines() if len(line) > WIDEST]:
            log.warning("formula: %s: over %d columns: %s", self.arguments[0], WIDEST, long[0].strip())
        block = nodes.literal_block(text, text, language="python", classes=["dgm-formula"])
        self.set_source_info(block)
        return [block]


def setup(app: Sphinx) -> dict:
    app.add_directive("formula", Formula)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}

"""The source of a function without a name of its own: the same in every Python, which bytecode is not."""

import ast
import linecache
import types


def source(function: types.FunctionType) -> str:
    """A lambda or local function as text, without its comments and however it is laid out.

    Where its file is gone, or there never was one: the names, numbers and strings in it.

    Args:
        function: One that is written in Python.
    """
    code, lines = function.__code__, []
    if code.co_filename != "<string>":  # as which `python -c`, exec and eval all know what they run
        lines = linecache.getlines(code.co_filename, function.__globals__)
    try:
        tree = ast.parse("".join(lines))
    except (SyntaxError, ValueError):
        tree = ast.Module(body=[], type_ignores=[])
    found = _narrowed([node for node in ast.walk(tree) if _may_be(node, code)], code)
    if len(found) == 1:
        return ast.unparse(found[0])
    told = [repr(item) for item in code.co_consts if isinstance(item, int | float | complex | str | bytes)]
    return " ".join([*code.co_varnames[: code.co_argcount], *code.co_names, *told])


def _may_be(node: ast.AST, code: types.CodeType) -> bool:
    if isinstance(node, ast.Lambda):
        return code.co_name == "<lambda>" and node.lineno == code.co_firstlineno
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        first = min(line.lineno for line in [node, *node.decorator_list])
        return code.co_name == node.name and first == code.co_firstlineno
    return False


def _narrowed(nodes: list[ast.AST], code: types.CodeType) -> list[ast.AST]:
    """Of several lambdas in one line the innermost around all places that the code is from."""
    places = [((a, at), (b, to)) for a, b, at, to in code.co_positions() if None not in (a, b, at, to)]
    places = [(start, end) for start, end in places if start != end]
    if len(nodes) < 2 or not places:
        return nodes
    first, last = min(start for start, _ in places), max(end for _, end in places)
    bodies = [(node.body.lineno, node.body.col_offset, node) for node in nodes
              if (node.body.lineno, node.body.col_offset) <= first
              and last <= (node.body.end_lineno, node.body.end_col_offset)]  # fmt: skip
    return [max(bodies, key=lambda body: body[:2])[2]] if bodies else nodes

"""Short names for what a JavaScript file declares for itself: fewer bytes, the same program."""

import itertools
import string
from collections import Counter
from collections.abc import Collection, Iterator

import tree_sitter_javascript
from tree_sitter import Language, Node, Parser

PARSER = Parser(Language(tree_sitter_javascript.language()))
LETTERS = string.ascii_letters + "_$"
RESERVED = {"as", "do", "if", "in", "is", "of"}
# Where an identifier is declared: the kind of its parent, and the parent's field that holds it (None: any).
BINDINGS = {
    "variable_declarator": "name", "function_declaration": "name", "class_declaration": "name",
    "formal_parameters": None, "arrow_function": "parameter", "catch_clause": "parameter",
    "array_pattern": None, "rest_pattern": None, "pair_pattern": "value", "assignment_pattern": "left",
    "for_in_statement": "left",
}  # fmt: skip
SHORTHAND = {"shorthand_property_identifier": False, "shorthand_property_identifier_pattern": True}
# What may stand between a declared name and its statement.
DECLARING = {
    "variable_declarator", "lexical_declaration", "function_declaration", "class_declaration",
    "array_pattern", "object_pattern", "pair_pattern", "rest_pattern", "assignment_pattern",
    "object_assignment_pattern",
}  # fmt: skip


def shorten(code: str, keep: Collection[str] = ()) -> str:
    """Rename what the file declares, the names used most first, and leave out signs that say nothing.

    The outermost names are renamed alike throughout the file. Each outermost statement has short names of its
    own for what is declared inside it, the same in all its scopes, and none of them is in use for something
    else: so scopes need not be told apart. A file must not declare a name in one place and mean a global of
    that name in another.

    Args:
        code: Statements, as of a function's body.
        keep: Names that others use: what the file exports and imports.

    Raises:
        ValueError: If this is not JavaScript.
    """
    source = code.encode()
    root = PARSER.parse(source).root_node
    if root.has_error:
        raise ValueError("shorten: expected JavaScript, got something that does not parse.")
    statements = [list(_leaves(statement)) for statement in root.children]
    names = [node for leaves in statements for node in leaves if _is_name(node)]
    bound = [node for node in names if _binds(node) and _text(node) not in keep]
    taken = {*map(_text, names), *keep} - {*map(_text, bound)}
    outer = _rename(names, {_text(node) for node in bound if _is_outer(node)}, taken, string.ascii_uppercase)
    out, at = [], 0
    for leaves in statements:
        inside = [node for node in leaves if _is_name(node)]
        declared = {_text(node) for node in inside if _binds(node)} - {*outer, *keep}
        short = {**outer, **_rename(inside, declared, {*taken, *outer.values()})}
        for node in leaves:
            text = _text(node)
            if _is_name(node) and text in short:  # {a} means {a: a}, and the property keeps its name
                text = f"{text}:{short[text]}" if node.type in SHORTHAND else short[text]
            elif _says_nothing(node, source):
                text = ""
            out += [source[at : node.start_byte].decode(), text]
            at = node.end_byte
    return "".join(out)


def _rename(
    nodes: list[Node], declared: Collection[str], taken: Collection[str], letters: str = LETTERS
) -> dict[str, str]:  # fmt: skip
    """A short name for each that is declared: one of these letters, then two; none that is taken."""
    count = Counter(map(_text, nodes))
    two, three = (map("".join, itertools.product(LETTERS, repeat=length)) for length in (2, 3))
    fresh = (n for n in itertools.chain(letters, two, three) if n not in taken and n not in RESERVED)
    return dict(zip(sorted(declared, key=lambda name: (-count[name], name)), fresh, strict=False))


def _leaves(node: Node) -> Iterator[Node]:
    if not node.children:
        yield node
    for child in node.children:
        yield from _leaves(child)


def _text(node: Node) -> str:
    return node.text.decode()


def _is_name(node: Node) -> bool:
    return node.type == "identifier" or node.type in SHORTHAND


def _binds(node: Node) -> bool:
    if node.type in SHORTHAND:
        return SHORTHAND[node.type]
    if node.parent.type not in BINDINGS:
        return False
    field = BINDINGS[node.parent.type]
    return field is None or node.parent.child_by_field_name(field) == node


def _is_outer(node: Node) -> bool:
    while node.parent.type in DECLARING:
        node = node.parent
    return node.parent.type == "program"


def _says_nothing(node: Node, source: bytes) -> bool:
    """The brackets of an arrow function's only parameter, and the semicolon before a block ends."""
    around, above = node.parent, node.parent.parent
    if node.type in ("(", ")") and around.type == "formal_parameters" and above.type == "arrow_function":
        before = source[: around.start_byte][-1:].decode(errors="ignore")
        word = before.isalnum() or before in ("_", "$")  # return (a) => ...
        return not word and [child.type for child in around.named_children] == ["identifier"]
    if node.type != ";" or node != around.children[-1]:
        return False
    return above.type == "statement_block" and around == above.named_children[-1]

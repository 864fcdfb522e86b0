# ruff: noqa: E501
"""Short names change no program: what it computes stays, and so do the names that others use."""

import pytest

from tests.browser import chromium  # noqa: F401
from tools.ext.short_names import shorten

PROGRAMS = {
    "scopes": "const value = 2; function twice(value) { return 2 * value; } return twice(value) + value;",
    "shorthand": "const first = 1, second = { first }; return second.first;",
    "patterns": "const { alpha: [one, two = 5], ...others } = { alpha: [3], beta: 4 }; return [one, two, others.beta];",
    "defaults": "const add = (left, right = left) => left + right; return add(4) + add(1, 2);",
    "assignment": "let head, tail; ({ head, tail } = { head: 1, tail: 2 }); [head, tail] = [tail, head]; return [head, tail];",
    "templates": "const inner = 'x'; return `a ${inner} ${[1].map((each) => `${inner}${each}`)} inner`;",
    "classes": "class Pair { constructor(left) { this.left = left; } get twice() { return 2 * this.left; } } return new Pair(3).twice;",
    "loops": "let total = 0; for (const [key, entry] of Object.entries({ a: 1 })) total += key.length + entry; for (let i = 0; i < 3; i++); return total;",
    "errors": "try { throw new Error('no'); } catch (error) { return error.message; }",
    "returned": "const make = (base) => { return (given) => base + given; }; return make(1)(2);",
    "words": "const name = 'é ✓', size = name.length; return { name, size, other: name };",
    "many": "".join(f"const long{k} = {k};" for k in range(80)) + "return [" + ",".join(f"long{k}" for k in range(80)) + "];",
}  # fmt: skip


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_same_is_computed(chromium, name):  # noqa: F811
    page = chromium.new_page()
    run = "(code) => new Function(code)()"
    small = shorten(PROGRAMS[name])
    assert len(small.encode()) < len(PROGRAMS[name].encode())
    assert page.evaluate(run, small) == page.evaluate(run, PROGRAMS[name])
    page.close()


def test_names_of_others_stay():
    small = shorten(
        "const taken = given(1); function shared(a) { return taken + a + document.title; }",
        {"given", "shared"},
    )
    assert "given(1)" in small and "function shared(" in small and "document.title" in small
    assert "taken" not in small


def test_no_short_name_is_in_use():
    assert shorten("const value = A + B; return value;") == "const C = A + B; return C;"


def test_something_else_is_refused():
    with pytest.raises(ValueError, match="expected JavaScript, got something that does not parse"):
        shorten("const = ;")

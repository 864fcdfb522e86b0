# ruff: noqa: E501
"""Small code is the same program: what it computes stays, and so do the names that others use."""

import pytest

from tests.browser import chromium  # noqa: F401
from tools.ext.minify import minify

PROGRAMS = {
    "scopes": "const value = 2; function twice(value) { return 2 * value; } return twice(value) + value;",
    "shorthand": "const first = 1, second = { first }; return second.first;",
    "patterns": "const { alpha: [one, two = 5], ...others } = { alpha: [3], beta: 4 }; return [one, two, others.beta];",
    "keys in order": "const side = String('b'); const { [side]: found } = { b: 7 }; const { c = found } = {}; return [found, c];",
    "effects in order": "const box = { n: 1 }; const old = box.n++; const { n } = box; return [old, n];",
    "defaults": "const add = (left, right = left) => left + right; return add(4) + add(1, 2);",
    "assignment": "let head, tail; ({ head, tail } = { head: 1, tail: 2 }); [head, tail] = [tail, head]; return [head, tail];",
    "templates": "const inner = 'x'; return `a  ${inner} ${[1].map((each) => `${inner}  // ${each}`)}  inner`;",
    "classes": "class Pair { constructor(left) { this.left = left; } get twice() { return 2 * this.left; } } return new Pair(3).twice;",
    "loops": "let total = 0; for (const [key, entry] of Object.entries({ a: 1 })) total += key.length + entry; for (let i = 0; i < 3; i++); return total;",
    "errors": "try { throw new Error('no'); } catch (error) { return error.message; }",
    "signs": "const one = 1, minus = -1; return [one - -minus, one + +minus, one - (minus - 1), 2 ** 32, -(2 ** 31) | 0, 0.1 + 0.2];",
    "big numbers": "let value = 0n; for (let shift = 0n; shift < 70n; shift += 7n) value |= 127n << shift; return Number(BigInt.asIntN(64, value));",
    "words": "const name = 'é ✓ ⁻', size = name.length; return { name, size, other: name };",
    "many": "".join(f"const long{k} = {k};" for k in range(80)) + "return [" + ",".join(f"long{k}" for k in range(80)) + "];",
}  # fmt: skip


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_same_is_computed(chromium, name):  # noqa: F811
    page = chromium.new_page()
    code = f"globalThis.answer = (() => {{ {PROGRAMS[name]} }})();"
    small = minify(code)
    assert len(small.encode()) < len(code.encode())
    answers = [
        page.evaluate("(code) => { (0, eval)(code); return globalThis.answer; }", one)
        for one in (code, small)
    ]
    assert answers[0] == answers[1] is not None
    page.close()


def test_names_of_others_stay():
    small = minify(
        "globalThis.taken = ((first) => { const second = given(first); return { second, title: document.title }; })(1);"
    )
    assert (
        "globalThis.taken" in small and "given(" in small and "second:" in small and "document.title" in small
    )
    assert "first" not in small


def test_a_strict_script_stays_strict():
    assert minify('"use strict";\nwindow.a = 1;').startswith('"use strict";')
    assert "strict" not in minify("window.a = 1;")


def test_something_else_is_refused():
    with pytest.raises(ValueError, match="minify: expected JavaScript, got this from Bun: "):
        minify("const = ;")

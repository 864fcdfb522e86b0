"""One letter, one meaning: the table of symbols against the mathematics on the pages."""

import json
import re
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
BOOK = ROOT / "book"
TABLE = BOOK / "appendix" / "notation.md"
GREEK = """alpha beta gamma delta epsilon varepsilon zeta eta theta kappa lambda mu nu xi pi rho sigma tau
    upsilon phi varphi chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Phi Psi Omega ell"""
FONT = r"\\(mathbf|boldsymbol|mathcal|mathbb|mathrm)\s*(?:\{\s*\\?([A-Za-z]+)\s*\}|\\([A-Za-z]+)|\s(\w))"
WORDS = r"\\(?:text|operatorname\*?|texttt|begin|end|tag|mathrm|mathsf)\s*\{[^{}]*\}"
LETTER = re.compile(f"{FONT}|{WORDS}|" + r"\\([A-Za-z]+)|([A-Za-z])")


def page_text(path: Path) -> str:
    """What a page says, without its code."""
    if path.suffix == ".md":
        return path.read_text(encoding="utf-8")
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return "\n\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")


def formulas(text: str) -> list[str]:
    """All mathematics of a page, displayed or within a line."""
    block = re.compile(r"```\{math\}\n(?::[^\n]*\n)*(.*?)```|\$\$(.*?)\$\$", re.S)
    found = [one or other for one, other in block.findall(text)]
    text = re.sub(r"(?m)^\s*(`{3,}|:{3,}).*$", "", block.sub("", text))
    return found + re.findall(r"(?<!\\)\$([^$]+)\$", re.sub(r"`[^`\n]*`", "", text))


def letters(formula: str) -> set[str]:
    """The letters of a formula with their font: x, bold x, calligraphic L, tau."""
    found = set()
    for font, inside, command, bare, name, letter in LETTER.findall(formula):
        if font:
            sign = inside or command or bare
            if font != "mathrm" or sign in ("H",):
                found.add({"boldsymbol": "mathbf"}.get(font, font) + " " + sign)
        elif name and name in GREEK.split():
            found.add(name)
        elif letter:
            found.add(letter)
    return found


def rows(section: str) -> list[list[str]]:
    """The cells of the tables of a section of the notation, without the heads."""
    found = re.search(rf"^## {re.escape(section)}\n(.*?)(?=^## |\Z)", TEXT, re.S | re.M)
    lines = [line for line in found[1].splitlines() if line.startswith("| ")]
    cells = [[c.strip() for c in re.split(r"(?<!\\)\|", line.strip("|"))] for line in lines]
    return [c for c in cells if c[0] not in ("Symbol", "Letter", "Page")]


def said_pages(cell: str) -> set[str]:
    """The pages that a cell names, by their path below book/."""
    if cell == "everywhere":
        return set(USED)
    found = [target.removeprefix("../") for target in re.findall(r"<([^>]+)>`", cell)]
    return {target if "/" in target else f"appendix/{target}" for target in found}


def letters_of(text: str) -> Counter[str]:
    """In how many formulas of a text each letter stands."""
    return Counter(letter for formula in formulas(text) for letter in letters(formula))


PAGES = [
    p for suffix in ("ipynb", "md") for p in BOOK.rglob(f"*.{suffix}") if ".ipynb_checkpoints" not in p.parts
]
USED = {p.relative_to(BOOK).with_suffix("").as_posix(): letters_of(page_text(p)) for p in PAGES if p != TABLE}
TEXT = page_text(TABLE)
SECTIONS = [s for s in re.findall(r"^## (.+)$", TEXT, re.M)
            if s not in ("Conventions", "Letters that return", "What a model can do")]  # fmt: skip
SYMBOLS = [(section, row) for section in SECTIONS for row in rows(section)]
RETURNS = [row for row in rows("Letters that return") if len(row) == 3]
OFTEN = 40  # formulas of a page
ONE_ROW_A_FORM = {"p", "q", "mathbf x"}  # p(x), p(x, y), p(y | x) … have rows of their own


def head(symbol: str) -> str:
    """The letter that a symbol is about: D of D(x), bold s of $\\mathbf{s}, \\mathbf{t}$; none of words."""
    found = re.match(r"\$(\\(?:mathbf|boldsymbol|mathcal|mathbb)(?:\{\\?\w+\}|\\\w+)|\\\w+|\w)", symbol)
    return "".join(letters(found[1])) if found else ""


def test_the_tables_are_read():
    assert len(SYMBOLS) > 60 and {"Data", "Flows", "Compression"} <= set(SECTIONS)
    assert len(RETURNS) > 3


def test_a_letter_has_one_meaning():
    """All rows about a letter are in one section. A second meaning is a return, which says on which pages."""
    homes: dict[str, set[str]] = {}
    for section, row in SYMBOLS:
        homes.setdefault(head(row[0]), set()).add(section)
    assert {k: v for k, v in homes.items() if k and len(v) > 1 and k not in ONE_ROW_A_FORM} == {}
    symbols = [row[0] for _, row in SYMBOLS if row[0]]
    assert [s for s in set(symbols) if symbols.count(s) > 1] == []


def test_symbols_are_used_where_they_are_said_to_be():
    for _, row in SYMBOLS:
        if row[-1] != "everywhere":
            assert [
                page for page in said_pages(row[-1]) if not letters_of(row[0]).keys() & USED[page].keys()
            ] == [], row[0]


def test_letters_return_where_they_are_said_to():
    listed = {letter for _, row in SYMBOLS for letter in letters_of(row[0])}
    for letter, meaning, where in RETURNS:
        (sign,) = letters_of(letter)
        assert sign in listed, f"{letter} has no first meaning: it does not return"
        assert meaning and [page for page in said_pages(where) if sign not in USED[page]] == [], letter
        assert said_pages(where), letter


@pytest.mark.parametrize("page", sorted(USED))
def test_a_letter_that_a_page_uses_often_is_in_the_notation(page):
    """One that serves a few lines is explained there."""
    known = set()
    for row in [row for _, row in SYMBOLS] + RETURNS:
        known |= set(letters_of(row[0])) if page in said_pages(row[-1]) else set()
    often = {letter for letter, times in USED[page].items() if times >= OFTEN}
    missing = sorted(often - known)
    assert missing == [], f"{page}: give {missing} a row in the notation, or call it a letter that returns"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (
            r"$\mathbf{x} \sim \mathcal{N}(\boldsymbol\mu, \sigma^2)$",
            {"mathbf x", "mathcal N", "mathbf mu", "sigma"},
        ),
        ("```{math}\n:label: risk\n\\mathrm{risk}(c) = \\frac{a}{b}\n```\nand $k$", {"c", "a", "b", "k"}),
        ("code `$x$` and a price of 5\\$, then $\\operatorname{sigmoid}(a)$", {"a"}),
        (r"$$ \mathrm{H}(q) = \log \mathbf z $$", {"mathrm H", "q", "mathbf z"}),
        ("```{note}\n$\\tau_{\\text{max}}$\n```", {"tau"}),
    ],
)
def test_letters_are_found_with_their_font(text, found):
    assert set(letters_of(text)) == found

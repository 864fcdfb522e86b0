"""Every notebook is in order: run top to bottom, small cells, described pictures, one verdict a claim."""

import ast
import json
import re
from collections import Counter
from pathlib import Path

import pytest
import yaml

from tools import install_cell

ROOT = Path(__file__).resolve().parents[1]
BOOK = ROOT / "book"
MIME = "application/vnd.dgm-lite.claim+json"
FOREIGN = re.compile(r"""(?:src|href|import\()\s*=?\s*["'](?:https?:)?//""")
NOTEBOOKS = {p.relative_to(BOOK).with_suffix("").as_posix(): p for p in install_cell.notebooks(ROOT)}


def read(path: Path) -> dict:
    return json.loads(path.read_text(encoding="utf-8"))


def tags(cell: dict) -> list[str]:
    return cell["metadata"].get("tags", [])


def python(cell: dict) -> ast.Module:
    """The cell's code as a syntax tree, its line magics left out."""
    lines = "".join(cell["source"]).splitlines()
    return ast.parse("\n".join(re.sub(r"^(\s*)[%!].*", r"\1pass", line) for line in lines))


def pictures(cell: dict) -> bool:
    """Whether the page shows the cell's image/png (live figures bring their own words)."""
    return any("image/png" in o.get("data", {}) and "text/html" not in o["data"] for o in cell["outputs"])


@pytest.fixture(params=NOTEBOOKS.values(), ids=NOTEBOOKS)
def notebook(request) -> dict:
    return read(request.param)


@pytest.fixture
def code(notebook) -> list[dict]:
    """Its code cells."""
    return [c for c in notebook["cells"] if c["cell_type"] == "code" and "".join(c["source"]).strip()]


def test_there_are_notebooks():
    assert NOTEBOOKS


def test_executed_in_order(code):
    assert [c["execution_count"] for c in code] == list(range(1, len(code) + 1))


def test_no_errors_and_no_stderr(code):
    outputs = [o for c in code for o in c["outputs"]]
    assert not [o["ename"] for o in outputs if o["output_type"] == "error"]
    assert not [o["text"] for o in outputs if o.get("name") == "stderr"]


def test_compared_cells_have_stored_output(code):
    """nbval passes a marked cell without stored output in silence."""
    for cell in code:
        if "nbval-check-output" in tags(cell) or "NBVAL_CHECK_OUTPUT" in "".join(cell["source"]):
            assert cell["outputs"], "".join(cell["source"])


def test_something_is_compared(code):
    assert any("nbval-check-output" in tags(c) or "NBVAL_CHECK_OUTPUT" in "".join(c["source"]) for c in code)


def test_both_skip_tags_or_none(code):
    """nbclient honours skip-execution only, nbval its own tag only."""
    for cell in code:
        assert ("skip-execution" in tags(cell)) == ("nbval-skip" in tags(cell))


def test_no_widget_state(notebook, code):
    assert "widgets" not in notebook["metadata"]
    for cell in code:
        for output in cell["outputs"]:
            assert "application/vnd.jupyter.widget-view+json" not in output.get("data", {})


def test_no_timing_metadata(notebook):
    noisy = {"execution", "ExecuteTime", "collapsed", "scrolled"}
    assert not [c["id"] for c in notebook["cells"] if noisy & set(c["metadata"])]
    assert notebook["metadata"]["language_info"] == {"name": "python", "pygments_lexer": "ipython3"}


def test_cell_ids_are_unique(notebook):
    assert max(Counter(c["id"] for c in notebook["cells"]).values()) == 1


def test_first_cell_installs(notebook):
    url = install_cell.address(ROOT)
    assert install_cell.right(notebook, url), "run: python tools/install_cell.py"
    code = "\n".join("".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code")
    for extra, rooms in {"live": "live|workbench", "codecs": "codecs|comparison"}.items():
        needed = bool(re.search(rf"dgm_lite\.({rooms})\b", code))
        assert needed == (extra in notebook["metadata"]["dgm"].get("extras", [])), extra


def test_second_cell_sets_the_seed(code):
    assert re.search(
        r"\b(manual_seed|seed_everything|default_rng|set_seed|seed)\(", "".join(code[1]["source"])
    )


def test_code_that_is_shown_fits_the_page(code):
    """79 columns; what is folded, and the cell that installs, may be wider."""
    shown = [c for c in code[1:] if not {"hide-input", "hide-cell", "remove-input"} & set(tags(c))]
    assert [line for c in shown for line in "".join(c["source"]).splitlines() if len(line) > 79] == []


def test_every_exercise_is_asked_before_it_is_answered(notebook):
    """The cell that answers an exercise follows its question, and is followed by hint and solution.

    Those with pen and paper, labelled …-pen-…, have their solution below them.
    """
    cells = [(c["cell_type"], "".join(c["source"]), tags(c)) for c in notebook["cells"]]
    asked = 0
    for before, (_, source, _), after in zip(cells, cells[1:], cells[2:], strict=False):
        if found := re.search(r"^from dgm_lite\.exercises\.\w+ import (q\d+)$", source, re.M):
            kind, question, _ = before
            assert kind == "markdown" and question.count("```{exercise}") == 1, found[1]
            assert f"{found[1]}.check(" in source
            assert after[1] == f"{found[1]}.hint()\n{found[1]}.solution()" and "hide-cell" in after[2]
            asked += 1
    prose = "\n".join(source for _, source, _ in cells)
    pen = re.findall(r"^:label: (ex-\S+-pen-\S+)$", prose, re.M)
    assert asked >= 3 and asked + len(pen) == prose.count("{exercise}")
    solved = re.findall(r"^```\{solution\} (\S+)\n:class: dropdown$", prose, re.M)
    assert pen == solved, "each is followed by its solution, folded"


def test_chapters_have_the_sections_that_readers_expect(notebook):
    prose = "\n".join("".join(c["source"]) for c in notebook["cells"] if c["cell_type"] == "markdown")
    titles = re.findall(r"^## (.+)$", prose, re.M)
    assert titles[-2:] == ["Exercises", "In short"]
    for part in ("What you will be able to do", "What goes wrong", "**Sources.**"):
        assert part in prose


def test_cells_are_small(code):
    for cell in code:
        lines = [
            k for k in "".join(cell["source"]).splitlines() if k.strip() and not k.lstrip().startswith("#")
        ]
        assert len(lines) <= 20, "".join(cell["source"])


def test_no_classes_and_few_functions(code):
    total = inside = 0
    for cell in code:
        total += len([k for k in "".join(cell["source"]).splitlines() if k.strip()])
        for node in ast.walk(python(cell)):
            assert not isinstance(node, ast.ClassDef), f"class {node.name}: classes live in the package"
            if isinstance(node, ast.FunctionDef):
                inside += node.end_lineno - node.lineno + 1
    assert inside <= 0.2 * total, (
        f"{inside} of {total} lines stand in functions: logic belongs in the package"
    )


def test_pictures_are_described(code):
    for cell in filter(pictures, code):
        alt = cell["metadata"].get("mystnb", {}).get("image", {}).get("alt", "")
        assert len(alt) >= 25, f"alt text {alt!r} for: {''.join(cell['source'])[:200]}"
        assert "_images/" not in alt


def test_pictures_have_name_and_caption(code):
    for cell in filter(pictures, code):
        figure = cell["metadata"].get("mystnb", {}).get("figure", {})
        assert figure.get("name", "").startswith("fig-"), "".join(cell["source"])[:200]
        assert len(figure.get("caption", "")) >= 20


def test_outputs_load_nothing_from_elsewhere(code):
    html = [
        "".join(o["data"]["text/html"])
        for c in code
        for o in c["outputs"]
        if "text/html" in o.get("data", {})
    ]
    assert not [
        m for text in html for m in FOREIGN.findall(re.sub(r'<a\s[^>]*href="https?:[^>]*>', "", text))
    ]


def test_live_figures_carry_the_present_code(code):
    """A notebook holds a copy of the figures' JavaScript and of their HTML; not old ones."""
    html = [
        "".join(o["data"]["text/html"])
        for c in code
        for o in c["outputs"]
        if "text/html" in o.get("data", {})
    ]
    live = [text for text in html if "<dgm-figure" in text]
    if live:
        from dgm_lite.live.figure import restamp

        old = [re.search(r'kind="(\w+)"', text)[1] for text in live if restamp(text) != text]
        assert not old, f"{', '.join(old)}: old code; run python tools/notebooks.py --restamp"


# ---- claims: the ledger, the cards, the pages


def cards() -> list[tuple[str, dict]]:
    """(notebook, card) for every claim card that an executed cell shows."""
    return [
        (name, output["data"][MIME])
        for name, path in NOTEBOOKS.items()
        for cell in read(path)["cells"]
        for output in cell.get("outputs", [])
        if MIME in output.get("data", {})
    ]


@pytest.fixture(scope="module")
def ledger() -> dict[str, dict]:
    return {c["id"]: c for c in yaml.safe_load((BOOK / "claims.yml").read_text(encoding="utf-8"))}


def test_every_card_stands_in_the_ledger(ledger):
    assert not {card["id"] for _, card in cards()} - set(ledger)


def test_a_claim_with_a_chapter_is_claimed_there_once(ledger):
    promised = {id: claim["chapter"] for id, claim in ledger.items() if claim["chapter"]}
    assert promised == {card["id"]: name for name, card in cards()}
    assert len(promised) == len(cards()), "a claim is claimed by two cells"


def test_a_verdict_is_never_a_constant():
    """``lambda f: True`` would be an opinion: conditions compare, and figures come from the run."""
    for path in NOTEBOOKS.values():
        for cell in read(path)["cells"]:
            for node in ast.walk(python(cell)) if cell["cell_type"] == "code" else ():
                called = getattr(getattr(node, "func", None), "id", "")
                if called in ("claim", "verdict"):
                    figures, *conditions = node.args[called == "claim" :] or [None]
                    assert not isinstance(figures, ast.Dict) or any(
                        not isinstance(n, ast.Constant) for v in figures.values for n in ast.walk(v)
                    ), f"the figures of {ast.unparse(node)} are typed, not measured"
                    for condition in conditions:
                        body = getattr(condition, "body", condition)
                        assert not isinstance(body, ast.Constant), ast.unparse(node)


def test_cells_with_cards_are_folded():
    """A card says it in words; whoever wants the condition as code opens the cell."""
    for path in NOTEBOOKS.values():
        for cell in read(path)["cells"]:
            if any(MIME in o.get("data", {}) for o in cell.get("outputs", [])):
                assert "hide-input" in tags(cell), "".join(cell["source"])

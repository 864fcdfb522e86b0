"""Running notebooks in place: what an author wrote stays, noise goes, a failure changes nothing."""

import re

import nbformat
import pytest
from nbclient.exceptions import CellExecutionError
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from dgm_lite.live.figure import LiveFigure
from tools import install_cell, notebooks

URL = "https://example.invalid/owner/name"


def write(path, *sources: str, **metadata) -> None:
    cells = [new_markdown_cell("# Title", id="title"), new_code_cell("# install", id="first")]
    cells += [new_code_cell(source, id=f"cell-{i}") for i, source in enumerate(sources)]
    nbformat.write(new_notebook(cells=cells, metadata=metadata), path)


def test_a_second_run_changes_nothing(tmp_path):
    path = tmp_path / "a.ipynb"
    noisy = (
        "import sys, tqdm\nfor _ in tqdm.tqdm(range(3)): pass\nprint('one'); sys.stdout.flush(); print('two')"
    )
    write(path, noisy, "import matplotlib.pyplot as plt\nplt.plot([1, 2]);", "2 + 2", widgets={"state": {}})
    notebooks.run(path, URL, timeout=60)
    first = path.read_bytes()
    notebooks.run(path, URL, timeout=60)
    assert path.read_bytes() == first
    book = nbformat.read(path, as_version=4)
    assert "widgets" not in book.metadata and book.metadata.dgm.seconds >= 5
    assert [c.id for c in book.cells] == ["title", "first", "cell-0", "cell-1", "cell-2"]
    assert [c.execution_count for c in book.cells[1:]] == [1, 2, 3, 4]
    (stream,) = book.cells[2].outputs
    assert stream.text == "one\ntwo\n"


@pytest.mark.parametrize("seconds, before, said", [
    (0.2, None, 5), (31, None, 35), (35, None, 35), (44, 35, 35), (25, 35, 35), (60, 35, 60), (20, 35, 20),
])  # fmt: skip
def test_a_page_says_other_seconds_only_where_they_are_others(seconds, before, said):
    assert notebooks.said_seconds(seconds, before) == said


def test_a_cell_tagged_to_be_skipped_keeps_its_output(tmp_path):
    path = tmp_path / "a.ipynb"
    write(path, "print('not this time')")
    book = nbformat.read(path, as_version=4)
    book.cells[2].metadata["tags"] = ["skip-execution", "nbval-skip"]
    book.cells[2].outputs = [nbformat.v4.new_output("stream", name="stdout", text="from long ago\n")]
    nbformat.write(book, path)
    notebooks.run(path, URL, timeout=60)
    kept = nbformat.read(path, as_version=4).cells[2]
    assert kept.outputs[0].text == "from long ago\n" and kept.execution_count == 2


def test_a_failing_notebook_is_left_as_it_was(tmp_path):
    path = tmp_path / "a.ipynb"
    write(path, "1 / 0")
    before = path.read_bytes()
    with pytest.raises(CellExecutionError, match="ZeroDivisionError"):
        notebooks.run(path, URL, timeout=60)
    assert path.read_bytes() == before


def test_the_install_cell_names_the_repository_and_no_bare_package():
    source = install_cell.source(URL, ["photo"])
    assert f'"dgm-lite[photo] @ git+{URL}"' in source
    assert "import dgm_lite, efficientnet_lite_pytorch" in source
    with pytest.raises(ValueError, match="expected extras among"):
        install_cell.source(URL, ["everything"])


def test_the_install_cell_goes_before_other_code():
    book = new_notebook(cells=[new_markdown_cell("# Title"), new_code_cell("x = 1")])
    assert install_cell.put(book, URL) and not install_cell.put(book, URL)
    assert install_cell.right(book, URL) and book.cells[2].source == "x = 1"


# ---------------------------------------------------------------- live figures, renewed without running


@pytest.fixture(scope="module")
def figure() -> LiveFigure:
    """A figure whose spec and words hold what is hard to store: signs, quotes, an early end, numbers."""
    spec = {"boxes": [], "wishes": [{"key": "</script>", "words": "a & \"b\" – 'c'"}], "number": 0.1 + 0.2}
    return LiveFigure(
        "map", spec, {"net": b"\x00\xff"}, image=b"PNG", alt="<b>\"q\" & 'r'", words={"more": [1, None]}
    )


def put_figure(path, html: str) -> None:
    """A notebook that holds this output, beside a table in HTML that is no figure's."""
    write(path, "1", "2")
    book = nbformat.read(path, as_version=4)
    for cell, text in zip(book.cells[2:], ("<table></table>", html), strict=True):
        data = {"text/html": text, "text/plain": "words", "image/png": "UE5H"}
        cell.outputs = [nbformat.v4.new_output("execute_result", data=data, execution_count=3)]
    path.write_text(notebooks.text_of(book), encoding="utf-8")


def test_restamping_gives_the_bytes_of_a_figure_made_again(tmp_path, figure, capsys):
    path, html = tmp_path / "a.ipynb", figure.html()
    put_figure(path, html)
    right = path.read_bytes()
    for old, new in [
        ("const shared", "const gone = 1;\nconst shared"),
        ("<style>", "<style>p { color: red; }"),
        ('<p class="small under"', "<p>of old</p><p"),
        ("dgm.define();", "dgm.start();"),
    ]:
        assert html.count(old) == 1, old
        put_figure(path, html.replace(old, new))
        assert path.read_bytes() != right
        assert notebooks.restamp_all([path]) == 0
        assert path.read_bytes() == right
    assert "a.ipynb: renewed" in capsys.readouterr().out
    assert notebooks.restamp_all([path]) == 0
    assert path.read_bytes() == right and "a.ipynb: as it was" in capsys.readouterr().out
    assert [p.name for p in tmp_path.iterdir()] == ["a.ipynb"]


def test_restamping_is_all_or_nothing(tmp_path, figure, capsys):
    """One figure of an unknown kind, or one that lacks what its markup asks for: no notebook changes."""
    old = figure.html().replace("const shared", "const gone = 1;\nconst shared")
    paths = [tmp_path / "a.ipynb", tmp_path / "b.ipynb"]
    put_figure(paths[0], old)
    for html, words in [
        (old.replace('kind="map"', 'kind="pie"'), "expected one of the kinds .*, got 'pie'"),
        (
            old.replace('"wishes"', '"hopes"'),
            "the template of map asks for more than is stored: 'wishes' is undefined",
        ),
        (old.replace("application/json", "text/plain"), "expected the HTML of a live figure"),
    ]:
        put_figure(paths[1], html)
        before = [path.read_bytes() for path in paths]
        assert notebooks.restamp_all(paths) == 1
        assert [path.read_bytes() for path in paths] == before
        assert re.search(f"all left as they were. b.ipynb: .*{words}", capsys.readouterr().err)


def test_every_notebook_of_the_book_is_stored_as_it_is_written():
    """So that renewing a figure changes that figure and nothing else."""
    for path in install_cell.notebooks():
        assert notebooks.text_of(nbformat.read(path, as_version=4)) == path.read_text(encoding="utf-8"), (
            path.name
        )


def test_restamp_on_the_command_line(tmp_path, figure, monkeypatch, capsys):
    (tmp_path / "book").mkdir()
    put_figure(tmp_path / "book" / "a.ipynb", figure.html().replace("<style>", "<style>p {}"))
    monkeypatch.setattr(notebooks, "ROOT", tmp_path)
    monkeypatch.setattr(notebooks, "notebooks", lambda: [tmp_path / "book" / "a.ipynb"])
    assert notebooks.main(["--restamp", "a"]) == 0
    assert "a.ipynb: renewed" in capsys.readouterr().out
    assert notebooks.main(["--restamp", "b"]) == 2

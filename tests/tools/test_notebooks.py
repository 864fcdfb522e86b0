"""Running notebooks in place: what an author wrote stays, noise goes, a failure changes nothing."""

import nbformat
import pytest
from nbclient.exceptions import CellExecutionError
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

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
    assert "widgets" not in book.metadata
    assert [c.id for c in book.cells] == ["title", "first", "cell-0", "cell-1", "cell-2"]
    assert [c.execution_count for c in book.cells[1:]] == [1, 2, 3, 4]
    (stream,) = book.cells[2].outputs
    assert stream.text == "one\ntwo\n"


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

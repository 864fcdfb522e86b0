"""Which tests a change calls for."""

import subprocess

import pytest

from tools import quick
from tools.check import ROOT


def test_a_file_is_tested_by_its_own_tests_and_by_those_that_import_it():
    found = quick.tests_of("dgm_lite/flows/coupling.py")
    assert {"tests/flows/test_coupling.py", "tests/flows/test_dequantize.py"} <= found
    assert "tests/latent/test_ppca.py" not in found


def test_a_file_without_tests_of_its_own_is_tested_by_its_folder():
    assert "tests/catalog" in quick.tests_of("dgm_lite/catalog/latent.py")
    assert quick.tests_of("dgm_lite/weights.py") >= {"tests/test_weights.py"}


def test_tests_are_run_themselves():
    assert quick.tests_of("tests/flows/test_coupling.py") == {"tests/flows/test_coupling.py"}
    assert quick.tests_of("tests/flows/test_gone.py") == set()
    assert quick.tests_of("tests/codecs/format.json") == {"tests/codecs"}


@pytest.mark.parametrize(
    ("file", "test"),
    [
        ("book/index.md", "tests/test_book_sources.py"),
        ("book/latent/vae.ipynb", "tests/test_notebooks_hygiene.py"),
        ("data/manifest.yml", "tests/datasets/test_files.py"),
        ("README.md", "tests/tools/test_documents.py"),
        ("dgm_lite/live/noise.mjs", "tests/live/test_noise.py"),
        ("dgm_lite/live/noise.html", "tests/live/test_noise.py"),
        ("dgm_lite/live/shared/plot.mjs", "tests/live"),
        ("dgm_lite/live/core.css", "tests/live"),
    ],
)
def test_files_that_are_not_python_have_tests_that_read_them(file, test):
    assert (quick.ROOT / file).exists() and test in quick.tests_of(file)


def test_nothing_that_changed_goes_without_a_word():
    """Each file of the project calls for a test, or is named as left to `make test`."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    files = listed.splitlines()
    assert len(files) > 300
    for file in files:
        here = quick.run_here(file)
        left = quick.left_to_make_test([file], here)
        assert here or left, file
        assert file in left or (quick.tests_of(file) and not file.endswith(".ipynb")), file
        assert here | set(left) >= quick.tests_of(file)
    assert quick.left_to_make_test(["Makefile"], set()) == ["Makefile"]
    assert "tests/live/test_noise.py" in quick.left_to_make_test(["dgm_lite/live/noise.mjs"], set())


def test_what_everybody_imports_is_tried_in_its_own_room():
    here = quick.run_here("dgm_lite/training/fit.py")
    assert here and all(test.startswith("tests/training") for test in here)
    assert "tests/cli/test_train.py" in quick.left_to_make_test(["dgm_lite/training/fit.py"], here)
    few = quick.run_here("dgm_lite/flows/coupling.py")
    assert few == {
        t for t in quick.tests_of("dgm_lite/flows/coupling.py") if not t.startswith(quick.ELSEWHERE)
    }


def test_every_file_of_the_package_calls_for_some_test():
    without = [
        file
        for file in sorted(p.relative_to(ROOT).as_posix() for p in (ROOT / "dgm_lite").rglob("*.py"))
        if not file.endswith(("__init__.py", "__main__.py")) and not quick.tests_of(file)
    ]
    assert without == []


def test_changed_files_are_those_that_git_names():
    git = ["git", "diff", "--name-only", "HEAD"]
    listed = subprocess.run(git, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    assert set(listed) <= set(quick.changed("HEAD"))

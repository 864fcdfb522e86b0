"""Which tests a change calls for."""

import subprocess

from tools import quick
from tools.check import ROOT


def test_a_file_is_tested_by_its_own_tests_and_by_those_that_import_it():
    found = quick.tests_of("dgm_lite/flows/coupling.py")
    assert {"tests/flows/test_coupling.py", "tests/flows/test_dequantize.py"} <= found
    assert "tests/latent/test_ppca.py" not in found


def test_a_file_without_tests_of_its_own_is_tested_by_its_folder():
    assert "tests/catalog" in quick.tests_of("dgm_lite/catalog/latent.py")
    assert quick.tests_of("dgm_lite/weights.py") >= {"tests/test_weights.py"}


def test_tests_are_run_themselves_and_pages_need_none():
    assert quick.tests_of("tests/flows/test_coupling.py") == {"tests/flows/test_coupling.py"}
    assert quick.tests_of("tests/flows/test_gone.py") == quick.tests_of("book/index.md") == set()


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

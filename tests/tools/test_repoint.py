"""The repository's address stands in one place, all else agrees with it, and one command changes it."""

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

from tools import install_cell
from tools.repoint import ADDRESS, clean, files, repoint

ROOT = Path(__file__).resolve().parents[2]
URL = install_cell.address(ROOT)
SLUG = ADDRESS.fullmatch(URL)[1]
# Who may carry the address, each made from _config.yml or changed with it.
CARRIERS = {"_config.yml", "pyproject.toml", "README.md", "CITATION.cff", "CHANGELOG.md", "CONTRIBUTING.md"}


@pytest.fixture
def copy(tmp_path):
    """A copy of the project, as git sees it, without the data."""
    for path in files(ROOT):
        name = path.relative_to(ROOT)
        if name.parts[0] != "data":
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, tmp_path / name)
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    return tmp_path


def test_only_these_files_carry_the_address():
    found = {p.relative_to(ROOT).as_posix() for p in files(ROOT) if SLUG.encode() in p.read_bytes()}
    assert {f for f in found if not f.endswith(".ipynb")} <= CARRIERS


def test_all_addresses_agree():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["urls"]["Homepage"] == URL
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))["repository-code"] == URL
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    own = re.findall(
        r"https://(?:github\.com|colab\.research\.google\.com/github|mybinder\.org/v2/gh)/([^/\s)]+/[^/\s)]+)",
        readme,
    )
    assert own and set(own) == {SLUG}


def test_there_and_back(copy):
    before = {p: p.read_bytes() for p in files(copy)}
    fork = "https://github.com/someone" + "/a-fork"  # in two pieces, so that this file never carries it
    changed = repoint(copy, fork + ".git/")
    assert {"_config.yml", "README.md", "CITATION.cff", "pyproject.toml"} <= {p.name for p in changed}
    assert not [p for p in files(copy) if SLUG.encode() in p.read_bytes()]
    assert install_cell.address(copy) == fork
    repoint(copy, URL)
    assert {p: p.read_bytes() for p in files(copy)} == before


@pytest.mark.parametrize(
    "bad",
    ["", "dgm-lite", "git@github.com:a/b.git", "https://github.com/a", "https://x/a/b/c", "http://x/a/b"],
)
def test_refuses_what_is_no_address(bad):
    with pytest.raises(ValueError, match="expected an address like"):
        clean(bad)

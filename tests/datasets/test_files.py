"""The files that travel with the project: whole, listed, and refused when damaged."""

import hashlib
import shutil

import pytest
import yaml

from dgm_lite.datasets import files

DATA = files.path("cat.png").parent


def test_every_file_is_listed_with_its_source_licence_and_checksum():
    listed = files.manifest()
    assert set(listed) == {p.name for p in DATA.iterdir()} - {"manifest.yml"}
    for name, entry in listed.items():
        assert all(entry[k].strip() for k in ("source", "licence", "made_by")), name
        assert entry["sha256"] == hashlib.sha256((DATA / name).read_bytes()).hexdigest()
        assert files.path(name) == DATA / name


def test_the_files_are_small():
    """They travel in the wheel."""
    assert sum(p.stat().st_size for p in DATA.iterdir()) < 4_000_000


def test_an_unknown_file_is_refused_with_what_there_is():
    with pytest.raises(FileNotFoundError, match=r"no file 'mnist\.gz'.*cat\.png.*digits28\.npz"):
        files.path("mnist.gz")
    with pytest.raises(FileNotFoundError):
        files.path("../pyproject.toml")


@pytest.fixture
def copied(tmp_path, monkeypatch):
    """The data folder, copied to where it may be damaged."""
    shutil.copytree(DATA, tmp_path / "data")
    monkeypatch.setattr(files, "_FOLDERS", (tmp_path / "data", tmp_path / "nowhere"))
    return tmp_path / "data"


@pytest.mark.parametrize("name", sorted(files.manifest()))
def test_a_damaged_file_is_refused(copied, name):
    assert files.path(name) == copied / name
    content = bytearray((copied / name).read_bytes())
    content[len(content) // 2] ^= 1
    (copied / name).write_bytes(content)
    with pytest.raises(ValueError, match=f"{name} is damaged: expected sha256 .*, got"):
        files.path(name)
    (copied / name).write_bytes(content[:100])
    with pytest.raises(ValueError, match="damaged"):
        files.path(name)
    (copied / name).unlink()
    with pytest.raises(FileNotFoundError, match=name):
        files.path(name)


def test_the_package_carries_the_files_where_there_is_no_checkout(copied, tmp_path, monkeypatch):
    """In a wheel they stand in dgm_lite/_data."""
    monkeypatch.setattr(files, "_FOLDERS", (tmp_path / "nowhere", copied))
    assert files.path("cat.png") == copied / "cat.png"


def test_a_missing_list_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "_FOLDERS", (tmp_path,))
    with pytest.raises(FileNotFoundError, match="install"):
        files.path("cat.png")


@pytest.mark.parametrize("content", [
    b"", b"- cat.png", b"cat.png", b"cat.png: ", b"cat.png: {source: x}", b"cat.png: {sha256",
    b"\xff\xfe\x00", b"\x00",
])  # fmt: skip
def test_a_damaged_list_is_refused(copied, content):
    (copied / "manifest.yml").write_bytes(content)
    for call in (files.manifest, lambda: files.path("cat.png")):
        with pytest.raises(ValueError, match=r"manifest\.yml is damaged.*install"):
            call()


@pytest.mark.parametrize("name", [
    "../data/cat.png", "./cat.png", "/etc/hostname", str(DATA / "cat.png"), "cat.png/", "", ".",
    "manifest.yml", "cat.png\0", None, DATA / "cat.png",
])  # fmt: skip
def test_only_names_of_the_list_are_looked_for(name):
    with pytest.raises(FileNotFoundError, match="no file"):
        files.path(name)


def test_the_list_is_plain_yaml():
    assert yaml.safe_load((DATA / "manifest.yml").read_text()) == files.manifest()

"""The figures' JavaScript: sources that people read, and that are put together as they stand."""

import re
from pathlib import Path

import pytest

from dgm_lite.live import bundle

SOURCES = {path.relative_to(bundle.HERE).as_posix(): path for path in sorted(bundle.HERE.rglob("*.mjs"))}
DECLARED = re.compile(r"^(?:export )?(?:class|function|const|let) (\w+)", re.M)


def read(name: str) -> str:
    return SOURCES[name].read_text(encoding="utf-8")


def imports(name: str) -> dict[str, list[str]]:
    """What a file imports, by the file that it comes from."""
    found = re.findall(r'^import \{ (.*) \} from "\./([\w/]+\.mjs)";$', read(name), re.M)
    folder = Path(name).parent
    taken: dict[str, list[str]] = {}
    for names, file in found:
        taken.setdefault((folder / file).as_posix(), []).extend(names.split(", "))
    return taken


@pytest.mark.parametrize("name", SOURCES)
def test_sources_are_for_people(name):
    """Lines that fit, and one statement to a line."""
    for number, line in enumerate(read(name).splitlines(), 1):
        assert len(line) <= 110, f"{name}:{number}"
        bare = re.sub(r'"[^"]*"|`[^`]*`|//.*', "", line)
        if not bare.lstrip().startswith("for ("):
            assert bare.count(";") <= 1, f"{name}:{number}: two statements"


def test_no_markup_hides_in_the_code():
    """HTML and CSS stand in templates; the message of a stopped figure is all that the code makes."""
    for path in bundle.figures():
        assert not re.search(r"innerHTML|</\w", path.read_text(encoding="utf-8")), path.name


@pytest.mark.parametrize("name", SOURCES)
def test_what_is_left_out_says_nothing(name):
    """Comments take whole lines or end them, and no template goes over several lines."""
    source = read(name)
    assert "/*" not in source
    for number, line in enumerate(source.splitlines(), 1):
        assert line.count("`") % 2 == 0, f"{name}:{number}: a template of several lines"


@pytest.mark.parametrize("name", SOURCES)
def test_imports_are_used_and_exist(name):
    source = read(name)
    lines = [line for line in source.splitlines() if line.startswith("import")]
    rest = "\n".join(line for line in source.splitlines() if not line.startswith("import"))
    taken = imports(name)
    assert sum(map(len, taken.values())) == sum(
        len(re.search(r"\{(.*)\}", line)[1].split(",")) for line in lines
    )
    for file, names in taken.items():
        exported = re.findall(r"^export (?:class|function|const) (\w+)", read(file), re.M)
        for one in names:
            assert one in exported, f"{name} imports {one}, which {file} does not export"
            assert re.search(rf"\b{one}\b", rest), f"{name}: {one} is unused"


def test_shared_files_stand_after_what_they_import_and_share_no_name():
    order = [f"shared/{name}.mjs" for name in (*bundle.SHARED, "widget")]
    assert set(order) == {name for name in SOURCES if name.startswith("shared/")}
    for k, name in enumerate(order):
        assert set(imports(name)) <= set(order[:k]), name
    declared = [one for name in order for one in DECLARED.findall(read(name))]
    assert sorted(declared) == sorted(set(declared))


def test_a_kind_has_its_three_files():
    kinds = {path.stem for path in bundle.figures()}
    assert len(kinds) >= 14
    for kind in kinds:
        assert (bundle.HERE / f"{kind}.py").exists() and (bundle.HERE / f"{kind}.html").exists(), kind
        assert re.search(rf'^figure\("{kind}", \(fig', read(f"{kind}.mjs"), re.M), kind


def test_comments_and_indents_are_left_out_and_nothing_else():
    code = bundle.inline("map")
    assert not re.search(r"^\s+|^\s*//", code, re.M)
    for name in [f"shared/{one}.mjs" for one in bundle.SHARED] + ["map.mjs"]:
        for line in read(name).splitlines():
            kept = re.sub(r"^\s*(?://.*)?", "", line).removeprefix("export ")
            assert not kept or kept.startswith("import ") or f"{kept}\n" in code, (name, line)


def test_a_script_is_not_ended_early(tmp_path, monkeypatch):
    (tmp_path / "pie.mjs").write_text('const tag = "</SCRIPT>";\n', encoding="utf-8")
    monkeypatch.setattr(bundle, "HERE", tmp_path)
    with pytest.raises(ValueError, match="expected JavaScript without '</script', got one in pie.mjs"):
        bundle._read("pie")

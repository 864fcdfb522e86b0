"""The one table: complete, consistent with the package and the book, and with clear refusals."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml

from dgm_lite import catalog, laws, plot
from dgm_lite.catalog.data import DATA, dataset
from dgm_lite.catalog.families import FAMILIES
from dgm_lite.datasets import files
from dgm_lite.datasets.dataset import Dataset
from dgm_lite.training.step import players_of

ROOT = Path(__file__).resolve().parents[2]
PARTS_MEASURED = ("digits", "stability", "sampling", "lossy", "lossless")
PARTS = ("I", "II", "III", "IV", "V", "VI", "VII", "VIII")


@pytest.mark.parametrize("entry", catalog.MODELS, ids=lambda entry: entry.name)
def test_an_entry_is_complete(entry):
    assert entry.name == entry.name.lower() and " " not in entry.name
    assert entry.family in {family.key for family in FAMILIES}
    assert entry.data in DATA
    assert entry.title and players_of(entry.build())
    assert not entry.start or callable(getattr(entry.build(**entry.small), entry.start))
    assert hasattr(plot, entry.colour.upper())
    assert {trial.part for trial in entry.trials} <= set(PARTS_MEASURED)
    assert not entry.weights or catalog.load(files.path(entry.weights))[1]["name"] == entry.name


@pytest.mark.parametrize("entry", catalog.MODELS, ids=lambda entry: entry.name)
def test_images_in_place_of_rows_are_refused_with_the_remedy(entry):
    """By whatever takes data: the loss, the likelihood, the start from data, a flow's way to z."""
    model, (x, *more) = entry.build(), dataset(entry.data).split("train")
    images, more = x[:10].reshape(10, 1, -1), [column[:10] for column in more]
    takers = [p.loss for p in players_of(model) if p.name != "generator"]  # that takes no numbers of x
    takers += [getattr(model, name) for name in ("log_prob", "elbo", "to_latent") if hasattr(model, name)]
    for taker in takers:
        laws.refuses(lambda: taker(images, *more), "Flatten images: x.flatten(1).")  # noqa: B023
    for name in {"start_from_data", entry.start} & set(dir(model)):
        laws.refuses(lambda: getattr(model, name)(images), "Flatten images: x.flatten(1).")  # noqa: B023


@pytest.mark.parametrize("entry", catalog.MODELS, ids=lambda entry: entry.name)
def test_its_default_arguments_fit_its_default_data(entry):
    """The model takes a batch of the data set that the catalog names."""
    data = dataset(entry.data)
    model = entry.build()
    for player in players_of(model):
        assert player.loss(*(column[:3] for column in data.split("train"))).isfinite()


@pytest.mark.parametrize("entry", catalog.MODELS, ids=lambda entry: entry.name)
def test_its_chapter_is_in_the_table_of_contents(entry):
    if entry.chapter:
        listed = (ROOT / "_toc.yml").read_text(encoding="utf-8")
        assert f"file: book/{entry.chapter}\n" in listed


def test_names_are_unique():
    assert len({entry.name for entry in catalog.MODELS}) == len(catalog.MODELS)
    trials = [(trial.part, trial.name or entry.name) for entry in catalog.MODELS for trial in entry.trials]
    assert len(set(trials)) == len(trials)
    assert len({family.key for family in FAMILIES}) == len(FAMILIES)


def test_families_form_one_tree_in_the_order_of_the_book():
    keys = [family.key for family in FAMILIES]
    assert [f.key for f in FAMILIES if f.parent is None] == ["deep"]
    for family in FAMILIES[1:]:
        assert family.parent in keys[: keys.index(family.key)], "a parent stands before its children"
    parts = [PARTS.index(family.part) for family in FAMILIES]
    assert parts == sorted(parts)


def test_table_1_has_the_rows_and_words_of_the_essay():
    """Autoregressive models, flows, and the two kinds of latent variable models, five properties each."""
    rows = {family.key: family.table for family in FAMILIES if family.table}
    assert set(rows) == {"autoregressive", "flow", "prescribed", "implicit"}
    for row in rows.values():
        assert list(row) == ["training", "likelihood", "sampling", "lossy", "lossless"]
        assert row["training"] in {"stable", "unstable"}
        assert row["likelihood"] in {"exact", "approximate", "no"}
        assert row["sampling"] in {"slow", "fast", "fast/slow"}
        assert {row["lossy"], row["lossless"]} <= {"yes", "no"}


def test_every_leaf_says_what_it_gives_up():
    parents = {family.parent for family in FAMILIES}
    for family in FAMILIES:
        if family.key not in parents:
            assert family.formula and family.idea.endswith(".") and family.gives_up.endswith(".")


@pytest.mark.parametrize("name", DATA)
def test_every_data_set_can_be_made(name):
    assert isinstance(dataset(name), Dataset)


def test_what_is_not_in_the_table_is_refused_with_what_is():
    laws.refuses(lambda: catalog.model("pixelcnn++"), "causal-arm", "'pixelcnn++'")
    laws.refuses(lambda: dataset("imagenet"), "digits28", "'imagenet'")
    laws.refuses(lambda: catalog.MODELS[0].build(colour="red"), "colour")


def test_the_books_map_of_parts_is_the_catalogs():
    """_toc.yml has no part that the families do not know."""
    listed = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    assert listed["root"] == "book/index"
    for part in listed.get("parts", []):
        for chapter in part["chapters"]:
            assert list(ROOT.glob(chapter["file"] + ".*")), f"{chapter['file']} is listed and not there"


def strings(file: Path) -> set[str]:
    constants = (n.value for n in ast.walk(ast.parse(file.read_text("utf-8"))) if isinstance(n, ast.Constant))
    return {value for value in constants if isinstance(value, str)}


def test_a_models_name_stands_in_its_entry_and_nowhere_else():
    """What measures, draws, compresses or tests the models of the catalog reads their names from it.

    What belongs to a chapter, in why/ and workbench/, names the models of that chapter.
    """
    names = {entry.name for entry in catalog.MODELS}
    names |= {trial.name for entry in catalog.MODELS for trial in entry.trials if trial.name}
    files = [p for room in ("dgm_lite", "tools", "tests/codecs") for p in (ROOT / room).rglob("*.py")]
    others = [
        file for file in files if not {"catalog", "why", "workbench"} & set(file.relative_to(ROOT).parts)
    ]
    copies = {str(file.relative_to(ROOT)): sorted(strings(file) & names) for file in others}
    assert {file: found for file, found in copies.items() if found} == {}


def test_listing_the_models_imports_none_of_them():
    code = "import sys, dgm_lite.catalog; print(*(m for m in sys.modules if m.startswith('dgm_lite.')))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    rooms = {module.split(".")[1] for module in done.stdout.split()}
    homes = {entry.address.split(".")[1] for entry in catalog.MODELS}
    assert "catalog" in rooms and not rooms & (homes | {"plot", "live", "evaluate", "comparison"})


JUNK = {True: (torch.nan, torch.inf, -torch.inf, 1e30), False: (-1, 2**40, -(2**63))}
COMPLETING = [e for e in catalog.MODELS if callable(getattr(e.build(**e.small), "complete", None))]


@pytest.mark.parametrize("entry", COMPLETING, ids=lambda entry: entry.name)
def test_filling_in_ignores_what_stands_where_nothing_is_known(entry):
    """NaN, infinity, or a number that is no level: nobody knows it, so nobody looks at it."""
    model = entry.build(**entry.small)
    x = laws.examples(model, 4)
    known = torch.arange(x.shape[1]) < x.shape[1] // 2 + 1

    def filled(x):
        torch.manual_seed(0)
        found = model.complete(x, known)
        return found if isinstance(found, tuple) else (found,)

    right = filled(x)
    for junk in JUNK[x.is_floating_point()]:
        other = x.clone()
        other[:, ~known] = junk
        assert all(torch.equal(a, b) for a, b in zip(filled(other), right, strict=True)), junk
        other[:, known] = junk
        if junk != 1e30:  # large, and a number
            laws.refuses(lambda: model.complete(other, known))  # noqa: B023


def test_all_that_fill_in_are_tried():
    assert {type(e.build(**e.small)).__name__ for e in COMPLETING} >= {"CausalARM", "SeparateARM", "PPCA"}

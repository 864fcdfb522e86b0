"""A reader in Colab: the wheel moves nothing that Colab decides, and a notebook runs in an empty folder."""

import json
import re
import shutil
import zipfile

import nbformat
import pytest
from nbclient import NotebookClient

from tests.packaging.conftest import COLAB, ROOT, TORCH
from tools import install_cell

NOTEBOOK = ROOT / "book" / "latent" / "ppca.ipynb"  # data, training, a live figure, a verdict


@pytest.fixture(scope="session")
def before(colab) -> dict[str, str]:
    """The versions in Colab's environment before our package comes."""
    return colab.versions()


@pytest.fixture(scope="session")
def bare(colab, before, wheel):
    """That environment with the wheel in it, its missing requirements resolved by pip; no extras."""
    colab.install(wheel)
    return colab


MISSING = """
import torch
from dgm_lite import catalog
from dgm_lite.catalog.data import dataset
from dgm_lite.cli.main import main
from dgm_lite.training.config import TrainConfig
from dgm_lite.training.fit import fit

data = dataset("two-moons")
model = catalog.model("gaussian-mixture").build(dim=2, n_components=2)
assert len(fit(model, data, TrainConfig(epochs=1), bar=False)) and len(model.sample(3)) == 3
for name in ("codecs.container", "comparison.table", "live.export", "live.figure", "live.cross"):
    try:
        __import__("dgm_lite." + name)
        print(name, "imports")
    except ModuleNotFoundError as error:
        print(name, error)
print("ends in", main(["compress", "causal_arm_digits", "digits", "--split", "test", "--out", "x.dgm"]))
"""


def test_without_extras_models_are_trained_and_what_needs_one_says_so(bare, tmp_path):
    assert {"constriction", "onnx", "onnxscript"}.isdisjoint(bare.versions())
    said = bare(MISSING, cwd=tmp_path)
    for name in ("codecs.container", "comparison.table"):
        wanted = "expected the package constriction, which comes with the extra 'codecs', got none."
        assert f"{name} dgm_lite: {wanted} Install it: pip install constriction" in said
    assert "live.export dgm_lite: expected the package onnx, which comes with the extra 'live'" in said
    assert "ends in 2" in said and said.count("pip install constriction") == 3 and "Traceback" not in said


@pytest.fixture(scope="session")
def installed(bare, wheel):
    """That environment with the wheel and what the chapters need."""
    bare.install(f"{wheel}[live,codecs]")
    return bare


def test_the_wheel_holds_package_and_data(wheel, checkout):
    names = zipfile.ZipFile(wheel).namelist()
    data = {p.name for p in (checkout / "data").iterdir()} | {"claims.yml"}
    assert data <= {n.removeprefix("dgm_lite/_data/") for n in names if n.startswith("dgm_lite/_data/")}
    assert {"dgm_lite/catalog/entry.py", "dgm_lite/live/cross.mjs", "dgm_lite/live/shared/engine.mjs"} <= set(
        names
    )
    for kind in ("*.css", "*.html", "*.mjs", "*.mplstyle", "*.py"):
        ours = {p.relative_to(checkout).as_posix() for p in (checkout / "dgm_lite").rglob(kind)}
        assert ours <= set(names)


def test_the_wheel_holds_nothing_else(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert {n.split("/")[0] for n in names} == {"dgm_lite", names[-1].split("/")[0]}
    assert not [
        n for n in names if re.search(r"(^|/)(tests?|tools|book|__pycache__)(/|$)|\.ipynb$|\.pyc$", n)
    ]
    assert wheel.stat().st_size < 8_000_000
    assert any(n.endswith("licenses/LICENSE") for n in names)


def test_the_environment_is_colabs(colab, before):
    assert {name: before[name] for name in COLAB} == COLAB
    assert before["torch"].split("+")[0] == TORCH
    assert "dgm-lite" not in before


def test_nothing_of_colabs_moves(installed, before):
    after = installed.versions()
    assert "dgm-lite" in after
    assert {name: after.get(name) for name in before} == before


def test_data_and_ledger_come_from_the_wheel(installed, tmp_path):
    out = installed(
        "import dgm_lite; from dgm_lite import claims; from dgm_lite.datasets.images import digits, digits28;"
        "print(dgm_lite.__file__, len(claims.ledger()), digits().train.shape, digits28().train.shape)",
        cwd=tmp_path,
    )
    assert str(installed.site) in out and str(ROOT) not in out
    assert "64]" in out and "784]" in out


def execute(env, notebook, folder) -> None:
    """Run a notebook with the environment's own kernel, in a folder that holds nothing else."""
    kernels = folder / "jupyter" / "kernels" / "colab"
    kernels.mkdir(parents=True)
    argv = [str(env.python), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    spec = {"argv": argv, "display_name": "Colab", "language": "python", "env": {"PYTHONPATH": ""}}
    (kernels / "kernel.json").write_text(json.dumps(spec), encoding="utf-8")
    work = folder / "empty"
    work.mkdir(exist_ok=True)
    NotebookClient(
        notebook, kernel_name="colab", timeout=300, resources={"metadata": {"path": str(work)}},
        extra_arguments=["--Application.log_level=40"],
    ).execute()  # fmt: skip


def test_a_notebook_runs_in_an_empty_folder(installed, tmp_path, monkeypatch):
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    (tmp_path / "empty").mkdir()
    copy = shutil.copy(NOTEBOOK, tmp_path / "empty" / NOTEBOOK.name)
    notebook = nbformat.read(copy, as_version=4)
    execute(installed, notebook, tmp_path)
    outputs = [output.get("data", {}) for cell in notebook.cells for output in cell.get("outputs", [])]
    assert any("application/vnd.dgm-lite.claim+json" in data for data in outputs), "it came to no verdict"
    assert any("<dgm-figure" in "".join(data.get("text/html", "")) for data in outputs), "no live figure"


BENCH = """
import ipywidgets
from dgm_lite.workbench import ppca

made = ppca.bench(ppca.train(print, latent_dim=1, points=75, rows=4))
panel = made.widget()
panel.inputs["latent_dim"].value = 5
panel.button.click()
print(ipywidgets.__version__, panel.said.value, panel.below.children[0].kind, sep="; ")
"""


def test_a_bench_is_shown_and_its_button_works(installed, tmp_path, monkeypatch):
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    cells = [nbformat.v4.new_code_cell(code) for code in (BENCH, "made")]
    notebook = nbformat.v4.new_notebook(cells=cells)
    execute(installed, notebook, tmp_path)
    said = notebook.cells[0].outputs[-1].text.splitlines()[-1]
    assert said.startswith(f"{COLAB['ipywidgets']}; Yours: number of causes 5") and said.endswith("; fill_in")
    (shown,) = notebook.cells[1].outputs
    assert "application/vnd.jupyter.widget-view+json" in shown.data and "<img" in shown.data["text/html"]


def test_the_first_cell_installs_the_package(installed, before, checkout, tmp_path, monkeypatch):
    """The cell as it stands, but for the address: that of a local repository with the same files."""
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    installed.pip("uninstall", "-y", "dgm-lite", "constriction", "onnxscript")
    source = install_cell.source(install_cell.address(ROOT), ["live", "codecs"]).replace(
        install_cell.address(ROOT), checkout.as_uri()
    )
    check = "import dgm_lite\nfrom dgm_lite.datasets import files\nprint(files.path('digits28.npz'))"
    cells = [nbformat.v4.new_code_cell(source), nbformat.v4.new_code_cell(check)]
    notebook = nbformat.v4.new_notebook(cells=cells)
    installed.install("pip")  # %pip is the kernel's own
    execute(installed, notebook, tmp_path)
    assert str(installed.site) in "".join(o.get("text", "") for o in notebook.cells[1].outputs)
    after = installed.versions()
    assert {name: after.get(name) for name in before} == before
    assert {"constriction", "onnxscript"} <= set(after)

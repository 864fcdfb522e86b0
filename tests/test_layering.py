"""The layers of the package, its docstrings, and the equations they name: read from the source."""

import ast
import json
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "dgm_lite"

TOOLBOX = {
    "protocols", "shapes", "distributions", "nets", "outputs", "identity", "sources", "extras", "looking",
}  # fmt: skip
FAMILIES = {"autoregressive", "flows", "latent", "gan", "energy", "diffusion", "joint"}
EVERYTHING_BELOW = TOOLBOX | FAMILIES | {
    "datasets", "weights", "training", "evaluate", "laws", "catalog", "claims", "codecs", "plot",
}  # fmt: skip
# Module or folder -> what it may import from the package, besides itself.
MAY_IMPORT = {
    **{name: {"shapes", "protocols"} - {name} for name in TOOLBOX},
    **{family: set(TOOLBOX) for family in FAMILIES},
    "latent": TOOLBOX | {"flows"},  # a posterior is built from the same bijections as a flow
    "protocols": set(),
    "looking": set(),
    "shapes": {"looking"},
    "outputs": set(),
    "sources": set(),
    "identity": {"shapes", "sources"},
    "datasets": set(TOOLBOX),
    "weights": set(TOOLBOX),
    "training": TOOLBOX | {"weights"},
    "evaluate": set(TOOLBOX),
    "plot": set(TOOLBOX),
    "claims": set(),
    "codecs": TOOLBOX - {"nets"},
    "laws": TOOLBOX | {"training", "weights", "evaluate"},
    "catalog": {"datasets", "weights", "training", "identity"},  # models by address: listing them builds none
    "live": TOOLBOX | {"plot", "claims"},
    "why": EVERYTHING_BELOW | {"live"},
    "comparison": EVERYTHING_BELOW | {"live"},
    "exercises": EVERYTHING_BELOW | {"why", "comparison"},
    "workbench": EVERYTHING_BELOW | {"why", "comparison", "live"},
    "cli": EVERYTHING_BELOW | {"comparison"},
    "__main__": {"cli"},
    "__init__": set(),
}


def sources() -> list[Path]:
    """Every Python file of the package."""
    return sorted(p for p in PACKAGE.rglob("*.py") if "_data" not in p.parts)


@cache
def tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


def name_of(file: Path) -> str:
    """dgm_lite/latent/mixture.py -> "latent.mixture"; a package is called by its folder."""
    parts = file.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)


def for_types_only(file: Path) -> set[ast.AST]:
    """Everything below ``if TYPE_CHECKING:``, which never runs."""
    guards = [
        n for n in ast.walk(tree(file)) if isinstance(n, ast.If) and "TYPE_CHECKING" in ast.unparse(n.test)
    ]
    return {inner for guard in guards for inner in ast.walk(guard)}


def imports(file: Path, *, types: bool = True) -> set[str]:
    """What a file imports from the package, as "plot" or "datasets.files"; also inside functions."""
    modules = {name_of(p) for p in sources()}
    found, skipped = set(), set() if types else for_types_only(file)
    for node in ast.walk(tree(file)):
        if node in skipped:
            continue
        if isinstance(node, ast.Import):
            found |= {a.name.removeprefix("dgm_lite.") for a in node.names if a.name.startswith("dgm_lite")}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}:{node.lineno}: relative import; the import line is the address"
            if node.module == "dgm_lite":
                found |= {a.name for a in node.names}
            elif (node.module or "").startswith("dgm_lite."):
                base = node.module.removeprefix("dgm_lite.")
                found |= {f"{base}.{a.name}" if f"{base}.{a.name}" in modules else base for a in node.names}
    return found - {"dgm_lite", "__version__"}


def layer_errors(name: str, imported: set[str]) -> list[str]:
    """The imports of a module that its layer forbids."""
    own = name.split(".")[0]
    allowed = MAY_IMPORT.get(own)
    if allowed is None:
        return [f"{name} stands in no layer: add {own!r} to MAY_IMPORT"]
    return [f"{name} imports {i}" for i in sorted(imported) if i.split(".")[0] not in allowed | {own}]


@pytest.mark.parametrize("file", sources(), ids=name_of)
def test_imports_stay_in_their_layer(file):
    assert layer_errors(name_of(file), imports(file)) == []


def test_the_layers_would_notice():
    """The test above is not empty: these imports are forbidden."""
    assert layer_errors("latent.vae", {"autoregressive.causal", "flows.flow", "nets"}) == [
        "latent.vae imports autoregressive.causal"
    ]
    assert layer_errors("training.step", {"plot", "protocols"}) == ["training.step imports plot"]
    assert layer_errors("codecs.coder", {"latent.vae"}) == ["codecs.coder imports latent.vae"]
    assert layer_errors("evaluate.samples", {"live.cross"}) == ["evaluate.samples imports live.cross"]
    assert layer_errors("novelty", set()) != []
    assert imports(PACKAGE / "cli" / "train.py") >= {"catalog", "outputs", "training.fit"}


def test_no_module_imports_itself_by_a_detour():
    graph = {name_of(file): imports(file, types=False) for file in sources()}

    def visit(name: str, path: tuple[str, ...]) -> None:
        assert name not in path, " -> ".join([*path[path.index(name) :], name])
        for other in graph.get(name, ()):
            visit(other, (*path, name))

    for name in graph:
        visit(name, ())


def test_the_package_itself_costs_nothing():
    heavy = ("torch", "numpy", "matplotlib", "sklearn")
    code = f"import sys, dgm_lite; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# --- docstrings -----------------------------------------------------------------------------


def public(node: ast.AST) -> list[ast.AST]:
    """Public classes, functions and methods below a module or class, not those inside functions.

    The one method of a Protocol is what the docstring of its class is about.
    """
    found = []
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef | ast.FunctionDef) and not child.name.startswith("_"):
            inside = isinstance(child, ast.ClassDef) and "Protocol" not in map(ast.unparse, child.bases)
            found += [child, *(public(child) if inside else [])]
    return found


def is_solutions(file: Path) -> bool:
    """The functions of an exercise file are solutions: their source is shown, beside the task."""
    shared = {"exercises.exercise", "exercises.answers"}
    return name_of(file).startswith("exercises.") and name_of(file) not in shared


@pytest.mark.parametrize("file", sources(), ids=name_of)
def test_everything_public_has_a_docstring(file):
    shown = [] if is_solutions(file) else public(tree(file))
    bare = [f"{n.name} (line {n.lineno})" for n in shown if not ast.get_docstring(n)]
    if not ast.get_docstring(tree(file)):
        bare.append("the file")
    assert bare == []


def raises_itself(node: ast.FunctionDef) -> bool:
    return any(isinstance(n, ast.Raise) and n.exc is not None for n in ast.walk(node))


@pytest.mark.parametrize("file", sources(), ids=name_of)
def test_a_function_that_raises_says_so(file):
    """Errors are part of what a function promises."""
    silent = [
        f"{n.name} (line {n.lineno})"
        for n in public(tree(file))
        if isinstance(n, ast.FunctionDef)
        and raises_itself(n)
        and "Raises:" not in (ast.get_docstring(n) or "")
    ]
    assert silent == []


@pytest.mark.parametrize("file", [f for f in sources() if name_of(f).split(".")[0] in FAMILIES], ids=name_of)
def test_likelihoods_name_their_source(file):
    """The equation in the book, in every public log_prob, elbo and energy of a model."""
    lacking = [
        f"{n.name} (line {n.lineno})"
        for n in public(tree(file))
        if isinstance(n, ast.FunctionDef) and n.name in {"log_prob", "elbo", "energy"}
        if not re.search(r"Source: book eq\. `[\w-]+`", ast.get_docstring(n) or "")
    ]
    assert lacking == []


def book_labels() -> set[str]:
    """Labels of the equations in the book's pages, with and without the prefix eq-."""
    text = []
    for page in (ROOT / "book").rglob("*"):
        if page.suffix == ".md":
            text.append(page.read_text(encoding="utf-8"))
        elif page.suffix == ".ipynb" and ".ipynb_checkpoints" not in page.parts:
            cells = json.loads(page.read_text(encoding="utf-8"))["cells"]
            text += ["".join(c["source"]) for c in cells if c["cell_type"] == "markdown"]
    found = set()
    for part in text:
        found |= set(re.findall(r"```\{math\}[^\n]*\n:label: *([\w-]+)", part))
        found |= set(re.findall(r"\$\$ *\(([\w-]+)\)", part))
    return found | {label.removeprefix("eq-") for label in found}


NAMED = re.compile(r"book eq\.\s+`([\w-]+)`|\[book: eq\. ([\w-]+)\]")


@pytest.mark.parametrize("file", sources(), ids=name_of)
def test_equations_that_the_code_names_stand_in_the_book(file):
    named = {a or b for a, b in NAMED.findall(file.read_text(encoding="utf-8"))}
    assert sorted(named - book_labels()) == []


def test_the_book_has_equations_to_be_named():
    assert {"bits-per-dim", "log-sum-exp"} <= book_labels()

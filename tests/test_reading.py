"""A model is understood with few files open: those that hold what its class is made of.

A file has to be opened if a definition in it is needed to know what the model computes: its class, what this
uses by name, what that uses, and so on through every import. Three files of the toolbox are left out, and
tests below see that they may be:

- shapes: what a model uses of it is called ``check_…``, and refuses bad input or gives back what came in; or
  says whether there is anything to check, while a graph is compiled;
- protocols: an ability is a name for methods that the model's own file has, a record a name for its fields;
- nets: a multilayer perceptron of torch's own layers is known as well as these; dropout is on or off; and
  the finest type is float64, where the device has it.
"""

import ast
import importlib
import inspect
from functools import cache
from pathlib import Path

import pytest
import torch
from torch import nn

from dgm_lite import catalog, nets, protocols, shapes
from dgm_lite.latent.vae import VAE
from tests.test_layering import FAMILIES

PACKAGE = Path(catalog.__file__).parents[1]
LEFT_OUT = {"shapes", "protocols", "nets"}
FILES = sorted(
    f"{file.parent.name}.{file.stem}"
    for family in FAMILIES
    for file in PACKAGE.glob(f"{family}/*.py")
    if file.stem != "__init__"
)


def tree(module: str) -> ast.Module:
    return ast.parse((PACKAGE / f"{module.replace('.', '/')}.py").read_text(encoding="utf-8"))


@cache
def names_of(module: str) -> tuple[dict[str, ast.AST], dict[str, tuple[str, str]]]:
    """What a module defines, and what it imports from the package: name -> (module, name there)."""
    defined, imported = {}, {}
    for node in tree(module).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            defined[node.name] = node
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names = [n.id for target in targets for n in ast.walk(target) if isinstance(n, ast.Name)]
            defined |= dict.fromkeys(names, node)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("dgm_lite."):
            for alias in node.names:
                imported[alias.asname or alias.name] = (node.module.removeprefix("dgm_lite."), alias.name)
    return defined, imported


def files_to_open(module: str, name: str) -> set[str]:
    """Modules with a definition that is needed, step by step, to know what ``name`` does."""
    todo, seen = [(module, name)], set()
    while todo:
        module, name = todo.pop()
        defined, imported = names_of(module)
        if name in imported:
            todo.append(imported[name])
        elif name in defined and (module, name) not in seen and module not in LEFT_OUT:
            seen.add((module, name))
            used = {n.id for n in ast.walk(defined[name]) if isinstance(n, ast.Name)}
            todo += [(module, other) for other in used]
    return {module for module, _ in seen}


@pytest.mark.parametrize("entry", catalog.MODELS, ids=lambda entry: entry.name)
def test_a_model_is_understood_with_few_files_open(entry):
    """A variational autoencoder with five, every other model with four."""
    module, name = entry.address.removeprefix("dgm_lite.").split(":")
    files = files_to_open(module, name)
    most = 5 if isinstance(entry.build(**entry.small), VAE) else 4
    assert module in files and len(files) <= most, ", ".join(sorted(files))


@pytest.mark.parametrize("module", FILES)
def test_so_is_every_class_of_a_family(module):
    """Also those that stand in no entry of the catalog: joint models, priors, bijections."""
    for name, kind in vars(importlib.import_module(f"dgm_lite.{module}")).items():
        if inspect.isclass(kind) and kind.__module__ == f"dgm_lite.{module}":
            files = files_to_open(module, name)
            assert len(files) <= (5 if issubclass(kind, VAE) else 4), f"{name}: {', '.join(sorted(files))}"


def test_the_count_follows_imports_and_passes_what_is_left_out():
    assert files_to_open("flows.coupling", "NICE") == {"flows.coupling", "flows.flow", "distributions"}
    assert files_to_open("latent.ppca", "PPCA") == {"latent.ppca"}
    assert files_to_open("gan.gan", "GAN") == {"gan.gan"}


@pytest.mark.parametrize("module", FILES)
def test_the_count_sees_every_import(module):
    """They stand at the top of the file, and name what they bring: ``from dgm_lite.file import name``."""
    found = {alias for node in ast.walk(tree(module)) if isinstance(node, ast.Import) for alias in node.names}
    assert not any(alias.name.startswith("dgm_lite") for alias in found)
    nodes = [n for n in ast.walk(tree(module)) if isinstance(n, ast.ImportFrom)]
    ours = [n for n in nodes if n.level or (n.module or "").startswith("dgm_lite")]
    assert all(n.col_offset == 0 and not n.level and n.module != "dgm_lite" for n in ours)
    assert sum(len(n.names) for n in ours) == len(names_of(module)[1])


# --- what is left out -----------------------------------------------------------------------


@pytest.mark.parametrize("module", sorted(LEFT_OUT))
def test_what_is_left_out_is_small_and_holds_no_model(module):
    source = (PACKAGE / f"{module}.py").read_text(encoding="utf-8")
    assert len(source.splitlines()) < 200 and "book eq" not in source
    parts = [v for v in vars(importlib.import_module(f"dgm_lite.{module}")).values() if inspect.isclass(v)]
    assert not any(issubclass(v, nn.Module) and v.__module__ == f"dgm_lite.{module}" for v in parts)


def used_of(module: str) -> set[str]:
    """What the files that have to be opened import from a module that is left out."""
    files = [*FILES, "distributions"]
    return {name for file in files for origin, name in names_of(file)[1].values() if origin == module}


def test_shapes_refuses_or_gives_back_what_came_in():
    used = used_of("shapes") - {"has_values"}
    assert used and all(name.startswith("check_") for name in used)
    x, y = torch.tensor([[1.5, -2.0]]), torch.tensor([1, 0])
    given_back = {
        "check_real": (shapes.check_real(x, ("B", 2), nn.Linear(1, 1)), x),
        "check_levels": (shapes.check_levels(y, 2, ("B",), ""), y),
        "check_labels": (shapes.check_labels(y, 2, 2, ""), y),
    }
    assert all(torch.equal(*pair) for pair in given_back.values())
    silent = {name for name in used if inspect.signature(getattr(shapes, name)).return_annotation is None}
    assert silent | set(given_back) >= used


def test_protocols_hold_no_code():
    """But for methods without a body."""
    used = used_of("protocols")
    assert used and used <= {name for name, kind in vars(protocols).items() if inspect.isclass(kind)}
    for node in ast.walk(tree("protocols")):
        if isinstance(node, ast.FunctionDef):
            assert [ast.unparse(line) for line in node.body] == ["..."], node.name


def test_nets_has_torchs_own_layers_and_the_mode():
    assert used_of("nets") == {"mlp", "eval_mode", "in_eval_mode", "finest"}
    assert nets.finest(torch.device("cpu")) == torch.float64 and shapes.has_values(torch.ones(1)) is True
    net = nets.mlp(2, 3, 1, n_layers=2, dropout=0.5)
    assert {type(part) for part in net.modules()} == {nn.Sequential, nn.Linear, nn.SiLU, nn.Dropout}

"""A model is understood with few files open: those that hold what its class is made of."""

import ast
from functools import cache
from pathlib import Path

import pytest

from dgm_lite import catalog
from dgm_lite.latent.vae import VAE

PACKAGE = Path(catalog.__file__).parents[1]
# Read once for all models: what bad input is told, what abilities are called, and a multilayer perceptron.
READ_ONCE = {"shapes", "protocols", "nets"}


@cache
def names_of(module: str) -> tuple[dict[str, ast.AST], dict[str, tuple[str, str]]]:
    """What a module defines, and what it imports from the package: name -> (module, name there)."""
    tree = ast.parse((PACKAGE / f"{module.replace('.', '/')}.py").read_text(encoding="utf-8"))
    defined, imported = {}, {}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            defined[node.name] = node
        elif isinstance(node, ast.Assign):
            defined |= {target.id: node for target in node.targets if isinstance(target, ast.Name)}
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
        elif name in defined and (module, name) not in seen and module not in READ_ONCE:
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


def test_the_count_follows_imports_and_passes_what_is_read_once():
    assert files_to_open("flows.coupling", "NICE") == {"flows.coupling", "flows.flow", "distributions"}
    assert files_to_open("latent.ppca", "PPCA") == {"latent.ppca"}
    assert files_to_open("gan.gan", "GAN") == {"gan.gan"}

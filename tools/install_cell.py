"""The first code cell of every notebook: installs the package where it is missing, which is in Colab.

    python tools/install_cell.py            write it into every notebook
    python tools/install_cell.py --check    say which notebooks have another first cell; exit code 1 if any

It is derived from `_config.yml` (the repository's address) and from the notebook's own metadata
`dgm.extras`, such as ["live"]. It never names a bare package: "dgm-lite" on a public index may be
somebody else's.
"""

import argparse
import json
import sys
from pathlib import Path

import nbformat
import yaml

ROOT = Path(__file__).resolve().parents[1]
# What an extra brings.
MODULES = {
    "live": "onnxscript",
    "codecs": "constriction",
    "photo": "efficientnet_lite_pytorch",
    "jxl": "pillow_jxl",
    "multi": "accelerate",
}
MARK = "# Installs the package where it is missing"


def address(root: Path = ROOT) -> str:
    """The repository's address, from the one place where it stands."""
    return yaml.safe_load((root / "_config.yml").read_text(encoding="utf-8"))["repository"]["url"]


def source(url: str, extras: list[str]) -> str:
    """The cell's code.

    Raises:
        ValueError: If an extra is not one of pyproject.toml's that a notebook may ask for.
    """
    if unknown := set(extras) - set(MODULES):
        raise ValueError(f"install cell: expected extras among {sorted(MODULES)}, got {sorted(unknown)}.")
    modules = ", ".join(["dgm_lite", *(MODULES[extra] for extra in extras)])
    package = f"dgm-lite[{','.join(extras)}]" if extras else "dgm-lite"
    return (
        f"{MARK} (in Colab); where it is there, this does nothing.\n"
        f"try:\n    import {modules}\nexcept ModuleNotFoundError:\n"
        f'    %pip install -q "{package} @ git+{url}"'
    )


def first_code_cell(notebook: dict) -> dict | None:
    return next((cell for cell in notebook["cells"] if cell["cell_type"] == "code"), None)


def right(notebook: dict, url: str) -> bool:
    """Whether the first code cell is the install cell that belongs here, hidden on the page."""
    cell = first_code_cell(notebook)
    extras = notebook["metadata"].get("dgm", {}).get("extras", [])
    return bool(
        cell
        and "".join(cell["source"]) == source(url, extras)
        and "remove-cell" in cell["metadata"].get("tags", [])
    )


def put(notebook: nbformat.NotebookNode, url: str) -> bool:
    """Write the cell, in place of an older one or of a `# install` mark; say whether anything changed."""
    if right(notebook, url):
        return False
    cell = first_code_cell(notebook)
    if cell is None or not cell["source"].startswith(("# install", MARK)):
        at = next((i for i, c in enumerate(notebook.cells) if c.cell_type == "code"), len(notebook.cells))
        cell = nbformat.v4.new_code_cell(id="install")
        notebook.cells.insert(at, cell)
    cell["source"] = source(url, notebook.metadata.get("dgm", {}).get("extras", []))
    cell["metadata"]["tags"] = sorted({*cell["metadata"].get("tags", []), "remove-cell"})
    return True


def notebooks(root: Path = ROOT) -> list[Path]:
    """Every notebook of the book."""
    return sorted(p for p in (root / "book").rglob("*.ipynb") if ".ipynb_checkpoints" not in p.parts)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="change nothing, only say what is wrong")
    args = parser.parse_args(argv)
    url, wrong = address(), []
    for path in notebooks():
        if args.check:
            wrong += [path] * (not right(json.loads(path.read_text(encoding="utf-8")), url))
            continue
        notebook = nbformat.read(path, as_version=4)
        if put(notebook, url):
            nbformat.write(notebook, path)
            print(f"install cell: written to {path.relative_to(ROOT)}")
    for path in wrong:
        print(f"install cell: {path.relative_to(ROOT)} has another first code cell", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

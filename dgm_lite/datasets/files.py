"""Finds and verifies the small data files that travel with the project."""

import hashlib
from pathlib import Path

import yaml

_PACKAGE = Path(__file__).resolve().parents[1]
# In a checkout the files stand in data/; a wheel carries them inside the package.
_FOLDERS = (_PACKAGE.parent / "data", _PACKAGE / "_data")


def path(name: str) -> Path:
    """Where a data file is, after its checksum was compared with data/manifest.yml.

    Args:
        name: File name, for example "digits28.npz".

    Raises:
        FileNotFoundError: If no such file travels with the project; names those that do.
        ValueError: If the file is damaged.
    """
    entry = manifest().get(name)
    folders = () if entry is None else _FOLDERS
    found = next((folder / name for folder in folders if (folder / name).is_file()), None)
    if found is None:
        raise FileNotFoundError(f"data: no file {name!r}. There are: {', '.join(sorted(manifest()))}.")
    digest = hashlib.sha256(found.read_bytes()).hexdigest()
    if digest != entry["sha256"]:
        raise ValueError(
            f"data: {name} is damaged: expected sha256 {entry['sha256'][:12]}…, got {digest[:12]}…."
        )
    return found


def manifest() -> dict[str, dict[str, str]]:
    """Source, licence, checksum and maker of every data file, by file name.

    Raises:
        FileNotFoundError: If the list is missing.
        ValueError: If the list is damaged.
    """
    listed = next(
        (folder / "manifest.yml" for folder in _FOLDERS if (folder / "manifest.yml").is_file()), None
    )
    if listed is None:
        raise FileNotFoundError("data: manifest.yml is missing; install the package again.")
    try:
        entries = yaml.safe_load(listed.read_bytes())
        whole = all("sha256" in entry for entry in entries.values())
    except (yaml.YAMLError, AttributeError, TypeError):
        whole = False
    if not whole:
        raise ValueError(
            "data: manifest.yml is damaged: expected entries with sha256; install the package again."
        )
    return entries

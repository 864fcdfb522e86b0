"""Weights as safetensors files with a format version: nothing in them can run code."""

import hashlib
import json
import os
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save as packed
from torch import Tensor, nn

from dgm_lite import outputs
from dgm_lite.identity import described, differences, identity, listed, raw

FORMAT = "dgm-lite/2"


def write(file: str | Path, tensors: dict[str, Tensor], *, kind: str, about: dict) -> None:
    """Write tensors and a JSON description, whole or not at all; equal contents give equal bytes.

    Args:
        file: Where to. An old file is replaced only once the new one is complete.
        tensors: What to keep.
        kind: "weights" or "checkpoint"; ``read`` refuses the other.
        about: Anything that JSON can hold.

    Raises:
        TypeError: If JSON cannot hold ``about``. Nothing is written then.
        ValueError: If the name belongs to a folder or a device.
        OSError: If the file cannot be written.
    """
    tensors = {k: v.detach().cpu().contiguous().clone() for k, v in tensors.items()}
    metadata = {"format": FORMAT, "kind": kind, "about": json.dumps(about)}
    metadata["sha256"] = _digest(tensors, metadata)
    outputs.write(file, _sorted_header(packed(tensors, metadata=metadata)))


def _sorted_header(file: bytes) -> bytes:
    """Names in the order of the alphabet: safetensors itself writes metadata in another order each time."""
    end = 8 + int.from_bytes(file[:8], "little")
    header = json.dumps(json.loads(file[8:end]), sort_keys=True, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)  # numbers begin at a multiple of eight bytes
    return len(header).to_bytes(8, "little") + header + file[end:]


def _digest(tensors: dict[str, Tensor], metadata: dict[str, str]) -> str:
    """One checksum of every name, type, shape and number: safetensors itself checks only its header."""
    digest = hashlib.sha256(f"{metadata['format']}\n{metadata['kind']}\n{metadata['about']}\n".encode())
    for name, value in sorted(tensors.items()):
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}\n".encode())
        digest.update(raw(value))
    return digest.hexdigest()


def read(file: str | Path, *, kind: str) -> tuple[dict[str, Tensor], dict]:
    """Read what ``write`` wrote.

    Raises:
        FileNotFoundError: If there is no such file.
        PermissionError: If it may not be read.
        ValueError: If the file is damaged, foreign, of another version, or of another kind.
    """
    file = Path(file).expanduser()
    if not file.is_file():
        raise FileNotFoundError(f"weights: no file {file}.")
    if not os.access(file, os.R_OK):
        raise PermissionError(f"weights: expected a file that may be read, got {file}: permission denied.")
    try:
        with safe_open(str(file), framework="pt") as opened:
            metadata = opened.metadata() or {}
            tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118 (no mapping)
    except (
        SafetensorError,
        OSError,
        ValueError,
        LookupError,
        TypeError,
        AttributeError,
        RuntimeError,
    ) as error:
        raise ValueError(f"weights: {file.name} is damaged or no safetensors file ({error}).") from error
    if metadata.get("format") != FORMAT:
        raise ValueError(
            f"weights: {file.name}: expected format {FORMAT!r}, got {metadata.get('format')!r}. A file of "
            "another release is made anew by the command that made it."
        )
    if metadata.get("kind") != kind:
        raise ValueError(
            f"weights: {file.name}: expected a file of {kind}, got one of {metadata.get('kind')!r}."
        )
    if not {"about", "sha256"} <= set(metadata) or metadata["sha256"] != _digest(tensors, metadata):
        raise ValueError(
            f"weights: {file.name} is damaged: its content does not match the checksum expected in it."
        )
    try:
        about = json.loads(metadata["about"])
    except (ValueError, RecursionError) as error:
        raise ValueError(f"weights: {file.name} is damaged: {error}.") from error
    if not isinstance(about, dict):
        raise ValueError(f"weights: {file.name} is damaged: expected facts by name, got {about!r:.60}.")
    return tensors, about


def save(model: nn.Module, file: str | Path, **about) -> None:
    """Save a model's weights and buffers, and what they belong to.

    Args:
        model: What to save.
        file: Where to; by custom it ends in .safetensors.
        **about: Facts to keep with the weights (data set, command, seed).
    """
    about = {"model": type(model).__name__, "settings": identity(model)["settings"], **about}
    write(file, model.state_dict(), kind="weights", about=about)


def load(model: nn.Module, file: str | Path) -> dict:
    """Load weights into a model that is built like the one they are of, whole or not at all.

    Args:
        model: Where to. Left in eval mode, or untouched if the file is refused.
        file: What ``save`` wrote.

    Returns:
        What ``save`` was told about them, and the name of the class as ``model``.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is damaged or foreign, or belongs to another class, to other arguments or
            to tensors of other shapes or types; says which.
    """
    tensors, about = read(file, kind="weights")
    settings = about.pop("settings", None)
    if not isinstance(settings, dict):
        raise ValueError(f"weights: {Path(file).name}: expected it to say what it is of, got no settings.")
    theirs = {"settings": settings, "tensors": {name: described(value) for name, value in tensors.items()}}
    different = differences(identity(model), theirs)
    if different:
        raise ValueError(
            f"weights: {Path(file).name} does not fit this {type(model).__name__}: "
            f"expected {listed(different)}."
        )
    bad = [name for name, value in tensors.items() if value.is_floating_point() and value.isnan().any()]
    if bad:
        raise ValueError(f"weights: {Path(file).name} holds NaN in {', '.join(bad[:4])}: it is damaged.")
    model.load_state_dict(tensors)
    model.eval()
    return about

"""Weights as safetensors files with a format version: nothing in them can run code."""

import json
import os
import tempfile
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

FORMAT = "dgm-lite/1"


def write(file: str | Path, tensors: dict[str, Tensor], *, kind: str, about: dict) -> None:
    """Write tensors and a JSON description, whole or not at all.

    Args:
        file: Where to. An old file is replaced only once the new one is complete.
        tensors: What to keep.
        kind: "weights" or "checkpoint"; ``read`` refuses the other.
        about: Anything that JSON can hold.
    """
    file = Path(file)
    file.parent.mkdir(parents=True, exist_ok=True)
    metadata = {"format": FORMAT, "kind": kind, "about": json.dumps(about)}
    handle, temporary = tempfile.mkstemp(dir=file.parent, prefix=file.name, suffix=".part")
    os.close(handle)
    try:
        save_file({k: v.detach().contiguous().cpu().clone() for k, v in tensors.items()}, temporary, metadata=metadata)
        os.chmod(temporary, 0o644)
        os.replace(temporary, file)
    finally:
        Path(temporary).unlink(missing_ok=True)


def read(file: str | Path, *, kind: str) -> tuple[dict[str, Tensor], dict]:
    """Read what ``write`` wrote.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is damaged, foreign, of another version, or of another kind.
    """
    file = Path(file)
    if not file.is_file():
        raise FileNotFoundError(f"weights: no file {file}.")
    try:
        with safe_open(str(file), framework="pt") as opened:
            metadata = opened.metadata() or {}
            tensors = {name: opened.get_tensor(name) for name in opened.keys()}
    except (SafetensorError, OSError, ValueError) as error:
        raise ValueError(f"weights: {file.name} is damaged or no safetensors file ({error}).") from error
    if metadata.get("format") != FORMAT:
        raise ValueError(f"weights: {file.name}: expected format {FORMAT!r}, got {metadata.get('format')!r}.")
    if metadata.get("kind") != kind:
        raise ValueError(f"weights: {file.name}: expected a file of {kind}, got one of {metadata.get('kind')!r}.")
    return tensors, json.loads(metadata["about"])


def save(model: nn.Module, file: str | Path, **about) -> None:
    """Save a model's weights and buffers.

    Args:
        model: What to save.
        file: Where to, by custom ending in .safetensors.
        **about: Facts to keep with the weights (data set, command, seed).
    """
    write(file, model.state_dict(), kind="weights", about={"model": type(model).__name__, **about})


def load(model: nn.Module, file: str | Path) -> dict:
    """Load weights into a model of the same class and sizes, whole or not at all.

    Returns:
        What ``save`` was told about them.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is damaged or foreign, or belongs to another class or other sizes.
    """
    tensors, about = read(file, kind="weights")
    own = model.state_dict()
    if about.get("model") != type(model).__name__:
        raise ValueError(f"weights: expected a file of {type(model).__name__}, got one of {about.get('model')}.")
    wrong = sorted(set(own) ^ set(tensors)) + [k for k in own if k in tensors and own[k].shape != tensors[k].shape]
    if wrong:
        raise ValueError(f"weights: {Path(file).name} does not fit this {type(model).__name__}: {', '.join(wrong[:4])}.")
    bad = [name for name, value in tensors.items() if value.is_floating_point() and value.isnan().any()]
    if bad:
        raise ValueError(f"weights: {Path(file).name} holds NaN in {', '.join(bad[:4])}: it is damaged.")
    model.load_state_dict({k: v.to(own[k].dtype) for k, v in tensors.items()})
    model.eval()
    return about

"""What a model is: tensors that fit by name and shape may belong to a model that computes something else.

    identity = class, arguments and tensors of every part

Weights files, checkpoints and compressed files carry it, compare it, and refuse by naming what differs.
"""

import functools
import hashlib
import json
import math
import types
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from dgm_lite.shapes import show

LONGEST = 300  # characters of a setting that is kept as it is; of a longer one, its checksum
DEEPEST = 8  # objects within objects that are looked into
NO_SETTINGS = {*vars(nn.Module()), "_compiled_call_impl"}  # hooks, the training flag and the like


def identity(model: nn.Module) -> dict[str, dict]:
    """What the model computes, but for the numbers in its tensors, as JSON can hold it.

    The class of every part with its address, every plain attribute of every part, and each tensor's name,
    shape and type. Hooks, training or eval mode and the device do not count. A number that changes in
    training belongs in a buffer: as a plain attribute it would make another model of this one.

    Args:
        model: Any module.

    Returns:
        ``{"settings": {"dim": 2, "base.class": "dgm_lite…", …}, "tensors": {"mu": "float32 (3, 2)", …}}``.
    """
    known = {id(part): f"part {name!r}" for name, part in model.named_modules()}
    for found in (model.named_parameters, model.named_buffers):
        known |= {id(value): f"tensor {name}" for name, value in found(remove_duplicate=False)}
    settings = {}
    for name, part in model.named_modules(remove_duplicate=False):
        found = {"class": _address(type(part)), **_attributes(part, known)}
        settings |= {f"{name}.{key}" if name else key: value for key, value in found.items()}
    return {"settings": settings, "tensors": {k: described(v) for k, v in model.state_dict().items()}}


def differences(expected: dict[str, dict], got: dict[str, dict]) -> list[str]:
    """What one model has and another has otherwise, by name: ``["n_logistics 2, got 5"]``.

    Args:
        expected: An ``identity``.
        got: Another one, or what was read from a file.
    """
    found = []
    for kind, said in (("settings", repr), ("tensors", str)):
        one, two = expected.get(kind, {}), got.get(kind, {})
        for name in [*one, *(name for name in two if name not in one)]:
            if name not in one or name not in two or one[name] != two[name]:
                a, b = (said(each[name]) if name in each else "none" for each in (one, two))
                found.append(f"{name} {a}, got {b}")
    return found


def listed(different: list[str], most: int = 4) -> str:
    """The first few of ``differences``, in one line."""
    more = f"; and {len(different) - most} more" if len(different) > most else ""
    return "; ".join(different[:most]) + more


def described(value: Tensor) -> str:
    """A tensor's type and shape: "float32 (3, 2)"."""
    return f"{str(value.dtype).removeprefix('torch.')} {show(tuple(value.shape))}"


def raw(value: Tensor) -> bytes:
    """A tensor's numbers as bytes, wherever they lie."""
    return value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes()


def checksum(*tensors: Tensor) -> str:
    """Types, shapes and every number of some tensors, in 16 hexadecimal digits."""
    digest = hashlib.blake2b(digest_size=8)
    for value in tensors:
        digest.update(f"{value.dtype} {tuple(value.shape)}\n".encode())
        digest.update(raw(value))
    return digest.hexdigest()


def _address(what: Any) -> str:
    module = getattr(what, "__module__", None) or "builtins"
    return f"{'torch' if _is_torchs(module) else module}.{what.__qualname__}"


def _is_torchs(module: str) -> bool:
    """Whether it belongs to torch, whose own files move from one release to the next."""
    return module.split(".")[0] == "torch"


def _attributes(part: nn.Module, known: dict[int, str]) -> dict[str, Any]:
    """The plain attributes of one part, and its buffers that are not saved with the others."""
    unsaved = {name: part._buffers[name] for name in sorted(part._non_persistent_buffers_set)}
    found = {name: f"tensor {checksum(value)}" for name, value in unsaved.items() if value is not None}
    torchs_own = _is_torchs(type(part).__module__)
    for name, value in vars(part).items():
        # What torch's own layers keep under hidden names, or as tensors, follows from their arguments.
        if name in NO_SETTINGS or (torchs_own and (name.startswith("_") or isinstance(value, Tensor))):
            continue
        found[name] = plain = _plain(value, known)
        if isinstance(plain, str | list | dict):
            text = json.dumps(plain, sort_keys=True).encode()
            if len(text) > LONGEST:
                found[name] = f"checksum {hashlib.blake2b(text, digest_size=8).hexdigest()}"
    return found


def _plain(value: Any, known: dict[int, str], above: tuple[int, ...] = ()) -> Any:
    """A setting as JSON can hold it: the same for settings that mean the same, in every process."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)  # NaN in JSON would differ from itself
    if id(value) in known:
        return known[id(value)]
    if isinstance(value, torch.device):
        return "a device"  # where it is computed is not what is computed
    if isinstance(value, Tensor):
        # What was computed from weights, and is kept for a while, says nothing of its own.
        return "computed" if value.grad_fn is not None else f"tensor {checksum(value)}"
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist() if value.dtype.kind in "biuUS" and value.size < 9 else _array(value)
    if isinstance(value, type | types.ModuleType):
        return value.__name__ if isinstance(value, types.ModuleType) else _address(value)
    if id(value) in above or len(above) > DEEPEST:
        return "…"
    return _inside(value, lambda item: _plain(item, known, (*above, id(value))))


def _array(value: np.ndarray | np.generic) -> str:
    return f"array {value.dtype} {value.shape} {hashlib.blake2b(value.tobytes(), digest_size=8).hexdigest()}"


def _inside(value: Any, plain) -> Any:
    """A setting that holds others, each of them made plain."""
    if isinstance(value, Mapping):
        return {str(plain(key)): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, set | frozenset):
        return sorted(json.dumps(plain(item)) for item in value)
    if isinstance(value, functools.partial):
        return [plain(value.func), plain(value.args), plain(value.keywords)]
    if isinstance(value, types.MethodType):
        return [_address(value), plain(value.__self__)]
    if isinstance(value, nn.Module):  # hidden in a list: its weights are not saved, so they count here
        return {**identity(value), "numbers": checksum(*value.state_dict().values())}
    if isinstance(value, types.FunctionType):
        free = [cell.cell_contents for cell in value.__closure__ or ()]
        settings = [plain(item) for item in (*free, value.__defaults__, value.__kwdefaults__) if item]
        return [_address(value), *settings] if settings else _address(value)
    if hasattr(value, "__qualname__"):
        return _address(value)
    if hasattr(value, "__dict__"):
        return {"class": _address(type(value)), **{name: plain(item) for name, item in vars(value).items()}}
    wordy = isinstance(value, torch.dtype | slice | range | complex | bytes)
    return str(value) if wordy else _address(type(value))

"""What a model is: tensors that fit by name and shape may belong to a model that computes something else.

    identity = class, arguments and tensors of every part

Weights files, checkpoints and compressed files carry it, compare it, and refuse by naming what differs.
"""

import contextlib
import functools
import hashlib
import json
import math
import random
import re
import types
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from dgm_lite.shapes import show
from dgm_lite.sources import source

LONGEST = 300  # characters of a setting that is kept as it is; of a longer one, its checksum
DEEPEST = 8  # objects within objects that are looked into
KEPT = re.compile("tensor [0-9a-f]{16}|computed")  # a tensor that is not saved with the weights
DRAWS = torch.Generator | np.random.Generator | np.random.RandomState | random.Random
NO_SETTINGS = {*vars(nn.Module()), "_compiled_call_impl"}  # hooks, the training flag and the like


def identity(model: nn.Module) -> dict[str, dict]:
    """What the model computes, but for the numbers in its tensors, as JSON can hold it.

    The class of every part with its address, every plain attribute of every part, and each tensor's name,
    shape and type. Hooks, training or eval mode, the device, generators of random numbers and cached
    properties do not count. A number that changes in training belongs in a buffer: as a plain attribute it
    would make another model of this one. Of a function its address counts; where others may share that, as
    lambdas do, its source and what it closes over too. Any other object is what pickle would make it from.

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

    Numbers that are equal are equal: 1 is 1.0. A tensor that is saved nowhere counts where both have one: it
    may be what one of them has computed and remembers, and the other has not yet.

    Args:
        expected: An ``identity``.
        got: Another one, or what was read from a file.
    """
    found = []
    for kind, said in (("settings", repr), ("tensors", str)):
        one, two = expected.get(kind, {}), got.get(kind, {})
        for name in [*one, *(name for name in two if name not in one)]:
            a, b = one.get(name), two.get(name)
            alike = _alike(a, b) and (name in one) == (name in two)
            kept = [_is_kept(each) for each in (a, b)]
            if alike or (any(kept) and (None in (a, b) or "computed" in (a, b))):
                continue
            a, b = (said(each[name]) if name in each else "none" for each in (one, two))
            found.append(f"{name} {a}, got {b}")
    return found


def canonical(model: nn.Module) -> bytes:
    """Bytes that are the same for two models if ``differences`` finds none between them.

    They say nothing of the tensors that are saved nowhere: either model may have none yet.
    """
    found = identity(model)
    found["settings"] = {k: v for k, v in found["settings"].items() if v is not None and not _is_kept(v)}
    return _text(found).encode()


def _alike(a: Any, b: Any) -> bool:
    """Whether two settings are the same: no deeper than the shallower one, whatever a file holds."""
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(_alike(a[name], b[name]) for name in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(_alike, a, b))
    return a == b and isinstance(a, bool) == isinstance(b, bool)


def _is_kept(value: Any) -> bool:
    return isinstance(value, str) and KEPT.fullmatch(value) is not None


def _text(plain: Any) -> str:
    """What ``_plain`` gave as JSON, equal for what is ``_alike``."""

    def whole(value: Any) -> Any:
        """Numbers without a fraction as integers."""
        if isinstance(value, dict):
            return {name: whole(item) for name, item in value.items()}
        if isinstance(value, list):
            return [whole(item) for item in value]
        return int(value) if isinstance(value, float) and value.is_integer() else value

    return json.dumps(whole(plain), sort_keys=True)


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
    found = {name: _tensor(value) for name, value in unsaved.items() if value is not None}
    own = {name: value for name, value in vars(part).items() if name not in NO_SETTINGS}
    if _is_torchs(type(part).__module__):
        # What torch's own layers keep under hidden names, or as tensors, follows from their arguments.
        own = {k: v for k, v in own.items() if not k.startswith("_") and not isinstance(v, Tensor)}
    for name, value in _lasting(part, own).items():
        value, tensors = _apart(value)
        found |= {f"{name}.{key}": _plain(tensor, known) for key, tensor in tensors.items()}
        found[name] = plain = _plain(value, known)
        if isinstance(plain, str | list | dict):
            text = _text(plain).encode()
            if len(text) > LONGEST:
                found[name] = f"checksum {hashlib.blake2b(text, digest_size=8).hexdigest()}"
    return found


def _lasting(value: Any, attributes: dict[str, Any]) -> dict[str, Any]:
    """All but what cached properties remember: that follows from the others."""
    kind, cached = type(value), functools.cached_property
    return {k: v for k, v in attributes.items() if not isinstance(getattr(kind, k, None), cached)}


def _apart(value: Any) -> tuple[Any, dict[Any, Tensor]]:
    """A list or dictionary without the tensors in it, and these: it may be the memory of a model."""
    if not isinstance(value, list | dict):
        return value, {}
    items = value if isinstance(value, dict) else dict(enumerate(value))
    tensors = {key: item for key, item in items.items() if isinstance(item, Tensor)}
    if not tensors:
        return value, {}
    others = {key: item for key, item in items.items() if key not in tensors}
    return others if isinstance(value, dict) else list(others.values()), tensors


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
    if isinstance(value, DRAWS):
        return _address(type(value))  # its state goes on with each draw
    if isinstance(value, Tensor):
        return _tensor(value)
    if isinstance(value, np.ndarray) and value.dtype.hasobject:
        return _plain(value.tolist(), known, above)  # its bytes are places in memory
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist() if value.dtype.kind in "biuUS" and value.size < 9 else _array(value)
    if isinstance(value, type | types.ModuleType):
        return value.__name__ if isinstance(value, types.ModuleType) else _address(value)
    if id(value) in above or len(above) > DEEPEST:
        return "…"
    return _inside(value, lambda item: _plain(item, known, (*above, id(value))))


def _tensor(value: Tensor) -> str:
    # What was computed from weights, and is kept for a while, says nothing of its own.
    computed = value.grad_fn is not None or value.is_inference()
    return "computed" if computed else f"tensor {checksum(value)}"


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
        return _function(value, plain)
    if hasattr(value, "__wrapped__"):  # by functools.cache, say
        return plain(value.__wrapped__)
    if hasattr(value, "__qualname__"):
        return _address(value)
    if isinstance(value, torch.dtype | slice | range | complex | bytes):
        return str(value)
    return _object(value, plain)


def _function(value: types.FunctionType, plain: Callable[[Any], Any]) -> Any:
    """A function by its address, its defaults, what it closes over, and its source if it needs one."""
    held = {"free": dict(_free(value)), "defaults": value.__defaults__, "keywords": value.__kwdefaults__}
    found = {name: plain(item) for name, item in held.items() if item}
    if "<" in value.__qualname__:  # <lambda>, or of another function's <locals>
        found["source"] = source(value)
    return {"function": _address(value), **found} if found else _address(value)


def _free(function: types.FunctionType) -> Iterator[tuple[str, Any]]:
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        with contextlib.suppress(ValueError):  # it has no value yet
            yield name, cell.cell_contents


def _object(value: Any, plain: Callable[[Any], Any]) -> dict[str, Any]:
    """An object by its class, its attributes, and whatever else pickle would make it from."""
    try:
        made = value.__reduce_ex__(2)
    except Exception:  # pickle cannot make every object
        made = None
    if not isinstance(made, tuple):
        made = (None, (), getattr(value, "__dict__", None))
    _, first, state, items, pairs = (*made, None, None, None)[:5]
    parts = state if isinstance(state, tuple) and len(state) == 2 else (state,)  # (attributes, slots)
    found = {"class": _address(type(value))}
    for part in parts:
        attributes = _lasting(value, part) if isinstance(part, dict) else {"state": part}
        found |= {
            str(name): plain(item) for name, item in attributes.items() if attributes != {"state": None}
        }
    more = {"made of": [item for item in first if item is not type(value)], "items": items, "pairs": pairs}
    return found | {name: plain(list(item)) for name, item in more.items() if item}

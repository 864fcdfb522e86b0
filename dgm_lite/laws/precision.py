"""Laws of number types: other precisions say the same, and data of any type are taken or refused in words."""

import copy
from inspect import signature

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from dgm_lite.laws.report import require, require_close
from dgm_lite.laws.subject import measuring
from dgm_lite.laws.use import measures, numbers, seeded


@measuring
def dtypes_agree(model: nn.Module, x: Tensor, *labels: Tensor, dtype: torch.dtype = torch.float32,
                 tolerance: float = 1e-4,
                 of: tuple[str, ...] = ("log_prob", "elbo", "energy")) -> None:  # fmt: skip
    """The model in another precision takes and gives that precision, and says nearly the same.

    Args:
        model: Any model, in float64.
        x: Examples, (B, *event).
        *labels: Labels of these, for a model that takes them.
        dtype: The other precision.
        tolerance: How far values may be off, as a multiple of 1 + their size.
        of: Which measures are compared.
    """
    other = copy.deepcopy(model).to(dtype)
    moved = x.to(dtype) if x.is_floating_point() else x
    with torch.enable_grad():
        given = numbers(other, moved, *labels)
    for name, value in given.items():
        right = not value.is_floating_point() or value.dtype == dtype
        require(right, f"{name} came back as {value.dtype}, not {dtype}")
    for name in set(of) & set(measures(model)):
        here, there = (getattr(m, name) for m in (model, other))
        with SameNoise():
            exact, said = seeded(here, x, labels), seeded(there, moved, labels)
        came = f"{name} of a model in {next(model.parameters()).dtype} came back as {exact.dtype}"
        require(exact.dtype == next(model.parameters()).dtype, came)
        what = f"{name} in {str(dtype).removeprefix('torch.')}"
        require_close(said.double(), exact.double(), what, tolerance=tolerance, unit="nats")
        for kind in (torch.int32, torch.uint8) if not x.is_floating_point() else ():
            if torch.equal(x.to(kind).long(), x):  # far integers have no place in a byte
                with SameNoise():
                    same = torch.equal(seeded(here, x.to(kind), labels), exact)
                require(same, f"{kind} pixels changed {name}")


class SameNoise(TorchFunctionMode):
    """While it is on, random numbers in every precision are those of float32."""

    def __torch_function__(self, function, types, arguments=(), options=None):
        """Draw, and widen."""
        options = dict(options or {})
        dtype = options.pop("dtype", None) if function in (torch.rand, torch.randn) else None
        out = function(*arguments, **options)
        return out if dtype is None else out.to(dtype)


FLOATS = (torch.float64, torch.float32, torch.bfloat16, torch.float16)
INTEGERS = (torch.int64, torch.int32, torch.int16, torch.int8)
INTEGERS += (torch.uint64, torch.uint32, torch.uint16, torch.uint8)
# What methods of data need besides x, as functions of x.
BESIDES = {"known": lambda x: torch.arange(x.shape[1]) < x.shape[1] // 2, "n_samples": lambda _: 2,
           "n": lambda _: 2, "quantile": lambda _: 0.1}  # fmt: skip


def data_of_any_type_are_taken(model: nn.Module, x: Tensor, *labels: Tensor) -> None:
    """Each method that takes x gives the same for x of another type as for x converted by hand.

    Real numbers may come in any precision, integers and labels in any size that holds them. What is
    of another kind, such as integers for real numbers, is taken in the same way or refused in words.

    Args:
        model: Any model.
        x: Examples, (B, *event).
        *labels: Labels y of these, (B,), for a model that takes them.
    """
    given = (x, *labels)
    for name, as_given in _methods_of_data(model, given).items():
        for k, value in enumerate(given):
            same_kind = FLOATS if value.is_floating_point() else INTEGERS
            for dtype in (*FLOATS, *INTEGERS, torch.bool):
                other = value.to(dtype)
                by_hand = other.to(value.dtype)
                real, negative = value.is_floating_point(), bool((value < 0).any())
                exact = torch.equal(by_hand, value) and (real or dtype.is_signed or not negative)
                if not exact and not real:
                    continue  # what does not fit became other integers
                what = f"{name} of {'labels' if k else 'x'} in {dtype}"
                found = _found_or_refused(model, name, (*given[:k], other, *given[k + 1 :]), what)
                if found is None:
                    require(dtype not in same_kind, f"{what} is refused")
                    continue
                expected = as_given if exact else _everything_in(model, name, (by_hand, *labels))
                for got, wanted in zip(found, expected, strict=True):
                    require(got.dtype == wanted.dtype, f"{what} gives {got.dtype}, not {wanted.dtype}")
                    same = torch.equal(got, wanted)
                    require(same, f"{what} gives other numbers than converted by hand")


def _found_or_refused(model: nn.Module, name: str, given: tuple, what: str) -> list[Tensor] | None:
    """What a method gives, or None if it refuses its input in words."""
    try:
        return _everything_in(model, name, given)
    except Exception as error:
        in_words = isinstance(error, ValueError) and "expected" in str(error) and "got" in str(error)
        require(in_words, f"{what} stops with {type(error).__name__}: {error}".splitlines()[0])
        return None


def _methods_of_data(model: nn.Module, given: tuple[Tensor, ...]) -> dict[str, list[Tensor]]:
    """The public methods to which x can be given, or what is like x, and what each of them gives."""
    found = {}
    for name in sorted(set(dir(type(model))) - set(dir(nn.Module))):
        method = getattr(model, name)
        if name.startswith("_") or not callable(method):
            continue
        if next(iter(signature(method).parameters), None) in ("x", "z", "heldout"):
            try:
                found[name] = _everything_in(model, name, given)
            except Exception:
                continue  # what it takes is not like x
    return found


def _everything_in(model: nn.Module, name: str, given: tuple) -> list[Tensor]:
    """All tensors in what a method of a copy gives; the copy's weights where it gives itself."""
    model, (x, *labels) = copy.deepcopy(model), given
    method = getattr(model, name)
    takes = signature(method).parameters
    besides = {key: make(x) for key, make in BESIDES.items() if key in takes}
    torch.manual_seed(4)
    out = method(x, **besides, **({"y": labels[0]} if labels and "y" in takes else {}))
    if out is model:
        return list(model.state_dict().values())
    out = [out] if isinstance(out, Tensor) else vars(out).values() if hasattr(out, "__dict__") else out
    return [torch.as_tensor(v).detach() for v in out if v is not None]

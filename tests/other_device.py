"""A second device for machines that have none: its tensors do not mix with the others, as a GPU's do not."""

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves, tree_map, tree_map_only

MOVES = {Tensor.to, Tensor.cpu, Tensor.copy_, torch.as_tensor}


class Elsewhere(Tensor):
    """A tensor of the other device."""


def elsewhere(x: Tensor) -> Tensor:
    """The tensor, as it would be on the other device."""
    return x.as_subclass(Elsewhere)


def is_elsewhere(x: Tensor) -> bool:
    """Whether a tensor lies there."""
    return isinstance(x, Elsewhere)


class OtherDevice(TorchFunctionMode):
    """While it is on, what lies on the other device answers to its name and refuses to mix.

    Args:
        name: Only a name. Nothing is a float64 on "mps".
    """

    def __init__(self, name: str = "mps"):
        super().__init__()
        self.there = torch.device(name)

    def __torch_function__(self, function, types, arguments=(), options=None):
        options = options or {}
        with torch._C.DisableTorchFunctionSubclass():
            if function == Tensor.device.__get__:
                return self.there if is_elsewhere(arguments[0]) else torch.device("cpu")
            tensors = [t for t in tree_leaves((arguments, options)) if isinstance(t, Tensor)]
            named = [d for d in tree_leaves((arguments, options)) if isinstance(d, torch.device)]
            # A single number of the CPU travels by itself, one of the device does not.
            there = [is_elsewhere(t) for t in tensors if t.dim() or is_elsewhere(t)]
            if function not in MOVES and len(set(there)) > 1:
                raise RuntimeError(f"{function.__name__}: expected all tensors on one device, found two")
            back = tree_map(lambda v: torch.device("cpu") if v == self.there else v, (arguments, options))
            out = function(*back[0], **back[1])
            if function in MOVES:  # to a device, or to that of the last tensor named
                goes = (
                    named[0] == self.there
                    if named
                    else is_elsewhere(tensors[-1]) and function is not Tensor.cpu
                )
            else:
                goes = any(is_elsewhere(t) for t in tensors) or self.there in named
            fine = any(t.dtype == torch.float64 for t in tree_leaves(out) if isinstance(t, Tensor))
            if goes and fine and self.there.type == "mps":
                raise TypeError("Cannot convert a MPS Tensor to float64 dtype: there is none")
            return tree_map_only(Tensor, lambda t: t.as_subclass(Elsewhere if goes else Tensor), out)

"""Laws of sample: the same seed gives the same draws, and dropout has no say in what is drawn or decided."""

import copy

import torch
from torch import Tensor, nn

from dgm_lite.laws.report import require
from dgm_lite.nets import fixed_weights


def draws_are_repeatable(model: nn.Module, n: int = 6) -> None:
    """The same generator gives the same draws, another seed others, and nothing else is consumed."""
    taken = not hasattr(model.sample, "takes_none")
    require(taken, "sample takes no generator: write sample(self, n, *, generator=None), and draw with it")
    before = torch.get_rng_state()
    first, again, other = (model.sample(n, generator=torch.Generator().manual_seed(s)) for s in (3, 3, 4))
    require(len(first) == n, f"expected {n} draws, got {len(first)}")
    require(torch.equal(first, again), "the same seed gave other draws")
    require(not torch.equal(first, other), "another seed gave the same draws")
    untouched = torch.equal(before, torch.get_rng_state())
    require(untouched, "sampling with a generator took draws from the global one")
    require(not first.requires_grad, "draws carry a gradient")


def drawing_and_inverting_use_no_dropout(model: nn.Module, x: Tensor) -> None:
    """What draws, fills in, decides or inverts does in training mode what it does in eval mode.

    Args:
        model: With dropout, if it has any. It comes back in the mode in which it was left.
        x: Examples, (B, *event).
    """
    model = copy.deepcopy(model)
    known = torch.arange(x[0].numel()) < x[0].numel() // 2
    calls = {"sample": (5,), "complete": (x, known), "reconstruct": (x,), "decide": (x,), "to_latent": (x,),
             "to_data": (x,)}  # fmt: skip
    for name, arguments in calls.items():
        if not callable(getattr(model, name, None)):
            continue
        results = []
        for training in (False, True):
            model.train(training)
            torch.manual_seed(3)
            with fixed_weights(model):
                results.append(_tensors(getattr(model, name)(*arguments)))
            kept = all(part.training == training for part in model.modules())
            require(kept, f"{name} left the model in another mode")
        same = all(torch.equal(a, b) for a, b in zip(*results, strict=True))
        require(same, f"{name} differs in training mode: is dropout alive in it, or batch normalisation?")


def _tensors(out) -> list[Tensor]:
    parts = [out] if isinstance(out, Tensor) else out if isinstance(out, tuple | list) else vars(out).values()
    return [part for part in parts if isinstance(part, Tensor)]

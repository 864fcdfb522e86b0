"""What laws are applied to: a model off its starting weights, examples, and every x that there is."""

import copy
import inspect
import itertools
import math
from collections.abc import Callable
from contextlib import ExitStack
from functools import wraps

import torch
from torch import Tensor, nn

from dgm_lite.laws.report import NotTried, require
from dgm_lite.nets import fixed_weights
from dgm_lite.protocols import Bijection

# With fixed seeds a correct model passes for ever; a law that were right only 999 times in 1,000
# for a new seed would still be noticed, because seeds are changed rarely.
SURE = 1e-3
AT_ONCE = 20_000  # rows of a grid in one call


def measuring(law: Callable) -> Callable:
    """A law that asks for no gradient in the weights; a model may take its own in x (``fixed_weights``)."""

    @wraps(law)
    def call(*given, **options):
        """The law, with the weights of every model that it is given held fixed."""
        with ExitStack() as stack:
            for value in given:
                if isinstance(value, nn.Module):
                    stack.enter_context(fixed_weights(value))
            found = law(*given, **options)
        return found.detach() if isinstance(found, Tensor) else found

    return call


def prepare(model: nn.Module, seed: int = 0, scale: float = 0.7) -> nn.Module:
    """A copy of the model in float64 and eval mode, with every weight moved off its start.

    Zeros and ones at the start hide errors: a variance equals its root there, and a
    layer that starts at zero passes nothing on.

    Args:
        model: Any module.
        seed: Of the moves.
        scale: Their standard deviation.
    """
    return moved(copy.deepcopy(model).double().eval(), seed, scale)


def moved(model: nn.Module, seed: int, scale: float) -> nn.Module:
    """The model itself, each weight moved by a normal number of this standard deviation."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            step = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
            parameter.add_((scale * step).to(parameter))
    return model


def examples(model: nn.Module, n: int = 16, seed: int = 1) -> Tensor:
    """Inputs that the model takes but did not make: uniform integers, or normal floats in its dtype."""
    one = one_draw(model)
    generator = torch.Generator().manual_seed(seed)
    if one.is_floating_point():
        return torch.randn(n, *one.shape[1:], generator=generator, dtype=one.dtype)
    return torch.randint(model.levels, (n, *one.shape[1:]), generator=generator)


def domain(dim: int, levels: int) -> Tensor:
    """Every x in {0, .., levels-1}^D, (levels^D, D).

    Raises:
        NotTried: If there are more than 50,000.
    """
    if levels**dim > 50_000:
        raise NotTried(f"{levels}^{dim} points are too many to enumerate; give a small instance")
    return torch.tensor(list(itertools.product(range(levels), repeat=dim)))


def one_draw(model: nn.Module) -> Tensor:
    """A single draw, (1, *event), from which shape and type are known.

    Raises:
        NotTried: If the model does not draw.
    """
    if not callable(getattr(model, "sample", None)):
        raise NotTried("the model has no sample(n), by which the range of x would be known")
    return model.sample(1, generator=torch.Generator().manual_seed(5))


def is_discrete(model: nn.Module) -> bool:
    """Whether the model draws integers."""
    return not one_draw(model).is_floating_point()


def is_unbounded(model: nn.Module) -> bool:
    """Whether every integer has a share, and not only 0 .. levels-1: so it is with bijections of integers."""
    return is_discrete(model) and isinstance(model, Bijection)


def takes_two(method: Callable) -> bool:
    """Whether a method can be called with x and y."""
    try:
        inspect.signature(method).bind(None, None)
    except (TypeError, ValueError):
        return False
    return True


def in_double(model: nn.Module) -> bool:
    """Whether the model computes in double precision, and laws can be strict."""
    kinds = {v.dtype for v in [*model.parameters(), *model.buffers()] if v.is_floating_point()}
    return kinds <= {torch.float64}


def event_of(model: nn.Module) -> torch.Size:
    """Shape of one example."""
    return one_draw(model).shape[1:]


def everything(model: nn.Module) -> tuple[Tensor, Tensor]:
    """Every x of a discrete model, in order, (N, D), and the smallest and largest value of each number.

    Where all integers have a share: a box that leaves out less than 1e-9 of it. The range of 20,000 draws
    reaches about 10 scales of the widest logistic, and beyond twice as many more lies exp(-30).

    Raises:
        NotTried: If they are too many, or nobody knows how many levels there are.
    """
    if not is_unbounded(model):
        dim = math.prod(event_of(model))
        if not isinstance(getattr(model, "levels", None), int):
            raise NotTried(
                "the model draws integers but has no attribute `levels` that says how many there are"
            )
        return domain(dim, model.levels), torch.tensor([[0, model.levels - 1]] * dim)
    x = model.sample(20_000, generator=torch.Generator().manual_seed(5)).flatten(1)
    low, high = x.aminmax(dim=0)
    ends = torch.stack([low - (high - low), high + (high - low)], 1)
    n = math.prod((ends[:, 1] - ends[:, 0] + 1).tolist())
    if n > 1_000_000:
        raise NotTried(f"{n} points are too many to enumerate; give a small instance")
    return torch.cartesian_prod(*(torch.arange(a, b + 1) for a, b in ends.tolist())).view(n, -1), ends


def plane(model: nn.Module, n: int = 400, margin: float = 1.0) -> tuple[Tensor, float]:
    """A grid wide enough to hold all of p(x), (n^2, 2) or (n^2, 1), and the size of one cell.

    Wide enough: the range of 2,000 draws, and ``margin`` times as much again on every side.

    Raises:
        NotTried: If an example has more than two numbers.
    """
    dim = math.prod(event_of(model))
    if dim > 2:
        raise NotTried(f"an integral over {dim} numbers; give a small instance with one or two")
    x = model.sample(2000, generator=torch.Generator().manual_seed(5)).flatten(1).double()
    low, high = x.min(0).values, x.max(0).values
    low, high = low - margin * (high - low), high + margin * (high - low)
    each = n**2 if dim == 1 else n
    axes = [
        torch.linspace(a, b, each, dtype=torch.float64)
        for a, b in zip(low.tolist(), high.tolist(), strict=True)
    ]
    grid = torch.stack(torch.meshgrid(*axes, indexing="xy"), dim=-1).reshape(-1, len(axes))
    return grid, math.prod(float(axis[1] - axis[0]) for axis in axes)


@measuring
def log_prob_of(model: nn.Module, x: Tensor) -> Tensor:
    """log p of many rows of numbers, (N, D), given to the model in the shape and type of its own draws."""
    like = one_draw(model)
    rows = x.to(like.dtype).reshape(len(x), *like.shape[1:])
    value = torch.cat([model.log_prob(part) for part in rows.split(AT_ONCE)]).double()
    shape = tuple(value.shape)
    require(shape == (len(x),), f"log_prob: expected one number per example, ({len(x)},), got {shape}")
    return value

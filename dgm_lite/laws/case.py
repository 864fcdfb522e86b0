"""A model, made ready to be judged: a copy in double precision, examples, labels, and what it can do."""

import copy
import inspect
import math
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from dgm_lite.laws.report import NotTried, Result
from dgm_lite.laws.subject import takes_two
from dgm_lite.protocols import Adversarial, Bijection, Bound, Density, Energy, Sampler, Trainable

PROTOCOLS = {
    "Sampler": Sampler, "Density": Density, "Bound": Bound, "Energy": Energy, "Bijection": Bijection,
    "Trainable": Trainable, "Adversarial": Adversarial,
}  # fmt: skip
N_EXAMPLES = 16


def abilities_of(model: nn.Module) -> set[str]:
    """Names of what the model can do, by its methods alone."""
    found = {name for name, protocol in PROTOCOLS.items() if isinstance(model, protocol)}
    if callable(getattr(model, "logits", None)) and "Density" in found:
        found.add("Autoregression")
    return found


class Given(nn.Module):
    """p(x | y) at one y, with the methods of p(x): what holds for a density holds for it.

    Args:
        model: Has ``log_prob(x, y)``.
        y: The label, a single number.
    """

    def __init__(self, model: nn.Module, y: Tensor):
        super().__init__()
        self.model, self.y = model, y
        if isinstance(getattr(model, "levels", None), int):
            self.levels = model.levels

    def log_prob(self, x: Tensor) -> Tensor:
        """log p(x | y), nats, (B,)."""
        return self.model.log_prob(x, self.y.expand(len(x)))

    def sample(self, n: int, *, generator: torch.Generator | None = None) -> Tensor:
        """Draws from p(x | y), or from p(x) where that is all the model draws from: (n, *event)."""
        given = {"y": self.y.expand(n)} if takes_y(self.model) else {}
        return self.model.sample(n, generator=generator, **given)


@dataclass
class Case:
    """What the laws are applied to.

    Args:
        model: A copy on the CPU, in eval mode, its weights moved, in float64 if it works so.
        x: Examples, (B, *event), or None if there are none.
        labels: (y,) for a model of p(x | y), else ().
        exact: log p(x), or None.
        refusals: Whether bad input has to be refused.
        found: Results that are known already.
    """

    model: nn.Module
    x: Tensor | None
    labels: tuple[Tensor, ...] = ()
    exact: Callable | None = None
    refusals: bool = False
    found: list[Result] = field(default_factory=list)

    def examples(self, n: int = N_EXAMPLES) -> Tensor:
        """The first n examples.

        Raises:
            NotTried: If there are none.
        """
        if self.x is None:
            raise NotTried("there are no examples: the model draws none; give x")
        return self.x[:n]

    @property
    def densities(self) -> list[nn.Module]:
        """The model; one for each of the first three labels, if it knows p(x | y)."""
        if not self.labels:
            return [self.model]
        each = (
            [Given(self.model, y) for y in self.labels[0].unique()[:3]]
            if takes_two(self.model.log_prob)
            else []
        )
        try:
            self.model.log_prob(self.x[:1])
        except (TypeError, ValueError):
            return each  # it knows p(x | y) only
        return [self.model, *each]

    @property
    def sampler(self) -> nn.Module:
        """The model, with its first label where its draws need one."""
        return Given(self.model, self.labels[0][0]) if self.labels and takes_y(self.model) else self.model

    def labels_of(self, method: Callable, n: int = N_EXAMPLES) -> tuple[Tensor, ...]:
        """Labels of the first n examples, if the method takes any."""
        return tuple(v[:n] for v in self.labels) if takes_two(method) else ()

    def exact_at(self, x: Tensor) -> Tensor:
        """log p(x) in nats, (B,).

        Raises:
            NotTried: If nobody knows it, or not at this size.
        """
        if self.exact is None:
            raise NotTried("nothing to compare with: the model has no exact(x) and none was given")
        try:
            with torch.no_grad():
                return self.exact(self.model, x)
        except ValueError as error:
            raise NotTried(str(error)) from error


def takes_y(model: nn.Module) -> bool:
    """Whether the model draws from p(x | y)."""
    return "y" in inspect.signature(model.sample).parameters


def _takes_generator(model: nn.Module) -> bool:
    given = inspect.signature(model.sample).parameters.values()
    return any(p.name == "generator" or p.kind is p.VAR_KEYWORD for p in given)


def _seeded(kind: type[nn.Module]) -> type[nn.Module]:
    """The class, with a generator for ``sample``, which seeds torch's own: all laws but one can be tried."""

    def sample(self, n: int, *, generator: torch.Generator | None = None, **given) -> Tensor:
        """n draws, (n, *event)."""
        if generator is not None:
            torch.manual_seed(int(torch.randint(2**31, (), generator=generator)))
        return kind.sample(self, n, **given)

    sample.takes_none = True
    return type(kind.__name__, (kind,), {"sample": sample, "__module__": kind.__module__})


def case_of(model: nn.Module, x: Tensor | None, y: Tensor | None, *, exact: Callable | None,
            levels: int | None, stir: float, refusals: bool, seed: int) -> Case:  # fmt: skip
    """The case of a model; see ``check_model`` for the arguments."""
    found, own = [], copy.deepcopy(model).cpu().eval()
    if isinstance(own, Sampler) and not _takes_generator(own):
        own.__class__ = _seeded(type(own))
    if levels is not None:
        own.levels = levels
    if stir:
        _stir(own, seed, stir)
    ready = copy.deepcopy(own).double()
    torch.set_default_dtype(torch.float64)  # so that a sample's torch.randn(n, 2) goes with the weights
    try:
        drawn = _used(ready, x, y, seed)
    except Exception as error:
        kind = torch.get_default_dtype()
        try:
            torch.set_default_dtype(torch.float32)
            drawn = _used(own, x, y, seed)
            ready, said = own, f"model.double() stops with {type(error).__name__}: {error}".splitlines()[0]
            words = "The model can be used in double precision"
            found.append(Result(words, "fails", f"{said}; the other laws are judged in its own precision"))
        except Exception:  # not a matter of precision
            if x is not None:
                raise
            torch.set_default_dtype(kind)  # each law will say so
            drawn = _drawn(copy.deepcopy(ready), x, seed)
    labels = _labels(ready, y, drawn)
    own_exact = type(ready).exact if callable(getattr(type(ready), "exact", None)) else None
    given = None if exact is None else lambda _, x: exact(x)
    return Case(ready, drawn, labels, given or own_exact, refusals, found)


@torch.no_grad()
def _stir(model: nn.Module, seed: int, stir: float) -> None:
    """Move each weight by a share of the size that it usually starts with."""
    generator = torch.Generator().manual_seed(seed)
    for p in model.parameters():
        if p.is_floating_point():
            scale = 0.5 / math.sqrt(p[0].numel()) if p.dim() > 1 else 0.3
            p.add_(stir * scale * torch.randn(p.shape, generator=generator, dtype=p.dtype))


def _drawn(model: nn.Module, x: Tensor | None, seed: int) -> Tensor | None:
    """The examples in the model's precision, or a few of its draws, if it draws any."""
    if x is not None:
        x = x.detach().cpu()
        return x.to(torch.get_default_dtype()) if x.is_floating_point() else x
    if not isinstance(model, Sampler):
        return None
    options = {"generator": torch.Generator().manual_seed(seed)}
    if takes_y(model) and isinstance(getattr(model, "n_classes", None), int):
        options["y"] = torch.arange(64) % model.n_classes
    return model.sample(64, **options).detach()


def _labels(model: nn.Module, y: Tensor | None, x: Tensor | None) -> tuple[Tensor, ...]:
    """The labels of the examples, if the model knows any."""
    if y is not None:
        return (y.detach().cpu(),)
    n_classes = getattr(model, "n_classes", None)
    return (torch.arange(len(x)) % n_classes,) if isinstance(n_classes, int) and x is not None else ()


def _used(model: nn.Module, x: Tensor | None, y: Tensor | None, seed: int) -> Tensor | None:
    """The examples, after each measure of a copy was called once: whether it works in this precision."""
    model = copy.deepcopy(model)
    x = _drawn(model, x, seed)
    for name in ("log_prob", "elbo", "energy", "to_latent"):
        method = getattr(model, name, None)
        if callable(method) and x is not None:
            method(x, *_labels(model, y, x)) if takes_two(method) else method(x)
    return x

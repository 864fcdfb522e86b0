"""A model, made ready to be judged: a copy in double precision, examples, labels, and what it can do."""

import copy
import functools
import inspect
import math
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from dgm_lite.laws.given import DRAWING, Given, at_label, takes_y, without_y
from dgm_lite.laws.report import NotTried, Result, require
from dgm_lite.laws.subject import takes_two
from dgm_lite.nets import fixed_weights
from dgm_lite.protocols import (
    Adversarial,
    Bijection,
    Bound,
    Density,
    Energy,
    Sampler,
    TooLarge,
    Trainable,
)  # fmt: skip

PROTOCOLS = {
    "Sampler": Sampler, "Density": Density, "Bound": Bound, "Energy": Energy, "Bijection": Bijection,
    "Trainable": Trainable, "Adversarial": Adversarial,
}  # fmt: skip
N_EXAMPLES = 16


def abilities_of(model: nn.Module, x: Tensor | None = None, *labels: Tensor) -> set[str]:
    """Names of what the model can do, by its methods, and by the shape of its logits of examples x."""
    found = {name for name, protocol in PROTOCOLS.items() if isinstance(model, protocol)}
    if "Density" in found and _has_logits_of_positions(model, x, *labels):
        found.add("Autoregression")
    return found


@torch.no_grad()
def _has_logits_of_positions(model: nn.Module, x: Tensor | None, *labels: Tensor) -> bool:
    """Whether it computes one position at a time, or its logits of x, (B, D), are (B, levels, D).

    The name alone says nothing: a classifier has logits of classes, a mixture those of its components.
    """
    logits = getattr(model, "logits", None)
    if not callable(logits) or x is None or x.is_floating_point():
        return False
    if callable(getattr(model, "stepwise", None)):
        return True
    try:
        found = copy.deepcopy(model).logits(x, *(labels if takes_two(logits) else ()))
    except Exception:  # then they are something else, and of other things
        return False
    return found.shape == (len(x), getattr(model, "levels", None), *x.shape[1:]) and x.dim() == 2


@dataclass
class Case:
    """What the laws are applied to.

    Args:
        model: A copy on the CPU, in eval mode, its weights moved, in float64 if it works so.
        x: Examples, (B, *event), or None if there are none.
        labels: (y,) for a model of p(x | y), else ().
        exact: ``exact(x)``, log p(x), if it was given; else the model's own is taken, if it has one.
        refusals: Whether bad input has to be refused.
        found: Results that are known already.
    """

    model: nn.Module
    x: Tensor | None
    labels: tuple[Tensor, ...] = ()
    exact: Callable | None = None
    refusals: bool = False
    found: list[Result] = field(default_factory=list)

    def examples(self, n: int = N_EXAMPLES, view: nn.Module | None = None) -> Tensor:
        """The first n examples; of the model at one label, those that have it.

        Raises:
            NotTried: If there are none.
        """
        if self.x is None:
            raise NotTried("there are no examples: the model draws none; give x")
        return self.x[self.labels[0] == view.y][:n] if isinstance(view, Given) else self.x[:n]

    def views(self, *methods: str) -> list[nn.Module]:
        """The model, if these methods work without labels; and at each of three labels, if all take them."""
        if not self.labels:
            return [self.model]
        found = [self.model] if all(without_y(self.model, m, self.x[:1]) for m in methods) else []
        if all(takes_y(getattr(self.model, m)) for m in methods):
            found += [Given(self.model, y) for y in self.labels[0].unique()[:3]]
        return found

    @property
    def sampler(self) -> nn.Module:
        """The model; with its first label where what it draws, fills in or inverts depends on one."""
        given = self.labels and any(takes_y(getattr(self.model, m, None)) for m in DRAWING)
        return Given(self.model, self.labels[0][0]) if given else self.model

    def labels_of(self, method: Callable, n: int = N_EXAMPLES) -> tuple[Tensor, ...]:
        """Labels of the first n examples, if the method takes any."""
        return tuple(v[:n] for v in self.labels) if takes_two(method) else ()

    def exact_at(self, view: nn.Module, x: Tensor) -> Tensor:
        """log p(x) in nats, (B,), or log p(x | y) of a model at one label.

        Raises:
            NotTried: If nobody knows it, or not at this size.
            LawBroken: If it has another shape.
        """
        exact = self.exact or getattr(self.model, "exact", None)
        if exact is None:
            raise NotTried("nothing to compare with: the model has no exact(x) and none was given")
        if isinstance(view, Given) and not takes_y(exact):
            raise NotTried("nothing to compare with: exact takes no labels")
        try:
            with fixed_weights(self.model):
                found = at_label(exact, view.y, x) if isinstance(view, Given) else exact(x)
        except TooLarge as error:
            raise NotTried(str(error)) from error
        shape = tuple(found.shape)
        require(shape == (len(x),), f"exact: expected one number per example, ({len(x)},), got {shape}")
        return found


def _takes_generator(model: nn.Module) -> bool:
    given = inspect.signature(model.sample).parameters.values()
    return any(p.name == "generator" or p.kind is p.VAR_KEYWORD for p in given)


def _seeded(kind: type[nn.Module]) -> type[nn.Module]:
    """The class, with a generator for ``sample``, which seeds torch's own: all laws but one can be tried."""

    @functools.wraps(kind.sample)  # so that it shows whether it takes y
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
    return Case(ready, drawn, labels, exact, refusals, found)


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
    if takes_y(model.sample) and isinstance(getattr(model, "n_classes", None), int):
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

"""Any model under every law that its abilities call for, with a report in words."""

import copy
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from dgm_lite.laws.book import LAWS, Law
from dgm_lite.laws.case import Case, abilities_of, case_of
from dgm_lite.laws.report import LawBroken, NotTried, Report, Result

SHOWN_BY = {
    "Sampler": "sample(n, generator=...)",
    "Density": "log_prob(x)",
    "Bound": "elbo(x)",
    "Energy": "energy(x)",
    "Bijection": "to_latent(x) and to_data(z)",
    "Autoregression": "logits(x) of every position, (B, levels, D)",
    "Trainable": "loss(x)",
    "Adversarial": "players()",
}


def check_model(
    model: nn.Module, x: Tensor | None = None, *, y: Tensor | None = None, exact: Callable | None = None,
    levels: int | None = None, stir: float = 1.0, refusals: bool = False, seed: int = 0,
) -> Report:  # fmt: skip
    """Put a model under every law that its abilities call for. Print what comes back.

    Which laws these are is decided by its methods (``dgm_lite.protocols``): ``log_prob`` calls for the laws
    of densities, ``elbo`` for those of bounds, ``to_latent`` and ``to_data`` for those of bijections, and so
    on. A law that would take too long at this size says so; a small instance of the class is tried in full.

    The model is copied. The copy is judged on the CPU, in double precision if it can be, and in eval mode.
    Its weights are moved a little first, because the zeros and ones at the start of training hide errors:
    the laws have to hold for any weights.

    Args:
        model: Any module. It, its mode and all random states are left as they were.
        x: Examples that the model takes, (B, *event), a few; by default its own draws.
        y: Labels of these, (B,), for a model of p(x | y); by default one after another of its ``n_classes``.
        exact: ``exact(x)`` -> log p(x) in nats, (B,), which a bound must not exceed; by default the model's
            method of this name. ``exact(x, y)`` for a bound on p(x | y). It may raise ``NotTried`` or
            ``protocols.TooLarge`` where it does not know; any other error counts as one.
        levels: Values 0 .. levels-1 of each number of a discrete x; by default the model's attribute.
        stir: How far weights are moved, in units of a usual start; 0 judges the model as it is.
        refusals: Whether bad input has to be refused, too, as all models of this package do.
        seed: Of the moves and the draws.

    Returns:
        A report whose ``holds`` is true if no law is broken. A law that stops with an error counts as broken.

    Raises:
        ValueError: If the model is no ``nn.Module``, x or y is no tensor with examples or labels, or exact
            no function.

    Example:
        >>> report = check_model(torch.nn.Identity())
        >>> report.holds, len(report.failures)
        (False, 0)
    """
    _check(model, x, y, exact)
    name = type(model).__name__
    with _nothing_changes(seed):
        try:
            made = case_of(model, x, y, exact=exact, levels=levels, stir=stir, refusals=refusals, seed=seed)
        except Exception as error:
            said = f"it stopped with {type(error).__name__}: {_first_line(error)}"
            words = f"A copy of the model can be made and used{'' if x is None else ', with the given x'}"
            return Report(name, (Result(words, "fails", said),), _absent(abilities_of(model)))
        some = () if made.x is None else (made.x[:2], *(v[:2] for v in made.labels))
        abilities = abilities_of(made.model, *some)
        results = [law_on(law, made) for law in LAWS if law.ability in {*abilities, ""} and abilities]
    return Report(name, (*made.found, *results), _absent(abilities))


def _absent(abilities: set[str]) -> tuple[str, ...]:
    return tuple(f"{how}: no laws of this kind" for key, how in SHOWN_BY.items() if key not in abilities)


def _check(model: nn.Module, x: Tensor | None, y: Tensor | None, exact: Callable | None) -> None:
    if isinstance(model, type):
        got = model.__name__
        raise ValueError(f"check_model: expected a model, got the class {got}. Give an instance: {got}(...).")
    if not isinstance(model, nn.Module):
        raise ValueError(f"check_model: expected a torch.nn.Module, got {type(model).__name__}.")
    for name, given in {"x": x, "y": y}.items():
        if given is not None and not isinstance(given, Tensor):
            raise ValueError(f"check_model: expected {name} to be a tensor, got {type(given).__name__}.")
    if x is not None and x.numel() == 0:
        raise ValueError(f"check_model: expected x to hold examples, got shape {tuple(x.shape)}.")
    if y is not None and (x is None or y.shape != (len(x),)):
        got = f"shape {tuple(y.shape)} {'and no x' if x is None else f'and {len(x)} examples x'}"
        raise ValueError(f"check_model: expected y to hold one label for each of the examples x, got {got}.")
    if exact is not None and not callable(exact):
        raise ValueError(f"check_model: expected exact to be a function of x, got {exact!r}.")


def law_on(law: Law, case: Case) -> Result:
    """What becomes of one law; errors of any kind are reported and not raised."""
    case = replace(case, model=copy.deepcopy(case.model))  # whatever a call may change in it
    try:
        said = None
        for seed in law.seeds:
            try:
                said = law.test(case, seed) if len(law.seeds) > 1 else law.test(case)
                break
            except LawBroken:  # a law about chance is broken if it is broken twice
                if seed == law.seeds[-1]:
                    raise
        return Result(law.words, "holds", said or "")
    except NotTried as reason:
        return Result(law.words, "not tried", str(reason))
    except LawBroken as broken:
        return Result(law.words, "fails", str(broken))
    except Exception as error:
        return Result(law.words, "fails", f"it stopped with {type(error).__name__}: {_first_line(error)}")


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [""])[0]


@contextmanager
def _nothing_changes(seed: int) -> Iterator[None]:
    """Random states, the default type and the recording of gradients come back as they were."""
    states, kind = (random.getstate(), np.random.get_state()), torch.get_default_dtype()
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())), torch.enable_grad():
        torch.manual_seed(seed)
        try:
            yield
        finally:
            torch.set_default_dtype(kind)
            random.setstate(states[0])
            np.random.set_state(states[1])

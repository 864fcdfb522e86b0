"""The laws in words, and for each ability which of them it calls for."""

import copy
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from dgm_lite.laws import autoregression, bijections, bounds, densities, precision, sampling, training, use
from dgm_lite.laws.case import Case
from dgm_lite.laws.given import Given, takes_y
from dgm_lite.laws.report import NotTried
from dgm_lite.laws.subject import moved
from dgm_lite.protocols import Adversarial, Bound, Density, Trainable
from dgm_lite.training.step import players_of

MOST = 256  # numbers of an example up to which a Jacobian, or a pass for every position, is tried


@dataclass(frozen=True)
class Law:
    """A law for ``check_model``.

    Args:
        ability: What calls for it; "" for all models.
        words: What has to hold.
        test: ``test(case)`` raises LawBroken or NotTried, and may return what it measured.
        seeds: More than one where chance decides: ``test(case, seed)``.
    """

    ability: str
    words: str
    test: Callable
    seeds: tuple[int, ...] = (0,)


def _small(case: Case, most: int = MOST) -> torch.Tensor:
    x = case.examples(4)
    if x[0].numel() > most:
        raise NotTried(f"{x[0].numel()} numbers; give a small instance")
    return x


def _each(law: Callable, *methods: str, x: int = 0) -> Callable:
    """The law on the model, and on it at each of some labels; of x examples, if it takes any."""

    def test(case: Case, *seed: int) -> str | None:
        views = case.views(*methods)
        return [law(view, *([case.examples(x, view)] if x else []), *seed) for view in views][0]

    return test


def _draws_from_p_of_x(model: nn.Module) -> bool:
    return isinstance(model, Given) and not takes_y(getattr(model.model, "sample", None))


def _draws_follow(model: nn.Module, seed: int) -> str:
    if not callable(getattr(model, "sample", None)):
        raise NotTried("the model draws no samples")
    # A model that draws from p(x) alone is judged by that.
    return "" if _draws_from_p_of_x(model) else densities.sampler_matches_density(model, seed=seed)


def _probable(model: nn.Module, x: torch.Tensor) -> None:
    if not _draws_from_p_of_x(model):
        densities.draws_are_probable(model, x)


def _come_back(case: Case) -> None:
    real = case.examples().is_floating_point()
    law = bijections.comes_back if real else bijections.moves_integers_exactly
    for view in case.views("to_latent", "to_data"):
        law(view, case.examples(view=view))


def _log_det(case: Case) -> None:
    x = _small(case)
    if not x.is_floating_point():
        raise NotTried("a map of integers changes no volume")
    for view in case.views("to_latent"):
        bijections.log_det_is_autograds(view, case.examples(4, view))


def _only_the_past(case: Case) -> None:
    autoregression.moving_one_moves_only_what_follows(
        case.model, case.examples(3), *case.labels_of(case.model.logits, 3)
    )


def _product(case: Case) -> None:
    autoregression.logits_are_the_likelihood(case.model, case.examples(), *case.labels_of(case.model.logits))


def _steps(case: Case) -> None:
    if not callable(getattr(case.model, "stepwise", None)):
        raise NotTried("the model has no stepwise(batch)")
    x = case.examples(4)
    autoregression.steps_are_the_full_pass(case.model, x, *case.labels_of(case.model.stepwise, 4))


def _cached(case: Case) -> None:
    from inspect import signature

    if "cache" not in signature(case.model.sample).parameters:
        raise NotTried("sample has no option cache")
    x = _small(case)
    labels = {"y": case.labels[0][: len(x)]} if case.labels else {}
    autoregression.cached_sampling_is_naive(case.model, len(x), seeds=1, **labels)


def _below(case: Case) -> str:
    said = []
    for view in case.views("elbo"):
        x = case.examples(8, view)
        said.append(bounds.bound_is_below(view, x, case.exact_at(view, x)))
    return said[0]


def _closer(case: Case) -> None:
    if not hasattr(case.model, "importance_weighted"):
        raise NotTried("the model has no importance_weighted(x, k)")
    for view in case.views("elbo", "importance_weighted"):
        x = case.examples(8, view)
        exact = case.exact_at(view, x)
        bounds.more_draws_close_the_gap(view, x, exact, 2000, left=None)
        bounds.weights_average_to_the_likelihood(view, x, exact, 10_000, at_most=True)


def _single(case: Case) -> None:
    if case.found:
        raise NotTried("the model can't be used in double precision")
    kind = torch.get_default_dtype()
    try:
        torch.set_default_dtype(torch.float32)
        if isinstance(case.model, Bound):
            for view in case.views("elbo"):
                other = copy.deepcopy(view).float()
                bounds.bounds_agree_in_both_precisions(view, other, case.examples(4, view))
        x = case.examples()
        labels = (v[: len(x)] for v in case.labels)
        precision.dtypes_agree(case.model, x, *labels, tolerance=1e-3, of=("log_prob", "energy"))
    finally:
        torch.set_default_dtype(kind)


def _energies(case: Case) -> None:
    for view in case.views("energy"):
        densities.value_ignores_the_batch(view, case.examples(view=view), "energy")
    if isinstance(case.model, Density):
        for view in case.views("energy", "log_prob"):
            densities.energy_is_minus_log_prob(view, case.examples(view=view))


def _batch(case: Case) -> tuple:
    x = case.examples(64)
    players = isinstance(case.model, Adversarial)
    return (x, *(() if players else case.labels_of(case.model.loss, 64)))


def _gradients(case: Case) -> str:
    return training.every_entry_gets_a_gradient(case.model, _batch(case), some=True)


def _loss(case: Case) -> None:
    if not isinstance(case.model, Density):
        raise NotTried("there is no log_prob to compare with")
    x, *labels = _batch(case)
    joint = labels and hasattr(case.model, "log_prob_joint")
    if labels and not joint and not case.labels_of(case.model.log_prob):
        raise NotTried("the loss takes labels, log_prob none")
    of = "log_prob_joint" if joint else "log_prob"
    training.loss_is_mean_negative_log_prob(case.model, x, *labels, of=of)


def _players(case: Case) -> None:
    training.players_share_no_weights(case.model)
    training.players_move_only_their_own_weights(case.model, *_batch(case))


def _used(case: Case, model: nn.Module) -> None:
    """All that training, measuring and drawing call, once, as they call it."""
    for player in players_of(model.train()) if isinstance(model, Trainable | Adversarial) else ():
        player.loss(*_batch(case))
    model.eval()
    for name in use.measures(model):
        method = getattr(model, name)
        method(case.examples(), *case.labels_of(method))


def _unsaved(case: Case) -> None:
    training.computing_changes_nothing_unsaved(case.model, lambda model: _used(case, model))


def _saving(case: Case) -> None:
    if not any(True for _ in case.model.parameters()):
        raise NotTried("the model has no weights")
    other = moved(copy.deepcopy(case.model), 1, 0.2)
    _used(case, case.model)  # what training has left in it, has to be in the file
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "weights.safetensors"
        x = case.examples()
        use.saving_changes_nothing(case.model, other, x, file, *(v[: len(x)] for v in case.labels))


def _promised(case: Case) -> None:
    if not case.refusals:
        raise NotTried("the models of this package promise it; check_model(model, refusals=True)")


def _refused(case: Case) -> None:
    _promised(case)
    x = case.examples()
    use.bad_input_is_refused(case.model, x, *(v[: len(x)] for v in case.labels))


def _any_type(case: Case) -> None:
    _promised(case)
    x = _small(case, 16)  # every method, a dozen times
    precision.data_of_any_type_are_taken(case.model, x, *(v[: len(x)] for v in case.labels))


LAWS = (
    Law("Density", "log_prob gives each example one number, whatever else is in its batch",
        _each(densities.value_ignores_the_batch, "log_prob", x=16)),
    Law("Density", "p(x) sums to one over all x; so does p(x | y) for each y",
        _each(densities.sums_to_one, "log_prob")),
    Law("Density", "What sample draws is distributed as log_prob states",
        _each(_draws_follow, "log_prob"), (2, 3)),
    Law("Density", "No draw of the model itself is impossible",
        _each(_probable, "log_prob", x=64)),
    Law("Bound", "elbo gives each example one finite number",
        _each(bounds.bound_is_one_number_each, "elbo", x=16)),
    Law("Bound", "elbo of one example ignores the others in its batch, at the same noise",
        _each(bounds.bound_ignores_the_batch, "elbo", x=16)),
    Law("Bound", "The same seed gives the same elbo", _each(bounds.bound_is_repeatable, "elbo", x=16)),
    Law("Bound", "exp(elbo) sums to at most one over all x",
        _each(bounds.bounds_sum_to_at_most_one, "elbo")),
    Law("Bound", "elbo is at most log p(x) in the mean", _below),
    Law("Bound", "More importance samples raise the bound, up to log p(x)", _closer),
    Law("Energy", "energy gives each example one number, and is -log_prob up to one constant", _energies),
    Law("Bijection", "to_data undoes to_latent, and the other way round", _come_back),
    Law("Bijection", "log_det is the log-determinant that automatic differentiation finds", _log_det),
    Law("Autoregression", "Moving x_d moves only the outputs after d", _only_the_past),
    Law("Autoregression", "log_prob is the product of the conditionals in logits", _product),
    Law("Autoregression", "One position at a time gives the logits of the full pass", _steps),
    Law("Autoregression", "Sampling with a cache draws what sampling without draws", _cached),
    Law("Sampler", "The same generator gives the same draws, and no other randomness is used",
        lambda case: sampling.draws_are_repeatable(case.sampler)),
    Law("Sampler", "Drawing, filling in and inverting use no dropout, also in training mode",
        lambda case: sampling.drawing_and_inverting_use_no_dropout(case.sampler, case.examples())),
    Law("Trainable", "The loss reaches every weight", _gradients),
    Law("Trainable", "In eval mode the loss is the mean of -log p(x), in nats", _loss),
    Law("Adversarial", "Each player's loss reaches its weights", _gradients),
    Law("Adversarial", "No player moves the weights of another", _players),
    Law("", "All layers and tensors are registered, so that they are trained and saved",
        lambda case: training.all_weights_are_registered(case.model)),
    Law("", "No computation changes what a file of weights would forget", _unsaved),
    Law("", "Saving and loading changes no number", _saving),
    Law("", "Single precision says the same as double precision", _single),
    Law("", "Bad input is refused by a ValueError that says what was expected and what came", _refused),
    Law("", "Data of another type give the same as converted by hand, or are refused", _any_type),
)  # fmt: skip

"""The laws in words, and for each ability which of them it calls for."""

import copy
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from dgm_lite.laws import autoregression, bijections, bounds, densities, precision, sampling, training, use
from dgm_lite.laws.case import Case, Given, takes_y
from dgm_lite.laws.report import NotTried
from dgm_lite.laws.subject import moved
from dgm_lite.protocols import Adversarial, Bound, Density, Trainable

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


def _of_each_density(law: Callable) -> Callable:
    return lambda case, *seed: [law(density, *seed) for density in case.densities][0]


def _draws_follow(model, seed: int) -> str:
    if isinstance(model, Given) and not takes_y(model.model):
        return ""  # it draws from p(x) alone, and that is judged
    if not callable(getattr(model, "sample", None)):
        raise NotTried("the model draws no samples")
    return densities.sampler_matches_density(model, seed=seed)


def _come_back(case: Case) -> None:
    x = case.examples()
    (bijections.comes_back if x.is_floating_point() else bijections.moves_integers_exactly)(case.model, x)


def _log_det(case: Case) -> None:
    x = _small(case)
    if not x.is_floating_point():
        raise NotTried("a map of integers changes no volume")
    bijections.log_det_is_autograds(case.model, x)


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
    x = case.examples(8)
    return bounds.bound_is_below(case.model, x, case.exact_at(x))


def _closer(case: Case) -> None:
    if not hasattr(case.model, "importance_weighted"):
        raise NotTried("the model has no importance_weighted(x, k)")
    x = case.examples(8)
    exact = case.exact_at(x)
    bounds.more_draws_close_the_gap(case.model, x, exact, 2000, left=None)
    bounds.weights_average_to_the_likelihood(case.model, x, exact, 10_000, at_most=True)


def _single(case: Case) -> None:
    if case.found:
        raise NotTried("the model can't be used in double precision")
    kind = torch.get_default_dtype()
    try:
        torch.set_default_dtype(torch.float32)
        if isinstance(case.model, Bound):
            other = copy.deepcopy(case.model).float()
            bounds.bounds_agree_in_both_precisions(case.model, other, case.examples(4))
        x = case.examples()
        labels = (v[: len(x)] for v in case.labels)
        precision.dtypes_agree(case.model, x, *labels, tolerance=1e-3, of=("log_prob", "energy"))
    finally:
        torch.set_default_dtype(kind)


def _energies(case: Case) -> None:
    densities.value_ignores_the_batch(case.model, case.examples(), "energy")
    if isinstance(case.model, Density):
        densities.energy_is_minus_log_prob(case.model, case.examples())


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


def _unsaved(case: Case) -> None:
    def compute(model) -> None:
        """One loss in training mode, then every measure in eval mode."""
        if isinstance(model, Trainable):
            model.train().loss(*_batch(case))
        model.eval()
        for name in use.measures(model):
            method = getattr(model, name)
            method(case.examples(), *case.labels_of(method))

    training.computing_changes_nothing_unsaved(case.model, compute)


def _saving(case: Case) -> None:
    if not any(True for _ in case.model.parameters()):
        raise NotTried("the model has no weights")
    other = moved(copy.deepcopy(case.model), 1, 0.2)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "weights.safetensors"
        x = case.examples()
        use.saving_changes_nothing(case.model, other, x, file, *(v[: len(x)] for v in case.labels))


def _promised(case: Case) -> None:
    if not case.refusals:
        raise NotTried("the models of this package promise it; check_model(model, refusals=True)")


def _refused(case: Case) -> None:
    _promised(case)
    use.bad_input_is_refused(case.model, case.examples())


def _any_type(case: Case) -> None:
    _promised(case)
    x = _small(case, 16)  # every method, a dozen times
    precision.data_of_any_type_are_taken(case.model, x, *(v[: len(x)] for v in case.labels))


def _on(law: Callable) -> Callable:
    return lambda case: law(case.model, case.examples())


LAWS = (
    Law("Density", "log_prob gives each example one number, whatever else is in its batch",
        lambda case: [densities.value_ignores_the_batch(d, case.examples()) for d in case.densities][0]),
    Law("Density", "p(x) sums to one over all x; so does p(x | y) for each y",
        _of_each_density(densities.sums_to_one)),
    Law("Density", "What sample draws is distributed as log_prob states",
        _of_each_density(_draws_follow), (2, 3)),
    Law("Density", "No draw of the model itself is impossible",
        lambda case: [densities.draws_are_probable(d, case.examples(64)) for d in case.densities[:1]][0]),
    Law("Bound", "elbo gives each example one finite number", _on(bounds.bound_is_one_number_each)),
    Law("Bound", "elbo of one example ignores the others in its batch, at the same noise",
        _on(bounds.bound_ignores_the_batch)),
    Law("Bound", "The same seed gives the same elbo", _on(bounds.bound_is_repeatable)),
    Law("Bound", "exp(elbo) sums to at most one over all x",
        lambda case: bounds.bounds_sum_to_at_most_one(case.model)),
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

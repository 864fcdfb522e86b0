"""The laws, applied to every model of the catalog by what it can do: a new entry is covered at once."""

import copy
from importlib import import_module
from inspect import signature

import pytest
import torch
from torch import nn

from dgm_lite import catalog, laws
from dgm_lite.autoregressive.causal import CausalARM
from dgm_lite.catalog.data import dataset
from dgm_lite.evaluate import likelihood
from dgm_lite.joint.class_conditional import ClassConditional
from dgm_lite.joint.classifier import Classifier
from dgm_lite.joint.classifier_density import ClassifierDensity
from dgm_lite.latent.mixture import GaussianMixture
from dgm_lite.protocols import Adversarial, Bijection, Bound, Density, Sampler, Trainable
from dgm_lite.training.fit import mean_loss
from tests.other_device import OtherDevice, elsewhere, is_elsewhere
from tests.quadrature import ByQuadrature, with_broad_posterior

NAMES = [entry.name for entry in catalog.MODELS]


def small(name: str, seed: int = 0):
    """The enumerable or integrable instance, in float64, off its starting weights."""
    torch.manual_seed(seed)
    entry = catalog.model(name)
    return laws.prepare(entry.build(**entry.small), seed)


def arguments_of(entry) -> dict:
    """The constructor's arguments and their defaults."""
    module, name = entry.address.split(":")
    return dict(signature(getattr(import_module(module), name)).parameters)


def having(ability) -> list[str]:
    """Names of the catalog's models with this ability."""
    return [entry.name for entry in catalog.MODELS if isinstance(entry.build(**entry.small), ability)]


MEASURED = sorted(set(having(Density)) | set(having(Bound)))


@pytest.mark.parametrize("name", NAMES)
def test_every_model_can_be_trained_and_does_something(name):
    model = small(name)
    assert isinstance(model, Trainable | Adversarial)
    assert isinstance(model, Sampler | Density | Bound)


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("name", having(Density))
def test_density_sums_to_one(name, seed):
    laws.sums_to_one(small(name, seed))


@pytest.mark.parametrize("name", sorted(set(having(Density)) & set(having(Sampler))))
def test_sampler_matches_density(name):
    laws.sampler_matches_density(small(name))


@pytest.mark.parametrize("name", having(Density))
def test_value_of_one_example_ignores_its_batch(name):
    model = small(name)
    laws.value_ignores_the_batch(model, laws.examples(model))


FLOWS = [name for name in having(Bijection) if not laws.is_discrete(small(name))]


@pytest.mark.parametrize("dim", [2, 3, 5])
@pytest.mark.parametrize("name", FLOWS)
def test_bijections_come_back_and_measure_their_stretch(name, dim):
    """In float64 to 1e-8, at odd dimensions too."""
    torch.manual_seed(dim)
    entry = catalog.model(name)
    model = laws.prepare(entry.build(**{**entry.small, "dim": dim}), dim)
    x = torch.randn(8, dim, dtype=torch.float64)
    laws.comes_back(model, x)
    laws.log_det_is_autograds(model, x)


INTEGER_FLOWS = [name for name in having(Bijection) if laws.is_unbounded(small(name))]


@pytest.mark.parametrize("dim", [2, 3, 5])
@pytest.mark.parametrize("name", INTEGER_FLOWS)
def test_bijections_of_integers_come_back_exactly(name, dim):
    """Whatever the integers: of the data, next to them, far from them; in both precisions."""
    torch.manual_seed(dim)
    entry = catalog.model(name)
    model = laws.prepare(entry.build(**{**entry.small, "dim": dim}), dim, scale=2.0)
    for far in (3, 100, 2**20, 2**60):
        x = torch.randint(-far, far, (64, dim))
        laws.moves_integers_exactly(model.double(), x)
        laws.moves_integers_exactly(model.float(), x)


@pytest.mark.parametrize("name", INTEGER_FLOWS)
def test_integers_beyond_the_data_have_their_share(name):
    """log_prob takes every integer and falls with the distance: exact tails, with no floor and no edge."""
    model = small(name)
    far = torch.tensor([[40, 40], [80, 80], [-40, -40], [-80, -80]])
    near, further = model.log_prob(far)[::2], model.log_prob(far)[1::2]
    assert near.isfinite().all() and (further < near - 1).all()


AUTOREGRESSIVE = [name for name in having(Density) if callable(getattr(small(name), "logits", None))]


@pytest.mark.parametrize("name", AUTOREGRESSIVE)
def test_autoregressive_outputs_see_only_the_past(name):
    laws.sees_only_the_past(small(name))


@pytest.mark.parametrize("name", AUTOREGRESSIVE)
def test_autoregressive_at_full_size_sees_only_the_past(name):
    """With the layers and dilations that the book trains, not only in miniature."""
    model = laws.prepare(catalog.model(name).build(), scale=0.1)
    laws.moving_one_moves_only_what_follows(model, laws.examples(model, 3))
    laws.logits_are_the_likelihood(model, laws.examples(model))


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("name", having(Bound))
def test_bounds_keep_the_laws_of_densities(name, full):
    """One number each, whatever the batch, repeatable; in miniature and at the size that the book trains."""
    entry = catalog.model(name)
    model = laws.prepare(entry.build(**({} if full else entry.small)), scale=0.1)
    x = laws.examples(model)
    laws.bound_is_one_number_each(model, x)
    laws.bound_ignores_the_batch(model, x)
    laws.bound_is_repeatable(model, x)
    if not full:
        laws.bounds_sum_to_at_most_one(model)
        laws.bound_is_below(model, x, model.exact(x))


@pytest.mark.parametrize("name", AUTOREGRESSIVE)
def test_autoregressive_steps_are_the_full_pass(name):
    for model in (small(name), laws.prepare(catalog.model(name).build(), scale=0.1)):
        laws.steps_are_the_full_pass(model, laws.examples(model))


@pytest.mark.parametrize("name", AUTOREGRESSIVE)
def test_autoregressive_cached_sampling_is_naive(name):
    laws.cached_sampling_is_naive(small(name))
    laws.cached_sampling_is_naive(laws.prepare(catalog.model(name).build(), scale=0.1), seeds=1)


LATENT = [name for name in having(Bound) if hasattr(small(name), "posterior")]


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("name", LATENT)
def test_latent_variable_model_is_a_distribution_and_bounds_itself(name, seed):
    """By quadrature over z: it sums to one, its sampler matches, its bounds lie below and come nearer."""
    model = small(name, seed)
    exact = ByQuadrature(model)
    laws.sums_to_one(exact)
    laws.sampler_matches_density(exact)
    x = laws.examples(model, 8)
    log_px = exact.log_prob(x).detach()
    laws.bound_is_below(model, x, log_px)
    if not hasattr(model.posterior, "distribution"):
        return  # a posterior with an end can't be made as broad as the prior, and its weights may miss p(x)
    broad = with_broad_posterior(model)
    laws.weights_average_to_the_likelihood(broad, x, log_px)
    laws.more_draws_close_the_gap(broad, x, log_px)


@pytest.mark.parametrize("name", having(Sampler))
def test_draws_are_repeatable(name):
    laws.draws_are_repeatable(small(name))


def with_dropout(name: str, share: float = 0.5):
    """The small instance, with much dropout if it takes any, in training mode."""
    torch.manual_seed(0)
    entry = catalog.model(name)
    takes = {"dropout": share} if "dropout" in arguments_of(entry) else {}
    return laws.prepare(entry.build(**entry.small, **takes)).train()


@pytest.mark.parametrize("name", having(Sampler))
def test_drawing_and_inverting_use_no_dropout(name):
    model = with_dropout(name)
    laws.drawing_and_inverting_use_no_dropout(model, laws.examples(model))


@pytest.mark.parametrize("name", NAMES)
def test_every_entry_of_every_parameter_gets_a_gradient(name):
    """As the catalog trains it: in the small instances some convolutions see nothing but padding."""
    torch.manual_seed(0)
    entry = catalog.model(name)
    data, model = dataset(entry.data), entry.build()
    if entry.start:
        getattr(model, entry.start)(data.train)
    x = data.train[:160]
    if x.is_floating_point():
        x = x.double() + 0.01 * torch.randn(x.shape)  # a pixel that is 0 in all images would say nothing
    batches = [(part,) for part in x.split(40)]
    # Precisions are made of the upper half of this matrix, without the diagonal.
    laws.every_entry_gets_a_gradient(laws.prepare(model, scale=0.05), *batches, unused="upper")


STARTS = [entry.name for entry in catalog.MODELS if entry.start]


@pytest.mark.parametrize("name", STARTS)
def test_starting_from_data_helps(name):
    torch.manual_seed(0)
    entry = catalog.model(name)
    model, data = entry.build(), dataset(entry.data)
    laws.starting_from_data_helps(getattr(model, entry.start), data.train)


@pytest.mark.parametrize("device", ["cuda", "mps"])
@pytest.mark.parametrize("name", STARTS)
def test_data_to_start_from_may_lie_on_another_device(name, device):
    entry = catalog.model(name)
    model = entry.build(**entry.small)
    start, x = getattr(model, entry.start), laws.examples(model, 50)
    torch.manual_seed(0)
    expected = copy.deepcopy(start(x).state_dict())
    torch.manual_seed(0)
    with OtherDevice(device):
        start(elsewhere(x))
    for weight, value in model.state_dict().items():
        assert not is_elsewhere(value)
        # Where there is no float64, noise is drawn in other numbers.
        assert torch.equal(value, expected[weight]) or device == "mps", f"{weight} is another"


@torch.no_grad()
@pytest.mark.parametrize("name", sorted(set(NAMES) - {"deep-density"}))  # its determinants hide the device
def test_models_work_where_there_is_no_float64(name):
    """As on Apple's devices: draws and measures stay there, and ask for nothing finer than float32."""
    torch.manual_seed(0)
    entry = catalog.model(name)
    model = entry.build(**entry.small).eval()
    x = model.sample(5)
    for part in model.modules():
        for key, value in part.named_parameters(recurse=False):
            part._parameters[key] = nn.Parameter(elsewhere(value.data))
        for key, value in part.named_buffers(recurse=False):
            part._buffers[key] = elsewhere(value)
    with OtherDevice():
        assert is_elsewhere(model.sample(5, generator=torch.Generator().manual_seed(0)))
        if name in MEASURED:
            measure = model.log_prob if isinstance(model, Density) else model.elbo
            assert is_elsewhere(measure(elsewhere(x)))


@pytest.mark.parametrize("name", MEASURED)
def test_measures_go_through_torch_func(name):
    model = small(name)
    laws.goes_through_torch_func(model, laws.examples(model, 4))


@pytest.mark.parametrize("name", NAMES)
def test_losses_compile(name):
    """In one graph, but for a table as long as the numbers drawn and a penalty that is itself a gradient."""
    model = small(name).train()
    laws.compiles(model, laws.examples(model), whole=name != "integer-flow" and not name.startswith("gan"))


@pytest.mark.parametrize("name", NAMES)
def test_all_weights_are_registered(name):
    laws.all_weights_are_registered(small(name))


@pytest.mark.parametrize("name", NAMES)
def test_players_move_only_their_own_weights(name):
    model = small(name)
    laws.players_move_only_their_own_weights(model, laws.examples(model))
    laws.players_share_no_weights(model)


@pytest.mark.parametrize("name", sorted(set(having(Density)) & set(having(Trainable))))
def test_loss_of_a_density_is_nats_per_example(name):
    model = small(name)
    laws.loss_is_mean_negative_log_prob(model, laws.examples(model))


@pytest.mark.parametrize("name", MEASURED)
def test_measuring_leaves_the_mode_alone(name):
    model = small(name)
    x = laws.examples(model)
    laws.leaves_the_mode_alone(lambda m: likelihood.bits_per_dim(m, x), model)
    laws.leaves_the_mode_alone(lambda m: mean_loss(m, (x,)), model)
    with pytest.raises(ValueError):
        likelihood.bits_per_dim(model.train(), laws.bad_inputs(model, x)["no batch dimension"])
    assert model.training, "a refused measurement left the model in eval mode"


@pytest.mark.parametrize("name", NAMES)
def test_saving_and_loading_changes_no_number(name, tmp_path):
    for dtype in (torch.float64, torch.float32):
        model, other = small(name, 0).to(dtype), small(name, 1)
        laws.saving_changes_nothing(model, other, laws.examples(model), tmp_path / "weights.safetensors")


@pytest.mark.parametrize("name", MEASURED)
def test_other_precisions_say_the_same(name):
    model = small(name)
    laws.dtypes_agree(model, laws.examples(model))


@pytest.mark.parametrize("log_std", [-6.0, 0.0, 4.0])
@pytest.mark.parametrize("name", MEASURED)
def test_float32_is_enough_at_sizes_of_real_use(name, log_std):
    """Trained on digits or in the plane, and with all widths 400 times smaller or 55 times larger."""
    torch.manual_seed(0)
    entry = catalog.model(name)
    model, data = entry.build(), dataset(entry.data)
    if entry.start:
        getattr(model, entry.start)(data.train)
    model = laws.prepare(model, scale=0.05).float().double()  # weights that float32 has, too
    with torch.no_grad():
        for weight, value in model.named_parameters():
            value.add_(log_std if weight.endswith("log_std") else 0.0)
    for x in (data.valid[:50], model.float().sample(50)):
        laws.dtypes_agree(model.double(), x.double() if x.is_floating_point() else x)


@pytest.mark.parametrize("name", NAMES)
def test_data_of_any_type_are_taken(name):
    """By every public method that takes x; ``check_model`` asks the same in double precision."""
    model = small(name).float()
    laws.data_of_any_type_are_taken(model, laws.examples(model, 2))


OF_LABELS = {
    "causal": lambda: CausalARM(3, 3, channels=4, dilations=(1,), n_classes=2),
    "classes": lambda: ClassConditional([GaussianMixture(2, 2) for _ in range(2)]),
    "classifier": lambda: Classifier(2, 2),
    "both": lambda: ClassifierDensity(Classifier(2, 2), GaussianMixture(2, 2)),
}


@pytest.mark.parametrize("name", OF_LABELS)
def test_data_and_labels_of_any_type_are_taken(name):
    torch.manual_seed(0)
    model = OF_LABELS[name]().eval()
    x = torch.randint(3, (4, 3)) if name == "causal" else torch.randn(4, 2)
    laws.data_of_any_type_are_taken(model, x, torch.tensor([0, 1, 1, 0]))


def changed(argument: str, value):
    """Another value that a constructor's argument may have."""
    if argument in CHANGES:
        return CHANGES[argument]
    if value is None or isinstance(value, int) and not isinstance(value, bool):
        return (value or 1) + 1
    return not value if isinstance(value, bool) else value / 2 or 0.3


CHANGES = {"loss": "saturating", "limits": (-2.0, 5.0), "dilations": (1, 3)}
# What has to be otherwise for an argument to have a say.
WITH = {"straight_through": {"mirrors": False}, "n_parts": {"dim": 4}, "latent_dim": {"dim": 4}}


@pytest.mark.parametrize(("name", "argument"), [(e.name, a) for e in catalog.MODELS for a in arguments_of(e)])
def test_every_argument_of_a_constructor_changes_something(name, argument):
    """Sizes, or else a number: in training or out of it, of a loss, a measure or a draw."""
    if (name, argument) == ("transform-coder", "levels"):
        return  # what a decoded file holds: tests/codecs/test_lossy.py
    entry = catalog.model(name)
    given = {a: p.default for a, p in arguments_of(entry).items()} | entry.arguments | entry.small
    given |= WITH.get(argument, {})
    models = []
    for value in (given[argument], changed(argument, given[argument])):
        torch.manual_seed(0)
        models.append(laws.prepare(entry.build(**{**given, argument: value})))
    one, two = models
    if [p.shape for p in one.parameters()] == [p.shape for p in two.parameters()]:
        x = laws.examples(one)
        assert any(
            not torch.equal(a, b)
            for training in (False, True)
            for a, b in zip(*(laws.numbers(m.train(training), x).values() for m in models), strict=True)
        ), f"{argument} changes nothing"


@pytest.mark.parametrize("name", NAMES)
def test_bad_input_is_refused(name):
    model = small(name)
    laws.bad_input_is_refused(model, laws.examples(model))


@pytest.mark.parametrize("name", NAMES)
def test_bad_sizes_are_refused(name):
    """Every whole-number argument of a constructor, set to nonsense, is named in a ValueError."""
    entry = catalog.model(name)
    whole = [k for k, v in {**entry.arguments, **entry.small}.items() if type(v) is int]
    assert whole
    for argument in whole:
        for nonsense in (0, -3, 1.5):
            laws.refuses(lambda: entry.build(**{**entry.small, argument: nonsense}), argument)  # noqa: B023


@pytest.mark.parametrize("name", STARTS)
def test_starts_that_the_catalog_names_keep_the_laws(name):
    """The initial weights set from data leave a normalised density, and bad data are refused."""
    entry = catalog.model(name)
    model = entry.build(**entry.small).double()
    x = laws.examples(model, 50)
    assert getattr(model, entry.start)(x) is model
    if isinstance(model, Density):
        laws.sums_to_one(model.eval())
    for bad in ("NaN", "a level too high", "an empty batch"):
        if bad in laws.bad_inputs(model, x):
            laws.refuses(lambda: getattr(model, entry.start)(laws.bad_inputs(model, x)[bad]))  # noqa: B023

"""What a model is: any setting of any part makes another one, and nothing else does."""

import collections
import copy
import dataclasses
import datetime
import decimal
import fractions
import functools
import json
import linecache
import random

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from dgm_lite import catalog, laws, weights
from dgm_lite.codecs.container import fingerprint
from dgm_lite.gan.gan import GAN
from dgm_lite.identity import canonical, checksum, differences, identity, listed
from dgm_lite.sources import source


class Part(nn.Module):
    """Anybody's own module."""

    def __init__(self, **attributes):
        super().__init__()
        self.net = nn.Linear(2, 2)
        vars(self).update(attributes)


def whole(**attributes) -> nn.Module:
    """A model that has such a part two levels down."""
    return nn.Sequential(nn.Linear(2, 2), nn.ModuleDict({"inner": Part(**attributes)}))


def same(one: nn.Module, two: nn.Module) -> bool:
    there_and_back = json.loads(json.dumps(identity(two)))
    return not differences(identity(one), there_and_back)


def cubed(x):
    return x**3


def scaled(by):
    return lambda x: by * x


def line(slope, offset):
    return lambda x: slope * x + offset


def local(by):
    if by:

        def inner(x):
            return by * x
    else:

        def inner(x):
            return -x

    return inner


def defaults(first=0, *, second=0):
    return lambda x, by=first, *, and_by=second: x * by * and_by


def hidden(value):
    module = nn.Linear(1, 1)
    nn.init.constant_(module.weight, value)
    nn.init.zeros_(module.bias)
    return [module]


LISTS = str.maketrans({"(": "[", ")": "]", ",": ""})


class Setting:
    def __init__(self, size):
        self.size = size


@dataclasses.dataclass(slots=True)
class Slots:
    size: int


class MoreSlots(Slots):
    """One that has a dictionary too."""


class Queue(collections.deque):
    pass


def more_slots(size, other):
    made = MoreSlots(size)
    made.other = other
    return made


class Undescribed(Setting):
    """One that pickle cannot make."""

    def __reduce_ex__(self, protocol):
        raise TypeError

    def __deepcopy__(self, memo):
        return Undescribed(self.size)


SIN, COS = lambda x: x.sin(), lambda x: x.cos()
TWICE, SQUARED = lambda x: x * 2, lambda x: x**2

KINDS = {
    "int": (1, 2), "float": (0.1, 0.2), "str": ("saturating", "non-saturating"), "None": (None, 0),
    "bool": (True, False), "tuple": ((1, 2), (2, 1)), "list": ([1], [1, 1]), "dict": ({"a": 1}, {"a": 2}),
    "nested": ({"a": [(1, {"b": 0.5})]}, {"a": [(1, {"b": 0.25})]}), "set": ({1, 2}, {1, 3}),
    "size": (torch.Size([2, 3]), torch.Size([3, 2])), "infinite": (float("inf"), float("-inf")),
    "nan": (float("nan"), 0.0), "function": (cubed, scaled), "torch": (torch.relu, torch.tanh),
    "functional": (F.silu, F.relu), "closure": (scaled(2), scaled(3)), "class": (nn.ReLU, nn.Tanh),
    "partial": (functools.partial(cubed, x=1), functools.partial(cubed, x=2)), "range": (range(3), range(4)),
    "slice": (slice(0, 2), slice(2, 4)), "dtype": (torch.half, torch.double),
    "object": (Setting(1), Setting(2)),
    "tensor": (torch.ones(2), torch.zeros(2)), "array": (np.arange(20.0), np.arange(20.0) + 1),
    "scalar": (np.float32(0.5), np.float32(0.25)), "integer": (np.int64(3), np.int64(4)),
    "long": (list(range(1000)), list(range(999)) + [0]), "hidden module": (hidden(1.0), hidden(2.0)),
    "bytes": (b"a", b"b"), "complex": (1j, 2j),
    "closure in order": (line(0, 5), line(5, 0)), "falsy closure": (scaled(0), scaled(False)),
    "closure of a tensor": (scaled(torch.ones(2)), scaled(torch.zeros(2))),
    "closure of an array": (scaled(np.ones(2)), scaled(np.zeros(2))),
    "lambda": (SIN, COS), "operator in a lambda": (TWICE, SQUARED), "local function": (local(0), local(1)),
    "default": (defaults(0), defaults(False)), "keyword": (defaults(0, second=0), defaults(0, second=None)),
    "cached function": (functools.cache(SIN), functools.cache(COS)),
    "fraction": (fractions.Fraction(1, 2), fractions.Fraction(1, 3)),
    "decimal": (decimal.Decimal("0.5"), decimal.Decimal("0.25")), "slots": (Slots(1), Slots(2)),
    "deque": (collections.deque([1]), collections.deque([2])), "queue": (Queue([1]), Queue([2])),
    "slots below": (more_slots(1, 0), more_slots(2, 0)), "beside slots": (more_slots(1, 0), more_slots(1, 2)),
    "date": (datetime.date(2020, 1, 1), datetime.date(2020, 1, 2)),
    "bytearray": (bytearray(b"a"), bytearray()),
    "counter": (collections.Counter("aab"), collections.Counter("abb")),
    "undescribed": (Undescribed(1), Undescribed(2)),
    "objects in an array": (np.array([1, "a"], dtype=object), np.array([1, "b"], dtype=object)),
    "tensor in a list": ([1, torch.ones(2)], [1, torch.zeros(2)]),
    "tensor in a dictionary": ({"a": torch.ones(2)}, {"a": torch.zeros(2)}),
    "tensor in an object": (Setting(torch.ones(2)), Setting(torch.zeros(2))),
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_setting_of_any_part_counts(kind):
    one, two = KINDS[kind]
    assert same(whole(setting=one), whole(setting=copy.deepcopy(one)))
    (found,) = differences(identity(whole(setting=one)), identity(whole(setting=two)))
    assert found.startswith("1.inner.setting") and ", got " in found
    if kind != "tensor":  # it may be something that the other model has not computed yet
        assert ", got none" in differences(identity(whole(setting=one)), identity(whole()))[0]


@pytest.mark.parametrize("kind", [kind for kind in KINDS if not kind.startswith("tensor")])
def test_one_rule_for_weights_and_compressed_files(kind):
    one, two = KINDS[kind]
    assert canonical(whole(setting=one)) == canonical(whole(setting=copy.deepcopy(one)))
    assert canonical(whole(setting=one)) != canonical(whole(setting=two))


@pytest.mark.parametrize(
    "one, two", [(1, 1.0), (0.0, -0.0), ([1, (2.0,)], [1.0, (2,)]), ({"a": 1}, {"a": 1.0}),
                 (line(0, 1), line(0.0, 1.0)), ([1] * 999, [1.0] * 999), (Setting(2), Setting(2.0)),
                 (np.float64(1), 1), (np.int64(1), 1.0)],
)  # fmt: skip
def test_numbers_that_are_equal_are_equal(one, two):
    one, two = whole(setting=one), whole(setting=two)
    assert same(one, two)
    two.load_state_dict(one.state_dict())
    assert fingerprint(one) == fingerprint(two)


class Remembers(nn.Module):
    """Some of the ways to keep what was computed once."""

    def __init__(self):
        super().__init__()
        self.net = nn.Linear(2, 2)
        self.cache, self.by_name, self.each = None, {}, []
        self.register_buffer("table", None, persistent=False)

    @functools.cached_property
    def property(self):
        return self.net.weight.sum().item()

    def use(self, way):
        doubled = 2 * self.net.weight
        if way == "cached property":
            assert self.property
        elif way == "tensor":
            self.cache = doubled
        elif way == "tensor that was not there":
            self.new = doubled
        elif way == "dictionary":
            self.by_name["doubled"] = doubled
        elif way == "list":
            self.each += [doubled] * 9
        elif way == "buffer":
            self.table = doubled


WAYS = ("cached property", "tensor", "tensor that was not there", "dictionary", "list", "buffer")


@pytest.mark.parametrize("mode", [torch.enable_grad, torch.no_grad, torch.inference_mode])
@pytest.mark.parametrize("way", WAYS)
def test_what_a_model_remembers_does_not_make_it_another(way, mode, tmp_path):
    fresh, used = Remembers(), Remembers()
    with mode():
        used.use(way)
    assert same(fresh, used) and same(used, fresh)
    weights.save(used, tmp_path / "used.safetensors")
    weights.load(fresh, tmp_path / "used.safetensors")
    assert fingerprint(fresh) == fingerprint(used)
    weights.save(fresh, tmp_path / "fresh.safetensors")
    weights.load(used, tmp_path / "fresh.safetensors")
    if way == "cached property" or mode is not torch.no_grad:  # else nothing tells it from a setting
        again = Remembers()
        with mode():
            again.use(way)
        assert same(used, again)


@pytest.mark.parametrize(
    "draws", [torch.Generator, np.random.default_rng, random.Random, np.random.RandomState]
)
def test_draws_change_no_model(draws):
    one, two = draws(), draws()
    before = identity(whole(setting=one, held=[one]))
    torch.rand(3, generator=one) if draws is torch.Generator else one.random()
    assert differences(before, identity(whole(setting=one, held=[one]))) == []
    assert same(whole(setting=one), whole(setting=two))


def test_a_function_that_knows_itself_ends():
    def deep(n):
        return deep(n - 1) if n else later

    assert same(whole(setting=deep), whole(setting=deep))
    later = 1
    assert later and same(whole(setting=deep), whole(setting=deep))


def test_the_source_of_a_function_is_the_same_however_it_is_laid_out(monkeypatch):
    one, two, three = lambda x: x + 1, lambda x: (x
        + 1), lambda x: x - 1  # fmt: skip
    assert source(one) == source(two) == "lambda x: x + 1" and source(three) == "lambda x: x - 1"
    nested = lambda x: lambda y: x  # noqa: E731
    assert (source(nested), source(nested(1))) == ("lambda x: lambda y: x", "lambda y: x")

    @pytest.mark.filterwarnings("error")
    def marked():
        return 1  # of a test

    assert source(marked) == "@pytest.mark.filterwarnings('error')\ndef marked():\n    return 1"
    # What `python -c` was given stands under this name from Python 3.13 on.
    monkeypatch.setitem(linecache.cache, "<string>", (17, None, ["f = lambda x: x.tan(7)\n"], "<string>"))
    found = {}
    exec("f, g, h = lambda x: x.sin(2), lambda x: x.sin(3), lambda x: x.cos(2)", found)
    assert [source(found[name]) for name in "fgh"] == ["x sin 2", "x sin 3", "x cos 2"]
    exec("f = lambda x: x.sin(2)", found)
    assert source(found["f"]) == "x sin 2"


def drawn(rng: np.random.Generator, deep: int = 0):
    """Some setting, perhaps of settings."""
    kind = int(rng.integers(7 if deep < 3 else 4))
    few = [drawn(rng, deep + 1) for _ in range(rng.integers(3))] if kind > 3 else []
    plain = (None, bool(rng.integers(2)), int(rng.integers(3)), f"{rng.integers(3)}")
    return [*plain, tuple(few), few, {str(k): value for k, value in enumerate(few)}][kind]


def test_settings_look_alike_only_if_they_are():
    rng = np.random.default_rng(0)
    found = [drawn(rng) for _ in range(300)]
    kept = [json.dumps(identity(Part(setting=each))["settings"]["setting"]) for each in found]
    for one, a in zip(found, kept, strict=True):
        for two, b in zip(found, kept, strict=True):
            alike = repr(one).translate(LISTS) == repr(two).translate(LISTS)  # tuples are lists in JSON
            assert (a == b) == alike, f"{one!r} and {two!r}"


def test_what_does_not_change_a_result_does_not_count():
    model, other = whole(setting=1), whole(setting=1)
    other.eval().requires_grad_(False)
    other[0].register_forward_hook(lambda *_: None)
    other[0].register_full_backward_hook(lambda *_: None)
    other.register_state_dict_pre_hook(lambda *_: None)
    other[1]["inner"].net.weight.data.add_(1)
    assert same(model, other)
    there, here = whole(device=torch.device("cpu")), whole(device=torch.device("meta"))
    assert same(there, here)


def test_classes_buffers_and_tensors_count():
    class Part(nn.Linear):
        pass

    assert "0.class" in listed(
        differences(identity(nn.Sequential(Part(2, 2))), identity(nn.Sequential(nn.Linear(2, 2))))
    )
    one, two = nn.Module(), nn.Module()
    one.register_buffer("limit", torch.tensor(1.0), persistent=False)
    two.register_buffer("limit", torch.tensor(2.0), persistent=False)
    assert "limit" in listed(differences(identity(one), identity(two)))
    assert differences(identity(nn.Linear(2, 2)), identity(nn.Linear(2, 2).double()))[0] == (
        "weight float32 (2, 2), got float64 (2, 2)"
    )
    assert "p 0.1, got 0.2" in listed(differences(identity(nn.Dropout(0.1)), identity(nn.Dropout(0.2))))


def test_a_model_that_holds_itself_ends():
    one, two = Part(), Part()
    for model in (one, two):
        model.above = [model, (model.net, {"again": model})]
        model.circle = []
        model.circle.append(model.circle)
    assert same(one, two)


def test_a_game_says_its_loss():
    one, two = GAN(2, 2), GAN(2, 2, loss="saturating")
    assert differences(identity(two), identity(one)) == ["generator_loss 'saturating', got 'non-saturating'"]


@pytest.mark.parametrize("entry", catalog.MODELS, ids=lambda entry: entry.name)
def test_using_a_model_leaves_it_what_it_is(entry):
    """Nothing that a model remembers on the way is a setting: it would not load its own weights."""
    model = entry.build(**entry.small)
    before = identity(model)
    x = laws.examples(model)
    if entry.start:
        getattr(model, entry.start)(x)
    laws.numbers(model, x)
    assert differences(before, identity(model)) == []
    assert differences(before, identity(copy.deepcopy(model))) == []
    assert differences(before, identity(entry.build(**entry.small))) == []


@pytest.mark.parametrize("entry", catalog.MODELS, ids=lambda entry: entry.name)
def test_every_number_that_a_model_is_built_with_counts(entry):
    """In its settings or shapes, or else in the numbers that it starts with."""

    def built(**changes) -> tuple[dict, str]:
        torch.manual_seed(0)
        model = entry.build(**changes)
        return identity(model), checksum(*model.state_dict().values())

    numbers = {k: v for k, v in entry.arguments.items() if type(v) in (int, float)}
    assert numbers
    for name, value in numbers.items():
        try:
            other = built(**{name: value + (1 if type(value) is int else 0.125)})
        except ValueError:
            continue  # no such model
        assert other != built(), f"{name} makes no difference"

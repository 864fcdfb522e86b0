"""What a model is: any setting of any part makes another one, and nothing else does."""

import copy
import functools
import json

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from dgm_lite import catalog, laws
from dgm_lite.gan.gan import GAN
from dgm_lite.identity import checksum, differences, identity, listed


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


def hidden(value):
    module = nn.Linear(1, 1)
    nn.init.constant_(module.weight, value)
    nn.init.zeros_(module.bias)
    return [module]


LISTS = str.maketrans({"(": "[", ")": "]", ",": ""})


class Setting:
    def __init__(self, size):
        self.size = size


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
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_setting_of_any_part_counts(kind):
    one, two = KINDS[kind]
    assert same(whole(setting=one), whole(setting=copy.deepcopy(one)))
    (found,) = differences(identity(whole(setting=one)), identity(whole(setting=two)))
    assert found.startswith("1.inner.setting ") and ", got " in found
    assert differences(identity(whole(setting=one)), identity(whole())) == [
        found.split(",")[0] + ", got none"
    ] or (", got none" in differences(identity(whole(setting=one)), identity(whole()))[0])


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

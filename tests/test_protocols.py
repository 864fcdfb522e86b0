"""Abilities are what a model can do, not what it inherits."""

import dataclasses

import pytest
import torch
from torch import nn

from dgm_lite import catalog
from dgm_lite.joint.classifier import Classifier
from dgm_lite.protocols import Adversarial, Bound, Density, Energy, Player, Sampler, Step, Trainable

ABILITIES = {
    Sampler: "sample", Density: "log_prob", Bound: "elbo", Energy: "energy", Trainable: "loss",
    Adversarial: "players",
}  # fmt: skip


@pytest.mark.parametrize("ability", ABILITIES, ids=lambda a: a.__name__)
def test_an_ability_is_its_method(ability):
    able = type("Able", (nn.Module,), {ABILITIES[ability]: lambda self: None})()
    assert isinstance(able, ability)
    assert not any(isinstance(able, other) for other in ABILITIES if other is not ability)
    assert not isinstance(nn.Linear(1, 1), ability)


@pytest.mark.parametrize("entry", catalog.MODELS, ids=lambda entry: entry.name)
def test_inheritance_is_at_most_one_deep(entry):
    """A model is an nn.Module, or a variation of one other model of the package: no towers."""
    kinds = type(entry.build(**entry.small)).__mro__
    ours = [kind for kind in kinds if kind.__module__.startswith("dgm_lite")]
    assert nn.Module in kinds and len(ours) <= 2


def test_a_classifier_has_no_density():
    assert isinstance(Classifier(2, 2), Trainable) and not isinstance(Classifier(2, 2), Density | Sampler)


def test_players_and_steps_are_what_they_say():
    player = Player("critic", nn.Linear(1, 1), torch.sum)
    assert player.steps == 1
    assert Step(0, 3, {"critic": 1.0}).valid is None
    for record, name in ((player, "steps"), (Step(0, 0, {}), "epoch")):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(record, name, 2)

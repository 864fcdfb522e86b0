"""Every field of a configuration changes something, and what it changes is what it says."""

import json
import math
from dataclasses import fields, replace
from decimal import Decimal
from fractions import Fraction
from types import NoneType
from typing import get_args

import numpy as np
import pytest
import torch
from torch import nn

from dgm_lite import laws
from dgm_lite.datasets.dataset import Dataset
from dgm_lite.gan.gan import GAN
from dgm_lite.latent.mixture import GaussianMixture
from dgm_lite.training.config import TrainConfig
from dgm_lite.training.fit import fit, mean_loss
from dgm_lite.training.step import training_steps

BASE = TrainConfig(epochs=12, batch_size=8, lr=0.3)
OTHER = {
    "epochs": 13, "batch_size": 9, "lr": 0.2, "weight_decay": 0.5, "betas": (0.5, 0.9), "warmup": 0.5,
    "clip_norm": 0.01, "average": 0.9, "patience": 1, "seed": 1,
}  # fmt: skip


def plane() -> Dataset:
    x = torch.randn(60, 2, generator=torch.Generator().manual_seed(0))
    return Dataset("plane", x[:20], x[20:40], x[40:])


def trained(config: TrainConfig) -> tuple[list[torch.Tensor], list]:
    """Weights and steps of a run in which nothing is drawn but the order of the batches."""
    torch.manual_seed(3)
    model = GaussianMixture(2, 3)
    steps = fit(model, plane(), config)
    return [p.detach() for p in model.parameters()], steps


def test_the_same_configuration_gives_the_same_run():
    one, two = trained(BASE), trained(BASE)
    assert one[1] == two[1] and all(torch.equal(a, b) for a, b in zip(one[0], two[0], strict=True))


@pytest.mark.parametrize("field", [f.name for f in fields(TrainConfig)])
def test_every_field_changes_the_run(field):
    """Also a field that somebody adds: it needs an entry in OTHER, and has to do something."""
    assert field in OTHER, f"say in OTHER what else {field} may be"
    (a, one), (b, two) = trained(BASE), trained(replace(BASE, **{field: OTHER[field]}))
    moved = any(not torch.equal(x, y) for x, y in zip(a, b, strict=True))
    assert moved or len(one) != len(two), f"{field} changes nothing"


KINDS = {  # makers of numbers, by type
    "int": int, "float": float, "Fraction": Fraction, "Decimal": lambda v: Decimal(str(v)),
    "numpy float32": np.float32, "numpy float64": np.float64, "numpy int64": np.int64,
    "numpy uint8": np.uint8, "numpy array": np.array, "tensor": torch.tensor,
    "float64 tensor": lambda v: torch.tensor(v, dtype=torch.float64),
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("field", fields(TrainConfig), ids=lambda f: f.name)
def test_numbers_of_every_type_are_kept_as_pythons_own(field, kind):
    """Equal to what was given, and plain enough for the JSON in a checkpoint; or refused by name."""
    make, value = KINDS[kind], OTHER[field.name]
    given = tuple(map(make, value)) if isinstance(value, tuple) else make(value)
    whole = int in (field.type, *get_args(field.type))
    if whole and type(getattr(given, "item", lambda: given)()) is not int:
        laws.refuses(lambda: TrainConfig(**{field.name: given}), f"expected {field.name}", "whole number")
        return
    if kind in ("int", "numpy int64", "numpy uint8") and not whole:
        given = (make(0), make(0)) if isinstance(value, tuple) else make(0)
        if field.name in ("lr", "clip_norm", "average"):  # above 0
            laws.refuses(lambda: TrainConfig(**{field.name: given}), f"expected {field.name}")
            return
    kept = getattr(TrainConfig(**{field.name: given}), field.name)
    for one, two in zip(*(v if isinstance(v, tuple) else (v,) for v in (kept, given)), strict=True):
        assert type(one) is (int if whole else float) and one == pytest.approx(float(two), abs=0, rel=1e-15)
    assert json.loads(json.dumps(kept)) == (list(kept) if isinstance(kept, tuple) else kept)


@pytest.mark.parametrize("field", fields(TrainConfig), ids=lambda f: f.name)
@pytest.mark.parametrize("wrong", ["1", b"1", True, np.True_, 1j, [], (1, 2, 3), object(), math.nan, None])
def test_what_is_no_number_of_its_kind_is_refused(field, wrong):
    if wrong is None and NoneType in get_args(field.type):
        assert getattr(TrainConfig(**{field.name: None}), field.name) is None
    else:
        laws.refuses(lambda: TrainConfig(**{field.name: wrong}), f"TrainConfig: expected {field.name} to be")


def test_a_configuration_of_numpys_numbers_is_written_to_a_checkpoint(tmp_path):
    """And the run goes on with Python's numbers of the same size."""
    given = {"epochs": np.int64(2), "batch_size": np.int32(8), "lr": np.float32(0.3), "seed": np.uint8(3)}
    torch.manual_seed(3)
    fit(GaussianMixture(2, 3), plane(), TrainConfig(**given), checkpoint=tmp_path / "run")
    same = TrainConfig(**{name: value.item() for name, value in given.items()})
    assert len(fit(GaussianMixture(2, 3), plane(), same, checkpoint=tmp_path / "run")) == 6


class Still(nn.Module):
    """Weights that the loss does not move: what moves them is the optimiser's own."""

    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.full((3,), 2.0))

    def loss(self, x):
        return 0 * self.w.sum() + x.mean()


def test_weight_decay_shrinks_weights_by_its_share():
    config = TrainConfig(epochs=1, lr=0.1, weight_decay=0.3, warmup=0.0)
    model = Still()
    list(training_steps(model, [(torch.zeros(4, 1),)], config))
    torch.testing.assert_close(model.w.detach(), torch.full((3,), 2.0 * (1 - 0.1 * 0.3)))


def test_the_seed_orders_the_batches():
    def seen(seed: int) -> list[float]:
        batches = []

        class Watched(Still):
            def loss(self, x):
                if self.training:
                    batches.append(x[:, 0].tolist())
                return super().loss(x)

        fit(Watched(), plane(), TrainConfig(epochs=2, batch_size=8, seed=seed))
        return batches

    assert seen(0) == seen(0) and seen(0) != seen(1)
    first, second = seen(0)[:3], seen(0)[3:]
    assert first != second and sorted(sum(first, [])) == sorted(sum(second, [])), "each pass has all of them"


@pytest.mark.parametrize("n", [1, 511, 512, 513, 1300])
def test_mean_loss_is_the_mean_over_examples(n):
    """Also where the last part is smaller than the others, or the only one."""

    class Mean(Still):
        def loss(self, x):
            return x.mean()

    x = torch.arange(float(n))[:, None] ** 2
    assert mean_loss(Mean(), (x,)) == pytest.approx(x.double().mean().item(), rel=1e-5)
    assert mean_loss(Mean(), (x,), batch_size=7) == pytest.approx(x.double().mean().item(), rel=1e-5)


def test_a_fitted_game_has_its_averaged_weights():
    """It has no best epoch: what is left in the model is the average itself, by its own recursion."""
    config, data = TrainConfig(epochs=3, batch_size=8, lr=0.01, average=0.9), plane()
    torch.manual_seed(0)
    model = GAN(2, 2, hidden=8)
    fit(model, data, config)
    torch.manual_seed(0)
    same = GAN(2, 2, hidden=8)
    order, expected = torch.Generator().manual_seed(config.seed), {}
    expected = {k: v.clone() for k, v in same.state_dict().items()}
    batches = [batch for _ in range(3) for batch in data.batches(8, order)]
    for step in training_steps(same, batches, replace(config, epochs=1, average=None)):
        decay = min(0.9, (2 + step.index) / (11 + step.index))
        for name, value in same.state_dict().items():
            expected[name] = decay * expected[name] + (1 - decay) * value
    for name, value in model.state_dict().items():
        torch.testing.assert_close(value, expected[name], rtol=1e-4, atol=1e-5)
    last = same.state_dict()
    assert any(not torch.equal(value, last[name]) for name, value in model.state_dict().items())

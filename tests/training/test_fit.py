"""The training loop: lazy, resumable to the last bit, stoppable, and the same on several processes."""

import ast
import copy
import json
import math
import os
import subprocess
import sys
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook
from torch import nn

import dgm_lite
from dgm_lite import catalog, laws, outputs, weights
from dgm_lite.autoregressive.causal import CausalARM
from dgm_lite.catalog.data import dataset
from dgm_lite.datasets.dataset import Dataset
from dgm_lite.evaluate import likelihood
from dgm_lite.joint.classifier import Classifier
from dgm_lite.latent.mixture import GaussianMixture
from dgm_lite.protocols import Player, Step
from dgm_lite.training import checkpoint
from dgm_lite.training import step as stepping
from dgm_lite.training.config import TrainConfig
from dgm_lite.training.fit import Run, fit, mean_loss
from dgm_lite.training.step import DivergedError, Trainer, players_of, training_steps

HERE = Path(__file__).resolve().parent


def tiny_arm(dropout: float = 0.3) -> CausalARM:
    torch.manual_seed(3)
    return CausalARM(4, 3, channels=4, dilations=(1,), dropout=dropout)


def tiny_data(n: int = 50) -> Dataset:
    """Rows whose values repeat with noise, so that there is something to learn."""
    generator = torch.Generator().manual_seed(0)
    first = torch.randint(3, (n, 1), generator=generator)
    noise = torch.rand(n, 4, generator=generator) < 0.2
    x = torch.where(noise, torch.randint(3, (n, 4), generator=generator), first)
    return Dataset("tiny", x[: n // 2], x[n // 2 : 3 * n // 4], x[3 * n // 4 :], levels=3)


def state(model: nn.Module) -> dict[str, torch.Tensor]:
    return copy.deepcopy(model.state_dict())


def same(one: dict[str, torch.Tensor], two: dict[str, torch.Tensor]) -> bool:
    return one.keys() == two.keys() and all(torch.equal(one[k], two[k]) for k in one)


# --- training_steps -------------------------------------------------------------------------


def test_nothing_happens_before_the_first_step():
    model = tiny_arm()
    before = state(model)
    steps = training_steps(model, [(tiny_data().train,)], TrainConfig(epochs=3))
    assert same(state(model), before)
    assert isinstance(next(steps), Step)
    assert not same(state(model), before)


def test_steps_count_epochs_and_batches():
    x = tiny_data().train
    steps = list(training_steps(tiny_arm(), [(x,), (x,)], TrainConfig(epochs=3)))
    assert [(s.epoch, s.index) for s in steps] == [(0, 0), (0, 1), (1, 2), (1, 3), (2, 4), (2, 5)]
    assert all(set(s.losses) == {"model"} and math.isfinite(s.losses["model"]) for s in steps)


def test_training_learns():
    model, x = tiny_arm(dropout=0.0), tiny_data().train
    steps = list(training_steps(model, [(x,)], TrainConfig(epochs=60, lr=0.03)))
    assert steps[-1].losses["model"] < steps[0].losses["model"] - 1  # of 4 log 3 = 4.4 nats
    assert not model.training


def test_a_watcher_may_stop_early():
    """Leaving the loop leaves a model that can be used: eval mode, averaged weights."""
    model = tiny_arm()
    steps = training_steps(model, [(tiny_data().train,)], TrainConfig(epochs=50, average=0.9))
    for step in steps:
        if step.index == 3:
            raw = state(model)
            break
    steps.close()
    assert not model.training
    assert not same(state(model), raw), "the averaged weights were not put in"


def test_the_same_seed_gives_the_same_weights():
    def trained(seed):
        model = tiny_arm()
        list(training_steps(model, [(tiny_data().train,)], TrainConfig(epochs=4, seed=seed)))
        return state(model)

    assert same(trained(0), trained(0))
    assert not same(trained(0), trained(1)), "dropout did not depend on the seed"


@pytest.mark.parametrize("batches", [iter([(tiny_data().train,)]), []])
def test_batches_without_a_length_are_refused(batches):
    laws.refuses(lambda: next(training_steps(tiny_arm(), batches, TrainConfig())), "list")


def test_a_dataloader_is_welcome():
    rows = torch.utils.data.TensorDataset(tiny_data().train)
    loader = torch.utils.data.DataLoader(rows, batch_size=10, shuffle=True)
    assert len(list(training_steps(tiny_arm(), loader, TrainConfig(epochs=2)))) == 2 * len(loader)


def test_a_model_that_cannot_be_trained_is_refused():
    laws.refuses(lambda: players_of(nn.Linear(2, 2)), "Linear", "loss")


def test_learning_rate_rises_and_falls():
    trainer = Trainer(tiny_arm(), TrainConfig(warmup=0.2), n_steps=100)
    rates = []
    for trainer.index in range(101):
        rates.append(trainer.rate())
    assert rates[0] < 0.1 and max(rates) == pytest.approx(1, abs=0.01)
    assert rates[:20] == sorted(rates[:20]) and rates[20:] == sorted(rates[20:], reverse=True)
    assert rates[100] == pytest.approx(0, abs=1e-12)


def test_moving_average_of_the_weights():
    """The final weights are the average that its recursion defines, step by step."""
    model, x = tiny_arm(), tiny_data().train
    expected = state(model)
    for step in training_steps(model, [(x,)], TrainConfig(epochs=30, lr=0.05, average=0.8)):
        decay = min(0.8, (2 + step.index) / (11 + step.index))
        for name, value in model.state_dict().items():
            expected[name] = decay * expected[name] + (1 - decay) * value
    for name, value in model.state_dict().items():
        torch.testing.assert_close(value, expected[name], rtol=1e-5, atol=1e-6)


def test_large_gradients_are_clipped():
    model = nn.Linear(3, 1)
    model.loss = lambda x: 1e6 * model(x).sum()
    trainer = Trainer(model, TrainConfig(clip_norm=0.5), n_steps=1)
    trainer.step((torch.randn(5, 3),))
    norm = torch.cat([p.grad.flatten() for p in model.parameters()]).norm()
    assert norm == pytest.approx(0.5, rel=1e-3)


@pytest.mark.parametrize("wrong", [
    {"epochs": 0}, {"epochs": 2.5}, {"batch_size": 0}, {"lr": 0.0}, {"lr": math.nan}, {"lr": math.inf},
    {"warmup": 1.0}, {"weight_decay": -1.0}, {"betas": (0.9, 1.0)}, {"betas": (0.9,)},
    {"average": 1.0}, {"patience": 0}, {"clip_norm": 0.0},
])  # fmt: skip
def test_nonsense_in_the_configuration_is_refused(wrong):
    laws.refuses(lambda: TrainConfig(**wrong), "TrainConfig", next(iter(wrong)))


# --- games ----------------------------------------------------------------------------------


class Game(nn.Module):
    """Two players, the second of which moves three times a batch."""

    def __init__(self):
        super().__init__()
        self.one, self.two = nn.Linear(2, 2), nn.Linear(2, 2)
        type(
            self
        ).turns = []  # of the class: an attribute of its own that grew would make another model of it

    def gap(self, x):
        return ((self.one(x) - self.two(x)) ** 2).mean()

    def first(self, x):
        self.turns.append("one")
        return self.gap(x)

    def second(self, x):
        self.turns.append("two")
        return -self.gap(x).clamp(max=5)

    def players(self):
        return [Player("one", self.one, self.first), Player("two", self.two, self.second, steps=3)]


def test_players_take_their_turns():
    game, x = Game(), torch.randn(16, 2)
    steps = list(training_steps(game, [(x,)], TrainConfig(epochs=2)))
    assert game.turns == ["one", "two", "two", "two"] * 2
    assert all(set(s.losses) == {"one", "two"} for s in steps)


def test_a_player_moves_only_its_own_weights():
    laws.players_move_only_their_own_weights(Game(), torch.randn(16, 2))


def test_a_game_is_fitted_and_keeps_its_last_weights(tmp_path):
    """No validation chooses between the states of a game; it resumes all the same."""
    x = torch.randn(40, 2)
    data = Dataset("plane", x[:20], x[20:30], x[30:])
    torch.manual_seed(0)
    game = Game()
    whole = fit(game, data, TrainConfig(epochs=4, batch_size=10))
    assert len(whole) == 8 and all(s.valid is None for s in whole)
    torch.manual_seed(0)
    again = Game()
    interrupted = stop_after(again, data, TrainConfig(epochs=4, batch_size=10), tmp_path / "game", epochs=2)
    assert interrupted == whole and same(state(again), state(game))


# --- fit ------------------------------------------------------------------------------------


def test_fit_reports_each_epoch_and_keeps_the_best_weights():
    """Weights come from the epoch with the lowest validation loss, not from the last."""
    data = replace(tiny_data(30), train=tiny_data(30).train[:6])  # so few that it over-fits
    model = tiny_arm(dropout=0.0)
    steps = fit(model, data, TrainConfig(epochs=60, lr=0.05, batch_size=6))
    valid = [s.valid for s in steps if s.valid is not None]
    assert len(valid) == 60
    assert min(valid) < valid[-1] - 0.1, "the example has to over-fit"
    assert mean_loss(model, data.split("valid")) == pytest.approx(min(valid), rel=1e-5)
    assert not model.training


def test_validation_judges_the_averaged_weights():
    data, model = tiny_data(), tiny_arm()
    steps = fit(model, data, TrainConfig(epochs=5, lr=0.05, average=0.95))
    valid = [s.valid for s in steps if s.valid is not None]
    assert mean_loss(model, data.split("valid")) == pytest.approx(min(valid), rel=1e-5)


def test_patience_stops_early():
    data = replace(tiny_data(30), train=tiny_data(30).train[:6])
    steps = fit(tiny_arm(dropout=0.0), data, TrainConfig(epochs=200, lr=0.05, batch_size=6, patience=4))
    valid = [s.valid for s in steps]
    best = valid.index(min(valid))
    assert len(valid) < 200
    assert len(valid) - 1 - best == 4, "expected to stop after exactly four epochs without a better one"


def test_validation_takes_no_draws_from_training():
    """With or without a validation split the training is the same."""

    class Noisy(GaussianMixture):
        def loss(self, x):
            return super().loss(x + 0.1 * torch.randn_like(x))

    torch.manual_seed(0)
    x = torch.randn(60, 2)
    losses = []
    for valid in (x[40:50], x[:0]):
        torch.manual_seed(1)
        steps = fit(
            Noisy(2, 2), Dataset("plane", x[:40], valid, x[50:]), TrainConfig(epochs=3, batch_size=20)
        )
        losses.append([s.losses for s in steps])
    assert losses[0] == losses[1]


def test_labelled_data_train_a_classifier():
    torch.manual_seed(0)
    x = torch.randn(300, 2)
    y = (x[:, 0] > 0).long()
    data = Dataset("halves", x[:100], x[100:200], x[200:], y[:100], y[100:200], y[200:])
    model = Classifier(2, 2, hidden=16)
    fit(model, data.labelled(), TrainConfig(epochs=40, lr=0.02))
    assert (model.log_prob_labels(data.test).argmax(1) == data.test_labels).double().mean() > 0.95


def test_what_is_no_data_set_is_refused():
    laws.refuses(lambda: fit(tiny_arm(), tiny_data().train), "Dataset", "Tensor")
    laws.refuses(lambda: fit(tiny_arm(), replace(tiny_data(), train=tiny_data().train[:0])), "example")
    laws.refuses(lambda: mean_loss(tiny_arm(), (tiny_data().train[:0],)), "example")


# --- things go wrong ------------------------------------------------------------------------


class Breaking(CausalARM):
    """Raises or returns something bad at one call of its loss."""

    at, what, calls = 10**9, None, 0

    def loss(self, x):
        self.calls += 1
        if self.training and self.calls == self.at:
            if isinstance(self.what, BaseException):
                raise self.what
            return super().loss(x) * self.what
        return super().loss(x)


def breaking(at: int, what) -> Breaking:
    torch.manual_seed(3)
    model = Breaking(4, 3, channels=4, dilations=(1,))
    model.at, model.what = at, what
    return model


def test_keyboard_interrupt_keeps_the_best_weights(capsys):
    """Raised in the middle of an epoch: fit returns, says so, and the weights are those of the best epoch."""
    data = tiny_data()
    model = breaking(11, KeyboardInterrupt())
    steps = fit(model, data, TrainConfig(epochs=9, lr=0.05, batch_size=10))
    valid = [s.valid for s in steps if s.valid is not None]
    assert 2 <= len(valid) < 9
    assert not model.training
    assert mean_loss(model, data.split("valid")) == pytest.approx(min(valid), rel=1e-5)
    assert "stopped by you" in capsys.readouterr().err
    assert steps.stopped and not fit(tiny_arm(), data, TrainConfig(epochs=1)).stopped


@pytest.mark.parametrize("average", [None, 0.9])
@pytest.mark.parametrize("place", ["train", "candidate", "judge", "end_epoch", "report"])
@pytest.mark.parametrize(
    "error", [KeyboardInterrupt, DivergedError, OSError, MemoryError, RuntimeError, ValueError, SystemExit]
)
def test_whatever_ends_a_run_its_best_weights_are_in_the_model(error, place, average, monkeypatch):
    honest, runs = getattr(Run, place), []

    def ends(self, *given):
        runs.append(self)
        if len(runs) > 3:
            raise error
        return honest(self, *given)

    monkeypatch.setattr(Run, place, ends)
    data, model = tiny_data(), tiny_arm()
    config = TrainConfig(epochs=9, lr=0.1, batch_size=10, average=average)
    with pytest.raises(error):
        fit(model, data, config, whole=True)
    run = runs[0]
    assert run.steps.stopped is (error is KeyboardInterrupt) and not model.training
    assert same(state(model), run.best)
    best = min(s.valid for s in run.steps if s.valid is not None)
    assert mean_loss(model, data.split("valid")) == pytest.approx(best, rel=1e-5)


def test_what_is_measured_was_trained_as_a_whole():
    """Ctrl-C ends a program that goes on to measure: otherwise it would measure what is half trained."""
    data = tiny_data()
    with pytest.raises(KeyboardInterrupt):
        fit(breaking(11, KeyboardInterrupt()), data, TrainConfig(epochs=9, batch_size=10), whole=True)
    calls = [
        node
        for file in Path(dgm_lite.__file__).parent.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and getattr(node.func, "id", None) == "fit"
    ]
    assert len(calls) >= 5
    assert all("whole" in {keyword.arg for keyword in call.keywords} for call in calls)


def test_keyboard_interrupt_from_the_data():
    class Slow(Dataset):
        def batches(self, size, generator):
            for i, batch in enumerate(super().batches(size, generator)):
                if i == 2:
                    raise KeyboardInterrupt
                yield batch

    data = tiny_data()
    model = tiny_arm()
    steps = fit(
        model, Slow(data.name, data.train, data.valid, data.test, levels=3), TrainConfig(batch_size=5)
    )
    assert [s.index for s in steps] == [0, 1] and not model.training


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_loss_that_diverges_stops_with_advice(bad):
    model = breaking(5, bad)
    with pytest.raises(DivergedError, match="'model' became .* at step .*smaller learning rate.*size of one"):
        fit(model, tiny_data(), TrainConfig(epochs=9, batch_size=10))
    assert not model.training
    assert all(p.isfinite().all() for p in model.parameters()), "the bad step was taken"


def test_a_player_that_diverges_is_named():
    class Broken(Game):
        def second(self, x):
            return super().second(x) * torch.nan

    with pytest.raises(DivergedError, match="'two'"):
        list(training_steps(Broken(), [(torch.randn(4, 2),)], TrainConfig()))


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_validation_loss_that_is_not_finite_is_reported(bad):
    """Minus infinity would be the best for ever; infinity may be one example, and the message says so."""
    model = tiny_arm()
    honest = model.loss
    model.loss = lambda x: honest(x) if model.training else honest(x) * 0 + bad
    with pytest.raises(DivergedError, match=f"validation loss became {bad} in epoch 0.*leave it out"):
        fit(model, tiny_data(), TrainConfig(epochs=2))


class ScoreMatching(nn.Module):
    """An energy whose loss takes its slope in x, and a density by the change of volume: a gradient each."""

    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1))

    def slope(self, x):
        x = x.detach().requires_grad_()
        (slope,) = torch.autograd.grad(self.net(x).sum() + (x**2).sum() / 2, x, create_graph=True)
        return x, slope

    def loss(self, x):
        """Hyvarinen (2005): the mean of |slope|^2 / 2 - its divergence, here of the energy's."""
        x, slope = self.slope(x)
        bends = [torch.autograd.grad(slope[:, d].sum(), x, create_graph=True)[0][:, d] for d in (0, 1)]
        return ((slope**2).sum(1) / 2 - sum(bends)).mean()

    def elbo(self, x):
        return -(self.slope(x)[1] ** 2).sum(1)

    def importance_weighted(self, x, n_samples):
        return self.elbo(x)


def test_a_loss_may_take_gradients_in_x():
    """In training and in validation, in what fit and evaluate measure; and no graph is kept of it."""
    torch.manual_seed(0)
    x, model = torch.randn(60, 2), ScoreMatching()
    steps = fit(model, Dataset("plane", x[:40], x[40:50], x[50:]), TrainConfig(epochs=3, lr=0.01))
    assert [s.valid for s in steps][-1] < [s.valid for s in steps][0]
    assert mean_loss(model, (x[40:50],)) == pytest.approx(model.loss(x[40:50]).item())
    expected = model.elbo(x).detach()
    with torch.no_grad():
        found = likelihood.log_prob(model, x)
        weighted = likelihood.importance_weighted(model, x, n_samples=3)
    assert not found.requires_grad and torch.equal(found, expected)
    assert weighted.nats == pytest.approx(expected.mean().item())
    assert all(p.requires_grad for p in model.parameters())


class Hooked(nn.Module):
    """A loss that is finite while the gradient of one weight is not: d sqrt(w)/dw at w = 0."""

    def __init__(self):
        super().__init__()
        self.w, self.v = nn.Parameter(torch.zeros(2)), nn.Parameter(torch.ones(3))

    def loss(self, x):
        return (self.w * x[0, 0]).abs().sqrt().sum() + (self.v * x.mean()).sum()


@pytest.mark.parametrize("clip_norm", [10.0, None])
@pytest.mark.parametrize("every", [1, 50])
def test_a_gradient_that_is_nan_does_not_reach_the_weights(monkeypatch, clip_norm, every):
    monkeypatch.setattr(stepping, "look_after", lambda device: every)
    model = Hooked()
    before = state(model)
    with pytest.raises(DivergedError, match="gradient of 'model' became nan at step 0"):
        list(training_steps(model, [(torch.zeros(4, 2),)], TrainConfig(epochs=3, clip_norm=clip_norm)))
    assert same(state(model), before)


def test_looking_later_takes_the_same_steps(monkeypatch):
    """What an accelerator does, on a CPU: nothing is fetched in a step, and nothing else changes."""
    data, config = tiny_data(), TrainConfig(epochs=4, batch_size=5, lr=0.03, average=0.9)
    expected = fit(model := tiny_arm(), data, config)
    monkeypatch.setattr(stepping, "look_after", lambda device: 7)
    found = fit(later := tiny_arm(), data, config)
    for name, value in later.state_dict().items():
        torch.testing.assert_close(value, model.state_dict()[name], rtol=1e-4, atol=1e-6)
    assert [s.losses["model"] for s in found] == pytest.approx(
        [s.losses["model"] for s in expected], rel=1e-4
    )
    assert all(plain(s.losses) for s in found), "left on the device"


def plain(losses: dict) -> bool:
    """Whether losses are numbers in a dictionary like any other, which JSON can hold."""
    return json.loads(json.dumps(losses)) == losses | {} == losses.copy() and type(losses) is dict


@pytest.mark.parametrize("ends", [None, KeyboardInterrupt(), DivergedError()])
def test_losses_are_plain_numbers_wherever_they_were_computed(ends, monkeypatch):
    """Also those of a run that was ended between two looks, and those of training_steps at every step."""
    monkeypatch.setattr(stepping, "look_after", lambda device: 50)
    batch = (tiny_data().train,)
    steps = training_steps(tiny_arm(), [batch] * 3, TrainConfig(epochs=1))
    assert all(plain(step.losses) for step in steps)
    model = breaking(9 if ends else 10**9, ends)
    run = Run(model, tiny_data(), TrainConfig(epochs=3, batch_size=5))
    with pytest.raises(type(ends)) if ends else nullcontext():
        run.to_the_end()
    assert len(run.steps) == (7 if ends else 15) and all(plain(step.losses) for step in run.steps)


class Here(torch.Tensor):
    """A tensor that has not been moved to the accelerator, and what is computed from it."""


def waits_in_a_step(model: nn.Module, batch: tuple[torch.Tensor, ...], monkeypatch) -> list[str]:
    """What is fetched from an accelerator in a training step, by item() or by a branch on a tensor."""
    monkeypatch.setattr(stepping, "look_after", lambda device: 50)

    def moved(model, columns):
        return tuple(column.as_subclass(torch.Tensor).clone() for column in columns)

    monkeypatch.setattr(stepping, "moved_to", moved)
    trainer, found = Trainer(model, TrainConfig(average=0.9), 100), []
    batch = tuple(column.as_subclass(Here) for column in batch)
    trainer.step(batch)
    with monkeypatch.context() as patch:
        for name in ("item", "tolist", "__bool__", "__float__", "__int__", "cpu", "numpy", "nonzero"):
            honest = getattr(torch.Tensor, name)

            def fetch(self, *given, _honest=honest, _name=name, **options):
                if not isinstance(self, Here):
                    found.append(_name)
                return _honest(self, *given, **options)

            patch.setattr(torch.Tensor, name, fetch)
        trainer.step(batch)
    return found


@pytest.mark.parametrize("entry", catalog.MODELS, ids=lambda entry: entry.name)
def test_no_step_waits_for_an_accelerator(entry, monkeypatch):
    batch = tuple(column[:16] for column in dataset(entry.data).split("train"))
    assert waits_in_a_step(entry.build(), batch, monkeypatch) == []


def test_a_step_that_waits_is_noticed(monkeypatch):
    class Asking(Game):
        def first(self, x):
            return super().first(x) * (1 if x.sum() > 0 else 2)

    assert waits_in_a_step(Game(), (torch.randn(8, 2),), monkeypatch) == []
    assert waits_in_a_step(Asking(), (torch.randn(8, 2),), monkeypatch) == ["__bool__"]


@pytest.mark.parametrize("entry", catalog.MODELS, ids=lambda entry: entry.name)
def test_bad_batches_are_refused_where_nobody_waits(entry, monkeypatch):
    monkeypatch.setattr(stepping, "look_after", lambda device: 50)
    x, *labels = (column[:16].clone() for column in dataset(entry.data).split("train"))
    trainer = Trainer(entry.build(), TrainConfig(), 100)
    if x.is_floating_point():
        x[3, 1] = math.nan
        laws.refuses(lambda: trainer.step((x, *labels)), "finite", "1 NaN")
    elif entry.name != "integer-flow":  # which has a share for every integer
        x[3, 1] = 999
        laws.refuses(lambda: trainer.step((x, *labels)), "integers 0..", "999")


def test_a_bad_step_that_is_noticed_later_has_changed_nothing(monkeypatch):
    """The weights, and their average, are those from before the bad step, though others came after it."""
    monkeypatch.setattr(stepping, "look_after", lambda device: 20)
    batch, config = (tiny_data().train,), TrainConfig(lr=0.03, average=0.9)
    good = Trainer(breaking(10**9, None), config, 30)
    for _ in range(4):
        good.step(batch)
    bad = Trainer(breaking(5, math.nan), config, 30)  # the same draws of dropout from here on
    with pytest.raises(DivergedError, match="loss of 'model' became nan at step 4"):
        for _ in range(30):
            bad.step(batch)
    assert bad.index > 10, "the bad step was noticed at once"
    assert same(state(bad.model), state(good.model)) and same(bad.average, good.average)


def test_a_model_whose_weights_are_frozen_is_refused():
    model = tiny_arm().requires_grad_(False)
    laws.refuses(lambda: fit(model, tiny_data(), TrainConfig(epochs=1)), "'model'", "frozen")
    game = Game()
    game.two.requires_grad_(False)
    laws.refuses(lambda: next(training_steps(game, [(torch.randn(4, 2),)], TrainConfig())), "'two'", "frozen")
    game.two.weight.requires_grad_(True)
    assert next(training_steps(game, [(torch.randn(4, 2),)], TrainConfig())), "half frozen is fine"


@pytest.mark.parametrize(("loss", "word"), [
    (lambda self, x: self(x).detach().mean(), "depends on its weights"),
    (lambda self, x: self(x).mean(1), "one number"),
    (lambda self, x: 3.0, "float"),
    (lambda self, x: None, "NoneType"),
])  # fmt: skip
def test_a_loss_that_cannot_be_minimised_is_refused(loss, word):
    model = nn.Linear(2, 2)
    model.loss = lambda x: loss(model, x)
    laws.refuses(lambda: next(training_steps(model, [(torch.randn(4, 2),)], TrainConfig())), "'model'", word)


@pytest.mark.parametrize("loss", [3.0, torch.ones(2)])
def test_a_validation_loss_that_is_no_number_is_refused(loss):
    model = tiny_arm()
    model.loss = lambda x: loss
    laws.refuses(lambda: mean_loss(model, (tiny_data().valid,)), "one number in a tensor")


@pytest.mark.parametrize("change, word", [
    (lambda a, b: [a, replace(b, name="one")], "['one', 'one']"),
    (lambda a, b: [], "a name of its own"),
    (lambda a, b: [a, replace(b, steps=0)], "'two'"),
    (lambda a, b: [a, replace(b, loss=lambda x: 3.0)], "float"),
])  # fmt: skip
def test_players_that_cannot_play_are_refused(change, word, tmp_path):
    class Odd(Game):
        def players(self):
            return change(*super().players())

    x = torch.randn(20, 2)
    data = Dataset("plane", x, x, x)
    laws.refuses(lambda: fit(Odd(), data, TrainConfig(epochs=1), checkpoint=tmp_path / "run"), word)


def test_batches_that_are_no_tuples_are_refused():
    laws.refuses(lambda: next(training_steps(tiny_arm(), [(torch.tensor(1),)], TrainConfig())), "tuple")
    laws.refuses(
        lambda: next(training_steps(tiny_arm(), [tiny_data().train], TrainConfig())), "(x,)", "Tensor"
    )


# --- checkpoints ----------------------------------------------------------------------------


class Stop(Exception):
    """A power cut."""


def stop_after(model, data, config, file, *, epochs: int) -> list[Step]:
    """Train until something kills the process in the middle of an epoch, then again from the checkpoint."""

    class Dying(type(data)):
        passes = 0

        def batches(self, size, generator):
            type(self).passes += 1
            for i, batch in enumerate(super().batches(size, generator)):
                if type(self).passes > epochs and i == 1:
                    raise Stop
                yield batch

    names = (
        "name",
        "train",
        "valid",
        "test",
        "train_labels",
        "valid_labels",
        "test_labels",
        "levels",
        "source",
    )
    with pytest.raises(Stop):
        fit(model, Dying(**{k: getattr(data, k) for k in names}), config, checkpoint=file)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(1)  # the second process starts from other weights
    torch.manual_seed(99)
    torch.randn(7)
    return fit(model, data, config, checkpoint=file)


@pytest.mark.parametrize("changes", [{}, {"average": 0.9}, {"patience": 3, "lr": 0.1}])
def test_a_run_that_was_cut_off_ends_in_the_same_bits(tmp_path, changes):
    """Dropout, order of batches, optimiser, average, best weights: all go on where they stopped."""
    config, data = TrainConfig(**{"epochs": 6, "batch_size": 10, "lr": 0.03} | changes), tiny_data()
    whole = tiny_arm()
    expected = fit(whole, data, config)
    resumed = tiny_arm()
    steps = stop_after(resumed, data, config, tmp_path / "run.ckpt", epochs=3)
    assert steps == expected, "losses differ"
    assert same(state(resumed), state(whole)), "weights differ"


def test_a_finished_run_is_not_run_again(tmp_path, monkeypatch):
    config, data, file = TrainConfig(epochs=3, batch_size=10), tiny_data(), tmp_path / "run.ckpt"
    first = tiny_arm()
    steps = fit(first, data, config, checkpoint=file)
    again = tiny_arm()
    monkeypatch.setattr(Trainer, "step", lambda *_: pytest.fail("a step was taken"))
    assert fit(again, data, config, checkpoint=file) == steps
    assert same(state(again), state(first))


def other_setting() -> CausalARM:
    """Tensors and layers are the same."""
    model = tiny_arm()
    model.note = "another loss"
    return model


def frozen_part() -> CausalARM:
    model = tiny_arm()
    model.first.weight.requires_grad_(False)
    return model


def other_validation() -> Dataset:
    data = tiny_data()
    return replace(data, valid=data.valid.flip(0))


def test_a_finished_run_goes_on_if_more_epochs_are_asked_for(tmp_path):
    """The steps that were done are kept; the rate goes on as that of the longer run at this place."""
    data, file = tiny_data(), tmp_path / "run.ckpt"
    first = fit(tiny_arm(), data, TrainConfig(epochs=3, batch_size=10), checkpoint=file)
    more = fit(tiny_arm(), data, TrainConfig(epochs=5, batch_size=10, patience=9), checkpoint=file)
    assert more[: len(first)] == first and [s.epoch for s in more] == [k // 3 for k in range(15)]
    again = fit(tiny_arm(), data, TrainConfig(epochs=4, batch_size=10), checkpoint=file)
    assert again == more, "fewer epochs than were done: nothing to do"


class Ones(nn.Module):
    """So small that the losses outweigh all else."""

    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.ones(1))

    def loss(self, x):
        return ((self.w - x) ** 2).mean()


def test_a_checkpoint_costs_the_same_after_any_number_of_steps(tmp_path, monkeypatch):
    """Bytes written for one more epoch, after 100 steps and after 300,000."""
    data, config = (
        Dataset("ones", torch.ones(10, 1), torch.ones(2, 1), torch.ones(2, 1)),
        TrainConfig(epochs=1),
    )
    written = []
    honest = outputs.write
    monkeypatch.setattr(
        outputs, "write", lambda f, raw, **o: (written.append(len(raw)), honest(f, raw, **o))[1]
    )
    costs, sizes = {}, {}
    for n in (100, 300_000):
        run = Run(Ones(), data, config, tmp_path / f"{n}.ckpt", None)
        run.steps.extend(Step(0, k, {"model": 1 / (k + 1)}) for k in range(n))
        run.trainer.index = n
        checkpoint.save(run)
        before, written[:] = run.steps_file.file.stat().st_size, []
        run.train(data.batches(2, run.generator))
        checkpoint.save(run)
        costs[n] = sum(written) + run.steps_file.file.stat().st_size - before
        sizes[n] = run.checkpoint.stat().st_size
        back = Run(Ones(), data, config, run.checkpoint, None)
        checkpoint.resume(back)
        assert back.steps == run.steps
    assert abs(costs[100] - costs[300_000]) <= 16 and abs(sizes[100] - sizes[300_000]) <= 16  # digits of n
    assert costs[300_000] < 20_000  # most of it the state of two generators


def test_steps_that_were_written_without_their_checkpoint_are_forgotten(tmp_path):
    """A run killed between the two files: the rows of its last epoch are of no checkpoint."""
    config, data, file = TrainConfig(epochs=4, batch_size=10), tiny_data(), tmp_path / "run.ckpt"
    expected = fit(tiny_arm(), data, config)
    fit(tiny_arm(), data, replace(config, epochs=2), checkpoint=file)
    steps = tmp_path / "run.ckpt.steps"
    whole = steps.read_bytes()
    steps.write_bytes(whole + b"rows of an epoch that was cut")
    longer = fit(tiny_arm(), data, replace(config, epochs=4), checkpoint=file)
    assert len(longer) == len(expected) and steps.stat().st_size == 2 * len(whole)
    for broken in (b"", whole[:-1], whole[:9] + b"x" + whole[10:]):
        steps.write_bytes(broken)
        laws.refuses(lambda: fit(tiny_arm(), data, config, checkpoint=file), "run.ckpt.steps", "damaged")
    steps.unlink()
    laws.refuses(lambda: fit(tiny_arm(), data, config, checkpoint=file), "steps", "damaged", "got 0 bytes")
    file.unlink()
    assert fit(tiny_arm(), data, config, checkpoint=file) == expected, "a new run begins with new files"


@pytest.mark.parametrize("content", [b"a note", b"my notes of three months", bytes(16) + b"a byte of them",
                                     np.arange(12.0).tobytes(), b"\0" * 7 + b"x"])  # fmt: skip
def test_no_file_of_somebody_else_is_written_over(content, tmp_path):
    steps = tmp_path / "notes.steps"
    steps.write_bytes(content)
    laws.refuses(
        lambda: fit(tiny_arm(), tiny_data(), TrainConfig(epochs=2), checkpoint=tmp_path / "notes"),
        "expected no file", "notes.steps", "got one of something else",
    )  # fmt: skip
    assert steps.read_bytes() == content and not (tmp_path / "notes").exists()


def test_steps_without_their_checkpoint_are_not_written_over(tmp_path):
    file = tmp_path / "run.ckpt"
    fit(tiny_arm(), tiny_data(), TrainConfig(epochs=2), checkpoint=file)
    file.unlink()
    kept = (tmp_path / "run.ckpt.steps").read_bytes()
    laws.refuses(
        lambda: fit(tiny_arm(), tiny_data(), TrainConfig(epochs=2), checkpoint=file), "run.ckpt.steps"
    )
    assert (tmp_path / "run.ckpt.steps").read_bytes() == kept


def test_a_run_that_was_killed_before_its_first_checkpoint_can_be_begun_again(tmp_path, monkeypatch):
    data, config, file = tiny_data(), TrainConfig(epochs=2, batch_size=20), tmp_path / "run.ckpt"
    steps = tmp_path / "run.ckpt.steps"

    def killed(*_, **__):
        raise SystemExit

    with monkeypatch.context() as patched:
        patched.setattr(weights, "write", killed)
        with pytest.raises(SystemExit):
            fit(tiny_arm(), data, config, checkpoint=file)
    left = steps.read_bytes()
    assert left and len(left) % 24 == 0 and not file.exists()
    wanted = fit(tiny_arm(), data, config)
    for n in range(0, len(left) + 1, 7):  # it may have been killed in the middle of a row
        steps.write_bytes(left[:n])
        assert fit(tiny_arm(), data, config, checkpoint=file) == wanted
        assert fit(tiny_arm(), data, config, checkpoint=file) == wanted
        file.unlink()


def test_a_checkpoint_that_cannot_be_written_is_noticed_before_the_work(tmp_path):
    for taken in ("run.ckpt", "run.ckpt.steps"):
        folder = tmp_path / taken / taken
        folder.mkdir(parents=True)
        model = breaking(1, Stop())
        laws.refuses(lambda: fit(model, tiny_data(), checkpoint=tmp_path / taken / "run.ckpt"), "folder")  # noqa: B023


@pytest.mark.parametrize("change, word", [
    ({"config": TrainConfig(epochs=3, batch_size=10, seed=5)}, "seed 5"),
    ({"model": CausalARM(4, 3, channels=6, dilations=(1,))}, "model's first.out_channels 6, got 4"),
    ({"model": CausalARM(4, 3, channels=4, dilations=(2,))}, "model's blocks.0.conv.dilation"),
    ({"model": GaussianMixture(4, 2)}, "model's class 'dgm_lite.latent.mixture.GaussianMixture'"),
    ({"model": other_setting()}, "model's note 'another loss', got none"),
    ({"model": frozen_part()}, "model's first.weight float32 (4, 1, 3), frozen, got float32"),
    ({"data": tiny_data(54)}, "train x '27 rows"),
    ({"data": other_validation()}, "valid x '12 rows"),
])  # fmt: skip
def test_the_checkpoint_of_another_run_is_refused(tmp_path, change, word):
    run = {"model": tiny_arm(), "data": tiny_data(), "config": TrainConfig(epochs=3, batch_size=10)}
    file = tmp_path / "run.ckpt"
    fit(**run, checkpoint=file)
    other = run | {"model": tiny_arm()} | change
    before = state(other["model"])
    laws.refuses(lambda: fit(**other, checkpoint=file), "run.ckpt", "another run", word)
    assert same(state(other["model"]), before), "a refused checkpoint changed the model"


def test_the_checkpoint_of_other_labels_is_refused(tmp_path):
    """Every column that a batch has counts, not the examples alone."""
    x = torch.randn(20, 2)
    data = Dataset("halves", x, x, x, *[(x[:, 0] > 0).long()] * 3).labelled()
    fit(Classifier(2, 2), data, TrainConfig(epochs=1), checkpoint=tmp_path / "run.ckpt")
    other = replace(data, train_labels=1 - data.train_labels)
    laws.refuses(
        lambda: fit(Classifier(2, 2), other, TrainConfig(epochs=1), checkpoint=tmp_path / "run.ckpt"),
        "train y",
    )


def test_a_damaged_checkpoint_is_refused(tmp_path):
    config, data, file = TrainConfig(epochs=2, batch_size=10), tiny_data(), tmp_path / "run.ckpt"
    fit(tiny_arm(), data, config, checkpoint=file)
    whole = file.read_bytes()
    for place in (4, 60, len(whole) // 2, len(whole) - 3):
        file.write_bytes(whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1 :])
        model = tiny_arm()
        with pytest.raises(ValueError, match="run.ckpt"):
            fit(model, data, config, checkpoint=file)
        assert same(state(model), state(tiny_arm()))
    file.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match="damaged"):
        fit(tiny_arm(), data, config, checkpoint=file)
    weights.save(tiny_arm(), file)
    laws.refuses(lambda: fit(tiny_arm(), data, config, checkpoint=file), "checkpoint", "weights")


# --- the bar --------------------------------------------------------------------------------


def test_the_bar_shows_the_validation_loss_and_no_unit_that_only_the_model_knows(capsys):
    steps = fit(tiny_arm(), tiny_data(), TrainConfig(epochs=2, batch_size=10), bar=True)
    shown = capsys.readouterr()
    assert f"valid loss {steps[-1].valid:.3f}" in shown.err and "bits" not in shown.err
    assert "1/2 [" in shown.err and "<" in shown.err, "expected progress and the time that is left"
    assert shown.out == ""


def test_nothing_of_the_bar_is_stored(capsys):
    """Where nobody is looking (a notebook that is executed, a log file) there is no bar."""
    fit(tiny_arm(), tiny_data(), TrainConfig(epochs=2))
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("", "")


def test_a_bar_in_a_notebook_and_none_in_stored_outputs():
    """Jupyter's stderr is no terminal. Who runs notebooks to keep their outputs says so by TQDM_DISABLE."""
    code = (
        "from dgm_lite.training.fit import fit\nfrom dgm_lite.training.config import TrainConfig\n"
        "from tests.training.test_fit import tiny_arm, tiny_data\n"
        "steps = fit(tiny_arm(), tiny_data(), TrainConfig(epochs=2))"
    )
    cells = [
        cell
        for disabled in ("", "1")
        for cell in (f"import os; os.environ['TQDM_DISABLE'] = {disabled!r}", code)
    ]
    notebook = new_notebook(cells=[new_code_cell(cell) for cell in cells])
    resources = {"metadata": {"path": str(HERE.parents[1])}}
    NotebookClient(notebook, timeout=60, kernel_name="python3", resources=resources).execute()
    _, with_bar, _, without = (cell.outputs for cell in notebook.cells)
    assert any("application/vnd.jupyter.widget-view+json" in o.get("data", {}) for o in with_bar)
    assert without == []


# --- several processes ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def two_processes(tmp_path_factory):
    """What two processes and one process report of the same training (see two_processes.py)."""
    folder = tmp_path_factory.mktemp("processes")
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    done = subprocess.run(
        [*launch, "-m", "tests.training.two_processes", str(folder)],
        cwd=HERE.parents[1], env=environment, capture_output=True, text=True, timeout=240,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return folder, [json.loads((folder / f"rank{rank}.json").read_text()) for rank in (0, 1)]


def loaded(file: Path) -> dict[str, torch.Tensor]:
    return weights.read(file, kind="weights")[0]


def test_two_processes_really_are_two(two_processes):
    _, reports = two_processes
    assert [r["num_processes"] for r in reports] == [2, 2]
    assert [r["rank"] for r in reports] == [0, 1]


def test_both_processes_end_with_the_same_weights(two_processes):
    """Although the second one was given other weights at the start."""
    folder, reports = two_processes
    for run in ("plain", "dropout"):
        assert same(loaded(folder / f"{run}-rank0"), loaded(folder / f"{run}-rank1")), run
        assert reports[0][run] == reports[1][run], "they report different losses"


def test_two_processes_take_the_steps_of_one(two_processes):
    """Same global batches, same weights; also where a batch can't be halved (25 rows: 10, 10, 5)."""
    folder, reports = two_processes
    from tests.training.two_processes import CONFIG, first_weights

    model = first_weights(dropout=0.0)
    steps = fit(model, tiny_data(), CONFIG)
    for name, value in loaded(folder / "plain-rank0").items():
        torch.testing.assert_close(value, model.state_dict()[name], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close([s.losses["model"] for s in steps], reports[0]["plain"], rtol=1e-4, atol=1e-5)


def test_processes_drop_out_different_units(two_processes):
    _, reports = two_processes
    assert reports[0]["draw"] != reports[1]["draw"]


def test_two_processes_resume_to_the_same_bits(two_processes):
    folder, reports = two_processes
    assert reports[0]["resumed"] == reports[0]["dropout"]
    assert same(loaded(folder / "resumed-rank0"), loaded(folder / "dropout-rank0"))


def test_a_loss_that_diverges_on_one_process_stops_both(two_processes):
    _, reports = two_processes
    assert all("became nan" in r["diverged"] for r in reports)


def test_one_process_cannot_go_on_with_the_checkpoint_of_two(two_processes):
    folder, _ = two_processes
    from tests.training.two_processes import CONFIG, first_weights

    laws.refuses(
        lambda: fit(first_weights(dropout=0.3), tiny_data(), CONFIG, checkpoint=folder / "run.ckpt"),
        "processes 1",
    )


@pytest.mark.parametrize("n", [1, 2, 3])
@pytest.mark.parametrize("total", [1, 2, 3, 7])
def test_processes_share_a_batch_and_weigh_their_parts(n, total):
    """Every example is with one process, and the weighted means average to the mean of the batch."""
    x = torch.arange(total, dtype=torch.float32)[:, None]
    taken, mean = [], 0.0
    for rank in range(n):
        trainer = Trainer(tiny_arm(), TrainConfig(), 1)
        trainer.rank, trainer.n_processes = rank, n
        (part,), weight = trainer.share((x,))
        taken.append(part)
        mean += weight * part.mean().item() / n
    assert mean == pytest.approx(x.mean().item())
    if total >= n:
        assert torch.cat(taken).flatten().sort().values.tolist() == x.flatten().tolist()
    else:
        assert all(torch.equal(part, x) for part in taken), "too few to share: each takes the step alone"


# --- what a run is asked for ----------------------------------------------------------------


class Counting(GaussianMixture):
    """Counts its steps in a plain attribute, as warm-ups are often written."""

    step = 0

    def loss(self, x):
        self.step += 1
        return super().loss(x)


def plane_data() -> Dataset:
    x = torch.randn(30, 2, generator=torch.Generator().manual_seed(0))
    return Dataset("plane", x[:10], x[10:20], x[20:])


def test_what_a_checkpoint_cannot_bring_back_is_refused_after_one_epoch(tmp_path):
    model = Counting(2, 2)
    said = "a buffer", "step", "register_buffer"
    laws.refuses(lambda: fit(model, plane_data(), TrainConfig(epochs=3), checkpoint=tmp_path / "c"), *said)
    assert model.step == 2, "one batch of an epoch, and its validation"
    assert len(fit(Counting(2, 2), plane_data(), TrainConfig(epochs=3))) == 3, "without a checkpoint it may"

    class Buffered(Counting):
        def __init__(self, *sizes):
            super().__init__(*sizes)
            self.register_buffer("count", torch.tensor(0))

        def loss(self, x):
            self.count += 1
            return GaussianMixture.loss(self, x)

    fit(Buffered(2, 2), plane_data(), TrainConfig(epochs=2), checkpoint=tmp_path / "b")


def test_two_runs_do_not_write_one_checkpoint(tmp_path):
    """The second is refused before it has changed anything; after the first ended, it is welcome."""
    file, refused = tmp_path / "run.ckpt", []

    class Second(type(tiny_data())):
        def batches(self, size, generator):
            if not refused:
                refused.append(True)
                other = TrainConfig(epochs=1, batch_size=10)
                laws.refuses(
                    lambda: fit(tiny_arm(), tiny_data(), other, checkpoint=file), "another one that writes it"
                )
            yield from super().batches(size, generator)

    data = tiny_data()
    data = Second(data.name, data.train, data.valid, data.test, levels=data.levels)
    fit(tiny_arm(), data, TrainConfig(epochs=2, batch_size=10), checkpoint=file)
    assert refused and {p.name for p in tmp_path.iterdir()} == {"run.ckpt", "run.ckpt.steps"}
    assert len(fit(tiny_arm(), tiny_data(), TrainConfig(epochs=3, batch_size=10), checkpoint=file)) == 9


def test_what_fit_is_given_is_named_where_it_is_something_else():
    data, model = plane_data(), GaussianMixture(2, 2)
    y = torch.zeros(10, dtype=torch.long)
    labelled = Dataset("plane", data.train, data.valid, data.test, y, y, y).labelled()
    laws.refuses(lambda: fit(GaussianMixture, data), "expected a Module", "class GaussianMixture")
    laws.refuses(lambda: fit(model, data, {"epochs": 3}), "expected a TrainConfig", "dict")
    laws.refuses(lambda: fit(model, labelled), "(x)", "got (x, y)", "using('x')")
    laws.refuses(lambda: fit(Classifier(2, 2), data), "(x, y)", "got (x)", "using('x', 'y')")

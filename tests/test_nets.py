"""Shared networks: sizes, causality, and modes that come back."""

import pytest
import torch
from torch import nn

from dgm_lite import laws
from dgm_lite.nets import eval_mode, in_eval_mode, mlp, parts


@pytest.mark.parametrize("n_layers", [1, 2, 4])
def test_an_mlp_has_the_sizes_that_it_was_told(n_layers):
    net = mlp(3, 7, 2, n_layers=n_layers)
    sizes = [(layer.in_features, layer.out_features) for layer in net if isinstance(layer, nn.Linear)]
    assert sizes == [(3, 7)] + [(7, 7)] * (n_layers - 1) + [(7, 2)]
    assert isinstance(net[-1], nn.Linear), "the output is not squashed"
    assert net(torch.randn(5, 3)).shape == (5, 2)


def test_dropout_is_there_only_when_asked_for():
    assert not any(isinstance(layer, nn.Dropout) for layer in mlp(3, 7, 2))
    assert sum(isinstance(layer, nn.Dropout) for layer in mlp(3, 7, 2, n_layers=3, dropout=0.2)) == 3


@pytest.mark.parametrize("size", ["n_in", "hidden", "n_out", "n_layers"])
def test_bad_sizes_are_refused(size):
    sizes = {"n_in": 3, "hidden": 4, "n_out": 2, "n_layers": 2}
    for nonsense in (0, -1, 2.5):
        laws.refuses(lambda: mlp(**{**sizes, size: nonsense}), "mlp", size)  # noqa: B023


def test_a_method_in_eval_mode_is_one_for_its_duration():
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = mlp(2, 3, 1, dropout=0.5)

        @in_eval_mode
        def draw(self, n: int, *, fails: bool = False) -> int:
            """Draws."""
            assert not any(part.training for part in self.modules())
            return n // (not fails)

    model = Model().train()
    model.net[2].eval()
    before = [part.training for part in model.modules()]
    assert model.draw(3, fails=False) == 3 and Model.draw.__doc__ == "Draws."
    with pytest.raises(ZeroDivisionError):
        model.draw(3, fails=True)
    assert [part.training for part in model.modules()] == before


def test_the_parts_of_a_model():
    net = nn.Sequential(mlp(2, 3, 1, dropout=0.5), nn.Sequential())
    net.register_module("none", None)
    net.append(net[0][0])  # shared
    assert set(parts(net, net[1])) == set(net.modules())


def test_parts_that_keep_their_mode_elsewhere():
    """As compiled modules do."""

    class Kept(nn.Module):
        def __setattr__(self, name, value):
            super().__setattr__(name, value)
            if name == "training":
                self.kept = value

    net = nn.Sequential(Kept(), torch.compile(nn.Dropout(0.5)))
    with eval_mode(net):
        assert net[0].kept is False and not net[1].training and not net[1]._orig_mod.training
    assert net[0].kept is True and net[1].training and net[1]._orig_mod.training


def test_eval_mode_comes_and_goes():
    net = mlp(2, 3, 1, dropout=0.5).train()
    net[2].eval()  # one part was switched off on purpose
    before = [part.training for part in net.modules()]
    other = mlp(2, 3, 1).train()
    with eval_mode(net, other, net[1]):
        assert not any(part.training for part in [*net.modules(), *other.modules()])
    assert [part.training for part in net.modules()] == before and all(p.training for p in other.modules())
    with pytest.raises(ZeroDivisionError), eval_mode(net):
        1 / 0  # noqa: B018
    assert [part.training for part in net.modules()] == before, "an error left the model in eval mode"

"""Shared networks: sizes, causality, and modes that come back."""

import pytest
import torch
from torch import nn

from dgm_lite import laws
from dgm_lite.nets import CausalConv1d, eval_mode, in_eval_mode, mlp


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


def sees(conv: CausalConv1d, n: int = 14) -> list[int]:
    """Which inputs the last output depends on, as steps back from it."""
    x = torch.zeros(1, 1, n, requires_grad=True)
    conv(x)[0, 0, -1].backward()
    return [n - 1 - i for i in x.grad[0, 0].nonzero().flatten().tolist()][::-1]


@pytest.mark.parametrize("kernel, dilation, shift, expected", [
    (1, 1, 0, [0]), (3, 1, 0, [0, 1, 2]), (3, 1, 1, [1, 2, 3]), (3, 4, 0, [0, 4, 8]), (2, 5, 1, [1, 6]),
])  # fmt: skip
def test_a_causal_convolution_sees_exactly_these_inputs(kernel, dilation, shift, expected):
    conv = CausalConv1d(1, 1, kernel, dilation=dilation, shift=shift)
    nn.init.ones_(conv.weight)
    assert sees(conv) == expected


@pytest.mark.parametrize("n", [1, 2, 5])
@pytest.mark.parametrize("shift", [0, 1])
def test_its_length_is_that_of_its_input(n, shift):
    conv = CausalConv1d(2, 3, 4, dilation=3, shift=shift)
    assert conv(torch.randn(6, 2, n)).shape == (6, 3, n)


def test_it_computes_the_sum_that_it_stands_for():
    conv = CausalConv1d(1, 1, 2, dilation=2).double()
    x = torch.randn(1, 1, 6, dtype=torch.float64)
    (old, new), bias = conv.weight[0, 0], conv.bias[0]
    past = torch.cat([torch.zeros(2, dtype=torch.float64), x[0, 0, :-2]])
    torch.testing.assert_close(conv(x)[0, 0], old * past + new * x[0, 0] + bias)


@pytest.mark.parametrize("wrong", [{"kernel": 0}, {"dilation": 0}, {"shift": 2}, {"shift": -1}])
def test_an_impossible_convolution_is_refused(wrong):
    laws.refuses(lambda: CausalConv1d(1, 1, **wrong), "CausalConv1d", next(iter(wrong)))


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

"""Causal convolutions see what they are meant to see, and nothing later."""

import pytest
import torch
from torch import nn

from dgm_lite import laws
from dgm_lite.autoregressive.convolution import CausalConv1d


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

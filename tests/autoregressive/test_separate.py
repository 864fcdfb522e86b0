"""One network per conditional. The general laws are applied in test_laws.py, sampling in test_sampler.py."""

import torch

from dgm_lite import laws
from dgm_lite.autoregressive.separate import SeparateARM
from dgm_lite.datasets import images


def test_the_networks_share_nothing():
    """The gradient of one conditional reaches one network and one column of the marginals."""
    torch.manual_seed(0)
    model = laws.prepare(SeparateARM(5, 3, hidden=4))
    x = laws.examples(model)
    for d in range(5):
        model.zero_grad()
        model.log_prob_terms(x)[:, d].sum().backward()
        with_gradient = [name.split(".") for name, p in model.named_parameters() if p.grad.any()]
        moved = {name[1] for name in with_gradient if name[0] == "nets"}
        assert moved == ({str(d - 1)} if d else set())
        assert (model.marginal.grad.abs().sum(0) > 0).nonzero().flatten().tolist() == [d]


def test_parameters_grow_with_the_square_of_the_length():
    """D networks with d inputs each: hidden D (D - 1) / 2 weights in the first layers alone."""
    sizes = {}
    for dim in (16, 32, 64):
        model = SeparateARM(dim, 17, hidden=8)
        sizes[dim] = sum(net[0].weight.numel() for net in model.nets)
        assert sizes[dim] == 8 * dim * (dim - 1) // 2


def test_it_starts_at_the_histogram_of_every_pixel():
    data = images.digits()
    model = SeparateARM(64, 17, hidden=4).eval().start_from_marginals(data.train)
    counts = torch.nn.functional.one_hot(data.train, 17).sum(0) + 1.0
    log_p = (counts / counts.sum(1, keepdim=True)).log()
    expected = log_p[torch.arange(64), data.valid].sum(1)
    torch.testing.assert_close(model.log_prob(data.valid), expected, rtol=1e-5, atol=1e-3)


def test_one_number_is_a_histogram():
    laws.sums_to_one(laws.prepare(SeparateARM(1, 7)))

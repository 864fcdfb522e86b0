"""The attempts at what the table calls impossible: real bytes, read back, on small models."""

import math
from dataclasses import replace

import pytest
import torch
from torch import nn

from dgm_lite.autoregressive.causal import CausalARM
from dgm_lite.codecs import container
from dgm_lite.comparison import attempts
from dgm_lite.datasets.dataset import Dataset
from dgm_lite.datasets.images import digits, real_digits
from dgm_lite.flows.dequantize import dequantized_realnvp
from dgm_lite.gan.gan import GAN
from dgm_lite.latent.transform_coder import TransformCoder


def few(n: int = 30) -> Dataset:
    data = digits()
    return replace(data, train=data.train[:200], valid=data.valid[:n], test=data.test[:n], train_labels=None,
                   valid_labels=None, test_labels=None)  # fmt: skip


def arm() -> CausalARM:
    torch.manual_seed(0)
    model = CausalARM(dim=64, levels=17, channels=8, dilations=(1, 2)).eval()
    model.start_from_marginals(digits().train)
    return model


class Doubling(nn.Module):
    """G(z) = middle of the level at 2 z + 3, in the plane: what the search should find is known."""

    def __init__(self):
        super().__init__()
        self.latent_dim, self.half_width = 2, torch.ones(())
        self.weight = nn.Parameter(torch.tensor(2.0))

    def generate(self, z):
        return self.weight * z + 3.5

    def sample(self, n, *, generator):
        return self.generate(torch.randn(n, 2, generator=generator))


def plane() -> Dataset:
    x = torch.tensor([[1, 3], [5, 7], [3, 3], [4, 2]])
    return Dataset("four", x, x, x[:3], levels=9)


# --- files ----------------------------------------------------------------------------------


def test_the_frame_is_that_of_every_file():
    file = container.compress(arm(), digits().test[:3])
    assert container.read_header(file).overhead == attempts.FRAME


def test_integers_come_back_from_their_bytes_at_the_length_the_model_says():
    z = torch.randint(-3, 4, (200, 5), generator=torch.Generator().manual_seed(0))
    prior = attempts.probabilities(z)
    payload, back = attempts.through_bytes(z, prior)
    assert torch.equal(back, z)
    own = -prior.log_prob(z.float()).sum().item() / math.log(2)
    assert abs(8 * len(payload) - own) < 0.01 * own + 96
    assert own < 1.1 * 200 * 5 * math.log2(7), "no worse than all alike"


# --- flows ----------------------------------------------------------------------------------


def test_a_flow_gives_back_what_it_took_where_steps_are_fine():
    torch.manual_seed(0)
    model = dequantized_realnvp(64, 17, n_layers=2, hidden=8).start_from_data(digits().train).eval()
    x = digits().test[:20]
    assert torch.equal(attempts.from_code(model, attempts.to_code(model, x)).round().long(), x)
    fine, coarse = attempts.flow_curve(model, few(), x, (0.05, 2.0))
    assert fine.n_bytes > 2 * coarse.n_bytes and fine.mse < 0.1 < coarse.mse
    assert coarse.n_pixels == 20 * 64


def test_the_flow_that_is_trained_to_be_rounded_is_its_own_inverse():
    data, std = real_digits(), 2.2
    model = attempts.rounded_flow(data, std, config=replace(attempts.FLOW, epochs=1), hidden=8)
    x = data.test[:20]
    with torch.no_grad():
        model.eval()
        back = model.likelihood(model.posterior.centre(x)).mean
    torch.testing.assert_close(back, x, atol=2e-3, rtol=0)
    assert isinstance(model, TransformCoder) and model.prior.dim == 64
    file = container.compress(model, digits().test[:20])
    assert container.decompress(model, file).shape == (20, 64)


def test_it_starts_as_principal_components(monkeypatch):
    """Before its training the couplings do nothing, and each z has the probabilities of its component."""
    data, std = real_digits(), 3.0
    monkeypatch.setattr(attempts, "fit", lambda *_, **__: None)
    flow, linear = attempts.rounded_flow(data, std).eval(), attempts.transform_coder(data, std, learn=False)
    linear.eval()
    x = digits().test[:50]
    one, other = (len(container.compress(model, x)) for model in (flow, linear))
    assert abs(one - other) <= 4
    back = [container.decompress(model, container.compress(model, x)) for model in (flow, linear)]
    assert (back[0] == back[1]).mean() > 0.999


def test_what_it_trains_on_are_the_numbers_that_are_coded():
    """z is whole in the loss, and the slope is that of f."""
    posterior = attempts._Rounding(nn.Linear(3, 3))
    x = torch.randn(4, 3)
    z, log_q = posterior(x)
    assert torch.equal(z, z.round()) and (log_q == 0).all()
    z.sum().backward()
    torch.testing.assert_close(posterior.bijection.bias.grad, torch.full((3,), 4.0))


# --- autoregressive models ------------------------------------------------------------------


@pytest.mark.parametrize("width", [1, 2, 5, 9, 17])
def test_each_number_comes_back_in_its_cell(width):
    model, x = arm(), digits().test[:25]
    payload = attempts.encode_cells(model, x, width)
    back = attempts.decode_cells(model, payload, 25, width)
    assert torch.equal(back // width, x // width) and back.max() <= 16
    if width == 1:
        assert torch.equal(back, x), "cells of one level lose nothing"
    if width == 17:
        assert len(payload) <= 4, "one cell needs no code"


def test_wider_cells_make_shorter_files_and_larger_errors():
    points = attempts.cells_curve(arm(), digits().test[:25], (2, 3, 5, 9))
    sizes, errors = [p.n_bytes for p in points], [p.mse for p in points]
    assert sizes == sorted(sizes, reverse=True) and errors == sorted(errors)


# --- adversarial models ---------------------------------------------------------------------


def test_the_search_finds_the_z_there_is():
    model, x = Doubling(), plane().train
    z = attempts.nearest_code(model, x, steps=300, pull=0)
    torch.testing.assert_close(z, (x - 3) / 2, atol=0.02, rtol=0)
    assert model.weight.requires_grad and model.weight.grad is None


def test_a_rounded_z_is_moved_where_that_is_better(monkeypatch):
    monkeypatch.setattr(attempts, "PULL", 0.0)
    code = attempts.on_a_grid(Doubling(), torch.tensor([[-9.0, 9.0]]), torch.tensor([[3, 3]]), 3.0)
    assert code.tolist() == [[0, 0]], "three sweeps bring it home from three steps away"


def test_codes_far_out_are_dear():
    model, x = Doubling(), torch.tensor([[9, 9]])
    near = attempts.nearest_code(model, x).norm()
    assert near < (torch.tensor([3.0, 3.0])).norm() - 0.5


def test_pictures_are_the_levels_in_whose_cells_they_lie():
    code = torch.tensor([[0, 1], [-9, 9]])
    assert attempts.picture(Doubling(), code, 1.0, 9).tolist() == [[3, 5], [0, 8]]


def test_a_gan_codes_with_and_without_loss():
    torch.manual_seed(0)
    data = few()
    code = attempts.GANCode(GAN(64, 4, hidden=8, limits=(0.0, 17.0)).eval(), data)
    points = code.curve((0.5, 4.0))
    assert points[0].n_bytes > points[1].n_bytes > attempts.FRAME
    z, rest = code.lossless("test", 3.0)
    assert z < points[0].n_bytes and rest > 500
    assert code.best_step((0.5, 3.0)) in (0.5, 3.0)
    assert code.met_exactly(0) == (0, 0)


def test_what_a_z_gives_exactly_is_counted(monkeypatch):
    monkeypatch.setattr(attempts, "DRAWS", 500)
    data = plane()
    met, drawn = attempts.GANCode(Doubling(), data).met_exactly(0)
    assert met == 3 and drawn > 5


def test_without_the_model_there_is_a_histogram_for_each_pixel():
    from dgm_lite.comparison.file_sizes import static_codes

    assert attempts.without_model(digits()) == static_codes(digits())["histogram per pixel"]


def test_a_code_that_loses_something_is_no_lossless_code(monkeypatch):
    monkeypatch.setattr(
        attempts.Decoder, "take", lambda self, log_p: torch.zeros(len(log_p), dtype=torch.long)
    )
    with pytest.raises(AssertionError, match="other images"):
        attempts.n_coded(torch.tensor([[1, 1]]), torch.zeros(1, 2, 3))

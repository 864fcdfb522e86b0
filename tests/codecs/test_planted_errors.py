"""Errors that codecs on neural networks make, planted one by one: each breaks what the honest one keeps."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from dgm_lite import catalog
from dgm_lite.codecs import autoregressive, bits_back
from dgm_lite.codecs.coder import DamagedError, Decoder, Encoder, Stack, frequencies
from dgm_lite.datasets import files
from dgm_lite.datasets.images import digits
from dgm_lite.distributions import DiagonalNormal
from tests.codecs.conftest import build, first


def comes_back(encode, decode, model, x) -> bool:
    """Whether decode(encode(x)) is x, bit for bit."""
    try:
        return torch.equal(decode(model, encode(model, x), len(x)), x)
    except DamagedError:
        return False


def test_encoding_with_one_full_pass():
    """All D tables from one pass, rounded otherwise than the decoder's steps: the archive is lost."""
    model, x = catalog.load(files.path("causal_arm_digits.safetensors"))[0], digits().test

    @torch.no_grad()
    def full_pass(model, x):
        encoder, logits = Encoder(), model.logits(x)
        for d in range(model.dim):
            encoder.put(x[:, d], logits[:, :, d])
        return encoder.payload()

    @torch.no_grad()
    def step_by_step(model, payload, n):
        decoder, steps, columns = Decoder(payload), model.stepwise(n), []
        for _ in range(model.dim):
            columns.append(decoder.take(steps.next_logits(columns[-1] if columns else None)))
        return torch.stack(columns, dim=1)

    assert comes_back(autoregressive.encode, autoregressive.decode, model, x)
    assert not comes_back(full_pass, step_by_step, model, x)


def test_decoding_with_dropout():
    """A model left in training mode draws new units at every step: encoder and decoder then disagree."""
    model, x = build(first("autoregressive"), 16).train(), torch.randint(3, (30, 16))
    assert comes_back(autoregressive.encode, autoregressive.decode, model, x)

    def in_training_mode(model, x):
        encoder = Encoder()
        model = model.train()
        for d in range(model.dim):
            with torch.no_grad():
                logits = model.logits(torch.where(torch.arange(model.dim) < d, x, 0))[:, :, d]
            encoder.put(x[:, d], logits)
        return encoder.payload()

    assert not comes_back(in_training_mode, autoregressive.decode, model, x)


def excess_bits(model, x) -> float:
    """Length of the bits-back code beyond the mean of -ELBO, in standard deviations of that."""
    with torch.no_grad():
        runs = torch.tensor([-model.elbo(x).sum().item() / math.log(2) for _ in range(100)])
    payload, start = bits_back.encode_with_start(model, x)
    return (8 * len(payload) - start - runs.mean().item() - 64) / runs.std().item()


def test_popping_z_from_bits_that_are_not_random(monkeypatch):
    """Without the mask z is popped from what the last image pushed: the same z again, and a longer code."""
    model = build(first("bits_back"), 16, levels=2)
    x = model.sample(300, generator=torch.Generator().manual_seed(0))
    assert excess_bits(model, x) < 5
    monkeypatch.setattr(Stack, "mix", lambda self, mask: None)
    assert excess_bits(model, x) > 10


def off_centre(n: int = 200_000) -> dict[str, float]:
    """How far the centres of z's cells, popped from random bits, lie from their means: in standard errors."""
    mu, std = torch.full((1, n), 0.3, dtype=torch.float64), torch.full((1, n), 0.5, dtype=torch.float64)
    model = SimpleNamespace(
        prior=SimpleNamespace(dim=n),
        posterior=SimpleNamespace(distribution=lambda row: DiagonalNormal(mu, std.log())),
    )
    found = {}
    for name, cells, mean, spread in (
        ("prior", bits_back._prior(model), 0.0, 1.0),
        ("posterior", bits_back._posterior(model, None), 0.3, 0.5),
    ):  # fmt: skip
        words = np.random.Generator(np.random.PCG64(0)).integers(1, 2**32, size=n, dtype=np.uint32)
        z = Stack(words).pop_normal(*cells, bits_back.REACH)
        centres = (z + 0.5) / bits_back.CELLS  # where `_table` asks the decoder
        found[name] = abs(centres.mean().item() - mean) / (spread / math.sqrt(n))
    return found


@pytest.mark.parametrize("which", ["prior", "posterior"])
def test_cells_that_lie_half_a_cell_beside_their_distribution(which, monkeypatch):
    """Cell k reaches from k to k + 1, in units of a cell. Half a cell costs too few bits to be seen."""
    assert off_centre()[which] < 4
    honest = getattr(bits_back, f"_{which}")

    def beside(*arguments):
        mu, std = honest(*arguments)
        return mu + 0.5, std

    monkeypatch.setattr(bits_back, f"_{which}", beside)
    assert off_centre()[which] > 6


def test_sending_z_without_getting_its_bits_back(monkeypatch):
    """z drawn by a generator of its own instead of from the stack: right, but longer than the bound."""
    model = build(first("bits_back"), 16)
    x = model.sample(200, generator=torch.Generator().manual_seed(0))
    assert excess_bits(model, x) < 5
    noise = np.random.Generator(np.random.PCG64(3))

    def drawn_elsewhere(self, mu, std, reach):
        z = mu.numpy() + std.numpy() * noise.standard_normal(len(mu))
        return torch.from_numpy(z.round().clip(-reach, reach - 1)).long()

    monkeypatch.setattr(Stack, "pop_normal", drawn_elsewhere)
    assert excess_bits(model, x) > 10


def test_probabilities_without_rounding_to_whole_numbers():
    """Two machines differ in the last digits: whole numbers hide that, raw probabilities don't."""
    log_p = 3 * torch.randn(5000, 17, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    other = log_p * (1 + 1e-15)
    assert (frequencies(log_p) == frequencies(other)).all()
    assert (log_p.softmax(1) != other.softmax(1)).any()

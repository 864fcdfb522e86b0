"""The lossless codecs: bit for bit, in as many bits as the model's own -log2 p(x), or its bound, says."""

import math

import numpy as np
import pytest
import torch

from dgm_lite import catalog, laws
from dgm_lite.codecs import autoregressive, bits_back, integer_flow
from dgm_lite.codecs.coder import DamagedError, Stack, same_numbers
from dgm_lite.datasets import files
from dgm_lite.datasets.images import digits
from dgm_lite.distributions import DiagonalNormal
from dgm_lite.evaluate import likelihood
from dgm_lite.latent.vae import categorical_vae, linear_vae
from tests.codecs.conftest import LOSSLESS, build, first, hard_arrays

CODECS = {"autoregressive": autoregressive, "integer_flow": integer_flow, "bits_back": bits_back}


def bits(nats: float) -> float:
    return -nats / math.log(2)


@pytest.mark.parametrize("dim", [1, 2, 7, 35])
def test_everything_comes_back_at_any_length(name, dim):
    """One pixel, odd lengths; constants, extremes, noise; one row, and more rows than go side by side."""
    model, codec = build(name, dim, seed=dim), CODECS[LOSSLESS[name]]
    for what, x in hard_arrays(dim, model.levels).items():
        back = codec.decode(model, codec.encode(model, x), len(x))
        assert torch.equal(back, x), what
        assert back.dtype == torch.long


def test_the_code_of_a_flow_saves_what_its_base_has_outside_the_window():
    """-log2 p(x), less -log2 of the mass that lies within the ends in the file: much before training."""
    model = build(first("integer_flow"), 16)
    with torch.no_grad():
        model.base.log_std.fill_(math.log(40.0))
    x = torch.randint(17, (300, 16), generator=torch.Generator().manual_seed(0))
    with same_numbers(model) as exact:
        z, own = exact.to_latent(x)[0], bits(exact.log_prob(x).sum().item())
        inside = exact.base.table(int(z.min()), int(z.max())).logsumexp(1).sum().item()
    saved, length = 300 * bits(inside), 8 * len(integer_flow.encode(model, x))
    assert saved > 0.2 * own and abs(length - (own - saved)) <= 0.005 * own + 64


@pytest.mark.parametrize("levels", [1, 2, 17, 256])
@pytest.mark.parametrize("kind", [name for name in LOSSLESS if "levels" in catalog.model(name).small])
def test_any_number_of_levels(kind, levels):
    model, codec = build(kind, 6, levels), CODECS[LOSSLESS[kind]]
    x = torch.randint(levels, (40, 6), generator=torch.Generator().manual_seed(levels))
    assert torch.equal(codec.decode(model, codec.encode(model, x), len(x)), x)


def test_the_code_is_as_long_as_the_model_says(name):
    """Exact models: within 0.5 % and 64 bits of -log2 p(x), for one row and for many of the model's own."""
    model, codec = build(name, 16), CODECS[LOSSLESS[name]]
    generator = torch.Generator().manual_seed(0)
    drawn = model.sample(300, generator=generator).clamp(0, model.levels - 1)
    for x in (drawn, drawn[:1], drawn[:5], torch.randint(model.levels, (100, 16), generator=generator)):
        if codec is bits_back:
            with torch.no_grad():
                runs = [bits(model.elbo(x).sum().item()) for _ in range(200)]
            own = torch.tensor(runs)
            payload, start = bits_back.encode_with_start(model, x)
            spread = 5 * own.std().item()  # which z is drawn is up to the stack
            assert abs(8 * len(payload) - start - own.mean()) <= 0.005 * own.mean() + 64 + spread
        else:
            own = bits(model.log_prob(x).sum().item())
            assert 8 * len(codec.encode(model, x)) <= 1.005 * own + 64


def test_the_test_digits_as_one_code_are_far_below_image_formats():
    """All 1,797 digits come back with the shipped model, and the 447 test digits fit in 6,700 bytes."""
    data, (model, _) = digits(), catalog.load(files.path("causal_arm_digits.safetensors"))
    payload = autoregressive.encode(model, data.test)
    own = bits(likelihood.log_prob(model, data.test).sum().item())
    assert abs(8 * len(payload) - own) <= 0.005 * own + 64
    assert len(payload) < 6700
    everything = torch.cat([data.train, data.valid, data.test])
    back = autoregressive.decode(model, autoregressive.encode(model, everything), len(everything))
    assert torch.equal(back, everything)


def test_threads_and_other_work_change_nothing():
    """Encoded with two threads among other work, decoded with one: the same bits."""
    model, data = build(first("autoregressive"), 64, 17), digits()
    x, threads = data.test[:100], torch.get_num_threads()
    one = autoregressive.encode(model, x)
    torch.set_num_threads(2)
    try:
        torch.randn(500, 500) @ torch.randn(500, 500)
        assert autoregressive.encode(model.train(), x) == one
        assert model.training
    finally:
        torch.set_num_threads(threads)


def test_a_codes_length_is_that_of_its_order():
    """Rows in another order cost the same to within the coder's own bits."""
    model = build(first("autoregressive"), 16)
    x = model.sample(200, generator=torch.Generator().manual_seed(3))
    assert abs(len(autoregressive.encode(model, x)) - len(autoregressive.encode(model, x.flip(0)))) <= 8


def test_damaged_codes_are_noticed_or_decode_to_other_numbers():
    """Without the container around it a code may decode to anything, but never crashes otherwise."""
    generator = torch.Generator().manual_seed(1)
    for name, codec_name in LOSSLESS.items():
        model, codec = build(name), CODECS[codec_name]
        x = torch.randint(model.levels, (20, model.dim), generator=generator)
        payload = bytearray(codec.encode(model, x))
        for _ in range(30):
            broken = bytearray(payload)
            place = int(torch.randint(len(broken), (1,), generator=generator))
            broken[place] ^= 1 << int(torch.randint(8, (1,), generator=generator))
            try:
                same = torch.equal(codec.decode(model, bytes(broken), len(x)), x)
                assert not same or place >= len(broken) - 8, "only the last word has bits to spare"
            except DamagedError as error:
                assert "damaged" in str(error) or "expected" in str(error)


# --- bits back ------------------------------------------------------------------------------


def test_bits_back_is_shorter_than_sending_z():
    """Without getting bits back, z alone would cost its prior's bits: the difference is the entropy of q."""
    model = build(first("bits_back"), 16)
    x = model.sample(200, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        log_px, log_pz, log_q = (t.sum().item() for t in model.elbo_terms(x))
    cells = len(x) * model.prior.dim * math.log2(bits_back.CELLS)  # to name a cell, beyond the density
    without, back = bits(log_px + log_pz) + cells, bits(log_q) + cells
    payload, start = bits_back.encode_with_start(model, x)
    assert back > 0.05 * without, "nothing to be gained here"
    assert 8 * len(payload) - start < without - 0.9 * back


def test_bits_back_starts_with_few_bits_and_says_how_many(monkeypatch):
    """As many as a decoder has left when all rows are read."""
    stacks = []
    monkeypatch.setattr(bits_back, "Stack", lambda words: stacks.append(Stack(words)) or stacks[-1])
    model = build(first("bits_back"), 16)
    for n in (1, 50):
        x = model.sample(n, generator=torch.Generator().manual_seed(0))
        payload, start = bits_back.encode_with_start(model, x)
        assert 0 < start <= 24 * model.prior.dim + 96
        assert payload == bits_back.encode(model, x)
        bits_back.decode(model, payload, n)
        assert start == 32 * len(stacks[-1].words())


@pytest.mark.parametrize("latent_dim", [1, 2, 5, 16])
def test_bits_back_gives_back_the_bits_it_started_with(latent_dim):
    """Many short codes: what was left out at the bottom of the stack is never needed."""
    torch.manual_seed(latent_dim)
    vae = laws.prepare(categorical_vae(6, 5, latent_dim=latent_dim, hidden=8), scale=0.4).float()
    for seed in range(40):
        n = 1 + seed % 4
        x = torch.randint(5, (n, 6), generator=torch.Generator().manual_seed(seed))
        assert torch.equal(bits_back.decode(vae, bits_back.encode(vae, x), n), x)


def test_bits_back_refuses_models_that_it_does_not_know():
    x = torch.zeros(3, 4, dtype=torch.long)
    mixture = categorical_vae(4, 3, latent_dim=2, hidden=4, n_components=3)
    laws.refuses(lambda: bits_back.encode(mixture, x), "standard normal prior")
    laws.refuses(lambda: bits_back.encode(linear_vae(4, 2), x), "independent integers")


# --- integer flow ---------------------------------------------------------------------------


def test_integer_flow_codes_integers_beyond_the_datas_range():
    """The flow gives every integer its share, so the codec takes every integer."""
    model = build(first("integer_flow"), 6, 17)
    x = torch.randint(-300, 300, (50, 6), generator=torch.Generator().manual_seed(0))
    assert torch.equal(integer_flow.decode(model, integer_flow.encode(model, x), 50), x)


def test_integer_flow_refuses_what_no_table_can_hold():
    model = build(first("integer_flow"), 6, 17)
    x = torch.zeros(2, 6, dtype=torch.long)
    x[0, 0] = 10_000
    laws.refuses(lambda: integer_flow.encode(model, x), "integer_flow", "far from")


@pytest.mark.parametrize("payload", [b"", b"\0\0\0", b"\0\0\0\0", b"\0\0\xff\xff"])
def test_integer_flow_refuses_impossible_windows(payload):
    model = build(first("integer_flow"), 6, 17)
    with pytest.raises(DamagedError, match="expected"):
        integer_flow.decode(model, payload, 2)


def test_cells_of_bits_back_end_where_its_prior_does():
    """However far out a posterior lies, its mean is a cell between -REACH and REACH - 1."""
    model = build(first("bits_back"))
    row = torch.zeros(1, model.dim, dtype=torch.long)
    far = model.posterior.distribution(row)
    for mu, log_std, cell, width in ((1e6, 20.0, 255, 256), (-1e6, -20.0, -256, 0.01)):
        q = DiagonalNormal(torch.full_like(far.mu, mu), torch.full_like(far.log_std, log_std))
        model.posterior.distribution = lambda _: q  # noqa: B023
        means, widths = bits_back._posterior(model, row)
        assert means.unique().tolist() == [cell]
        assert widths.unique().tolist() == pytest.approx([width])


def test_the_mask_of_bits_back_is_part_of_the_format():
    """One word of 16 bits for each 16 that drawing z takes, and one more: another length is another file."""
    mu, std = torch.zeros(5), torch.full((5,), 8.0)  # log2 8 + 3 = 6 bits a number, 30 in all
    assert len(bits_back._mask(0, mu, std)) == 2 and len(bits_back._mask(0, mu[:2], std[:2])) == 1
    sharp = torch.full((15,), 0.01)  # log2 of it is below -6, but a number takes a bit at least
    assert len(bits_back._mask(0, torch.zeros(15), sharp)) == 1
    assert len(bits_back._mask(0, torch.zeros(16), sharp[:1].expand(16))) == 2
    words = np.random.Generator(np.random.PCG64(7)).integers(2**16, size=2)
    assert bits_back._mask(7, mu, std).tolist() == words.tolist()


@pytest.mark.parametrize("payload", [b"", bytes(8), b"x" + bytes(8)])
def test_bits_back_refuses_a_stack_without_a_top(payload):
    laws.refuses(
        lambda: bits_back.decode(build(first("bits_back"), 5, 3), payload, 1), "bits_back", "last word"
    )


def test_the_mean_price_of_a_latent_is_never_negative_and_adds_up_to_the_bound():
    """One draw's price may be negative, so no price need be clamped: KL is a mean."""
    vae = catalog.load(files.path("vae_digits.safetensors"))[0].eval()
    x = digits().test[:40]
    torch.manual_seed(0)
    bits = bits_back.expected_bits(vae, x)
    assert bits.shape == x.shape and (bits > 0).all()
    with torch.no_grad():
        elbo = torch.stack([vae.elbo(x) for _ in range(200)])
    mean, error = elbo.mean(0), elbo.std(0) / 200**0.5
    apart = bits.sum(1) * math.log(2) + mean
    assert (apart.abs() < 5 * error * 2.3).all(), "50 draws of one, 200 of the other"

"""The lossy code: what comes out is what the encoder knew would come out, at the length the model says."""

import math

import numpy as np
import pytest
import torch

from dgm_lite import laws
from dgm_lite.codecs import container, lossy
from dgm_lite.codecs.coder import DamagedError, same_numbers
from dgm_lite.datasets.images import digits, real_digits
from dgm_lite.latent.transform_coder import TransformCoder
from tests.codecs.conftest import hard_arrays


def build(dim: int = 6, latent_dim: int = 3, levels: int = 17, seed: int = 0) -> TransformCoder:
    """Small, in float32 and off its starting weights."""
    torch.manual_seed(seed)
    model = TransformCoder(dim, latent_dim, levels=levels, std=1.0, hidden=8)
    return laws.prepare(model, seed, scale=0.3).float()


def of_digits(std: float = 2.0) -> TransformCoder:
    return TransformCoder(64, 20, levels=17, std=std).start_from_data(real_digits().train)


def own_bits(model: TransformCoder, x: torch.Tensor) -> tuple[float, float]:
    """-log2 p(z) of z = round(f(x)), by the prior itself; and given that z lies in the file's window."""
    with same_numbers(model) as model:
        z = model.posterior.centre(x.double()).round()
        bits = -model.prior.log_prob(z).sum().item() / math.log(2)
        inside = model.prior.table(int(z.min()), int(z.max())).logsumexp(1).sum().item() / math.log(2)
        return bits, bits + len(x) * inside


@pytest.mark.parametrize("levels", [1, 2, 17, 256])
@pytest.mark.parametrize("dim", [1, 2, 7, 35])
def test_the_decoder_gives_what_the_encoder_knew_it_would(dim, levels):
    """One pixel, odd lengths; constants, extremes, noise; one row, and more rows than go side by side."""
    model = build(dim, max(1, dim // 2), levels, seed=dim)
    for what, x in hard_arrays(dim, levels).items():
        back = lossy.decode(model, lossy.encode(model, x), len(x))
        assert torch.equal(back, lossy.reconstruct(model, x)), what
        assert back.dtype == torch.long and back.shape == x.shape
        assert back.min() >= 0 and back.max() < levels


@pytest.mark.parametrize("std", [0.5, 2.0, 6.0])
def test_the_code_is_as_long_as_the_model_says(std):
    """At most 0.5 % and 64 bits over -log2 p(z): for one digit, for some, for all of the test split.

    It may be shorter, by what it saves to know from the window's ends that z lies between them.
    """
    model, x = of_digits(std), digits().test
    for rows in (x[:1], x[:10], x):
        length, (own, inside) = 8 * len(lossy.encode(model, rows)), own_bits(model, rows)
        assert length <= 1.005 * own + 64
        assert abs(length - inside) <= 0.005 * inside + 64


def test_smaller_files_have_larger_errors():
    x, sizes, errors = digits().valid, [], []
    for std in (0.5, 1.0, 2.0, 4.0, 8.0):
        model = of_digits(std)
        sizes.append(len(lossy.encode(model, x)))
        errors.append((lossy.reconstruct(model, x) - x).double().square().mean().item())
    assert sizes == sorted(sizes, reverse=True) and errors == sorted(errors)
    assert sizes[0] > 5 * sizes[-1] and errors[-1] > 5 * errors[0]


def test_the_mode_of_the_model_and_the_threads_change_nothing():
    model, x, threads = of_digits(), digits().test[:100], torch.get_num_threads()
    payload, back = lossy.encode(model.eval(), x), lossy.reconstruct(model, x)
    torch.set_num_threads(2)
    try:
        assert lossy.encode(model.train(), x) == payload, "dropout must not reach the code"
        assert torch.equal(lossy.decode(model, payload, 100), back) and model.training
    finally:
        torch.set_num_threads(threads)


def test_in_the_containers_frame_shape_and_type_come_back():
    model = of_digits()
    array = digits().test[:20].numpy().astype(np.uint8).reshape(20, 8, 8)
    assert container.codec_of(model) is lossy
    back = container.decompress(model, container.compress(model, array))
    assert back.shape == array.shape and back.dtype == np.uint8
    expected = lossy.reconstruct(model, torch.from_numpy(array).long().flatten(1)).numpy()
    assert (back.reshape(20, 64) == expected).all()
    assert (back != array).any(), "lossy"
    laws.refuses(lambda: container.compress(model, array + 10), "0..16")
    laws.refuses(lambda: container.decompress(of_digits(3.0), container.compress(model, array)), "model")


def test_what_the_model_does_not_take_is_refused():
    model, x = build(), torch.zeros(3, 6, dtype=torch.long)
    laws.refuses(lambda: lossy.encode(model, x - 1), "lossy", "0..16")
    laws.refuses(lambda: lossy.encode(model, x + 17), "lossy", "0..16")
    laws.refuses(lambda: lossy.encode(model, x[:, :5]), "lossy", "(N, 6)")
    laws.refuses(lambda: lossy.encode(model, x[:0]), "lossy")
    laws.refuses(lambda: lossy.encode(model, x.float()), "lossy", "long()")
    with torch.no_grad():
        model.posterior.net.line.weight.mul_(1e5)
    x[0] = 16
    laws.refuses(lambda: lossy.encode(model, x), "lossy", "far from")


def test_damaged_codes_are_noticed_or_decode_to_other_numbers():
    """Without the container a code may decode to anything in range, but never crashes otherwise."""
    model, x = of_digits(), digits().test[:20]
    payload, back = lossy.encode(model, x), lossy.reconstruct(model, x)
    generator, noticed = torch.Generator().manual_seed(1), 0
    for _ in range(60):
        broken = bytearray(payload)
        place = int(torch.randint(len(broken), (1,), generator=generator))
        broken[place] ^= 1 << int(torch.randint(8, (1,), generator=generator))
        try:
            other = lossy.decode(model, bytes(broken), 20)
            assert other.min() >= 0 and other.max() <= 16
            noticed += not torch.equal(other, back)
        except DamagedError as error:
            assert "damaged" in str(error) or "expected" in str(error)
            noticed += 1
    assert noticed >= 50


@pytest.mark.parametrize("payload", [b"", b"\0\0\0", b"\0\0\0\0", b"\0\0\xff\xff"])
def test_impossible_windows_are_refused(payload):
    with pytest.raises(DamagedError, match="lossy: expected"):
        lossy.decode(build(), payload, 2)

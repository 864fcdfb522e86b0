"""Bytes against errors: files are real, errors are those of what comes back, rivals get what suits them."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from dgm_lite import laws
from dgm_lite.codecs import container, lossy
from dgm_lite.comparison import rate_distortion
from dgm_lite.comparison.rate_distortion import (
    Point,
    best,
    bytes_at,
    curve,
    jpeg,
    shares,
    through_format,
    transform_coder,
    webp,
    worth_a_bit,
)
from dgm_lite.datasets.images import digits, real_digits
from dgm_lite.latent.transform_coder import TransformCoder

QUICK = replace(rate_distortion.ENTRY.config, epochs=20)


def point(n_bytes: int, mse: float) -> Point:
    return Point("", n_bytes, mse, 1000, 17)


@pytest.fixture(scope="module")
def coders() -> list[TransformCoder]:
    return [transform_coder(real_digits(), std, config=QUICK) for std in (1.0, 2.2, 5.0)]


# --- points -----------------------------------------------------------------------------------


def test_a_points_rate_and_its_decibels():
    assert point(250, 2.56).bits_per_pixel == 2.0
    assert point(250, 2.56).psnr == pytest.approx(20.0)
    assert point(250, 0.0).psnr == math.inf
    assert replace(point(250, 0.01), levels=2).psnr == pytest.approx(20.0)


def test_no_file_lies_below_the_best_nor_a_mixture_of_two():
    rng = np.random.default_rng(0)
    points = [point(int(b), float(e)) for b, e in zip(rng.integers(1, 500, 80), rng.random(80), strict=True)]
    front = best(points)
    sizes, errors = np.array([(p.n_bytes, p.mse) for p in front]).T
    assert (np.diff(sizes) > 0).all() and (np.diff(errors) < 0).all()
    slopes = np.diff(errors) / np.diff(sizes)
    assert (np.diff(slopes) > 0).all(), "it bends one way"
    assert front[0].n_bytes == min(p.n_bytes for p in points) and front[-1].mse == min(p.mse for p in points)
    for p in points:
        assert p.mse >= np.interp(p.n_bytes, sizes, errors) - 1e-12
    assert set(front) <= set(points) and best(front) == front and best([]) == []


def test_between_points_bytes_follow_a_power_of_the_error():
    known = [point(1000, 4.0), point(4000, 1.0), point(9000, 0.0)]
    assert bytes_at(known, 4.0) == pytest.approx(1000) and bytes_at(known, 1.0) == pytest.approx(4000)
    assert bytes_at(known, 2.0) == pytest.approx(2000), "n_bytes = 4000 / mse here"
    assert bytes_at(known[::-1], 2.0) == bytes_at(known, 2.0)
    for wrong in (0.5, 5.0):
        laws.refuses(lambda: bytes_at(known, wrong), "1 to 4")  # noqa: B023
    laws.refuses(lambda: bytes_at([], 1.0), "nothing")


def test_shares_are_of_the_rivals_bytes_at_the_same_error():
    rival = [point(1000, 4.0), point(4000, 1.0)]
    assert shares([point(500, 2.0), point(3000, 2.0), point(10, 9.0)], rival) == [
        pytest.approx(0.25), pytest.approx(1.5), None,
    ]  # fmt: skip


# --- image formats ----------------------------------------------------------------------------


@pytest.mark.parametrize("columns", [1, 3, 10, 28])
def test_through_a_lossless_format_every_image_comes_back_in_its_place(columns):
    x = digits().test[:41]
    file, back = through_format(x, "PNG", columns=columns)
    assert torch.equal(back, x) and file.startswith(b"\x89PNG")
    other = torch.randint(4, (5, 9), generator=torch.Generator().manual_seed(0))
    assert torch.equal(through_format(other, "PNG", columns=2, levels=4)[1], other)
    laws.refuses(lambda: through_format(x + 1, "PNG", columns=1), "through_format", "0..16")


@pytest.mark.parametrize(("rival", "magic"), [(jpeg, b"\xff\xd8"), (webp, b"RIFF")])
def test_rivals_curves_are_made_of_files_that_can_be_made_again(rival, magic, monkeypatch):
    x, files = digits().valid[:64], []
    through = rate_distortion.through_format

    def watch(*args, **options):
        files.append(through(*args, **options))
        return files[-1]

    monkeypatch.setattr(rate_distortion, "through_format", watch)
    points = rival(x, layouts=(8,))
    assert all(file.startswith(magic) for file, _ in files)
    made = {(len(file), (back - x).double().square().mean().item()) for file, back in files}
    assert {(p.n_bytes, p.mse) for p in points} <= made
    assert len(points) >= 5 and points[0].mse > 1.0 and points[-1].mse < 0.01
    assert points == best(points) and all(p.n_pixels == 64 * 64 for p in points)


def test_rivals_are_tried_with_all_that_suits_them(monkeypatch):
    """Every quality, every layout, the slowest and best search of each format."""
    tried = []

    def through(x, format, *, columns, levels, **options):
        tried.append((format, columns, options))
        return b"x" * len(tried), x

    monkeypatch.setattr(rate_distortion, "through_format", through)
    x = digits().valid[:4]
    webp(x, layouts=(1, 8))
    assert {columns for _, columns, _ in tried} == {1, 8} and len(tried) == 2 * len(rate_distortion.QUALITIES)
    assert all(o["method"] == 6 and f == "WEBP" for f, _, o in tried)
    assert {o["quality"] for _, _, o in tried} == set(rate_distortion.QUALITIES)
    tried.clear()
    jpeg(x, layouts=(8,))
    assert all(f == "JPEG" and o["optimize"] for f, _, o in tried)
    for progressive in (False, True):
        alike = [o for _, _, o in tried if o["progressive"] == progressive]
        assert {o["quality"] for o in alike if "quality" in o} == set(rate_distortion.QUALITIES)
        flat = [o["qtables"] for o in alike if "qtables" in o]
        assert flat == [[[step] * 64] for step in rate_distortion.FLAT_STEPS]


def test_flat_tables_suit_the_squared_error():
    """At equal bytes JPEG's standard tables leave a larger error: it would be beaten too easily."""
    points = jpeg(digits().valid, layouts=(1,))
    flat = [p for p in points if p.setting.startswith("flat")]
    assert len(flat) > len(points) / 2


# --- coders -----------------------------------------------------------------------------------


def test_dimensions_are_taken_while_they_are_worth_a_bit():
    torch.manual_seed(0)
    x = torch.randn(5000, 12) * torch.tensor([8.0] * 10 + [1.9, 0.5])
    assert worth_a_bit(x, 1.0) == 10 and worth_a_bit(x, 0.9) == 11 and worth_a_bit(x, 0.1) == 12
    assert worth_a_bit(x, 100.0) == 8 and worth_a_bit(x, 100.0, least=3) == 3
    assert worth_a_bit(x[:, :4], 100.0) == 4


def test_points_are_what_the_files_say(coders):
    x = digits().valid
    for model, p in zip(coders, curve(coders, x), strict=True):
        assert p.n_bytes == len(container.compress(model, x))
        assert p.mse == (lossy.reconstruct(model, x) - x).double().square().mean().item()
        assert p.n_pixels == 350 * 64 and p.levels == 17
    assert [p.setting for p in curve(coders, x)] == ["sigma 1", "sigma 2.2", "sigma 5"]


def test_distortion_falls_as_rate_rises_and_every_rival_is_beaten(coders):
    """After twenty epochs already: below JPEG and WebP where these reach, and below principal components."""
    x = digits().valid
    ours = curve(coders, x)
    assert [p.n_bytes for p in ours] == sorted((p.n_bytes for p in ours), reverse=True)
    assert [p.mse for p in ours] == sorted(p.mse for p in ours)
    of_jpeg, of_webp = shares(ours, jpeg(x)), shares(ours, webp(x))
    assert max(of_jpeg) < 0.6 and of_webp[0] < 0.6
    linear = curve([transform_coder(real_digits(), std, config=QUICK, learn=False) for std in (1.5, 3.5)], x)
    assert shares(ours, linear)[1] < 0.95


def test_without_learning_encoder_and_decoder_stay_principal_components():
    data = real_digits()
    model = transform_coder(data, 2.0, config=QUICK, learn=False)
    start = rate_distortion.ENTRY.build(latent_dim=64, std=2.0).start_from_data(data.train)
    for part in ("posterior", "likelihood"):
        trained, fresh = (getattr(m, part).net.state_dict() for m in (model, start))
        assert all(torch.equal(trained[name], fresh[name]) for name in fresh if name.startswith("line."))
    with torch.no_grad():
        f = [m.posterior.centre(data.valid) for m in (model, start)]
        assert torch.equal(*f), "the networks beside the line are still silent"
        assert -model.prior.log_prob(f[0].round()).mean() < -start.prior.log_prob(f[0].round()).mean()
    assert all(p.requires_grad for p in model.parameters())


@pytest.mark.parametrize(("epochs", "quarter"), [(20, 5), (3, 1), (1, 1)])
def test_probabilities_alone_learn_faster_and_shorter(monkeypatch, epochs, quarter):
    """A quarter of the epochs at five times the rate, and no weight decay: nothing else may move."""
    seen = []

    def watched(model, data, config, **_):
        seen.append((config, {name for name, p in model.named_parameters() if p.requires_grad}))

    monkeypatch.setattr(rate_distortion, "fit", watched)
    config = replace(QUICK, epochs=epochs)
    transform_coder(real_digits(), 2.0, config=config, learn=False, seed=4)
    expected = replace(config, epochs=quarter, lr=5 * config.lr, weight_decay=0.0, seed=4)
    assert seen[0][0] == expected
    assert seen[0][1] and all(name.startswith("prior.") for name in seen[0][1])
    transform_coder(real_digits(), 2.0, config=config, seed=4)
    assert seen[1][0] == replace(config, seed=4)
    transform_coder(real_digits(), 2.0)
    assert seen[2][0] == replace(rate_distortion.ENTRY.config, seed=0)


def test_a_coder_can_be_made_again():
    one, two, other = (
        transform_coder(real_digits(), 3.0, config=replace(QUICK, epochs=1), seed=seed) for seed in (0, 0, 1)
    )
    x = digits().valid[:20]
    assert container.compress(one, x) == container.compress(two, x) != container.compress(other, x)
    laws.refuses(lambda: transform_coder(real_digits(), 0.0), "std")

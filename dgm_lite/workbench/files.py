"""Real files: which model writes which pictures, and how many of them into one file."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from matplotlib.axes import Axes
from torch import Tensor, nn

from dgm_lite import catalog, plot
from dgm_lite.codecs import bits_back, container, integer_flow
from dgm_lite.comparison import file_sizes
from dgm_lite.datasets import files
from dgm_lite.datasets.images import digits, letters, noise_images, photo_patches
from dgm_lite.evaluate import likelihood
from dgm_lite.live.code_length import CodeLength
from dgm_lite.workbench.bench import Control, Progress, Workbench

MODELS = {
    "autoregressive": "causal_arm_digits.safetensors",
    "VAE, bits-back": "vae_digits.safetensors",
    "integer flow": "integer_flow_digits.safetensors",
}
PICTURES: dict[str, Callable[[], Tensor]] = {
    "test digits": lambda: digits().test,
    "letters": lambda: letters()[0],
    "pieces of photographs": lambda: photo_patches().test,
    "noise": lambda: noise_images(447),
}


@dataclass(frozen=True)
class Coded:
    """A file of pictures.

    Args:
        model: What wrote it.
        x: The pictures, (N, 64), integers 0 .. 16.
        file: All of its bytes.
        png: Bytes of the same pictures as one page of PNG, in the best layout.
    """

    model: nn.Module
    x: Tensor
    file: bytes
    png: int


def write(progress: Progress, *, model: str, pictures: str, count: int) -> Coded:
    """The first of the pictures as one file, which is read again.

    Raises:
        AssertionError: If other pictures came out.
    """
    coder, _ = catalog.load(files.path(MODELS[model]))
    x = PICTURES[pictures]()[:count]
    progress(0.1)
    file = container.compress(coder, x.to(torch.uint8))
    progress(0.5)
    if not np.array_equal(container.decompress(coder, file), x.numpy()):
        raise AssertionError("other pictures came out than went in")
    progress(0.9)
    return Coded(coder, x, file, file_sizes.best_page(x, "PNG", optimize=True))


def bits_of_pixels(model: nn.Module, x: Tensor) -> Tensor:
    """What each pixel costs under a model, bits, (N, 64)."""
    codec = container.codec_of(model)
    if codec is bits_back:
        return bits_back.expected_bits(model, x)
    with torch.no_grad():
        if codec is integer_flow:
            nats = model.base.log_prob_terms(model.to_latent(x)[0])
        else:
            nats = model.log_prob_terms(x)
    return -nats.double() / math.log(2)


def draw(ax: Axes, result: Coded) -> None:
    """Bits of a picture: what the model expects to need, the file, and what takes no model."""
    n = len(result.x)
    nats = likelihood.log_prob(result.model, result.x, seed=0).mean().item()
    bits = {
        "the model": -nats / math.log(2),
        "the file": 8 * len(result.file) / n,
        "PNG": 8 * result.png / n,
        "levels alike": 64 * math.log2(17),
    }
    colours = [plot.BLUE, plot.ORANGE, plot.GREY, plot.GREY]
    bars = ax.barh(list(bits), list(bits.values()), color=colours)
    ax.bar_label(bars, [f" {b:.0f}" for b in bits.values()], fontsize=10)
    ax.set(xlabel=f"bits a picture\n({len(result.file):,} bytes for {n})")
    ax.set_xlim(right=max(ax.get_xlim()[1], 1.2 * max(bits.values())))
    ax.set_ylim(3.6, -0.6)


def code_length(result: Coded) -> CodeLength:
    """The live figure of the chapter, with these pictures: the model beside counts and PNG."""
    data, x = digits(), result.x[:24]
    table = file_sizes.counts(data, torch.zeros_like, 1)[0]  # (D, levels)
    counted = -table.T.gather(0, x) / math.log(2)
    pages = [row.view(8, 8).byte().numpy() for row in x]
    png = [8.0 * len(file_sizes.encoded(page, "PNG", optimize=True)) for page in pages]
    bits = {"histogram per pixel": counted, "your model": bits_of_pixels(result.model, x)}
    return CodeLength(x, bits, wholes={"PNG file": torch.tensor(png)}, things="pictures")


def bench(own: Coded) -> Workbench:
    """The workbench of the chapter, beside the chapter's own file."""
    controls = {
        "model": Control("model", tuple(MODELS), "autoregressive"),
        "pictures": Control("pictures", tuple(PICTURES), "test digits"),
        "count": Control("pictures in the file", (1, 3, 10, 30, 100, 447), 447),
    }
    alt = (
        "Bars of bits a picture. What the autoregressive model expects to need and its file of the test "
        "digits are nearly the same; PNG takes much more, and equal shares for all levels most."
    )
    return Workbench(own, write, draw, controls, live=code_length, alt=alt)

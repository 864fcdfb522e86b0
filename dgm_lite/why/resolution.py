"""Chosen and random noise at several resolutions, all else kept: what the number of dimensions does."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dgm_lite.datasets.dataset import Dataset
from dgm_lite.datasets.images import digits28
from dgm_lite.datasets.rows import Picture
from dgm_lite.joint.classifier import Classifier
from dgm_lite.shapes import check_counts, check_levels, check_shape
from dgm_lite.training.config import TrainConfig
from dgm_lite.training.fit import fit
from dgm_lite.why.noise import rms, same_size_noise, untargeted

BUDGETS = tuple(round(2 ** (k / 2)) for k in range(2, 17))  # grey levels of 256, in steps of about sqrt(2)


def gains(
    value: Callable[[Tensor], Tensor], x: Tensor, side: int, *, step: float = 0.05, n_random: int = 4,
    generator: torch.Generator | None = None,
) -> tuple[float, float]:  # fmt: skip
    """How much a value rises for each grey level by which every block of side x side pixels is moved.

    All pixels of a block and a channel move together, up or down: by the sign of the block's gradient, or
    by the toss of a coin.

    Args:
        value: Maps real images (B, C, H, W) to numbers (B,).
        x: One image, (1, C, H, W), in grey levels.
        side: Side of a block in pixels; it divides H and W.
        step: How far each pixel moves, in grey levels: so little that the value is all but linear.
        n_random: How often the coins are tossed.
        generator: Makes the tosses repeatable.

    Returns:
        The rise along the gradient's signs, and the root mean square of the rises along random signs.

    Raises:
        ValueError: If x is not one image, or blocks of this side don't fill it.

    Source: book eq. `aligned-noise`.
    """
    check_shape(x, (1, "C", "H", "W"), "gains")
    check_counts("gains", side=side, n_random=n_random)
    if x.shape[2] % side or x.shape[3] % side:
        raise ValueError(f"gains: expected a side that divides {tuple(x.shape[2:])}, got {side}.")
    clean = x.to(torch.get_default_dtype()).requires_grad_(True)
    before = value(clean)
    (gradient,) = torch.autograd.grad(before.sum(), clean)
    aligned = F.avg_pool2d(gradient, side).sign()  # the mean has the sign of the sum
    coins = 2.0 * torch.randint(2, (n_random, *aligned.shape[1:]), generator=generator) - 1
    moves = F.interpolate(torch.cat([aligned, coins.to(aligned)]), scale_factor=float(side))
    with torch.no_grad():
        rises = (value(clean + step * moves) - before) / step
    return rises[0].item(), rises[1:].square().mean().sqrt().item()


class Enlarged(nn.Module):
    """A classifier of large square images for smaller ones, each of whose pixels it sees as a block.

    Args:
        classifier: Maps (..., width * width) to logits.
        width: Pixels along the images that the classifier sees.
        side: Side of a block; it divides the width.

    Raises:
        ValueError: If the side does not divide the width.
    """

    def __init__(self, classifier: nn.Module, *, width: int, side: int):
        super().__init__()
        check_counts("Enlarged", width=width, side=side)
        if width % side:
            raise ValueError(f"Enlarged: expected a side that divides {width}, got {side}.")
        self.classifier, self.small, self.side = classifier, width // side, side

    def forward(self, x: Tensor) -> Tensor:
        """Logits: (..., (width / side)^2) -> (..., n_classes)."""
        image = x.unflatten(-1, (self.small, self.small))
        image = image.repeat_interleave(self.side, -1).repeat_interleave(self.side, -2)
        return self.classifier(image.flatten(-2))

    def loss(self, x: Tensor, y: Tensor) -> Tensor:
        """Mean of -log p(y | x) over the batch, in nats per example.

        Args:
            x: Images, (B, (width / side)^2).
            y: Labels, (B,).
        """
        return F.cross_entropy(self(x), y)


def pooled(data: Dataset, side: int) -> Dataset:
    """A data set of square images at a lower resolution: the mean of each block, as a whole grey level.

    Args:
        data: Integers 0 .. levels-1, (N, D).
        side: Side of a block; it divides the images' width.

    Raises:
        ValueError: If the images are not square, or the side does not divide their width.
    """
    width = math.isqrt(data.train.shape[1])
    if width**2 != data.train.shape[1] or side < 1 or width % side:
        raise ValueError(f"pooled: expected square images with a width that {side} divides, got {data.name}.")

    def smaller(x: Tensor) -> Tensor:
        check_levels(x, data.levels, ("N", width**2), "pooled")
        means = F.avg_pool2d(x.double().reshape(-1, 1, width, width), side)
        return means.round().long().flatten(1)

    small = width // side
    splits = {name: smaller(getattr(data, name)) for name in ("train", "valid", "test")}
    return replace(data, name=f"{data.name}, pooled to {small}x{small}", rows=Picture(small, small), **splits)


def size_for_half(right: Sequence[float], sizes: Sequence[float]) -> float:
    """The size of noise at which half of the answers are still right, between two sizes that were tried.

    Args:
        right: Share of right answers at each size, between 0 and 1.
        sizes: Above 0 and growing.

    Returns:
        The first crossing, by a straight line over log size; infinity if the share stays above one half.

    Raises:
        ValueError: If half of the answers are wrong at the first size already.
    """
    if right[0] < 0.5:
        raise ValueError(f"size_for_half: expected a share of 0.5 or more at first, got {right[0]:.2f}.")
    pairs = zip(right, right[1:], sizes, sizes[1:], strict=False)
    for before, after, smaller, larger in pairs:
        if after < 0.5:
            return smaller * (larger / smaller) ** ((before - 0.5) / (before - after))
    return math.inf


def trained_at(side: int, *, epochs: int = 6, seed: int = 0) -> dict[str, float]:
    """One architecture, trained on the 28 x 28 digits pooled over blocks, and the noise that fools it.

    Args:
        side: Side of a block; it divides 28. The network sees 784 numbers whatever it is.
        epochs: Epochs of training, of 63 updates each.
        seed: Of the weights and of the order of the batches.

    Returns:
        The number of ``pixels`` that noise may change; the test ``accuracy``; and how large noise has to be,
        as its RMS in levels of 256, to fool the classifier on half of the test digits that it gets right:
        when it is ``chosen``, and when the same changes stand at ``random`` places with random signs.
    """
    data = pooled(digits28(), side)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        classifier = Enlarged(Classifier(784, 10, hidden=128, dropout=0.3, scale=255.0), width=28, side=side)
        config = TrainConfig(epochs=epochs, lr=2e-3, batch_size=64, seed=seed)
        fit(classifier, data.labelled(), config, bar=False, whole=True)
    classifier.requires_grad_(False)
    found = classifier(data.test.float()).argmax(1) == data.test_labels
    x, y = data.test[found], data.test_labels[found]
    generator = torch.Generator().manual_seed(seed)

    def right(z: Tensor) -> float:
        return (classifier(z).argmax(1) == y).double().mean().item()

    sizes, shares = ({"chosen": [], "random": []} for _ in range(2))
    for budget in BUDGETS:
        chosen = untargeted(classifier, x, y, budget=budget, n_steps=10)
        random = same_size_noise(x, chosen, levels=data.levels, generator=generator)
        for way, noisy in (("chosen", chosen), ("random", random)):
            sizes[way].append(rms(noisy - x).mean().item())
            shares[way].append(right(noisy))
    halves = {way: size_for_half(shares[way], sizes[way]) for way in sizes}
    return {"pixels": x.shape[1], "accuracy": found.double().mean().item(), **halves}

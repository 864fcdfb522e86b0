"""The file around a code: which model wrote it, what comes out, and whether it is whole.

    magic | codec | dtype | shape | model's fingerprint | length | payload | digest of x | digest of the file

Zero bytes follow a payload of less than one byte for DENSEST numbers: no file promises more than it can hold.

docs: book/appendix/file-format. Nothing is decoded before the digest of the whole file is right, and nothing
is returned before the digest of what was decoded is right: a file gives the very numbers that went in, or an
error that says why not.
"""

import hashlib
import math
import struct
from dataclasses import dataclass
from types import ModuleType

import numpy as np
import torch
from torch import Tensor, nn

from dgm_lite.codecs import autoregressive, bits_back, integer_flow, lossy
from dgm_lite.codecs.coder import DamagedError
from dgm_lite.identity import canonical, raw
from dgm_lite.shapes import show

MAGIC = b"DGM1"
DIGEST = 8  # bytes: one damaged file in 2^64 would pass
DENSEST = 1024  # numbers to a byte of code: those that a model is sure of need no bits, but have their price
MOST_DIMS = 64  # of an array of numpy
BUILT = 3  # bytes of a fingerprint that say how a model is built
CODECS: tuple[ModuleType, ...] = (autoregressive, integer_flow, bits_back, lossy)
DTYPES = tuple(np.dtype(name) for name in ("uint8", "int8", "<u2", "<i2", "<u4", "<i4", "<u8", "<i8"))


@dataclass(frozen=True)
class Header:
    """What a file says about itself before its payload.

    Args:
        codec: Name of the codec.
        dtype: Number type of the array that went in.
        shape: Its shape.
        fingerprint: Of the model that wrote it.
        payload: The code itself.
        digest: Of the numbers that come out.
        overhead: Bytes of the file that are not payload.
    """

    codec: str
    dtype: np.dtype
    shape: tuple[int, ...]
    fingerprint: bytes
    payload: bytes
    digest: bytes
    overhead: int


def fingerprint(model: nn.Module) -> bytes:
    """Eight bytes that two models share only if they are built alike and have equal weights.

    The first three are of how it is built, the others of that and of every number.
    """
    built = canonical(model)
    numbers = hashlib.blake2b(built, digest_size=DIGEST - BUILT)
    for name, value in sorted(model.state_dict().items()):
        numbers.update(f"{name}\n".encode())
        numbers.update(raw(value))
    return hashlib.blake2b(built, digest_size=BUILT).digest() + numbers.digest()


def codec_of(model: nn.Module) -> ModuleType:
    """The codec for a model, by what the model can do.

    Raises:
        ValueError: If there is none; says what the kinds of models would need.
    """
    if hasattr(model, "stepwise"):
        return autoregressive
    if hasattr(model, "to_latent") and hasattr(getattr(model, "base", None), "table"):
        return integer_flow
    if hasattr(getattr(model, "posterior", None), "centre") and hasattr(model.prior, "table"):
        return lossy
    if hasattr(getattr(model, "posterior", None), "distribution") and getattr(model, "levels", None):
        return bits_back
    raise ValueError(
        f"compress: expected a model with probabilities of integers, got {type(model).__name__}. Lossless "
        "codes need p(x) of integers (an autoregressive model, an integer flow) or its bound (a VAE); lossy "
        "ones an integer code (a transform coder). A GAN has none of these; a flow of real numbers has a "
        "density, which a code can't use."
    )


def compress(model: nn.Module, array: np.ndarray | Tensor) -> bytes:
    """An array of integers as the bytes of a file.

    Args:
        model: The model whose probabilities make the code short.
        array: Integers 0 .. levels-1, (N, D) or (N, *event) with D numbers in an event.

    Raises:
        ValueError: If the model has no codec, or the array has the wrong shape or numbers.

    Example:
        >>> from dgm_lite.autoregressive.causal import CausalARM
        >>> x = torch.randint(17, (5, 64))
        >>> file = compress(CausalARM(dim=64, levels=17), x)
        >>> file[:4]
        b'DGM1'

    Source: book eq. `code-length`.
    """
    codec = codec_of(model)
    array = array.numpy() if isinstance(array, Tensor) else np.asarray(array)
    x = _rows(array, model)
    payload = codec.encode(model, x)
    # A lossy code gives back something else than went in: it is checked against what it should give.
    out = codec.reconstruct(model, x) if codec is lossy else x
    dtype = _dtype(array)
    if int(out.max()) > np.iinfo(dtype).max:
        raise ValueError(
            f"compress: expected a number type that holds 0..{model.levels - 1}, got {dtype}, and numbers up "
            f"to {int(out.max())} come back. Convert with .astype('int64')."
        )
    head = MAGIC + struct.pack("<BBB", CODECS.index(codec), DTYPES.index(dtype), array.ndim)
    head += (
        struct.pack(f"<{array.ndim}I", *array.shape) + fingerprint(model) + struct.pack("<I", len(payload))
    )
    body = head + payload + bytes(_padding(array.shape, len(payload))) + _digest(_bytes(out, dtype))
    return body + _digest(body)


def decompress(model: nn.Module, data: bytes) -> np.ndarray:
    """The array in the bytes of a file: all numbers, shape and dtype as they went in.

    Args:
        model: The model that the file was written with.
        data: What ``compress`` returned.

    Raises:
        DamagedError: If the file is damaged, cut short, or of another kind; nothing is decoded then.
        ValueError: If it belongs to another model, or this machine computes other probabilities.
    """
    header = read_header(data)
    own = fingerprint(model)
    if header.fingerprint != own:
        other = "other weights" if header.fingerprint[:BUILT] == own[:BUILT] else "another class or arguments"
        raise ValueError(
            f"decompress: expected the model that wrote the file ({header.fingerprint.hex()}), got one with "
            f"{other} ({own.hex()}). Pass the weights file that compress had."
        )
    codec = codec_of(model)
    if _name(codec) != header.codec:
        raise DamagedError(f"decompress: expected the codec {_name(codec)}, got {header.codec}.")
    right = 2 <= len(header.shape) <= MOST_DIMS and 0 not in header.shape
    if not right or math.prod(header.shape[1:]) != model.dim:
        raise DamagedError(
            f"decompress: expected rows of {model.dim} numbers, got an array of {show(header.shape)}."
        )
    strange = (
        "decompress: the file is whole, but its numbers don't come out as expected: this machine rounds the "
        f"model's probabilities differently (torch {torch.__version__}), got other ones. "
        "Decode on a machine like the one that wrote it."
    )
    try:
        x = codec.decode(model, header.payload, header.shape[0])
    except DamagedError as error:
        raise DamagedError(f"{strange} ({error})") from error
    out = _bytes(x, header.dtype)
    low, high = (int(v) for v in x.aminmax())
    known = low >= 0 and high < min(model.levels, np.iinfo(header.dtype).max + 1)
    if not known or _digest(out) != header.digest:
        raise DamagedError(strange)
    return np.frombuffer(out, dtype=header.dtype).reshape(header.shape).copy()


def read_header(data: bytes) -> Header:
    """What a file says about itself, once its digest is right.

    Raises:
        DamagedError: If it is damaged, cut short, or of another kind.
    """
    if data[: len(MAGIC)] != MAGIC:
        got = f"one that begins with {data[:4]!r}" if data else "an empty one"
        raise DamagedError(f"decompress: expected a file that begins with {MAGIC!r}, got {got}.")
    body, digest = data[:-DIGEST], data[-DIGEST:]
    if len(data) < len(MAGIC) + DIGEST or _digest(body) != digest:
        raise DamagedError(
            f"decompress: the file is damaged or cut short: expected the digest {digest.hex()} of its "
            f"{max(0, len(body))} bytes, got {_digest(body).hex()}."
        )
    short = DamagedError(f"decompress: expected a header before the code, got {len(body)} bytes in all.")
    if len(body) < 7:
        raise short
    codec, dtype, ndim = struct.unpack_from("<BBB", body, 4)
    if codec >= len(CODECS) or dtype >= len(DTYPES):
        raise DamagedError(
            f"decompress: expected one of {len(CODECS)} codecs and {len(DTYPES)} number types, got {codec} "
            f"and {dtype}: the file was written by a newer version."
        )
    at = 7 + 4 * ndim
    if len(body) < at + DIGEST + 4 + DIGEST:
        raise short
    shape = struct.unpack_from(f"<{ndim}I", body, 7)
    (length,) = struct.unpack_from("<I", body, at + DIGEST)
    code, padding = body[at + DIGEST + 4 : -DIGEST], _padding(shape, length)
    if len(code) != length + padding or any(code[length:]):
        raise DamagedError(
            f"decompress: expected {length} bytes of code and {padding} zeros for an array of {show(shape)}, "
            f"got {len(code)} bytes."
        )
    return Header(
        codec=_name(CODECS[codec]), dtype=DTYPES[dtype], shape=shape, fingerprint=body[at : at + DIGEST],
        payload=code[:length], digest=body[-DIGEST:], overhead=len(data) - length,
    )  # fmt: skip


def _padding(shape: tuple[int, ...], length: int) -> int:
    """Zero bytes behind a code of this length."""
    return max(0, math.prod(shape) // DENSEST - length)


def _name(codec: ModuleType) -> str:
    return codec.__name__.rpartition(".")[2]


def _digest(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=DIGEST).digest()


def _bytes(x: Tensor, dtype: np.dtype) -> bytes:
    return x.numpy().astype(dtype).tobytes()


def _kind(array: np.ndarray) -> str:
    """What an array holds, in words."""
    kinds = {"O": "objects", "U": "text", "S": "text", "V": "records", "M": "dates", "m": "times"}
    return kinds.get(array.dtype.kind, str(array.dtype))


def _dtype(array: np.ndarray) -> np.dtype:
    """The number type in the file: that of the array, lowest byte first."""
    return array.dtype.newbyteorder("<")


def _rows(array: np.ndarray, model: nn.Module) -> Tensor:
    """The array as integers (N, D).

    Raises:
        ValueError: If its shape, type or numbers are not those of the model's data.
    """
    if array.dtype.kind not in "iu":
        remedy = {
            "f": f" Take x.round().astype('int64'); of grey levels in 0..1, {model.levels - 1} * x first.",
            "b": " Convert with .astype('uint8').",
        }.get(array.dtype.kind, "")
        raise ValueError(f"compress: expected integers 0..{model.levels - 1}, got {_kind(array)}.{remedy}")
    if array.ndim < 2 or array.size == 0 or array[0].size != model.dim:
        raise ValueError(
            f"compress: expected an array of shape (N, D) with D = {model.dim} numbers in each row and at "
            f"least one row, got {show(array.shape)}."
        )
    levels = model.levels
    low, high = int(array.min()), int(array.max())
    if low < 0 or high >= levels:
        raise ValueError(f"compress: expected integers 0..{levels - 1}, got values from {low} to {high}.")
    return torch.from_numpy(array.astype(np.int64).reshape(len(array), -1))

"""Entropy coders: from symbols and their probabilities to bytes, and back.

    length of the code = -sum log2 p(symbol) + O(1)                        [book: eq. code-length]

The coding itself is done by the library ``constriction``: a range coder, first in, first out, and an
asymmetric numeral system, last in, first out. What is added here is what coding with a neural network
needs: probabilities that are the very same numbers in the encoder and in the decoder.
"""

import copy
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor, nn

from dgm_lite.extras import extra

with extra("codecs"):
    import constriction

STEPS = 2**20  # probabilities are multiples of 1 / (STEPS + K), where K is the number of symbols
WORD = np.dtype("<u4")  # the coders write 32-bit words

_HALF_WORDS = constriction.stream.model.Uniform(2**16)
_TABLES = constriction.stream.model.Categorical(perfect=False)


class DamagedError(ValueError):
    """A file or a payload is not what an encoder wrote."""


@contextmanager
def same_numbers(model: nn.Module) -> Iterator[nn.Module]:
    """A copy of the model for coding: float64, no dropout, no gradients, one thread.

    An encoder and its decoder have to compute the same probabilities to the last bit. How a matrix product
    is rounded depends on the number of threads and on the shape of the batch: both are kept equal. In
    float64 what is left between two machines is so far below ``STEPS`` that it seldom matters, and where it
    does, the file's checksum says so.

    Args:
        model: Any module. It is left alone.
    """
    with _one_thread(), torch.inference_mode():
        yield copy.deepcopy(model).cpu().double().eval()


@contextmanager
def _one_thread() -> Iterator[None]:
    """One thread for torch as long as this coding goes on, and afterwards as many as there were.

    Codings may overlap, each in a thread of Python's own. The first of them sees the number that the process
    had; a later one would see 1, and leave the process with it.
    """
    with _codings.lock:
        # Asked in every thread: one that never asked takes on, at its first product, what holds by then.
        threads = torch.get_num_threads()
        if not _codings.running:
            _codings.threads = threads
        _codings.running += 1
        torch.set_num_threads(1)
    try:
        yield
    finally:
        with _codings.lock:
            _codings.running -= 1
            torch.set_num_threads(_codings.threads)  # counts for this thread and new ones, not for the others


class _Codings:
    """How many codings are going on, and the number of torch's threads when there was none."""

    def __init__(self):
        self.lock, self.running, self.threads = threading.Lock(), 0, 1


_codings = _Codings()


def frequencies(log_p: Tensor) -> np.ndarray:
    """floor(p * 2^20) + 1: whole numbers, so that no symbol is impossible and small errors round away.

    Args:
        log_p: Unnormalised log-probabilities of each symbol's alternatives, (n, K).

    Returns:
        Whole numbers as float64, (n, K).

    Raises:
        ValueError: If a probability is NaN.
    """
    p = log_p.double().softmax(-1)
    if p.isnan().any():
        raise ValueError("coder: expected log-probabilities, got NaN among them.")
    p = (p * STEPS).floor().add(1).numpy()
    # The library wants two alternatives or more. Beside an only one goes another that is never used.
    return np.ascontiguousarray(p if p.shape[1] > 1 else np.c_[p, np.zeros_like(p)])


def to_bytes(words: np.ndarray) -> bytes:
    """32-bit words, lowest byte first, without the zero bytes at the end: reading puts those back."""
    return words.astype(WORD).tobytes().rstrip(b"\0")


def to_words(payload: bytes) -> np.ndarray:
    """The words that ``to_bytes`` wrote."""
    return np.frombuffer(payload + b"\0" * (-len(payload) % 4), dtype=WORD).astype(np.uint32)


class Encoder:
    """A range coder that writes: what is put in first comes out first."""

    def __init__(self):
        self._coder = constriction.stream.queue.RangeEncoder()

    def put(self, symbols: Tensor, log_p: Tensor) -> None:
        """Append symbols to the code.

        Args:
            symbols: Integers 0 .. K-1, (n,).
            log_p: Unnormalised log-probabilities, (n, K): as the decoder will compute them.
        """
        self._coder.encode(np.ascontiguousarray(symbols.numpy(), dtype=np.int32), _TABLES, frequencies(log_p))

    def payload(self) -> bytes:
        """The code so far."""
        return to_bytes(self._coder.get_compressed())


class Decoder:
    """A range coder that reads what ``Encoder`` wrote, in the same order.

    Args:
        payload: The code.
    """

    def __init__(self, payload: bytes):
        self._coder = constriction.stream.queue.RangeDecoder(to_words(payload))

    def take(self, log_p: Tensor) -> Tensor:
        """The next n symbols, integers (n,), given the table that they were put with, (n, K).

        Raises:
            DamagedError: If these bits cannot have been written with this table.
        """
        try:
            symbols = self._coder.decode(_TABLES, frequencies(log_p))
        except AssertionError as error:  # how the library says that the bits are impossible
            raise DamagedError(f"coder: the code is damaged: {error}.") from error
        return torch.from_numpy(symbols).long()

    def finish(self) -> None:
        """Say that all symbols were read.

        Raises:
            DamagedError: If there is more.
        """
        if not self._coder.maybe_exhausted():
            raise DamagedError("coder: the code is damaged: expected its end, got more.")


class Stack:
    """An asymmetric numeral system: what is pushed last is popped first.

    Bits can be popped from it with any distribution, whether or not something was pushed with it. To pop
    from random bits is to draw a sample, and to push that sample gives the random bits back.

    Args:
        words: 32-bit words that lie on the stack already; the last one is the top and must not be 0.
    """

    def __init__(self, words: np.ndarray):
        self._coder = constriction.stream.stack.AnsCoder(np.ascontiguousarray(words, dtype=np.uint32))
        self.lowest = len(self)  # words that nothing ever reached down to

    def push(self, symbols: Tensor, log_p: Tensor) -> None:
        """Put symbols on top, (n,) with a table (n, K); ``pop`` gives them back in the same order."""
        symbols = np.ascontiguousarray(symbols.numpy(), dtype=np.int32)
        self._coder.encode_reverse(symbols, _TABLES, frequencies(log_p))

    def pop(self, log_p: Tensor) -> Tensor:
        """Take n symbols from the top, integers (n,), with a table (n, K)."""
        return torch.from_numpy(self._taken(_TABLES, frequencies(log_p))).long()

    def push_normal(self, symbols: Tensor, mu: Tensor, std: Tensor, reach: int) -> None:
        """Put integers in -reach .. reach-1 on top: cells of width one of N(mu, std^2), (n,) each."""
        self._coder.encode_reverse(
            np.ascontiguousarray(symbols.numpy(), dtype=np.int32), *_cells(mu, std, reach)
        )

    def pop_normal(self, mu: Tensor, std: Tensor, reach: int) -> Tensor:
        """Take integers in -reach .. reach-1 from the top."""
        return torch.from_numpy(self._taken(*_cells(mu, std, reach))).long()

    def mix(self, mask: np.ndarray) -> None:
        """Flip the bits of a mask, (n,) integers of 16 bits, in the top of the stack; twice changes nothing.

        What was pushed last lies on top and is anything but random. Whoever draws from it would draw nearly
        the same again. After a flip by random bits that both sides know, it is as good as random.
        """
        half_words = self._taken(_HALF_WORDS, len(mask))
        self._coder.encode_reverse(half_words ^ mask.astype(np.int32), _HALF_WORDS)

    def _taken(self, *model) -> np.ndarray:
        symbols = self._coder.decode(*model)
        self.lowest = min(self.lowest, len(self))
        return symbols

    def __len__(self) -> int:
        """Words on the stack."""
        return self._coder.num_words()

    def words(self) -> np.ndarray:
        """All that lies on the stack, the top last."""
        return self._coder.get_compressed()


def _cells(mu: Tensor, std: Tensor, reach: int) -> tuple:
    family = constriction.stream.model.QuantizedGaussian(-reach, reach - 1)
    # Parameters on a grid, for the same reason as ``frequencies``: small errors round away.
    mu, log_std = (mu * 64).round() / 64, (std.log() * 64).round() / 64
    return family, mu.double().numpy(), log_std.double().exp().numpy()

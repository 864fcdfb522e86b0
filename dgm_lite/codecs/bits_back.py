"""Lossless coding with a latent variable model: bits back from the choice of z.

    length = E_q[ -log2 p(x | z) - log2 p(z) + log2 q(z | x) ] = -ELBO(x) / log 2     [book: eq. bits-back]

Sending z and then x given z costs too much, because many z would serve. So z is not chosen: it is popped
from the stack with q(z | x), as if the code so far were random bits (and by ``mix`` it is). The decoder, once
it knows x, pushes z back with q(z | x), and has those bits again.

Source: Townsend et al. (2019), Practical lossless compression with latent variables using bits back coding.
"""

import math

import numpy as np
import torch
from torch import Tensor, nn

from dgm_lite.codecs.coder import DamagedError, Stack, same_numbers, to_bytes, to_words
from dgm_lite.distributions import DiagonalNormal

CELLS = 32  # of z in a length of one. A posterior much sharper than that would lose some of its bits
REACH = 8 * CELLS  # z is cut off at -8 and 8, where the prior's mass is 1e-15


def encode(model: nn.Module, x: Tensor) -> bytes:
    """The code of all rows of x, last row on top: near the bound of -log2 p(x), plus what starts the stack.

    Args:
        model: A VAE: ``posterior.distribution(x)`` is a diagonal normal, the prior standard normal, and
            ``likelihood(z)`` independent integers, with a ``table()`` of their logits.
        x: Integers 0 .. levels-1, (N, D).

    Raises:
        ValueError: If the model's distributions are others.
    """
    return encode_with_start(model, x)[0]


def encode_with_start(model: nn.Module, x: Tensor) -> tuple[bytes, int]:
    """As ``encode``, with the number of bits that started the stack: they are in the code and say nothing."""
    with same_numbers(model) as model:
        start = _start(_check(model))
        stack = Stack(start)
        for k, row in enumerate(x.split(1)):  # as the decoder
            q = _posterior(model, row)
            stack.mix(_mask(k, *q))
            z = stack.pop_normal(*q, REACH)
            stack.push(row[0], _table(model, z))
            stack.push_normal(z, *_prior(model), REACH)
    # What was never touched need not be sent. Two words stay, which the stack holds as its state.
    untouched = max(0, stack.lowest - 2)
    return to_bytes(stack.words()[untouched:]), 32 * (len(start) - untouched)


@torch.no_grad()
def expected_bits(model: nn.Module, x: Tensor, *, draws: int = 50) -> Tensor:
    """Mean bits of each pixel, (N, D): those of x_d given z, and an equal share of the price of z.

    The price is KL(q(z | x) || p(z)), a mean over q. What one draw costs, log q(z | x) - log p(z), may be
    negative; the mean never is.

    Args:
        model: As for ``encode``.
        x: Integers 0 .. levels-1, (N, D).
        draws: Of z, over which the bits of x given z are averaged.

    Source: book eq. `bits-back`.
    """
    q, dim = model.posterior.distribution(x), x.shape[1]
    kl = 0.5 * (q.mu**2 + (2 * q.log_std).exp() - 1) - q.log_std
    nats = kl.sum(1, keepdim=True).expand(-1, dim) / dim
    for _ in range(draws):
        log_p = model.likelihood(model.posterior(x)[0]).table().log_softmax(2)
        nats = nats - log_p.gather(2, x[:, :, None])[:, :, 0] / draws
    return nats.double() / math.log(2)


def decode(model: nn.Module, payload: bytes, n: int) -> Tensor:
    """The n rows that ``encode`` wrote, integers (n, D).

    Raises:
        DamagedError: If no encoder with this model can have written the payload.
    """
    rows: list[Tensor] = []
    with same_numbers(model) as model:
        start, words = _start(_check(model)), to_words(payload)
        if not words.any() or words[-1] == 0:
            raise DamagedError("bits_back: the code is damaged: expected a last word other than 0, got 0.")
        stack = Stack(words)
        for k in reversed(range(n)):
            z = stack.pop_normal(*_prior(model), REACH)
            rows.append(stack.pop(_table(model, z))[None])
            q = _posterior(model, rows[-1])
            stack.push_normal(z, *q, REACH)
            stack.mix(_mask(k, *q))
    left = stack.words()
    if not np.array_equal(left, start[len(start) - len(left) :]):
        raise DamagedError("bits_back: the code is damaged: expected the words it started with, got others.")
    return torch.cat(rows[::-1])


def _start(dim: int) -> np.ndarray:
    """Random words that both sides know, enough for the first z: at most 24 bits for each number."""
    return np.random.Generator(np.random.PCG64(0)).integers(1, 2**32, size=dim + 4, dtype=np.uint32)


def _check(model: nn.Module) -> int:
    """M, if the model's distributions are those that this codec knows."""
    dim = model.prior.dim
    z = torch.linspace(-2, 3, dim, dtype=torch.float64)[None]
    standard = DiagonalNormal(torch.zeros_like(z), torch.zeros_like(z)).log_prob(z)
    if not torch.allclose(model.prior.log_prob(z), standard, atol=1e-6):
        raise ValueError("bits_back: expected a standard normal prior, got another one.")
    if not hasattr(model.likelihood(z), "table"):
        got = type(model.likelihood(z)).__name__
        raise ValueError(f"bits_back: expected a likelihood of independent integers, got {got}.")
    if not hasattr(model.posterior, "distribution"):
        got = type(model.posterior).__name__
        raise ValueError(f"bits_back: expected a diagonal normal posterior, got {got}.")
    return dim


def _posterior(model: nn.Module, row: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of q(z | x) in cells."""
    q = model.posterior.distribution(row)
    mu = (CELLS * q.mu[0] - 0.5).clamp(-REACH, REACH - 1)
    return mu, (CELLS * q.log_std[0].exp()).clamp(1e-2, REACH)


def _mask(k: int, mu: Tensor, std: Tensor) -> np.ndarray:
    """Random half-words for row k, as many as popping z takes: its entropy and some more."""
    bits = (std.log2() + 3).clamp(min=1).sum().item()
    return np.random.Generator(np.random.PCG64(k)).integers(2**16, size=int(bits / 16) + 1)


def _prior(model: nn.Module) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of p(z) in cells."""
    one = torch.ones(model.prior.dim, dtype=torch.float64)
    return -0.5 * one, CELLS * one


def _table(model: nn.Module, z: Tensor) -> Tensor:
    """Logits of p(x | z) at the centre of a cell, (D, levels)."""
    return model.likelihood((z[None].double() + 0.5) / CELLS).table()[0]

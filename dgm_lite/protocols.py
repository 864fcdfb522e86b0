"""What a model can do, as protocols. A model subclasses ``nn.Module`` and has the methods it can honour.

There is no base class to inherit from. Whether a model is a ``Density`` is decided by whether
it has a ``log_prob``; a GAN has none, so nothing can ask it for a likelihood by mistake.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn


class TooLarge(ValueError):
    """What was asked for is known in principle, and not computed at this size."""


@runtime_checkable
class Sampler(Protocol):
    """Draws from the model: ``sample(n) -> (n, *event)``."""

    def sample(self, n: int, *, generator: torch.Generator | None = None) -> Tensor: ...


@runtime_checkable
class Density(Protocol):
    """Knows log p(x) exactly: ``log_prob(x) -> (B,)`` in nats, every constant kept.

    The name ``log_prob`` is reserved for densities and probabilities that integrate or sum to one.
    """

    def log_prob(self, x: Tensor) -> Tensor: ...


@runtime_checkable
class Bound(Protocol):
    """Knows a lower bound on log p(x): ``elbo(x) -> (B,)``, one random estimate in nats."""

    def elbo(self, x: Tensor) -> Tensor: ...


@runtime_checkable
class Energy(Protocol):
    """Knows p(x) up to its constant: ``energy(x) -> (B,)`` equals -log p(x) - log Z, in nats."""

    def energy(self, x: Tensor) -> Tensor: ...


@runtime_checkable
class Bijection(Protocol):
    """An invertible map and its change of volume: ``to_latent(x) -> (z, log_det)`` and ``to_data(z) -> x``.

    ``log_det`` is log |det dz/dx| in nats, (B,). Flows of data, flow priors and flow posteriors share them.
    """

    def to_latent(self, x: Tensor) -> tuple[Tensor, Tensor]: ...

    def to_data(self, z: Tensor) -> Tensor: ...


@runtime_checkable
class Trainable(Protocol):
    """Has one loss that all its weights minimise: ``loss(*batch) -> scalar``."""

    def loss(self, *batch: Tensor) -> Tensor: ...


@dataclass(frozen=True)
class Player:
    """One set of weights and the loss that only these weights minimise.

    Args:
        name: How losses are labelled, for example "generator".
        weights: The module whose parameters this player moves.
        loss: ``loss(*batch) -> scalar``.
        steps: Updates per batch (the critic of a Wasserstein GAN takes several).
    """

    name: str
    weights: nn.Module
    loss: Callable[..., Tensor]
    steps: int = 1


@runtime_checkable
class Adversarial(Protocol):
    """Is trained by a game: ``players()`` gives one loss per set of weights."""

    def players(self) -> list[Player]: ...


@dataclass(frozen=True)
class Step:
    """What one training step tells its caller.

    Args:
        epoch: Number of the pass over the data, from 0.
        index: Number of the step since training began, from 0.
        losses: Loss of each player, by name, as its model defines it (nats per example for likelihoods).
        valid: Mean validation loss in the same unit; only on the last step of an epoch of ``fit``.
    """

    epoch: int
    index: int
    losses: dict[str, float]
    valid: float | None = None

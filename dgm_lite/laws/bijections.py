"""Laws of invertible maps: they come back, and log_det is what automatic differentiation finds."""

import torch
from torch import Tensor, nn

from dgm_lite.laws.report import require, require_close
from dgm_lite.laws.subject import measuring


def _latent(bijection: nn.Module, x: Tensor) -> tuple[Tensor, Tensor]:
    """(z, log_det) in their shapes."""
    z, log_det = bijection.to_latent(x)
    require(z.shape == x.shape, f"to_latent: expected z of shape {tuple(x.shape)}, got {tuple(z.shape)}")
    shape = tuple(log_det.shape)
    require(shape == (len(x),), f"to_latent: expected one log_det per example, ({len(x)},), got {shape}")
    return z, log_det


@measuring
def comes_back(bijection: nn.Module, x: Tensor, tolerance: float = 1e-8) -> None:
    """to_data(to_latent(x)) = x, and the other way round, in float64."""
    z, _ = _latent(bijection, x)
    require_close(bijection.to_data(z), x, "to_data(to_latent(x))", tolerance=tolerance)
    there, _ = bijection.to_latent(bijection.to_data(x))
    require_close(there, x, "to_latent(to_data(z))", tolerance=tolerance)


@measuring
def moves_integers_exactly(bijection: nn.Module, x: Tensor) -> None:
    """Integers go to integers and come back as they were, from either side; log_det is exactly 0."""
    z, log_det = bijection.to_latent(x)
    require(z.dtype == torch.long, f"integers became {z.dtype}")
    _latent(bijection, x)
    require(not log_det.any(), f"log_det is up to {log_det.abs().max():.3g} nats, not 0")
    for what, back in {
        "to_data(to_latent(x))": bijection.to_data(z),
        "to_latent(to_data(x))": bijection.to_latent(bijection.to_data(x))[0],
    }.items():
        wrong = int((back != x).flatten(1).any(1).sum())
        require(wrong == 0, f"{what} differs from x for {wrong} of {len(x)} examples")


def log_det_is_autograds(bijection: nn.Module, x: Tensor, tolerance: float = 1e-8) -> None:
    """log_det is log |det dz/dx| of the D x D derivatives that automatic differentiation finds."""
    log_det = _latent(bijection, x)[1].detach()
    for k in range(len(x)):
        jacobian = torch.autograd.functional.jacobian(lambda v: bijection.to_latent(v[None])[0][0], x[k])
        expected = torch.linalg.slogdet(jacobian.reshape(x[k].numel(), -1)).logabsdet
        require_close(log_det[k], expected, "log_det", tolerance=tolerance, unit="nats")

"""Coupling layers: bend one part of x by an amount that a network reads off the other part.

    NICE      z_a = x_a,   z_b = x_b + t(x_a)                        [book: eq. additive-coupling]
    RealNVP   z_a = x_a,   z_b = x_b * exp(s(x_a)) + t(x_a)          [book: eq. affine-coupling]

The network is never inverted: x_a stands unchanged in z, so t(x_a) can be computed again and taken off.
"""

import torch
from torch import Tensor, nn

from dgm_lite.distributions import StandardNormal
from dgm_lite.flows.flow import Affine, Chain, Flow
from dgm_lite.nets import mlp
from dgm_lite.shapes import check_count


class AdditiveCoupling(nn.Module):
    """z_a = x_a,   z_b = x_b + t(x_a).

    dz/dx is triangular with ones on its diagonal, so log |det dz/dx| = 0: no volume changes.

    Args:
        dim: D, at least 2; where it is odd, the first part has one number more.
        hidden: Units of each hidden layer of the network t.
        flip: Swap the roles of the two parts, so that stacked layers move every number.
        dropout: Share of hidden units silenced in training.

    Raises:
        ValueError: If a size is too small.

    Source: book eq. `additive-coupling`; Dinh et al. (2014), NICE, section 3.2.
    """

    def __init__(self, dim: int, hidden: int = 64, *, flip: bool = False, dropout: float = 0.0):
        super().__init__()
        self.flip = flip
        n_a, n_b = _sizes(dim, flip, "AdditiveCoupling")
        self.net = _near_zero(mlp(n_a, hidden, n_b, dropout=dropout))

    def to_latent(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(z, log_det), (B, D) and (B,): log_det is exactly 0."""
        x_a, x_b = _split(x, self.flip)
        return _join(x_a, x_b + self.net(x_a), self.flip), x.new_zeros(len(x))

    def to_data(self, z: Tensor) -> Tensor:
        """x_a = z_a,   x_b = z_b - t(z_a)."""
        z_a, z_b = _split(z, self.flip)
        return _join(z_a, z_b - self.net(z_a), self.flip)


class AffineCoupling(nn.Module):
    """z_a = x_a,   z_b = x_b * exp(s(x_a)) + t(x_a).

    dz/dx is triangular with diagonal (1, exp(s)), so log |det dz/dx| = sum(s).

    Args:
        dim: D, at least 2; where it is odd, the first part has one number more.
        hidden: Units of each hidden layer of the network that gives s and t.
        flip: Swap the roles of the two parts, so that stacked layers move every number.
        dropout: Share of hidden units silenced in training.

    Raises:
        ValueError: If a size is too small.

    Source: book eq. `affine-coupling`; Dinh et al. (2016), Density estimation using Real NVP, section 3.2.
    """

    def __init__(self, dim: int, hidden: int = 64, *, flip: bool = False, dropout: float = 0.0):
        super().__init__()
        self.flip = flip
        n_a, n_b = _sizes(dim, flip, "AffineCoupling")
        self.net = _near_zero(mlp(n_a, hidden, 2 * n_b, dropout=dropout))

    def scale_shift(self, x_a: Tensor) -> tuple[Tensor, Tensor]:
        """s and t as functions of x_a, (B, D_b) each."""
        s, t = self.net(x_a).chunk(2, dim=1)
        return torch.tanh(s), t  # |s| <= 1: no single layer can blow up the volume

    def to_latent(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(z, log_det), (B, D) and (B,): log_det = sum(s)."""
        x_a, x_b = _split(x, self.flip)
        s, t = self.scale_shift(x_a)
        return _join(x_a, torch.addcmul(t, x_b, s.exp()), self.flip), s.sum(1)

    def to_data(self, z: Tensor) -> Tensor:
        """x_a = z_a,   x_b = (z_b - t(z_a)) / exp(s(z_a))."""
        z_a, z_b = _split(z, self.flip)
        s, t = self.scale_shift(z_a)
        return _join(z_a, (z_b - t) / s.exp(), self.flip)


class Permute(nn.Module):
    """z = x in another, fixed order: nothing is stretched, log_det is 0.

    Between couplings it makes other pairs of numbers meet: with the same two halves throughout,
    numbers of one half would never see each other directly.

    Args:
        dim: D.
        seed: Which of the D! orders.
    """

    def __init__(self, dim: int, seed: int):
        super().__init__()
        check_count(dim, "Permute", "dim")
        order = torch.randperm(dim, generator=torch.Generator().manual_seed(seed))
        self.register_buffer("order", order)  # a buffer: it is saved, and another order is another model
        self.register_buffer("back", order.argsort())

    def to_latent(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(z, 0): shapes (B, D) and (B,)."""
        return x.index_select(1, self.order), x.new_zeros(len(x))

    def to_data(self, z: Tensor) -> Tensor:
        """x with its numbers where they were."""
        return z.index_select(1, self.back)


class NICE(Flow):
    """Additive couplings after one layer that scales each number: the same log_det for every x.

    Args:
        dim: D, at least 2.
        n_layers: Number of couplings. Two in turn move both parts of x; then the order is shuffled.
        hidden: Units of each hidden layer of the couplings' networks.
        dropout: Share of hidden units silenced in training.

    Source: Dinh et al. (2014), NICE: non-linear independent components estimation. There the scaling
    comes last; here it comes first, where it can start from the data.
    """

    def __init__(self, dim: int, n_layers: int = 8, *, hidden: int = 256, dropout: float = 0.0):
        super().__init__(_couplings(AdditiveCoupling, dim, n_layers, hidden, dropout), StandardNormal(dim))

    def start_from_data(self, x: Tensor) -> "NICE":
        """Let the scaling layer start at the mean and standard deviation of the data, (N, D)."""
        self.bijection.layers[0].start_from_data(x)
        return self


class RealNVP(Flow):
    """Affine couplings after one layer that scales each number.

    Args:
        dim: D, at least 2.
        n_layers: Number of couplings. Two in turn move both parts of x; then the order is shuffled.
        hidden: Units of each hidden layer of the couplings' networks.
        dropout: Share of hidden units silenced in training.

    Example:
        >>> flow = RealNVP(dim=2).eval()
        >>> x = torch.randn(5, 2)
        >>> z, log_det = flow.to_latent(x)
        >>> torch.allclose(flow.to_data(z), x, atol=1e-4)
        True

    Source: Dinh et al. (2016), Density estimation using Real NVP, section 3. Multi-layer perceptrons and
    halves of x in place of convolutions, checkerboards and channels.
    """

    def __init__(self, dim: int, n_layers: int = 8, *, hidden: int = 256, dropout: float = 0.0):
        super().__init__(_couplings(AffineCoupling, dim, n_layers, hidden, dropout), StandardNormal(dim))

    def start_from_data(self, x: Tensor) -> "RealNVP":
        """Let the scaling layer start at the mean and standard deviation of the data, (N, D)."""
        self.bijection.layers[0].start_from_data(x)
        return self


def _couplings(kind: type[nn.Module], dim: int, n_layers: int, hidden: int, dropout: float) -> Chain:
    check_count(n_layers, kind.__name__, "n_layers")
    layers: list[nn.Module] = [Affine(dim)]
    for k in range(n_layers):
        if k % 2 == 0 and dim > 2:  # in the plane the two numbers meet in every layer anyway
            layers.append(Permute(dim, seed=k))
        layers.append(kind(dim, hidden, flip=bool(k % 2), dropout=dropout))
    return Chain(layers)


def _sizes(dim: int, flip: bool, owner: str) -> tuple[int, int]:
    check_count(dim, owner, "dim")
    if dim < 2:
        raise ValueError(f"{owner}: expected dim from 2 up, so that there are two parts, got {dim}.")
    first, second = dim - dim // 2, dim // 2
    return (second, first) if flip else (first, second)


@torch.no_grad()
def _near_zero(net: nn.Sequential) -> nn.Sequential:
    """Small outputs at the start: the layers begin near the identity, where a deep stack trains best."""
    net[-1].weight.mul_(0.1)
    net[-1].bias.zero_()
    return net


def _split(x: Tensor, flip: bool) -> tuple[Tensor, Tensor]:
    """x -> (x_a, x_b): the part that stays and the part that moves."""
    first, second = x.chunk(2, dim=1)
    return (second, first) if flip else (first, second)


def _join(x_a: Tensor, x_b: Tensor, flip: bool) -> Tensor:
    return torch.cat((x_b, x_a) if flip else (x_a, x_b), dim=1)

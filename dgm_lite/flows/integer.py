"""Integer discrete flows: invertible maps of integers, where no volume changes and no determinant is needed.

    log p(x) = log p_z(f(x)),   f a bijection of Z^D                           [book: eq. integer-flow]
    z_a = x_a,   z_b = x_b + round(t(x_a))                                     [book: eq. rounded-coupling]
    z_a = x_a,   z_b = (L-1) - x_b + round(t(x_a)) where r(x_a) = 1            [book: eq. mirrored-coupling]

The model is a distribution over all of Z^D, not only over 0 .. L-1: a shift may carry any integer to any
other, so the base gives every integer a share, and its tails are not cut off.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dgm_lite.flows.logistic_base import LogisticMixtureBase
from dgm_lite.nets import in_eval_mode, mlp
from dgm_lite.shapes import check_count, check_counts, check_levels, check_real, has_values

MIRROR_SPEED = 4.0  # a mirror has to become sure, a shift only to come within 1/2: logits move faster
MIRROR_ENTROPY = 0.2  # reward in the training loss for each nat of a mirror's entropy


class RoundedCoupling(nn.Module):
    """z_a = x_a,   z_b = x_b + round(t(x_a)),   or its mirror image (L-1) - x_b + round(t(x_a)).

    A bijection of Z^D whatever the network says, because x_a stands in z and the same integers can be taken
    off again. No factor but +1 and -1 would do: even rounded, a larger one leaves gaps, and under a smaller
    one integers meet.

    Args:
        dim: D.
        levels: L. The network sees x_a clipped to 0 .. L-1, so that no far x_a makes a wild shift.
        part: Which part is moved, from 1 up; the network sees all parts before it, x_a.
        n_parts: Parts into which the D numbers are shuffled, 2 to D.
        hidden: Units of the network's hidden layer.
        mirrors: Whether the network also decides on the mirror image.
        dropout: Share of hidden units silenced in training. Outside training the map is always the same.

    Raises:
        ValueError: If a size is below 1, or there is no such part.

    Source: book eqs. `rounded-coupling`, `mirrored-coupling`; Hoogeboom et al. (2019), Integer discrete flows
    and lossless compression, section 3. The mirror is what Z leaves of the factors of Tran et al. (2019),
    Discrete flows; more parts than two are those of Tomczak (2020), General invertible transformations.
    """

    def __init__(self, dim: int, levels: int, *, part: int = 1, n_parts: int = 2, hidden: int = 64,
                 mirrors: bool = True, dropout: float = 0.0):  # fmt: skip
        super().__init__()
        check_counts("RoundedCoupling", dim=dim, levels=levels, part=part, n_parts=n_parts)
        if not part < n_parts <= dim:
            raise ValueError(
                f"RoundedCoupling: expected part < n_parts <= dim, "
                f"got part {part} of {n_parts} in {dim} numbers."
            )
        parts = parts_of(dim, n_parts)
        stays = torch.cat(parts[:part] + parts[part + 1 :])
        self.levels, self.mirrors = levels, mirrors
        self.register_buffer("sees", torch.cat(parts[:part]))
        self.register_buffer("moves", parts[part])
        self.register_buffer("stays", stays)
        self.register_buffer("back", torch.cat((stays, parts[part])).argsort())
        n_b = len(parts[part])
        self.net = mlp(len(self.sees), hidden, 2 * n_b if mirrors else n_b, n_layers=1, dropout=dropout)
        with torch.no_grad():  # no shift at first
            self.net[-1].weight[:n_b].zero_()
            self.net[-1].bias.zero_()

    def outputs(self, x_a: Tensor) -> tuple[Tensor, Tensor]:
        """t(x_a), and the logit of the mirror image: real numbers, (B, D_b) each."""
        v = x_a.to(self.net[0].weight.dtype).clamp(0, self.levels - 1)
        out = self.net(2 * v / max(self.levels - 1, 1) - 1)
        if not self.mirrors:
            return out, torch.full_like(out, -torch.inf)
        t, logit = out.chunk(2, dim=1)
        return t, MIRROR_SPEED * logit

    def decide(self, x_a: Tensor) -> tuple[Tensor, Tensor]:
        """round(t(x_a)) in the type of x_a, and whether z_b is mirrored."""
        t, logit = self.outputs(x_a)
        if not x_a.is_floating_point():
            # As an integer NaN would be a number like any other. Its sum tells in half the time of the check.
            if has_values(t) and not math.isfinite(t.sum().item()):
                check_real(t, ("B", "D"), "RoundedCoupling, shifts computed from its weights")
            return t.round().long(), logit > 0
        # Straight through: the value is the rounded one (t + (r - t) is r exactly), the slope that of t.
        return t + (t.round() - t).detach(), logit > 0

    def mirror(self, x_b: Tensor, where: Tensor) -> Tensor:
        """(L-1) - x_b where it says so, else x_b: its own inverse, and 0 .. L-1 stays in its place."""
        return torch.where(where, self.levels - 1 - x_b, x_b)

    def to_latent(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(z, 0): (B, D) and (B,). Whole floats go where the integers go."""
        shift, mirrored = self.decide(x.index_select(1, self.sees))
        z_b = self.mirror(x.index_select(1, self.moves), mirrored) + shift
        return self.with_moved(x, z_b), x.new_zeros(x.shape[0])

    def to_data(self, z: Tensor) -> Tensor:
        """x_a = z_a, and x_b by the inverse steps in the inverse order."""
        shift, mirrored = self.decide(z.index_select(1, self.sees))
        x_b = self.mirror(z.index_select(1, self.moves) - shift, mirrored)
        return self.with_moved(z, x_b)

    def with_moved(self, x: Tensor, x_b: Tensor) -> Tensor:
        """x with x_b in the places of the moved part."""
        return torch.cat((x.index_select(1, self.stays), x_b), 1).index_select(1, self.back)

    def chances(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """What z_b would be if mirrors were drawn by their logits, and t rounded up by its fraction.

        Returns:
            The four values of each number, integers (B, D_b, 4); their probabilities, which carry the
            gradient, (B, D_b, 4); and the entropy of the choice of mirror, nats, (B, D_b).

        Source: book eq. `expected-nats`.
        """
        x_b = x.index_select(1, self.moves)
        t, logit = self.outputs(x.index_select(1, self.sees))
        r, floor = logit.sigmoid(), t.detach().floor()
        up = t - floor
        images = [(x_b, 1 - r), (self.levels - 1 - x_b, r)]
        steps = [(floor.long(), 1 - up), (floor.long() + 1, up)]
        values = torch.stack([v + j for v, _ in images for j, _ in steps], 2)
        probs = torch.stack([p * q for _, p in images for _, q in steps], 2)
        entropy = F.softplus(logit) - r * logit if self.mirrors else torch.zeros_like(t)
        return values, probs, entropy


def parts_of(dim: int, n_parts: int) -> list[Tensor]:
    """The numbers 0 .. dim-1 shuffled, always in the same way, and cut into n_parts."""
    order = torch.randperm(dim, generator=torch.Generator().manual_seed(0))
    return [piece.sort().values for piece in order.tensor_split(n_parts)]


class IntegerFlow(nn.Module):
    """Rounded couplings over a base of logistic mixtures: an exact distribution over all of Z^D.

    Each part of x is moved once, by a coupling that sees the parts before it. With one part there is no
    coupling, and what is left is the bare base.

    Args:
        dim: D.
        levels: L; the data are 0 .. L-1. The model itself gives every integer a share.
        n_parts: Parts, of which all but the first are moved; never more than D.
        hidden: Units of the hidden layer of each coupling's network.
        n_components: Logistics for each number of the base.
        mirrors: Whether couplings may mirror what they move, or only shift it.
        straight_through: Train by the straight-through gradient of rounding, not the exact expectation.
        dropout: Share of hidden units silenced in training. In eval mode the map is always the same.

    Raises:
        ValueError: If a size is below 1, or mirrors are to be learned straight through.

    Source: book eq. `integer-flow`; Hoogeboom et al. (2019), Integer discrete flows and lossless compression.
    """

    def __init__(self, dim: int, levels: int, *, n_parts: int = 2, hidden: int = 64, n_components: int = 9,
                 mirrors: bool = True, straight_through: bool = False, dropout: float = 0.0):  # fmt: skip
        super().__init__()
        check_counts("IntegerFlow", dim=dim, levels=levels, n_parts=n_parts, hidden=hidden)
        if mirrors and straight_through:
            raise ValueError("IntegerFlow: expected mirrors=False where straight_through=True, got True.")
        self.dim, self.levels, self.straight_through = dim, levels, straight_through
        n_parts = min(n_parts, dim)
        options = {"n_parts": n_parts, "hidden": hidden, "mirrors": mirrors, "dropout": dropout}
        # The last part first: whatever a coupling sees still is as it was in x.
        self.couplings = nn.ModuleList(
            RoundedCoupling(dim, levels, part=part, **options) for part in range(n_parts - 1, 0, -1)
        )
        self.register_buffer("unmoved", parts_of(dim, n_parts)[0])
        self.base = LogisticMixtureBase(dim, n_components)

    def start_from_data(self, x: Tensor) -> "IntegerFlow":
        """Let the base start from training data, integers 0 .. L-1, (N, D)."""
        check_levels(x, self.levels, ("N", self.dim), "IntegerFlow.start_from_data")
        self.base.start_from_data(x)
        return self

    @in_eval_mode
    def to_latent(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(z, log_det) = (f(x), 0): integers (B, D), and zeros (B,), because no volume changes.

        Raises:
            ValueError: If x is not of shape (B, D), or not of integers.
        """
        z = check_levels(x, None, ("B", self.dim), "IntegerFlow")
        for coupling in self.couplings:
            z, _ = coupling.to_latent(z)
        return z, self.base.mu.new_zeros(len(x))

    @in_eval_mode
    def to_data(self, z: Tensor) -> Tensor:
        """x = f^-1(z): integers (B, D), exactly, for any integers z."""
        x = check_levels(z, None, ("B", self.dim), "IntegerFlow.to_data")
        for coupling in reversed(self.couplings):
            x = coupling.to_data(x)
        return x

    def log_prob(self, x: Tensor) -> Tensor:
        """Exact log-probability: log p(x) = log p_z(f(x)).

        Args:
            x: Any integers, shape (B, D). Those of the data, 0 .. L-1, are some of all that have a share.

        Returns:
            Nats, shape (B,). The probabilities sum to one over Z^D, over the data's range to a little less.

        Raises:
            ValueError: If x is not of shape (B, D), or not of integers.

        Source: book eq. `integer-flow`; Hoogeboom et al. (2019), Integer discrete flows, section 3.
        """
        return self.base.log_prob(self.to_latent(x)[0])

    def loss(self, x: Tensor) -> Tensor:
        """Mean of -log p(x), nats per example; in training, the expectation over drawn mirrors and roundings.

        Rounding has the slope 0 or none. The expectation has a slope, and a sum over four values of each
        number gives it exactly: each is moved once, and couplings see only what has not moved. A small
        reward for entropy keeps the mirrors from being settled before the base knows what they are for.

        Source: book eq. `expected-nats`.
        """
        x = check_levels(x, None, ("B", self.dim), "IntegerFlow")
        if not self.training:
            return -self.log_prob(x).mean()
        if self.straight_through:
            z = x.to(self.base.mu.dtype)
            for coupling in self.couplings:
                z, _ = coupling.to_latent(z)
            return -self.base.log_prob(z).mean()
        drawn = [(coupling.moves, *coupling.chances(x)) for coupling in self.couplings]
        values = [x[:, self.unmoved, None], *(values for _, values, _, _ in drawn)]
        nats = self.base.look_up(values, [self.unmoved, *(moves for moves, _, _, _ in drawn)])
        total = nats[0].sum((1, 2))
        for (_, _, probs, entropy), log_p in zip(drawn, nats[1:], strict=True):
            total = total + (probs * log_p).sum((1, 2)) + MIRROR_ENTROPY * entropy.sum(1)
        return -total.mean()

    @torch.no_grad()
    def sample(self, n: int, *, generator: torch.Generator | None = None) -> Tensor:
        """Draw z from the base and carry it back: integers (n, D). Some may lie outside 0 .. L-1."""
        check_count(n, "IntegerFlow.sample")
        return self.to_data(self.base.sample(n, generator=generator))

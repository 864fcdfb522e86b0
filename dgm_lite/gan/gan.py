"""A generative adversarial network: two players, one loss each, and no likelihood.

x = G(z),  z ~ N(0, I)                                                   [book: eq. gan-generator]
D(x) = sigmoid(f(x)),  the probability that x is real; the network gives its logit f(x)
R = gamma / 2 E |df/dx|^2 over the data, a penalty for D                 [book: eq. gan-penalty]
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dgm_lite.nets import in_eval_mode, mlp
from dgm_lite.protocols import Player
from dgm_lite.shapes import check_count, check_counts, check_real

LOSSES = ("non-saturating", "saturating")


class GAN(nn.Module):
    """Generator against discriminator, for real vectors x in R^D.

    There is no ``loss``: no single number is minimised by all weights. Train it by its ``players``. And there
    is no ``log_prob``: G has no inverse that one could write down, and where z has fewer numbers than x
    there is no density at all. ``gan.search`` finds it in the plane.

    Args:
        dim: D, numbers of an object.
        latent_dim: Numbers of z.
        hidden: Units of each hidden layer, of both networks.
        n_layers: Hidden layers of both networks.
        loss: What the generator minimises: "non-saturating" or "saturating".
        penalty: Weight gamma of the squared gradient of the logit f at the data (0: none); it calms the game.
        limits: Smallest and largest value of the data, or None. With limits G's output is squashed
            into them (a little beyond, so that both ends can be reached).

    Example:
        >>> gan = GAN(dim=2, latent_dim=2)
        >>> [player.name for player in gan.players()]
        ['discriminator', 'generator']

    Source: book eq. `gan-discriminator`; Goodfellow et al. (2014), Generative adversarial nets, section 3;
    the penalty is R1 of Mescheder et al. (2018), Which training methods for GANs do actually converge?
    """

    def __init__(self, dim: int, latent_dim: int, *, hidden: int = 128, n_layers: int = 2,
                 loss: str = "non-saturating", penalty: float = 0.0,
                 limits: tuple[float, float] | None = None):  # fmt: skip
        super().__init__()
        check_counts("GAN", dim=dim, latent_dim=latent_dim)
        if loss not in LOSSES:
            raise ValueError(f"GAN: expected loss to be one of {', '.join(LOSSES)}; got {loss!r}.")
        if penalty < 0:
            raise ValueError(f"GAN: expected a penalty from 0 up, got {penalty}.")
        if limits is not None and not limits[0] < limits[1]:
            raise ValueError(f"GAN: expected limits (low, high) with low < high, got {limits}.")
        self.dim, self.latent_dim, self.generator_loss, self.penalty = dim, latent_dim, loss, penalty
        self.generator = mlp(latent_dim, hidden, dim, n_layers=n_layers)
        self.discriminator = mlp(dim, hidden, 1, n_layers=n_layers)
        self.bounded = limits is not None
        low, high = limits or (-1.0, 1.0)
        self.register_buffer("middle", torch.tensor((low + high) / 2))
        self.register_buffer("half_width", torch.tensor((high - low) / 2))

    def generate(self, z: Tensor) -> Tensor:
        """x = G(z): (B, latent_dim) -> (B, D)."""
        return self._generated(check_real(z, ("B", self.latent_dim), self, finite=False))

    def _generated(self, z: Tensor) -> Tensor:
        g = self.generator(z)
        return self.middle + self.half_width * (1.02 * torch.tanh(g) if self.bounded else g)

    def discriminate(self, x: Tensor) -> Tensor:
        """Logit of the probability that x is real: (B, D) -> (B,)."""
        x = check_real(x, ("B", self.dim), self, finite=False)
        return self.discriminator((x - self.middle) / self.half_width).squeeze(1)

    def discriminator_player_loss(self, x: Tensor) -> Tensor:
        """-log D(x) - log(1 - D(G(z))), a classifier's cross-entropy of real (x) against drawn.

        Source: book eq. `gan-discriminator`; Goodfellow et al. (2014), equation 1.
        """
        x = check_real(x, ("B", self.dim), self)
        drawn = self.generate(self._latent(len(x))).detach()
        # softplus(-f) = -log sigmoid(f): no probability is formed that could be 0
        loss = F.softplus(-self.discriminate(x)).mean()
        loss = loss + F.softplus(self.discriminate(drawn)).mean()
        if self.penalty:
            loss = loss + self.penalty / 2 * self._squared_gradient(x)
        return loss

    def generator_player_loss(self, x: Tensor) -> Tensor:
        """-log D(G(z)) (non-saturating), or log(1 - D(G(z))) (saturating).

        Source: book eq. `gan-non-saturating`; Goodfellow et al. (2014), section 3.
        """
        logit = self.discriminate(self.generate(self._latent(len(x))))
        if self.generator_loss == "non-saturating":
            return F.softplus(-logit).mean()
        return -F.softplus(logit).mean()

    @torch.compiler.disable  # a compiled graph has no gradient of a gradient
    def _squared_gradient(self, x: Tensor) -> Tensor:
        x = ((x - self.middle) / self.half_width).requires_grad_()
        (gradient,) = torch.autograd.grad(self.discriminator(x).sum(), x, create_graph=True)
        return gradient.square().sum(1).mean()

    def _latent(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        return torch.randn(
            n,
            self.latent_dim,
            generator=generator,
            device=self.half_width.device,
            dtype=self.half_width.dtype,
        )

    def players(self) -> list[Player]:
        """The discriminator and the generator, each with its own weights and its own loss."""
        watch, draw = self.discriminator_player_loss, self.generator_player_loss
        return [
            Player("discriminator", self.discriminator, watch),
            Player("generator", self.generator, draw),
        ]

    @torch.no_grad()
    @in_eval_mode
    def sample(self, n: int, *, generator: torch.Generator | None = None) -> Tensor:
        """z ~ N(0, I), then x = G(z): real numbers, shape (n, D), in one pass."""
        check_count(n, f"{type(self).__name__}.sample")
        return self._generated(self._latent(n, generator))  # its own draws need no check

    @in_eval_mode
    def force(self, x: Tensor) -> Tensor:
        """Where the generator's loss pushes a drawn point x: minus its gradient, (B, D).

        It is (1 - D(x)) grad f(x) for the non-saturating loss and D(x) grad f(x) for the saturating
        one, with f the logit: the first is strong where the discriminator is sure, the second vanishes.

        Source: book eq. `gan-force`.
        """
        x = check_real(x, ("B", self.dim), self).detach().requires_grad_()
        logit = self.discriminate(x)
        (slope,) = torch.autograd.grad(logit.sum(), x)
        weight = torch.sigmoid(-logit if self.generator_loss == "non-saturating" else logit)
        return weight.detach()[:, None] * slope


class WholeGAN(GAN):
    """A GAN that draws whole numbers, so that blank paper can be exactly 0: x = round(G(z)).

    Rounding has no slope. Gradients pass it as if it were not there (straight-through), dx/dG := 1. The rest,
    arguments too, is as in ``GAN``; train it on whole numbers, or the discriminator sees the difference.

    Source: book eq. `gan-generator`; Bengio et al. (2013), Estimating or propagating gradients through
    stochastic neurons, section 4.
    """

    def _generated(self, z: Tensor) -> Tensor:
        x = super()._generated(z)
        return x + (x.round() - x).detach()

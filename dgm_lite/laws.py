"""What has to be true of every model, as functions that raise AssertionError where it is not.

Each takes a model, states one law, and works in float64 so that a violation is a wrong formula and
not a rounding error. ``test_laws.py`` applies them to the whole catalog, ``test_planted_errors.py``
shows that each catches the error it is there for.
"""

import copy
import itertools
from collections.abc import Callable

import numpy as np
import torch
from scipy import stats
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from dgm_lite import weights
from dgm_lite.latent.vae import by_quadrature
from dgm_lite.protocols import Adversarial, Bijection, Density, Sampler, Trainable
from dgm_lite.training.config import TrainConfig
from dgm_lite.training.step import Trainer, players_of

# With fixed seeds a correct model passes for ever; a law that were right only 999 times in 1,000
# for a new seed would still be noticed, because seeds are changed rarely.
SURE = 1e-3


def prepare(model: nn.Module, seed: int = 0, scale: float = 0.7) -> nn.Module:
    """The model in float64 and eval mode, with every weight moved off its start.

    Zeros and ones at the start hide errors: a variance equals its root there, and a
    layer that starts at zero passes nothing on.
    """
    model = copy.deepcopy(model).double().eval()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(scale * torch.randn(parameter.shape, generator=generator, dtype=torch.float64))
    return model


def examples(model: nn.Module, n: int = 16, seed: int = 1) -> Tensor:
    """Inputs that the model takes but did not make: uniform integers, or normal floats in its dtype."""
    one = model.sample(1, generator=torch.Generator().manual_seed(seed))
    generator = torch.Generator().manual_seed(seed)
    if one.is_floating_point():
        return torch.randn(n, *one.shape[1:], generator=generator, dtype=one.dtype)
    return torch.randint(model.levels, (n, *one.shape[1:]), generator=generator)


def domain(dim: int, levels: int) -> Tensor:
    """Every x in {0, .., levels-1}^D, (levels^D, D)."""
    assert levels**dim <= 50_000, (
        f"{levels}^{dim} points are too many to enumerate: give the catalog a smaller `small`"
    )
    return torch.tensor(list(itertools.product(range(levels), repeat=dim)))


def plane(model: nn.Module, n: int = 400, margin: float = 1.0) -> tuple[Tensor, float]:
    """A grid wide enough to hold all of p(x), (n * n, 2), and the area of one cell.

    Wide enough: the range of 2,000 draws, and ``margin`` times as much again on every side.
    """
    x = model.sample(2000, generator=torch.Generator().manual_seed(5))
    assert x.shape[1] == 2, (
        f"quadrature is for the plane, got {x.shape[1]} dimensions: give the catalog a smaller `small`"
    )
    low, high = x.min(0).values, x.max(0).values
    low, high = low - margin * (high - low), high + margin * (high - low)
    axes = [
        torch.linspace(a, b, n, dtype=torch.float64) for a, b in zip(low.tolist(), high.tolist(), strict=True)
    ]
    grid = torch.stack(torch.meshgrid(*axes, indexing="xy"), dim=-1).reshape(-1, 2)
    return grid, float((axes[0][1] - axes[0][0]) * (axes[1][1] - axes[1][0]))


def is_discrete(model: nn.Module) -> bool:
    """Whether the model draws integers."""
    return not model.sample(1).is_floating_point()


def is_unbounded(model: nn.Module) -> bool:
    """Whether every integer has a share, and not only 0 .. levels-1: so it is with bijections of integers."""
    return is_discrete(model) and isinstance(model, Bijection)


def everything(model: nn.Module) -> tuple[Tensor, Tensor]:
    """Every x of a discrete model, in order, (N, D), and the smallest and largest value of each column.

    Where all integers have a share: a box that leaves out less than 1e-9 of it. The range of 20,000 draws
    reaches about 10 scales of the widest logistic, and beyond twice as many more lies exp(-30).
    """
    if not is_unbounded(model):
        dim = model.sample(1).shape[1]
        return domain(dim, model.levels), torch.tensor([[0, model.levels - 1]] * dim)
    x = model.sample(20_000, generator=torch.Generator().manual_seed(5))
    low, high = x.aminmax(dim=0)
    ends = torch.stack([low - (high - low), high + (high - low)], 1)
    n = int((ends[:, 1] - ends[:, 0] + 1).prod())
    assert n <= 1_000_000, f"{n} points are too many to enumerate: give the catalog a smaller `small`"
    return torch.cartesian_prod(*(torch.arange(a, b + 1) for a, b in ends.tolist())).view(n, -1), ends


# --- densities ------------------------------------------------------------------------------


@torch.no_grad()
def total_mass(model: nn.Module) -> float:
    """Sum of p(x) over every x, or its integral over the plane."""
    if is_discrete(model):
        return model.log_prob(everything(model)[0]).exp().sum().item()
    x, cell = plane(model)
    return model.log_prob(x).exp().sum().item() * cell


def sums_to_one(model: nn.Module) -> None:
    """sum_x p(x) = 1 over the enumerated domain, or the integral of p(x) over the plane is 1."""
    mass = total_mass(model)
    # A smooth density on a grid that covers it is integrated almost exactly; the rest is in its tails.
    tolerance = (1e-9 if is_unbounded(model) else 1e-10) if is_discrete(model) else 1e-5
    assert abs(mass - 1) < tolerance, f"p(x) sums to {mass!r}"


@torch.no_grad()
def sampler_matches_density(model: nn.Module, n: int = 10_000, seed: int = 2) -> None:
    """The draws of ``sample`` have the distribution that ``log_prob`` states.

    Integers: chi-square over the enumerated domain. Plane: Kolmogorov's test of several functions of x,
    whose exact distribution comes from quadrature.
    """
    x = model.sample(n, generator=torch.Generator().manual_seed(seed))
    if is_discrete(model):
        every, ends = everything(model)
        expected = model.log_prob(every).exp().numpy() * n
        assert ((x >= ends[:, 0]) & (x <= ends[:, 1])).all(), "a draw lies where log_prob has no mass"
        widths = (ends[:, 1] - ends[:, 0] + 1).tolist()
        places = np.ravel_multi_index(tuple((x - ends[:, 0]).T.numpy()), widths)
        seen = np.bincount(places, minlength=len(every))
        # Rare values are counted together, or the chi-square distribution would not apply.
        order = np.argsort(expected)
        rare = order[: np.searchsorted(expected[order].cumsum(), 5) + 1]
        common = np.setdiff1d(order, rare)
        expected = np.r_[expected[rare].sum(), expected[common]]
        seen = np.r_[seen[rare].sum(), seen[common]]
        p_value = stats.chisquare(seen, expected * n / expected.sum()).pvalue
        assert p_value > SURE, f"draws do not follow log_prob: chi-square p = {p_value:.2g}"
        return
    # Finer than for a sum: the distribution of one coordinate is known up to half a column of the grid. The
    # far tails, which a sum must not miss, are too small a share to show among these draws.
    grid, _ = plane(model, 700, margin=0.3)
    log_p = model.log_prob(grid)
    density = log_p.exp().numpy()
    functions: dict[str, Callable[[Tensor], Tensor]] = {
        "x_0": lambda v: v[:, 0],
        "x_1": lambda v: v[:, 1],
        "x_0 + x_1": lambda v: v.sum(1),
        "x_0 - x_1": lambda v: v[:, 0] - v[:, 1],
        "log p(x)": model.log_prob,
    }
    for name, function in functions.items():
        at = (log_p if function == model.log_prob else function(grid)).numpy()
        order = np.argsort(at)
        share = density[order].cumsum() / density.sum()
        p_value = stats.kstest(function(x[:4000]).numpy(), lambda v: np.interp(v, at[order], share)).pvalue  # noqa: B023
        assert p_value > SURE, f"draws do not follow log_prob: Kolmogorov p of {name} = {p_value:.2g}"


@torch.no_grad()
def value_ignores_the_batch(model: nn.Module, x: Tensor) -> None:
    """log p of one example is the same alone, among others, and in another order."""
    together = model.log_prob(x)
    assert together.shape == (len(x),), f"expected ({len(x)},), got {tuple(together.shape)}"
    alone = torch.cat([model.log_prob(one[None]) for one in x])
    torch.testing.assert_close(together, alone, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(model.log_prob(x.flip(0)).flip(0), together, rtol=1e-12, atol=1e-12)


# --- bijections -----------------------------------------------------------------------------


@torch.no_grad()
def comes_back(bijection: nn.Module, x: Tensor, tolerance: float = 1e-8) -> None:
    """to_data(to_latent(x)) = x, and the other way round, in float64."""
    z, log_det = bijection.to_latent(x)
    assert z.shape == x.shape, f"expected z of shape {tuple(x.shape)}, got {tuple(z.shape)}"
    assert log_det.shape == (len(x),), f"expected one log_det per example, got {tuple(log_det.shape)}"
    torch.testing.assert_close(bijection.to_data(z), x, rtol=tolerance, atol=tolerance)
    there, _ = bijection.to_latent(bijection.to_data(x))
    torch.testing.assert_close(there, x, rtol=tolerance, atol=tolerance)


@torch.no_grad()
def moves_integers_exactly(bijection: nn.Module, x: Tensor) -> None:
    """Integers go to integers and come back as they were, from either side; log_det is exactly 0."""
    z, log_det = bijection.to_latent(x)
    assert z.dtype == torch.long, f"integers became {z.dtype}"
    assert z.shape == x.shape, f"expected z of shape {tuple(x.shape)}, got {tuple(z.shape)}"
    assert torch.equal(log_det, torch.zeros_like(log_det)), f"log_det is up to {log_det.abs().max():.3g} nats"
    assert log_det.shape == (len(x),), f"expected one log_det per example, got {tuple(log_det.shape)}"
    for what, back in {
        "to_data(to_latent(x))": bijection.to_data(z),
        "to_latent(to_data(x))": bijection.to_latent(bijection.to_data(x))[0],
    }.items():
        wrong = int((back != x).any(1).sum())
        assert wrong == 0, f"{what} differs from x for {wrong} of {len(x)} examples"


def log_det_is_autograds(bijection: nn.Module, x: Tensor, tolerance: float = 1e-8) -> None:
    """log_det is log |det dz/dx| of the D x D derivatives that automatic differentiation finds."""
    log_det = bijection.to_latent(x)[1].detach()
    for k in range(len(x)):
        jacobian = torch.autograd.functional.jacobian(lambda v: bijection.to_latent(v[None])[0][0], x[k])
        expected = torch.linalg.slogdet(jacobian).logabsdet
        torch.testing.assert_close(log_det[k], expected, rtol=tolerance, atol=tolerance)


def sees_only_the_past(model: nn.Module) -> None:
    """Autoregression: output d does not depend on x_d or what comes after it, and does depend on the past.

    By the Jacobian of ``logits(x)``, (B, levels, D), at real-valued x, so that no finite step can miss it.
    """
    x = torch.rand(1, model.dim, dtype=torch.float64) * (model.levels - 1)
    jacobian = torch.autograd.functional.jacobian(model.logits, x)[
        0, :, :, 0, :
    ]  # (levels, D outputs, D inputs)
    reach = jacobian.abs().sum(0)
    forbidden = reach.triu(0)
    assert forbidden.max() == 0, (
        f"output {int(forbidden.max(1).values.argmax())} sees itself or what comes after it"
    )
    past = reach.tril(-1).sum(1)[1:]
    assert (past > 0).all(), f"output {1 + int(past.argmin())} does not see what came before it"


@torch.no_grad()
def steps_are_the_full_pass(model: nn.Module, x: Tensor, *labels: Tensor) -> None:
    """The stepwise computation, fed with x column by column, gives the logits of the one full pass."""
    full, steps, previous = model.logits(x, *labels), model.stepwise(len(x), *labels), None
    for d in range(model.dim):
        column = steps.next_logits(previous)
        torch.testing.assert_close(column.log_softmax(1), full[:, :, d].log_softmax(1), rtol=1e-9, atol=1e-9)
        previous = x[:, d]


def cached_sampling_is_naive(model: nn.Module, n: int = 6, seeds: int = 5, **labels: Tensor) -> None:
    """The cached sampler and the one of D full passes give equal draws, and use the generator equally."""
    for seed in range(seeds):
        one, two = (torch.Generator().manual_seed(seed) for _ in range(2))
        cached = model.sample(n, cache=True, generator=one, **labels)
        naive = model.sample(n, cache=False, generator=two, **labels)
        differ = int((cached != naive).sum())
        assert differ == 0, f"seed {seed}: {differ} of {cached.numel()} numbers differ"
        assert torch.equal(one.get_state(), two.get_state()), "one of them took more random numbers"


# --- bounds ---------------------------------------------------------------------------------


class ByQuadrature(nn.Module):
    """The exact density that a VAE with one or two latent numbers bounds: sums over a grid of z."""

    def __init__(self, model: nn.Module, reach: float = 12.0):
        super().__init__()
        self.model, self.reach = model, reach
        self.dim, self.levels = model.dim, model.levels

    def log_prob(self, x: Tensor) -> Tensor:
        """log p(x) in nats, (B,). Source: book eq. `vae-marginal`."""
        if x.is_floating_point():
            return self._log_prob_of_plane(x)
        return by_quadrature(self.model, x, reach=self.reach, n=4001 if self.model.prior.dim == 1 else 401)[0]

    def _log_prob_of_plane(self, x: Tensor, step: float = 0.1, reach: float = 50.0) -> Tensor:
        """The same for two real numbers that are independent given z, where many x share a coordinate."""
        z = torch.arange(-reach, reach, step, dtype=x.dtype)[:, None]
        given_z, p_z = self.model.likelihood(z), self.model.prior.log_prob(z).exp() * step
        tables, places = [], []
        for d in range(2):
            values, place = x[:, d].unique(return_inverse=True)
            normal = torch.distributions.Normal(given_z.mu[:, d], given_z.log_std.exp())
            tables.append(normal.log_prob(values[:, None]).exp())  # (values, z)
            places.append(place)
        return ((tables[0] * p_z) @ tables[1].T)[places[0], places[1]].log()

    def sample(self, n: int, *, generator: torch.Generator | None = None) -> Tensor:
        """What the model itself draws, (n, D)."""
        return self.model.sample(n, generator=generator)


def with_broad_posterior(model: nn.Module) -> nn.Module:
    """The same VAE, but q(z | x) is at least as broad as the prior and near its middle.

    Importance weights then have small variance, so that laws about their mean are sharp.
    """
    model = copy.deepcopy(model)
    last = [m for m in model.posterior.modules() if isinstance(m, nn.Linear)][-1]
    with torch.no_grad():
        last.weight.mul_(0.1)
        last.bias.copy_(torch.tensor([0.3, 0.4]).repeat_interleave(len(last.bias) // 2))  # mu, log sigma
    return model


@torch.no_grad()
def _log_weights(model: nn.Module, x: Tensor, n: int) -> Tensor:
    torch.manual_seed(7)
    return model.elbo(x.repeat_interleave(n, dim=0)).view(len(x), n)


@torch.no_grad()
def bound_is_below(model: nn.Module, x: Tensor, exact: Tensor, n: int = 4000) -> None:
    """The mean of elbo(x) over its draws is at most the exact log p(x), for each x.

    Args:
        model: A Bound.
        x: Examples, (B, *event).
        exact: log p(x) in nats, (B,).
        n: Draws for each x.
    """
    draws = _log_weights(model, x, n)
    above = draws.mean(1) - exact - 4 * draws.std(1) / n**0.5
    assert above.max() <= 0, f"the bound lies {above.max():.3g} nats above log p(x)"


@torch.no_grad()
def weights_average_to_the_likelihood(model: nn.Module, x: Tensor, exact: Tensor, n: int = 40_000) -> None:
    """E[exp elbo(x)] = p(x): what makes importance weighting right, and a wrong density or sampler wrong."""
    ratio = (_log_weights(model, x, n) - exact[:, None]).exp()
    off = (ratio.mean(1) - 1).abs() / (ratio.std(1) / n**0.5 + 1e-9)
    assert off.max() < 5, f"importance weights average to {ratio.mean(1)[off.argmax()]:.4f} of p(x)"


@torch.no_grad()
def more_draws_close_the_gap(model: nn.Module, x: Tensor, exact: Tensor, n: int = 3000) -> None:
    """The importance-weighted bound rises with k in the mean, stays below log p(x), and comes near it."""
    torch.manual_seed(8)
    many = x.repeat_interleave(n, dim=0)
    means = []
    for k in (1, 4, 16):
        draws = model.importance_weighted(many, k).view(len(x), n)
        above = draws.mean(1) - exact - 4 * draws.std(1) / n**0.5
        assert above.max() <= 0, f"with k = {k} the bound lies {above.max():.3g} nats above log p(x)"
        means.append(draws.mean(1))
    gaps = [(exact - m).mean().item() for m in means]
    assert gaps[0] > gaps[1] > gaps[2], f"more draws do not close the gap: {gaps}"
    assert gaps[2] < 0.25 * gaps[0], f"16 draws leave {gaps[2]:.3g} of {gaps[0]:.3g} nats"


# --- samplers -------------------------------------------------------------------------------


def draws_are_repeatable(model: nn.Module, n: int = 6) -> None:
    """The same generator gives the same draws, another seed others, and nothing else is consumed."""
    before = torch.get_rng_state()
    first, again, other = (model.sample(n, generator=torch.Generator().manual_seed(s)) for s in (3, 3, 4))
    assert len(first) == n, f"expected {n} draws, got {len(first)}"
    assert torch.equal(first, again), "the same seed gave other draws"
    assert not torch.equal(first, other), "another seed gave the same draws"
    assert torch.equal(before, torch.get_rng_state()), (
        "sampling with a generator took draws from the global one"
    )
    assert not first.requires_grad, "draws carry a gradient"


def drawing_and_inverting_use_no_dropout(model: nn.Module, x: Tensor) -> None:
    """What draws, fills in or inverts does in training mode what it does in eval mode, and keeps the mode.

    Args:
        model: With dropout, if it has any.
        x: Examples, (B, *event).
    """
    known = torch.arange(x.shape[1]) < x.shape[1] // 2
    calls = {"sample": (5,), "complete": (x, known), "reconstruct": (x,), "to_latent": (x,), "to_data": (x,)}
    calls = {name: arguments for name, arguments in calls.items() if hasattr(model, name)}
    for name, arguments in calls.items():
        results = []
        for training in (False, True):
            model.train(training)
            torch.manual_seed(3)
            out = getattr(model, name)(*arguments)
            results.append(out if isinstance(out, tuple) else (out,))
            assert all(part.training == training for part in model.modules()), f"{name} changed the mode"
        assert all(map(torch.equal, *results)), f"{name} differs in training mode"


# --- training -------------------------------------------------------------------------------


def every_entry_gets_a_gradient(model: nn.Module, *batches: tuple[Tensor, ...], unused: str = "") -> None:
    """Each player's loss reaches each entry of each of its weights, in one of the batches at least.

    Args:
        model: What is trained; in training mode, because that is where gradients count.
        *batches: What ``loss`` takes, several times.
        unused: Last part of the name of a weight of which some entries have no say by construction.
    """
    model = copy.deepcopy(model).train()
    for player in players_of(model):
        reached = {name: torch.zeros_like(p, dtype=bool) for name, p in player.weights.named_parameters()}
        for batch in batches:
            model.zero_grad(set_to_none=True)
            player.loss(*batch).backward()
            for name, parameter in player.weights.named_parameters():
                assert parameter.grad is not None, f"{name} gets no gradient from the loss of {player.name!r}"
                assert parameter.grad.isfinite().all(), f"the gradient of {name} is not finite"
                reached[name] |= parameter.grad != 0
        for name, entries in reached.items():
            assert entries.any(), f"the gradient of {name} is zero"
            assert entries.all() or name.split(".")[-1] == unused, (
                f"{int((~entries).sum())} of {entries.numel()} entries of {name} never get a gradient"
            )


def starting_from_data_helps(start: Callable[[Tensor], nn.Module], x: Tensor) -> None:
    """Weights set from the data explain them better than the first ones did, whatever their scale is.

    Args:
        start: The model's method that sets its weights.
        x: Data, (N, *event).
    """
    model, losses = start.__self__.eval(), []
    x = 10 * x + 50 if x.is_floating_point() else x
    for _ in range(2):
        torch.manual_seed(0)
        with torch.no_grad():
            losses.append(model.loss(x).item())
        start(x)
    assert losses[1] < losses[0] - 0.1, f"the start leaves the loss where it was: {losses} nats"


def all_weights_are_registered(model: nn.Module) -> None:
    """No layer in a plain list, no tensor in a plain attribute: neither would be trained or saved."""
    for name, part in model.named_modules():
        for attribute, value in vars(part).items():
            if attribute in {"_parameters", "_buffers", "_modules"} or "hooks" in attribute:
                continue
            inside = list(value.values()) if isinstance(value, dict) else value
            for item in inside if isinstance(inside, list | tuple) else [inside]:
                where = f"{name or type(model).__name__}.{attribute}"
                assert not isinstance(item, nn.Module), (
                    f"{where} hides a module: use ModuleList or ModuleDict"
                )
                assert not isinstance(item, Tensor), (
                    f"{where} is a bare tensor: use register_buffer or Parameter"
                )


def players_move_only_their_own_weights(model: nn.Module, *batch: Tensor) -> None:
    """After a player's turn no weight has moved but its own, and its own have."""
    for k, player in enumerate(players_of(model)):
        changed = copy.deepcopy(model)
        trainer = Trainer(changed, TrainConfig(lr=0.01, warmup=0.0), n_steps=10)
        trainer.players, trainer.optimizers = [trainer.players[k]], [trainer.optimizers[k]]
        own = {id(p) for p in trainer.players[0].weights.parameters()}
        trainer.step(batch)
        for (name, after), before in zip(changed.named_parameters(), model.parameters(), strict=True):
            moved = not torch.equal(after, before)
            assert moved == (id(after) in own), (
                f"{player.name!r} {'moved' if moved else 'did not move'} {name}"
            )


def players_share_no_weights(model: nn.Module) -> None:
    """No weight belongs to two players: they would pull it in two directions."""
    owner: dict[int, str] = {}
    names = {id(p): name for name, p in model.named_parameters()}
    for player in players_of(model):
        for parameter in player.weights.parameters():
            both = f"{owner.get(id(parameter))!r} and {player.name!r} share {names[id(parameter)]}"
            assert id(parameter) not in owner, both
            owner[id(parameter)] = player.name


def loss_is_mean_negative_log_prob(model: nn.Module, x: Tensor) -> None:
    """A density trained by likelihood reports nats per example: no other unit, no mean over pixels."""
    torch.testing.assert_close(model.loss(x), -model.log_prob(x).mean(), rtol=1e-12, atol=1e-12)


def leaves_the_mode_alone(measure: Callable[[nn.Module], object], model: nn.Module) -> None:
    """A measurement gives every part of the model back in the mode, train or eval, in which it was."""
    for training in (True, False):
        model.train(training)
        next(reversed(list(model.modules()))).train(not training)  # one part differs from the rest
        before = [part.training for part in model.modules()]
        measure(model)
        assert [part.training for part in model.modules()] == before, "the model came back in another mode"


# --- transformations ------------------------------------------------------------------------


class Measure(nn.Module):
    """One of a model's measures as the ``forward`` that ``torch.func.functional_call`` wants."""

    def __init__(self, model: nn.Module, name: str):
        super().__init__()
        self.model, self.name = model, name

    def forward(self, x: Tensor) -> Tensor:
        """Nats, (B,)."""
        return getattr(self.model, self.name)(x)


def measures(model: nn.Module) -> list[str]:
    """Names of the methods that give one number of nats for each example."""
    return [name for name in ("log_prob", "elbo", "energy") if hasattr(model, name)]


def goes_through_torch_func(model: nn.Module, x: Tensor) -> None:
    """vmap, grad and jvp of each measure give what a batch, autograd and a finite step give."""
    for name in measures(model):
        measure = Measure(model, name)
        weights = {k: v.detach() for k, v in measure.named_parameters()}

        def one(weights: dict[str, Tensor], example: Tensor) -> Tensor:
            return torch.func.functional_call(measure, weights, (example[None],))[0]  # noqa: B023

        torch.manual_seed(0)
        batch = measure(x)
        torch.manual_seed(0)
        each = torch.func.vmap(one, (None, 0), randomness="different")(weights, x)
        torch.testing.assert_close(each, batch)
        torch.manual_seed(0)
        slopes = torch.func.vmap(torch.func.grad(one), (None, 0), randomness="different")(weights, x)
        torch.testing.assert_close(
            {k: v.sum(0) for k, v in slopes.items()},
            dict(zip(weights, _slope(batch.sum(), measure), strict=True)),
        )
        step = {k: torch.randn_like(v) for k, v in weights.items()}
        torch.manual_seed(0)
        _, along = torch.func.jvp(lambda w: one(w, x[0]), (weights,), (step,))
        torch.manual_seed(0)
        slope = torch.func.grad(one)(weights, x[0])
        torch.testing.assert_close(along, sum((slope[k] * step[k]).sum() for k in step))


def _slope(value: Tensor, module: nn.Module) -> tuple[Tensor, ...]:
    return torch.autograd.grad(value, list(module.parameters()), materialize_grads=True)


def compiles(model: nn.Module, *batch: Tensor, whole: bool = True) -> None:
    """The compiled loss of each player is its loss, and so is its gradient.

    Args:
        model: What is trained.
        *batch: What ``loss`` takes.
        whole: Whether one graph holds all of it.
    """
    for player in players_of(model):
        found = []
        for loss in (player.loss, torch.compile(player.loss, backend="aot_eager", fullgraph=whole)):
            torch.manual_seed(0)
            value = loss(*batch)
            found.append([value, *_slope(value, player.weights)])
        torch.testing.assert_close(*found)


# --- everything -----------------------------------------------------------------------------


def numbers(model: nn.Module, x: Tensor) -> dict[str, Tensor]:
    """Every number that the model's abilities give, at fixed seeds."""
    found = {}
    with torch.no_grad():
        if isinstance(model, Density):
            found["log_prob"] = model.log_prob(x)
        if isinstance(model, Sampler):
            found["sample"] = model.sample(5, generator=torch.Generator().manual_seed(0))
    for player in players_of(model) if isinstance(model, Trainable | Adversarial) else ():
        torch.manual_seed(0)
        found[f"loss of {player.name}"] = player.loss(x).detach()
    assert found, f"{type(model).__name__} has no ability"
    return found


def saving_changes_nothing(model: nn.Module, other: nn.Module, x: Tensor, file) -> None:
    """Another model of the same sizes gives the very same numbers after loading what this one saved."""
    weights.save(model, file)
    other = other.to(next(model.parameters()).dtype).eval()
    before = numbers(other, x)
    weights.load(other, file)
    for name, value in numbers(model, x).items():
        assert torch.equal(value, numbers(other, x)[name]), f"{name} changed by saving and loading"
    assert any(not torch.equal(v, before[k]) for k, v in numbers(other, x).items()), (
        "the other model was no other"
    )


def dtypes_agree(
    model: nn.Module, x: Tensor, dtype: torch.dtype = torch.float32, tolerance: float = 1e-4
) -> None:
    """The model in another precision takes and gives that precision, and says nearly the same."""
    other = copy.deepcopy(model).to(dtype)
    moved = x.to(dtype) if x.is_floating_point() else x
    for name, value in numbers(other, moved).items():
        if value.is_floating_point():
            assert value.dtype == dtype, f"{name} came back as {value.dtype}, not {dtype}"
    for name in measures(model):
        with torch.no_grad(), SameNoise():
            said, exact = (_seeded(m, name, v) for m, v in ((other, moved), (model, x)))
            torch.testing.assert_close(said.double(), exact.double(), rtol=tolerance, atol=tolerance)
            if not x.is_floating_point():
                for same in (x.to(torch.int32), x.to(torch.uint8)):
                    if torch.equal(same.long(), x):  # far integers have no place in a byte
                        assert torch.equal(_seeded(model, name, same), exact), f"{same.dtype} changed {name}"


def _seeded(model: nn.Module, name: str, x: Tensor) -> Tensor:
    torch.manual_seed(4)
    return getattr(model, name)(x)


class SameNoise(TorchFunctionMode):
    """While it is on, random numbers in every precision are those of float32."""

    def __torch_function__(self, function, types, arguments=(), options=None):
        """Draw, and widen."""
        options = dict(options or {})
        dtype = options.pop("dtype", None) if function in (torch.rand, torch.randn) else None
        out = function(*arguments, **options)
        return out if dtype is None else out.to(dtype)


def refuses(call: Callable[[], object], *words: str) -> None:
    """The call raises ValueError whose message says what was expected, what came, and these words.

    Raises:
        AssertionError: If it is accepted, or refused in other words.
    """
    try:
        call()
    except ValueError as error:
        message = str(error)
    else:
        raise AssertionError("bad input was accepted")
    for word in ("expected", "got", *words):
        assert word in message, f"the message does not say {word!r}: {message}"


def bad_inputs(model: nn.Module, x: Tensor) -> dict[str, object]:
    """Inputs that no model of these data may accept, by what is wrong with them."""
    bad = {
        "one dimension too many columns": torch.cat([x, x[:, :1]], dim=1),
        "no batch dimension": x[0],
        "an image that was not flattened": x[:, None],
        "an empty batch": x[:0],
        "a list": x.tolist(),
        "an array": x.numpy(),
        "complex numbers": x.to(torch.complex64),
        "booleans": x > 0,
    }
    if x.is_floating_point():
        holed, endless = x.clone(), x.clone()
        holed[0, 0], endless[-1, -1] = torch.nan, torch.inf
        return bad | {"NaN": holed, "infinity": endless, "integers": x.long()}
    if is_unbounded(model):  # there is no level too high: a test of its own says that far integers are taken
        return bad | {"floats": x.float()}
    above, below = x.clone(), x.clone()
    above[0, 0], below[0, 0] = model.levels, -1
    return bad | {"a level too high": above, "a negative level": below, "floats": x.float()}


def bad_input_is_refused(model: nn.Module, x: Tensor) -> None:
    """log_prob, elbo and loss refuse every bad input, and sample every bad count, in the model's own name.

    Raises:
        AssertionError: If one is accepted, or refused in other words.
    """
    owner = type(model).__name__
    for what, bad in bad_inputs(model, x).items():
        for method in ("log_prob", "elbo", "loss"):
            if hasattr(model, method):
                try:
                    refuses(lambda: getattr(model, method)(bad), owner)  # noqa: B023
                except Exception as error:
                    raise AssertionError(f"{owner}.{method} and {what}: {error}") from error
    for n in (0, -1, 2.5, True, None):
        refuses(lambda: model.sample(n), owner)  # noqa: B023


# --- data -----------------------------------------------------------------------------------


def splits_share_their_classes(data, tolerance: float = 4.0) -> None:
    """Each class has the same share in every split, up to chance: data sorted by class were shuffled.

    Args:
        data: A Dataset with labels.
        tolerance: Standard errors that a share may differ.
    """
    counts = [torch.bincount(getattr(data, f"{s}_labels")) for s in ("train", "valid", "test")]
    width = max(len(c) for c in counts)
    counts = torch.stack([torch.nn.functional.pad(c, (0, width - len(c))) for c in counts]).double()
    share = counts.sum(0) / counts.sum()
    expected = counts.sum(1, keepdim=True) * share
    far = ((counts - expected).abs() / (expected * (1 - share)).sqrt()).max()
    assert far < tolerance, f"a class's share differs between splits by {far:.1f} standard errors"


def splits_are_disjoint(data) -> None:
    """No example of one split stands in another."""
    rows = {s: {row.numpy().tobytes() for row in getattr(data, s)} for s in ("train", "valid", "test")}
    for one, two in itertools.combinations(rows, 2):
        both = rows[one] & rows[two]
        assert not both, f"{len(both)} examples of {data.name} stand in {one} and in {two}"

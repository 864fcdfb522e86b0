"""Laws of autoregressive models: an output sees the past alone, and one position at a time gives the same."""

import torch
from torch import Tensor, nn

from dgm_lite.laws.report import NotTried, require, require_close
from dgm_lite.laws.subject import measuring


def sees_only_the_past(model: nn.Module) -> None:
    """Output d does not depend on x_d or what comes after it, and does depend on the past.

    By the Jacobian of ``logits(x)``, (B, levels, D), at real-valued x, so that no finite step can miss it.
    """
    x = torch.rand(1, model.dim, dtype=torch.float64) * (model.levels - 1)
    jacobian = torch.autograd.functional.jacobian(model.logits, x)
    reach = jacobian[0, :, :, 0, :].abs().sum(0)  # (D outputs, D inputs)
    forbidden = reach.triu(0)
    output = int(forbidden.max(1).values.argmax())
    require(forbidden.max() == 0, f"output {output} sees itself or what comes after it")
    past = reach.tril(-1).sum(1)[1:]
    blind = (past == 0).nonzero().flatten().tolist()
    require(not blind, f"output {1 + (blind or [0])[0]} does not see what came before it")


@measuring
def moving_one_moves_only_what_follows(model: nn.Module, x: Tensor, *labels: Tensor) -> None:
    """Another x_d leaves outputs 0 .. d of ``logits(x)`` as they were; the last output hears of some x_d.

    Args:
        model: Has ``logits(x) -> (B, levels, D)``.
        x: Integers, (B, D); each is tried at every d.
        *labels: Labels y, (B,), for a model of p(x | y).
    """
    dim, levels, heard = x.shape[1], model.levels, torch.zeros((), dtype=torch.float64)
    for k in range(len(x)):
        same = x[k].expand(dim, -1)
        other = torch.where(
            torch.eye(dim, dtype=torch.bool), (same + 1 + k % max(levels - 1, 1)) % levels, same
        )
        y = [v[k].expand(dim) for v in labels]
        change = (model.logits(other, *y) - model.logits(same, *y)).abs().amax(1)  # (moved d, output)
        early = change.tril(0)
        d, output = divmod(int(early.argmax()), dim)
        said = (
            f"moving x_{d} moved output {output} by {early.max():.3g}: it sees itself or what comes after it"
        )
        require(early.max() < (1e-9 if change.dtype == torch.float64 else 1e-4), said)
        heard = heard + change[:-1, -1].sum()
    require(dim == 1 or levels == 1 or heard > 0, f"output {dim - 1} does not see what came before it")


@measuring
def steps_are_the_full_pass(model: nn.Module, x: Tensor, *labels: Tensor) -> None:
    """The stepwise computation, fed with x column by column, gives the logits of the one full pass."""
    full, steps, previous = model.logits(x, *labels), model.stepwise(len(x), *labels), None
    for d in range(x.shape[1]):
        column = steps.next_logits(previous).log_softmax(1)
        what = f"log p of position {d}, one step at a time,"
        require_close(column, full[:, :, d].log_softmax(1), what, tolerance=1e-9, unit="nats")
        previous = x[:, d]


@measuring
def logits_are_the_likelihood(model: nn.Module, x: Tensor, *labels: Tensor) -> None:
    """log p(x) = sum_d log softmax(logits(x)_d)[x_d]: the product rule, whatever D is."""
    terms = model.logits(x, *labels).log_softmax(1).gather(1, x.long()[:, None]).squeeze(1)
    require_close(model.log_prob(x, *labels), terms.sum(1), "log_prob", tolerance=1e-9, unit="nats")


def cached_sampling_is_naive(model: nn.Module, n: int = 6, seeds: int = 5, **labels: Tensor) -> None:
    """The cached sampler and the one of D full passes give equal draws, and use the generator equally.

    Raises:
        NotTried: If D full passes would take too long.
    """
    if getattr(model, "dim", 0) > 1024:
        raise NotTried(f"{model.dim} full passes; give a small instance")
    for seed in range(seeds):
        one, two = (torch.Generator().manual_seed(seed) for _ in range(2))
        cached = model.sample(n, cache=True, generator=one, **labels)
        naive = model.sample(n, cache=False, generator=two, **labels)
        differ = int((cached != naive).sum())
        require(differ == 0, f"seed {seed}: {differ} of {cached.numel()} numbers differ")
        require(torch.equal(one.get_state(), two.get_state()), "one of them took more random numbers")

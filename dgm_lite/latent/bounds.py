"""What lies below log p(x), and what may lie above it, made of importance weights w = p(x, z) / r(z), z ~ r.

E log (1/k sum_i w_i)                 <= log p(x)                         [book: eq. iwae]
1/2 log E w^2                         >= log p(x)                         [book: eq. cubo]
E log (1/k (w* + sum_{i<k} w_i))      >= log p(x), where w* is the weight of a draw from p(z | x)
                                                                      [book: eq. sandwich]
"""

import math

import torch
from torch import Tensor

from dgm_lite.distributions import DiagonalNormal
from dgm_lite.latent.vae import VAE
from dgm_lite.nets import in_eval_mode
from dgm_lite.shapes import check_count


@torch.no_grad()
@in_eval_mode
def log_weights(
    model: VAE, x: Tensor, n: int, *, share: float = 0.0, generator: torch.Generator | None = None,
    at_once: int = 2_000,
) -> Tensor:  # fmt: skip
    """log w of n draws for each row, with z ~ r = (1 - share) q(z | x) + share p(z).

    With a share above 0, w = p(x, z) / r(z) <= p(x | z) / share: no weight can be huge, and all their
    moments exist. Of the n draws ``share * n`` are from the prior, evenly placed among the others.

    Args:
        model: A VAE with a Gaussian encoder.
        x: Objects, (B, D).
        n: Draws for each of them, k.
        share: Of the draws that come from the prior, in [0, 1).
        generator: Source of the draws.
        at_once: Rows decoded in one call: so few that what they need stays in the cache.

    Returns:
        Nats, (B, n). The mean of w itself is p(x).

    Raises:
        ValueError: If n or share are out of range, share * n is not whole, or the likelihood refuses x.
    """
    check_count(n, "log_weights", "n")
    if not 0 <= share < 1 or abs(share * n - round(share * n)) > 1e-6:
        raise ValueError(f"log_weights: expected a share in [0, 1) of {n} draws, got {share!r}.")
    x, parts = model.likelihood.check(x, model), []
    from_prior = (share * torch.arange(n + 1) + 1e-6).floor().diff().bool().to(x.device)
    for rows in x.split(max(1, at_once // n)):
        q = model.posterior.distribution(rows)
        q = DiagonalNormal(q.mu.repeat_interleave(n, dim=0), q.log_std.repeat_interleave(n, dim=0))
        z = q.sample(generator=generator)
        if share:
            chosen = from_prior.repeat(len(rows))
            z[chosen] = model.prior.sample(int(chosen.sum()), generator=generator)
        log_pz, log_r = model.prior.log_prob(z), q.log_prob(z)
        if share:
            log_r = torch.logaddexp(log_r + math.log1p(-share), log_pz + math.log(share))
        log_px = model.likelihood(z).log_prob(rows.repeat_interleave(n, dim=0))
        parts.append((log_px + log_pz - log_r).view(len(rows), n))
    return torch.cat(parts)


@torch.no_grad()
@in_eval_mode
def log_weight_of(model: VAE, x: Tensor, z: Tensor) -> Tensor:
    """log p(x, z) / q(z | x) at a z of one's own for each row: nats, (B,)."""
    x = model.likelihood.check(x, model)
    log_joint = model.likelihood(z).log_prob(x) + model.prior.log_prob(z)
    return log_joint - model.posterior.distribution(x).log_prob(z)


def in_groups(log_w: Tensor, k: int) -> Tensor:
    """n draws for each of B rows as groups of k, (B, n) -> (B * (n // k), k): the groups of a row together.

    Raises:
        ValueError: If k is no whole number from 1 to n.
    """
    check_count(k, "in_groups", "k")
    n = log_w.shape[1] // k
    if not n:
        raise ValueError(f"in_groups: expected k up to {log_w.shape[1]} draws, got {k}.")
    return log_w[:, : n * k].reshape(-1, k)


def iwae(log_w: Tensor) -> Tensor:
    """log (1/k sum_i w_i), (B, k) -> (B,): in the mean at most log p(x).

    Source: book eq. `iwae`; Burda et al. (2016), Importance weighted autoencoders, equation 8.
    """
    return log_w.logsumexp(1) - math.log(log_w.shape[1])


def cubo(log_w: Tensor) -> Tensor:
    """1/2 log (1/k sum_i w_i^2), (B, k) -> (B,): tends to an upper bound on log p(x), or to infinity.

    With few draws its mean may lie below log p(x): with one draw it is the ELBO's.

    Source: book eq. `cubo`; Dieng et al. (2017), Variational inference via chi upper bound minimization.
    """
    return 0.5 * ((2 * log_w).logsumexp(1) - math.log(log_w.shape[1]))


def upper_end(log_w: Tensor, *, errors: float = 1.96) -> Tensor:
    """log of (mean of w + 1.96 of its standard errors), (B, k) -> (B,): the end of a 95 % interval, nearly.

    Raises:
        ValueError: If there is one draw only, which has no standard error.
    """
    if log_w.shape[1] < 2:
        raise ValueError("upper_end: expected two draws or more, got one.")
    largest = log_w.amax(1, keepdim=True)
    w = (log_w - largest).exp()
    return (w.mean(1) + errors * w.std(1) / math.sqrt(w.shape[1])).log() + largest.squeeze(1)


def with_true_cause(log_w: Tensor, log_w_true: Tensor) -> Tensor:
    """log (1/k (w* + sum_{i<k} w_i)), (B, k) and (B,) -> (B,): in the mean at least log p(x).

    Args:
        log_w: Of k draws from q(z | x).
        log_w_true: Of one draw from p(z | x), such as the cause that a model's own draw came from.

    Source: book eq. `sandwich`; Grosse et al. (2015), Sandwiching the marginal likelihood using
    bidirectional Monte Carlo, section 3.
    """
    return iwae(torch.cat([log_w[:, 1:], log_w_true[:, None]], dim=1))

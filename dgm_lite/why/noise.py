"""Changes of an image that fool a classifier, and random noise of the same size.

    x' = argmax log p(t | x')   over integer images x' with |x'_d - x_d| <= budget     [book: eq. adversarial]

Two attacks: by the gradient, for any image, and pixel by pixel, for small ones and for any score.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from dgm_lite.protocols import Density
from dgm_lite.shapes import check_count, check_labels, check_levels, check_shape

# Maps images (M, B, D) to numbers (M, B); an attack makes them small.
Score = Callable[[Tensor], Tensor]
# Maps images (B, D) to the change of a score, nearly, under each of the 2 D moves: (2D, B).
Estimate = Callable[[Tensor], Tensor]


def rms(delta: Tensor) -> Tensor:
    """Size of a perturbation: sqrt(mean_d delta_d^2), in the unit of delta.

    Args:
        delta: Perturbations, (B, *event), integers or real.

    Returns:
        Shape (B,), in grey levels if delta is.

    Source: book eq. `rms`.
    """
    check_shape(delta, ("B", *delta.shape[1:]) if isinstance(delta, Tensor) else ("B", "D"), "rms")
    return delta.flatten(1).double().square().mean(1).sqrt()


def margin(logits: Tensor, y: Tensor) -> Tensor:
    """Logit of y minus the largest other logit: negative where the classifier prefers another label.

    Args:
        logits: Shape (..., n_classes).
        y: Labels, of a shape that broadcasts to (...).

    Returns:
        Shape (...), in nats: log p(y | x) - log p(y' | x) for the strongest rival y'.
    """
    y = y.expand(logits.shape[:-1])[..., None]
    rivals = logits.scatter(-1, y, -torch.inf)
    return logits.gather(-1, y).squeeze(-1) - rivals.max(-1).values


@torch.enable_grad()
def projected_gradient(
    objective: Callable[[Tensor], Tensor], x: Tensor, *, budget: float,
    levels: int = 256, n_steps: int = 20, whole: bool = True,
) -> Tensor:  # fmt: skip
    """Images near x on which an objective is high.

    Each step moves every pixel by the same amount in the direction that raises the objective, then back to
    within the budget and to existing grey levels.

    Args:
        objective: Maps real images (B, *event) in grey levels to numbers (B,), in nats.
        x: Integer images, values 0 .. levels-1, (B, *event).
        budget: Largest change of one pixel, in grey levels.
        levels: Number of grey levels.
        n_steps: Steps; together they could carry a pixel 2.5 budgets far.
        whole: Round to whole grey levels, as an image file must. Without it the result is real.

    Returns:
        Images of x's shape: integers if ``whole``, else real numbers.

    Raises:
        ValueError: If x is not an integer image, or the budget is not above 0.

    Source: book eq. `projected-gradient`; Madry et al. (2018), Towards deep learning models resistant to
    adversarial attacks, section 2.1.
    """
    event = x.shape[1:] if isinstance(x, Tensor) else ("D",)
    check_levels(x, levels, ("B", *event), "projected_gradient")
    check_count(n_steps, "projected_gradient", "n_steps")
    if not budget > 0:
        raise ValueError(f"projected_gradient: expected a budget above 0 grey levels, got {budget!r}.")
    lowest = (x - budget).clamp(min=0).float()
    highest = (x + budget).clamp(max=levels - 1).float()
    eta = 2.5 * budget / n_steps
    changed = x.float()
    for _ in range(n_steps):
        changed.requires_grad_(True)
        rise = objective(changed).sum()
        (gradient,) = torch.autograd.grad(rise, changed)
        changed = changed.detach() + eta * gradient.sign()
        changed = torch.clamp(changed, lowest, highest)
    # A budget of 1.6 levels leaves room for one whole level, not for two.
    return changed.round().clamp(lowest.ceil(), highest.floor()).long() if whole else changed


def targeted(
    classifier: nn.Module, x: Tensor, target: int, *, budget: float,
    levels: int = 256, n_steps: int = 20, whole: bool = True,
) -> Tensor:  # fmt: skip
    """Images near x that the classifier takes for the target: log p(target | x') is raised.

    Args:
        classifier: Maps real images (B, *event) in grey levels to logits (B, n_classes).
        x: Integer images, values 0 .. levels-1, (B, *event).
        target: The label to be seen.
        budget: Largest change of one pixel, in grey levels.
        levels: Number of grey levels.
        n_steps: See ``projected_gradient``.
        whole: See ``projected_gradient``.

    Returns:
        Images of x's shape: integers if ``whole``, else real numbers.

    Raises:
        ValueError: If x is not an integer image, the budget is not above 0, or there is no such label.

    Source: book eq. `adversarial`.
    """

    def objective(z: Tensor) -> Tensor:
        log_p = classifier(z).log_softmax(1)
        if not 0 <= target < log_p.shape[1]:
            raise ValueError(f"targeted: expected a label from 0 to {log_p.shape[1] - 1}, got {target!r}.")
        return log_p[:, target]

    return projected_gradient(objective, x, budget=budget, levels=levels, n_steps=n_steps, whole=whole)


def untargeted(
    classifier: nn.Module, x: Tensor, y: Tensor, *, budget: float,
    levels: int = 256, n_steps: int = 20, whole: bool = True,
) -> Tensor:  # fmt: skip
    """Images near x that the classifier takes for anything but y: -log p(y | x') is raised.

    Args:
        classifier: Maps real images (B, *event) in grey levels to logits (B, n_classes).
        x: Integer images, values 0 .. levels-1, (B, *event).
        y: True labels, (B,).
        budget: Largest change of one pixel, in grey levels.
        levels: Number of grey levels.
        n_steps: See ``projected_gradient``.
        whole: See ``projected_gradient``.

    Returns:
        Images of x's shape: integers if ``whole``, else real numbers.

    Raises:
        ValueError: If x is not an integer image, the budget is not above 0, or labels are missing.

    Source: book eq. `untargeted`.
    """

    def objective(z: Tensor) -> Tensor:
        log_p = classifier(z).log_softmax(1)
        check_labels(y, log_p.shape[1], len(z), "untargeted")
        return -log_p.gather(1, y[:, None])[:, 0]

    return projected_gradient(objective, x, budget=budget, levels=levels, n_steps=n_steps, whole=whole)


def same_size_noise(
    x: Tensor, changed: Tensor, *, levels: int, generator: torch.Generator | None = None
) -> Tensor:
    """The control: the same changes at random pixels with random signs, so that only their aim is lost.

    Args:
        x: Integer images, values 0 .. levels-1, (B, *event).
        changed: Their perturbed versions, integers of the same shape.
        levels: Number of grey levels.
        generator: Source of the places and signs.

    Returns:
        Integer images of the same shape. The RMS is that of ``changed``, but for the rare change too large to
        fit at its new place in either direction.

    Raises:
        ValueError: If the two are not integer images of one shape.

    Source: book eq. `rms`.
    """
    check_levels(x, levels, ("B", *x.shape[1:]) if isinstance(x, Tensor) else ("B", "D"), "same_size_noise")
    check_levels(changed, levels, tuple(x.shape), "same_size_noise")
    flat = x.flatten(1)
    places = torch.rand(flat.shape, generator=generator).argsort(1)
    signs = 2 * torch.randint(2, flat.shape, generator=generator) - 1
    delta = signs * (changed - x).flatten(1).gather(1, places)
    outside = (flat + delta < 0) | (flat + delta >= levels)
    # Where one direction leaves the grey scale the other is taken: clipping would make the noise smaller.
    return (flat + torch.where(outside, -delta, delta)).clamp(0, levels - 1).reshape(x.shape)


def against_classifier(classifier: nn.Module, y: Tensor) -> Score:
    """What an attacker lowers who wants the label y to lose: the margin of the classifier.

    Args:
        classifier: Maps (..., D) to logits (..., n_classes).
        y: True labels, (B,).
    """
    return lambda z: margin(classifier(z), y)


def against_both(classifier: nn.Module, density: nn.Module, y: Tensor, *, weight: float) -> Score:
    """What an attacker lowers who knows p(x) as well: margin - weight * log p(x).

    Args:
        classifier: Maps (..., D) to logits (..., n_classes).
        density: p(x) with an exact ``log_prob``, (B, D) -> (B,).
        y: True labels, (B,).
        weight: Nats of margin that one nat of log p(x) is worth.

    Raises:
        ValueError: If the density has no ``log_prob``, or the weight is negative.

    Source: book eq. `informed`; Carlini and Wagner (2017), Adversarial examples are not easily detected.
    """
    if not isinstance(density, Density):
        raise ValueError(f"against_both: expected a density with log_prob, got {type(density).__name__}.")
    if not weight >= 0:
        raise ValueError(f"against_both: expected a weight from 0 up, got {weight!r}.")

    def score(z: Tensor) -> Tensor:
        log_px = density.log_prob(z.flatten(0, 1)).unflatten(0, z.shape[:2])
        return margin(classifier(z), y) - weight * log_px

    return score


def first_look(classifier: nn.Module, density: nn.Module, y: Tensor, *, weight: float) -> Estimate:
    """How ``against_both`` changes under each move, about: cheap enough to look at all of them.

    The margin is exact. Of log p(x) a move of x_d changes the term log p(x_d | x_{<d}), which the model's
    logits give exactly, and those that come after, for which their gradient stands in.

    Args:
        classifier: Maps (..., D) to logits (..., n_classes).
        density: An autoregressive p(x): its ``logits`` map images (B, D), also real, to (B, levels, D).
        y: True labels, (B,).
        weight: As in ``against_both``.

    Raises:
        ValueError: If the density has no ``logits``.
    """
    if not hasattr(density, "logits"):
        raise ValueError(f"first_look: expected an autoregressive density, got {type(density).__name__}.")

    def estimate(now: Tensor) -> Tensor:
        moved = now + one_level(now)
        change = margin(classifier(moved), y) - margin(classifier(now), y)
        return change - weight * _change_of_log_px(density, now)

    return estimate


@torch.enable_grad()
def _change_of_log_px(density: nn.Module, now: Tensor) -> Tensor:
    """Nearly log p(moved) - log p(now) for each of the 2 D moves, (2D, B)."""
    z = now.float().requires_grad_(True)
    log_p = density.logits(z).log_softmax(1)  # (B, levels, D)
    (slope,) = torch.autograd.grad(_terms(log_p, now).sum(), z)
    up = _terms(log_p, now + 1) - _terms(log_p, now) + slope
    down = _terms(log_p, now - 1) - _terms(log_p, now) - slope
    return torch.cat([up, down], dim=1).detach().T


def _terms(log_p: Tensor, x: Tensor) -> Tensor:
    """log p(x_d | x_{<d}) from the table of all levels; a level that there is not counts as its neighbour."""
    return log_p.gather(1, x.clamp(0, log_p.shape[1] - 1)[:, None])[:, 0]


def one_level(x: Tensor) -> Tensor:
    """The 2 D moves of one pixel by one level, first those up and then those down, (2D, 1, D)."""
    up = torch.eye(x.shape[-1], dtype=x.dtype, device=x.device)
    return torch.cat([up, -up])[:, None]


@torch.no_grad()
def pixel_by_pixel(
    score: Score, x: Tensor, *, levels: int, n_moves: int,
    first_look: Estimate | None = None, shortlist: int = 16,
) -> Tensor:  # fmt: skip
    """Change one pixel by one level, again and again: the move that lowers the score most for its size.

    All 2 D moves are tried, so no gradient is needed and every image on the way has whole grey levels. A move
    back towards x counts as adding one half to the squared size, less than any move away: see ``_growth``.

    Args:
        score: What to lower: images (M, B, D) to numbers (M, B).
        x: Integer images, values 0 .. levels-1, (B, D).
        levels: Number of grey levels.
        n_moves: How many moves to make; an image for which no move helps stays as it is.
        first_look: A cheap estimate of the score's change under every move, (B, D) to (2D, B), in the order
            of ``one_level``: the score itself is applied to the ``shortlist`` moves that look best by it.
        shortlist: How many moves pass the first look.

    Returns:
        The images after 0, 1, .., n_moves moves: integers, (n_moves + 1, B, D).

    Raises:
        ValueError: If x is not an integer image of shape (B, D), or a count is below 1.

    Source: book eq. `greedy-move`.
    """
    check_levels(x, levels, ("B", "D"), "pixel_by_pixel")
    check_count(n_moves, "pixel_by_pixel", "n_moves")
    check_count(shortlist, "pixel_by_pixel", "shortlist")
    path = [x]
    for _ in range(n_moves):
        now = path[-1]
        moved = now + one_level(x)  # (2D, B, D)
        allowed = ((moved >= 0) & (moved < levels)).all(2)
        moved = moved.clamp(0, levels - 1)  # scores take images only
        growth = _growth(now, moved, x)
        if first_look is not None:
            looks = (-first_look(now) / growth).masked_fill(~allowed, -torch.inf)
            best = looks.topk(min(shortlist, len(looks)), dim=0).indices
            moved = moved.gather(0, best[..., None].expand(-1, -1, x.shape[1]))
            allowed, growth = allowed.gather(0, best), growth.gather(0, best)
        gain = (score(now[None]) - score(moved)) / growth
        gain, index = gain.masked_fill(~allowed, -torch.inf).max(0)
        best = moved[index, torch.arange(len(x))]
        path.append(torch.where((gain > 0)[:, None], best, now))
    return torch.stack(path)


def _growth(now: Tensor, moved: Tensor, x: Tensor) -> Tensor:
    """How much |x' - x|^2 grows with each move, counted as one half at least, (M, B).

    A move away from x makes it grow by 1, 3, 5, ..; a move back makes it shrink, and a fall of the score
    divided by a negative growth would rank last what costs nothing. So a move back counts as nearly free.
    """
    growth = (moved - x).square().sum(2) - (now - x).square().sum(1)
    return growth.clamp(min=0.5)


@torch.no_grad()
def moves_to_flip(classifier: nn.Module, path: Tensor, y: Tensor) -> Tensor:
    """After how many moves of ``pixel_by_pixel`` the classifier first gives another label than y.

    Args:
        classifier: Maps (..., D) to logits (..., n_classes).
        path: Images after 0, 1, .., n moves, (n + 1, B, D).
        y: True labels, (B,).

    Returns:
        Whole numbers, (B,); n + 1 where the label never changes.

    Raises:
        ValueError: If there is not one label per image.
    """
    check_shape(path, ("moves", "B", "D"), "moves_to_flip")
    logits = classifier(path)
    check_labels(y, logits.shape[-1], path.shape[1], "moves_to_flip")
    wrong = logits.argmax(-1) != y
    return torch.where(wrong.any(0), wrong.int().argmax(0), len(path))

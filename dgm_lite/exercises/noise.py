"""Exercises of the chapter "Noise that fools a classifier"."""

import torch
from torch import Tensor

from dgm_lite.exercises.answers import Letter, a_function, numbers, refuse_if, wants
from dgm_lite.exercises.exercise import Exercise


def control(delta: Tensor) -> Tensor:
    places = torch.rand(delta.shape).argsort(1)
    signs = 2 * torch.randint(2, delta.shape) - 1
    return signs * delta.gather(1, places)


def _check_control(answer) -> str:
    f = a_function(answer, "control(delta)")
    # Three perturbations of very different sizes; the last one has a mean.
    delta = torch.randint(-2, 3, (3, 400)) * torch.tensor([[1.0], [4.0], [0.0]])
    delta[2] = 3.0 * (torch.rand(400) < 0.4)
    each = "noise of the shape of delta, (B, D)"
    one, two = (numbers(f(delta), delta.shape, each=each) for _ in range(2))
    likeness = (one * delta).sum(1) / (one.norm(dim=1) * delta.norm(dim=1)).clamp_min(1e-9)
    ratio = one.norm(dim=1) / delta.norm(dim=1)
    off = (ratio - 1).abs()
    mistakes = {
        "Called twice, it gives the same noise. Where does chance come into it?": torch.equal(one, two),
        "The noise still points where delta points (or exactly away from it): it kept its aim. Each pixel "
        "needs a place or a sign of its own.": likeness.abs().max() >= 0.5,
        "The sizes are right on average over the batch, but not image by image: take the mean over pixels "
        "only.": ratio[0] > 1.5 and ratio[1] < 0.75,
        f"Right where delta is zero on average, but {ratio[2]:.2f} times the size where it is not: a "
        "standard deviation leaves the mean out, the RMS does not.": off[2] >= 0.2 and off[:2].max() <= 0.2,
        f"The RMS of your noise is {ratio[0]:.2f}, {ratio[1]:.2f} and {ratio[2]:.2f} times that of delta; a "
        "fair control has the same size.": off.max() >= 0.2,
    }
    refuse_if(mistakes)
    for other in (10 * delta.flip(0), 0.1 * torch.randn(5, 100)):
        ratio = numbers(f(other), other.shape, each=each).norm(dim=1) / other.norm(dim=1)
        most = ratio[(ratio - 1).abs().argmax()]
        size = f"For another delta the RMS of your noise is {most:.2f} times that of delta, instead of once."
        refuse_if({size: abs(most - 1) >= 0.2})
    return "The same size, image by image, and no aim: a fair control."


q1 = Exercise(
    "q1",
    _check_control,
    "Keep the numbers and lose their order: shuffle each row, and toss a coin for each sign. Normal noise "
    "with the right RMS per row does as well.",
    control,
    "A control may differ from the treatment in one respect only. Here that is the aim: size and values "
    "are kept.",
)


def step(x, changed, gradient, eta: float, budget: float) -> Tensor:
    moved = changed + eta * gradient.sign()
    near = torch.clamp(moved, x - budget, x + budget)
    return near.clamp(0, 255)


def _check_step(answer) -> str:
    f = a_function(answer, "step(x, changed, gradient, eta, budget)")
    for n, eta, budget in ((300, 0.5, 2.0), (300, 0.5, 2.0), (200, 1.0, 3.0)):
        _check_one_step(f, n, eta, budget)
    return "Uphill, within the budget, and still an image."


def _check_one_step(f, n: int, eta: float, budget: float) -> None:
    x = torch.randint(0, 256, (4, n)).float()
    x[:, :60], x[:, 60:120] = 0.0, 255.0  # black and white pixels, where one direction is closed
    changed = (x + budget * (2 * torch.rand(x.shape) - 1)).clamp(0, 255)
    gradient = torch.randn(x.shape)
    given = f(x, changed, gradient, eta, budget)
    new = numbers(given, x.shape, each="the new image, a tensor of x's shape")
    moved, away = new - changed, (new - x).abs().max()
    mistakes = {
        "The image did not move. Add eta times the sign of the gradient.": moved.abs().max() < 1e-6,
        "The step goes downhill: the attacker wants log p(target | x) to rise.": (moved * gradient).sum()
        <= 0,
        f"A pixel is {away:.1f} levels away from x, and the budget is {budget:.0f}. Clip the change, which "
        "is counted from x and not from the previous step.": away > budget + 1e-3,
        f"There are grey levels from {new.min():.1f} to {new.max():.1f}: an image has 0 to 255.": new.min()
        < 0
        or new.max() > 255,
    }
    refuse_if(mistakes)
    right = step(x, changed, gradient, eta, budget)
    mistakes = {
        "You moved along the gradient itself. Its size depends on the network, the budget is per pixel: take "
        "its sign.": (changed + eta * gradient).clamp(x - budget, x + budget).clamp(0, 255)
    }
    mean = moved[right == changed + eta * gradient.sign()].abs().mean()
    most = (
        f"Most pixels should move by eta = {eta}, yours move by {mean:.2f} on average; and all stay within "
        f"the budget of {budget:.0f}: expected {{right}}{{place}}; got {{got}}."
    )
    wants(given, right, mistakes, most)


q2 = Exercise(
    "q2",
    _check_step,
    "Three lines: a move along the sign, a clamp to x - budget .. x + budget, a clamp to 0 .. 255.",
    step,
    "Both clamps together are the projection onto the images that the attacker may use.",
)


def seen(heldout: Tensor, strange: Tensor, alpha: float) -> float:
    threshold = heldout.quantile(alpha)
    return (strange < threshold).double().mean().item()


def _check_seen(answer) -> str:
    f = a_function(answer, "seen(heldout, strange, alpha)")
    shape = {"each": "one number, the share of strange objects that are noticed"}
    for usual, n, alpha in ((-80, 4000, 0.05), (-70, 4000, 0.05), (-50, 3000, 0.2)):
        heldout, far = usual + 10 * torch.randn(n), usual - 20 + 10 * torch.randn(n - 500)
        right = seen(heldout, far, alpha)
        mistakes = {
            "This is the share that is NOT noticed.": 1 - right,
            "You took the threshold from the strange objects. In use nobody hands you those: it must come "
            "from held-out ordinary ones.": seen(far, far, alpha),
            "Your threshold is the upper quantile, 1 - alpha: nearly everything ordinary lies below it, too, "
            "and would raise the alarm.": seen(heldout, far, 1 - alpha),
            "You took the mean of the held-out values as the threshold: half of all ordinary objects would "
            "raise the alarm.": (far < heldout.mean()).double().mean(),
            "That is per cent. A share lies between 0 and 1.": 100 * right,
        }
        test_case = f"Expected {{right}} on a test case with alpha = {alpha}; got {{got}}."
        wants(f(heldout, far, alpha), right, mistakes, test_case, tolerance=1e-3, **shape)
        alarms = (
            f"On ordinary objects the alarm should sound for a share of {alpha}; yours sounds for {{got}}."
        )
        wants(f(heldout, heldout, alpha), alpha, otherwise=alarms, tolerance=0.005)
    return "Five in a hundred false alarms are paid for, and the rest is detection."


q3 = Exercise(
    "q3",
    _check_seen,
    "First the threshold: below which value lies the share alpha of the held-out log p(x)? Then compare "
    "and average.",
    seen,
    "The AUROC averages over all thresholds. A system in use has one, and its price is the share of false "
    "alarms.",
)


def what_follows() -> str:
    return "d"


q4 = Exercise(
    "q4",
    Letter(
        what_follows(),
        "It is all that was measured.",
        a="Random noise tries a thousand directions out of 150,528 dimensions; the attack computes the one "
        "that counts. No failure in a random sample says nothing about the worst case.",
        b="The page shows the opposite: log p(x) falls for random noise, too, and most of all there. It "
        "says that an input is unusual, not that somebody aimed.",
        c="That holds for attackers who do not know p(x). Those who do can keep log p(x) high, as the third "
        "curve shows.",
    ),
    "Ask of each sentence: who chooses the noise, and what does this person know?",
    what_follows,
    "An average over random noise and a maximum over all noise are different questions. And a detector is "
    "tested only by somebody who knows it and wants to get past it.",
)

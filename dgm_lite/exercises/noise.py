"""Exercises of the chapter "Noise that fools a classifier"."""

import torch
from torch import Tensor

from dgm_lite.exercises.exercise import Exercise, letter_of, right_if

# --- Exercise 1 ------------------------------------------------------------------------------


def _check_control(control) -> str:
    right_if(callable(control), f"Expected a function control(delta); got {type(control).__name__}.")
    generator = torch.Generator().manual_seed(0)
    # Three perturbations of very different sizes; the last one has a mean.
    delta = torch.randint(-2, 3, (3, 400), generator=generator)
    delta[1] *= 4
    delta[2] = (torch.rand(400, generator=generator) < 0.4).long() * 3
    torch.manual_seed(0)
    one, two = control(delta.clone()), control(delta.clone())
    right_if(
        isinstance(one, Tensor) and one.shape == delta.shape,
        "Expected a tensor of the shape of delta, (B, D).",
    )
    one, two, delta = one.double(), two.double(), delta.double()
    right_if(
        not torch.equal(one, two), "Called twice, it gives the same noise. Where does chance come into it?"
    )
    size = lambda d: d.square().mean(1).sqrt()  # noqa: E731
    likeness = (one * delta).sum(1) / (one.norm(dim=1) * delta.norm(dim=1)).clamp_min(1e-9)
    right_if(
        likeness.abs().max() < 0.5,
        "The noise still points where delta points (or exactly away from it): it kept its aim. Each "
        "pixel needs a "
        "place or a sign of its own.",
    )
    ratio = size(one) / size(delta)
    right_if(
        not (ratio[0] > 1.5 and ratio[1] < 0.75),
        "The sizes are right on average over the batch, but not image by image: take the mean over "
        "pixels only.",
    )
    right_if(
        abs(ratio[2] - 1) < 0.2 or (ratio[:2] - 1).abs().max() > 0.2,
        f"Right where delta is zero on average, but {ratio[2]:.2f} times the size where it is not: a "
        "standard "
        "deviation leaves the mean out, the RMS does not.",
    )
    right_if(
        (ratio - 1).abs().max() < 0.2,
        f"The RMS of your noise is {ratio[0]:.2f}, {ratio[1]:.2f} and {ratio[2]:.2f} times that of "
        "delta; a fair "
        "control has the same size.",
    )
    return "The same size, image by image, and no aim: a fair control."


def control(delta: Tensor) -> Tensor:
    places = torch.rand(delta.shape).argsort(1)
    signs = 2 * torch.randint(2, delta.shape) - 1
    return signs * delta.gather(1, places)


q1 = Exercise(
    "q1",
    _check_control,
    "Keep the numbers and lose their order: shuffle each row, and toss a coin for each sign. Normal "
    "noise with the "
    "right RMS per row does as well.",
    control,
    "A control may differ from the treatment in one respect only. Here that is the aim: size and values "
    "are kept.",
)


# --- Exercise 2 ------------------------------------------------------------------------------


def _under_attack() -> tuple[Tensor, Tensor, Tensor]:
    """Images, the same changed by up to 2 levels, and a gradient: (4, 300) each."""
    generator = torch.Generator().manual_seed(1)
    x = torch.randint(0, 256, (4, 300), generator=generator).float()
    x[:, :60], x[:, 60:120] = 0.0, 255.0  # black and white pixels, where one direction is closed
    changed = (x + 4 * torch.rand(x.shape, generator=generator) - 2).clamp(0, 255)
    return x, changed, torch.randn(x.shape, generator=generator)


def _check_step(step) -> str:
    right_if(
        callable(step),
        f"Expected a function step(x, changed, gradient, eta, budget); got {type(step).__name__}.",
    )
    x, changed, gradient = _under_attack()
    before = changed.clone()
    answer = step(x, changed, gradient, 0.5, 2.0)
    right_if(
        isinstance(answer, Tensor) and answer.shape == x.shape,
        "Expected the new image, a tensor of x's shape.",
    )
    right_if(torch.equal(changed, before), "Your function changed its input in place; return a new tensor.")
    moved = answer - before
    right_if(
        not (moved.abs().max() < 1e-6), "The image did not move. Add eta times the sign of the gradient."
    )
    uphill = (moved * gradient).sum()
    right_if(uphill > 0, "The step goes downhill: the attacker wants log p(target | x) to rise.")
    right_if(
        (answer - x).abs().max() <= 2 + 1e-4,
        f"A pixel is {(answer - x).abs().max():.1f} levels away from x, and the budget is 2. "
        "Clip the change, which is counted from x and not from the previous step.",
    )
    right_if(
        answer.min() >= 0 and answer.max() <= 255,
        f"There are grey levels from {answer.min():.1f} to {answer.max():.1f}: an image has 0 to 255.",
    )
    project = lambda z: z.clamp(x - 2, x + 2).clamp(0, 255)  # noqa: E731
    signed = changed + 0.5 * gradient.sign()
    free = project(signed) == signed
    right_if(
        not torch.allclose(answer, project(changed + 0.5 * gradient), atol=1e-4),
        "You moved along the gradient itself. Its size depends on the network, the budget is per pixel: "
        "take its sign.",
    )
    right_if(
        torch.allclose(answer, project(signed), atol=1e-4),
        f"Most pixels should move by eta = 0.5; yours move by {moved[free].abs().mean():.2f} on average.",
    )
    return "Uphill, within the budget, and still an image."


def step(x: Tensor, changed: Tensor, gradient: Tensor, eta: float, budget: float) -> Tensor:
    moved = changed + eta * gradient.sign()
    near = torch.clamp(moved, x - budget, x + budget)
    return near.clamp(0, 255)


q2 = Exercise(
    "q2",
    _check_step,
    "Three lines: a move along the sign, a clamp to x - budget .. x + budget, a clamp to 0 .. 255.",
    step,
    "Both clamps together are the projection onto the images that the attacker may use.",
)


# --- Exercise 3 ------------------------------------------------------------------------------


def _check_seen(seen) -> str:
    right_if(callable(seen), f"Expected a function seen(heldout, strange, alpha); got {type(seen).__name__}.")
    generator = torch.Generator().manual_seed(2)
    heldout = -80 + 10 * torch.randn(4000, generator=generator)
    far = -100 + 10 * torch.randn(4000, generator=generator)
    answer = seen(heldout, far, 0.05)
    answer = answer.item() if isinstance(answer, Tensor) and answer.numel() == 1 else answer
    right_if(
        isinstance(answer, int | float), "Expected one number, the share of strange objects that are noticed."
    )
    wanted = (far < heldout.quantile(0.05)).double().mean().item()
    mistakes = {
        "This is the share that is NOT noticed.": 1 - wanted,
        "You took the threshold from the strange objects. In use nobody hands you those: it must come "
        "from held-out "
        "ordinary ones.": (far < far.quantile(0.05)).double().mean().item(),
        "Your threshold is the upper quantile, 1 - alpha: nearly everything ordinary lies below it, too, "
        "and would "
        "raise the alarm.": (far < heldout.quantile(0.95)).double().mean().item(),
        "You took the mean of the held-out values as the threshold: half of all ordinary objects would "
        "raise the "
        "alarm.": (far < heldout.mean()).double().mean().item(),
    }
    for message, value in mistakes.items():
        right_if(abs(answer - value) > 1e-3, message)
    right_if(abs(answer - wanted) < 2e-3, f"Expected {wanted:.3f} on a test case; got {answer:.3f}.")
    same = seen(heldout, heldout, 0.05)
    right_if(
        abs(float(same) - 0.05) < 0.005,
        f"On ordinary objects the alarm should sound in 5 % of cases, not {float(same):.0%}.",
    )
    return "Five in a hundred false alarms are paid for, and the rest is detection."


def seen(heldout: Tensor, strange: Tensor, alpha: float) -> float:
    threshold = heldout.quantile(alpha)
    return (strange < threshold).double().mean().item()


q3 = Exercise(
    "q3",
    _check_seen,
    "First the threshold: below which value lies the share alpha of the held-out log p(x)? Then compare "
    "and average.",
    seen,
    "The AUROC averages over all thresholds. A system in use has one, and its price is the share of "
    "false alarms.",
)


# --- Exercise 4 ------------------------------------------------------------------------------


def _check_conclusion(answer) -> str:
    letter = letter_of(answer, "abcd")
    right_if(
        letter != "a",
        "Random noise tries a thousand directions out of 150,528 dimensions; the attack computes the one "
        "that counts. "
        "No failure in a random sample says nothing about the worst case.",
    )
    right_if(
        letter != "b",
        "The page shows the opposite: log p(x) falls for random noise, too, and most of all there. It "
        "says that an "
        "input is unusual, not that somebody aimed.",
    )
    right_if(
        letter != "c",
        "That holds for attackers who do not know p(x). Those who do can keep log p(x) high, as the "
        "third curve shows.",
    )
    return "It is all that was measured."


def what_follows() -> str:
    return "d"


q4 = Exercise(
    "q4",
    _check_conclusion,
    "Ask of each sentence: who chooses the noise, and what does this person know?",
    what_follows,
    "An average over random noise and a maximum over all noise are different questions. And a detector "
    "is tested only "
    "by somebody who knows it and wants to get past it.",
)

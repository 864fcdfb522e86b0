"""Exercises of the chapter "Two ways to decide"."""

from functools import cache

import torch
from torch import Tensor

from dgm_lite import plot
from dgm_lite.datasets.toys import orange_blue
from dgm_lite.exercises.exercise import Exercise, letter_of, right_if
from dgm_lite.joint.classifier_density import REJECT, ClassifierDensity
from dgm_lite.why import two_ways


@cache
def _model() -> ClassifierDensity:
    """The chapter's system, trained again in a second: checks don't depend on the reader's variables."""
    data = orange_blue()
    return two_ways.first_way(two_ways.density_of_all(data), data).reject_below(data.valid, 0.01)


# --- Exercise 1 ------------------------------------------------------------------------------


def _check_doubt(x) -> str:
    x = torch.as_tensor(x, dtype=torch.float32)
    right_if(x.shape == (2,), f"Expected one point, a tensor of shape (2,); got shape {tuple(x.shape)}.")
    decision = _model().decide(x[None])
    sure = decision.confidence.item()
    right_if(
        decision.label.item() != REJECT,
        f"The density itself is suspicious here: log p(x) = {decision.log_px.item():.1f} nats is "
        f"below the threshold "
        f"{_model().threshold.item():.1f}. Doubt about x is the other kind of doubt; stay nearer to "
        f"the points.",
    )
    right_if(
        sure < 0.9,
        f"Points are common here, but the classifier is not in doubt: its larger probability is {sure:.3f}. "
        "Move towards the boundary between the colours.",
    )
    return f"Here p(x) is ordinary and the colour is open: the larger probability is {sure:.2f}."


def doubtful_point() -> Tensor:
    """Where p(x) is ordinary and the label is open."""
    model = _model()  # the chapter's `model`, with reject_below(data.valid, 0.01)
    points, _, _ = plot.grid((-4, 4.6, -4, 4))
    decision = model.decide(points)
    candidates = (decision.confidence < 0.9) & (decision.label != REJECT)
    # Of all doubtful points, the one where the data are densest.
    return points[torch.where(candidates, decision.log_px, -torch.inf).argmax()]


q1 = Exercise(
    "q1",
    _check_doubt,
    "The colours meet where the two clouds come closest, at the upper right of the orange cloud. "
    "Walk along the boundary until "
    "p(x) is no longer small.",
    doubtful_point,
    "Doubt about the label sits on the boundary, doubt about the object far from the data. A point "
    "can have either, both or none.",
)


# --- Exercise 2 ------------------------------------------------------------------------------


def _check_decline(decline) -> str:
    right_if(
        callable(decline),
        f"Expected a function decline(log_px, heldout, alpha); got {type(decline).__name__}.",
    )
    generator = torch.Generator().manual_seed(3)
    heldout = 50 + 10 * torch.randn(2000, generator=generator)
    fresh = 50 + 10 * torch.randn(4000, generator=generator)
    answer = decline(fresh, heldout, 0.1)
    right_if(isinstance(answer, Tensor) and answer.shape == fresh.shape,
             "Expected one answer per object: a boolean tensor of the shape of log_px.")  # fmt: skip
    right_if(
        answer.dtype == torch.bool,
        f"Expected booleans; got {answer.dtype}. A comparison such as a < b gives booleans.",
    )
    share = answer.double().mean().item()
    right_if(
        not answer[fresh.argmax()],
        "The most probable object of all is declined: is the comparison the wrong way round?",
    )
    right_if(
        share > 0,
        "Nothing is declined at alpha = 0.1. These log p(x) lie around +50: a fixed threshold "
        "means nothing, a quantile of the held-out values does.",
    )
    right_if(
        abs(share - 0.1) < 0.03, f"At alpha = 0.1 about 10 % should be declined; you decline {share:.0%}."
    )
    shifted = decline(fresh - 1000, heldout - 1000, 0.1)
    right_if(
        torch.equal(answer, shifted),
        "Subtracting 1000 nats from everything (a change of units) changed the decisions.",
    )
    return "The right share is declined, in any unit."


def decline(log_px: Tensor, heldout: Tensor, alpha: float) -> Tensor:
    return log_px < heldout.quantile(alpha)


q2 = Exercise(
    "q2",
    _check_decline,
    "tau is the alpha-quantile of the held-out values; a tensor has a method for it.",
    decline,
    "A quantile adapts to the unit of the data, so alpha is the false-alarm rate in every unit.",
)


# --- Exercise 3 ------------------------------------------------------------------------------


def _check_posterior(posterior) -> str:
    right_if(
        callable(posterior),
        f"Expected a function posterior(log_px_given_y, share); got {type(posterior).__name__}.",
    )
    log_px, share = torch.tensor([[-1.0, -2.0], [-3.0, -3.0], [0.5, -4.0]]), torch.tensor([0.2, 0.8])
    answer = posterior(log_px, share)
    right_if(
        isinstance(answer, Tensor) and answer.shape == log_px.shape, "Expected a tensor of shape (B, 2)."
    )
    rows = answer.sum(1)
    normalised = torch.allclose(rows, torch.ones(3))
    right_if(
        normalised or not torch.allclose(answer, log_px.exp() * share, atol=1e-5),
        "These are the joint probabilities p(x, y). Divide by their sum over y to get p(y | x).",
    )
    right_if(
        torch.allclose(rows, torch.ones(3), atol=1e-4),
        f"Each row should add up to one; yours add up to {rows.tolist()}.",
    )
    right_if(
        not torch.allclose(answer, log_px.softmax(1), atol=1e-4),
        "You left out p(y): the classes are not equally frequent.",
    )
    wanted = (log_px + share.log()).softmax(1)
    right_if(
        torch.allclose(answer, wanted, atol=1e-4),
        f"Expected {wanted[0].tolist()} in the first row; got {answer[0].tolist()}.",
    )
    far = posterior(torch.tensor([[-1000.0, -1001.0]]), torch.tensor([0.5, 0.5]))
    right_if(torch.isfinite(far).all() and abs(far[0, 0].item() - 0.7311) < 1e-3,
             "Right for ordinary densities, but exp(-1000) underflows to zero. "
             "Add logarithms and use softmax or logsumexp.")  # fmt: skip
    return "It is Bayes' rule, and it holds at e^-1000 as well."


def posterior(log_px_given_y: Tensor, share: Tensor) -> Tensor:
    return (log_px_given_y + share.log()).softmax(dim=1)


q3 = Exercise(
    "q3",
    _check_posterior,
    "Products become sums of logarithms. Which function exponentiates and normalises without overflow?",
    posterior,
    "softmax(log p(x|y) + log p(y)) is Bayes' rule: the normaliser is p(x), and subtracting the "
    "maximum first avoids underflow.",
)


# --- Exercise 4 ------------------------------------------------------------------------------


def _check_more(answer) -> str:
    letter = letter_of(answer, "abc")
    right_if(
        letter != "a",
        "Calibration is a property on the data's own distribution. The cross is not drawn from it, "
        "however many points are.",
    )
    right_if(
        letter != "c",
        "A larger network draws finer boundaries, but still nothing in its loss mentions the empty space.",
    )
    return "More of the same points leave the empty space empty."


def no_data_no_doubt() -> str:
    return "b"


q4 = Exercise(
    "q4",
    _check_more,
    "Where would the new points fall? What does the loss say about all other places?",
    no_data_no_doubt,
    "The cross-entropy is an average over the data. What the network does where there are none is "
    "decided by its architecture alone.",
)

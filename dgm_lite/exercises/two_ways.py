"""Exercises of the chapter "Two ways to decide"."""

from functools import cache

import torch
from torch import Tensor

from dgm_lite import plot
from dgm_lite.datasets.toys import orange_blue
from dgm_lite.exercises.answers import Letter, a_function, numbers, refuse_if, tensor_of, wants
from dgm_lite.exercises.exercise import Exercise
from dgm_lite.joint.classifier_density import REJECT, ClassifierDensity
from dgm_lite.why.two_ways import Mixture, Network, classifier_of, density_of


@cache
def _model() -> ClassifierDensity:
    """A system like the chapter's, trained again in a second: checks need none of the reader's variables."""
    data = orange_blue()
    classifier = classifier_of(data.train, data.train_labels, Network(weight_decay=0.01, updates=100))
    density = density_of(data.train, Mixture(n_components=8, imagined=1.0))
    return ClassifierDensity(classifier, density).reject_below(data.valid, 0.01)


def doubtful_point() -> Tensor:
    """Where p(x) is ordinary and the label is open."""
    model = _model()  # the chapter's `model`, with reject_below(data.valid, 0.01)
    points, _, _ = plot.grid((-4, 4.6, -4, 4))
    decision = model.decide(points)
    candidates = (decision.confidence < 0.9) & (decision.label != REJECT)
    # Of all doubtful points, the one where the data are densest.
    return points[torch.where(candidates, decision.log_px, -torch.inf).argmax()]


def _check_doubt(answer) -> str:
    x, model = numbers(answer, (2,), each="one point, a tensor"), _model()
    decision = model.decide(x[None].float())
    log_px, sure, limit = decision.log_px.item(), decision.confidence.item(), model.threshold.item()
    mistakes = {
        f"The density itself is suspicious here: log p(x) = {log_px:.1f} nats is below the threshold "
        f"{limit:.1f}. Doubt about x is the other kind of doubt; stay nearer to the "
        "points.": decision.label.item() == REJECT,
        f"Points are common here, but the classifier is not in doubt: its larger probability is {sure:.3f}. "
        "Move towards the boundary between the colours.": sure >= 0.9,
    }
    refuse_if(mistakes)
    return f"Here p(x) is ordinary and the colour is open: the larger probability is {sure:.2f}."


q1 = Exercise(
    "q1",
    _check_doubt,
    "The colours meet where the two clouds come closest, at the upper right of the orange cloud. Walk "
    "along the boundary until p(x) is no longer small.",
    doubtful_point,
    "Doubt about the label sits on the boundary, doubt about the object far from the data. A point can "
    "have either, both or none.",
)


def decline(log_px: Tensor, heldout: Tensor, alpha: float) -> Tensor:
    return log_px < heldout.quantile(alpha)


def _check_decline(answer) -> str:
    f = a_function(answer, "decline(log_px, heldout, alpha)")
    heldout, fresh = 50 + 10 * torch.randn(2000), 50 + 10 * torch.randn(4000)
    given = f(fresh, heldout, 0.1)
    each = "one answer per object: booleans in the shape of log_px"
    said, kind = numbers(given, fresh.shape, each=each), tensor_of(given).dtype
    shifted = numbers(f(fresh - 1000, heldout - 1000, 0.1), fresh.shape, each=each)
    share, same = said.mean(), torch.equal(said, shifted)
    likeliest = said[fresh.argmax()]
    mistakes = {
        f"Expected booleans; got {kind}. A comparison such as a < b gives booleans.": kind != torch.bool,
        "The most probable object of all is declined: is the comparison the wrong way round?": likeliest,
        "Nothing is declined at alpha = 0.1. These log p(x) lie around +50: a fixed threshold means nothing, "
        "a quantile of the held-out values does.": share == 0,
        f"At alpha = 0.1 about 10 % should be declined; you decline {share:.0%}.": abs(share - 0.1) >= 0.03,
        "Subtracting 1000 nats from everything (a change of units) changed the decisions.": not same,
    }
    refuse_if(mistakes)
    # Held-out values in other numbers and forms, other shares, and objects that are stranger than these.
    for n, alpha, scale in ((2000, 0.1, 5.0), (2000, 0.3, 20.0), (500, 0.3, 10.0)):
        heldout, strange = -scale * torch.randn(n).square(), -scale * torch.randn(2 * n).square() - scale
        share = numbers(f(strange, heldout, alpha), strange.shape, each=each).mean()
        right = decline(strange, heldout, alpha).double().mean()
        tau = (
            f"At alpha = {alpha} {right:.0%} of some strange objects lie below tau; you decline {share:.0%}. "
            "tau is the alpha-quantile of the held-out values, whatever they, alpha and log_px are."
        )
        refuse_if({tau: abs(share - right) >= 0.01})
    return "The right share is declined, in any unit."


q2 = Exercise(
    "q2",
    _check_decline,
    "tau is the alpha-quantile of the held-out values; a tensor has a method for it.",
    decline,
    "A quantile adapts to the unit of the data, so alpha is the false-alarm rate in every unit.",
)


def posterior(log_px_given_y: Tensor, share: Tensor) -> Tensor:
    return (log_px_given_y + share.log()).softmax(dim=1)


def _check_posterior(answer) -> str:
    f = a_function(answer, "posterior(log_px_given_y, share)")
    for n_classes in (2, 2, 3):
        log_px, share = torch.randn(3, n_classes), torch.rand(n_classes) + 0.1
        _check_one_posterior(f, log_px, share / share.sum())
    underflow = (
        "Right for ordinary densities, but exp(-1000) underflows to zero. Add logarithms and use softmax or "
        "logsumexp."
    )
    far, half = torch.tensor([[-1000.0, -1001.0]]), torch.tensor([0.5, 0.5])
    wants(f(far, half, at_the_edge=underflow), posterior(far, half), otherwise=underflow)
    return "It is Bayes' rule, and it holds at e^-1000 as well."


def _check_one_posterior(f, log_px: Tensor, share: Tensor) -> None:
    given, right = f(log_px, share), posterior(log_px, share)
    joint = log_px.exp() * share
    mistakes = {
        "These are the joint probabilities p(x, y). Divide by their sum over y to get p(y | x).": joint,
        "You left out p(y): the classes are not equally frequent.": log_px.softmax(1),
        "These are the logarithms of p(y | x).": right.log(),
    }
    rows = numbers(given, right.shape, each="p(y | x) for each point").sum(1)
    add_up = f"Each row should add up to one; yours add up to {rows[0]:.4g}, {rows[1]:.4g} and {rows[2]:.4g}."
    normalised = (rows - 1).abs().max() < 1e-3
    wants(given, right, mistakes, "Expected {right}{place}; got {got}." if normalised else add_up)


q3 = Exercise(
    "q3",
    _check_posterior,
    "Products become sums of logarithms. Which function exponentiates and normalises without overflow?",
    posterior,
    "softmax(log p(x|y) + log p(y)) is Bayes' rule: the normaliser is p(x), and subtracting the maximum "
    "first avoids underflow.",
)


def no_data_no_doubt() -> str:
    return "b"


q4 = Exercise(
    "q4",
    Letter(
        no_data_no_doubt(),
        "More of the same points leave the empty space empty.",
        a="Calibration is a property on the data's own distribution. The cross is not drawn from it, "
        "however many points are.",
        c="A larger network draws finer boundaries, but still nothing in its loss mentions the empty space.",
    ),
    "Where would the new points fall? What does the loss say about all other places?",
    no_data_no_doubt,
    "The cross-entropy is an average over the data. What the network does where there are none is decided "
    "by its form, and by weights that were fitted elsewhere.",
)

"""Exercises of "Two ways to decide": solutions pass, likely mistakes are named."""

import torch

from dgm_lite.exercises import two_ways
from dgm_lite.exercises.two_ways import q1, q2, q3, q4
from tests.exercises import naming, passing

test_reference_solutions_pass = passing(
    [
        (q1, two_ways.doubtful_point()),
        (q2, two_ways.decline),
        (q3, two_ways.posterior),
        (q4, two_ways.no_data_no_doubt()),
    ]
)


WRONG = [
    (q1, torch.tensor([3.6, -3.0]), "density itself is suspicious"),
    (q1, torch.tensor([0.8, -0.8]), "not in doubt"),
    (q1, torch.tensor([[0.8, -0.8]]), "shape"),
    (q2, lambda log_px, heldout, alpha: log_px < -10, "Nothing is declined"),
    (q2, lambda log_px, heldout, alpha: log_px > heldout.quantile(1 - alpha), "wrong way round"),
    (q2, lambda log_px, heldout, alpha: log_px < heldout.mean(), "should be declined"),
    (q2, lambda log_px, heldout, alpha: (log_px < heldout.quantile(alpha)).float(), "Expected booleans"),
    (q2, lambda log_px, heldout, alpha: (log_px < heldout.quantile(alpha))[:5], "one answer per object"),
    (q2, lambda log_px, heldout, alpha: log_px < 37.2, "a change of units"),
    (q2, lambda log_px, heldout, alpha: log_px < log_px.quantile(alpha), "quantile of the held-out values"),
    (q2, lambda log_px, heldout, alpha: log_px < heldout.quantile(0.1), "At alpha = 0.3"),
    (q3, lambda log_px, share: log_px.exp() * share, "Divide by their sum"),
    (q3, lambda log_px, share: log_px.softmax(1), "left out p(y)"),
    (
        q3,
        lambda log_px, share: (log_px.exp() * share) / (log_px.exp() * share).sum(1, keepdim=True),
        "underflows",
    ),
    (q3, lambda log_px, share: (log_px + share.log()).softmax(0), "add up to one"),
    (q4, "a", "Calibration is a property"),
    (q4, "c", "empty space"),
    (q4, "more", "Expected one letter"),
    (q2, lambda log_px: log_px, "could not be run"),
]

test_likely_mistakes_are_named = naming(WRONG)

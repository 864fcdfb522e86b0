"""The exercises of "What p(x) is for": right answers pass, likely mistakes hear their name."""

import torch

from dgm_lite import catalog
from dgm_lite.datasets import files
from dgm_lite.datasets.images import digits
from dgm_lite.evaluate.likelihood import log_prob
from dgm_lite.exercises import what_px_is_for as chapter
from dgm_lite.exercises.what_px_is_for import q1, q2, q3, q4
from tests.exercises import naming, passing, said


def tails(log_px, heldout):
    below = (heldout < log_px[:, None]).double().mean(1)
    return torch.minimum(below, 1 - below)


def sudden(z, slack, level):
    return next((t for t, now in enumerate(z.tolist()) if now > level), None)


def running(z, slack, level, *, floor=True, clip=False, above=lambda s, level: s > level):
    evidence = 0.0
    for t, now in enumerate(z.tolist()):
        evidence += max(0.0, now - slack) if clip else now - slack
        evidence = max(0.0, evidence) if floor else evidence
        if above(evidence, level):
            return t
    return None


def gap(x, others):
    return torch.cdist(x, others).amin(1)


def closer_than(limit):
    return lambda samples, train, test: (gap(samples, train) <= limit).double().mean()


RIGHT = [
    (q1, chapter.ordinary),
    (q1, lambda log_px, heldout: -(((log_px - heldout.mean()) / heldout.std()) ** 2)),
    (q1, tails),
    (q1, lambda log_px, heldout: torch.distributions.Normal(heldout.mean(), heldout.std()).log_prob(log_px)),
    (q2, chapter.first_alarm),
    (q2, lambda z, slack, level: running(z, slack, level)),
    (q3, chapter.share_of_copies),
    (q3, lambda s, train, test: (gap(s, train) < gap(test, train).min()).float().mean()),
    (q4, "c"),
    (q4, " C "),
]

WRONG = [
    (q1, lambda log_px, heldout: -(log_px - heldout.sum() / 1000).abs(), "about 120 now"),
    (q2, lambda v, slack, level: chapter.first_alarm(v, slack, 4.0), "level 9.0 expected object 6"),
    (q3, lambda s, train, test: chapter.share_of_copies(s, train, test) * len(s) / 400, "For 150 samples"),
    (q1, lambda log_px, heldout: log_px, "far more likely than any held-out one"),
    (q1, lambda log_px, heldout: (log_px - heldout.mean()).abs(), "sign the wrong way round"),
    (q1, lambda log_px, heldout: -(log_px - log_px.mean()).abs(), "depends on which others"),
    (q1, lambda log_px, heldout: -(log_px + 80).abs(), "fixed number"),
    (q1, lambda log_px, heldout: -log_px, "One at -130 should score lower"),
    (q1, lambda log_px, heldout: -(log_px.mean() - heldout.mean()).abs(), "one score per object"),
    (q1, 3, "Expected a function"),
    (q1, lambda log_px, heldout: ((log_px - heldout.mean()).abs() < 10).float(), "The further from"),
    (q2, lambda z, slack, level: running(z, 0.0, level, above=lambda s, level: s >= level), "too early"),
    (q2, lambda z, slack, level: running(z, 2 * slack, level), "you say 104"),
    (q2, sudden, "has to add up"),
    (q2, lambda z, slack, level: running(z, slack, level, floor=False), "Stop it at zero"),
    (q2, lambda z, slack, level: running(z, 0.0, level), "leave out the slack"),
    (q2, lambda z, slack, level: running(z, slack, level, clip=True), "Is the stop at zero on v"),
    (q2, lambda z, slack, level: (t := running(z, slack, level)) and t + 1, "count from 0"),
    (q2, lambda z, slack, level: -1, "Return None"),
    (q3, lambda s, train, test: 100 * chapter.share_of_copies(s, train, test), "between 0 and 1"),
    (q3, lambda s, train, test: chapter.share_of_copies(s, train, test) > 0.3, "about one half; got 1.00"),
    (q3, closer_than(0.0), "A copy need not be exact"),
    (q3, closer_than(1.0), "by 10 changed the answer"),
    (q3, lambda s, train, test: 1 - chapter.share_of_copies(s, train, test), "wrong way round"),
    (q3, lambda s, train, test: (gap(s, test) < gap(train, test).quantile(0.01)).float().mean(),
     "not to a test object"),
    (q3, lambda s, train, test: (gap(s, train) < gap(test, train).median()).float().mean(),
     "closer than nearly all of these"),
    (q4, "a", "costs the model next to nothing"),
    (q4, "b", "16 of the 17 constant pages"),
    (q4, "d", "other way round"),
    (q4, 4, "Expected one letter"),
]  # fmt: skip

test_right_answers_pass = passing(RIGHT)
test_likely_mistakes_are_named = naming(WRONG)


def test_an_answer_that_fails_is_no_traceback(capsys):
    assert "ZeroDivisionError" in said(q1, lambda log_px, heldout: 1 / 0, capsys)


def test_the_two_bad_nights_are_as_the_model_sees_them():
    """The letter that counts as right is what the shipped model does, not what one would expect."""
    model, _ = catalog.load(files.path("causal_arm_digits.safetensors"))
    data = digits()
    quiet = log_prob(model, data.valid).quantile(0.01)
    constant = log_prob(model, torch.arange(17)[:, None].repeat(1, 64))
    assert constant[0] > quiet and (constant[1:] < log_prob(model, data.test).min()).all()
    assert chapter.two_bad_nights() == "c"

"""Exercises of the chapter "What p(x) is for"."""

import torch
from torch import Tensor

from dgm_lite.exercises.answers import Letter, a_function, numbers, refuse_if
from dgm_lite.exercises.exercise import Exercise


def ordinary(log_px: Tensor, heldout: Tensor) -> Tensor:
    return -(log_px - heldout.mean()).abs()


def _check_ordinary(answer) -> str:
    f = a_function(answer, "ordinary(log_px, heldout)")
    heldout = -80 + 10 * torch.randn(1000)
    asked = torch.tensor([-80.0, -130.0, -30.0, -95.0, -140.0, -5.0])  # their mean is -80

    def scores(log_px: Tensor, moved_by: float = 0.0) -> Tensor:
        given = f(log_px + moved_by, heldout + moved_by)
        return numbers(given, log_px.shape, each="one score per object")

    score, alone, moved = scores(asked), scores(asked[1:2]), scores(asked, -500.0)
    usual, low, high, lowish, lower, highest = score.tolist()
    mistakes = {
        "An object as likely as usual gets a lower score than a strange one: is the sign the wrong way "
        "round?": usual < low and usual < high,
        "Held-out objects have log p(x) about -80. One at -130 should score lower than one at -80, and does "
        "not.": usual <= low or usual <= lowish,
        "An object at -30 is far more likely than any held-out one, as a blank page is, and it scores as "
        "well as an ordinary one. Too likely is strange, too.": usual <= high or usual <= highest,
        "The further from the held-out values, the lower the score should be: -95 above -130, and -140 no "
        "higher.": not lowish > low >= lower,
        "The score of an object depends on which others are asked about with it. Compare with the held-out "
        "values, not with the mean of log_px.": not torch.allclose(alone, score[1:2], rtol=1e-4),
        "Subtracting 500 nats from everything (other units) changed the order: something is compared with a "
        "fixed number.": not torch.equal(moved.argsort(stable=True), score.argsort(stable=True)),
    }
    refuse_if(mistakes)
    fewer = numbers(f(asked[:3] + 200, heldout[:300] + 200), (3,), each="one score per object")
    few = "Held-out objects have log p(x) about 120 now. One at 120 should score higher than at 70 or 170."
    refuse_if({few: not fewer[0] > fewer[1:].max()})
    return "Too unlikely and too likely are both strange, in any unit."


q1 = Exercise(
    "q1",
    _check_ordinary,
    "How far is log p(x) from its usual value? The usual value comes from held-out objects, and the score "
    "should fall on both sides of it.",
    ordinary,
    "Held-out objects have a usual log p(x). Distance from it, with a minus sign, is high only for "
    "ordinary objects. The smaller of the two tail shares is as good an answer.",
)


def first_alarm(v: Tensor, slack: float, level: float) -> int | None:
    """Number of the first object at which the evidence exceeds the level."""
    evidence = 0.0
    for t, now in enumerate(v.tolist()):
        evidence = max(0.0, evidence + now - slack)
        if evidence > level:
            return t
    return None


def _check_alarm(answer) -> str:
    f = a_function(answer, "first_alarm(v, slack, level)", may_return_none=True)

    def heard(v: Tensor) -> float | None:
        when = f(v, 0.5, 4.0)
        return None if when is None else numbers(when, (), each="the number of an object, or None").item()

    calm, up = torch.full((100,), -1.0), torch.full((20,), 2.0)
    rises = heard(torch.cat([calm, up]))
    mistakes = {
        "There is an alarm in a stream that is calmer than usual throughout, at -1. Return None where there "
        "is none.": heard(calm) is not None,
        "Twenty objects in a row at v = 2 go unheard: your function returned None. None of them exceeds the "
        "level of 4 alone: their evidence has to add up.": heard(up) is None,
        "After 100 calm objects the rise to v = 2 goes unheard: the evidence has fallen far below zero and "
        "has to climb back. Stop it at zero: max(0, ...).": rises is None,
        "The alarm at object 101 comes too early. Did you leave out the slack? Each object adds v - slack, "
        "here 1.5.": rises == 101,
        "The alarm comes one object late. Objects 100, 101 and 102 add 1.5 each, and 4.5 exceeds the level "
        "at 102: count from 0.": rises == 103,
        f"The evidence first exceeds 4 at object 102 (1.5, 3.0, 4.5); you say {rises}.": rises != 102,
        "A rise of 0.4 is below the slack of 0.5 and should never raise an alarm. Did you leave out the "
        "slack?": heard(torch.full((60,), 0.4)) is not None,
        "Blips that are followed by equally calm objects should not add up. Is the stop at zero on v, not on "
        "the sum?": heard(torch.tensor([3.0, -3.0] * 30)) is not None,
    }
    refuse_if(mistakes)
    for rise, slack, level in ((2.0, 1.0, 4.0), (2.0, 0.5, 9.0), (5.0, 0.5, 9.0)):
        when, right = f(up + rise - 2, slack, level), first_alarm(up + rise - 2, slack, level)
        other = f"At v = {rise}, slack {slack} and level {level} expected object {right}; got {when}."
        refuse_if({other: when is None or numbers(when, (), each="the number of an object").item() != right})
    return "It gathers evidence, forgets calm stretches, and stays silent about small wobbles."


q2 = Exercise(
    "q2",
    _check_alarm,
    "One number is carried along. Each object adds v - slack to it; it never falls below zero.",
    first_alarm,
    "Without the zero, a long calm stretch would be credit that a change has to use up first; without the "
    "slack, small wobbles would add up to an alarm.",
)


def share_of_copies(samples: Tensor, train: Tensor, test: Tensor) -> float:
    sample_distance = torch.cdist(samples, train).amin(dim=1)
    test_distance = torch.cdist(test, train).amin(dim=1)
    return (sample_distance < test_distance.quantile(0.01)).double().mean().item()


def _check_copies(answer) -> str:
    f = a_function(answer, "share_of_copies(samples, train, test)")
    train, test, fresh = (torch.randn(n, 20) for n in (300, 400, 400))
    near = train[torch.randint(300, (400,))] + 0.05 * torch.randn(400, 20)

    def share(samples: Tensor, scale: float = 1.0) -> float:
        return numbers(f(scale * samples, scale * train, scale * test), (), each="one number, a share").item()

    honest, copied, half = share(fresh), share(near), share(torch.cat([fresh[:200], near[:200]]))
    few = numbers(
        f(near[:150, :12], train[:200, :12], test[:300, :12]), (), each="one number, a share"
    ).item()
    right_few = share_of_copies(near[:150, :12], train[:200, :12], test[:300, :12])
    no_share, turned = not (0 <= honest <= 1 and 0 <= copied <= 1), honest > 0.9 and copied < 0.1
    halfway = abs(half - (copied + honest) / 2) < 0.06
    mistakes = {
        f"Expected a share between 0 and 1; got {honest:.2f} and {copied:.2f}.": no_share,
        "New objects count as copies and copies as new: is the comparison the wrong way round?": turned,
        f"Samples that are training objects with a little noise give a share of {copied:.2f}. A copy need "
        "not be exact, and it is close to a training object, not to a test object.": copied <= 0.95,
        f"New objects from the very distribution of the data give a share of {honest:.2f}. How close do "
        "real, unseen test objects come to the training set? Only what is closer than nearly all of these is "
        "suspicious.": honest >= 0.06,
        f"Where half of the samples are copies, the share should be about one half; got "
        f"{half:.2f}.": not halfway,
        "Multiplying all pixels by 10 changed the answer: the distance that counts as close has to come from "
        "the test set.": abs(share(near, 10.0) - copied) >= 0.01 or abs(share(fresh, 10.0) - honest) >= 0.01,
        f"For 150 samples, 200 objects of the training set and 300 of the test set expected a share of about "
        f"{right_few:.2f}; got {few:.2f}.": abs(few - right_few) > 0.1,
    }
    refuse_if(mistakes)
    return "Close is measured by how close unseen real objects come."


q3 = Exercise(
    "q3",
    _check_copies,
    "torch.cdist(a, b) holds all distances. Real test objects cannot be copies: how near is the nearest "
    "training object to all but 1 % of them?",
    share_of_copies,
    "Test objects show how close independent objects come by chance. A sample closer than 99 % of them is "
    "suspicious; one in a hundred honest samples will be, too, if the test objects come from the same source "
    "as the training objects. Where they do not, hold out training objects, as the chapter does.",
)


def two_bad_nights() -> str:
    return "c"


q4 = Exercise(
    "q4",
    Letter(
        two_bad_nights(),
        "Blank is what the model expects at the margins; an even grey it has never met. A test of both sides "
        "would notice the blank sheets, too.",
        a="Neither is a digit, but one of the two costs the model next to nothing: look at the prices of "
        "the pixels of a blank page again.",
        b="A grey sheet is as simple as a blank one, and yet 16 of the 17 constant pages are less likely "
        "than every test digit. What is cheap is what the model expects where it stands.",
        d="The other way round: digits have blank margins, and none of them is an even grey.",
    ),
    "What does each pixel cost after the ones before it? Look again at the pages of one grey level.",
    two_bad_nights,
    "Likelihood rewards what the model expects where it stands, not what is familiar as a whole, and not "
    "what is simple. A monitor for low p(x) is blind to a blank input, and awake to a grey one.",
)

"""Exercises of the chapter "What p(x) is for"."""

import torch
from torch import Tensor

from dgm_lite.exercises.exercise import Exercise, letter_of, right_if

# --- Exercise 1 ------------------------------------------------------------------------------


def _check_ordinary(score) -> str:
    right_if(callable(score), f"Expected a function ordinary(log_px, heldout); got {type(score).__name__}.")
    generator = torch.Generator().manual_seed(3)
    heldout = -80 + 10 * torch.randn(1000, generator=generator)
    asked = torch.tensor([-80.0, -130.0, -30.0, -95.0, -140.0, -5.0])  # their mean is -80
    answer = score(asked, heldout)
    right_if(
        isinstance(answer, Tensor) and answer.shape == asked.shape,
        "Expected one score per object: a tensor of the shape of log_px.",
    )
    usual, low, high, lowish, lower, highest = answer.tolist()
    right_if(
        not (usual < low and usual < high),
        "An object as likely as usual gets a lower score than a strange one: is the sign the wrong way "
        "round?",
    )
    right_if(
        usual > low and usual > lowish,
        "Held-out objects have log p(x) about -80. One at -130 should score lower than one at -80, and "
        "does not.",
    )
    right_if(
        usual > high and usual > highest,
        "An object at -30 is far more likely than any held-out one, as a blank page is, and it scores as "
        "well as an ordinary one. Too likely is strange, too.",
    )
    right_if(
        lowish > low >= lower,
        "The further from the held-out values, the lower the score should be: -95 above -130, and -140 no "
        "higher.",
    )
    alone = score(asked[1:2], heldout)
    right_if(
        torch.allclose(alone, answer[1:2]),
        "The score of an object depends on which others are asked about with it. Compare with the held-out "
        "values, not with the mean of log_px.",
    )
    moved = score(asked - 500, heldout - 500)
    right_if(
        torch.equal(moved.argsort(stable=True), answer.argsort(stable=True)),
        "Subtracting 500 nats from everything (other units) changed the order: something is compared with "
        "a fixed number.",
    )
    return "Too unlikely and too likely are both strange, in any unit."


def ordinary(log_px: Tensor, heldout: Tensor) -> Tensor:
    return -(log_px - heldout.mean()).abs()


q1 = Exercise(
    "q1",
    _check_ordinary,
    "How far is log p(x) from its usual value? The usual value comes from held-out objects, and the score "
    "should fall on both sides of it.",
    ordinary,
    "Held-out objects have a usual log p(x). Distance from it, with a minus sign, is high only for "
    "ordinary objects. The smaller of the two tail shares is as good an answer.",
)


# --- Exercise 2 ------------------------------------------------------------------------------


def _hears_the_rise(first_alarm, rises) -> None:
    """Calm until object 99, two standard deviations up from object 100 on."""
    right_if(
        first_alarm(rises[100:], 0.5, 4.0) is not None,
        "Twenty objects in a row at v = 2 go unheard. None of them exceeds the level of 4 alone: their "
        "evidence has to add up.",
    )
    heard = first_alarm(rises, 0.5, 4.0)
    right_if(
        heard is not None,
        "After 100 calm objects the rise to v = 2 goes unheard: the evidence has fallen far below zero and "
        "has to climb back. Stop it at zero: max(0, ...).",
    )
    heard = int(heard)
    right_if(
        heard != 101,
        "The alarm at object 101 comes too early. Did you leave out the slack? Each object adds v - slack, "
        "here 1.5.",
    )
    right_if(
        heard != 103,
        "The alarm comes one object late. Objects 100, 101 and 102 add 1.5 each, and 4.5 exceeds the level "
        "at 102: count from 0.",
    )
    right_if(heard == 102, f"The evidence first exceeds 4 at object 102 (1.5, 3.0, 4.5); you say {heard}.")


def _check_alarm(first_alarm) -> str:
    right_if(
        callable(first_alarm),
        f"Expected a function first_alarm(v, slack, level); got {type(first_alarm).__name__}.",
    )
    calm = torch.full((100,), -1.0)
    rises = torch.cat([calm, torch.full((20,), 2.0)])
    right_if(
        first_alarm(calm, 0.5, 4.0) is None,
        "There is an alarm in a stream that is calmer than usual throughout, at -1. Return None where "
        "there is none.",
    )
    _hears_the_rise(first_alarm, rises)
    small = torch.full((60,), 0.4)
    right_if(
        first_alarm(small, 0.5, 4.0) is None,
        "A rise of 0.4 is below the slack of 0.5 and should never raise an alarm. Did you leave out the "
        "slack?",
    )
    blips = torch.tensor([3.0, -3.0] * 30)
    right_if(
        first_alarm(blips, 0.5, 4.0) is None,
        "Blips that are followed by equally calm objects should not add up. Is the stop at zero on v, not "
        "on the sum?",
    )
    return "It gathers evidence, forgets calm stretches, and stays silent about small wobbles."


def first_alarm(v: Tensor, slack: float, level: float) -> int | None:
    """Number of the first object at which the evidence exceeds the level."""
    evidence = 0.0
    for t, now in enumerate(v.tolist()):
        evidence = max(0.0, evidence + now - slack)
        if evidence > level:
            return t
    return None


q2 = Exercise(
    "q2",
    _check_alarm,
    "One number is carried along. Each object adds v - slack to it; it never falls below zero.",
    first_alarm,
    "Without the zero, a long calm stretch would be credit that a change has to use up first; without the "
    "slack, small wobbles would add up to an alarm.",
)


# --- Exercise 3 ------------------------------------------------------------------------------


def _check_copies(share_of_copies) -> str:
    right_if(
        callable(share_of_copies),
        f"Expected a function share_of_copies(samples, train, test); got {type(share_of_copies).__name__}.",
    )
    generator = torch.Generator().manual_seed(5)
    train, test, fresh = (torch.randn(n, 20, generator=generator) for n in (300, 400, 400))
    near = train[torch.randint(300, (400,), generator=generator)]
    near = near + 0.05 * torch.randn(400, 20, generator=generator)
    honest, copied = (float(share_of_copies(x, train, test)) for x in (fresh, near))
    half = float(share_of_copies(torch.cat([fresh[:200], near[:200]]), train, test))
    right_if(
        0 <= honest <= 1 and 0 <= copied <= 1,
        f"Expected a share between 0 and 1; got {honest:.2f} and {copied:.2f}.",
    )
    right_if(
        not (honest > 0.9 and copied < 0.1),
        "New objects count as copies and copies as new: is the comparison the wrong way round?",
    )
    right_if(
        copied > 0.95,
        f"Samples that are training objects with a little noise give a share of {copied:.2f}. A copy need "
        "not be exact, and it is close to a training object, not to a test object.",
    )
    right_if(
        honest < 0.06,
        f"New objects from the very distribution of the data give a share of {honest:.2f}. How close do "
        "real, unseen test objects come to the training set? Only what is closer than nearly all of these "
        "is suspicious.",
    )
    right_if(
        abs(half - (copied + honest) / 2) < 0.06,
        f"Where half of the samples are copies, the share should be about one half; got {half:.2f}.",
    )
    scaled = float(share_of_copies(10 * near, 10 * train, 10 * test))
    right_if(
        abs(scaled - copied) < 0.01,
        "Multiplying all pixels by 10 changed the answer: the distance that counts as close has to come "
        "from the test set.",
    )
    return "Close is measured by how close unseen real objects come."


def share_of_copies(samples: Tensor, train: Tensor, test: Tensor) -> float:
    sample_distance = torch.cdist(samples, train).amin(dim=1)
    test_distance = torch.cdist(test, train).amin(dim=1)
    return (sample_distance < test_distance.quantile(0.01)).double().mean().item()


q3 = Exercise(
    "q3",
    _check_copies,
    "torch.cdist(a, b) holds all distances. Real test objects cannot be copies: how near is the nearest "
    "training object to all but 1 % of them?",
    share_of_copies,
    "Test objects show how close independent objects come by chance. A sample closer than 99 % of them is "
    "suspicious; one in a hundred honest samples will be, too.",
)


# --- Exercise 4 ------------------------------------------------------------------------------

_CAMERA = {
    "a": "A black frame is unlike the training images, yet each of its pixels is easy to predict, so log "
    "p(x) rises.",
    "b": "Typicality is the distance from the usual value, and a black frame is far above it. It would "
    "notice.",
    "d": "A classifier must name some class, and nothing makes it hesitate on black: it was sure of "
    "letters, too.",
}


def _check_camera(answer) -> str:
    letter = letter_of(answer, "abcd")
    right_if(letter == "c", _CAMERA.get(letter, ""))
    return "A black frame is cheap to describe, so it is likely; only a test of both sides notices."


def dark_camera() -> str:
    return "c"


q4 = Exercise(
    "q4",
    _check_camera,
    "How many bits does it take to describe a black frame? Then look again at the digit that was erased "
    "row by row.",
    dark_camera,
    "Likelihood rewards what is easy to predict, not what is familiar. A monitor for low p(x) is blind to "
    "a blank input.",
)

"""The kit that the checks are made of."""

import math
import random
import re
from fractions import Fraction

import numpy as np
import pytest
import torch

from dgm_lite.exercises.answers import Wrong, numbers, tensor_of, two_parts, wants
from dgm_lite.exercises.exercise import Exercise
from tests.exercises import said


def refusal(*args, **kwargs) -> str:
    with pytest.raises(Wrong) as wrong:
        wants(*args, **kwargs)
    return str(wrong.value)


def test_two_numbers_that_differ_are_shown_as_different():
    chance = random.Random(0)
    for _ in range(500):
        right = chance.choice([1, -1]) * 10 ** chance.uniform(-6, 6)
        got = right + chance.choice([1, -1]) * (1 + abs(right)) * 10 ** chance.uniform(-15, 2)
        told = re.fullmatch(r"Expected (\S+); got (\S+)\.", refusal(got, right, tolerance=1e-16))
        assert told[1] != told[2] and float(told[1]) == pytest.approx(right, rel=1e-3)
        assert float(told[2]) == pytest.approx(got, rel=1e-3)


def test_a_refusal_shows_the_digits_in_which_the_two_differ():
    assert refusal(-1.01330001, -1.01333333, tolerance=1e-9) == "Expected -1.01333; got -1.0133."
    assert refusal([1.0, 2.0, 3.5], [1.0, 2.0, 3.0]) == "Expected 3 at [2]; got 3.5."


@pytest.mark.parametrize(
    "answer",
    [
        1.5, np.float32(1.5), np.array([1.5]), np.array([[1.5]], dtype=">f4"), [1.5], (1.5,), [[1.5]],
        torch.tensor(1.5, requires_grad=True), torch.tensor([1.5], dtype=torch.bfloat16), [torch.tensor(1.5)],
        [torch.tensor(1.5, requires_grad=True)], np.longdouble(1.5),
    ],
)  # fmt: skip
def test_one_number_may_come_in_any_form(answer):
    wants(answer, 1.5)
    assert refusal(answer, 1.25) == "Expected 1.25; got 1.5."


def test_half_precision_may_round_but_no_more():
    wants(torch.tensor(44.3614).bfloat16(), 44.3614)
    wants(torch.tensor(44.3614).half(), 44.3614)
    assert "got 50." in refusal(torch.tensor(50.0).bfloat16(), 44.3614)
    assert "got 44.38" in refusal(44.375, 44.3614)  # what bfloat16 says, said in double precision


def test_the_nearest_of_several_values_decides():
    mistakes = {"too far": 1.02, "half way": 1.011}
    wants(torch.tensor(1.0).bfloat16(), 1.0, mistakes)
    assert refusal(torch.tensor(1.02).bfloat16(), 1.0, mistakes) == "too far"


def test_what_holds_nan_is_never_a_mistake_of_another_kind():
    assert refusal(torch.nan, 1.0, {"the sign": -1.0}, "It is {right}.") == "Your answer is NaN."
    assert refusal([1.0, math.inf], [1, 2], {}, "Use logsumexp.") == (
        "Your answer holds infinity at [1]. Use logsumexp."
    )
    assert refusal([[1.0, -math.inf]], [[1, 2]]) == "Your answer holds minus infinity at [0, 1]."


def test_a_shape_is_told_in_words():
    each, shapes = "one number per image", {(2, 2): "Add up over d."}
    told = refusal(torch.ones(2, 2), [1, 2], each=each, shapes=shapes)
    assert told == "Expected one number per image, shape (2,); got shape (2, 2). Add up over d."
    assert refusal(1.0, [1, 2]) == "Expected shape (2,); got a single number."
    assert refusal([1, 2], 1.0) == "Expected a single number; got shape (2,)."


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (None, "got None (did you forget return?)"),
        (..., "still to be replaced"),
        ("1.5", "got str"),
        (len, "got a function"),
        (1j, "got complex"),
        (torch.tensor(1j), "got complex ones"),
        ([1, [2, 3]], "differ in shape"),
        ({"a": 1}, "got dict"),
        (Fraction(1, 2), "got Fraction"),
    ],
)
def test_what_is_no_number_is_called_by_its_kind(answer, message):
    assert message in refusal(answer, 1.5)


def test_integers_stay_integers():
    for whole in (3, [1, 2], np.uint16([3]), torch.tensor([1])):
        assert not tensor_of(whole).is_floating_point()
    assert tensor_of([True, False]).dtype == torch.bool
    assert numbers(np.uint8([255]), (1,)).item() == 255


def test_a_pair_may_come_in_any_form():
    for pair in ((1, 2), [1, 2], np.array([1, 2]), torch.tensor([1, 2])):
        assert [float(v) for v in two_parts(pair, "numbers")] == [1, 2]
    for other in (None, 1, (1, 2, 3), torch.tensor(1), "ab", {1: 2, 3: 4}):
        with pytest.raises(Wrong, match="Expected two numbers; got"):
            two_parts(other, "numbers")


REPORT = """two laws of three hold.
  round trip        holds, error 1e-15
  log-determinant   differs from autograd's by 0.31 nats at x = (0.2, -1.3), which is much more than rounding

Mend the log-determinant first."""


def flow() -> str:
    return "a flow"


def test_a_verdict_may_be_a_report_that_keeps_its_lines(capsys):
    def by_report(answer) -> str:
        if answer == "good":
            return REPORT.replace("two laws of three hold", "all laws hold")
        raise Wrong(REPORT)

    exercise = Exercise("q5", by_report, "Start from a coupling.", flow, "Laws are what a flow is.")
    exercise.check("good")
    assert capsys.readouterr().out.startswith("q5: correct. all laws hold.\n  round trip        holds, error")
    exercise.check("bad")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "q5: not yet. two laws of three hold."
    assert lines[2].startswith("  log-determinant   differs") and lines[3].startswith("  ")
    assert lines[-2:] == ["", "Mend the log-determinant first."] and max(map(len, lines)) <= 80


def test_an_error_inside_a_check_is_no_traceback(capsys):
    exercise = Exercise("q1", lambda answer: 1 / 0, "", flow, "")
    assert (
        said(exercise, 1, capsys) == "q1: your answer could not be run: ZeroDivisionError: division by zero"
    )


def test_draws_inside_a_check_repeat_whatever_was_drawn_before(capsys):
    exercise = Exercise(
        "q1", lambda answer: f"{torch.rand(2).tolist()} {np.random.rand()} {random.random()}", "", flow, ""
    )
    first = said(exercise, 1, capsys)
    _ = torch.rand(3), np.random.rand(), random.random()
    assert said(exercise, 1, capsys) == first


@pytest.mark.parametrize(
    "error", [SystemExit(1), GeneratorExit(), RecursionError(), MemoryError(), StopIteration(3)]
)
def test_whatever_the_readers_function_raises_the_notebook_goes_on(error, capsys):
    def test(answer):
        answer()

    def fails():
        raise error

    exercise = Exercise("q1", test, "", fails, "")
    told = said(exercise, fails, capsys)
    assert told.startswith(f"q1: your answer could not be run: {type(error).__name__}"), told


def test_whoever_stops_a_check_is_obeyed():
    def test(answer):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Exercise("q1", test, "", test, "").check(1)

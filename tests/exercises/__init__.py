"""What the tests of all exercises have in common: right answers pass, likely mistakes are named."""

import importlib
import inspect
import pkgutil

import pytest

import dgm_lite.exercises
from dgm_lite.exercises.exercise import Exercise

SHARED = {"exercise", "answers"}
CHAPTERS = [m.name for m in pkgutil.iter_modules(dgm_lite.exercises.__path__) if m.name not in SHARED]


def exercises(chapter: str) -> dict[str, Exercise]:
    module = importlib.import_module(f"dgm_lite.exercises.{chapter}")
    return {name: value for name, value in vars(module).items() if isinstance(value, Exercise)}


EVERY = [(chapter, name) for chapter in CHAPTERS for name in exercises(chapter)]


def asks_for_a_function(exercise: Exercise) -> bool:
    """A reference that takes no arguments returns the answer; any other is the answer."""
    return bool(inspect.signature(exercise.reference).parameters)


def right_answer(exercise: Exercise):
    return exercise.reference if asks_for_a_function(exercise) else exercise.reference()


def said(exercise: Exercise, answer, capsys) -> str:
    """What the reader is told, in one line: messages are wrapped to the width of a page."""
    exercise.check(answer)
    return " ".join(capsys.readouterr().out.split())


def passing(answers: list[tuple]):
    """A test that each (exercise, answer) is called correct."""

    @pytest.mark.parametrize(("exercise", "answer"), answers)
    def test(exercise, answer, capsys):
        told = said(exercise, answer, capsys)
        assert told.startswith(f"{exercise.name}: correct."), told

    return test


def naming(mistakes: list[tuple]):
    """A test that each (exercise, answer, message) is refused with the message that is meant for it."""

    @pytest.mark.parametrize(("exercise", "answer", "message"), mistakes)
    def test(exercise, answer, message, capsys):
        told = said(exercise, answer, capsys)
        refusals = (f"{exercise.name}: not yet.", f"{exercise.name}: your answer could not be run:")
        assert told.startswith(refusals), told
        assert message in told, f"expected {message!r} in what the reader is told: {told}"

    return test

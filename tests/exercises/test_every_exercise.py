"""What every exercise of the book does: says that it is unanswered, hints, shows a solution."""

import importlib
import pkgutil

import pytest

import dgm_lite.exercises
from dgm_lite.exercises.exercise import Exercise

CHAPTERS = [m.name for m in pkgutil.iter_modules(dgm_lite.exercises.__path__) if m.name != "exercise"]


def exercises(chapter: str) -> dict[str, Exercise]:
    module = importlib.import_module(f"dgm_lite.exercises.{chapter}")
    return {name: value for name, value in vars(module).items() if isinstance(value, Exercise)}


EVERY = [(chapter, name) for chapter in CHAPTERS for name in exercises(chapter)]


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_chapter_has_three_exercises_or_more_numbered_from_one(chapter):
    names = sorted(exercises(chapter))
    assert len(names) >= 3 and names == [f"q{k + 1}" for k in range(len(names))]


@pytest.mark.parametrize(("chapter", "name"), EVERY)
def test_it_answers_by_the_name_of_its_variable(chapter, name):
    assert exercises(chapter)[name].name == name


@pytest.mark.parametrize(("chapter", "name"), EVERY)
def test_unanswered_hint_and_solution(chapter, name, capsys):
    exercise = exercises(chapter)[name]
    exercise.check(...)
    assert f"{name}: not answered yet" in capsys.readouterr().out
    exercise.hint()
    said = capsys.readouterr().out
    assert "hint:" in said and len(said) > 40
    exercise.solution()
    said = capsys.readouterr().out
    assert "def " in said and len(said.splitlines()) > 3


@pytest.mark.parametrize(("chapter", "name"), EVERY)
def test_an_answer_of_the_wrong_kind_breaks_nothing(chapter, name, capsys):
    for nonsense in (None, object(), "?", -1, []):
        exercises(chapter)[name].check(nonsense)
        said = capsys.readouterr().out
        assert said.startswith(f"{name}: ") and "correct." not in said

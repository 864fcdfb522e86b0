"""What every exercise of the book does: says that it is unanswered, hints, shows a solution."""

import pytest

from tests.exercises import CHAPTERS, EVERY, exercises


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
    assert capsys.readouterr().out == f"{name}: not answered yet. Replace the ... and run the cell again.\n"
    exercise.hint()
    said = capsys.readouterr().out
    assert "hint:" in said and len(said) > 40
    exercise.solution()
    said = capsys.readouterr().out
    assert "def " in said and len(said.splitlines()) > 3

"""Exercises of "The map": solutions pass, likely mistakes are named."""

import pytest

from dgm_lite.exercises import map as chapter
from dgm_lite.exercises.map import q1, q2, q3


@pytest.mark.parametrize(
    ("exercise", "answer"),
    [(q1, chapter.families_by_formula()), (q2, chapter.likelihood), (q3, chapter.archive())],
)
def test_reference_solutions_pass(exercise, answer, capsys):
    exercise.check(answer)
    assert f"{exercise.name}: correct." in capsys.readouterr().out


RIGHT = chapter.families_by_formula()
WRONG = [
    (q1, {"a": "autoregressive"}, "keys a to e"),
    (q1, {**RIGHT, "b": "prescribed", "d": "implicit"}, "swapped"),
    (q1, {**RIGHT, "e": "flow"}, "e is not flow"),
    (q1, {**RIGHT, "c": "gan"}, "expected one of"),
    (q2, lambda model: "exact" if hasattr(model, "sample") else "none", "only be sampled"),
    (
        q2,
        lambda model: "exact" if hasattr(model, "log_prob") or hasattr(model, "elbo") else "none",
        "lower bound",
    ),
    (q2, lambda model: "none", 'Expected "exact"'),
    (q3, "a", "no probability"),
    (q3, "b", "takes a pass"),
    (q3, "d", "not one bit"),
]


@pytest.mark.parametrize(("exercise", "answer", "message"), WRONG)
def test_likely_mistakes_are_named(exercise, answer, message, capsys):
    exercise.check(answer)
    out = " ".join(capsys.readouterr().out.split())
    assert "correct." not in out and message in out

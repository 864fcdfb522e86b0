"""Every likely mistake in the tables hears its own message, and the right answer hears none of them."""

import importlib
from collections import defaultdict

import pytest
import torch

from dgm_lite.exercises import answers as kit
from dgm_lite.exercises.answers import Letter, Words
from tests.exercises import CHAPTERS, EVERY, exercises, right_answer, said

MODULES = {chapter: importlib.import_module(f"dgm_lite.exercises.{chapter}") for chapter in CHAPTERS}
SOME = pytest.mark.parametrize(("chapter", "name"), EVERY)


def tables(chapter, name, function, monkeypatch, capsys) -> list[tuple]:
    """(right, mistakes) of each comparison that the check makes on its way through the right answer."""
    seen, real = [], getattr(kit, function)

    def record(answer, right, mistakes=None, *rest, **more):
        seen.append((right, mistakes or {}))
        return real(answer, right, mistakes or {}, *rest, **more)

    monkeypatch.setattr(MODULES[chapter], function, record, raising=False)
    exercise = exercises(chapter)[name]
    assert "correct." in said(exercise, right_answer(exercise), capsys)
    return seen


def with_answer(k, answer, chapter, name, function, monkeypatch, capsys) -> str:
    """What is told if the k-th comparison sees this in place of the right answer."""
    calls, real = [], getattr(kit, function)

    def swap(given, *rest, **more):
        calls.append(given)
        return real(answer if len(calls) == k + 1 else given, *rest, **more)

    monkeypatch.setattr(MODULES[chapter], function, swap, raising=False)
    exercise = exercises(chapter)[name]
    return said(exercise, right_answer(exercise), capsys)


TYPES = [lambda v: v.double(), lambda v: v.float(), lambda v: v.double().numpy(), lambda v: v.tolist()]


@SOME
def test_each_mistake_in_a_table_of_values_is_told_from_the_right_value_and_from_the_others(
    chapter, name, monkeypatch, capsys
):
    told = defaultdict(set)
    for k, (right, mistakes) in enumerate(tables(chapter, name, "wants", monkeypatch, capsys)):
        for message, value in mistakes.items():
            assert torch.as_tensor(value).isfinite().all()
            assert torch.as_tensor(value).shape == torch.as_tensor(right).shape, message
            for kind in TYPES:
                value = kind(torch.as_tensor(value).detach())
                told[message].add(with_answer(k, value, chapter, name, "wants", monkeypatch, capsys))
                value = torch.as_tensor(value)
    for message, answers in told.items():  # an input at which the mistake does no harm may come beside others
        correct = {t for t in answers if t.startswith(f"{name}: correct.")}
        assert answers - correct == {f"{name}: not yet. {message}"}


@SOME
def test_any_other_value_is_refused_with_no_likely_mistakes_message(chapter, name, monkeypatch, capsys):
    for k, (right, mistakes) in enumerate(tables(chapter, name, "wants", monkeypatch, capsys)):
        right = torch.as_tensor(right).double()
        for value in (1.37 * right + 0.731, right + 0.03 * (1 + right.abs())):
            told = with_answer(k, value, chapter, name, "wants", monkeypatch, capsys)
            assert told.startswith(f"{name}: not yet."), told
            assert told not in {f"{name}: not yet. {message}" for message in mistakes}
            assert "{" not in told.replace("x_{d-1}", "")


@SOME
def test_each_word_and_letter_is_answered(chapter, name, monkeypatch, capsys):
    exercise = exercises(chapter)[name]
    if isinstance(exercise.test, Letter):
        for letter, message in exercise.test.wrong.items():
            for given in (letter, f" {letter.upper()}. ", f"({letter})"):
                assert said(exercise, given, capsys) == f"{name}: not yet. {message}"
        for given in (f" {exercise.test.right.upper()}.", f"({exercise.test.right})"):
            assert "correct." in said(exercise, given, capsys)
    for k, (_, mistakes) in enumerate(tables(chapter, name, "wants_word", monkeypatch, capsys)):
        for message, words in mistakes.items():
            for word in words:
                told = with_answer(k, word, chapter, name, "wants_word", monkeypatch, capsys)
                assert told == f"{name}: not yet. {message}"


DICTIONARIES = [(c, n) for c, n in EVERY if isinstance(exercises(c)[n].test, Words)]


@pytest.mark.parametrize(("chapter", "name"), DICTIONARIES)
def test_each_wrong_word_in_a_dictionary_is_answered(chapter, name, capsys):
    exercise = exercises(chapter)[name]
    test, right = exercise.test, right_answer(exercise)
    for message, words in test.mistakes.items():
        assert said(exercise, right | words, capsys) == f"{name}: not yet. {message}"
    for key in right:
        for word in set(test.words) - {right[key]}:
            told = said(exercise, right | {key: word}, capsys)
            special = [m for m, words in test.mistakes.items() if words == {key: word}]
            message = special[0] if special else test.wrong[key].format(got=word)
            assert told == f"{name}: not yet. {message}"
        assert f"Not answered yet: {key}." in said(exercise, right | {key: ...}, capsys)
        assert "with the keys" in said(exercise, {k: v for k, v in right.items() if k != key}, capsys)
    assert "correct." in said(exercise, {k.swapcase(): f" {v.upper()} " for k, v in right.items()}, capsys)


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_each_sign_of_a_mistake_is_shown_by_some_wrong_answer(chapter, monkeypatch, capsys):
    """The tables of ``refuse_if`` hold no message that no answer of the chapter's tests brings up."""
    said_of, real = defaultdict(set), kit.refuse_if
    now = []

    def record(mistakes):
        where = (now[0].name, len(mistakes))
        made = next((k for k, so in enumerate(mistakes.values()) if so), None)
        said_of[where].add(made)
        return real(mistakes)

    monkeypatch.setattr(MODULES[chapter], "refuse_if", record, raising=False)
    wrong = importlib.import_module(f"tests.exercises.test_{chapter}").WRONG
    for exercise, answer, _ in wrong:
        now[:] = [exercise]
        said(exercise, answer, capsys)
    for exercise in exercises(chapter).values():
        now[:] = [exercise]
        said(exercise, right_answer(exercise), capsys)
    missing = {where: set(range(where[1])) - made for where, made in said_of.items()}
    assert not any(missing.values()), missing

"""Every check looks at what an answer means: types, NaN, None, shapes, side effects."""

import random

import numpy as np
import pytest
import torch
from torch import Tensor

from dgm_lite.exercises import gan, integers, noise, two_ways
from dgm_lite.exercises.answers import Letter, Words
from dgm_lite.flows.flow import Flow
from tests.exercises import EVERY, asks_for_a_function, exercises, right_answer, said


def numeric(exercise) -> bool:
    """Whether the answer is made of numbers: no letter, no words, no model."""
    words = isinstance(exercise.test, Letter | Words)
    return not words and exercise.reference.__annotations__.get("return") not in (str, Flow)


def each_of(exercises) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("exercise", [pytest.param(e, id=NAMES[e]) for e in exercises])


NAMES = {exercises(chapter)[name]: f"{chapter}-{name}" for chapter, name in EVERY}
every = each_of(NAMES)
of_numbers = each_of(filter(numeric, NAMES))
of_functions = each_of(filter(asks_for_a_function, NAMES))


def each_part(change, answer):
    """The numbers in an answer changed; None stays None."""
    if isinstance(answer, tuple):
        return tuple(each_part(change, part) for part in answer)
    return None if answer is None else change(torch.as_tensor(answer))


def changed(change, exercise):
    """The right answer with its numbers changed; of a function, those that it returns."""
    right = right_answer(exercise)
    return (lambda *a: each_part(change, right(*a))) if callable(right) else each_part(change, right)


def read_only(v: Tensor) -> np.ndarray:
    array = v.double().numpy()
    array.setflags(write=False)
    return array


FLOATS = {
    "float32": lambda v: v.float(),
    "float64": lambda v: v.double(),
    "big-endian": lambda v: v.double().detach().numpy().astype(">f8"),
    "with gradient": lambda v: v.double() + torch.zeros(v.shape, requires_grad=True),
}
HALVES = {
    "float16": lambda v: v.half(),
    "bfloat16": lambda v: v.bfloat16(),
    "numpy float16": lambda v: v.detach().numpy().astype(np.float16),
}
SAME = {
    "numpy": lambda v: v.detach().numpy(),
    "read-only": lambda v: read_only(v.detach()) if v.is_floating_point() else v.numpy(),
    "backwards in memory": lambda v: v.detach().flip(0).numpy()[::-1] if v.dim() else v.detach().numpy(),
    "list": lambda v: v.tolist(),
    "list of tensors": lambda v: list(v.unbind()) if v.dim() else v,
    "tuple": lambda v: tuple(v.tolist()) if v.dim() else v.item(),
    "one element": lambda v: v.reshape(1) if v.numel() == 1 else v,
    "numpy number": lambda v: v.detach().numpy().ravel()[0] if v.numel() == 1 else v,
}
NO_GRADIENT = {"big-endian", "numpy", "read-only", "backwards in memory", "list", "tuple", "numpy number"}


def asked_for(exercise, how: str) -> bool:
    """Whether the type itself is what the task asks for, so that another one is no right answer."""
    if exercise is gan.q2:  # a loss that a gradient flows through
        return how in NO_GRADIENT | {"numpy float16"}
    if exercise in (integers.q1, two_ways.q2):  # integers; booleans
        return how in FLOATS or how in HALVES
    return exercise is noise.q2 and how in HALVES  # half-steps at 255 grey levels need more digits


ANY_TYPE = [
    pytest.param(e, how, id=f"{NAMES[e]}-{how}")
    for e in filter(numeric, NAMES)
    for how in FLOATS | HALVES | SAME
    if not asked_for(e, how)
]


@pytest.mark.parametrize(("exercise", "how"), ANY_TYPE)
def test_a_right_answer_is_right_in_any_type(exercise, how, capsys):
    told = said(exercise, changed((FLOATS | HALVES | SAME)[how], exercise), capsys)
    assert told.startswith(f"{exercise.name}: correct."), told


@of_functions
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_function_may_compute_in_any_precision(exercise, dtype, capsys):
    def to(v):
        return v.to(dtype) if isinstance(v, Tensor) and v.is_floating_point() else v

    told = said(exercise, lambda *inputs: exercise.reference(*map(to, inputs)), capsys)
    assert told.startswith(f"{exercise.name}: correct."), told


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_right_answer_is_right_on_another_device(capsys):
    for exercise in filter(numeric, NAMES):
        assert "correct." in said(exercise, changed(lambda v: v.cuda(), exercise), capsys)
        with torch.device("cuda"):
            assert "correct." in said(exercise, right_answer(exercise), capsys)


@of_numbers
@pytest.mark.parametrize("where", ["all", "the last"])
@pytest.mark.parametrize(
    ("value", "name"), [(torch.nan, "NaN"), (torch.inf, "infinity"), (-torch.inf, "minus infinity")]
)
def test_nan_and_infinity_are_called_so(exercise, value, name, where, capsys):
    def spoilt(v):
        spoilt = torch.full(v.shape, value) if where == "all" else v.detach().double().clone()
        spoilt.view(-1)[-1] = value
        return spoilt

    told = said(exercise, changed(spoilt, exercise), capsys)
    assert told.startswith((f"{exercise.name}: not yet. Your answer is {name}.",
                            f"{exercise.name}: not yet. Your answer holds {name} at ")), told  # fmt: skip


@every
def test_none_is_called_so(exercise, capsys):
    assert "None" in said(exercise, None, capsys)
    if asks_for_a_function(exercise):
        told = said(exercise, lambda *inputs: None, capsys)
        assert told.startswith(f"{exercise.name}: not yet.") and "returned None" in told


@of_numbers
def test_a_wrong_shape_is_told_beside_the_right_one(exercise, capsys):
    told = said(exercise, changed(lambda v: torch.stack([v, v]), exercise), capsys)
    assert told.startswith(f"{exercise.name}: not yet. Expected ") and "; got shape (2" in told, told
    told = said(exercise, changed(lambda v: v[..., None, None].expand(*v.shape, 2, 1), exercise), capsys)
    assert told.startswith(f"{exercise.name}: not yet. Expected ") and "; got shape (" in told, told


def fails(*inputs):
    raise RuntimeError("line one\nline two")


NONSENSE = [
    object(), "?", "", -1, 1e400, [], [[1], [1, 2]], {}, {"a": ...}, {1: 2}, 1j, torch.zeros(0), np.array([]),
    torch.zeros(2, 2, dtype=torch.complex64), np.array("b"), [None], [...], int, range(3), (x for x in "ab"),
    torch.nn.Linear(2, 2), float("nan"), True,
]  # fmt: skip


@every
def test_an_answer_of_the_wrong_kind_breaks_nothing(exercise, capsys):
    returning = [lambda *inputs, v=v: v for v in [*NONSENSE, ...]]
    for nonsense in [*NONSENSE, *returning, fails, lambda: 1, lambda a, b, c, d, e, f: a]:
        told = said(exercise, nonsense, capsys)
        assert told.startswith(f"{exercise.name}: ") and "correct." not in told, told


@every
def test_a_check_leaves_answers_and_inputs_as_they_were(exercise, capsys):
    kept = []

    def keep(v):
        kept.extend((t, t.clone()) for t in (v if isinstance(v, tuple) else [v]) if isinstance(t, Tensor))
        return v

    right = right_answer(exercise)
    function = asks_for_a_function(exercise)
    answer = (lambda *a: keep(right(*[keep(v) for v in a]))) if function else keep(right)
    assert said(exercise, answer, capsys).startswith(f"{exercise.name}: correct.")
    assert all(torch.equal(now, before) for now, before in kept)


@of_functions
def test_a_function_that_changes_its_inputs_hears_of_it(exercise, capsys):
    def in_place(*inputs):
        result = exercise.reference(*inputs)
        for v in inputs:
            if isinstance(v, Tensor):
                v.add_(1)
        return result

    tensors = []
    told = said(
        exercise, lambda *a: tensors.extend(v for v in a if isinstance(v, Tensor)) or in_place(*a), capsys
    )
    assert ("changed its input in place" in told) == bool(tensors)


@every
def test_a_check_leaves_the_generators_alone_and_repeats_itself(exercise, capsys):
    def state():
        return torch.get_rng_state().tolist(), str(np.random.get_state()), random.getstate()

    def drawing(*inputs):
        torch.manual_seed(17)
        np.random.seed(17)
        random.seed(17)
        return right_answer(exercise)(*inputs)

    answer = drawing if asks_for_a_function(exercise) and exercise is not noise.q1 else right_answer(exercise)
    before = state()
    told = said(exercise, answer, capsys)
    assert state() == before
    torch.rand(3)
    assert told == said(exercise, answer, capsys) and "correct." in told
    said(exercise, fails, capsys)
    torch.rand(3)


@of_functions
def test_a_check_works_where_gradients_are_switched_off_or_the_default_is_double(exercise, capsys):
    try:
        torch.set_default_dtype(torch.float64)
        with torch.no_grad():
            assert "correct." in said(exercise, exercise.reference, capsys)
    finally:
        torch.set_default_dtype(torch.float32)

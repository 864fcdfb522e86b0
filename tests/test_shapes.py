"""The checks that every public entry point makes, and their messages."""

import numpy as np
import pytest
import torch
from torch import nn

from dgm_lite import laws, shapes


def test_a_shape_is_shown_as_one_writes_it():
    assert shapes.show(("B", 64)) == "(B, 64)"
    assert shapes.show((3,)) == "(3,)"
    assert shapes.show(()) == "()"


def test_the_message_says_expected_got_and_the_remedy():
    with pytest.raises(ValueError) as caught:
        shapes.check_shape(torch.zeros(3, 1, 8, 8), ("B", 64), "RealNVP", "Flatten images: x.flatten(1).")
    assert (
        str(caught.value)
        == "RealNVP: expected shape (B, 64), got (3, 1, 8, 8). Flatten images: x.flatten(1)."
    )


def test_images_where_rows_are_expected_are_told_how_to_become_rows():
    for x in (torch.zeros(10, 3, 3), torch.zeros(10, 1, 3, 3)):
        with pytest.raises(ValueError, match=r"Owner: expected .* Flatten images: x\.flatten\(1\)\."):
            shapes.check_shape(x, ("N", 9), "Owner")
        with pytest.raises(ValueError, match="got .* Try another."):
            shapes.check_shape(x, ("N", 9), "Owner", "Try another.")
    for x, shape in ((torch.zeros(10, 8), ("N", 9)), (torch.zeros(10, 3, 3), ("N",))):
        with pytest.raises(ValueError, match=r"\.$") as told:
            shapes.check_shape(x, shape, "Owner")
        assert "Flatten" not in str(told.value)


@pytest.mark.parametrize("x, shape", [
    (torch.zeros(2, 3), ("B", 3)), (torch.zeros(1), ("B",)), (torch.zeros(2, 3, 4), ("B", "C", 4)),
    (torch.tensor(1.0), ()),
])  # fmt: skip
def test_what_fits_is_accepted(x, shape):
    assert shapes.check_shape(x, shape, "owner") is None


@pytest.mark.parametrize("x, word", [
    (torch.zeros(2, 4), "(2, 4)"), (torch.zeros(3), "(3,)"), (torch.zeros(2, 3, 1), "(2, 3, 1)"),
    (torch.zeros(0, 3), "empty"), ([[1.0, 2.0, 3.0]], "list"), (np.zeros((2, 3)), "ndarray"),
    (None, "NoneType"),
])  # fmt: skip
def test_what_does_not_fit_is_refused(x, word):
    laws.refuses(lambda: shapes.check_shape(x, ("B", 3), "Owner"), "Owner: ", word)


@pytest.mark.parametrize("x, word", [
    (torch.zeros(2, 3, dtype=torch.long), "torch.int64"), (torch.zeros(2, 3, dtype=torch.bool), "torch.bool"),
    (torch.zeros(2, 3, dtype=torch.complex64), "torch.complex64"), (torch.full((2, 3), torch.nan), "6 NaN"),
    (torch.tensor([[1.0, -torch.inf, 2.0]]), "1 NaN or infinite among 3"),
])  # fmt: skip
def test_only_finite_real_numbers_are_real(x, word):
    laws.refuses(lambda: shapes.check_real(x, ("B", 3), "Owner"), "Owner: ", word)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_every_float_is_real(dtype):
    shapes.check_real(torch.ones(2, 3, dtype=dtype), ("B", 3), "Owner")


FLOATS = [torch.float16, torch.bfloat16, torch.float32, torch.float64]


@pytest.mark.parametrize("own", FLOATS)
@pytest.mark.parametrize("given", FLOATS)
def test_a_model_takes_every_float_in_its_own_type(own, given):
    """By its first weight that is real, or its buffer; one with neither takes them as they are."""
    x = torch.tensor([[1.0, -2.5, 3.25]], dtype=given)
    model = nn.Module()
    assert shapes.check_real(x, ("B", 3), model).dtype == given
    model.register_buffer("order", torch.arange(3))
    assert shapes.check_real(x, ("B", 3), model).dtype == given
    for put in (lambda v: model.register_buffer("scale", v), lambda v: setattr(model, "w", nn.Parameter(v))):
        put(torch.ones(2, dtype=own))
        taken = shapes.check_real(x, ("B", 3), model)
        assert taken.dtype == own and torch.equal(taken.to(given), x)
    assert shapes.check_real(x, ("B", 3), "Owner").dtype == given, "a name has no type"


def test_a_number_too_large_for_the_model_is_not_infinite_in_silence():
    model, x = nn.Linear(3, 1), torch.tensor([[1.0, 1e300, 2.0]], dtype=torch.float64)
    laws.refuses(lambda: shapes.check_real(x, ("B", 3), model), "Linear: ", "1 NaN or infinite among 3")


def test_what_a_model_computed_itself_may_be_infinite():
    for value in (torch.nan, torch.inf):
        shapes.check_real(torch.full((2, 3), value), ("B", 3), "Owner", finite=False)
    for x in (torch.zeros(2, 4), torch.zeros(2, 3, dtype=torch.long)):
        laws.refuses(lambda: shapes.check_real(x, ("B", 3), "Owner", finite=False), "Owner: ")  # noqa: B023


@pytest.mark.parametrize("x, word", [
    (torch.zeros(2, 3), "torch.float32"), (torch.zeros(2, 3, dtype=torch.bool), "torch.bool"),
    (torch.tensor([[0, 17, 3]]), "from 0 to 17"), (torch.tensor([[0, -1, 3]]), "from -1 to 3"),
])  # fmt: skip
def test_only_integers_in_range_are_levels(x, word):
    laws.refuses(lambda: shapes.check_levels(x, 17, ("B", 3), "Owner"), "Owner: ", "0..16", word)


INTEGERS = [torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64]
INTEGERS += [torch.uint16, torch.uint32, torch.uint64]


@pytest.mark.parametrize("dtype", INTEGERS)
def test_every_integer_type_holds_levels(dtype):
    x = torch.tensor([[0, 16, 3]], dtype=dtype)
    for levels in (17, None):
        whole = shapes.check_levels(x, levels, ("B", 3), "Owner")
        assert whole.dtype == torch.int64 and whole.tolist() == [[0, 16, 3]]
    laws.refuses(lambda: shapes.check_levels(x, 16, ("B", 3), "Owner"), "Owner: ", "from 0 to 16")


def test_integers_of_any_size_are_taken_but_for_those_that_would_wrap_around():
    far = torch.tensor([[-(2**62), 2**62]])
    assert torch.equal(shapes.check_levels(far, None, ("B", 2), "Owner"), far)
    beyond = torch.tensor([[-1, 3]]).view(torch.uint64)  # the first is 2^64 - 1
    for levels in (None, 5):
        laws.refuses(lambda: shapes.check_levels(beyond, levels, ("B", 2), "Owner"), "Owner: ")  # noqa: B023
    for x in (far.double(), far > 0):
        laws.refuses(lambda: shapes.check_levels(x, None, ("B", 2), "Owner"), "x.long()")  # noqa: B023


@pytest.mark.parametrize(
    "y", [torch.tensor([0, 3]), torch.tensor([0]), torch.tensor([[0], [1]]), torch.tensor([0.0, 1.0])]
)
def test_labels_are_one_class_number_per_example(y):
    taken = shapes.check_labels(torch.tensor([0, 2], dtype=torch.uint8), 3, 2, "Owner")
    assert taken.dtype == torch.int64 and taken.tolist() == [0, 2]
    laws.refuses(lambda: shapes.check_labels(y, 3, 2, "Owner"), "Owner")


def test_labels_are_there_where_there_are_classes_and_only_there():
    assert shapes.check_labels(None, None, 2, "Owner") is None
    laws.refuses(lambda: shapes.check_labels(None, 3, 2, "Owner"), "Owner: ", "p(x | y)", "none")
    laws.refuses(lambda: shapes.check_labels(torch.tensor([0, 2]), None, 2, "Owner"), "Owner: ", "no labels")


@pytest.mark.parametrize("n", [0, -1, 1.0, True, None, "3", torch.tensor(3)])
def test_only_whole_numbers_count(n):
    laws.refuses(lambda: shapes.check_count(n, "Owner", "size"), "Owner: ", "size")


def test_the_first_size_that_does_not_count_is_named():
    shapes.check_counts("Owner", dim=3, hidden=1)
    laws.refuses(lambda: shapes.check_counts("Owner", dim=3, hidden=0, kernel=-1), "Owner: ", "hidden", "0")


@pytest.mark.parametrize("n", [1, 10**9, np.int64(3)])
def test_whole_numbers_count(n):
    shapes.check_count(n, "Owner")


def test_the_type_of_a_model_is_that_of_its_first_weight():
    model = nn.Sequential(nn.BatchNorm1d(3), nn.Sequential(nn.Linear(3, 2)), nn.Linear(2, 1))
    model.register_module("none", None)
    assert shapes.float_type(model) == torch.float32 and shapes.float_type(model.double()) == torch.float64
    model[0] = nn.Module()
    model[0].register_buffer("first", torch.zeros(1, dtype=torch.float16))
    model[2].float()
    assert shapes.float_type(model) == torch.float64 and shapes.float_type(model[0]) == torch.float16
    assert shapes.float_type(nn.Module()) is None

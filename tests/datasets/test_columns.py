"""What may stand in a column: every type of number trains, or is refused with the remedy."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from dgm_lite import catalog, laws
from dgm_lite.datasets.columns import as_column
from dgm_lite.datasets.dataset import Dataset
from dgm_lite.datasets.rows import Tokens
from dgm_lite.evaluate import likelihood
from dgm_lite.protocols import Bound, Density
from dgm_lite.training.config import TrainConfig
from dgm_lite.training.fit import fit, mean_loss
from dgm_lite.training.step import training_steps


def read_only(x: Tensor) -> np.ndarray:
    array = x.numpy().copy()
    array.flags.writeable = False
    return array


def as_type(dtype: torch.dtype):
    return lambda x: x.to(dtype)


def as_array(dtype: str):
    return lambda x: x.numpy().astype(dtype)


ANY = {
    "read-only": read_only,
    "backwards": lambda x: x.numpy()[::-1].copy()[::-1],
    "by columns": lambda x: np.asfortranarray(x.numpy()),
    "on a tape": lambda x: x.clone().requires_grad_() if x.is_floating_point() else x,
}
INTEGERS = {str(d): as_type(d) for d in (
    torch.bool, torch.uint8, torch.int8, torch.int16, torch.uint16, torch.int32, torch.uint32, torch.int64,
    torch.uint64)}  # fmt: skip
INTEGERS |= {f"numpy {d}": as_array(d) for d in ("?", "u1", "i1", "<u2", ">u2", ">i4", ">i8", ">u8")} | ANY
FLOATS = {str(d): as_type(d) for d in (torch.float64, torch.float32, torch.float16, torch.bfloat16)}
FLOATS |= {f"numpy {d}": as_array(d) for d in ("f2", "f4", "f8", ">f4", ">f8", "longdouble")} | ANY


def examples(model: nn.Module, n: int = 12) -> Tensor:
    """Numbers that every type holds: 0 and 1 for models of integers, quarters for models of real numbers."""
    x = laws.examples(model, n)
    return (4 * x).round() / 4 if x.is_floating_point() else x % 2


def trained(entry: catalog.Entry, columns: list, whole: bool) -> tuple[list, dict[str, Tensor]]:
    torch.manual_seed(0)
    model = entry.build(**entry.small)
    data = Dataset("mine", *columns, levels=getattr(model, "levels", None) if whole else None)
    if entry.start:
        getattr(model, entry.start)(data.train)
    steps = fit(model, data, TrainConfig(epochs=2, batch_size=4))
    return steps, model.state_dict()


@pytest.mark.parametrize("entry", catalog.MODELS, ids=lambda entry: entry.name)
def test_every_type_of_number_trains_every_model_to_the_same_weights(entry):
    torch.manual_seed(0)
    x = examples(entry.build(**entry.small))
    columns = [x, x[:6], x[:0]]
    whole = not x.is_floating_point()
    expected, weights = trained(entry, columns, whole)
    for what, convert in (INTEGERS if whole else FLOATS).items():
        steps, own = trained(entry, [convert(column) for column in columns], whole)
        assert steps == expected, what
        assert all(torch.equal(own[name], weights[name]) for name in weights), what


@pytest.mark.parametrize("kinds, values", [
    (INTEGERS, [[0, 1], [1, 1], [1, 0]]), (FLOATS, [[0.5, -2.0], [3.25, 0.0], [1.0, 2.0]]),
])  # fmt: skip
def test_a_column_has_one_type_however_it_comes(kinds, values):
    x = torch.tensor(values)
    for what, convert in kinds.items():
        data = Dataset("d", *[convert(x)] * 3)
        assert data.train.dtype == x.dtype and torch.equal(data.train, x), what
        assert not data.train.requires_grad, what


def test_labels_have_one_type_however_they_come():
    x, y = torch.zeros(3, 2), torch.tensor([0, 1, 1])
    for what, convert in INTEGERS.items():
        data = Dataset("d", x, x, x, *[convert(y)] * 3)
        assert data.train_labels.dtype == torch.int64 and torch.equal(data.train_labels, y), what


@pytest.mark.parametrize("array", [np.eye(2, dtype=np.float32), read_only(torch.eye(2))])
def test_arrays_are_copied(array):
    data = Dataset("d", array, array, array)
    data.train[0, 0] = 5
    assert array[0, 0] == 1 and data.valid[0, 0] == 1


@pytest.mark.parametrize("entry", catalog.MODELS, ids=lambda entry: entry.name)
@pytest.mark.parametrize("precision", [torch.float32, torch.float64])
def test_numbers_of_another_width_are_trained_on_and_measured_without_a_data_set(entry, precision):
    """As batches of a loader, and as what ``evaluate`` is given: they go to the model in its own type."""
    torch.manual_seed(0)
    models = [entry.build(**entry.small).to(precision) for _ in range(2)]
    models[1].load_state_dict(models[0].state_dict())
    x = examples(models[0])
    x, other = (
        (x, x.float() if precision == torch.float64 else x.double())
        if x.is_floating_point()
        else (x, x.short())
    )
    losses = [
        [step.losses for step in training_steps(model, [(batch,)] * 3, TrainConfig(epochs=1))]
        for model, batch in zip(models, (x, other), strict=True)
    ]
    assert losses[0] == losses[1] and len(losses[0]) == 3
    for model in models:
        if hasattr(model, "loss"):
            torch.manual_seed(1)
            expected = mean_loss(model, (x,))
            torch.manual_seed(1)
            assert mean_loss(model, (other,)) == expected
        if isinstance(model, Density | Bound):
            assert torch.equal(
                likelihood.log_prob(model, x, seed=1), likelihood.log_prob(model, other, seed=1)
            )


def test_splits_of_different_width_of_float_become_one():
    x = torch.randn(4, 2)
    data = Dataset("d", x.double(), x, x.numpy().astype(">f8"))
    assert {data.train.dtype, data.valid.dtype, data.test.dtype} == {torch.float32}


def test_models_in_double_precision_get_double_precision():
    torch.set_default_dtype(torch.float64)
    try:
        assert Dataset("d", *[np.float32([[1, 2]])] * 3).train.dtype == torch.float64
    finally:
        torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize("values, words", [
    ([[1.0, 2.0]], ["list", "torch.tensor"]),
    (None, ["NoneType"]),
    ("digits.npy", ["str"]),
    (np.array([["1", "2"]]), ["<U1"]),
    (np.array([[1, None]]), ["object"]),
    (np.array([[1j, 2]]), ["complex128"]),
    (np.array([["2020-01-01"]], dtype="M8[D]"), ["datetime64"]),
    (np.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f4")]), ["a"]),
    (np.ma.masked_invalid([[1.0, np.nan]]), ["masked", "filled"]),
    (torch.tensor([[1j, 2]]), ["complex64"]),
    (torch.eye(3).to_sparse(), ["sparse", "dense"]),
    (torch.tensor([[0.0, torch.nan], [1, torch.inf]]), ["2 NaN or infinite among 4"]),
    (np.array([[0.0, -np.inf]]), ["1 NaN or infinite among 2"]),
    (np.array([[0.0, 1e300]]), ["1 NaN or infinite among 2", "float32"]),
    (torch.tensor(3.0), ["()", "reshape(-1, 1)"]),
    (torch.zeros(30), ["(30,)", "reshape(-1, 1)", "unfold"]),
    (torch.zeros(3, 0), ["(3, 0)"]),
    (torch.zeros(0, 2), ["at least one training example"]),
])  # fmt: skip
def test_what_is_no_column_of_numbers_is_refused(values, words):
    laws.refuses(lambda: Dataset("mine", values, values, values), "'mine'", "train", *words)


def test_a_masked_array_with_every_number_is_taken():
    values = np.ma.masked_invalid([[1.0, 2.0]])
    assert Dataset("mine", values, values, values).train.tolist() == [[1, 2]]


def test_every_column_of_every_split_is_looked_at():
    """NaN in any place, and the message names the place."""
    for split in ("train", "valid", "test"):
        for name in ("x", "action"):
            columns = {
                s: {"x": torch.zeros(4, 2), "action": torch.zeros(4, 1)} for s in ("train", "valid", "test")
            }
            columns[split][name][2, 0] = torch.nan
            laws.refuses(lambda: Dataset("mine", **columns), f"{split} {name}", "NaN")  # noqa: B023


@pytest.mark.parametrize("levels", [0, -1, 2.0, True, "17"])
def test_levels_are_a_whole_number(levels):
    x = torch.zeros(3, 2, dtype=torch.long)
    laws.refuses(lambda: Dataset("mine", x, x, x, levels=levels), "'mine'", "levels")


@pytest.mark.parametrize("split", ["train", "valid", "test"])
@pytest.mark.parametrize("bad, words", [
    (99, ["0..2", "levels=3", "from 0 to 99"]), (3, ["from 0 to 3"]), (-1, ["from -1 to 0"]),
])  # fmt: skip
def test_values_outside_the_levels_are_refused(split, bad, words):
    columns = {s: torch.zeros(4, 2, dtype=torch.long) for s in ("train", "valid", "test")}
    columns[split][1, 1] = bad
    laws.refuses(lambda: Dataset("mine", **columns, levels=3), split, *words)


def test_floats_with_levels_are_refused_even_if_they_are_whole():
    laws.refuses(
        lambda: Dataset("mine", *[torch.zeros(4, 2)] * 3, levels=3), "levels=3", "floats", "x.long()"
    )


def test_integers_beside_floats_are_refused():
    x = torch.zeros(4, 2)
    laws.refuses(lambda: Dataset("mine", x, x.long(), x), "valid", "torch.float32", "torch.int64")
    laws.refuses(
        lambda: Dataset("mine", {"x": x, "action": x}, {"x": x, "action": x.long()}, x),
        "valid action",
        "int64",
    )


X = torch.zeros(4, 6, dtype=torch.long)
Y = torch.tensor([0, 1, 2, 1])


@pytest.mark.parametrize("split", ["train", "valid", "test"])
@pytest.mark.parametrize("name, bad, words", [
    ("y", Y.double(), ["floats", "x.long()"]),
    ("y", Y - 1, ["from -1 to 1"]),
    ("y", Y[:, None], ["4", "(4, 1)", "squeeze(1)"]),
    ("y", torch.eye(4), ["(4, 4)", "argmax(1)"]),
    ("y", Y[:3], ["4", "(3,)"]),
    ("y", torch.tensor(1), ["()"]),
    ("y", [0, 1, 2, 1], ["list"]),
    ("domain", Y - 1, ["from -1 to 1"]),
    ("domain", Y / 2, ["floats"]),
    ("length", Y, ["1..6", "from 0 to 2"]),
    ("length", Y + 5, ["1..6", "a row has 6", "from 5 to 7"]),
    ("length", Y[:, None] + 1, ["(4, 1)"]),
    ("length", (Y + 1).float(), ["floats"]),
    ("action", torch.zeros(5, 2), ["4", "(5, 2)"]),
    ("action", torch.zeros(4, 3), ["(N, 2)", "(4, 3)"]),
])  # fmt: skip
def test_columns_that_are_not_what_they_say_are_refused(split, name, bad, words):
    good = {"x": X, "y": Y, "domain": Y, "length": Y + 1, "action": torch.zeros(4, 2)}
    columns = {s: dict(good) for s in ("train", "valid", "test")}
    Dataset("mine", **columns)
    columns[split][name] = bad
    if words == ["(N, 2)", "(4, 3)"] and split == "train":
        split, words = "valid", ["(N, 3)", "(4, 2)"]  # it is the other splits that differ from train
    words = [f"{split} {'labels' if name == 'y' else name}", *words]
    laws.refuses(lambda: Dataset("mine", **columns), *words)


# --- columns of other kinds of data, from end to end ----------------------------------------


class Unigram(nn.Module):
    """log p(x) = sum over the first ``length`` tokens of log p(x_t)."""

    def __init__(self, levels: int):
        super().__init__()
        self.logits = nn.Parameter(torch.zeros(levels))

    def loss(self, x: Tensor, length: Tensor) -> Tensor:
        counts = torch.arange(x.shape[1]) < length[:, None]
        return -(self.logits.log_softmax(0)[x] * counts).sum(1).mean()


def test_tokens_with_lengths():
    """The padding, token 0, never counts: a model that has the lengths gives it no probability."""
    generator = torch.Generator().manual_seed(0)
    length = torch.randint(1, 9, (300,), generator=generator)
    x = torch.randint(1, 5, (300, 8), generator=generator) * (torch.arange(8) < length[:, None])
    splits = [{"x": x[p], "length": length[p]} for p in (slice(200), slice(200, 250), slice(250, 300))]
    data = Dataset("words", *splits, levels=5, rows=Tokens()).using("x", "length")
    model = Unigram(5)
    fit(model, data, TrainConfig(epochs=40, lr=0.1))
    assert model.logits.softmax(0)[0] < 0.01
    assert mean_loss(model, data.split("test")) / length[250:].double().mean() == pytest.approx(
        np.log(4), abs=0.1
    )
    for tokens, n in data.batches(7, generator):
        assert torch.equal((tokens > 0).sum(1), n), "lengths left their rows"


def test_frames_with_actions_and_domains():
    """The order of ``using`` is the order of the loss's arguments."""

    class Moved(nn.Module):
        """Predicts how far the mean of the next frame is from that of this one: by the action."""

        def __init__(self):
            super().__init__()
            self.gain = nn.Parameter(torch.zeros(2))

        def loss(self, action: Tensor, x: Tensor, domain: Tensor) -> Tensor:
            moved = x.mean((2, 3)).diff(dim=1)
            return (moved - self.gain[domain][:, None] * action[:, :-1]).square().mean()

    generator = torch.Generator().manual_seed(0)
    action, domain = torch.randn(90, 5, generator=generator), torch.arange(90) % 2
    steps = torch.tensor([2.0, -1.0])[domain][:, None] * action
    x = torch.cat([torch.zeros(90, 1), steps.cumsum(1)[:, :-1]], 1)[..., None, None].expand(-1, -1, 3, 4)
    columns = {"x": x, "action": action, "domain": domain}
    parts = [{k: v[p] for k, v in columns.items()} for p in (slice(60), slice(60, 75), slice(75, 90))]
    data = Dataset("film", *parts).using("action", "x", "domain")
    model = Moved()
    fit(model, data, TrainConfig(epochs=60, lr=0.1, batch_size=20))
    torch.testing.assert_close(model.gain.detach(), torch.tensor([2.0, -1.0]), rtol=0.05, atol=0.05)
    assert [c.shape[1:] for c in data.split("valid")] == [(5,), (5, 3, 4), ()]
    few = data.first(10)
    assert len(few.columns("train")["action"]) == 10 and few.used == data.used
    assert replace(few, name="few").columns("test")["domain"].tolist() == domain[75:].tolist()


@pytest.mark.parametrize("far", [2**63, 2**63 + 5, 2**64 - 1])
@pytest.mark.parametrize("kind", ["array", "tensor", "array of the other byte order"])
def test_integers_beyond_int64_are_refused_and_not_made_negative(far, kind):
    values = np.array([[3], [far]], dtype=">u8" if "other" in kind else np.uint64)
    column = torch.from_numpy(values) if kind == "tensor" else values
    laws.refuses(lambda: as_column(column, "Somebody"), "Somebody", "2^63 - 1", str(far))
    fits = np.array([[3], [2**63 - 1]], dtype=values.dtype)
    column = torch.from_numpy(fits) if kind == "tensor" else fits
    assert as_column(column, "Somebody").flatten().tolist() == [3, 2**63 - 1]


@pytest.mark.parametrize("dtype", ["u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", "?"])
def test_every_kind_of_integer_comes_as_it_is(dtype):
    ends = [0, 1] if dtype == "?" else [np.iinfo(dtype).min, min(np.iinfo(dtype).max, 2**63 - 1)]
    assert as_column(np.array(ends, dtype=dtype), "Somebody").tolist() == ends


@pytest.mark.parametrize("dtype", [np.float64, np.longdouble])
def test_real_numbers_that_the_default_type_has_not_are_refused(dtype):
    far = np.array([1.0, 1e300], dtype=dtype)
    laws.refuses(lambda: as_column(far, "Somebody"), "finite", "float32")

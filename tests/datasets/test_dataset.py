"""The data set object: splits, labels, batches."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from dgm_lite import laws
from dgm_lite.datasets.dataset import Dataset
from dgm_lite.datasets.rows import Frames, Picture, Point, Sound, Tokens
from dgm_lite.joint.classifier import Classifier
from dgm_lite.training.config import TrainConfig
from dgm_lite.training.fit import fit


def numbered(n: int = 10, labels: bool = True) -> Dataset:
    """Row i holds (i, i): every row can be told from the others."""
    x = torch.arange(3 * n)[:, None].repeat(1, 2)
    y = [torch.arange(3 * n)[k * n : (k + 1) * n] % 2 for k in range(3)] if labels else [None] * 3
    return Dataset("numbered", x[:n], x[n : 2 * n], x[2 * n :], *y, levels=3 * n)


def test_one_pass_gives_every_row_once_in_random_order():
    generator = torch.Generator().manual_seed(0)
    parts = list(numbered().batches(4, generator))
    assert [len(part[0]) for part in parts] == [4, 4, 2]
    rows = torch.cat([part[0] for part in parts])[:, 0]
    assert sorted(rows.tolist()) == list(range(10))
    assert rows.tolist() != list(range(10))
    again = torch.cat([part[0] for part in numbered().batches(4, generator)])[:, 0]
    assert again.tolist() != rows.tolist(), "the second pass has the order of the first"


def test_labels_stay_with_their_rows():
    for x, y in numbered().labelled().batches(3, torch.Generator().manual_seed(1)):
        assert torch.equal(y, x[:, 0] % 2)
    x, y = numbered().labelled().split("test")
    assert torch.equal(y, x[:, 0] % 2)
    assert len(numbered().split("test")) == 1


def test_using_names_the_columns_of_a_batch_in_their_order():
    data = numbered().using("y", "x")
    for y, x in [*data.batches(3, torch.Generator().manual_seed(1)), data.split("valid")]:
        assert torch.equal(y, x[:, 0] % 2)
    assert numbered().labelled().using("x").used == numbered().used == ("x",)
    assert numbered().labelled().used == ("x", "y") == numbered().using("x", "y").used


def test_columns_in_use_do_not_change_the_order_of_the_rows():
    orders = [
        torch.cat([batch[0] for batch in data.batches(3, torch.Generator().manual_seed(4))])
        for data in (numbered(), numbered().labelled(), numbered(labels=False))
    ]
    assert torch.equal(orders[0], orders[1]) and torch.equal(orders[0], orders[2])


def with_columns(**changes) -> Dataset:
    """Three columns beside x, each of which knows its row."""
    data, splits = numbered(), {}
    for split in ("train", "valid", "test"):
        x, row = getattr(data, split), getattr(data, split)[:, 0]
        splits[split] = {"x": x, "y": row % 2, "domain": row + 100, "action": row[:, None] / 2}
    return Dataset(**({"name": "numbered", **splits, "levels": 30} | changes))


def rows_are_whole(data: Dataset) -> bool:
    """Every column of every split still belongs to its x."""
    for split in ("train", "valid", "test"):
        columns = data.columns(split)
        row = columns["x"][:, 0]
        if not (
            list(columns) == ["x", "y", "domain", "action"]
            and torch.equal(columns["y"], row % 2)
            and torch.equal(columns["domain"], row + 100)
            and torch.equal(columns["action"][:, 0], row / 2)
        ):
            return False
    return True


@pytest.mark.parametrize("change", [
    lambda data: data, lambda data: data.labelled(), lambda data: data.first(3), lambda data: data.only(1),
    lambda data: data.only(0).first(2), lambda data: data.using("action", "domain").first(4).only(1),
    lambda data: replace(data, name="other", source="elsewhere"),
])  # fmt: skip
def test_every_column_goes_where_its_row_goes(change):
    data = change(with_columns())
    assert rows_are_whole(data) and len(data.train)
    for batch in data.using("x", "action", "y", "domain").batches(3, torch.Generator().manual_seed(2)):
        x, action, y, domain = batch
        row = x[:, 0]
        assert torch.equal(action[:, 0], row / 2) and torch.equal(domain, row + 100)
        assert torch.equal(y, row % 2)


def test_a_column_that_lost_its_rows_is_noticed():
    data = with_columns()
    turned = {**data.columns("valid"), "domain": data.columns("valid")["domain"].flip(0)}
    assert not rows_are_whole(replace(data, valid=turned)), "the planted error was not seen"


def test_a_dict_replaces_the_columns_that_it_names():
    data = with_columns()
    other = replace(data, train={"x": data.train, "y": 1 - data.train_labels})
    assert torch.equal(other.train_labels, 1 - data.train_labels)
    assert torch.equal(other.columns("train")["domain"], data.columns("train")["domain"])
    assert torch.equal(other.test_labels, data.test_labels)


def test_labels_of_train_alone_can_be_had_but_not_trained_with():
    """Validation would have no y for the loss."""
    data = numbered()
    half = Dataset("half", data.train, data.valid, data.test, train_labels=data.train_labels)
    laws.refuses(lambda: half.labelled(), "half", "labels in valid", "valid_labels")
    laws.refuses(lambda: replace(half, used=("x", "y")), "valid_labels")
    laws.refuses(lambda: half.only(1), "half", "valid, test")
    whole = replace(half, valid=data.valid[:0], test=data.test[:0]).labelled()
    assert len(whole.split("train")) == 2 and len(whole.only(1).train) == 5
    model = Classifier(2, 2)
    fit(model, whole, TrainConfig(epochs=1))
    unlabelled_test = replace(half, valid_labels=data.valid_labels).labelled()
    fit(model, unlabelled_test, TrainConfig(epochs=1))
    laws.refuses(lambda: unlabelled_test.split("test"), "'y'", "test", "only x")


@pytest.mark.parametrize("rows, event, shape", [
    (Picture(2, 3), (6,), (2, 3)), (Picture(2, 3), (2, 3), (2, 3)), (Picture(2, 3), (1, 2, 3), (2, 3)),
    (Picture(2, 3, channels=2), (12,), None), (Point(), (7,), None), (Tokens(), (7,), None),
    (Sound(8000), (7,), None), (Sound(8000), (2, 7), None), (Frames(2, 3), (4, 6), None),
    (Frames(2, 3, channels=3), (4, 3, 2, 3), None), (None, (64,), None),
])  # fmt: skip
def test_what_a_row_is_stays_with_the_data_and_says_how_it_is_drawn(rows, event, shape):
    x = torch.zeros(4, *event, dtype=torch.long)
    data = Dataset("d", x, x, x, *[torch.arange(4) % 2] * 3, levels=5, rows=rows)
    assert data.picture_shape == shape
    for other in (data.labelled(), data.first(2), data.only(1), replace(data, levels=6)):
        assert other.rows == rows and other.picture_shape == shape


def test_rows_that_are_no_rows_are_called_what_they_are():
    x = torch.zeros(4, 4, dtype=torch.long)
    for rows, got in ((Picture, "got the class Picture"), ((8, 8), "got (8, 8)")):
        laws.refuses(lambda: Dataset("mine", x, x, x, levels=5, rows=rows), "'mine'", got)  # noqa: B023


@pytest.mark.parametrize("rows, event, words", [
    (Picture(8, 8), (63,), ["1 x 8 x 8 = 64", "(63,)"]),
    (Picture(8, 8, channels=3), (64,), ["3 x 8 x 8 = 192", "(64,)"]),
    (Picture(8, 8), (8, 9), ["(8, 9)"]),
    (Point(), (2, 2), ["points, (D,)", "(2, 2)"]),
    (Tokens(), (2, 2), ["tokens, (T,)", "(2, 2)"]),
    (Sound(8000), (2, 2, 2), ["sounds", "(2, 2, 2)"]),
    (Frames(2, 3), (6,), ["films", "1 x 2 x 3 = 6", "(6,)"]),
    (Frames(2, 3), (4, 7), ["films", "(4, 7)"]),
    (Frames(1, 1), (1,), ["films", "(1,)"]),
])  # fmt: skip
def test_rows_that_cannot_be_what_they_are_called_are_refused(rows, event, words):
    x = torch.zeros(4, *event, dtype=torch.long)
    laws.refuses(lambda: Dataset("mine", x, x, x, levels=5, rows=rows), "'mine', train x", *words)


def test_tokens_need_the_size_of_their_vocabulary():
    x = torch.zeros(4, 3, dtype=torch.long)
    laws.refuses(lambda: Dataset("mine", x, x, x, rows=Tokens()), "vocabulary", "levels=None")


@pytest.mark.parametrize("make, word", [
    (lambda: Picture(0, 8), "height"), (lambda: Picture(8, 2.5), "width"),
    (lambda: Picture(8, 8, 0), "channels"), (lambda: Frames(8, -1), "Frames"), (lambda: Sound(0), "rate"),
])  # fmt: skip
def test_sizes_of_rows_are_whole_numbers(make, word):
    laws.refuses(make, word)


def test_the_way_from_a_table_to_a_model_that_the_book_shows_runs(tmp_path, monkeypatch):
    page = (Path(__file__).resolve().parents[2] / "book" / "how-to-use.md").read_text(encoding="utf-8")
    code = page.split("```python\n")[1].split("```")[0]
    np.savetxt(tmp_path / "mine.txt", np.random.default_rng(1).normal(size=(40, 3)))
    monkeypatch.chdir(tmp_path)
    names = {}
    exec(code.replace("fit(model, data)", "fit(model, data, bar=False)"), names)
    assert (
        names["data"].train.shape == (24, 3) and names["model"].log_prob(names["data"].test).isfinite().all()
    )


def test_only_one_class():
    odd = numbered().only(1)
    for split in ("train", "valid", "test"):
        assert (getattr(odd, split) % 2 == 1).all() and (getattr(odd, f"{split}_labels") == 1).all()
    assert odd.name == "numbered, class 1" and odd.levels == 30


def test_the_first_rows():
    few = numbered().first(3)
    assert torch.equal(numbered().first(10).train, numbered().train)
    assert few.train[:, 0].tolist() == [0, 1, 2] and few.train_labels.tolist() == [0, 1, 0]
    assert len(few.valid) == len(few.test) == 10


@pytest.mark.parametrize("call, word", [
    (lambda: numbered(labels=False).labelled(), "train_labels"),
    (lambda: numbered().using("x", "length"), "'length' in train"),
    (lambda: numbered().using(), "column"),
    (lambda: numbered().columns("tset"), "'tset'"),
    (lambda: Dataset("d", {"y": torch.zeros(3)}, torch.zeros(3, 2), torch.zeros(3, 2)), "'x' in train"),
    (lambda: numbered(labels=False).only(0), "class"),
    (lambda: numbered().only(7), "classes [0, 1], got label 7"),
    (lambda: numbered().first(11), "up to 10"),
    (lambda: numbered().first(0), "1 up"),
    (lambda: numbered().split("tset"), "'tset'"),
    (lambda: next(numbered().batches(0, torch.Generator())), "size"),
    (lambda: Dataset("d", torch.zeros(3, 2), torch.zeros(3, 1), torch.zeros(3, 2)), "a tensor (N, 2)"),
    (lambda: Dataset("d", torch.zeros(3), torch.zeros(3), torch.zeros(3)), "train"),
    (lambda: Dataset("d", [[1]], [[1]], [[1]]), "list"),
    (lambda: Dataset("d", *[torch.zeros(3, 2)] * 3, train_labels=torch.zeros(2)), "3 train labels"),
    (lambda: Dataset("d", *[torch.zeros(3, 2)] * 3, test_labels=torch.zeros(3, 1)), "3 test labels"),
])  # fmt: skip
def test_what_cannot_be_is_refused(call, word):
    laws.refuses(call, word)

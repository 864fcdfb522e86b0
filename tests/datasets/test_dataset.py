"""The data set object: splits, labels, batches."""

import pytest
import torch

from dgm_lite import laws
from dgm_lite.datasets.dataset import Dataset


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


def test_only_one_class():
    odd = numbered().only(1)
    for split in ("train", "valid", "test"):
        assert (getattr(odd, split) % 2 == 1).all() and (getattr(odd, f"{split}_labels") == 1).all()
    assert odd.name == "numbered, class 1" and odd.levels == 30


def test_the_first_rows():
    few = numbered().first(3)
    assert few.train[:, 0].tolist() == [0, 1, 2] and few.train_labels.tolist() == [0, 1, 0]
    assert len(few.valid) == 10


@pytest.mark.parametrize("call, word", [
    (lambda: numbered(labels=False).labelled(), "labels"),
    (lambda: numbered(labels=False).only(0), "class"),
    (lambda: numbered().only(7), "7"),
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

"""Integers with a table for each column: any of them come back, and the code begins with the table's ends."""

import pytest
import torch

from dgm_lite import laws
from dgm_lite.codecs import integers
from dgm_lite.codecs.coder import DamagedError
from dgm_lite.latent.transform_coder import LogisticCells
from tests.fuzz.targets import modestly


def table(n_columns: int = 3):
    prior = laws.prepare(LogisticCells(n_columns, 2), scale=0.5)

    def look_up(low: int, high: int) -> torch.Tensor:
        with torch.no_grad():
            return prior.table(low, high)

    return look_up


@pytest.mark.parametrize("n", [1, 2, 512, 513])
@pytest.mark.parametrize(
    ("low", "high"),
    [(0, 0), (-3, 4), (-700, 900), (5, 6), (-(2**15), -(2**15) + 4095), (2**15 - 1, 2**15 + 4094)],
)
def test_integers_come_back(n, low, high):
    generator = torch.Generator().manual_seed(n)
    z = torch.randint(low, high + 1, (n, 3), generator=generator)
    z[0, 0] = low
    back = integers.unpack(integers.pack(z, table(), "test"), n, table(), "test")
    assert torch.equal(back, z) and back.dtype == torch.long


def test_the_code_does_not_depend_on_how_many_rows_are_laid_out(monkeypatch):
    z = torch.randint(-3, 4, (100, 3), generator=torch.Generator().manual_seed(0))
    payload = integers.pack(z, table(), "test")
    monkeypatch.setattr(integers, "AT_ONCE", 150)  # seven rows
    assert integers.pack(z, table(), "test") == payload
    assert torch.equal(integers.unpack(payload, 100, table(), "test"), z)


def test_wide_tables_take_no_more_memory_than_narrow_ones():
    z = torch.randint(4096, (600, 16), generator=torch.Generator().manual_seed(0))
    z[0, 0], z[0, 1] = 0, 4095
    with modestly():
        payload = integers.pack(z, table(16), "test")
        assert torch.equal(integers.unpack(payload, 600, table(16), "test"), z)


@pytest.mark.parametrize("ends", [(0, 2**12), (-(2**15) - 1, 0), (2**15, 2**15), (2**31, 2**31 + 1)])
def test_windows_that_the_code_cannot_name_are_refused(ends):
    z = torch.tensor([ends, ends]).T
    laws.refuses(lambda: integers.pack(z, table(2), "Somebody"), "Somebody", str(ends[0]), str(ends[1]))


def test_a_code_that_goes_on_is_refused():
    z = torch.randint(-3, 4, (50, 3), generator=torch.Generator().manual_seed(0))
    payload = integers.pack(z, table(), "test")
    with pytest.raises(DamagedError, match="its end"):
        integers.unpack(payload + b"\1" * 40, 50, table(), "test")

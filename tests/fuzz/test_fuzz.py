"""Readers of files under random damage: a refusal in words or the right data, never anything else."""

import numpy as np
import pytest

from dgm_lite.training import fit as fitting
from tests.fuzz.targets import SEEDS, TARGETS


def mutated(raw: bytes, rng: np.random.Generator) -> bytes:
    """Some of the ways in which fuzzers change bytes, once or several times."""
    for _ in range(rng.integers(1, 4)):
        at, n = int(rng.integers(len(raw) + 1)), int(rng.integers(1, 9))
        kind = rng.integers(6)
        if kind == 0 and at < len(raw):
            raw = raw[:at] + bytes([raw[at] ^ (1 << int(rng.integers(8)))]) + raw[at + 1 :]
        elif kind == 1:
            raw = raw[:at] + rng.bytes(n) + raw[at + n :]
        elif kind == 2:
            raw = raw[:at] + raw[at + n :]
        elif kind == 3:
            raw = raw[:at] + raw[at : at + n] * 2 + raw[at + n :]
        elif kind == 4:
            raw = raw[:at]
        else:
            raw = raw[:at] + (b"\xff", b"\0", b"9", b'"', b"{", b"null")[rng.integers(6)] * n + raw[at + n :]
    return raw


@pytest.mark.parametrize(("target", "n"), [("dgm", 150), ("weights", 300), ("checkpoint", 25)])
def test_damaged_files_are_refused_in_words(target, n, monkeypatch):
    monkeypatch.setattr(fitting.Run, "goes_on", lambda self: False)  # reading is what is tried
    (seed,) = (SEEDS / target).iterdir()
    rng, whole = np.random.default_rng(0), seed.read_bytes()
    for raw in (whole, b"", *(mutated(whole, rng) for _ in range(n))):
        TARGETS[target](raw)

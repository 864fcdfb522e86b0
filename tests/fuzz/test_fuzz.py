"""Readers of damaged and forged files: a refusal in words or the right data, never anything else."""

import random

import pytest

from tests.fuzz.mutations import mutated
from tests.fuzz.targets import TARGETS, modestly, seeds


@pytest.mark.parametrize("target", TARGETS)
def test_good_files_are_read_and_forged_ones_refused_at_once(target):
    """Rows, tensors, layers or steps by the thousand million, in some hundred bytes with right checksums."""
    for name, raw in seeds(target).items():
        files = [raw, *TARGETS[target].sealed(raw)]
        if name.startswith("good"):
            TARGETS[target].read(files[-1])
            continue
        for file in files:
            with modestly(), pytest.raises(ValueError, match="expected|damaged"):
                TARGETS[target].read(file)


@pytest.mark.parametrize("target", TARGETS)
def test_damaged_files_are_refused_in_words(target):
    rng, known = random.Random(0), list(seeds(target).values())
    for _ in range(100):
        TARGETS[target](mutated(rng.choice(known), rng))
    TARGETS[target](b"")

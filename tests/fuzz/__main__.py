"""Run one target under atheris: python -m tests.fuzz TARGET SEEDS [options of libFuzzer]."""

import random
import sys
from contextlib import suppress

import atheris  # only for those who fuzz: it is no requirement of the tests

with atheris.instrument_imports(include=["dgm_lite", "tests", "numpy.lib"]):
    from tests.fuzz.mutations import mutated
    from tests.fuzz.targets import TARGETS, seeds


def mutate(raw: bytes, most: int, seed: int) -> bytes:
    """By libFuzzer, or every other time by our own changes, which know JSON."""
    return mutated(raw, random.Random(seed))[:most] if seed % 2 else atheris.Mutate(raw, most)


name = sys.argv.pop(1)
for raw in seeds(name).values():
    for file in (raw, *TARGETS[name].sealed(raw)):
        with suppress(ValueError):
            TARGETS[name].read(file)  # loads what is only loaded once
atheris.Setup(sys.argv, TARGETS[name], custom_mutator=mutate)
atheris.Fuzz()

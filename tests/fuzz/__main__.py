"""Run one target under atheris: python -m tests.fuzz TARGET SEEDS [options of libFuzzer]."""

import sys

import atheris  # only for those who fuzz: it is no requirement of the tests

with atheris.instrument_imports(include=["dgm_lite", "tests"]):
    from tests.fuzz.targets import TARGETS

target = TARGETS[sys.argv.pop(1)]
atheris.Setup(sys.argv, target)
atheris.Fuzz()

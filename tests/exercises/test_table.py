"""Exercises of "The table, measured": solutions pass, likely mistakes are named."""

import math
import statistics

import numpy as np
import torch

from dgm_lite.exercises import table
from dgm_lite.exercises.table import q1, q2, q3
from tests.exercises import naming, passing


def by_statistics(one, two):
    one, two = one.tolist(), two.tolist()
    squared = statistics.variance(one) / len(one) + statistics.variance(two) / len(two)
    return statistics.mean(one) - statistics.mean(two), math.sqrt(squared)


def in_single_precision(one, two):
    return table.difference_of_means(one.float(), two.float())


ANSWERS = [
    (q1, table.difference_of_means),
    (q1, by_statistics),
    (q1, in_single_precision),
    (q1, lambda one, two: np.array(table.difference_of_means(one, two))),
    (q2, table.what_follows()),
    (q3, table.families_for_purposes()),
]

test_reference_solutions_pass = passing(ANSWERS)


def with_error(error):
    return lambda one, two: (one.mean() - two.mean(), error(one, two))


WRONG = [
    (q1, lambda one, two: one.mean() - two.mean(), "two numbers"),
    (q1, lambda one, two: (two.mean() - one.mean(), 1.0), "sign is wrong"),
    (q1, lambda one, two: (one.median() - two.median(), 1.0), "difference of the means is"),
    (q1, with_error(lambda one, two: (one.var() + two.var()) ** 0.5), "single runs differ"),
    (q1, with_error(lambda a, b: (a.var(correction=0) / 3 + b.var(correction=0) / 5) ** 0.5), "n - 1"),
    (q1, with_error(lambda a, b: a.std() / 3**0.5 + b.std() / 5**0.5), "their squares do"),
    (q1, with_error(lambda a, b: torch.tensor(0.5)), "standard error of"),
    (q1, 1.0, "Expected a function"),
    (q2, "a", "nobody knows where"),
    (q2, "b", "Both are bounds"),
    (q2, "d", "One thing does follow"),
    (q2, 3, "Expected one letter"),
    (q3, {"a": "implicit", "b": "implicit", "c": "prescribed"}, "no probability"),
    (q3, {"a": "flow", "b": "implicit", "c": "prescribed"}, "best exact likelihood"),
    (q3, {"a": "autoregressive", "b": "autoregressive", "c": "prescribed"}, "too slow"),
    (q3, {"a": "autoregressive", "b": "flow", "c": "prescribed"}, "speed is"),
    (q3, {"a": "autoregressive", "b": "implicit", "c": "flow"}, "Whose lossy files"),
    (q3, {"a": "autoregressive"}, "dictionary with the keys"),
    (q3, {"a": "arm", "b": "gan", "c": "vae"}, "got arm, gan, vae"),
    (q1, lambda one, two: (None, None), "got None"),
    (q1, lambda one: one, "could not be run"),
]

test_likely_mistakes_are_named = naming(WRONG)

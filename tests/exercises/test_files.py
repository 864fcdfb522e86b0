"""Exercises of "Real files": solutions pass, likely mistakes are named."""

import math

import torch
from scipy import stats

from dgm_lite.exercises import files
from dgm_lite.exercises.files import q1, q2, q3, q4
from tests.exercises import naming, passing

ANSWERS = [
    (q1, files.code_length),
    (q2, files.net_bits),
    (q3, files.extra_bits),
    (q4, files.what_a_gan_lacks()),
    (q1, lambda p: sum(-math.log2(v) for v in p)),
    (q3, lambda p, q: stats.entropy(p.numpy(), q.numpy(), base=2)),
]

test_reference_solutions_pass = passing(ANSWERS)


def nats(p, q):
    return (p * (p / q).log()).sum()


WRONG = [
    (q1, lambda p: p.log2().sum(), "sign is wrong"),
    (q1, lambda p: -p.log().sum(), "in nats"),
    (q1, lambda p: -p.log2().mean(), "mean for each symbol"),
    (q1, lambda p: (-p.log2()).ceil().sum(), "whole number of bits"),
    (q1, lambda p: -torch.log2(p.prod()), "Add logarithms"),
    (q1, lambda p: 7.0, "expected 8.211 bits"),
    (q1, 3, "Expected a function"),
    (q2, lambda px, pz, q: (-px - pz) / math.log(2), "get back"),
    (q2, lambda px, pz, q: (-px - pz - q) / math.log(2), "minus times minus"),
    (q2, lambda px, pz, q: -px - pz + q, "in nats"),
    (q2, lambda px, pz, q: (px + pz - q) / math.log(2), "sign is wrong"),
    (q2, lambda px, pz, q: -px / math.log(2), "expected 139.9 bits"),
    (q3, lambda p, q: (q * (q / p).log2()).sum(), "come from"),
    (q3, nats, "in nats"),
    (q3, lambda p, q: -(p * q.log2()).sum(), "all of the code"),
    (q3, lambda p, q: (p * (p / q).log2()).sum(), "never comes"),
    (q3, lambda p, q: (p - q).abs().sum(), "expected 0."),
    (q4, "a", "Looks are no use"),
    (q4, "c", "need not exist"),
    (q4, "d", "no probabilities"),
    (q4, 2, "Expected one letter"),
    (q1, lambda p: p, "Expected a single number; got shape (4,)"),
    (q1, lambda p, q: p, "could not be run"),
]

test_likely_mistakes_are_named = naming(WRONG)

"""Exercises of "Hidden factors, non-linear": solutions pass, likely mistakes are named."""

import math

import torch
from scipy import special

from dgm_lite.exercises import vae
from dgm_lite.exercises.vae import q1, q2, q3, q4
from tests.exercises import naming, passing

test_reference_solutions_pass = passing(
    [(q1, vae.kl_to_standard_normal), (q2, vae.mean_of_weights), (q3, "b"), (q4, vae.diagnosis())]
    + [(q2, lambda log_w: special.logsumexp(log_w.numpy(), axis=1, b=1 / log_w.shape[1]))]
)


def test_references_of_words_are_the_answers():
    assert vae.one_draw_is_no_bound() == "b" and set(vae.diagnosis()) == {"A", "B", "C"}


def test_closed_form_of_the_kl_is_torchs():
    mu, log_std = torch.randn(5, 3), torch.randn(5, 3)
    q, p = torch.distributions.Normal(mu, log_std.exp()), torch.distributions.Normal(0.0, 1.0)
    expected = torch.distributions.kl_divergence(q, p).sum(1)
    torch.testing.assert_close(vae.kl_to_standard_normal(mu, log_std), expected)


def terms(mu, log_std):
    return 0.5 * ((2 * log_std).exp() + mu**2 - 1 - 2 * log_std)


WRONG = [
    (q1, terms, "one number per object, shape (4,); got shape (4, 3). Add up"),
    (q1, lambda mu, log_std: terms(mu, log_std).mean(1), "took the mean"),
    (q1, lambda mu, log_std: terms(mu, log_std).sum(), "shape (4,); got a single number"),
    (q1, lambda mu, log_std: -terms(mu, log_std).sum(1), "sign is wrong"),
    (q1, lambda mu, log_std: 2 * terms(mu, log_std).sum(1), "one half"),
    (q1, lambda mu, log_std: 0.5 * (log_std.exp() + mu**2 - 1 - log_std).sum(1), "variance"),
    (q1, lambda mu, log_std: terms(mu, log_std).sum(1) + 1.5, "the KL is 0"),
    (q1, lambda mu, log_std: terms(mu, log_std).sum(1) * 1.1, "at [0]; got "),
    (q1, 3, "Expected a function"),
    (q2, lambda log_w: log_w.logsumexp(1), "instead of averaging"),
    (q2, lambda log_w: log_w.mean(1), "mean of the logarithms"),
    (q2, lambda log_w: log_w.exp().mean(1).log(), "Use logsumexp"),
    (q2, lambda log_w: log_w.logsumexp(1) - log_w.shape[1], "Expected 0.5 at [1]; got -2.114"),
    (q2, lambda log_w: log_w.logsumexp(0) - math.log(4), "one number per object"),
    (q3, "a", "Is a single draw the mean"),
    (q3, "c", "Nothing is better"),
    (q3, 2, "Expected one letter"),
    (q4, {"A": "healthy", "B": "not a bound", "C": "healthy"}, "What does z do there"),
    (q4, {"A": "collapsed", "B": "healthy", "C": "healthy"}, "Multiply 1.3"),
    (q4, {"A": "collapsed", "B": "not a bound", "C": "collapsed"}, "add up to its whole"),
    (q4, {"A": "collapsed"}, "dictionary with the keys"),
    (q4, {"A": "dead", "B": "not a bound", "C": "healthy"}, "got dead"),
    (q1, lambda mu: mu, "could not be run"),
]

test_likely_mistakes_are_named = naming(WRONG)

"""Every check tries every argument: no answer is right that leaves one out, or knows a size by heart."""

import inspect
import math

import numpy as np
import pytest
import torch
from torch import Tensor

from dgm_lite.exercises import change_of_variables, files, gan, ppca, two_ways, vae
from tests.exercises import EVERY, asks_for_a_function, exercises, naming, said

FUNCTIONS = {
    f"{chapter}-{name}": exercises(chapter)[name]
    for chapter, name in EVERY
    if asks_for_a_function(exercises(chapter)[name])
}
ARGUMENTS = [(name, k) for name, e in FUNCTIONS.items() for k in inspect.signature(e.reference).parameters]


def shape_of(value) -> tuple | None:
    return tuple(value.shape) if isinstance(value, Tensor) else None


@pytest.mark.parametrize(("name", "argument"), ARGUMENTS)
def test_an_answer_that_ignores_an_argument_is_refused(name, argument, capsys):
    """It takes the first value that it saw in its place; of a tensor the first of the same shape."""
    exercise, first = FUNCTIONS[name], {}

    def forgetful(*inputs):
        given = inspect.signature(exercise.reference).bind(*inputs)
        value = given.arguments[argument]
        given.arguments[argument] = first.setdefault(shape_of(value), value)
        return exercise.reference(*given.args)

    told = said(exercise, forgetful, capsys)
    assert first and told.startswith(f"{exercise.name}: not yet."), told


@pytest.mark.parametrize(("name", "argument"), ARGUMENTS)
def test_tensors_come_in_several_sizes(name, argument, capsys):
    exercise, shapes = FUNCTIONS[name], set()

    def noting(*inputs):
        given = inspect.signature(exercise.reference).bind(*inputs)
        shapes.add(shape_of(given.arguments[argument]))
        return exercise.reference(*inputs)

    assert "correct." in said(exercise, noting, capsys)
    if shapes - {None, ()}:
        assert len(shapes) > 1, shapes


def cancelling(x):
    return -0.5 * torch.log(x + (x**2 + 1).sqrt()) ** 2 - 0.5 * math.log(2 * math.pi) - 0.5 * (1 + x**2).log()


def normal_tau(log_px, heldout, alpha):
    return log_px < heldout.mean() + heldout.std() * torch.special.ndtri(torch.tensor(alpha))


test_what_is_right_by_chance_is_refused = naming(
    [
        (two_ways.q2, lambda log_px, heldout, alpha: log_px < log_px.quantile(alpha), "held-out values"),
        (two_ways.q2, lambda log_px, heldout, alpha: log_px < heldout.quantile(0.1), "alpha = 0.3"),
        (two_ways.q2, lambda log_px, h, alpha: log_px < h.mean() - 1.2816 * h.std(), "alpha-quantile"),
        (two_ways.q2, normal_tau, "alpha-quantile"),
        (ppca.q2, lambda x, m: (torch.linalg.svdvals(x)[m:] ** 2 / len(x)).mean(), "Take the mean off"),
        (ppca.q2, lambda x, m: torch.linalg.eigvalsh(x.T.cov())[:4].mean(), "latent_dim"),
        (vae.q1, lambda mu, s: 1.5 * ((2 * s).exp() + mu**2 - 1 - 2 * s).mean(1), "Expected"),
        (vae.q2, lambda log_w: log_w.logsumexp(1) - math.log(4), "Expected"),
    ]
)


def extra(p, q):
    return sum(a * math.log2(a / b) for a, b in zip(p.tolist(), q.tolist(), strict=True))


def iwae(log_w):
    return [math.log(sum(math.exp(v) for v in row) / len(row)) for row in log_w.tolist()]


def best_logit(log_p, log_q):
    pairs = zip(log_p.tolist(), log_q.tolist(), strict=True)
    return [math.log(math.exp(p) / math.exp(q)) for p, q in pairs]


def posterior(log_px, share):
    joint = [[math.exp(v) * s for v, s in zip(row, share.tolist(), strict=True)] for row in log_px.tolist()]
    return [[v / sum(row) for v in row] for row in joint]


test_what_fails_in_python_is_told_as_what_is_infinite_in_a_tensor = naming(
    [
        (files.q1, lambda p: -math.log2(np.prod(p.numpy())), "Add logarithms"),
        (files.q3, extra, "should cost nothing"),
        (vae.q2, iwae, "Use logsumexp"),
        (gan.q1, best_logit, "underflows to zero"),
        (two_ways.q3, posterior, "underflows to zero"),
        (
            change_of_variables.q1,
            lambda x: [math.log(v) for v in x],
            "a logarithm taken of something negative",
        ),
    ]
)


def test_the_rounding_of_float32_is_called_so(capsys):
    told = said(change_of_variables.q1, lambda x: cancelling(x.float()), capsys)
    assert "float32" in told and "should be 1." not in told, told
    assert "correct." in said(change_of_variables.q1, cancelling, capsys)


def test_another_density_is_not_said_to_have_another_mass(capsys):
    told = said(change_of_variables.q1, lambda x: -x.abs() - math.log(2), capsys)
    assert "integrates to one" in told or "gives 1.0" not in told, told

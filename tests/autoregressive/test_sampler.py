"""The one sampler of autoregressive models: draws, prefixes, and what it refuses."""

import pytest
import torch
from scipy import stats

from dgm_lite import laws
from dgm_lite.autoregressive.causal import CausalARM
from dgm_lite.autoregressive.sampler import FullPasses, draw, draw_all, known_prefix
from dgm_lite.autoregressive.separate import SeparateARM

KINDS = {
    "causal": lambda: CausalARM(4, 3, channels=8, dilations=(1, 2)),
    "separate": lambda: SeparateARM(4, 3, hidden=6),
}


@pytest.fixture(params=KINDS)
def model(request):
    torch.manual_seed(0)
    return laws.prepare(KINDS[request.param]())


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_draw_follows_the_softmax():
    logits = torch.tensor([2.0, 0.0, -1.0, -torch.inf, 1.0], dtype=torch.double)
    seen = torch.bincount(draw(logits.expand(20_000, -1), seeded()), minlength=5)
    expected = logits.softmax(0) * 20_000
    assert seen[3] == 0
    chosen = expected > 0
    assert stats.chisquare(seen[chosen], expected[chosen]).pvalue > laws.SURE


def test_draw_is_what_multinomial_draws():
    """The same race of exponential clocks, so today's samples stay what they were."""
    logits = torch.randn(50, 17, generator=seeded(1))
    ours = draw(logits, seeded(2))
    theirs = torch.multinomial(logits.softmax(1), 1, generator=seeded(2)).squeeze(1)
    assert torch.equal(ours, theirs)


def test_known_columns_stay_and_the_others_follow_their_conditional(model):
    """p(x_2, x_3 | x_0, x_1) from the enumerated joint against 20,000 completions."""
    x = torch.tensor([[2, 0, 1, 1]]).repeat(20_000, 1)
    known = torch.tensor([True, True, False, False])
    filled = model.complete(x, known, generator=seeded())
    assert torch.equal(filled[:, :2], x[:, :2])
    everything = laws.domain(4, 3)
    agree = (everything[:, :2] == x[0, :2]).all(1)
    with torch.no_grad():
        expected = model.log_prob(everything[agree]).softmax(0) * len(x)
    seen = torch.bincount(filled[:, 2] * 3 + filled[:, 3], minlength=9)
    assert stats.chisquare(seen, expected).pvalue > laws.SURE


def test_completion_with_nothing_and_with_everything_known(model):
    x = laws.examples(model)
    nothing, everything = torch.zeros(4, dtype=torch.bool), torch.ones(4, dtype=torch.bool)
    assert torch.equal(model.complete(x, everything), x)
    assert torch.equal(
        model.complete(x, nothing, generator=seeded()), model.sample(len(x), generator=seeded())
    )


def test_unknown_positions_of_the_input_do_not_matter(model):
    x = laws.examples(model)
    known, other = torch.tensor([True, False, False, False]), x.clone()
    other[:, 1:] = 2 - other[:, 1:]
    assert torch.equal(
        model.complete(x, known, generator=seeded()), model.complete(other, known, generator=seeded())
    )


def test_cached_and_naive_completion_agree(model):
    x, known = laws.examples(model), torch.tensor([True, True, False, False])
    naive = model.complete(x, known, cache=False, generator=seeded())
    assert torch.equal(model.complete(x, known, generator=seeded()), naive)


def test_sampling_ignores_and_keeps_the_mode(model):
    """Draws come without dropout, and a model in training comes back in training."""
    for cache in (True, False):
        quiet = model.eval().sample(50, cache=cache, generator=seeded())
        assert torch.equal(model.train().sample(50, cache=cache, generator=seeded()), quiet)
        assert all(part.training for part in model.modules())


def test_draws_can_be_trained_on(model):
    """They are ordinary tensors: made in inference mode, they could not be saved for a gradient."""
    x = model.sample(4)
    model.loss(x).backward()
    x[0, 0] = 1


def test_full_passes_are_the_logits_of_the_prefix(model):
    x, previous = laws.examples(model), None
    steps = FullPasses(model, len(x))
    with torch.no_grad():
        logits = model.logits(x)
    for d in range(4):
        torch.testing.assert_close(steps.next_logits(previous), logits[:, :, d])
        previous = x[:, d]


def test_a_decoder_can_drive_the_steps(model):
    """Whoever fixes the columns: here they are read from a list, as a decoder reads them from bits."""
    x = laws.examples(model)
    assert torch.equal(draw_all(model.stepwise(len(x)), len(x), 4, known=x), x)


@pytest.mark.parametrize("mask", [[False, True, True, True], [True, False, True, False]])
def test_a_gap_in_the_known_positions_is_refused(model, mask):
    x = laws.examples(model)
    laws.refuses(lambda: model.complete(x, torch.tensor(mask)), "come first", type(model).__name__)


def test_other_bad_input_is_refused(model):
    x, known = laws.examples(model), torch.tensor([True, True, False, False])
    for bad in (x[:, :3], x.double(), x + 3, x[0], x[:0]):
        laws.refuses(lambda: model.complete(bad, known))  # noqa: B023
    laws.refuses(lambda: model.complete(x, known[:3]))
    laws.refuses(lambda: model.complete(x, known.long()), "booleans")
    laws.refuses(lambda: model.complete(x, [True]))
    for n in (0, -1, 2.5):
        laws.refuses(lambda: model.stepwise(n))  # noqa: B023


def test_known_prefix_gives_the_columns():
    x = torch.arange(8).reshape(2, 4)
    known = torch.tensor([True, True, True, False])
    assert torch.equal(known_prefix(x, known, 8, 4, "test"), x[:, :3])

"""The stepwise computation of every kind of causal ARM is the full pass, and the same bits every time."""

import pytest
import torch

from dgm_lite import catalog, laws
from dgm_lite.autoregressive.causal import CausalARM
from dgm_lite.datasets import files, images

KINDS = {
    "plain": {},
    "skips": {"skips": True},
    "logistics": {"n_logistics": 3},
    "labels": {"n_classes": 4},
    "everything": {"skips": True, "n_logistics": 2, "n_classes": 4},
    "no blocks": {"dilations": ()},
    "kernel of one": {"kernel": 1},
    "long kernel": {"kernel": 5, "dilations": (3, 1)},
    "dilation beyond the end": {"dilations": (1, 40)},
    "one position": {"dim": 1},
    "one level": {"levels": 1},
    "two levels": {"levels": 2, "n_logistics": 2},
}


@pytest.fixture(params=KINDS)
def model(request):
    torch.manual_seed(0)
    return laws.prepare(
        CausalARM(**{"dim": 13, "levels": 5, "channels": 6, "dilations": (1, 2, 4)} | KINDS[request.param])
    )


def labels(model: CausalARM, n: int) -> dict[str, torch.Tensor]:
    return {} if model.n_classes is None else {"y": torch.arange(n) % model.n_classes}


def test_steps_are_the_full_pass(model):
    x = torch.randint(model.levels, (7, model.dim), generator=torch.Generator().manual_seed(0))
    laws.steps_are_the_full_pass(model, x, *labels(model, 7).values())


def test_cached_sampling_is_naive(model):
    laws.cached_sampling_is_naive(model, 6, **labels(model, 6))


def test_in_single_precision_on_trained_weights_the_tokens_are_equal():
    model, _ = catalog.load(files.path("causal_arm_digits.safetensors"))
    laws.cached_sampling_is_naive(model, 16, seeds=2)


def test_the_same_columns_give_the_same_bits():
    """What a decoder relies on: not nearly the same, the same. It sees one column at a time, as here."""
    model, _ = catalog.load(files.path("causal_arm_digits.safetensors"))
    x = images.digits().valid[:16]
    encoder, decoder, previous = model.stepwise(16), model.stepwise(16), None
    for d in range(64):
        bits = [steps.next_logits(previous) for steps in (encoder, decoder)]
        assert torch.equal(*bits)
        previous = x[:, d].clone()


def test_two_computations_do_not_disturb_each_other_or_the_model():
    torch.manual_seed(0)
    model = laws.prepare(CausalARM(6, 3, channels=4, dilations=(1,)))
    before = {k: v.clone() for k, v in model.state_dict().items()}
    one, two = model.stepwise(2), model.stepwise(3)
    x = torch.randint(3, (3, 6))
    outputs = []
    for d in range(6):
        outputs.append(two.next_logits(None if d == 0 else x[:, d - 1]))
        one.next_logits(None if d == 0 else x[:2, 0])
    torch.testing.assert_close(torch.stack(outputs, 2), model.logits(x).detach())
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())
    assert not outputs[-1].requires_grad


def test_it_remembers_no_more_than_the_filters_span():
    model = CausalARM(64, 17, channels=4, dilations=(1, 2, 4))
    steps, x = model.stepwise(2), torch.zeros(2, dtype=torch.long)
    for d in range(64):
        steps.next_logits(None if d == 0 else x)
    assert len(steps.past.columns) == 3
    assert [len(block.past.columns) for block in steps.blocks] == [3, 5, 9]


def test_columns_of_any_integer_type():
    """A decoder may hold its pixels as bytes."""
    model = laws.prepare(CausalARM(3, 5, channels=4, dilations=(1,)))
    x = torch.tensor([[4, 0, 2]])
    found = []
    for dtype in (torch.int64, torch.int32, torch.uint8):
        steps = model.stepwise(1)
        steps.next_logits(None)
        found.append(steps.next_logits(x[:, 0].to(dtype)))
    assert torch.equal(found[0], found[1]) and torch.equal(found[0], found[2])

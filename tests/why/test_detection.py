"""Scores that tell seen from unseen."""

import itertools

import pytest
import torch

from dgm_lite.datasets.images import digits
from dgm_lite.datasets.toys import two_moons
from dgm_lite.why.detection import (
    NeighbourCode,
    all_scores,
    area_gap,
    foreign_images,
    keep_rows,
    log_ordinary,
    mutate,
    mutated,
    typicality,
    worst_rank,
)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_typicality_is_highest_at_the_mean_and_falls_on_both_sides():
    heldout = torch.tensor([-90.0, -70.0])
    score = typicality(torch.tensor([-80.0, -60.0, -100.0, -130.0]), heldout)
    torch.testing.assert_close(score, torch.tensor([0.0, -20.0, -20.0, -50.0]))


def test_mutate_replaces_the_asked_share_and_leaves_its_input():
    x = torch.full((400, 50), 3)
    changed = mutate(x, 17, 0.2, generator=generator())
    assert (x == 3).all() and changed.min() >= 0 and changed.max() <= 16
    # A 17th of the replacements draws the old value again.
    assert (changed != 3).double().mean().item() == pytest.approx(0.2 * 16 / 17, abs=0.01)
    assert torch.equal(mutate(x, 17, 0.0), x)


def test_mutated_data_keep_their_test_split_and_labels():
    data, other = digits(), mutated(digits(), 0.1)
    assert torch.equal(other.test, data.test) and torch.equal(other.train_labels, data.train_labels)
    for split in ("train", "valid"):
        changed = (getattr(other, split) != getattr(data, split)).double().mean().item()
        assert changed == pytest.approx(0.1 * 0.94, abs=0.02)


def test_all_scores_agree_with_their_definitions():
    *data, x, heldout = (torch.randint(3, (50, 4), generator=generator(s)) for s in range(5))
    model, background, code = (NeighbourCode(some, 3, 2) for some in data)
    scores = all_scores(x, model, heldout=model.log_prob(heldout), background=background, code=code)
    log_px = model.log_prob(x)
    wanted = [log_px, -(log_px - model.log_prob(heldout).mean()).abs(),
              log_px - background.log_prob(x), log_px - code.log_prob(x)]  # fmt: skip
    for score, by_hand in zip(scores.values(), wanted, strict=True):
        torch.testing.assert_close(score, by_hand)


def test_neighbour_code_sums_to_one():
    data = torch.randint(3, (50, 4), generator=generator())
    every = torch.tensor(list(itertools.product(range(3), repeat=4)))
    total = NeighbourCode(data, 3, width=2).log_prob(every).exp().sum()
    assert total.item() == pytest.approx(1.0, abs=1e-5)


def test_neighbour_code_starts_each_row_afresh():
    code = NeighbourCode(torch.randint(3, (50, 4), generator=generator()), 3, width=2)
    x = torch.tensor([[2, 1, 0, 2]])
    wanted = code.table[0, 2] + code.table[2, 1] + code.table[0, 0] + code.table[0, 2]
    torch.testing.assert_close(code.log_prob(x)[0], wanted)


def test_neighbour_code_learns_the_frequencies():
    stripes = torch.tensor([[1, 0, 1, 0]]).repeat(2000, 1)
    code = NeighbourCode(stripes, 2, width=4)
    assert code.log_prob(stripes[:1]).item() > -0.01
    assert code.log_prob(1 - stripes[:1]).item() < -8  # a blank after a blank was never seen


def test_keep_rows_blanks_the_rest():
    x = torch.arange(1, 13)[None]
    assert keep_rows(x, 1, width=4).tolist() == [[1, 2, 3, 4] + [0] * 8]
    assert torch.equal(keep_rows(x, 3, width=4), x)
    assert x.sum() == 78


def test_worst_rank_is_ruled_by_the_most_doubtful_score_in_any_unit():
    heldout = torch.arange(100.0)
    low, high = torch.tensor([10.0, 200.0]), torch.tensor([90.0, 50.0])
    rank = worst_rank([low, high], [heldout, heldout])
    torch.testing.assert_close(rank, torch.tensor([0.10, 0.50]))
    torch.testing.assert_close(worst_rank([1000 * low, high], [1000 * heldout, heldout]), rank)


def test_foreign_images_are_images_and_no_digits_of_ours():
    x = digits().test
    kinds = foreign_images(x)
    for name, images in kinds.items():
        assert images.dtype == torch.int64 and images.shape[1] == 64 and len(images), name
        assert images.min() >= 0 and images.max() <= 16, name
        assert not (images[:, None] == x).all(2).any(), f"{name}: a test digit is among them"
    assert kinds["half a digit"][:, 32:].sum() == 0 and kinds["blank page"].sum() == 0
    assert torch.equal(kinds["quarter turn"].sum(1), x.sum(1))


def test_ordinary_is_likely_for_all_but_a_share_of_the_ordinary():
    heldout = torch.randn(1000, generator=generator()) * 10 + 40
    p = log_ordinary(heldout, heldout, share=0.1).exp()
    assert (p < 0.5).double().mean().item() == pytest.approx(0.1, abs=0.005)
    far = log_ordinary(torch.tensor([-500.0, 500.0]), heldout, share=0.1)
    assert far[1] == 0 and far[0] < -500  # in logarithms: nothing underflows


def test_being_ordinary_weighs_nothing_among_the_ordinary():
    """Unlike p(x) as a factor, the weight goes to 1: the classifier's order is left as it is."""
    ratio, log_py = torch.linspace(60, 160, 50), -torch.rand(50, generator=generator())
    weighed = log_py + log_ordinary(ratio, torch.linspace(20, 60, 100))
    assert torch.equal(weighed.argsort(), log_py.argsort())
    assert not torch.equal((log_py + ratio).argsort(), log_py.argsort())


def test_a_better_score_has_a_smaller_area_and_an_interval_that_says_so():
    right = torch.rand(400, generator=generator()) < 0.7
    noise = torch.randn(400, generator=generator(1))
    gap, low, high = area_gap(right + 0.5 * noise, noise, right).tolist()
    assert low < gap < high < 0
    assert area_gap(noise, noise, right).tolist() == [0, 0, 0]
    better = right + 0.5 * noise
    assert area_gap(better, noise, right).tolist() == area_gap(better, noise, right).tolist()


BLANK = torch.zeros(2, 4).long()
BAD = [
    (lambda: typicality(torch.tensor([float("nan")]), torch.zeros(3)), "finite"),
    (lambda: typicality(torch.zeros(2, 2), torch.zeros(3)), "expected shape (B,)"),
    (lambda: mutate(torch.zeros(2, 3).long(), 4, 1.5), "rate in [0, 1], got 1.5"),
    (lambda: mutate(torch.full((2, 3), 9), 4, 0.1), "0..3"),
    (lambda: mutated(two_moons(100), 0.1), "two moons is continuous"),
    (lambda: NeighbourCode(torch.zeros(2, 7).long(), 4, width=2), "rows of 2 pixels"),
    (lambda: NeighbourCode(BLANK, 4, width=2).log_prob(torch.zeros(1, 6).long()), "(B, 4)"),
    (lambda: keep_rows(torch.zeros(2, 8), 3, width=4), "got 3 rows"),
    (lambda: foreign_images(torch.zeros(2, 16).long()), "(N, 64)"),
    (lambda: log_ordinary(torch.zeros(2), torch.zeros(3), share=1.0), "share in (0, 1), got 1.0"),
    (lambda: log_ordinary(torch.zeros(2), torch.zeros(2, 2)), "heldout"),
    (lambda: area_gap(torch.zeros(2), torch.zeros(3), torch.ones(2).bool()), "got 2, 3 and 2"),
    (lambda: area_gap(torch.zeros(2), torch.zeros(2), torch.ones(2).bool(), draws=0), "draws"),
    (lambda: worst_rank([], []), "got 0, 0"),
    (lambda: worst_rank([torch.zeros(2)], []), "got 1, 0"),
]


@pytest.mark.parametrize(("call", "words"), BAD)
def test_bad_input_is_refused(call, words):
    with pytest.raises(ValueError) as refusal:
        call()
    assert words in str(refusal.value)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int32])
def test_a_code_of_neighbours_takes_every_integer_type(dtype):
    """As an index uint8 would be a mask."""
    x = torch.randint(3, (50, 4), generator=generator())
    same = NeighbourCode(x.to(dtype), 3, width=2)
    assert torch.equal(same.table, NeighbourCode(x, 3, width=2).table)
    assert torch.equal(same.log_prob(x.to(dtype)), same.log_prob(x))

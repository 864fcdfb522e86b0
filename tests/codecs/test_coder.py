"""The coders: everything comes back, in no more bits than the probabilities say, whatever they are."""

import math
import threading

import numpy as np
import pytest
import torch

from dgm_lite import laws
from dgm_lite.codecs.coder import (
    STEPS,
    DamagedError,
    Decoder,
    Encoder,
    Stack,
    frequencies,
    same_numbers,
    to_bytes,
    to_words,
)  # fmt: skip
from dgm_lite.distributions import LOG_2PI


def message(n: int, k: int, seed: int = 0, scale: float = 3.0):
    """n symbols drawn from tables of their own, and the tables."""
    generator = torch.Generator().manual_seed(seed)
    log_p = scale * torch.randn(n, k, generator=generator, dtype=torch.float64)
    return torch.multinomial(log_p.softmax(1), 1, generator=generator)[:, 0], log_p


def bits(symbols, log_p) -> float:
    return -log_p.log_softmax(1).gather(1, symbols[:, None]).sum().item() / math.log(2)


@pytest.mark.parametrize("k", [1, 2, 17, 256])
@pytest.mark.parametrize("n", [1, 2, 3, 100, 5000])
def test_queue_gives_back_what_it_took_in_as_many_bits_as_the_table_says(n, k):
    symbols, log_p = message(n, k, seed=n + k)
    encoder = Encoder()
    encoder.put(symbols, log_p)
    payload = encoder.payload()
    decoder = Decoder(payload)
    assert torch.equal(decoder.take(log_p), symbols)
    decoder.finish()
    assert 8 * len(payload) <= 1.002 * bits(symbols, log_p) + 64


def test_queue_is_first_in_first_out_in_pieces_of_any_size():
    parts = [message(n, k, seed=n) for n, k in ((7, 3), (1, 20), (30, 2))]
    encoder = Encoder()
    for symbols, log_p in parts:
        encoder.put(symbols, log_p)
    decoder = Decoder(encoder.payload())
    for symbols, log_p in parts:
        one_by_one = torch.cat([decoder.take(row[None]) for row in log_p])
        assert torch.equal(one_by_one, symbols)
    decoder.finish()


@pytest.mark.parametrize("seed", range(300))
def test_short_codes_survive_their_trailing_zeros(seed):
    """Zero bytes at the end are not stored: 300 short messages, among them all-likely ones."""
    symbols, log_p = message(1 + seed % 5, 4, seed, scale=0.5 + seed % 7)
    if seed % 3 == 0:
        symbols = torch.zeros_like(symbols)
    encoder, stack = Encoder(), Stack(np.array([1], dtype=np.uint32))
    encoder.put(symbols, log_p)
    assert torch.equal(Decoder(encoder.payload()).take(log_p), symbols)
    stack.push(symbols, log_p)
    assert torch.equal(Stack(to_words(to_bytes(stack.words()))).pop(log_p), symbols)


def test_impossible_symbols_can_be_coded():
    """A model may be certain and wrong: that costs bits, and breaks nothing."""
    log_p = torch.tensor([[0.0, -1e4, -math.inf]]).repeat(50, 1)
    for k in range(3):
        symbols = torch.full((50,), k)
        encoder = Encoder()
        encoder.put(symbols, log_p)
        assert torch.equal(Decoder(encoder.payload()).take(log_p), symbols)
        assert (len(encoder.payload()) < 5) == (k == 0)


def test_frequencies_are_whole_and_near_the_probabilities():
    _, log_p = message(1000, 17)
    f = frequencies(log_p)
    assert f.dtype == np.float64 and (f == np.round(f)).all() and f.min() >= 1
    p = log_p.softmax(1).numpy()
    assert np.abs(f / STEPS - p).max() <= 1 / STEPS
    # Differences such as two machines have in float64 do not reach the whole numbers.
    assert (frequencies(log_p + 1e-13 * torch.randn(log_p.shape, dtype=torch.float64)) == f).all()


def test_nan_is_refused():
    laws.refuses(lambda: frequencies(torch.tensor([[0.0, torch.nan]])), "coder", "NaN")


def test_wrong_bits_are_refused_or_noticed():
    symbols, log_p = message(200, 17)
    encoder = Encoder()
    encoder.put(symbols, log_p)
    with pytest.raises(DamagedError, match="more"):
        decoder = Decoder(encoder.payload() + b"abcdefgh")
        decoder.take(log_p)
        decoder.finish()
    with pytest.raises(DamagedError, match="damaged"):
        Decoder(b"\xff" * 40).take(log_p)


def test_stack_is_last_in_first_out():
    (one, table_one), (two, table_two) = message(9, 5, 1), message(4, 3, 2)
    stack = Stack(np.array([7, 8, 9], dtype=np.uint32))
    stack.push(one, table_one)
    stack.push(two, table_two)
    assert torch.equal(stack.pop(table_two), two)
    assert torch.equal(stack.pop(table_one), one)
    assert stack.words().tolist() == [7, 8, 9] and len(stack) == 3


def test_popping_draws_and_pushing_gives_the_bits_back():
    """Symbols popped from random bits follow the distribution; pushed again, the bits are as they were."""
    words = np.random.Generator(np.random.PCG64(1)).integers(1, 2**32, size=5000, dtype=np.uint32)
    stack, n = Stack(words), 4000
    log_p = torch.tensor([0.5, 0.3, 0.2]).log().repeat(n, 1)
    drawn = stack.pop(log_p)
    shares = torch.bincount(drawn, minlength=3) / n
    assert (shares - torch.tensor([0.5, 0.3, 0.2])).abs().max() < 4 * (0.25 / n) ** 0.5
    mu, std = torch.full((n,), 3.25, dtype=torch.float64), torch.full((n,), 20.0, dtype=torch.float64)
    cells = stack.pop_normal(mu, std, 100)
    assert abs(cells.double().mean() - 3.25) < 4 * 20 / n**0.5 and abs(cells.double().std() / 20 - 1) < 0.05
    used = len(words) - len(stack)
    entropy = n * (-(log_p[0].exp() * log_p[0]).sum() + math.log(20) + 0.5 * LOG_2PI + 0.5) / math.log(2)
    assert abs(32 * used / entropy.item() - 1) < 0.02
    stack.push_normal(cells, mu, std, 100)
    stack.push(drawn, log_p)
    assert np.array_equal(stack.words(), words)


def test_cells_at_and_beyond_the_reach():
    stack = Stack(np.array([1], dtype=np.uint32))
    mu, std = torch.tensor([0.0, 500.0, -500.0]).double(), torch.tensor([1.0, 2.0, 0.5]).double()
    ends = torch.tensor([-100, 99, -100])
    stack.push_normal(ends, mu, std, 100)
    assert torch.equal(stack.pop_normal(mu, std, 100), ends)


def test_the_model_is_copied_and_the_threads_come_back():
    model = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Dropout(0.5)).train()
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with same_numbers(model) as other:
            assert torch.get_num_threads() == 1
            assert other[0].weight.dtype == torch.float64 and not other.training
            with pytest.raises(RuntimeError), same_numbers(model):
                raise RuntimeError
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)
    assert model[0].weight.dtype == torch.float32 and model.training and not torch.is_inference_mode_enabled()


def test_codings_at_once_leave_the_process_its_threads():
    """Two that overlap, each in a thread of its own, the first to begin ending first: both see one thread."""
    before, seen = torch.get_num_threads(), []
    torch.set_num_threads(3)
    first_is_in, second_is_in, first_is_out = (threading.Event() for _ in range(3))

    def first():
        with same_numbers(torch.nn.Linear(1, 1)):
            first_is_in.set()
            second_is_in.wait(10)
            seen.append(torch.get_num_threads())
        first_is_out.set()

    def second():
        first_is_in.wait(10)
        with same_numbers(torch.nn.Linear(1, 1)):
            second_is_in.set()
            first_is_out.wait(10)
            seen.append(torch.get_num_threads())

    def later():
        seen.append(torch.get_num_threads())

    try:
        running = [threading.Thread(target=each) for each in (first, second)]
        for thread in running:
            thread.start()
        for thread in running:
            thread.join()
        last = threading.Thread(target=later)
        last.start()
        last.join()
        assert seen == [1, 1, 3] and torch.get_num_threads() == 3
        with pytest.raises(KeyError), same_numbers(torch.nn.Linear(1, 1)):
            raise KeyError
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)

"""Exercises of the chapter "Real files"."""

import math

import torch
from torch import Tensor

from dgm_lite.exercises.exercise import Exercise, letter_of, right_if

# --- Exercise 1 ------------------------------------------------------------------------------


def _check_length(length) -> str:
    right_if(callable(length), f"Expected a function length(p); got {type(length).__name__}.")
    p = torch.tensor([0.5, 0.25, 0.9, 0.03], dtype=torch.float64)
    answer, wanted = float(length(p)), code_length(p)
    right_if(not math.isclose(answer, -wanted, rel_tol=1e-6), "The sign is wrong: a length is positive.")
    right_if(
        not math.isclose(answer, wanted * math.log(2), rel_tol=1e-6),
        "That is in nats. A bit is a factor of two: use base 2.",
    )
    right_if(
        not math.isclose(answer, wanted / 4, rel_tol=1e-6),
        "That is the mean for each symbol. The file holds all of them.",
    )
    right_if(
        not math.isclose(answer, (-p.log2()).ceil().sum().item(), rel_tol=1e-6),
        "You gave each symbol a whole number of bits. An arithmetic coder need not: only the whole "
        "message is rounded up, so leave the fractions in.",
    )
    right_if(
        math.isclose(answer, wanted, rel_tol=1e-6),
        f"For probabilities 1/2, 1/4, 0.9 and 0.03 expected {wanted:.3f} bits; got {answer:.3f}.",
    )
    many = float(length(torch.full((5000,), 0.5, dtype=torch.float64)))
    right_if(
        math.isclose(many, 5000, rel_tol=1e-6),
        f"Right for a short message. For 5,000 symbols of probability 1/2 it gives {many}: their product is "
        "too small for a floating-point number. Add logarithms instead.",
    )
    return "Fractions of a bit add up, and nothing underflows."


def code_length(p: Tensor) -> float:
    return -p.log2().sum().item()


q1 = Exercise(
    "q1",
    _check_length,
    "A symbol of probability 1/8 costs three bits. The message costs the sum over its symbols.",
    code_length,
    "The interval of the message is as wide as the product of the probabilities, and naming a point "
    "in it takes -log2 of that width. The logarithm of a product is a sum.",
)


# --- Exercise 2 ------------------------------------------------------------------------------


def _check_net(net) -> str:
    right_if(callable(net), f"Expected a function net(log_px, log_pz, log_q); got {type(net).__name__}.")
    terms = (-60.0, -25.0, 12.0)
    answer, wanted = float(net(*terms)), net_bits(*terms)
    naive = (60 + 25) / math.log(2)
    right_if(
        not math.isclose(answer, naive, rel_tol=1e-6),
        "That is the price of sending z and then x given z. Which bits does the decoder get back?",
    )
    right_if(
        not math.isclose(answer, (60 + 25 - 12) / math.log(2), rel_tol=1e-6),
        "Popping z gives back -log2 q(z|x) bits, which are to be subtracted: minus times minus is plus.",
    )
    right_if(not math.isclose(answer, 97.0, rel_tol=1e-6), "That is in nats. Divide by log 2.")
    right_if(not math.isclose(answer, -wanted, rel_tol=1e-6), "The sign is wrong: a length is positive.")
    right_if(
        math.isclose(answer, wanted, rel_tol=1e-6),
        f"For log p(x|z) = -60, log p(z) = -25 and log q(z|x) = 12 expected {wanted:.2f} bits; "
        f"got {answer:.2f}.",
    )
    return "It is -ELBO in bits. Here q is a density above one, so its logarithm is positive, and that costs."


def net_bits(log_px: float, log_pz: float, log_q: float) -> float:
    return (-log_px - log_pz + log_q) / math.log(2)


q2 = Exercise(
    "q2",
    _check_net,
    "Two pushes lengthen the code, by -log2 p(x|z) and by -log2 p(z). One pop shortens it, by -log2 q(z|x).",
    net_bits,
    "Pushed: -log2 p(x|z) - log2 p(z). Popped: -log2 q(z|x). The difference is -ELBO / log 2. The "
    "width of z's cells cancels: it adds the same to a push and to the pop.",
)


# --- Exercise 3 ------------------------------------------------------------------------------


def _check_extra(extra) -> str:
    right_if(callable(extra), f"Expected a function extra(p, q); got {type(extra).__name__}.")
    p = torch.tensor([0.7, 0.2, 0.1], dtype=torch.float64)
    q = torch.tensor([0.2, 0.5, 0.3], dtype=torch.float64)
    answer, wanted = float(extra(p, q)), extra_bits(p, q)
    right_if(
        not math.isclose(answer, extra_bits(q, p), rel_tol=1e-6),
        "Those are the extra bits for data from q coded with p. Which of the two do the symbols come from?",
    )
    right_if(
        not math.isclose(answer, wanted * math.log(2), rel_tol=1e-6),
        "That is in nats: use base 2.",
    )
    right_if(
        not math.isclose(answer, -(p * q.log2()).sum().item(), rel_tol=1e-6),
        "That is all of the code. Subtract what the best code for p would need anyway.",
    )
    right_if(
        math.isclose(answer, wanted, rel_tol=1e-6),
        f"For p = (0.7, 0.2, 0.1) and q = (0.2, 0.5, 0.3) expected {wanted:.4f}; got {answer:.4f}.",
    )
    half = torch.tensor([0.5, 0.5, 0.0], dtype=torch.float64)
    never = float(extra(half, torch.full((3,), 1 / 3, dtype=torch.float64)))
    right_if(
        math.isclose(never, math.log2(1.5), rel_tol=1e-6),
        f"Right, but a symbol that never comes (p = 0) should cost nothing; your function gives {never}.",
    )
    return "It is the divergence KL(p || q), in bits: never negative, and zero only for the right bet."


def extra_bits(p: Tensor, q: Tensor) -> float:
    seen = p > 0
    return (p[seen] * (p[seen] / q[seen]).log2()).sum().item()


q3 = Exercise(
    "q3",
    _check_extra,
    "The code for symbol k has -log2 q_k bits, and the symbol comes with probability p_k. The best "
    "code would have -log2 p_k.",
    extra_bits,
    "Mean length with q, less mean length with p: sum_k p_k (log2 p_k - log2 q_k). Symbols with p_k = 0 "
    "contribute nothing.",
)


# --- Exercise 4 ------------------------------------------------------------------------------


def _check_choice(answer) -> str:
    letter = letter_of(answer, "abcd")
    right_if(
        letter != "a",
        "Looks are no use here: coder and decoder need a number for every possible next symbol.",
    )
    right_if(
        letter != "c",
        "A z with G(z) = x exactly need not exist, and for digits of another hand it does not.",
    )
    right_if(letter != "d", "More draws give more pictures, still no probabilities.")
    return "And once the difference x - G(z) is coded with a model of its own, that model does the work."


def what_a_gan_lacks() -> str:
    return "b"


q4 = Exercise(
    "q4",
    _check_choice,
    "What does the coder ask the model for, pixel by pixel?",
    what_a_gan_lacks,
    "A code needs p(x), or its conditionals, or a bound with its z. A GAN has G(z) and nothing else.",
)

"""Exercises of the chapter "Real files"."""

import math

import torch
from torch import Tensor

from dgm_lite.exercises.answers import Letter, a_function, wants
from dgm_lite.exercises.exercise import Exercise


def code_length(p: Tensor) -> float:
    return -p.log2().sum().item()


def _check_length(answer) -> str:
    f = a_function(answer, "length(p)")
    for some in ([0.5, 0.25, 0.9, 0.03], [0.3, 0.7, 0.15, 0.6], [0.2, 0.4]):
        p = torch.tensor(some)
        right = code_length(p)
        mistakes = {
            "The sign is wrong: a length is positive.": -right,
            "That is in nats. A bit is a factor of two: use base 2.": right * math.log(2),
            "That is the mean for each symbol. The file holds all of them.": right / len(p),
            "You gave each symbol a whole number of bits. An arithmetic coder need not: only the whole "
            "message is rounded up, so leave the fractions in.": (-p.log2()).ceil().sum(),
        }
        wants(f(p), right, mistakes, f"For probabilities {some} expected {{right}} bits; got {{got}}.")
    many = (
        "Right for a short message. 5,000 symbols of probability 1/2 take 5,000 bits, but their product is "
        "too small for a floating-point number. Add logarithms instead."
    )
    wants(f(torch.full((5000,), 0.5), at_the_edge=many), 5000, otherwise=many)
    return "Fractions of a bit add up, and nothing underflows."


q1 = Exercise(
    "q1",
    _check_length,
    "A symbol of probability 1/8 costs three bits. The message costs the sum over its symbols.",
    code_length,
    "The interval of the message is as wide as the product of the probabilities, and naming a point in it "
    "takes -log2 of that width. The logarithm of a product is a sum.",
)


def net_bits(log_px: float, log_pz: float, log_q: float) -> float:
    return (-log_px - log_pz + log_q) / math.log(2)


def _check_net(answer) -> str:
    f = a_function(answer, "net(log_px, log_pz, log_q)")
    for log_px, log_pz, log_q in ((-60.0, -25.0, 12.0), (-80.0, -20.0, 5.0)):
        right, sent, turned = (net_bits(log_px, log_pz, v) for v in (log_q, 0.0, -log_q))
        mistakes = {
            "That is the price of sending z and then x given z. Which bits does the decoder get back?": sent,
            "Popping z gives back -log2 q(z|x) bits, which are to be subtracted: minus times minus is "
            "plus.": turned,
            "That is in nats. Divide by log 2.": right * math.log(2),
            "The sign is wrong: a length is positive.": -right,
        }
        otherwise = (
            f"For log p(x|z) = {log_px:.0f}, log p(z) = {log_pz:.0f} and log q(z|x) = {log_q:.0f} expected "
            "{right} bits; got {got}."
        )
        wants(f(log_px, log_pz, log_q), right, mistakes, otherwise)
    return "It is -ELBO in bits. Here q is a density above one, so its logarithm is positive, and that costs."


q2 = Exercise(
    "q2",
    _check_net,
    "Two pushes lengthen the code, by -log2 p(x|z) and by -log2 p(z). One pop shortens it, by -log2 q(z|x).",
    net_bits,
    "Pushed: -log2 p(x|z) - log2 p(z). Popped: -log2 q(z|x). The difference is -ELBO / log 2. The width "
    "of z's cells cancels: it adds the same to a push and to the pop.",
)


def extra_bits(p_data: Tensor, p: Tensor) -> float:
    seen = p_data > 0
    return (p_data[seen] * (p_data[seen] / p[seen]).log2()).sum().item()


def _check_extra(answer) -> str:
    f = a_function(answer, "extra(p_data, p)")
    for some, bet in (([0.7, 0.2, 0.1], [0.2, 0.5, 0.3]), ([0.1, 0.3, 0.6], [0.6, 0.3, 0.1]),
                      ([0.9, 0.1], [0.4, 0.6])):  # fmt: skip
        p_data, p = torch.tensor(some), torch.tensor(bet)
        right, turned = extra_bits(p_data, p), extra_bits(p, p_data)
        mistakes = {
            "Those are the extra bits for data from p coded with p_data. Which of the two do the symbols "
            "come from?": turned,
            "That is in nats: use base 2.": right * math.log(2),
            "That is all of the code. Subtract what the best code for p_data would need anyway.": -(
                p_data * p.log2()
            ).sum(),
        }
        otherwise = f"For p_data = {some} and p = {bet} expected {{right}}; got {{got}}."
        wants(f(p_data, p), right, mistakes, otherwise)
    never = "Right so far, but a symbol that never comes (p_data = 0) should cost nothing."
    p_data, p = torch.tensor([0.5, 0.5, 0.0]), torch.full((3,), 1 / 3)
    wants(f(p_data, p, at_the_edge=never), math.log2(1.5), otherwise=never)
    return "It is the divergence KL(p_data || p), in bits: never negative, and zero only for the right bet."


q3 = Exercise(
    "q3",
    _check_extra,
    "The code for a symbol has -log2 p bits, and the symbol comes with probability p_data. The best code "
    "would have -log2 p_data.",
    extra_bits,
    "Mean length with p, less mean length with p_data: the sum of p_data (log2 p_data - log2 p). Symbols "
    "with p_data = 0 contribute nothing.",
)


def what_a_gan_lacks() -> str:
    return "b"


q4 = Exercise(
    "q4",
    Letter(
        what_a_gan_lacks(),
        "And once what the picture leaves has a model of its own, that model does most of the work.",
        a="Looks are no use here: coder and decoder need a number for every possible next symbol.",
        c="A z with G(z) = x exactly need not exist, and for digits of another hand it does not.",
        d="More draws give more pictures, still no probabilities.",
    ),
    "What does the coder ask the model for, pixel by pixel?",
    what_a_gan_lacks,
    "A code needs p(x), or its conditionals, or a bound with its z. A GAN has G(z). With p(z) and counts of "
    "what G(z) leaves there is a code, and a prescribed model: every distribution of it is stated.",
)

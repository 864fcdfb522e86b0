"""Exercises of the chapter "Pixels one after another"."""

import torch
from torch import Tensor

from dgm_lite.autoregressive.causal import CausalARM
from dgm_lite.exercises.answers import Letter, a_function, wants
from dgm_lite.exercises.exercise import Exercise


def log_prob(logits: Tensor, x: Tensor) -> Tensor:
    log_p = logits.log_softmax(dim=1)  # (B, L, D): normalised over the levels
    return log_p.gather(1, x[:, None]).squeeze(1).sum(1)


def _check_log_prob(answer) -> str:
    f = a_function(answer, "log_prob(logits, x)")
    for levels, dim in ((4, 6), (4, 6), (3, 7)):
        logits, x = 3 * torch.randn(5, levels, dim), torch.randint(levels, (5, dim))
        right = log_prob(logits, x)
        picked = lambda table: table.gather(1, x[:, None]).squeeze(1).sum(1)  # noqa: B023, E731
        mistakes = {
            "Logits are not normalised: take log_softmax before you pick.": picked(logits),
            "Normalise over the levels (dim 1), not over the pixels.": picked(logits.log_softmax(2)),
            "You took the mean over pixels. A product becomes a sum.": right / dim,
            "The sign is turned round: that is -log p(x), the loss.": -right,
        }
        shapes = {
            (): "That is one number for the whole batch. Each image has its own log p(x).",
            (5, dim): "Those are the terms of each pixel. Their sum over d is log p(x).",
        }
        wants(f(logits, x), right, mistakes, each="one number per image", shapes=shapes)
    log_0 = "With large logits you get log 0. Use log_softmax, not log of softmax."
    wants(f(300 * logits, x, at_the_edge=log_0), log_prob(300 * logits, x), otherwise=log_0)
    return "One number per image, in nats, and safe for large logits."


q1 = Exercise(
    "q1",
    _check_log_prob,
    "log_softmax over the levels; gather the level that each pixel has; then what does a product become "
    "in logarithms?",
    log_prob,
    "The sum over d is the logarithm of the product rule. A mean would be another quantity: nats per pixel.",
)


def reach(kernel: int, gaps: tuple[int, ...]) -> int:
    first = kernel  # x_{d-1}, ..., x_{d-kernel}
    return first + sum((kernel - 1) * gap for gap in gaps)


def _reach_by_gradient(kernel: int, gaps: tuple[int, ...]) -> int:
    """How many inputs before it the last output of a real network depends on."""
    torch.manual_seed(0)
    model = CausalARM(80, 2, channels=3, kernel=kernel, dilations=gaps).double().eval()
    x = torch.rand(1, 80, dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(model.logits(x)[0, 0, -1], x)
    return int((gradient != 0).sum())


def _check_reach(answer) -> str:
    f = a_function(answer, "reach(kernel, gaps)")
    for kernel, gaps in ((3, ()), (3, (1,)), (3, (1, 2)), (2, (1, 2, 4, 8)), (3, (1, 2, 4, 8, 8))):
        right, where = _reach_by_gradient(kernel, gaps), f"kernel {kernel}, gaps {gaps}"
        paths = kernel ** (len(gaps) + 1)
        mistakes = {
            f"One too many for {where}: the first convolution leaves out the present.": right + 1,
            f"Too few for {where}: the first convolution sees {kernel} inputs, too.": right - (kernel - 1),
            "Paths multiply, but many lead to the same pixel. Count how far back the oldest one lies.": paths,
        }
        network = f"For {where} a real network depends on {{right}} inputs; you say {{got}}."
        wants(f(kernel, gaps), right, mistakes, network)
    return "It agrees with the gradients of five real networks."


q2 = Exercise(
    "q2",
    _check_reach,
    "Start with the first convolution alone: which inputs does it see? A later one with gap g reaches "
    "(kernel - 1) g positions further back than the one below it.",
    reach,
    "Gaps that double make the reach grow like 2 to the number of layers, while weights grow only with "
    "the number of layers.",
)


def shifted(x: Tensor) -> Tensor:
    return torch.cat([torch.zeros_like(x[:, :1]), x[:, :-1]], dim=1)


def _check_shifted(answer) -> str:
    f = a_function(answer, "shifted(x)")
    some = torch.tensor([[5.0, 1.0, 4.0, 2.0], [3.0, 3.0, 0.0, 7.0]])
    for x in (some, some.flip(0) + 1, torch.randn(3, 5)):
        rolled = x.roll(1, dims=1)
        mistakes = {
            "roll brings the last pixel round to the front: output 0 would see the end of the image.": rolled,
            "The wrong way: output d must see x_{d-1}, not x_{d+1}.": shifted(x.flip(1)).flip(1),
            "roll, and the wrong way: output d must see x_{d-1}, not x_{d+1}.": x.roll(-1, 1),
            "Nothing comes before pixel 0: put a zero there.": torch.cat([x[:, :1], x[:, :-1]], dim=1),
        }
        column = "Column d should hold x_{{d-1}}, and column 0 zeros: expected {right}{place}; got {got}."
        wants(f(x), shifted(x), mistakes, column, each="a tensor of the shape of x, (B, D)")
    return "After it, even a convolution that includes the present is allowed."


q3 = Exercise(
    "q3",
    _check_shifted,
    "Drop the last column and put a column of zeros in front.",
    shifted,
    "The shift is done once, at the input. In later layers position d holds only what came before d, so "
    "including the present is safe.",
)


def known_below() -> str:
    return "c"


q4 = Exercise(
    "q4",
    Letter(
        known_below(),
        "The joint knows the answer; getting it out takes a sum over every possible upper half.",
        a="The sampler would draw the upper half from p(x_0), p(x_1 | x_0), ...: none of these has seen the "
        "lower half.",
        b="The order of the loop is free, but not the conditionals: p(x_d | x_{>d}) is nowhere in the "
        "network.",
        d="All conditionals in one order determine the joint, and the joint has every conditional. It is "
        "only expensive.",
    ),
    "Write p(upper | lower) with the joint in the numerator. What stands in the denominator?",
    known_below,
    "p(upper | lower) = p(upper, lower) / sum over upper' of p(upper', lower). Each term is one pass, but "
    "there are 17^32 terms. Models trained in several orders get round this.",
)

"""Exercises of the chapter "Pixels one after another"."""

import torch
from torch import Tensor

from dgm_lite.autoregressive.causal import CausalARM
from dgm_lite.exercises.exercise import Exercise, letter_of, right_if
from dgm_lite.nets import CausalConv1d

# --- Exercise 1 ------------------------------------------------------------------------------


def _check_log_prob(log_prob) -> str:
    right_if(callable(log_prob), f"Expected a function log_prob(logits, x); got {type(log_prob).__name__}.")
    generator = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn(5, 4, 6, generator=generator)
    x = torch.randint(4, (5, 6), generator=generator)
    answer = log_prob(logits, x)
    terms = logits.log_softmax(1).gather(1, x[:, None]).squeeze(1)
    wanted = terms.sum(1)
    right_if(isinstance(answer, Tensor), f"Expected a tensor; got {type(answer).__name__}.")
    right_if(answer.shape != (), "That is one number for the whole batch. Each image has its own log p(x).")
    right_if(answer.shape != (5, 6), "Those are the terms of each pixel. Their sum over d is log p(x).")
    right_if(answer.shape == (5,), f"Expected one number per image, shape (5,); got {tuple(answer.shape)}.")
    raw = logits.gather(1, x[:, None]).squeeze(1).sum(1)
    right_if(not torch.allclose(answer, raw), "Logits are not normalised: take log_softmax before you pick.")
    over_pixels = logits.log_softmax(2).gather(1, x[:, None]).squeeze(1).sum(1)
    right_if(
        not torch.allclose(answer, over_pixels), "Normalise over the levels (dim 1), not over the pixels."
    )
    right_if(
        not torch.allclose(answer, terms.mean(1)), "You took the mean over pixels. A product becomes a sum."
    )
    right_if(not torch.allclose(answer, -wanted), "The sign is turned round: that is -log p(x), the loss.")
    right_if(torch.allclose(answer, wanted, atol=1e-4),
             f"Expected {wanted[0]:.3f} for the first image; got {answer[0]:.3f}.")  # fmt: skip
    far = log_prob(300 * logits, x)
    right_if(
        torch.isfinite(far).all(), "With large logits you get log 0. Use log_softmax, not log of softmax."
    )
    return "One number per image, in nats, and safe for large logits."


def log_prob(logits: Tensor, x: Tensor) -> Tensor:
    log_p = logits.log_softmax(dim=1)  # (B, L, D): normalised over the levels
    return log_p.gather(1, x[:, None]).squeeze(1).sum(1)


q1 = Exercise(
    "q1",
    _check_log_prob,
    "log_softmax over the levels; gather the level that each pixel has; then what does a product "
    "become in logarithms?",
    log_prob,
    "The sum over d is the logarithm of the product rule. A mean would be another quantity: nats per pixel.",
)


# --- Exercise 2 ------------------------------------------------------------------------------


def _reach_by_gradient(kernel: int, gaps: tuple[int, ...]) -> int:
    """How many inputs before it the last output of a real network depends on."""
    torch.manual_seed(0)
    model = CausalARM(80, 2, channels=3, kernel=kernel, dilations=gaps).double().eval()
    x = torch.rand(1, 80, dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(model.logits(x)[0, 0, -1], x)
    return int((gradient != 0).sum())


def _check_reach(reach) -> str:
    right_if(callable(reach), f"Expected a function reach(kernel, gaps); got {type(reach).__name__}.")
    for kernel, gaps in ((3, ()), (3, (1,)), (3, (1, 2)), (2, (1, 2, 4, 8)), (3, (1, 2, 4, 8, 8))):
        answer, truth = reach(kernel, gaps), _reach_by_gradient(kernel, gaps)
        where = f"kernel {kernel}, gaps {gaps}"
        right_if(
            answer != truth + 1, f"One too many for {where}: the first convolution leaves out the present."
        )
        right_if(
            answer != truth - (kernel - 1),
            f"Too few for {where}: the first convolution sees {kernel} inputs, too.",
        )
        right_if(
            answer != kernel ** (len(gaps) + 1) or answer == truth,
            "Paths multiply, but many lead to the same pixel. Count how far back the oldest one lies.",
        )
        right_if(answer == truth, f"For {where} a real network depends on {truth} inputs; you say {answer}.")
    return "It agrees with the gradients of five real networks."


def reach(kernel: int, gaps: tuple[int, ...]) -> int:
    first = kernel  # x_{d-1}, ..., x_{d-kernel}
    return first + sum((kernel - 1) * gap for gap in gaps)


q2 = Exercise(
    "q2",
    _check_reach,
    "Start with the first convolution alone: which inputs does it see? A later one with gap g "
    "reaches (kernel - 1) g positions "
    "further back than the one below it.",
    reach,
    "Gaps that double make the reach grow like 2 to the number of layers, while weights grow only "
    "with the number of layers.",
)


# --- Exercise 3 ------------------------------------------------------------------------------


def _check_shifted(shifted) -> str:
    right_if(callable(shifted), f"Expected a function shifted(x); got {type(shifted).__name__}.")
    x = torch.tensor([[5.0, 1.0, 4.0, 2.0], [3.0, 3.0, 0.0, 7.0]])
    before = x.clone()
    answer = shifted(x)
    right_if(torch.equal(x, before), "Your function changed its input. Make a new tensor.")
    right_if(
        isinstance(answer, Tensor) and answer.shape == x.shape, "Expected a tensor of the shape of x: (B, D)."
    )
    right_if(
        not torch.equal(answer, x.roll(1, dims=1)),
        "roll brings the last pixel round to the front: output 0 would see the end of the image.",
    )
    right_if(
        not torch.equal(answer[:, :-1], x[:, 1:]), "The wrong way: output d must see x_{d-1}, not x_{d+1}."
    )
    right_if(torch.equal(answer[:, 1:], x[:, :-1]), "Column d of the answer should hold x_{d-1}.")
    right_if((answer[:, 0] == 0).all(), "Nothing comes before pixel 0: put a zero there.")
    # With the shift in front, a convolution that includes the present becomes a first layer.
    torch.manual_seed(0)
    allowed, first = CausalConv1d(1, 3), CausalConv1d(1, 3, shift=1)
    first.load_state_dict(allowed.state_dict())
    same = torch.allclose(allowed(shifted(x)[:, None]), first(x[:, None]), atol=1e-6)
    right_if(same, "A convolution after your shift should equal one with shift=1.")
    return "After it, even a convolution that includes the present is allowed."


def shifted(x: Tensor) -> Tensor:
    return torch.cat([torch.zeros_like(x[:, :1]), x[:, :-1]], dim=1)


q3 = Exercise(
    "q3",
    _check_shifted,
    "Drop the last column and put a column of zeros in front.",
    shifted,
    "The shift is done once, at the input. In later layers position d holds only what came before "
    "d, so including the present is safe.",
)


# --- Exercise 4 ------------------------------------------------------------------------------


def _check_lower_half(answer) -> str:
    letter = letter_of(answer, "abcd")
    right_if(
        letter != "a",
        "The sampler would draw the upper half from p(x_0), p(x_1 | x_0), ...: none of these has seen "
        "the lower half.",
    )
    right_if(
        letter != "b",
        "The order of the loop is free, but not the conditionals: p(x_d | x_{>d}) is nowhere in the network.",
    )
    right_if(
        letter != "d",
        "All conditionals in one order determine the joint, and the joint has every conditional. "
        "It is only expensive.",
    )
    return "The joint knows the answer; getting it out takes a sum over every possible upper half."


def known_below() -> str:
    return "c"


q4 = Exercise(
    "q4",
    _check_lower_half,
    "Write p(upper | lower) with the joint in the numerator. What stands in the denominator?",
    known_below,
    "p(upper | lower) = p(upper, lower) / sum over upper' of p(upper', lower). Each term is one "
    "pass, but there are 17^32 terms. "
    "Models trained in several orders get round this.",
)

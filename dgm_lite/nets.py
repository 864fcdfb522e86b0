"""Small networks that several families share, and what one does with any network."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from itertools import chain

import torch.nn.functional as F
from torch import Tensor, nn

from dgm_lite.shapes import check_count


def mlp(n_in: int, hidden: int, n_out: int, *, n_layers: int = 2, dropout: float = 0.0) -> nn.Sequential:
    """A multilayer perceptron with SiLU units: (B, n_in) -> (B, n_out).

    Args:
        n_in: Inputs.
        hidden: Units of each hidden layer.
        n_out: Outputs (logits or real numbers: no final non-linearity).
        n_layers: Hidden layers.
        dropout: Share of hidden units silenced in training, in [0, 1).

    Raises:
        ValueError: If a size is below 1.
    """
    for what, n in {"n_in": n_in, "hidden": hidden, "n_out": n_out, "n_layers": n_layers}.items():
        check_count(n, "mlp", what)
    layers: list[nn.Module] = []
    for size in [n_in] + [hidden] * (n_layers - 1):
        layers += [nn.Linear(size, hidden), nn.SiLU()] + ([nn.Dropout(dropout)] if dropout else [])
    return nn.Sequential(*layers, nn.Linear(hidden, n_out))


class CausalConv1d(nn.Conv1d):
    """A convolution that looks only at the past: output d sees inputs d, d-1, ..., never d+1.

    With ``shift=1`` it sees inputs d-1, d-2, ... only: what the first layer of an
    autoregressive model needs, because x_d must not help to predict itself.

    Args:
        n_in: Input channels.
        n_out: Output channels.
        kernel: Number of inputs that one output sees.
        dilation: Gap between them.
        shift: 0 to include the present, 1 to exclude it.

    Raises:
        ValueError: If the kernel or the dilation is below 1, or the shift neither 0 nor 1.
    """

    def __init__(self, n_in: int, n_out: int, kernel: int = 3, *, dilation: int = 1, shift: int = 0):
        check_count(kernel, "CausalConv1d", "kernel")
        check_count(dilation, "CausalConv1d", "dilation")
        if shift not in (0, 1):
            raise ValueError(f"CausalConv1d: expected a shift of 0 or 1, got {shift!r}.")
        super().__init__(n_in, n_out, kernel, dilation=dilation)
        self.shift = shift
        self.history = (kernel - 1) * dilation

    def forward(self, x: Tensor) -> Tensor:
        """(B, n_in, D) -> (B, n_out, D)."""
        # All padding goes on the left, so nothing to the right of d can reach output d.
        # A negative right pad drops the newest input: that is the shift by one.
        return super().forward(F.pad(x, (self.history + self.shift, -self.shift)))


def moved_to(model: nn.Module, columns: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """The columns on the model's device, and their real numbers in its type.

    Args:
        model: Any module; without weights the columns stay as they are.
        columns: One tensor or more.
    """
    weights = (w for w in chain(model.parameters(), model.buffers()) if w.is_floating_point())
    own = next(weights, None)
    if own is None:
        return columns
    return tuple(c.to(own.device, own.dtype if c.is_floating_point() else c.dtype) for c in columns)


@contextmanager
def eval_mode(*models: nn.Module) -> Iterator[None]:
    """No dropout for a while. Every part comes back in the mode in which it was, even after an error."""
    modes = [(part, part.training) for model in models for part in model.modules()]
    try:
        for model in models:
            model.eval()
        yield
    finally:
        for part, training in modes:
            part.training = training


def in_eval_mode(method: Callable) -> Callable:
    """A method that draws, decides or inverts: without dropout, and the model's mode stays what it was."""

    @wraps(method)
    def call(model, *args, **options):
        with eval_mode(model):
            return method(model, *args, **options)

    return call

"""What a law says when it is broken, and what is said of a whole model."""

import math
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor


class LawBroken(AssertionError):
    """A model breaks a law; the message says which value is wrong, and by how much."""


class NotTried(ValueError):
    """A law can't be tried on this model: it is too large to be enumerated, or something is missing."""


def require(condition, message: str) -> None:
    """Go on if the condition holds.

    Raises:
        LawBroken: With the message, if it does not.
    """
    if not condition:
        raise LawBroken(message)


def require_close(got: Tensor, expected: Tensor, what: str, *, tolerance: float, unit: str = "") -> None:
    """Go on if two tensors differ by no more than tolerance * (1 + |expected|) anywhere.

    Args:
        got: What the model says.
        expected: What it has to say.
        what: Subject of the message, for example "log p of one example".
        tolerance: In double precision. In single precision it is 1e-3 at least.
        unit: Of the difference in the message.

    Raises:
        LawBroken: With the largest difference, or with the two shapes if they are not the same.
    """
    shapes = f"{what}: expected shape {tuple(expected.shape)}, got {tuple(got.shape)}"
    require(got.shape == expected.shape, shapes)
    if got.is_floating_point() and torch.finfo(got.dtype).eps > 1e-10:
        tolerance = max(tolerance, 1e-3)
    got, expected = got.detach().double(), expected.detach().double()
    same = (got == expected) | (got.isnan() & expected.isnan())  # infinities are equal where they are
    off = torch.where(same, 0.0, (got - expected).abs())
    bad = ~(off <= tolerance * (1 + expected.abs()))
    if bad.any():
        worst = off[bad].nan_to_num(math.inf).max().item()
        n = "" if off.numel() == 1 else f" (in {int(bad.sum())} of {bad.numel()} numbers)"
        raise LawBroken(f"{what} is off by {worst:.3g}{unit and ' ' + unit}{n}")


@dataclass(frozen=True)
class Result:
    """What became of one law.

    Args:
        law: The law in words.
        status: "holds", "fails" or "not tried".
        text: What was measured, by how much it fails, or why it was not tried.
    """

    law: str
    status: str
    text: str = ""

    def __str__(self) -> str:
        return f"{self.status}: {self.law}" + (f" ({self.text})" if self.text else "")


@dataclass(frozen=True)
class Report:
    """What ``check_model`` found. Print it; iterate over it for the results one by one.

    Args:
        name: Class of the model.
        results: One for each law that the model's abilities call for.
        absent: For each ability that the model does not have, how it would show.
    """

    name: str
    results: tuple[Result, ...]
    absent: tuple[str, ...] = ()

    @property
    def holds(self) -> bool:
        """Whether some law was tried, and none of those that were tried is broken."""
        return not self.failures and any(r.status == "holds" for r in self.results)

    @property
    def failures(self) -> tuple[Result, ...]:
        """The laws that the model breaks."""
        return tuple(r for r in self.results if r.status == "fails")

    def __iter__(self) -> Iterator[Result]:
        return iter(self.results)

    def __len__(self) -> int:
        return len(self.results)

    def __str__(self) -> str:
        counts = {s: sum(r.status == s for r in self.results) for s in ("holds", "fails", "not tried")}
        verdict = "keeps every law that was tried" if self.holds else "breaks a law"
        if not counts["holds"] and not counts["fails"]:
            verdict = "could not be tried"
        found = f"{counts['holds']} hold, {counts['fails']} fail, {counts['not tried']} not tried"
        none = "it has none of the methods that laws are about"
        lines = [f"{self.name} {verdict}: {found if self.results else none}."]
        for status in ("fails", "holds", "not tried"):
            for result in (r for r in self.results if r.status == status):
                lines.append(_indented(f"{status:9}  {result.law}", 11))
                if result.text:
                    lines.append(_indented(f"{'':13}{result.text}", 13))
        lines += [_indented(f"absent     {text}", 11) for text in self.absent]
        return "\n".join(lines)


def _indented(text: str, n: int) -> str:
    return textwrap.fill(text, width=100, subsequent_indent=" " * n, drop_whitespace=True)

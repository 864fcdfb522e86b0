"""What every exercise can do: check an answer, give a hint, show a solution."""

import inspect
import random
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch

from dgm_lite.exercises.answers import Wrong


@dataclass(frozen=True)
class Exercise:
    """One exercise.

    Args:
        name: What the messages call it, for example "q2".
        test: ``test(answer)`` returns praise, or raises ``Wrong`` with what is likely amiss. Either may be a
            report of several lines, which are kept.
        hint_text: A nudge that does not give the answer away.
        reference: A function whose body is a solution; ``solution()`` prints its source.
        why: The reasoning, shown with the solution.
    """

    name: str
    test: Callable
    hint_text: str
    reference: Callable
    why: str

    def check(self, answer) -> None:
        """Say whether the answer is right; never raises, so a notebook always runs to its end.

        Only a keyboard interrupt goes through: whoever stops a check wants to stop.
        """
        if answer is ...:
            _say(f"{self.name}: not answered yet. Replace the ... and run the cell again.")
            return
        try:
            with _own_randomness(), torch.enable_grad(), torch.device("cpu"):
                _say(f"{self.name}: correct. {self.test(answer)}")
        except Wrong as wrong:
            _say(f"{self.name}: not yet. {wrong}")
        except (Exception, SystemExit, GeneratorExit) as error:  # the reader's function may fail in any way
            _say(f"{self.name}: your answer could not be run: {type(error).__name__}: {error}")

    def hint(self) -> None:
        """Print the hint."""
        _say(f"{self.name}, hint: {self.hint_text}")

    def solution(self) -> None:
        """Print the reference solution and why it is right."""
        print(f"{self.name}, a solution:\n\n{textwrap.dedent(inspect.getsource(self.reference))}")
        _say(self.why)


def _say(text: str) -> None:
    for line in text.splitlines():
        indent = line[: len(line) - len(line.lstrip())]
        print(textwrap.fill(line, width=80, subsequent_indent=indent))


@contextmanager
def _own_randomness() -> Iterator[None]:
    """Draws inside are the same at every check; the reader's generators go on as if there had been none."""
    states = random.getstate(), np.random.get_state()
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        torch.manual_seed(0)
        np.random.seed(0)
        random.seed(0)
        try:
            yield
        finally:
            random.setstate(states[0])
            np.random.set_state(states[1])

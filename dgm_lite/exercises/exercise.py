"""What every exercise can do: check an answer, give a hint, show a solution."""

import inspect
import textwrap
from collections.abc import Callable
from dataclasses import dataclass


class Wrong(Exception):
    """Raised by a check: its message names the likely mistake."""


@dataclass(frozen=True)
class Exercise:
    """One exercise.

    Args:
        name: What the messages call it, for example "q2".
        test: ``test(answer)`` returns praise, or raises ``Wrong`` with what is likely amiss.
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
        """Say whether the answer is right; never raises, so a notebook always runs to its end."""
        if answer is ...:
            _say(f"{self.name}: not answered yet. Replace the ... and run the cell again.")
            return
        try:
            _say(f"{self.name}: correct. {self.test(answer)}")
        except Wrong as wrong:
            _say(f"{self.name}: not yet. {wrong}")
        except Exception as error:  # the reader's own function may fail in any way
            _say(f"{self.name}: your answer could not be run: {type(error).__name__}: {error}")

    def hint(self) -> None:
        """Print the hint."""
        _say(f"{self.name}, hint: {self.hint_text}")

    def solution(self) -> None:
        """Print the reference solution and why it is right."""
        print(f"{self.name}, a solution:\n\n{textwrap.dedent(inspect.getsource(self.reference))}")
        _say(self.why)


def _say(text: str) -> None:
    print(textwrap.fill(text, width=80))


def right_if(condition, message: str) -> None:
    """Go on if the condition holds, else tell the reader the likely mistake.

    Raises:
        Wrong: With this message.
    """
    if not condition:
        raise Wrong(message)


def letter_of(answer, letters: str) -> str:
    """The reader's choice as one lower-case letter.

    Raises:
        Wrong: If it is none of the letters.
    """
    given = answer.strip().lower() if isinstance(answer, str) else ""
    right_if(len(given) == 1 and given in letters, f'Expected one letter, "{letters[0]}" to "{letters[-1]}".')
    return given

"""What one row of a data set is: how it is drawn, and how many numbers it has, follow from that."""

import math
from dataclasses import dataclass

from dgm_lite.shapes import check_count


@dataclass(frozen=True)
class Point:
    """D numbers in no order, shape (D,): a place in space, or a line of a table."""

    def fits(self, event: tuple[int, ...]) -> bool:
        """Whether an example of this shape can be one."""
        return len(event) == 1

    def __str__(self) -> str:
        return "points, (D,)"


@dataclass(frozen=True)
class Picture:
    """Pixels row by row from the top, in any shape that holds channels x height x width numbers.

    Args:
        height: Rows of pixels.
        width: Pixels in a row.
        channels: Numbers of a pixel: 1 for grey, 3 for colour. Colours come one whole picture after another.

    Raises:
        ValueError: If a size is below 1.
    """

    height: int
    width: int
    channels: int = 1

    def __post_init__(self):
        for size in ("height", "width", "channels"):
            check_count(getattr(self, size), type(self).__name__, size)

    @property
    def numbers(self) -> int:
        """How many numbers one picture has."""
        return self.channels * self.height * self.width

    def fits(self, event: tuple[int, ...]) -> bool:
        """Whether an example of this shape can be one."""
        return math.prod(event) == self.numbers

    def __str__(self) -> str:
        return f"pictures of {self.channels} x {self.height} x {self.width} = {self.numbers} numbers"


@dataclass(frozen=True)
class Frames(Picture):
    """A film of T pictures, shape (T, *picture). A column ``action`` says what was done before each."""

    def fits(self, event: tuple[int, ...]) -> bool:
        """Whether an example of this shape can be one."""
        return len(event) > 1 and math.prod(event[1:]) == self.numbers

    def __str__(self) -> str:
        return f"films of {super().__str__()} each, (T, *picture)"


@dataclass(frozen=True)
class Tokens:
    """T symbols of a vocabulary of ``levels``, shape (T,). A column ``length`` says how many count."""

    def fits(self, event: tuple[int, ...]) -> bool:
        """Whether an example of this shape can be one."""
        return len(event) == 1

    def __str__(self) -> str:
        return "tokens, (T,)"


@dataclass(frozen=True)
class Sound:
    """T samples of a sound, shape (T,), or (channels, T).

    Args:
        rate: Samples in a second.

    Raises:
        ValueError: If the rate is below 1.
    """

    rate: int

    def __post_init__(self):
        check_count(self.rate, "Sound", "rate")

    def fits(self, event: tuple[int, ...]) -> bool:
        """Whether an example of this shape can be one."""
        return len(event) in (1, 2)

    def __str__(self) -> str:
        return "sounds, (T,) or (channels, T)"


Rows = Point | Picture | Frames | Tokens | Sound

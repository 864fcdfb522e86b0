"""What an answer to an exercise is, and what it is compared with.

A check looks at what an answer means: a number is right as an int, a float, a list, a NumPy array or a tensor
of any type and on any device, as exactly as its type can say it. Likely mistakes stand in tables, each with
the message that names it: what the answer would be (``wants``), or whether it was made (``refuse_if``).
"""

import inspect
import math
from collections.abc import Callable, Iterable, Mapping

import numpy as np
import torch
from torch import Tensor


class Wrong(Exception):
    """Raised by a check: its message names the likely mistake."""


def _right_if(condition, message: str) -> None:
    if not condition:
        raise Wrong(message.strip())


def _kind(answer) -> str:
    if answer is None:
        return "None (did you forget return?)"
    if answer is ...:
        return "..., which is still to be replaced"
    return "a function" if inspect.isroutine(answer) else type(answer).__name__


def a_function(answer, signature: str, *, may_return_none: bool = False) -> Callable:
    """The reader's function, called with copies, so that nothing it does to its inputs reaches the check.

    A call with ``at_the_edge`` says what is amiss if the function fails on these inputs, as ``math.log(0.0)``
    and ``math.exp(900.0)`` do where tensors would give an infinity.

    Raises:
        Wrong: If it is no function; when called, if it changes an input in place or returns None.
    """
    _right_if(callable(answer), f"Expected a function {signature}; got {_kind(answer)}.")

    def call(*inputs, at_the_edge: str = ""):
        """The function's result for copies of the inputs."""
        copies = [v.clone() if isinstance(v, Tensor) else v for v in inputs]
        try:
            result = answer(*copies)
        except (ArithmeticError, ValueError) as error:
            _right_if(not at_the_edge, f"{at_the_edge} (Your function stopped: {error}.)")
            raise
        kept = all(torch.equal(v, c) for v, c in zip(inputs, copies, strict=True) if isinstance(v, Tensor))
        _right_if(kept, "Your function changed its input in place. Return a new tensor.")
        _right_if(result is not None or may_return_none, f"Your function returned {_kind(result)}.")
        return result

    return call


def two_parts(answer, what: str) -> tuple:
    """Both parts of a pair, which may be a tuple, a list, an array or a tensor.

    Raises:
        Wrong: If there are not two.
    """
    rows = isinstance(answer, tuple | list | Tensor | np.ndarray) and getattr(answer, "ndim", 1) > 0
    _right_if(rows and len(answer) == 2, f"Expected two {what}; got {_kind(answer)}.")
    return answer[0], answer[1]


def tensor_of(answer) -> Tensor:
    """Numbers of whatever type as a tensor on the CPU without gradient; half precision and integers stay so.

    Raises:
        Wrong: If they are no real numbers, or rows of different lengths.
    """
    if isinstance(answer, list | tuple) and answer:
        rows = [tensor_of(v) for v in answer]
        _right_if(len({row.shape for row in rows}) == 1, "The parts of your list differ in shape.")
        return torch.stack(rows)
    if not isinstance(answer, Tensor):
        array = np.asarray(answer)
        number = {"b": bool, "i": np.int64, "u": np.int64, "f": np.float64}.get(array.dtype.kind)
        _right_if(number, f"Expected a number or a tensor; got {_kind(answer)}.")
        answer = torch.from_numpy(array.astype(np.float16 if array.dtype == np.float16 else number))
    _right_if(not answer.is_complex(), "Expected real numbers; got complex ones.")
    return answer.detach().cpu()


def numbers(answer, shape, *, each: str = "", shapes: Mapping = {}, not_finite: str = "") -> Tensor:
    """The answer as float64, once it has the shape and everything in it is finite.

    Args:
        answer: A number, an array, a list or a tensor.
        shape: What is expected; a single number may come in any shape.
        each: What such a shape holds, for example "one number for each image".
        shapes: Likely wrong shapes, and what each of them tells.
        not_finite: What NaN or infinity is a sign of here.

    Raises:
        Wrong: With what was expected and what came, or with the place of the first NaN or infinity.
    """
    value, shape = tensor_of(answer).double(), tuple(shape)
    if value.numel() == math.prod(shape) == 1:
        value = value.reshape(shape)
    came = tuple(value.shape)
    wanted = ", ".join(filter(None, [each, _in_words(shape)]))
    _right_if(came == shape, f"Expected {wanted}; got {_in_words(came)}. {shapes.get(came, '')}")
    not_a_number = {"NaN": value.isnan(), "infinity": value == math.inf, "minus infinity": value == -math.inf}
    for name, found in not_a_number.items():
        place = f"holds {name} at {found.nonzero()[0].tolist()}" if shape and found.any() else f"is {name}"
        _right_if(not found.any(), f"Your answer {place}. {not_finite}")
    return value


def _in_words(shape: tuple) -> str:
    return f"shape {shape}" if shape else "a single number"


# --- What it is compared with ----------------------------------------------------------------


def refuse_if(mistakes: Mapping) -> None:
    """Go on if none of the likely mistakes was made.

    Args:
        mistakes: For each message whether it holds. The first that does is said.

    Raises:
        Wrong: With this message.
    """
    for message, made in mistakes.items():
        _right_if(not made, message)


def wants(
    answer,
    right,
    mistakes: Mapping = {},
    otherwise: str = "Expected {right}{place}; got {got}.",
    *,
    tolerance: float = 1e-4,
    **shape,
) -> None:
    """Go on if the answer is the right value, else say which of the likely mistakes it is.

    Args:
        answer: Numbers of any type. In half precision they may be off by a few of its units.
        right: The right value.
        mistakes: For each message the value that this mistake gives. The nearest value decides.
        otherwise: Said of all other values; ``{right}`` and ``{got}`` are two numbers, in as many digits as
            it takes to see that they differ, and ``{place}`` is where. Without these it also explains NaN.
        tolerance: How far off a right answer may be, as a multiple of 1 + its size. The default forgives what
            single precision loses on the way, also where the answer is in double precision.
        **shape: ``each`` and ``shapes`` of ``numbers``.

    Raises:
        Wrong: With one message, also where several would do.
    """

    def off(v: Tensor) -> Tensor:
        return (value - v).abs() / (1 + v.abs())

    right = tensor_of(right).double()
    value = numbers(answer, right.shape, not_finite="" if "{" in otherwise else otherwise, **shape)
    kind = tensor_of(answer).dtype
    rounding = 4 * torch.finfo(kind).eps if kind.is_floating_point else 0.0
    table = {"": right} | {message: tensor_of(v).double() for message, v in mistakes.items()}
    nearest = min(table, key=lambda message: off(table[message]).max())
    if off(table[nearest]).max() < max(tolerance, rounding):
        return _right_if(nearest == "", nearest)
    worst = off(right).argmax()
    one, two = _told_apart(right.flatten()[worst].item(), value.flatten()[worst].item())
    place = [int(k) for k in torch.unravel_index(worst, right.shape)]
    raise Wrong(otherwise.format(right=one, got=two, place=f" at {place}" if place else ""))


def _told_apart(one: float, two: float) -> tuple[str, str]:
    """Two different numbers in as many digits as it takes to see that they differ."""
    digits = next((n for n in range(4, 17) if f"{one:.{n}g}" != f"{two:.{n}g}"), 17)
    return f"{one:.{digits}g}", f"{two:.{digits}g}"


def wants_word(answer, right: str, mistakes: Mapping, otherwise: str) -> None:
    """Go on if the answer is the right word, else say which of the likely mistakes it is.

    Args:
        answer: A string; capitals, brackets and blanks around it do not count.
        right: The right word.
        mistakes: For each message the wrong words that it is about.
        otherwise: Said of all other answers; ``{got}`` is what came.

    Raises:
        Wrong: With the message.
    """
    given = answer.strip(" .()\n").lower() if isinstance(answer, str) else _kind(answer)
    refuse_if({message: given in words for message, words in mistakes.items()})
    _right_if(given == right, otherwise.format(got=given))


class Letter:
    """The check of a question that is answered by one letter.

    Args:
        right: The letter.
        praise: Said of it.
        **wrong: For each other letter what speaks against it.
    """

    def __init__(self, right: str, praise: str, **wrong: str):
        self.right, self.praise, self.wrong = right, praise, wrong

    def __call__(self, answer) -> str:
        first, *_, last = sorted([self.right, *self.wrong])
        against = {text: (letter,) for letter, text in self.wrong.items()}
        wants_word(answer, self.right, against, f'Expected one letter, "{first}" to "{last}"; got {{got}}.')
        return self.praise


class Words:
    """The check of a question that is answered by a dictionary of words.

    Args:
        right: The word for each key.
        praise: Said if all are right.
        mistakes: For some messages the words that they are about; these are looked at first.
        words: All words to choose from, if some of them are nowhere right.
        **wrong: For each key what is said of any other word; ``{got}`` is that word.
    """

    def __init__(
        self, right: Mapping, praise: str, mistakes: Mapping = {}, words: Iterable = (), **wrong: str
    ):
        self.right, self.praise, self.mistakes, self.wrong = right, praise, mistakes, wrong
        self.words = tuple(words) or tuple(right.values())

    def __call__(self, answer) -> str:
        *most, last = (f'"{key}"' for key in self.right)
        expected = f"Expected a dictionary with the keys {', '.join(most)} and {last}"
        _right_if(isinstance(answer, Mapping), f"{expected}; got {_kind(answer)}.")
        keys = {key.lower(): key for key in self.right}
        given = {keys.get(str(key).strip().lower()): word for key, word in answer.items()}
        _right_if(set(given) == set(self.right), f"{expected}; got {', '.join(map(str, answer)) or 'none'}.")
        missing = [key for key in self.right if given[key] is ...]
        _right_if(not missing, f"Not answered yet: {', '.join(missing)}.")
        given = {key: str(given[key]).strip().lower() for key in self.right}
        other = sorted(set(given.values()) - set(self.words))
        _right_if(not other, f"Expected the words {', '.join(self.words)}; got {', '.join(other)}.")
        refuse_if({text: all(given[k] == v for k, v in some.items()) for text, some in self.mistakes.items()})
        refuse_if({self.wrong[k].format(got=given[k]): given[k] != v for k, v in self.right.items()})
        return self.praise

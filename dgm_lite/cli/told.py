"""What an error says besides: where the work is that was done before it."""

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def kept(what: str) -> Iterator[None]:
    """Whatever ends the work from here on, Ctrl-C too, says what is left of it."""
    try:
        yield
    except BaseException as error:
        error.add_note(what)
        raise


def told(error: BaseException, message: str | None = None) -> str:
    """What an error says, or another message in its place, and what was noted beside it."""
    first = str(error) if message is None else message
    return " ".join(filter(None, [first, *getattr(error, "__notes__", [])]))

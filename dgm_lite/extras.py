"""Packages that only one feature needs: what to say where one is missing."""

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def extra(name: str) -> Iterator[None]:
    """Import within it what one of the extras of pyproject.toml brings.

    Args:
        name: Of the extra, such as "codecs".

    Raises:
        ModuleNotFoundError: If a package is missing; says how to install it.

    Example:
        >>> with extra("codecs"):
        ...     import constriction
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"dgm_lite: expected the package {error.name}, which comes with the extra {name!r}, got none. "
            f"Install it: pip install {error.name}",
            name=error.name,
        ) from error

"""Files that the package writes: whole or not at all, only regular ones, and never over what is read.

``place`` is for before the work, ``write`` for after it, ``keep`` for what took long to make, and ``alone``
for a file that several processes add to. Of the packages that write files whole, atomicwrites has been given
up; ``os.replace`` is what it consisted of.
"""

import os
import secrets
import shutil
import signal
import stat
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")  # Ctrl-C, a polite kill, a terminal that is closed
BLOCK = 4096  # bytes that are written to try a place: a full disk still takes an empty file


def place(file: str | Path, *, inputs: Iterable[str | Path] = (), size: int = 0) -> Path:
    """Where a file will be written, once it is sure that it can be. A missing folder is made.

    Args:
        file: Its name; ``~`` is the home folder, and a symbolic link stands for the file it points to.
        inputs: Files that are read, and must not be written over.
        size: Bytes that it will have, as far as that is known.

    Returns:
        The file itself: absolute, behind every symbolic link.

    Raises:
        ValueError: If the name belongs to something else than a regular file, or to an input.
        OSError: If there is no permission or no space, or the name cannot be.
    """
    target = _target(file, inputs)
    with _named(file):
        target.parent.mkdir(parents=True, exist_ok=True)
        with _part(target) as part:
            part.write_bytes(bytes(BLOCK))
        free = shutil.disk_usage(target.parent).free
        if free < size:
            raise OSError(f"outputs: expected {size:,} bytes of space for {file}, got {free:,}.")
    return target


def write(file: str | Path, data: bytes, *, inputs: Iterable[str | Path] = ()) -> None:
    """Write a file, whole or not at all: an older file of that name is there until the new one is complete.

    A new file gets the permissions that the umask leaves, an older one keeps its own.

    Args:
        file: See ``place``.
        data: What it will hold.
        inputs: See ``place``.

    Raises:
        ValueError: If the name belongs to something else than a regular file, or to an input.
        OSError: If it cannot be written.
    """
    target = _target(file, inputs)
    with _named(file):
        target.parent.mkdir(parents=True, exist_ok=True)
        with _part(target) as part:
            with part.open("r+b") as opened:
                opened.write(data)
                opened.flush()
                os.fsync(opened.fileno())
            os.replace(part, target)


def keep(file: str | Path, save: Callable[[Path], None]) -> None:
    """Save what took long to make: where its file cannot be written, then elsewhere, and say where.

    That is a new folder for temporary files, or else one in the home or the current folder. A keyboard
    interrupt waits until it is saved.

    Args:
        file: Where it should be.
        save: ``save(file)`` writes it, and raises OSError or ValueError where it can't.

    Raises:
        OSError: If it could not be written there; names the file in which it is kept.
        KeyboardInterrupt: If there was one meanwhile.
    """
    with uninterrupted(f"{file} is saved."):
        try:
            save(Path(file))
        except (OSError, ValueError) as error:
            kept = _elsewhere(Path(file).name, save)
            if kept is None:
                raise
            raise OSError(f"{error} It is kept as {kept}.") from error


@contextmanager
def uninterrupted(what: str = "") -> Iterator[None]:
    """Ctrl-C, and whatever else asks to stop, waits for what must not be half done.

    Args:
        what: What the interrupt says when it comes in the end.

    Raises:
        KeyboardInterrupt: If there was one meanwhile, and nothing else went wrong.
    """
    if threading.current_thread() is not threading.main_thread():  # Python interrupts no other one
        yield
        return
    numbers = [getattr(signal, name) for name in SIGNALS if hasattr(signal, name)]
    before = {number: signal.getsignal(number) for number in numbers}
    before = {number: act for number, act in before.items() if callable(act)}
    came: list[int] = []
    for number in before:
        signal.signal(number, lambda number, _: came.append(number))
    try:
        yield
    finally:
        for number, act in before.items():
            signal.signal(number, act)
    if came:
        try:
            before[came[0]](came[0], None)
        except KeyboardInterrupt:
            raise KeyboardInterrupt(what) from None


def _elsewhere(name: str, save: Callable[[Path], None]) -> Path | None:
    for folder in (tempfile.gettempdir(), os.path.expanduser("~"), os.getcwd()):
        with suppress(OSError):
            new = Path(tempfile.mkdtemp(prefix="dgm-lite-", dir=folder))
            try:
                save(new / name[-60:])
            finally:
                with suppress(OSError):
                    new.rmdir()  # unless the file is in it
            return new / name[-60:]
    return None


@contextmanager
def alone(file: str | Path, *, wait: bool = True) -> Iterator[None]:
    """Keep other processes that ask for the same file waiting, so that none overwrites another's lines.

    The empty file ``.NAME.lock`` beside it stays where others wait: removing it would let two in at once.

    Args:
        file: Which file.
        wait: Whether to wait for another process that has it, or to refuse.

    Raises:
        ValueError: If another process has it, and nobody waits.
        OSError: If the folder cannot be written to.
    """
    target = _target(file, ())
    with _named(file):
        target.parent.mkdir(parents=True, exist_ok=True)
        lock_file = target.with_name(f".{target.name}.lock")
        lock = FileLock(lock_file)
        try:
            lock.acquire(blocking=wait)
        except Timeout as error:
            raise ValueError(
                f"outputs: expected {file} for one process alone, got another one that writes it now. "
                "Choose another name, or wait until it has ended."
            ) from error
    try:
        yield
    finally:
        if not wait:
            with suppress(OSError):  # where open files can't be removed
                lock_file.unlink()
        lock.release()


@contextmanager
def _named(file: str | Path) -> Iterator[None]:
    """The system's errors, with the name that was asked for: it only knows that of the part."""
    try:
        yield
    except OSError as error:
        if error.errno is None:
            raise  # one of ours
        raise type(error)(
            f"outputs: expected a place that can be written to, got {file}: {error.strerror}."
        ) from error


def _target(file: str | Path, inputs: Iterable[str | Path]) -> Path:
    kind = stat.S_IFREG
    try:
        file = Path(file).expanduser()
        target = Path(os.path.realpath(file))
        with _named(file), suppress(FileNotFoundError):
            kind = file.stat().st_mode
    except (RuntimeError, ValueError) as error:  # no such user in ~user, a zero byte
        raise ValueError(f"outputs: expected the name of a file, got {str(file)!r}: {error}.") from error
    if not stat.S_ISREG(kind):
        names = {stat.S_IFDIR: "a folder", stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket"}
        got = names.get(stat.S_IFMT(kind), "a device")
        raise ValueError(f"outputs: expected a name for a regular file, got {file}, which is {got}.")
    for other in inputs:
        if _same(target, Path(other).expanduser()):
            raise ValueError(
                f"outputs: expected another file than the one that is read, got {file} for both. "
                "Choose another name."
            )
    if target.exists() and not os.access(target, os.W_OK):
        raise PermissionError(f"outputs: expected a file that may be written, got {file}: it is read-only.")
    return target


def _same(one: Path, two: Path) -> bool:
    """Whether two names mean one file, also by links, and also before there is one."""
    if one.exists() and two.exists():
        return one.samefile(two)
    return os.path.realpath(one) == os.path.realpath(two)


@contextmanager
def _part(target: Path) -> Iterator[Path]:
    """An empty file beside the target, with its permissions; gone at the end if it was not moved."""
    part = target.with_name(f".{secrets.token_hex(8)}.part")  # short: the target's own name may be long
    part.touch(exist_ok=False)
    try:
        if target.exists():
            before = target.stat()
            if hasattr(os, "chown"):
                with suppress(PermissionError):
                    os.chown(part, before.st_uid, before.st_gid)
            part.chmod(stat.S_IMODE(before.st_mode))
        yield part
    finally:
        part.unlink(missing_ok=True)

"""Files are written whole or not at all, only where that harms nothing, and a bad place is named at once."""

import os
import random
import shutil
import signal
import socket
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from dgm_lite import outputs

ROOT = Path(__file__).resolve().parents[1]
root_only = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs the right to mount or to make devices"
)


def folder(tmp_path: Path) -> Path:
    (tmp_path / "bad").mkdir()
    return tmp_path / "bad"


def link_to_folder(tmp_path: Path) -> Path:
    (tmp_path / "real").mkdir()
    (tmp_path / "bad").symlink_to(tmp_path / "real")
    return tmp_path / "bad"


def pipe(tmp_path: Path) -> Path:
    os.mkfifo(tmp_path / "bad")
    return tmp_path / "bad"


def link_to_pipe(tmp_path: Path) -> Path:
    (tmp_path / "link").symlink_to(pipe(tmp_path))
    return tmp_path / "link"


def listening(tmp_path: Path) -> Path:
    with socket.socket(socket.AF_UNIX) as opened:
        opened.bind(str(tmp_path / "bad"))
    return tmp_path / "bad"


def below_a_file(tmp_path: Path) -> Path:
    (tmp_path / "file").write_text("old")
    return tmp_path / "file" / "bad"


def long_name(tmp_path: Path) -> Path:
    return tmp_path / ("x" * 256)


def circle(tmp_path: Path) -> Path:
    (tmp_path / "bad").symlink_to(tmp_path / "bad")
    return tmp_path / "bad"


def zero_byte(tmp_path: Path) -> str:
    return f"{tmp_path}/a\0b"


def nobodys_home(_: Path) -> str:
    return "~no-such-user/x"


BAD = {
    folder: "which is a folder", link_to_folder: "which is a folder", pipe: "which is a pipe",
    link_to_pipe: "which is a pipe", listening: "which is a socket", below_a_file: "Not a directory",
    long_name: "File name too long", circle: "Too many levels", zero_byte: "the name of a file",
    nobodys_home: "the name of a file",
}  # fmt: skip


def everything(tmp_path: Path) -> list[tuple]:
    """Names, kinds and contents: nothing may change."""
    return sorted(
        (str(p), p.lstat().st_mode, p.read_bytes() if p.is_file() else b"") for p in tmp_path.rglob("*")
    )


@pytest.mark.parametrize("bad", BAD, ids=lambda f: f.__name__)
@pytest.mark.parametrize(
    "way", [outputs.place, lambda file: outputs.write(file, b"x")], ids=["place", "write"]
)
def test_bad_places_are_refused_and_left_alone(bad, way, tmp_path):
    file = bad(tmp_path)
    before = everything(tmp_path)
    with pytest.raises((ValueError, OSError), match=f"^outputs: expected .*{BAD[bad]}"):
        way(file)
    assert everything(tmp_path) == before


@root_only
def test_a_device_is_no_place(tmp_path):
    device = tmp_path / "device"
    try:
        os.mknod(device, stat.S_IFCHR | 0o666, os.makedev(1, 3))
    except PermissionError:
        pytest.skip("no devices here")
    (tmp_path / "link").symlink_to(device)
    for file in (device, tmp_path / "link"):
        with pytest.raises(ValueError, match="which is a device"):
            outputs.write(file, b"x")
        with pytest.raises(ValueError, match="which is a device"):
            outputs.place(file)
    assert stat.S_ISCHR(device.stat().st_mode) and (tmp_path / "link").is_symlink()


@pytest.mark.parametrize("seed", range(50))
def test_any_name_is_written_or_refused_in_words(seed, tmp_path):
    rng = random.Random(seed)
    signs = [*".-~ %\\\n\t\"'*?#é漢🙂", "..", "x" * 60, chr(rng.randrange(1, 0xD800))]
    name = "".join(rng.choice(signs) for _ in range(rng.randint(1, 8))).replace("/", "")
    try:
        outputs.write(tmp_path / name, b"new")
    except (ValueError, OSError) as error:
        assert str(error).startswith("outputs: expected ") and list(tmp_path.iterdir()) == []
    else:
        assert [p.read_bytes() for p in tmp_path.iterdir()] == [b"new"]


def test_a_name_of_full_length_and_a_new_folder(tmp_path):
    file = tmp_path / "a" / "b" / ("x" * 255)
    assert outputs.place(file) == file and not file.exists()
    outputs.write(file, b"new")
    assert file.read_bytes() == b"new" and len(list(file.parent.iterdir())) == 1


def test_home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert outputs.place("~/a/x") == tmp_path / "a" / "x"
    outputs.write("~/a/x", b"new")
    assert [p.name for p in tmp_path.rglob("*")] == ["a", "x"]


def test_permissions(tmp_path):
    """A new file gets what the umask leaves; an older one keeps its own."""
    before = os.umask(0o077)
    try:
        outputs.write(tmp_path / "new", b"1")
        os.umask(0o022)
        outputs.write(tmp_path / "open", b"1")
        (tmp_path / "open").chmod(0o640)
        outputs.write(tmp_path / "open", b"2")
    finally:
        os.umask(before)
    assert [stat.S_IMODE((tmp_path / n).stat().st_mode) for n in ("new", "open")] == [0o600, 0o640]
    assert (tmp_path / "open").read_bytes() == b"2"


def test_through_a_link(tmp_path):
    (tmp_path / "real").write_bytes(b"old")
    (tmp_path / "link").symlink_to("real")
    (tmp_path / "dangling").symlink_to("later")
    for link, target in (("link", "real"), ("dangling", "later")):
        outputs.write(tmp_path / link, b"new")
        assert (tmp_path / link).is_symlink() and (tmp_path / target).read_bytes() == b"new"


def test_never_over_an_input(tmp_path, monkeypatch):
    """By the same name, another spelling, a symbolic or a hard link, and where there is no file yet."""
    monkeypatch.chdir(tmp_path)
    Path("in").write_bytes(b"data")
    Path("soft").symlink_to("in")
    os.link("in", "hard")
    for name in ("in", "./in", tmp_path / "in", "soft", "hard"):
        for way in (outputs.place, lambda file, inputs: outputs.write(file, b"x", inputs=inputs)):
            with pytest.raises(ValueError, match="another file than the one that is read"):
                way(name, inputs=["other", "in"])
    with pytest.raises(ValueError, match="another file"):
        outputs.place("new", inputs=["./new"])
    assert Path("in").read_bytes() == b"data" and not Path("new").exists()


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(28, "No space left on device")])
@pytest.mark.parametrize("call", ["replace", "fsync"])
def test_half_written_is_not_written(tmp_path, monkeypatch, error, call):
    (tmp_path / "x").write_bytes(b"old")

    def fails(*_):
        raise error

    monkeypatch.setattr(outputs.os, call, fails)
    with pytest.raises(type(error)):
        outputs.write(tmp_path / "x", b"new")
    assert [p.read_bytes() for p in tmp_path.iterdir()] == [b"old"]


def test_only_bytes(tmp_path):
    with pytest.raises(TypeError):
        outputs.write(tmp_path / "x", "no bytes")
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_written_is_kept(tmp_path, monkeypatch):
    """In a folder for temporary files; in the home folder where that one cannot be written either."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in ("tmp", "home", "out"):
        (tmp_path / name).mkdir()
    monkeypatch.setattr(outputs.tempfile, "tempdir", str(tmp_path / "tmp"))
    for place, content in (("tmp", b"one"), ("home", b"two")):
        with pytest.raises(OSError, match="is a folder.*It is kept as") as error:
            outputs.keep(tmp_path / "out", lambda file: outputs.write(file, content))  # noqa: B023
        (kept,) = (p for p in (tmp_path / place).rglob("*") if p.is_file())
        assert kept.read_bytes() == content and str(kept) in str(error.value)
        shutil.rmtree(tmp_path / "tmp", ignore_errors=True)


@pytest.mark.parametrize("error", [OSError, ValueError, TypeError, KeyboardInterrupt])
def test_what_could_not_be_kept_leaves_no_folder(error, tmp_path, monkeypatch):
    def save(file):
        raise OSError if file == tmp_path / "out" else error

    for name in ("tmp", "home", "here"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr(outputs.tempfile, "tempdir", str(tmp_path / "tmp"))
    monkeypatch.chdir(tmp_path / "here")
    with pytest.raises(error):
        outputs.keep(tmp_path / "out", save)
    assert [path for path in tmp_path.rglob("*") if path.parent != tmp_path] == []


def test_too_little_space_is_found_before(tmp_path):
    with pytest.raises(OSError, match="expected 1,000,000,000,000,000,000 bytes of space"):
        outputs.place(tmp_path / "x", size=10**18)
    assert list(tmp_path.iterdir()) == []


@root_only
def test_a_full_and_a_read_only_disk(tmp_path):
    def mount(*options: str) -> None:
        done = subprocess.run(["mount", "-t", "tmpfs", *options, "tmpfs", str(tmp_path)], capture_output=True)
        if done.returncode:
            pytest.skip("no mounts here")

    mount("-o", "size=64k")
    try:
        (tmp_path / "old").write_bytes(b"old")
        with pytest.raises(OSError, match="No space left"):
            outputs.write(tmp_path / "old", bytes(100_000))
        assert [p.read_bytes() for p in tmp_path.iterdir()] == [b"old"]
        with pytest.raises(OSError, match="No space left"):
            (tmp_path / "fill").write_bytes(bytes(100_000))
        with pytest.raises(OSError, match="outputs: expected .*space"):
            outputs.place(tmp_path / "old")
        assert (tmp_path / "old").read_bytes() == b"old" and len(list(tmp_path.iterdir())) == 2
        subprocess.run(["mount", "-o", "remount,ro", str(tmp_path)], check=True)
        for way in (outputs.place, lambda file: outputs.write(file, b"x")):
            for name, why in (("old", "read-only"), ("new", "Read-only file system")):
                with pytest.raises(OSError, match=why):
                    way(tmp_path / name)
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


def test_without_permission(tmp_path):
    """As somebody who is not root: a folder and a file that may not be written."""
    code = f"""
import os
from dgm_lite import outputs
if os.geteuid() == 0: os.seteuid(65534)
for name in ("closed/new", "read-only"):
    for way in (outputs.place, lambda file: outputs.write(file, b"x")):
        try: way({str(tmp_path)!r} + "/" + name)
        except PermissionError as error: print(error)
"""
    (tmp_path / "closed").mkdir()
    (tmp_path / "closed").chmod(0o555)
    (tmp_path / "read-only").write_bytes(b"old")
    (tmp_path / "read-only").chmod(0o444)
    for parent in (tmp_path, *tmp_path.parents[:2]):
        parent.chmod(parent.stat().st_mode | 0o055)
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    said = done.stdout.splitlines()
    assert done.returncode == 0, done.stderr
    assert len(said) == 4 and all(line.startswith("outputs: expected ") for line in said), said


def test_two_processes_take_turns(tmp_path):
    """Each reads a number, waits, and writes the next one: no count is lost."""
    code = """
import sys, time
from pathlib import Path
from dgm_lite import outputs
file = Path(sys.argv[1])
for _ in range(20):
    with outputs.alone(file):
        n = int(file.read_text()); time.sleep(0.002); outputs.write(file, str(n + 1).encode())
"""
    (tmp_path / "n").write_text("0")
    command = [sys.executable, "-c", code, str(tmp_path / "n")]
    both = [subprocess.Popen(command, cwd=ROOT) for _ in range(2)]
    assert [p.wait(60) for p in both] == [0, 0]
    assert (tmp_path / "n").read_text() == "40"
    assert sorted(p.name for p in tmp_path.iterdir()) == [".n.lock", "n"]


# --- Ctrl-C ----------------------------------------------------------------------------------


def press_ctrl_c() -> None:
    signal.raise_signal(signal.SIGINT)


def test_what_took_long_is_saved_although_ctrl_c_is_pressed_meanwhile(tmp_path):
    def save(file):
        press_ctrl_c()
        press_ctrl_c()
        outputs.write(file, b"whole")

    with pytest.raises(KeyboardInterrupt, match="out is saved"):
        outputs.keep(tmp_path / "out", save)
    assert (tmp_path / "out").read_bytes() == b"whole"
    with pytest.raises(KeyboardInterrupt):
        press_ctrl_c()


def test_an_error_outweighs_an_interrupt_that_waited():
    with pytest.raises(OSError, match="full"), outputs.uninterrupted():
        press_ctrl_c()
        raise OSError("full")


@pytest.mark.parametrize("name", outputs.SIGNALS)
def test_what_a_program_does_at_a_signal_waits_and_is_left_to_it(name):
    number, came = getattr(signal, name), []
    before = signal.signal(number, lambda number, _: came.append(number))
    try:
        with outputs.uninterrupted(), outputs.uninterrupted():
            signal.raise_signal(number)
            signal.raise_signal(number)
            assert came == []
        assert came == [number]
        signal.raise_signal(number)
        assert came == [number, number]
    finally:
        signal.signal(number, before)


def test_an_ignored_signal_stays_ignored():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with outputs.uninterrupted():
            press_ctrl_c()
        assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_thread_of_its_own_needs_no_signals():
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(lambda: outputs.uninterrupted().__enter__()).result() is None

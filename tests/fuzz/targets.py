"""What a reader does with any bytes: the right data or a ValueError that says why not, and nothing else.

    pip install atheris                             in an environment of its own
    python -m tests.fuzz dgm CORPUS tests/fuzz/seeds/dgm -max_total_time=600 -timeout=60 -max_len=16384

`make test` changes the same seeds some hundred times, without atheris: see test_fuzz.py. A file that is
changed anywhere fails its checksum at once, so each target also seals the bytes anew, to reach what lies
behind it.
"""

import functools
import hashlib
import json
import math
import re
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load as unpacked
from safetensors.torch import save as packed

from dgm_lite import catalog, weights
from dgm_lite.cli import inputs
from dgm_lite.codecs import container
from dgm_lite.comparison import results
from dgm_lite.datasets.dataset import Dataset
from dgm_lite.latent.mixture import GaussianMixture
from dgm_lite.training import checkpoint as checkpoints
from dgm_lite.training.config import TrainConfig
from dgm_lite.training.fit import Run

SEEDS = Path(__file__).resolve().parent / "seeds"
MEMORY = 64 * 2**20  # bytes that a file of some KB may take beside what is in use
SECONDS = 10  # of one core
CODED = (
    "causal-arm",
    "integer-flow",
    "vae",
    "transform-coder",
)  # one for each codec, in the order of the format


@dataclass(frozen=True)
class Target:
    """A reader, and files to try it with.

    Args:
        read: Reads a file of these bytes. A ValueError refuses it; an AssertionError says that what was
            accepted is not what stands in the file.
        sealed: The same bytes as files whose checksums are right.
    """

    read: Callable[[bytes], None]
    sealed: Callable[[bytes], Iterator[bytes]] = lambda raw: iter(())

    def __call__(self, raw: bytes) -> None:
        with modestly():
            files = [raw, *self.sealed(raw)]
        for file in files:
            with modestly(), suppress(ValueError):
                self.read(file)


@contextmanager
def modestly() -> Iterator[None]:
    """An error where more memory or time was taken than any small file can ask for.

    The memory is that of the whole process, torch's too, where the system lets its peak be reset (Linux).
    """
    before, began = _peak(reset=True), time.process_time()
    yield
    took, more = time.process_time() - began, _peak() - before
    assert took < SECONDS, f"expected less than {SECONDS} s for a small file, got {took:.1f} s"
    assert more < MEMORY, f"expected less than {MEMORY:,} bytes for a small file, got {more:,}"


def _peak(*, reset: bool = False) -> int:
    with suppress(OSError):
        if reset:
            Path("/proc/self/clear_refs").write_text("5")
        return 1024 * int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1])
    return 0


@functools.cache
def model(name: str) -> torch.nn.Module:
    torch.manual_seed(0)
    entry = catalog.model(name)
    return entry.build(**entry.small).eval()


def plane() -> GaussianMixture:
    torch.manual_seed(0)
    return GaussianMixture(2, 2)


def data() -> Dataset:
    x = torch.randn(12, 2, generator=torch.Generator().manual_seed(0))
    return Dataset("plane", x[:6], x[6:9], x[9:])


# --- compressed files -----------------------------------------------------------------------


def read_dgm(raw: bytes) -> None:
    """What comes out is what the header promises, in the model's range, and what a new file gives back."""
    coded = _coded(raw)
    out, header = container.decompress(coded, raw), container.read_header(raw)
    assert (out.dtype, out.shape) == (header.dtype, header.shape)
    assert out.min() >= 0 and out.max() < coded.levels
    again = container.decompress(coded, container.compress(coded, out))
    assert header.codec == "lossy" or np.array_equal(again, out)


def _coded(raw: bytes) -> torch.nn.Module:
    return model(CODED[raw[4] % len(CODED) if len(raw) > 4 else 0])


def seal_dgm(raw: bytes) -> Iterator[bytes]:
    """With the right digest, then also of the right model, then also with the digest of what comes out."""
    body, coded = raw[: -container.DIGEST], _coded(raw)
    own, at = container.fingerprint(coded), 7 + 4 * (body[6] if len(body) > 6 else 0)
    fitting = _digested(body[:at] + own + body[at + len(own) :])
    yield _digested(body)
    yield fitting
    with suppress(ValueError):
        header = container.read_header(fitting)
        rows = header.shape[0] if math.prod(header.shape[1:]) == coded.dim else 1  # others are refused before
        x = container.codec_of(coded).decode(coded, header.payload, rows)
        numbers = hashlib.blake2b(x.numpy().astype(header.dtype).tobytes(), digest_size=container.DIGEST)
        yield _digested(fitting[: -2 * container.DIGEST] + numbers.digest())


def _digested(body: bytes) -> bytes:
    return body + hashlib.blake2b(body, digest_size=container.DIGEST).digest()


# --- weights and checkpoints: whole files, or the JSON in them ---------------------------------


def read_weights(raw: bytes) -> None:
    """The model has the tensors that safetensors itself reads."""
    with _file("w.safetensors", raw) as file:
        loaded, _ = catalog.load(file)
    _same(loaded.state_dict(), unpacked(raw))


def read_checkpoint(raw: bytes, steps: bytes | None = None) -> None:
    """The run goes on with the tensors and the steps in its files."""
    steps = (SEEDS / "steps" / "good.steps").read_bytes() if steps is None else steps
    with _file("run.ckpt", raw) as file:
        file.with_name("run.ckpt.steps").write_bytes(steps)
        run = Run(plane(), data(), TrainConfig(epochs=2), file, None)
        checkpoints.resume(run)
    there = unpacked(raw)
    _same(run.model.state_dict(), {k[6:]: v for k, v in there.items() if k.startswith("model/")})
    _same(run.best or {}, {k[5:]: v for k, v in there.items() if k.startswith("best/")})
    rows = [[s.epoch, np.nan if s.valid is None else s.valid, *s.losses.values()] for s in run.steps]
    there = np.frombuffer(steps, dtype="<f8", count=3 * len(rows)).reshape(-1, 3)
    assert np.array_equal(np.array(rows).reshape(-1, 3), there, equal_nan=True)


def read_steps(raw: bytes) -> None:
    """The steps beside a checkpoint that speaks of them."""
    good = (SEEDS / "checkpoint" / "good.ckpt").read_bytes()
    tensors, about = unpacked(good), json.loads(_metadata(good)["about"])
    n = len(raw) // 24
    about["steps"] = {"n": n, "sha256": hashlib.sha256(raw[: 24 * n]).hexdigest()}
    read_checkpoint(_described(tensors, "checkpoint", json.dumps(about)), raw)


def _same(own: dict, there: dict) -> None:
    assert own.keys() == there.keys()
    assert all(torch.equal(own[name].nan_to_num(), there[name].nan_to_num()) for name in own)


@contextmanager
def _file(name: str, raw: bytes) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / name).write_bytes(raw)
        yield Path(folder) / name


def seal(kind: str, good: str) -> Callable[[bytes], Iterator[bytes]]:
    """Files with the checksum of their content; of bytes that begin with {, the good file that says this."""

    def sealed(raw: bytes) -> Iterator[bytes]:
        with suppress(Exception):  # whatever it is: then the reader has to refuse the file as it is
            if raw[:1] == b"{":
                yield _described(unpacked((SEEDS / good).read_bytes()), kind, raw.decode())
            else:
                yield _described(unpacked(raw), kind, _metadata(raw)["about"])

    return sealed


def _metadata(raw: bytes) -> dict:
    return json.loads(raw[8 : 8 + int.from_bytes(raw[:8], "little")])["__metadata__"]


def _described(tensors: dict, kind: str, about: str) -> bytes:
    metadata = {"format": weights.FORMAT, "kind": kind, "about": about}
    metadata["sha256"] = weights._digest(tensors, metadata)
    return packed(tensors, metadata=metadata)


# --- arrays and results ---------------------------------------------------------------------


def read_npy(raw: bytes) -> None:
    """An array as numpy itself reads it; if there is a code for it, the code gives it back."""
    coded = model(CODED[0])
    with _file("own.npy", raw) as file:
        array = inputs.integers(str(file), "test")
        whole = np.load(file, allow_pickle=False)
        assert (array.dtype, array.shape) == (whole.dtype, whole.shape)
        assert array.tobytes() == whole.tobytes()
        assert np.array_equal(container.decompress(coded, container.compress(coded, array)), whole)


def read_results(raw: bytes) -> None:
    """The runs and rows in the file, which can be printed."""
    with _file("comparison.json", raw) as file:
        runs, rows = results.read(file)
    whole = json.loads(raw)
    assert json.dumps([runs, rows]) == json.dumps([whole["runs"], whole["rows"]])
    assert results.printed(rows) or not rows


TARGETS = {
    "dgm": Target(read_dgm, seal_dgm),
    "weights": Target(read_weights, seal("weights", "weights/good.safetensors")),
    "checkpoint": Target(read_checkpoint, seal("checkpoint", "checkpoint/good.ckpt")),
    "steps": Target(read_steps),
    "npy": Target(read_npy),
    "results": Target(read_results),
}


def seeds(target: str) -> dict[str, bytes]:
    """Its files by name: those named good have to be read, all others refused."""
    return {file.name: file.read_bytes() for file in sorted((SEEDS / target).iterdir())}

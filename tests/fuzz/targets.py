"""What a reader does with any bytes: the right data or a ValueError that says why not, and nothing else.

    pip install atheris                             in an environment of its own
    python -m tests.fuzz dgm tests/fuzz/seeds/dgm -max_total_time=600

`make test` mutates the same seeds for some seconds, without atheris: see test_fuzz.py. A file that is changed
anywhere fails its checksum at once, so each target also seals the bytes anew, to reach what lies behind it.
"""

import hashlib
import json
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import torch
from safetensors.torch import load as unpacked

from dgm_lite import weights
from dgm_lite.autoregressive.causal import CausalARM
from dgm_lite.codecs import container
from dgm_lite.datasets.dataset import Dataset
from dgm_lite.latent.mixture import GaussianMixture
from dgm_lite.training.config import TrainConfig
from dgm_lite.training.fit import fit

MOST = 4096  # rows: more than this is a promise of the file, and takes its time


def model() -> CausalARM:
    torch.manual_seed(0)
    return CausalARM(4, 3, channels=4, dilations=(1,), dropout=0.0).eval()


def plane() -> GaussianMixture:
    torch.manual_seed(0)
    return GaussianMixture(2, 2)


def data() -> Dataset:
    x = torch.randn(12, 2, generator=torch.Generator().manual_seed(0))
    return Dataset("plane", x[:6], x[6:9], x[9:])


def dgm(raw: bytes) -> None:
    """A compressed file, as it is and with right digests."""
    body = raw[: -container.DIGEST]
    own = container.fingerprint(model())
    ndim = body[6] if len(body) > 6 else 0
    at = 7 + 4 * ndim
    fitting = body[:at] + own + body[at + len(own) :]
    for each in (raw, _sealed(body), _sealed(fitting)):
        with suppress(ValueError):
            rows = container.read_header(each).shape[:1]
            if not rows or rows[0] <= MOST:
                container.decompress(model(), each)


def _sealed(body: bytes) -> bytes:
    return body + hashlib.blake2b(body, digest_size=container.DIGEST).digest()


def weights_file(raw: bytes) -> None:
    """A weights file, as it is and with a right checksum."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "w.safetensors"
        for each in (raw, _summed(raw)):
            file.write_bytes(each)
            with suppress(ValueError):
                weights.load(plane(), file)


def checkpoint(raw: bytes) -> None:
    """A checkpoint, as it is and with a right checksum; its steps are those of the seed."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "run.ckpt"
        for each in (raw, _summed(raw)):
            file.write_bytes(each)
            file.with_name("run.ckpt.steps").write_bytes((SEEDS / "run.ckpt.steps").read_bytes())
            with suppress(ValueError):
                fit(plane(), data(), TrainConfig(epochs=2), checkpoint=file)


def _summed(raw: bytes) -> bytes:
    """The file with the checksum that its content has, if it can be read so far."""
    end = 8 + int.from_bytes(raw[:8], "little")
    try:
        header = json.loads(raw[8:end])
        metadata = header["__metadata__"]
        tensors = unpacked(raw)
        metadata["sha256"] = weights._digest(tensors, metadata)
        text = json.dumps(header).encode()
    except Exception:  # whatever it is: then the reader has to refuse the file as it is
        return raw
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + raw[end:]


SEEDS = Path(__file__).resolve().parent / "seeds"
TARGETS: dict[str, Callable[[bytes], None]] = {"dgm": dgm, "weights": weights_file, "checkpoint": checkpoint}


def make_seeds() -> None:
    """Write the seeds: one good small file for each target."""
    for name in TARGETS:
        (SEEDS / name).mkdir(parents=True, exist_ok=True)
    x = torch.randint(3, (5, 4), generator=torch.Generator().manual_seed(1)).numpy()
    (SEEDS / "dgm" / "good.dgm").write_bytes(container.compress(model(), x.astype("uint8")))
    weights.save(plane(), SEEDS / "weights" / "good.safetensors")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "run.ckpt"
        fit(plane(), data(), TrainConfig(epochs=2), checkpoint=file)
        (SEEDS / "checkpoint" / "good.ckpt").write_bytes(file.read_bytes())
        (SEEDS / "run.ckpt.steps").write_bytes(file.with_name("run.ckpt.steps").read_bytes())

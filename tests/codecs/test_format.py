"""Files that were written stay readable: every byte of the formats is fixed by examples kept in format.json.

A change of the format makes these fail, and is one for people who hold files: raise the version in the magic
bytes, say so in the changelog, and write the examples anew with ``python -m tests.codecs.test_format``.
"""

import hashlib
import json
import struct
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from dgm_lite import catalog
from dgm_lite.codecs import bits_back, container

EXAMPLES = Path(__file__).with_name("format.json")
CODED = [entry for entry in catalog.MODELS if entry.codec]


def model_of(entry) -> nn.Module:
    """The entry's small instance with weights that no generator of random numbers has a say in."""
    model = entry.build(**entry.small)
    with torch.no_grad():
        for k, parameter in enumerate(model.parameters()):
            waves = torch.sin(1.7 * torch.arange(parameter.numel(), dtype=torch.float64) + k)
            parameter.copy_(0.4 * waves.view_as(parameter))
    return model.eval()


def rows(model: nn.Module, n: int) -> Tensor:
    """n rows in which all levels occur."""
    return (torch.arange(n * model.dim).view(n, model.dim) * 7 // 3) % model.levels


def written() -> dict[str, dict[str, str]]:
    """For each model the code of 5 rows, and the checksum of that of 515: more than go side by side."""
    found = {}
    for entry in CODED:
        model, codec = model_of(entry), import_module(f"dgm_lite.codecs.{entry.codec}")
        many = codec.encode(model, rows(model, 515))
        found[entry.name] = {
            "5 rows": codec.encode(model, rows(model, 5)).hex(),
            "515 rows": hashlib.blake2b(many, digest_size=8).hexdigest(),
        }
    return found


@pytest.fixture(scope="module")
def kept() -> dict[str, dict[str, str]]:
    return json.loads(EXAMPLES.read_text())


def test_codes_are_byte_for_byte_those_of_the_examples(kept):
    assert written() == kept


@pytest.mark.parametrize("entry", CODED, ids=lambda entry: entry.name)
def test_old_codes_are_decoded(entry, kept):
    model, codec = model_of(entry), import_module(f"dgm_lite.codecs.{entry.codec}")
    back = codec.decode(model, bytes.fromhex(kept[entry.name]["5 rows"]), 5)
    expected = rows(model, 5)
    if entry.codec == "lossy":
        expected = codec.reconstruct(model, expected)
    assert torch.equal(back, expected)


@pytest.mark.parametrize("entry", CODED, ids=lambda entry: entry.name)
def test_the_frame_is_where_it_always_was(entry):
    """Magic bytes, codec, number type, shape, model, length, code, digest of the numbers, digest of all."""
    model = model_of(entry)
    x = rows(model, 5).numpy().astype("<i2")
    file = container.compress(model, x)
    codec = ["autoregressive", "integer_flow", "bits_back", "lossy"].index(entry.codec)
    number = ["|u1", "|i1", "<u2", "<i2", "<u4", "<i4", "<u8", "<i8"].index("<i2")
    assert file[:4] == b"DGM1" and file[4:7] == bytes([codec, number, 2])
    assert struct.unpack("<II", file[7:15]) == (5, model.dim)
    assert file[15:23] == container.fingerprint(model)
    (length,) = struct.unpack("<I", file[23:27])
    payload, digests = file[27 : 27 + length], file[27 + length :]
    assert payload == import_module(f"dgm_lite.codecs.{entry.codec}").encode(model, rows(model, 5))
    out = container.decompress(model, file)
    assert digests[:8] == hashlib.blake2b(out.astype("<i2").tobytes(), digest_size=8).digest()
    assert digests[8:] == hashlib.blake2b(file[:-8], digest_size=8).digest()
    header = container.read_header(file)
    assert (header.codec, header.overhead) == (entry.codec, len(file) - length)
    assert out.dtype == np.int16


def test_what_starts_the_stack_of_bits_back_is_fixed():
    start = np.random.Generator(np.random.PCG64(0)).integers(1, 2**32, size=7, dtype=np.uint32)
    assert bits_back._start(3).tolist() == start.tolist()
    assert (bits_back.CELLS, bits_back.REACH) == (32, 256)


if __name__ == "__main__":
    EXAMPLES.write_text(json.dumps(written(), indent=1) + "\n")

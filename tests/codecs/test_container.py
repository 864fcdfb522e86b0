"""The file around a code: it gives the very numbers that went in, or says why not."""

import hashlib
import struct

import numpy as np
import pytest
import torch

from dgm_lite import catalog, laws
from dgm_lite.autoregressive.causal import CausalARM
from dgm_lite.codecs import container
from dgm_lite.codecs.coder import DamagedError
from dgm_lite.codecs.container import DIGEST, MAGIC, compress, decompress, fingerprint, read_header
from dgm_lite.latent.transform_coder import TransformCoder
from tests.codecs.conftest import build, first


@pytest.fixture(scope="module")
def model():
    return build(first("autoregressive"), 6, 5)


@pytest.fixture(scope="module")
def data(model) -> bytes:
    return compress(model, integers())


def integers(shape=(9, 6), levels: int = 5, dtype="uint8", seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(levels, size=shape).astype(dtype)


def sealed(body: bytes) -> bytes:
    """The body with a right digest: a file that only its content can betray."""
    return body + hashlib.blake2b(body, digest_size=DIGEST).digest()


@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64"])
@pytest.mark.parametrize("shape", [(1, 6), (9, 6), (4, 2, 3), (3, 1, 6, 1)])
def test_shape_type_and_numbers_come_back(model, shape, dtype):
    array = integers(shape, dtype=dtype)
    back = decompress(model, compress(model, array))
    assert back.dtype == array.dtype and back.shape == shape and (back == array).all()
    back[0] = 0  # it is the caller's own


def test_other_byte_orders_and_tensors_are_the_same_numbers(model):
    array = integers(dtype="int32")
    big = decompress(model, compress(model, array.astype(">i4")))
    assert (big == array).all() and big.dtype == np.dtype("<i4")
    assert (decompress(model, compress(model, torch.from_numpy(array))) == array).all()


def test_every_lossless_codec_in_its_frame(name):
    model = build(name)
    array = integers((20, model.dim), model.levels)
    data = compress(model, array)
    header = read_header(data)
    assert header.shape == array.shape and header.fingerprint == fingerprint(model)
    assert header.overhead <= 50 and len(data) == header.overhead + len(header.payload)
    assert (decompress(model, data) == array).all()


def test_the_codec_follows_from_what_the_model_can_do():
    """Every entry says which codec it has, and it is the one that the container finds."""
    for entry in catalog.MODELS:
        model = entry.build(**entry.small)
        if entry.codec:
            assert container.codec_of(model).__name__ == f"dgm_lite.codecs.{entry.codec}", entry.name
        else:
            laws.refuses(lambda: container.codec_of(model), "compress")  # noqa: B023
    assert {entry.codec for entry in catalog.MODELS} == {"", *(c.__name__[16:] for c in container.CODECS)}


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (integers().astype(float), "float64"),
        (integers((9, 5)), "(9, 5)"),
        (integers((0, 6)), "(0, 6)"),
        (integers(6), "(6,)"),
        (integers(levels=6), "from 0 to 5"),
        (integers(dtype="int8") - 1, "from -1 to"),
        (integers() > 1, "bool"),
        (np.array(3), "()"),
    ],
)
def test_arrays_that_the_model_does_not_take_are_refused(model, array, words):
    laws.refuses(lambda: compress(model, array), "compress", words)


# --- damage ---------------------------------------------------------------------------------


def damaged(data: bytes, others: list[bytes], rng: np.random.Generator) -> tuple[str, bytes]:
    """One way, of many, in which a file is no longer what it was."""
    kind = rng.choice(["bit", "bytes", "cut", "longer", "hole", "swap", "foreign", "noise", "mixed"])
    at, n = int(rng.integers(len(data))), int(rng.integers(1, 9))
    if kind == "bit":
        return kind, data[:at] + bytes([data[at] ^ (1 << int(rng.integers(8)))]) + data[at + 1 :]
    if kind == "bytes":
        return kind, data[:at] + rng.bytes(n) + data[at + n :]
    if kind == "cut":
        return kind, data[:at]
    if kind == "longer":
        return kind, data + rng.bytes(n)
    if kind == "hole":
        return kind, data[:at] + data[at + n :]
    if kind == "swap":
        return kind, data[:at] + data[at:][::-1]
    if kind == "foreign":
        return kind, rng.choice([b"\x89PNG\r\n\x1a\n", b"PK\x03\x04", b"\x93NUMPY", b"{}"]) + data[at:]
    if kind == "noise":
        return kind, MAGIC + rng.bytes(len(data))
    other = others[int(rng.integers(len(others)))]
    return kind, data[:at] + other[at:]


def test_ten_thousand_damaged_files_are_refused_and_none_is_decoded():
    """Bits flipped, bytes lost, ends cut, files mixed, foreign and wrong models: each refused in words."""
    rng = np.random.default_rng(0)
    names = [first(codec) for codec in ("autoregressive", "integer_flow", "bits_back", "lossy")]
    models = {name: build(name, 6, 5) for name in names}
    wrong = {name: build(name, 6, 5, seed=1) for name in names}
    files = {name: compress(m, integers(seed=7)) for name, m in models.items()}
    seen: dict[str, int] = {}
    for k in range(10_000):
        name = names[k % 4]
        model, data = models[name], files[name]
        if k % 10 == 0:
            kind, reader, broken = "wrong model", wrong[name], data
        elif k % 10 == 1:
            kind, reader, broken = "another kind's file", models[names[(k + 1) % 4]], data
        else:
            kind, broken = damaged(data, list(files.values()), rng)
            reader = model
            if broken == data or broken in files.values():
                continue
        with pytest.raises(ValueError, match="expected .* got|damaged") as refused:
            decompress(reader, broken)
        assert len(str(refused.value)) > 40
        seen[kind] = seen.get(kind, 0) + 1
    assert sum(seen.values()) > 9_500 and len(seen) == 11 and min(seen.values()) > 300, seen


def test_wrong_content_behind_a_right_digest_is_refused_after_decoding(model, data):
    """Even where a file was sealed again after the damage, no wrong number leaves the decoder."""
    rng, n = np.random.default_rng(1), 0
    begin = 7 + 4 * 2 + DIGEST + 4
    for _ in range(200):
        body = bytearray(data[:-DIGEST])
        body[int(rng.integers(begin, len(body)))] ^= 1 << int(rng.integers(8))
        with pytest.raises(DamagedError, match="expected"):
            decompress(model, sealed(bytes(body)))
        n += 1
    assert n == 200


def test_a_decoder_that_computes_otherwise_says_so(model, data, monkeypatch):
    """Another machine's arithmetic: the fingerprint is right, the probabilities are not."""
    steps = type(model.stepwise(1))
    honest = steps.next_logits
    monkeypatch.setattr(steps, "next_logits", lambda self, x: honest(self, x) * (1 + 1e-2))
    with pytest.raises(DamagedError, match="rounds the model's probabilities differently"):
        decompress(model, data)


@pytest.mark.parametrize("data", [b"", b"D", b"DGM1", b"DGM1" + b"\0" * 40, b"GIF89a" + b"\0" * 99])
def test_files_that_are_none(model, data):
    with pytest.raises(DamagedError, match="expected"):
        decompress(model, data)


def test_files_of_a_newer_version(model, data):
    for place, value in ((4, 200), (5, 99)):
        body = bytearray(data[:-DIGEST])
        body[place] = value
        with pytest.raises(DamagedError, match="newer version"):
            decompress(model, sealed(bytes(body)))


def test_a_file_cut_short_behind_a_right_digest_says_where(model, data):
    header = 7 + 4 * 2 + DIGEST + 4 + DIGEST
    for length in range(4, len(data) - DIGEST):
        with pytest.raises(DamagedError, match="a header" if length < header else "bytes of code"):
            decompress(model, sealed(data[:length]))


def test_lengths_that_contradict_each_other(model, data):
    body = bytearray(data[:-DIGEST])
    struct.pack_into("<I", body, 7 + 4 * 2 + DIGEST, 3)
    with pytest.raises(DamagedError, match="3 bytes of code"):
        decompress(model, sealed(bytes(body)))


@pytest.mark.parametrize("codec", [entry.codec for entry in catalog.MODELS if entry.codec])
def test_another_codec_than_the_models_is_refused(codec):
    """Whichever of the others a forged file names."""
    model = build(first(codec))
    file = compress(model, np.zeros((2, model.dim), dtype="uint8"))
    for number, other in enumerate(container.CODECS):
        name = other.__name__.rpartition(".")[2]
        if name != codec:
            forged = sealed(file[:4] + bytes([number]) + file[5:-DIGEST])
            with pytest.raises(DamagedError, match=f"expected the codec {codec}, got {name}"):
                decompress(model, forged)


def test_fingerprints_tell_models_apart():
    name = first("autoregressive")
    same, again = build(name, 6, 5), build(name, 6, 5)
    assert fingerprint(same) == fingerprint(again) and len(fingerprint(same)) == 8
    with torch.no_grad():
        again.head.bias[0] += 1e-6
    assert fingerprint(same) != fingerprint(again)
    assert fingerprint(same) != fingerprint(same.double())
    assert fingerprint(build(name, 6, 5)) == fingerprint(build(name, 6, 5).eval())


def test_settings_without_tensors_tell_models_apart():
    """With logistics the same weights serve any number of levels, and give other probabilities."""
    sizes = {"channels": 4, "dilations": (1,), "n_logistics": 2}
    model, other, again = CausalARM(6, 17, **sizes), CausalARM(6, 33, **sizes), CausalARM(6, 17, **sizes)
    other.load_state_dict(model.state_dict())
    data = compress(model, integers(levels=17))
    laws.refuses(lambda: decompress(other, data), "another class or arguments")
    laws.refuses(lambda: decompress(again, data), "other weights")


@pytest.mark.parametrize("value", [-1, 5, 128])
def test_numbers_that_are_none_of_the_models_are_refused(model, monkeypatch, value):
    """The codecs of flows and transform coders can name any integer, also one that no file may hold."""
    with monkeypatch.context() as patched:
        patched.setattr(container, "_rows", lambda array, model: torch.from_numpy(array.astype("int64")))
        patched.setattr(container.autoregressive, "encode", lambda model, x: b"")
        data = compress(model, np.full((9, 6), value, dtype="int16"))
    monkeypatch.setattr(container.autoregressive, "decode", lambda *_: torch.full((9, 6), value))
    with pytest.raises(DamagedError, match="as expected"):
        decompress(model, data)


@pytest.mark.parametrize("dtype, levels", [("uint8", 256), ("int8", 128)])
def test_the_largest_number_of_a_type_comes_back(dtype, levels):
    model = build(first("autoregressive"), levels=levels)
    array = np.full((2, model.dim), levels - 1, dtype=dtype)
    assert np.array_equal(decompress(model, compress(model, array)), array)


def test_numbers_that_the_arrays_type_cannot_hold_are_refused(monkeypatch):
    model = build(first("lossy"), 6, 200)
    monkeypatch.setattr(container.lossy, "reconstruct", lambda model, x: torch.full(x.shape, 199))
    compress(model, integers(dtype="uint8"))
    with pytest.raises(ValueError, match="number type that holds 0..199, got int8"):
        compress(model, integers(dtype="int8"))


@pytest.mark.parametrize("dtype", container.DTYPES, ids=str)
def test_what_comes_back_lossy_is_what_was_reconstructed_or_the_type_is_refused(dtype):
    """Rounding may end above what went in, and above what its type holds: nothing wraps around."""
    x = np.random.default_rng(0).choice([87, 127], size=(40, 8)).astype(dtype)
    highest = []
    for levels, std in ((256, 20.0), (1000, 20.0)):
        model = TransformCoder(dim=8, latent_dim=2, levels=levels, std=std)
        model = model.start_from_data(torch.from_numpy(x.astype("f4"))).eval()
        right = container.lossy.reconstruct(model, torch.from_numpy(x.astype("i8")))
        highest.append(int(right.max()))
        if highest[-1] <= np.iinfo(dtype).max:
            assert (decompress(model, compress(model, x)) == right.numpy()).all()
        else:
            with pytest.raises(ValueError, match=f"type that holds 0..{levels - 1}, got {dtype}.*int64"):
                compress(model, x)
    assert max(highest) > 127, "the case that this is about"


def test_what_is_no_integer_is_called_by_its_kind(model):
    """Advice that would make zeros of grey levels between 0 and 1 is none."""
    for wrong, word, advice in (
        (np.full((2, 6), 0.4), "float64", "x.round()"), (np.full((2, 6), True), "bool", "uint8"),
        (np.full((2, 6), None), "objects", ""), (np.full((2, 6), "1"), "text", ""),
        (np.zeros((2, 6), [("a", "u1")]), "records", ""), (np.zeros((2, 6), "M8[s]"), "dates", ""),
        (np.full((2, 6), 1j), "complex128", ""),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=f"expected integers 0..4, got {word}") as told:
            compress(model, wrong)
        assert advice in str(told.value) and (advice or str(told.value).endswith(f"got {word}."))


def test_more_dimensions_than_an_array_can_have_are_refused(model, data):
    shape = (9, 6) + (1,) * 63
    body = data[:6] + bytes([len(shape)]) + struct.pack("<65I", *shape) + data[15:-DIGEST]
    with pytest.raises(DamagedError, match="rows of 6 numbers"):
        decompress(model, body + hashlib.blake2b(body, digest_size=DIGEST).digest())


def test_a_short_file_cannot_promise_a_large_array(monkeypatch):
    """Rows that all have one code cost no bits, however many they are."""
    model = build(first("lossy"), 6, 5)
    monkeypatch.setattr(container.lossy, "_rounded", lambda model, x: torch.zeros(len(x), 1).long())
    x = np.zeros((4000, 6), dtype="uint8")
    data = compress(model, x)
    header = read_header(data)
    assert len(header.payload) < 10 and header.overhead == 43 + 4000 * 6 // 1024 - len(header.payload)
    assert decompress(model, data).shape == x.shape
    for rows in (4171, 2**32 - 1):
        body = data[:7] + struct.pack("<I", rows) + data[11:-DIGEST]
        with pytest.raises(DamagedError, match=f"zeros for an array of \\({rows}, 6\\)"):
            decompress(model, body + hashlib.blake2b(body, digest_size=DIGEST).digest())

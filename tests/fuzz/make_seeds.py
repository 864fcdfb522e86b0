"""Writes the seeds: python -m tests.fuzz.make_seeds. Files that a fuzzer found are kept beside them."""

import json
import tempfile
from pathlib import Path

import numpy as np
import torch

from dgm_lite import catalog
from dgm_lite.codecs import container
from dgm_lite.comparison import results
from dgm_lite.training.config import TrainConfig
from dgm_lite.training.fit import fit
from tests.fuzz.targets import CODED, SEEDS, _digested, _metadata, data, model, plane

HUGE = 10**9
ROW = {
    "part": "digits",
    "model": "arm",
    "seed": 0,
    "quantity": "test",
    "value": 1.5,
    "unit": "nats",
    "run": 0,
}


def numbers(name: str) -> np.ndarray:
    coded = model(name)
    return (
        torch.randint(3, (5, coded.dim), generator=torch.Generator().manual_seed(1)).numpy().astype("uint8")
    )


def compressed() -> dict[str, bytes]:
    """One of each codec, and the same with rows that nobody could put into so few bytes."""
    found = {}
    for name in CODED:
        good = container.compress(model(name), numbers(name))
        found[f"good-{name}.dgm"] = good
        body = good[:7] + (2**32 - 1).to_bytes(4, "little") + good[11 : -container.DIGEST]
        found[f"rows-{name}.dgm"] = _digested(body)
    return found


def weight_files(file: Path) -> dict[str, bytes]:
    catalog.save(model("ppca"), file, "ppca", {"dim": 2, "latent_dim": 1}, data="orange-blue")
    good = file.read_bytes()
    about = json.loads(_metadata(good)["about"])
    header = {"w": {"dtype": "F32", "shape": [HUGE, HUGE], "data_offsets": [0, 4 * HUGE**2]}}
    nested = json.dumps({**about, "settings": {"dim": 0}}).replace(": 0}", f": {'[' * 900}{']' * 900}}}")
    return {
        "good.safetensors": good,
        "good.json": json.dumps(about).encode(),
        "huge.json": json.dumps({**about, "arguments": {"dim": HUGE, "latent_dim": 9}}).encode(),
        "layers.json": json.dumps({**about, "name": "gan", "arguments": {"n_layers": HUGE}}).encode(),
        "nested.json": nested.encode(),
        "huge.safetensors": _framed(json.dumps(header).encode()),
        "head.safetensors": (2**62).to_bytes(8, "little") + b"{}",
    }


def _framed(header: bytes) -> bytes:
    return len(header).to_bytes(8, "little") + header


def checkpoint_files(file: Path) -> tuple[dict[str, bytes], dict[str, bytes]]:
    fit(plane(), data(), TrainConfig(epochs=2), checkpoint=file)
    good, steps = file.read_bytes(), file.with_name("run.ckpt.steps").read_bytes()
    about = json.loads(_metadata(good)["about"])
    many = {**about, "steps": {**about["steps"], "n": HUGE**2}}
    found = {
        "good.ckpt": good,
        "good.json": json.dumps(about).encode(),
        "many.json": json.dumps(many).encode(),
    }
    half = np.array([[0.5, np.nan, 1.0]]).tobytes()
    return found, {"good.steps": steps, "half.steps": half}


def arrays(file: Path) -> dict[str, bytes]:
    found = {}
    for name, array in {
        "good.npy": numbers(CODED[0]),
        "good-fortran.npy": np.asfortranarray(numbers(CODED[0]).astype(">i4")),
        "good-event.npy": numbers(CODED[0]).astype("<u8").reshape(-1, 2, 2),
        "floats.npy": np.zeros((2, 4)),
    }.items():
        np.save(file, array)
        found[name] = file.read_bytes()
    for name, shape in {"huge.npy": f"({10**12}, 4)", "many.npy": f"({10**12},)"}.items():
        text = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
        found[name] = b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode()
    found["nothing.npy"] = found["many.npy"].replace(b"|u1", b"|V0")
    return found


def result_files(file: Path) -> dict[str, bytes]:
    results.write(file, [{"epochs": 1}], [ROW, {**ROW, "seed": 1}])
    good = file.read_bytes()
    return {
        "good.json": good,
        "nested.json": b'{"rows": ' + b"[" * 3000,
        "words.json": b'{"runs": ["epochs"], "rows": []}',
        "list.json": good.replace(b'"digits"', b"[1]"),
        "huge.json": good.replace(b"1.5", b"1" + b"0" * 400),
    }


def main() -> None:
    """Write them all."""
    with tempfile.TemporaryDirectory() as folder:
        parts = {"dgm": compressed(), "weights": weight_files(Path(folder) / "w.safetensors")}
        parts["checkpoint"], parts["steps"] = checkpoint_files(Path(folder) / "run.ckpt")
        parts |= {"npy": arrays(Path(folder) / "a.npy"), "results": result_files(Path(folder) / "r.json")}
    for target, files in parts.items():
        (SEEDS / target).mkdir(parents=True, exist_ok=True)
        for name, raw in files.items():
            (SEEDS / target / name).write_bytes(raw)


if __name__ == "__main__":
    main()

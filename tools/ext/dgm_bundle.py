"""Write the code of the live figures, one ES module, to _static/dgm/figures.mjs of the built site."""

import sys
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

ROOT = Path(__file__).resolve().parents[2]


def write_bundle(app: Sphinx, exception: Exception | None) -> None:
    """Bundle dgm_lite/live/*.mjs; figures without their code are an error, not a quiet page."""
    if exception or app.builder.format != "html" or not (ROOT / "dgm_lite" / "live" / "bundle.py").exists():
        return
    sys.path.insert(0, str(ROOT))
    try:
        from dgm_lite.live.bundle import esm

        code = esm()
    except Exception as error:
        raise ExtensionError(f"dgm_bundle: the live figures' code could not be bundled: {error}") from error
    finally:
        sys.path.remove(str(ROOT))
    target = Path(app.outdir) / "_static" / "dgm" / "figures.mjs"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(code, encoding="utf-8")


def setup(app: Sphinx) -> dict:
    app.connect("build-finished", write_bundle)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}

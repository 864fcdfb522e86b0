"""Write the live figures' code to _static/dgm of the built site: a shared module and one for each kind."""

import sys
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

try:
    from short_names import shorten  # as Sphinx loads it, from its own folder
except ImportError:
    from tools.ext.short_names import shorten

ROOT = Path(__file__).resolve().parents[2]


def write_bundle(app: Sphinx, exception: Exception | None) -> None:
    """Bundle dgm_lite/live/*.mjs; figures without their code are an error, not a quiet page."""
    if exception or app.builder.format != "html" or not (ROOT / "dgm_lite" / "live" / "bundle.py").exists():
        return
    sys.path.insert(0, str(ROOT))
    try:
        from dgm_lite.live.bundle import files

        code = files(shorten)
    except Exception as error:
        raise ExtensionError(f"dgm_bundle: the live figures' code could not be bundled: {error}") from error
    finally:
        sys.path.remove(str(ROOT))
    target = Path(app.outdir) / "_static" / "dgm"
    target.mkdir(parents=True, exist_ok=True)
    for name, text in code.items():
        (target / name).write_text(text, encoding="utf-8")


def setup(app: Sphinx) -> dict:
    app.connect("build-finished", write_bundle)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}

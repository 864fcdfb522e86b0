"""The live figures' code, once for the whole site: in _static/dgm, and no longer in each output."""

import html
import re
import sys
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

try:
    from minify import minify  # as Sphinx loads it, from its own folder
except ImportError:
    from tools.ext.minify import minify

ROOT = Path(__file__).resolve().parents[2]
CARRIED = re.compile(r'(</dgm-figure>)\s*<script type="module">.*?</script>', re.S)


def share(body: str, address: str) -> str:
    """The page with one script from this address in place of the code that its figures carry."""
    body, figures = CARRIED.subn(r"\1", body)
    return f'{body}<script defer src="{html.escape(address)}"></script>' if figures else body


def share_code(
    app: Sphinx, page: str, template: str, context: dict, doctree: nodes.document | None
) -> None:  # fmt: skip
    """No page holds a copy of the code."""
    if "body" in context:
        context["body"] = share(context["body"], context["pathto"]("_static/dgm/figures.js", 1))


def write_bundle(app: Sphinx, exception: Exception | None) -> None:
    """Bundle dgm_lite/live/*.mjs; figures without their code are an error, not a quiet page."""
    if exception or app.builder.format != "html" or not (ROOT / "dgm_lite" / "live" / "bundle.py").exists():
        return
    sys.path.insert(0, str(ROOT))
    try:
        from dgm_lite.live.bundle import files

        code = {name: minify(text) for name, text in files().items()}
    except Exception as error:
        raise ExtensionError(f"dgm_bundle: the live figures' code could not be bundled: {error}") from error
    finally:
        sys.path.remove(str(ROOT))
    target = Path(app.outdir) / "_static" / "dgm"
    target.mkdir(parents=True, exist_ok=True)
    for name, text in code.items():
        (target / name).write_text(text, encoding="utf-8")


def setup(app: Sphinx) -> dict:
    app.connect("html-page-context", share_code)
    app.connect("build-finished", write_bundle)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}

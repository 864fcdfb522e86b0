"""The HTML of live figures: a Jinja template for each kind, filled in by Python.

So the browser's code has none. figure.html is the frame that all share, with core.css; parts.html has the
parts that several use. What is filled in is escaped; a name that a template uses and nobody gave is an error.
"""

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from dgm_lite.extras import extra

with extra("live"):
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

HERE = Path(__file__).parent


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip


def render(kind: str, values: Mapping[str, Any]) -> str:
    """The style and body of one figure, for a shadow root.

    Args:
        kind: Name of the figure, such as "cross".
        values: What its template uses, by name.

    Raises:
        jinja2.UndefinedError: If the template uses a name that is missing.
    """
    text = _environment().get_template(f"{kind}.html").render(values)
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
    return re.sub(r"\s*\n\s*", "\n", text).strip()

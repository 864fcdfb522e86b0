"""Each page as Markdown beside it, and llms.txt, which lists them: for readers who let an assistant read.

A chapter's twin is its notebook: text as it was written, code, and what the code printed. Pictures are their
descriptions, live figures what their still pictures say. The site's address follows from the repository's.
"""

import json
import re
from pathlib import Path
from urllib.parse import urlsplit

import yaml
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.config import Config

SHORT = 180  # characters of a description


def site_address(repository: str) -> str:
    """Where GitHub publishes the pages of a repository."""
    owner, name = urlsplit(repository).path.strip("/").split("/")[:2]
    return f"https://{owner}.github.io/{name}/"


def set_address(app: Sphinx, config: Config) -> None:
    """For the site map and the social cards: both stand in `_config.yml` once."""
    known = yaml.safe_load((Path(app.srcdir) / "_config.yml").read_text(encoding="utf-8"))
    config.html_baseurl = config.ogp_site_url = site_address(known["repository"]["url"])
    config.project = config.ogp_site_name = known["title"]


def twin(path: Path) -> str:
    """A page's source as Markdown."""
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".ipynb":
        return text
    return "\n\n".join(filter(None, map(_cell, json.loads(text)["cells"]))) + "\n"


def _cell(cell: dict) -> str:
    source, about = "".join(cell["source"]), cell["metadata"]
    if cell["cell_type"] != "code":
        return source
    if "remove-cell" in about.get("tags", []) or not source.strip():
        return ""
    said = "\n".join(filter(None, (_output(o, about) for o in cell["outputs"])))
    return f"```python\n{source}\n```" + (f"\n\n```text\n{said.rstrip()}\n```" if said else "")


def _output(output: dict, about: dict) -> str:
    """What an output says in words."""
    data = output.get("data", {})
    if "image/png" in data and "<dgm-figure" not in "".join(data.get("text/html", "")):
        return f"[Picture: {about.get('mystnb', {}).get('image', {}).get('alt', '')}]"
    return "".join(output.get("text") or data.get("text/plain", "")).rstrip()


def description(doctree: nodes.document) -> str:
    """A page's first sentences, as far as they fit."""
    prose = (p.astext() for p in doctree.findall(nodes.paragraph))
    text = re.sub(r"\s+", " ", next((text for text in prose if len(text) > 60), ""))
    return text if len(text) <= SHORT else text[:SHORT].rsplit(" ", 1)[0] + " …"


def write_twins(app: Sphinx, error: Exception | None) -> None:
    """NAME.md beside each NAME.html, and llms.txt with a line for each."""
    if error or app.builder.name != "html":
        return
    base, lines = app.config.html_baseurl, [f"# {app.config.project}", ""]
    for page in _in_order(app):
        file = Path(app.outdir) / f"{page}.md"
        file.write_text(twin(Path(app.env.doc2path(page))), encoding="utf-8")
        title = app.env.titles[page].astext()
        lines.append(f"- [{title}]({base}{page}.md): {description(app.env.get_doctree(page))}")
    (Path(app.outdir) / "llms.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _in_order(app: Sphinx) -> list[str]:
    """Pages as the table of contents has them."""
    found, left = [], [app.config.root_doc]
    while left:
        page = left.pop(0)
        found.append(page)
        left = [*app.env.toctree_includes.get(page, []), *left]
    return found


def name_twin(app: Sphinx, page: str, template: str, context: dict, doctree: nodes.document | None) -> None:
    """Say in the page's head where its twin is."""
    if page in app.env.found_docs:
        name = page.rpartition("/")[2]
        link = f'<link rel="alternate" type="text/markdown" href="{name}.md">'
        context["metatags"] = context.get("metatags", "") + link


def setup(app: Sphinx) -> dict:
    app.connect("config-inited", set_address, priority=1)
    app.connect("html-page-context", name_twin)
    app.connect("build-finished", write_twins)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}

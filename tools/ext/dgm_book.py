"""Small repairs of the theme and of other extensions, so that every page is valid and accessible."""

import json
import re
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx


def keep_html_nodes_in_singlehtml(app: Sphinx) -> None:
    """Give the builder 'singlehtml' the nodes of the format 'html' as well as its own.

    sphinx-exercise registers its nodes for that builder by name; Sphinx then ignores what other extensions
    registered for the format, and the build dies on their nodes.
    """
    handlers = app.registry.translation_handlers
    if "singlehtml" in handlers:
        handlers["singlehtml"] = {**handlers.get("html", {}), **handlers["singlehtml"]}


def drop_deprecated_roles(
    app: Sphinx, page: str, template: str, context: dict, doctree: nodes.document | None
) -> None:
    """docutils marks each entry of a bibliography with a role that ARIA has withdrawn."""
    if "body" in context:
        context["body"] = context["body"].replace('role="doc-biblioentry"', 'role="listitem"')


FORMULA = re.compile(r'([(\[“‘]?)(<span class="math notranslate nohighlight">[^<]*</span>)([,.;:!?)\]”’]*)')


def keep_punctuation_with_formulas(
    app: Sphinx, page: str, template: str, context: dict, doctree: nodes.document | None
) -> None:
    """A formula is a box of its own, and without this a line may begin with the comma after it."""

    def together(found: re.Match) -> str:
        return f'<span class="dgm-together">{found[0]}</span>' if found[1] or found[3] else found[0]

    if "body" in context:
        context["body"] = FORMULA.sub(together, context["body"])


PICTURE = re.compile(r'(<figure [^>]*id="fig-[^"]+">\s*)(<img [^>]*src="([^"]+\.png)"[^>]*/>)')


def open_pictures_by_themselves(
    app: Sphinx, page: str, template: str, context: dict, doctree: nodes.document | None
) -> None:
    """A plot is a link to its file: on a telephone that is the way to read its small print."""
    if "body" in context:
        context["body"] = PICTURE.sub(r'\1<a class="dgm-full" href="\3">\2</a>', context["body"])


WORDS_A_MINUTE, MINUTES_A_FORMULA, MINUTES_A_PICTURE = 180, 0.4, 0.5


def say_how_long(app: Sphinx, doctree: nodes.document) -> None:
    """Below a chapter's title: the minutes to read it, and the seconds that its notebook took to run."""
    path = Path(app.env.doc2path(app.env.docname))
    if path.suffix != ".ipynb":
        return
    seconds = json.loads(path.read_text(encoding="utf-8"))["metadata"].get("dgm", {}).get("seconds")
    title = next(doctree.findall(nodes.title), None)
    if title is None or seconds is None:
        return
    prose = [p.astext() for p in doctree.findall(nodes.paragraph)]
    minutes = sum(len(text.split()) for text in prose) / WORDS_A_MINUTE
    minutes += MINUTES_A_FORMULA * sum(1 for _ in doctree.findall(nodes.math_block))
    minutes += MINUTES_A_PICTURE * sum(1 for _ in doctree.findall(nodes.image))
    run = f"{seconds} seconds" if seconds < 90 else f"{round(seconds / 60)} minutes"
    text = f"{5 * max(1, round(minutes / 5))} minutes to read, {run} to run on two cores"
    line = nodes.raw("", f'<p class="dgm-time">{text}</p>', format="html")  # no part of what the page says
    title.parent.insert(title.parent.index(title) + 1, line)


def setup(app: Sphinx) -> dict:
    app.add_js_file("fit.js", loading_method="defer")
    app.connect("doctree-read", say_how_long)
    app.connect("builder-inited", keep_html_nodes_in_singlehtml)
    app.connect("html-page-context", drop_deprecated_roles)
    app.connect("html-page-context", keep_punctuation_with_formulas)
    app.connect("html-page-context", open_pictures_by_themselves)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}

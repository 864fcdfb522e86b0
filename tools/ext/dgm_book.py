"""Small repairs of the theme and of other extensions, so that every page is valid and accessible."""

import re

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


def setup(app: Sphinx) -> dict:
    app.connect("builder-inited", keep_html_nodes_in_singlehtml)
    app.connect("html-page-context", drop_deprecated_roles)
    app.connect("html-page-context", keep_punctuation_with_formulas)
    app.connect("html-page-context", open_pictures_by_themselves)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}

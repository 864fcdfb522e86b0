"""Small repairs of the theme and of other extensions, so that every page is valid and accessible."""

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


def setup(app: Sphinx) -> dict:
    app.connect("builder-inited", keep_html_nodes_in_singlehtml)
    app.connect("html-page-context", drop_deprecated_roles)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}

"""Small repairs of the theme and of other extensions, so that every page is valid, accessible and self-contained."""

from sphinx.application import Sphinx


def keep_html_nodes_in_singlehtml(app: Sphinx) -> None:
    """sphinx-exercise registers its nodes for the builder 'singlehtml'; Sphinx then ignores what other extensions
    registered for the format 'html', and the build dies on their nodes. Give the builder both."""
    handlers = app.registry.translation_handlers
    if "singlehtml" in handlers:
        handlers["singlehtml"] = {**handlers.get("html", {}), **handlers["singlehtml"]}


def setup(app: Sphinx) -> dict:
    app.connect("builder-inited", keep_html_nodes_in_singlehtml)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}

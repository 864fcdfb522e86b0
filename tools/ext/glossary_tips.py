"""Terms of the glossary explain themselves: {term}`...` shows its definition on hover, on focus and on a tap.

Each page carries the definitions of the terms that it uses, as rendered HTML in a JSON block, and
book/_static/terms.js shows them. Nothing is fetched.
"""

import json

from docutils import nodes
from sphinx.application import Sphinx


def definitions(app: Sphinx, docname: str) -> dict[str, tuple[str, bool]]:
    """Term id -> (first paragraph of its definition as HTML, whether it has maths), for one glossary page."""
    cache = app.env.temp_data.setdefault("dgm_definitions", {})
    if docname not in cache:
        doctree = app.env.get_and_resolve_doctree(docname, app.builder)
        cache[docname] = {}
        for item in doctree.findall(nodes.definition_list_item):
            paragraph = next(
                (p for d in item.findall(nodes.definition) for p in d.findall(nodes.paragraph)), None
            )
            if paragraph is None:
                continue
            text = paragraph.deepcopy()
            for link in list(text.findall(nodes.reference)):  # a tip holds no links
                link.replace_self(link.children)
            html = app.builder.render_partial(text)["fragment"]
            has_maths = next(text.findall(nodes.math), None) is not None
            for term in item.findall(nodes.term):
                cache[docname].update(dict.fromkeys(term["ids"], (html, has_maths)))
    return cache[docname]


def collect(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Note the definitions of the terms on this page."""
    if app.builder.format != "html":
        return
    std = app.env.get_domain("std")
    where = {anchor: home for _, _, kind, home, anchor, _ in std.get_objects() if kind == "term"}
    found = {}
    for link in doctree.findall(nodes.reference):
        is_term = any("std-term" in child.get("classes", []) for child in link.findall(nodes.inline))
        term = link.get("refid") or link.get("refuri", "").partition("#")[2]
        home = where.get(term)
        if is_term and home and home != docname:
            found[term] = definitions(app, home).get(term)
    if any(entry and entry[1] for entry in found.values()):
        app.env.get_domain("math").data["has_equations"][docname] = True  # so that this page loads MathJax
    app.env.dgm_terms = getattr(app.env, "dgm_terms", {})
    app.env.dgm_terms[docname] = {term: entry[0] for term, entry in found.items() if entry}


def deliver(app: Sphinx, pagename: str, template: str, context: dict, doctree: nodes.document | None) -> None:
    """Put the definitions on the page, with the script that shows them."""
    terms = getattr(app.env, "dgm_terms", {}).get(pagename)
    if terms and "body" in context:
        data = json.dumps(terms, ensure_ascii=False, sort_keys=True).replace("<", "\\u003c")
        context["body"] += f'<script type="application/json" id="dgm-terms">{data}</script>'
        app.add_js_file("terms.js", loading_method="defer")


def setup(app: Sphinx) -> dict:
    app.connect("doctree-resolved", collect)
    app.connect("html-page-context", deliver)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}

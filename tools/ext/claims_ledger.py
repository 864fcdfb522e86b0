"""The ledger of claims, from book/claims.yml and the cards that the executed notebooks hold.

    ```{claims-ledger}
    ```
renders every claim with its state; with the line ``:summary:`` inside, only how many are in which state. And
{claim}`why-noise` links to one of them. The state is never written
by hand: it is the verdict of the card (mime type application/vnd.dgm-lite.claim+json) in the notebook's
stored output. A claim without a card is "not yet".
"""

import json
from collections import Counter
from pathlib import Path

import yaml
from docutils import nodes
from docutils.parsers.rst import directives
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.docutils import ReferenceRole, SphinxDirective

from dgm_lite.claims import MIME, STATES, Verdict

log = logging.getLogger(__name__)
FIELDS = {"condition": "Holds where", "scope": "Scope", "published": "Published", "correction": "To add"}


def cards(book: Path) -> list[dict]:
    """Every claim card in the notebooks below ``book``: {id, verdict, parts, page}."""
    found = []
    for path in sorted(book.rglob("*.ipynb")):
        if ".ipynb_checkpoints" in path.parts:
            continue
        page = path.relative_to(book).with_suffix("").as_posix()
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            for output in cell.get("outputs", []):
                card = output.get("data", {}).get(MIME)
                if card:
                    found.append({**card, "page": page})
    return found


def claims(book: Path) -> list[dict]:
    """The entries of claims.yml, in order."""
    return yaml.safe_load((book / "claims.yml").read_text(encoding="utf-8"))


class Ledger(SphinxDirective):
    """Counts, then the claims section by section."""

    option_spec = {"summary": directives.flag}

    def run(self) -> list[nodes.Node]:
        book = Path(self.env.srcdir) / "book"
        self.env.note_dependency(str(book / "claims.yml"))
        for path in book.rglob("*.ipynb"):
            self.env.note_dependency(str(path))
        known = claims(book)
        by_id: dict[str, dict] = {}
        for card in cards(book):
            if card["id"] not in {c["id"] for c in known}:
                log.warning("claims: %s claims '%s', which is not in claims.yml", card["page"], card["id"])
            elif card["id"] in by_id:
                log.warning(
                    "claims: '%s' is claimed in %s and in %s",
                    card["id"],
                    by_id[card["id"]]["page"],
                    card["page"],
                )
            elif card["verdict"] not in STATES:
                log.warning("claims: '%s' has the unknown verdict '%s'", card["id"], card["verdict"])
            else:
                by_id[card["id"]] = card

        result: list[nodes.Node] = [self.summary(known, by_id)]
        if "summary" in self.options:
            return result
        for section in dict.fromkeys(claim["section"] for claim in known):
            node = nodes.section(ids=[nodes.make_id("claims-" + section)])
            node += nodes.title(section, section)
            node += [self.entry(c, by_id.get(c["id"])) for c in known if c["section"] == section]
            result.append(node)
        return result

    def summary(self, known: list[dict], by_id: dict[str, dict]) -> nodes.Node:
        """`41 claims: 3 hold, ...` as a list of badges, those in no use left out."""
        count = Counter(by_id[c["id"]]["verdict"] if c["id"] in by_id else "not yet" for c in known)
        line = nodes.paragraph(classes=["dgm-ledger-summary"])
        line += nodes.Text(f"{len(known)} claims: ")
        for state in filter(count.get, STATES):
            line += [self.badge(state, f"{count[state]} {state}"), nodes.Text(" ")]
        return line

    def badge(self, state: str, text: str) -> nodes.Node:
        css, sign, _ = STATES[state]
        return nodes.inline("", f"{sign} {text}", classes=["dgm-state", f"dgm-state-{css}"])

    def entry(self, claim: dict, card: dict | None) -> nodes.Node:
        """One claim: state and name, what is said, when it holds, what was measured, what to add."""
        anchor = f"claim-{claim['id']}"
        box = nodes.container(ids=[anchor], classes=["dgm-ledger-entry"])
        std = self.env.get_domain("std")
        std.labels[anchor] = (self.env.docname, anchor, claim["id"])
        std.anonlabels[anchor] = (self.env.docname, anchor)

        head = nodes.paragraph(classes=["dgm-ledger-head"])
        state = card["verdict"] if card else "not yet"
        head += self.badge(state, state)
        head += nodes.Text(" ")
        head += nodes.literal("", claim["id"])
        page = card["page"] if card else claim.get("chapter")
        if page and f"book/{page}" in self.env.found_docs:
            head += nodes.Text(" ")
            head += self.link(page)
            box["dgm_card"] = bool(card)
        box += head
        box += self.line(claim["says"], "dgm-ledger-says")
        for part in card["parts"] if card else ():
            if part["part"]:
                box += self.line(f"{part['part']}: {self.said(part)}", plain=True)
            elif part["words"]:
                said = self.said(part)
                box += self.line(said[:1].upper() + said[1:], plain=True)
            if part["measured"]:
                box += self.line(part["measured"], label="Measured", plain=True)
            if part["note"]:
                box += self.line(part["note"], label="Note", plain=True)
        if not card:
            box += self.line(claim["measure"], label="To measure")
        for field, label in FIELDS.items():
            if claim.get(field):
                box += self.line(claim[field], label=label)
        return box

    def said(self, part: dict) -> str:
        """What became of a part of a claim, in words."""
        return Verdict(part["verdict"], words=part["words"]).said

    def line(self, text: str, css: str = "", *, label: str = "", plain: bool = False) -> nodes.Node:
        """A paragraph of inline Markdown, or of plain text where it comes from a card."""
        paragraph = nodes.paragraph(classes=[css] if css else [])
        if label:
            paragraph += nodes.strong("", f"{label}: ")
        paragraph += [nodes.Text(text)] if plain else self.parse_inline(text.strip())[0]
        return paragraph

    def link(self, page: str) -> nodes.Node:
        """A link to the chapter, with its title."""
        doc = f"/book/{page}"
        xref = addnodes.pending_xref(
            "",
            refdomain="std",
            reftype="doc",
            reftarget=doc,
            refexplicit=False,
            refwarn=True,
            refdoc=self.env.docname,
        )
        xref += nodes.inline("", doc, classes=["xref", "std", "std-doc"])
        return xref


class Claim(ReferenceRole):
    """{claim}`id` or {claim}`words <id>`: a link to the claim's entry in the ledger."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        xref = addnodes.pending_xref(
            "", refdomain="std", reftype="ref", reftarget=f"claim-{self.target}", refexplicit=True,
            refwarn=True, refdoc=self.env.docname,
        )  # fmt: skip
        xref += nodes.inline("", self.title, classes=["dgm-claim-ref"])
        return [xref], []


def point_at_cards(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Let the link of a claim that has a card lead to the card, not only to its page."""
    for box in doctree.findall(lambda n: isinstance(n, nodes.container) and n.get("dgm_card")):
        for link in box[0].findall(nodes.reference):
            link["refuri"] += "#" + box["ids"][0]


def setup(app: Sphinx) -> dict:
    app.add_directive("claims-ledger", Ledger)
    app.add_role("claim", Claim())
    app.connect("doctree-resolved", point_at_cards)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}

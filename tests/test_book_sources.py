"""The book's sources agree with each other: bibliography, ledger of claims, labels, terms and links."""

import json
import re
import unicodedata
from collections import Counter
from pathlib import Path

import pytest
import yaml
from pybtex.database import parse_file

ROOT = Path(__file__).resolve().parents[1]
BOOK = ROOT / "book"
CLAIM_FIELDS = {"id", "section", "says", "measure", "correction", "chapter"}
MEASURED_FIELDS = {"condition", "scope", "published"}
CLAIMS_BY_SECTION = {
    "Why p(x)": """why-noise why-px-sees-noise toy-disc-certain toy-joint-low px-seen px-weigh px-uncertainty
        px-active px-generate joint-two-ways""",
    "Where (figure 3)": "app-text app-audio app-image app-active app-rl app-graph app-medical",
    "How: autoregressive models": "arm-exact arm-separate-inefficient arm-causal arm-best arm-slow",
    "How: flows": """flow-change flow-general-cost flow-nice flow-householder flow-planar flow-sylvester
        flow-convexp flow-realnvp flow-discrete flow-idf flow-git flow-fast-slow""",
    "How: latent variables": """lat-ppca lat-vae-extends lat-bound lat-posteriors lat-priors lat-decoders
        lat-sphere lat-prescribed""",
    "How: implicit models and the side note": "gan-implicit gan-unstable gan-realistic ebm diffusion",
    "Table 1 (every cell measured)": "tab-training tab-likelihood tab-sampling tab-lossy tab-lossless",
}
CORRECTED = """why-noise px-seen px-active arm-exact flow-change flow-nice flow-planar flow-idf lat-sphere
    gan-unstable ebm tab-lossy tab-lossless"""
# The works in the essay's own list: first author and the year printed there.
ESSAY = """Bauer 2019, van den Berg 2018, Bishop 2013, Bowman 2015, Davidson 2018, Dinh 2014, Dinh 2016,
    Ghahramani 2015, Goodfellow 2014, Gulrajani 2016, Ha 2018, Hinton 1997, Ho 2020, Hoogeboom 2019,
    Hoogeboom 2020, Ilse 2020, Kingma 2013, Kingma 2016, Lasserre 2006, van den Oord 2016, van den Oord 2016,
    Rezende 2014, Rezende 2015, Rippel 2013, Simonovsky 2018, Sinha 2019, Szegedy 2013, Tipping 1999,
    Tomczak 2016, Tomczak 2018, Tomczak 2020"""


def pages() -> dict[str, str]:
    """Markdown of every page by path: .md files, and the Markdown cells of notebooks."""
    text = {str(p.relative_to(ROOT)): p.read_text(encoding="utf-8") for p in BOOK.rglob("*.md")}
    for path in BOOK.rglob("*.ipynb"):
        if ".ipynb_checkpoints" in path.parts:
            continue
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        prose = ["".join(c["source"]) for c in cells if c["cell_type"] == "markdown"]
        text[str(path.relative_to(ROOT))] = "\n\n".join(prose)
    return text


def roles(name: str, text: str) -> list[str]:
    """Contents of every {name}`...` in a page; name is a regular expression."""
    return re.findall(r"\{" + name + r"\}`([^`]+)`", text)


@pytest.fixture(scope="module")
def works():
    return parse_file(BOOK / "references.bib").entries


@pytest.fixture(scope="module")
def claims() -> list[dict]:
    return yaml.safe_load((BOOK / "claims.yml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def terms() -> list[str]:
    """Every term that the glossary defines: its unindented lines, without the options."""
    page = (BOOK / "appendix" / "glossary.md").read_text(encoding="utf-8")
    body = page.split("```{glossary}")[1].split("```")[0]
    return [line for line in body.splitlines() if re.match(r"[^\s:]", line)]


# ---- bibliography


def test_every_work_can_be_found(works):
    for key, work in works.items():
        doi, eprint = work.fields.get("doi", ""), work.fields.get("eprint", "")
        assert doi or eprint, f"{key} has neither doi nor eprint"
        assert not doi or re.fullmatch(r"10\.\d{4,9}/\S+", doi), f"{key}: odd doi {doi}"
        assert not eprint or re.fullmatch(r"\d{4}\.\d{4,5}", eprint), f"{key}: odd arXiv number {eprint}"
        assert not eprint or work.fields.get("archiveprefix") == "arXiv", f"{key}: whose eprint?"


def test_every_work_is_complete(works):
    venue = {"article": "journal", "inproceedings": "booktitle", "book": "publisher"}
    for key, work in works.items():
        assert work.persons.get("author"), f"{key} has no author"
        assert work.fields.get("title") and re.fullmatch(r"(19|20)\d\d", work.fields.get("year", "")), key
        if work.type in venue:
            assert work.fields.get(venue[work.type]), f"{key}: a {work.type} has a {venue[work.type]}"


def test_works_stand_once(works):
    keys = re.findall(r"^@\w+\{([^,]+),", (BOOK / "references.bib").read_text(encoding="utf-8"), flags=re.M)
    assert len(keys) == len(set(keys)) == len(works)
    titles = Counter(re.sub(r"[^a-z0-9]", "", w.fields["title"].lower()) for w in works.values())
    numbers = Counter(w.fields[f].lower() for w in works.values() for f in ("doi", "eprint") if f in w.fields)
    assert [t for t, n in (titles + numbers).items() if n > 1] == []


def test_keys_are_author_year_word(works):
    for key, work in works.items():
        # Normalised, an accented letter is the letter and a mark of its own.
        plain = unicodedata.normalize("NFKD", "".join(work.persons["author"][0].last_names))
        name = re.sub(r"[^a-z]", "", plain.lower())
        match = re.fullmatch(r"([a-z]+)(\d{4})([a-z]+)", key)
        assert match and match[1] == name, f"{key}: expected it to begin with {name}"
        # A preprint may be a year or so older than its printed form.
        assert 0 <= int(work.fields["year"]) - int(match[2]) <= 2, f"{key}: printed in {work.fields['year']}"


def test_every_work_of_the_essay_is_there(works):
    mine = Counter()
    for key, work in works.items():
        if work.fields.get("keywords") == "essay":
            person = work.persons["author"][0]
            mine[" ".join(person.prelast_names + person.last_names) + " " + re.search(r"\d{4}", key)[0]] += 1
    assert mine == Counter(name.strip() for name in ESSAY.split(","))


def test_citations_exist(works):
    cited = {(path, key.strip()) for path, text in pages().items()
             for keys in roles(r"cite(?::\w+)?", text) for key in keys.split(",")}  # fmt: skip
    assert [c for c in sorted(cited) if c[1] not in works] == []


# ---- claims


def test_ledger_has_every_claim_once_and_in_order(claims):
    assert [c["id"] for c in claims] == " ".join(CLAIMS_BY_SECTION.values()).split()
    assert len(claims) == 52
    for claim in claims:
        assert claim["id"] in CLAIMS_BY_SECTION[claim["section"]].split()


def test_claims_are_sentences(claims):
    for claim in claims:
        more = MEASURED_FIELDS if claim["chapter"] else set()
        assert CLAIM_FIELDS - {"correction"} <= set(claim) <= CLAIM_FIELDS | more, claim["id"]
        for field in ("says", "measure", "correction", *MEASURED_FIELDS):
            if field in claim:
                assert re.fullmatch(r"[A-Za-z0-9].{15,}\.\)?", claim[field]), f"{claim['id']}: {field}"
    assert {c["id"] for c in claims if "correction" in c} == set(CORRECTED.split())


def test_chapters_of_claims_are_pages(claims):
    for claim in claims:
        if claim["chapter"] is not None:
            assert (BOOK / f"{claim['chapter']}.ipynb").is_file(), claim["id"]


# ---- labels, terms, links


def test_equation_labels_are_unique_and_found():
    places = Counter(label for text in pages().values() for label in equation_labels(text))
    assert [label for label, n in places.items() if n > 1] == []
    wanted = {(path, label) for path, text in pages().items() for label in roles("eq", text)}
    assert [w for w in sorted(wanted) if w[1] not in places] == []


def equation_labels(text: str) -> list[str]:
    """Labels of a page's equations: of {math} directives and of $$ ... $$ (label)."""
    directives = re.findall(r"\{math\}[^\n]*\n:label:[ \t]*(\S+)", text)
    return directives + re.findall(r"\$\$[ \t]*\(([\w-]+)\)", text)


def test_conventions_have_their_equations():
    labels = equation_labels((BOOK / "appendix" / "notation.md").read_text(encoding="utf-8"))
    assert set(labels) >= {"mean-nats", "bits-per-dim", "exact-or-bound", "dequantise"}


def test_terms_are_defined(terms):
    used = {(path, (re.search(r"<([^>]+)>$", term) or [None, term])[1].strip().lower())
            for path, text in pages().items() for term in roles("term", text)}  # fmt: skip
    known = {t.lower() for t in terms}
    assert [u for u in sorted(used) if u[1] not in known] == []


def test_glossary_is_sorted_and_has_no_double(terms):
    assert len(terms) >= 60
    plain = [t.lower().replace("–", "-") for t in terms]
    assert len(set(plain)) == len(plain)


def test_linked_pages_exist():
    for path, text in pages().items():
        for target in roles("doc", text):
            name = (re.search(r"<([^>]+)>$", target) or [None, target])[1]
            base = ROOT / name.lstrip("/") if name.startswith("/") else (ROOT / path).parent / name
            there = any(base.with_name(base.name + end).is_file() for end in (".md", ".ipynb"))
            assert there, f"{path}: no page {name}"


def test_pictures_of_the_front_page_exist_and_are_described():
    text = (BOOK / "index.md").read_text(encoding="utf-8")
    pictures = re.findall(r"\{image\} (\S+)\n:alt: (.+)\n", text)
    assert len(pictures) == text.count("{image}") == 4
    for name, alt in pictures:
        assert (BOOK / name).is_file() and len(alt) > 40

"""Claim cards and the ledger they belong to."""

import itertools
import re

import torch

from dgm_lite import claims, laws

ID = "why-noise"


def test_the_ledger_is_complete_and_well_formed():
    ledger = claims.ledger()
    assert len(ledger) >= 40
    for name, entry in ledger.items():
        assert re.fullmatch(r"[a-z0-9-]+", name) and entry["id"] == name
        assert entry["section"] and entry["says"].strip() and entry["measure"].strip(), name
        assert "chapter" in entry, f"{name} names no chapter, not even null"


def test_what_is_measured_has_a_condition_and_a_scope():
    for name, entry in claims.ledger().items():
        for field in ("condition", "scope"):
            assert bool(entry.get(field)) == bool(entry["chapter"]), f"{name}: {field}"


def test_the_verdict_follows_from_the_figures():
    above = lambda f: min(f.values()) > 0.8  # noqa: E731
    beyond = ("x is large", lambda f: f["large"] > 0.8)
    of = lambda small, **how: claims.verdict({"large": 0.9, "small": small}, above, **how)  # noqa: E731
    assert of(0.85).said == "holds"
    assert of(0.85, more_exactly="it does, roughly").said == "holds, more exactly put: it does, roughly"
    assert of(0.85, only_if=beyond).said == "holds"
    assert of(0.5).said == of(0.5, more_exactly="it does, roughly").said == "fails"
    assert of(0.5, only_if=beyond).said == "holds if x is large"
    assert of(0.5, only_if=("x is small", lambda f: f["small"] > 0.8)).said == "fails"
    assert claims.not_tried("a week").said == "not tried: a week"


def test_a_figure_that_no_condition_looks_at_is_refused():
    figures = {"shown": 1.0, "left out": 0.0}
    laws.refuses(lambda: claims.verdict(figures, lambda f: f["shown"] > 0), "every figure", "['left out']")
    asked = ("x", lambda f: f["left out"] < 1)
    assert claims.verdict(figures, lambda f: f["shown"] > 2, only_if=asked).state == "holds if"
    assert claims.verdict(figures, lambda f: f["shown"] > 2).state == "fails", "one figure is enough to fail"
    assert claims.verdict(figures, lambda f: any(f.values())).state == "holds", "going through them asks all"
    laws.refuses(lambda: claims.verdict({}, lambda f: True), "figures", "none")


def test_figures_are_shown_as_they_should():
    figures = {"n": 12345, "x": 0.123456, "yes": True, "share": (0.5, "{:.0%}"),
               "tensor": (torch.tensor(2.0), "{:.1f} m"), "word": (True, "exact")}  # fmt: skip
    shown = claims.verdict(figures, lambda f: all(v is not None for v in f.values())).figures
    assert list(shown.values()) == ["12,345", "0.123", "yes", "50%", "2.0 m", "exact"]


def test_the_worst_part_decides():
    order = ["holds", "holds, more exactly put", "holds if", "not tried", "fails"]
    for a, b in itertools.product(order, repeat=2):
        card = claims.claim(ID, parts={"one": claims.Verdict(a), "two": claims.Verdict(b)})
        assert card.state == order[max(order.index(a), order.index(b))]


def test_a_tensor_is_a_verdict_too():
    assert claims.claim(ID, {"x": torch.tensor(3.0)}, lambda f: f["x"] > 2).state == "holds"


def test_a_card_shows_itself_three_ways():
    figures = {"p < 0.05": (0.0412, "{:.2f} & falling")}
    falls = lambda f: f["p < 0.05"] < 0.05  # noqa: E731
    card = claims.claim(ID, figures, falls, more_exactly='only "cats"', note="On <one> picture.")
    shown = card._repr_mimebundle_()
    assert shown[claims.MIME] == {
        "id": ID, "verdict": "holds, more exactly put",
        "parts": [{"part": "", "verdict": "holds, more exactly put", "measured": "p < 0.05 0.04 & falling",
                   "words": 'only "cats"', "note": "On <one> picture."}],
    }  # fmt: skip
    plain, entry = shown["text/plain"].splitlines(), claims.ledger()[ID]
    assert plain == [
        f"[{ID}] {entry['says']}", f"  holds where: {entry['condition']}",
        "  measured: p < 0.05 0.04 & falling", '  verdict: holds, more exactly put: only "cats"',
        "  note: On <one> picture.", f"  scope: {entry['scope']}",
    ]  # fmt: skip
    page = shown["text/html"]
    assert '<dt>p &lt; 0.05</dt><dd class="dgm-measured">0.04 &amp; falling</dd>' in page
    assert "&quot;cats&quot;" in page and f'id="claim-{ID}"' in page and "On &lt;one&gt; picture." in page
    assert page.count("<") == page.count(">"), "unescaped text in the page"


def test_parts_are_shown_by_name():
    made = claims.verdict({"x": 1}, lambda f: f["x"] > 2)
    card = claims.claim(ID, parts={"on cats": made, "on dogs": claims.not_tried("a dog")})
    plain = str(card).splitlines()[2:-1]
    assert plain == [
        "  on cats", "  measured: x 1", "  verdict: fails", "  on dogs", "  verdict: not tried: a dog",
    ]  # fmt: skip
    page = card._repr_mimebundle_()["text/html"]
    assert '<p class="dgm-claim-part">on cats</p>' in page and "dgm-claim-fails" in page


def test_each_state_has_its_own_class_and_sign():
    assert len({s.css for s in claims.STATES.values()}) == len({s.sign for s in claims.STATES.values()}) == 6
    for name, state in claims.STATES.items():
        page = claims.claim(ID, parts={"": claims.Verdict(name)})._repr_mimebundle_()["text/html"]
        assert f"dgm-claim-{state.css}" in page and f"dgm-state-{state.css}" in page and state.sign in page


def test_claims_that_cannot_be_judged_are_refused():
    good = {"figures": {"x": 1}, "holds": lambda f: f["x"] > 0}
    laws.refuses(lambda: claims.claim("why-cheese", **good), "why-cheese", "claims.yml")
    laws.refuses(lambda: claims.claim("app-text", **good), "app-text", "condition and scope")
    laws.refuses(lambda: claims.claim(ID), "parts", "neither")
    laws.refuses(lambda: claims.claim(ID, {"x": 1}), "condition")
    laws.refuses(lambda: claims.claim(ID, **good, parts={"": claims.Verdict("holds")}), "both")


def test_a_figure_that_is_no_number_a_state_that_is_none_and_parts_that_are_missing_are_refused():
    laws.refuses(
        lambda: claims.verdict({"error": float("nan")}, lambda f: not f["error"] > 0.1), "NaN", "'error'"
    )
    laws.refuses(lambda: claims.Verdict("holsd"), "holds", "'holsd'")
    laws.refuses(lambda: claims.claim("why-noise", parts={}), "parts")
    laws.refuses(
        lambda: claims.claim("why-noise", parts={"a": claims.Verdict("holds")}, note="lost"), "parts"
    )

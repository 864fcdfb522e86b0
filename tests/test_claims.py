"""Claim cards and the ledger they belong to."""

import re

import pytest

from dgm_lite import claims, laws

ID = "why-noise"


def test_the_ledger_is_complete_and_well_formed():
    ledger = claims.ledger()
    assert len(ledger) >= 40
    for name, entry in ledger.items():
        assert re.fullmatch(r"[a-z0-9-]+", name) and entry["id"] == name
        assert entry["section"] and entry["says"].strip() and entry["measure"].strip(), name
        assert "chapter" in entry, f"{name} names no chapter, not even null"


@pytest.mark.parametrize("holds, caveat, verdict", [
    (True, None, "holds"), (True, "on digits only", "holds with a caveat"), (False, None, "fails"),
    (False, "but nearly", "fails"), (1.5 > 1, None, "holds"),
])  # fmt: skip
def test_the_verdict_follows_from_the_measurement(holds, caveat, verdict):
    card = claims.claim(ID, measured="p falls from 0.39 to 0.00", holds=holds, caveat=caveat)
    assert card.verdict == verdict
    assert card.says == claims.ledger()[ID]["says"]


def test_a_tensor_is_a_verdict_too():
    import torch

    assert claims.claim(ID, measured="x", holds=torch.tensor(3.0) > 2).verdict == "holds"


def test_a_card_shows_itself_three_ways():
    card = claims.claim(ID, measured="p < 0.05 & falling", holds=True, caveat='only "cats"')
    shown = card._repr_mimebundle_()
    assert shown[claims.MIME] == {
        "id": ID, "verdict": "holds with a caveat", "measured": "p < 0.05 & falling", "caveat": 'only "cats"',
    }  # fmt: skip
    plain = shown["text/plain"].splitlines()
    assert plain[0].startswith(f"[{ID}] ") and plain[1] == "  measured: p < 0.05 & falling"
    assert plain[2:] == ["  verdict: holds with a caveat", '  caveat: only "cats"']
    page = shown["text/html"]
    assert '<span class="dgm-measured">p &lt; 0.05 &amp; falling</span>' in page
    assert "&quot;cats&quot;" in page and f'id="claim-{ID}"' in page and "dgm-claim-caveat" in page
    assert page.count("<") == page.count(">"), "unescaped text in the page"


def test_no_caveat_no_line():
    card = claims.claim(ID, measured="x", holds=True)
    assert "caveat" not in str(card) and "dgm-claim-caveat" not in card._repr_mimebundle_()["text/html"]


def test_each_verdict_has_its_own_class_and_sign():
    pages = [
        claims.claim(ID, measured="x", holds=holds, caveat=caveat)._repr_mimebundle_()["text/html"]
        for holds, caveat in ((True, None), (True, "y"), (False, None))
    ]
    classes = [re.search(r'class="dgm-claim (dgm-claim-\w+)"', page).group(1) for page in pages]
    assert classes == ["dgm-claim-holds", "dgm-claim-caveat", "dgm-claim-fails"]
    assert [next(s for s in "✓≈✗" if s in page) for page in pages] == ["✓", "≈", "✗"]


def test_a_claim_that_the_essay_does_not_make_is_refused():
    laws.refuses(lambda: claims.claim("why-cheese", measured="x", holds=True), "why-cheese", "claims.yml")

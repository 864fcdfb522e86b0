"""Each chapter's workbench: its settings are obeyed, its picture is drawn, its live figure follows."""

import pytest

from dgm_lite.workbench import two_ways

# A chapter's workbench, tiny settings, what to change of them, and the kind of its live figure.
BENCHES = {
    "two_ways": (
        (two_ways.train, two_ways.bench),
        {"n_components": 1, "hidden": 2, "points": 20},
        {"n_components": 2},
        "cross",
    ),
}


@pytest.fixture(scope="module", params=BENCHES)
def chapter(request):
    """A bench with a tiny result as the chapter's own, its tiny settings, and what changes."""
    (work, bench), tiny, other, kind = BENCHES[request.param]
    shares = []
    own = work(shares.append, **tiny)
    return bench(own), tiny, other, kind, shares


def test_progress_is_told_and_grows(chapter):
    *_, shares = chapter
    assert shares and shares == sorted(shares) and shares[0] >= 0 and shares[-1] <= 1


def test_the_button_trains_with_the_readers_settings_and_shows_them(chapter):
    bench, tiny, other, kind, _ = chapter
    panel = bench.widget()
    before = bytes(panel.image.value)
    for name, value in {**tiny, **other}.items():
        panel.inputs[name].value = value
    panel.button.click()
    assert panel.said.value.startswith("Yours: "), panel.said.value
    assert bytes(panel.image.value) != before
    assert [figure.kind for figure in panel.below.children] == ([kind] if kind else [])


def test_another_setting_gives_another_picture(chapter):
    bench, tiny, other, *_ = chapter
    seen = {bench.picture(bench.work(lambda share: None, **{**tiny, **change})) for change in ({}, other)}
    assert len(seen) == 2


def test_every_setting_is_one_of_the_work_and_says_the_chapters_own(chapter):
    bench, tiny, *_ = chapter
    code = bench.work.__code__
    names = code.co_varnames[code.co_argcount : code.co_argcount + code.co_kwonlyargcount]
    assert set(bench.controls) == set(names) == set(tiny)
    assert all(control.chapter in control.values for control in bench.controls.values())

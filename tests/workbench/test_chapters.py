"""Each chapter's workbench: its settings are obeyed, its picture is drawn, its live figure follows."""

import pytest

from dgm_lite.workbench import (
    causal,
    change_of_variables,
    files,
    gan,
    integers,
    map,
    noise,
    ppca,
    table,
    two_ways,
    vae,
    what_px,
)

# A chapter's workbench, tiny settings, what to change of them, and the kind of its live figure.
BENCHES = {
    "two_ways": (
        (two_ways.train, two_ways.bench),
        {"n_components": 1, "hidden": 2, "points": 20},
        {"n_components": 2},
        "cross",
    ),
    "ppca": (
        (ppca.train, ppca.bench),
        {"latent_dim": 1, "points": 75, "rows": 2},
        {"latent_dim": 2},
        "fill_in",
    ),
    "vae": (
        (vae.train, vae.bench),
        {"latent_dim": 1, "beta": 1.0, "hidden": 8, "epochs": 5},
        {"latent_dim": 2},
        "latent_plane",
    ),
    "gan": (
        (gan.play, gan.bench),
        {"loss": "non-saturating", "penalty": 0.0, "memory": 0.9, "steps": 60},
        {"penalty": 1.0},
        "game",
    ),
    "files": (
        (files.write, files.bench),
        {"model": "integer flow", "pictures": "test digits", "count": 3},
        {"model": "VAE, bits-back"},
        "code_length",
    ),
    "table": (
        (table.train, table.bench),
        {"model": "integer-flow", "share": 0.02, "rate": 10.0, "seed": 0},
        {"rate": 3.0},
        None,
    ),
    "noise": (
        (noise.attack, noise.bench),
        {"digits_seen": 50, "hardening": 0, "rate": 0.0},
        {"hardening": 1},
        "noise",
    ),
    "what_px": (
        (what_px.train, what_px.bench),
        {"known": "letters", "epochs": 1, "score": "log p(x)"},
        {"score": "typicality"},
        "draw",
    ),
    "map": (
        (map.train, map.bench),
        {"model": "gaussian-mixture", "steps": 30, "seed": 0},
        {"model": "gan, with R1"},
        None,
    ),
    "causal": (
        (causal.train, causal.bench),
        {"mask": "sees the past", "n_blocks": 1, "kernel": 1, "epochs": 1},
        {"mask": "sees its answer"},
        "pixel_by_pixel",
    ),
    "change_of_variables": (
        (change_of_variables.train, change_of_variables.bench),
        {"kind": "NICE", "n_layers": 1, "hidden": 2, "epochs": 2},
        {"kind": "RealNVP"},
        "flow_grid",
    ),
    "integers": (
        (integers.train, integers.bench),
        {"kind": "shifts", "n_parts": 1, "n_components": 1, "lr": 0.02},
        {"lr": 0.3},
        "integer_code",
    ),
}
# Settings at the ends of their controls, where that takes no second; the rest as tiny as above, which is
# often the other end.
ENDS = {
    "ppca": {"latent_dim": (60,), "points": (1000,), "rows": (1, 7)},
    "vae": {"latent_dim": (16,), "beta": (0.1, 64.0), "hidden": (256,)},
    "gan": {"loss": ("saturating",), "penalty": (100.0,), "memory": (0.0, 0.99)},
    "files": {"model": ("autoregressive",), "pictures": ("noise",), "count": (1, 447)},
    "table": {"rate": (0.03,), "seed": (5,)},
    "what_px": {"known": ("digits 0 to 4",)},
    "map": {"model": ("causal-arm",)},
    "causal": {"kernel": (5,)},
    "change_of_variables": {"n_layers": (10,), "hidden": (64,)},
    "integers": {"lr": (0.005,)},
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


def test_every_setting_is_one_of_the_work_and_says_the_chapters_own(chapter):
    bench, tiny, *_ = chapter
    code = bench.work.__code__
    names = code.co_varnames[code.co_argcount : code.co_argcount + code.co_kwonlyargcount]
    assert set(bench.controls) == set(names) == set(tiny)
    assert all(control.chapter in control.values for control in bench.controls.values())


@pytest.mark.parametrize("name", ENDS)
def test_a_setting_at_an_end_of_its_control_is_accepted_and_obeyed(name):
    (work, bench), tiny, *_ = BENCHES[name]
    pictures = [bench(work(lambda share: None, **tiny)).picture()]
    for setting, ends in ENDS[name].items():
        values = bench(None).controls[setting].values
        assert set(ends) <= {values[0], values[-1]}
        for end in ends:
            pictures.append(bench(work(lambda share: None, **{**tiny, setting: end})).picture())
    assert len(set(pictures)) == len(pictures), "two settings, one picture"


def test_a_vae_is_followed_by_the_figure_for_as_many_hidden_numbers():
    tiny, kinds = BENCHES["vae"][1], {}
    for latent_dim in (1, 4):
        model = vae.train(lambda share: None, **{**tiny, "latent_dim": latent_dim})
        kinds[latent_dim] = getattr(vae.follow(model), "kind", None)
    assert kinds == {1: "elbo_terms", 4: None}

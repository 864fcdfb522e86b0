"""The figures that the table rests on, from rows with numbers that can be counted by hand."""

import pytest

from dgm_lite import laws
from dgm_lite.comparison import evidence, plane, table
from dgm_lite.comparison.competitors import ROWS, beside, competitors, counted, quoted
from dgm_lite.comparison.jobs import DRAWN_EXACTLY, SEARCHED
from dgm_lite.protocols import Bound, Density


def rows(part: str, model: str, unit: str = "", **quantities) -> list[dict]:
    """A row for each seed of each quantity; the names' underscores stand for spaces."""
    return [
        {"part": part, "model": model, "seed": seed, "quantity": quantity, "value": value, "unit": unit}
        for quantity, values in quantities.items()
        for seed, value in enumerate(values)
    ]


def told(model: str, *shares: float, n_steps: int = plane.STEPS[-1]) -> list[dict]:
    return rows("stability", model, **{plane.told(n_steps, "data"): shares})


def curve(model: str, *points: tuple[int, float]) -> list[dict]:
    found = []
    for k, (n_bytes, mse) in enumerate(points):
        found += rows("lossy", model, **{f"bytes, point {k}": [n_bytes], f"error, point {k}": [mse]})
    return found


def test_lost_runs_are_counted_and_their_spread_is_that_of_a_sample():
    found = evidence.stability(told("a", 0.5, 0.7, 0.9, 0.95) + told("b", 1.0), "a")
    assert found == (pytest.approx(0.7625), pytest.approx(0.205649, abs=1e-6), 1, 4), "0.9 itself is not lost"


def test_runs_of_the_longest_budget_count_unless_another_is_asked_for():
    some = told("a", 0.95, 0.99, n_steps=plane.STEPS[0]) + told("a", 0.5, 0.6)
    assert evidence.stability(some, "a").lost == 0
    assert evidence.stability(some, "a", plane.STEPS[0]).lost == 2


def test_the_smallest_figure_is_the_tightest_bound_and_an_exact_one_says_so():
    some = rows("digits", "vae", **{"test, bound": [90, 92], "test, bound, k = 200": [87, 88]})
    some += rows("digits", "arm", **{"test, exact": [80, 81]}) + rows("digits", "gan", training=[1])
    some += rows("sampling", "flow", **{"test, exact": [1]})
    assert evidence.likelihood(some, "vae") == ("bound", 87.5)
    assert evidence.likelihoods(some) == {"vae": ("bound", 87.5), "arm": ("exact", 80.5)}
    laws.refuses(lambda: evidence.likelihood(some, "gan"), "gan")
    assert evidence.quantities(some)[:2] == [("vae", "test, bound"), ("vae", "test, bound, k = 200")]


def test_image_formats_are_files_of_others_shortest_first():
    some = rows("formats", "f", "bytes", **{"PNG": [30], "WebP": [20], "range coder, left": [10]})
    some += rows("formats", "f", "share", told=[0.5]) + rows("digits", "arm", "bytes", file=[5])
    assert list(evidence.image_formats(some).items()) == [("WebP", 20), ("PNG", 30)]


def test_lossy_codecs_are_compared_in_the_middle_of_what_both_reach():
    """Bytes times error is 4,000 for WebP and half of it for ours, which reaches further on either side."""
    webp = curve("WebP", (500, 8.0), (1000, 4.0), (4000, 1.0))
    ours = curve("ours", (4000, 0.5), (2000, 1.0), (1000, 2.0), (500, 4.0), (250, 8.0), (125, 16.0))
    linear = curve("principal components", (800, 4.0), (3200, 1.0))
    points = evidence.lossy_curve(ours, "ours")
    assert [(p.n_bytes, p.mse) for p in points[:2]] == [(4000, 0.5), (2000, 1.0)]
    assert points[0].n_pixels == 64 * 447 and points[0].levels == 17
    jpeg = curve("JPEG", (900, 4.0), (4200, 1.0))
    found = evidence.against_rivals(webp + ours + linear + jpeg, "ours")
    assert [error for error, _ in found] == [1.0, 2.0, 4.0, 8.0], "0.5 and 16 are out of every rival's reach"
    assert [share for _, share in found] == pytest.approx([2000 / 3200, 1000 / 1600, 500 / 800, 250 / 500])
    laws.refuses(lambda: evidence.lossy_curve(webp, "ours"), "lossy curve", "ours")


def test_figures_that_nothing_supports_are_refused():
    """Curves that reach no error in common, and a spread of one run."""
    webp, ours = curve("WebP", (500, 8.0), (4000, 1.0)), curve("ours", (125, 16.0), (100, 20.0))
    linear = curve("principal components", (800, 4.0), (3200, 1.0))
    everybody = webp + linear + curve("JPEG", (900, 4.0), (4200, 1.0))
    laws.refuses(lambda: evidence.against_rivals(everybody + ours, "ours"), "'ours'", "16, 20")
    laws.refuses(lambda: evidence.against_rivals(ours + linear, "ours"), "'JPEG'")
    laws.refuses(lambda: evidence.share_of(ours + linear, "ours", "principal components"), "'ours'", "16, 20")
    laws.refuses(lambda: evidence.without_model(webp), "lossless")
    laws.refuses(lambda: evidence.met_exactly(webp, "gan"), "lossless")
    laws.refuses(lambda: evidence.stability(told("a", 0.5), "a"), "two seeds", "'a'", "1")


# --- the cells from such rows -----------------------------------------------------------------


@pytest.fixture
def invented() -> list[dict]:
    """Everybody measured, in round numbers: families differ by what is asked below."""
    found = rows("formats", "f", "bytes", **{"PNG": [9000], "WebP": [8000]})
    found += curve("WebP", (500, 8.0), (1000, 4.0), (4000, 1.0))
    found += curve("principal components", (800, 4.0), (3200, 1.0))
    found += curve("JPEG", (900, 4.0), (4200, 1.0))
    for f, family in enumerate(ROWS):
        for c in counted("stability", family) + beside("stability", family):
            found += told(c.name, 0.5, 0.7, *([0.6] * 8))
        for n, c in enumerate(counted("digits", family)):
            model, size = c.build(), {"test digits as one file": [7000 + 1000 * f] * 3}
            kind = "exact" if isinstance(model, Density) else "bound" if isinstance(model, Bound) else None
            nats = {f"test, {kind}": [80 + 10 * f + n, 81 + 10 * f + n, 82 + 10 * f + n]} if kind else {}
            found += rows("digits", c.name, **nats, **(size if c.entry.lossless else {}))
        for c in counted("sampling", family):
            found += rows(
                "sampling", c.name, **{s: [1e-3 * (1 + f)] for s in (table.LARGEST, table.SMALLEST)}
            )
        for c in beside("sampling", family):
            found += rows("sampling", c.name, **dict.fromkeys((table.LARGEST, table.SMALLEST), [0.1]))
        for c in counted("lossy", family):
            more = 1.0 if family == "prescribed" else 3.0
            found += curve(
                c.name, *((round(more * n), e) for n, e in ((2000, 1), (1000, 2), (500, 4), (250, 8)))
            )
        for c in counted("lossless", family):
            own = {
                "test digits as one file": [8600] * 3,
                "the same without the model": [8500] * 3,
                "z": [400] * 3,
            }
            found += rows("lossless", c.name, **own, **dict.fromkeys((SEARCHED, DRAWN_EXACTLY), [0] * 3))
    return found


def test_cells_say_what_the_rows_say(invented):
    cells = table.cells(invented)
    measured = {where: cell["measured"] for where, cell in cells.items()}
    assert measured["implicit", "training"] == "0 of 30 lost"
    assert measured["autoregressive", "likelihood"] == "81.0 nats"
    assert measured["flow", "likelihood"] == "91.0 nats"
    assert measured["prescribed", "likelihood"] == "at most 101.0 nats"
    assert measured["implicit", "likelihood"] == "none found"
    assert measured["autoregressive", "sampling"] == "1,000 a second"
    assert measured["implicit", "sampling"] == "250 a second"
    assert measured["prescribed", "lossy"] == "50–63% of bytes"
    assert measured["flow", "lossy"] == "80–89% of bytes", "a rotation is a flow"
    assert measured["autoregressive", "lossless"] == "yes, 7,000 bytes"
    assert measured["implicit", "lossless"] == "no, 8,600 bytes"
    assert "97" not in cells["autoregressive", "training"]["interval"]
    assert "told 60% of the time, with a spread of 4.7% over seeds" in cells["flow", "training"]["interval"]
    assert "81.0 +- 0.6 nats (exact, 3 seeds)" in cells["autoregressive", "likelihood"]["interval"]
    assert cells["flow", "likelihood"]["interval"].startswith(f"{quoted('digits', 'flow').name}: 91.0")
    assert "Without a cache it would be 100 times that again" in cells["autoregressive", "sampling"]["detail"]
    assert cells["autoregressive", "sampling"]["detail"].startswith("The fastest.")
    assert cells["flow", "sampling"]["detail"].startswith("2 times the time of the fastest")
    detail = cells["prescribed", "lossy"]["detail"]
    assert "takes 48% to 56% of JPEG's bytes, and 50% to 50% of those of WebP" in detail
    assert "160% to 160% of those of transform coder" in cells["flow", "lossy"]["detail"]
    assert "300% to 300% of those of transform coder" in cells["implicit", "lossy"]["detail"]
    assert "12.5% shorter than WebP" in cells["autoregressive", "lossless"]["detail"]
    assert "1.2% longer than counts without" in cells["implicit", "lossless"]["detail"]
    assert "400 bytes of it are for z" in cells["implicit", "lossless"]["detail"]
    assert "WebP: 8,000" in cells["autoregressive", "lossless"]["interval"]
    assert "12.5% longer than WebP" in cells["prescribed", "lossless"]["detail"]


def test_verdicts_turn_where_the_numbers_do(invented):
    """Ten times the median time is not slow yet; as many bytes as the best format are not fewer."""
    of = lambda rows: {where: cell["verdict"].said for where, cell in table.cells(rows).items()}  # noqa: E731
    assert of(invented)["autoregressive", "lossless"] == "holds"
    assert of(invented)["flow", "lossless"] == "fails", "8,000 bytes are what WebP takes"
    assert of(invented)["prescribed", "lossless"] == "holds", "the essay says no, and the file is longer"
    assert of(invented)["implicit", "lossless"] == "holds"
    where = "z is too large for a grid over all of it"
    assert of(invented)["implicit", "likelihood"] == f"holds if {where}"
    assert of(invented)["prescribed", "likelihood"] == f"holds if z goes through a network, and {where}"
    assert of(invented)["flow", "sampling"].startswith("not tried: the slow kind")
    own = [r for r in invented if r["model"] == quoted("sampling", "autoregressive").name]
    large, small = (r for r in own if r["part"] == "sampling")
    large["value"] = small["value"] = 34.9e-3  # the median is 3.5 ms now
    assert of(invented)["autoregressive", "sampling"] == "fails"
    large["value"] = 35.1e-3
    assert of(invented)["autoregressive", "sampling"] == "holds if images are not tiny"
    small["value"] = 35.1e-3
    assert of(invented)["autoregressive", "sampling"] == "holds"


def set_told(rows, model, value, seeds=(0,)):
    for row in rows:
        if (row["part"], row["model"]) == ("stability", model) and row["seed"] in seeds:
            row["value"] = value


def test_a_lost_run_or_a_wide_spread_is_unstable(invented):
    """By one rule for the table and for the chapter on games; the condition names those that are."""
    judge = lambda: evidence.training(invented, "implicit", "unstable")  # noqa: E731
    assert judge().state == "fails", "none is lost, and all spread alike"
    games = [c.name for group in (counted, beside) for c in group("stability", "implicit")]
    set_told(invented, games[0], 0.9001)
    assert judge().said == f"holds if the model is one of: {games[0]}"
    for game in games[1:]:
        set_told(invented, game, 0.88, (0, 1))  # none lost, but twice as wide as usual
    assert judge().state == "holds"
    assert len(judge().figures) == 2 * len(games)
    assert table.cells(invented)["implicit", "training"]["verdict"] == judge()


def test_who_trains_by_likelihood_is_judged_by_the_same_rule(invented):
    judge = lambda: evidence.training(invented, "flow", "stable")  # noqa: E731
    assert judge().state == "holds"
    own = [c.name for c in counted("stability", "flow")]
    set_told(invented, own[0], 0.95)
    assert judge().said == f"holds if the model is one of: {'; '.join(own[1:])}"
    for name in own:
        set_told(invented, name, 0.95)
    assert judge().state == "fails"
    assert not table.cells(invented)["flow", "training"]["serves"]


def test_the_usual_spread_is_the_median_of_those_trained_by_likelihood(invented):
    usual = evidence.usual_spread(invented)
    for c in competitors("stability"):
        if c.entry.family == "implicit":
            set_told(invented, c.name, 0.0)
    assert evidence.usual_spread(invented) == usual == pytest.approx(0.0471405, abs=1e-6)


def change(rows, share, **where):
    found = [row for row in rows if all(row[k] == v for k, v in where.items())]
    assert found, where
    for row in found:
        row["value"] *= share


def test_a_lossy_code_holds_where_it_wins_and_nowhere_else(invented):
    """Always longer than the best rival: the essay's no holds. Always shorter: it fails. Else: holds if."""
    said = lambda family: table.cells(invented)[family, "lossy"]["verdict"].said  # noqa: E731
    verdicts = dict(zip(ROWS, map(said, ROWS), strict=True))
    assert verdicts.pop("flow") == "fails", "principal components are one, and shorter than JPEG and WebP"
    assert list(verdicts.values()) == ["holds"] * 3
    for k in range(2):
        change(invented, 3.0, part="lossy", model=evidence.LINEAR, quantity=f"bytes, point {k}")
    assert said("flow") == "holds", "no flow is shorter any more"
    own, other = counted("lossy", "flow")
    for k in range(4):
        change(invented, 0.3, part="lossy", model=own.name, quantity=f"bytes, point {k}")
    assert said("flow") == "fails", "one attempt is enough"
    (arm,) = counted("lossy", "autoregressive")
    change(invented, 0.3, part="lossy", model=arm.name, quantity="bytes, point 0")
    assert said("autoregressive") == "holds if files are to be small, with a squared error of 2.0 or more"
    change(invented, 0.3, part="lossy", model=arm.name, quantity="bytes, point 3")
    change(invented, 4.0, part="lossy", model=arm.name, quantity="bytes, point 0")
    assert said("autoregressive") == "holds if the squared error is to be 4.0 or less"
    (coder,) = counted("lossy", "prescribed")
    change(invented, 3.0, part="lossy", model=coder.name, quantity="bytes, point 1")
    assert said("prescribed") == "fails"
    assert not table.cells(invented)["prescribed", "lossy"]["serves"]
    assert table.cells(invented)["flow", "lossy"]["serves"]


@pytest.mark.parametrize("quantity", [SEARCHED, DRAWN_EXACTLY])
def test_a_z_that_gives_a_digit_would_give_a_likelihood(invented, quantity):
    assert evidence.met_exactly(invented, "gan-digits") == (0, 3 * 447)
    (row, *_) = [r for r in invented if r["quantity"] == quantity]
    row["value"] = 1
    assert table.cells(invented)["implicit", "likelihood"]["verdict"].state == "fails"


def test_a_lossless_code_has_to_be_shorter_than_without_the_model(invented):
    """Shorter than the best image format is not enough: counts without a model are."""
    change(invented, 1.2, part="formats", quantity="WebP")
    change(invented, 1.2, part="formats", quantity="PNG")
    cell = table.cells(invented)["implicit", "lossless"]
    assert cell["verdict"].state == "holds" and cell["measured"] == "no, 8,600 bytes", "of 9,600 and 8,500"
    for c in counted("lossless", "implicit"):
        change(invented, 0.95, part="lossless", model=c.name, quantity="test digits as one file")
    cell = table.cells(invented)["implicit", "lossless"]
    assert cell["verdict"].said == "holds if the model has to do it alone", (
        "it takes counts for what it leaves"
    )
    assert cell["measured"] == "yes, 8,170 bytes" and cell["serves"]
    next(r for r in invented if r["quantity"] == SEARCHED)["value"] = 1
    assert table.cells(invented)["implicit", "lossless"]["verdict"].state == "fails"


def test_shares_count_where_both_codecs_reach():
    ours = curve("ours", (4000, 0.5), (1000, 1.0), (600, 4.0))
    webp = curve("WebP", (800, 4.0), (3200, 1.0))
    assert evidence.share_of(ours + webp, "ours", "WebP") == pytest.approx((1000 / 3200, 600 / 800))
    laws.refuses(lambda: evidence.share_of(ours, "ours", "WebP"), "'WebP'")


def test_a_column_gives_a_verdict_for_each_family(invented):
    cells = table.cells(invented)
    found = table.parts(cells, "sampling")
    assert list(found) == [f"{family}: {cells[family, 'sampling']['says']}" for family in ROWS]
    assert list(found.values()) == [cells[family, "sampling"]["verdict"] for family in ROWS]

"""Workbenches: what a reader sets is computed, errors are words, and nothing of a widget is stored."""

import base64
import sys

import ipywidgets
import nbformat
from nbformat.v4 import new_code_cell, new_notebook

from dgm_lite import laws
from dgm_lite.workbench.bench import Control, Workbench
from tools import notebooks

PNG = b"\x89PNG"


class Recorded(Workbench):
    """A bench whose work is to remember what was asked."""

    def __init__(self, **more):
        self.asked, self.drawn = [], []
        controls = {"n": Control("how many", (1, 2, 5), 2), "kind": Control("of what", ("a", "b"), "a")}
        draw = lambda ax, result: self.drawn.append(result)  # noqa: E731
        super().__init__(2, self.note, draw, controls, alt="Bars.", **more)

    def note(self, progress, **settings):
        self.asked.append(settings)
        progress(0.5)
        if settings["n"] == 5:
            raise ValueError("expected fewer than <5>")
        return settings["n"]


def test_the_chapters_own_result_comes_first_and_the_readers_beside_it():
    bench = Recorded()
    panel = bench.widget()
    assert bench.asked == [] and bytes(panel.image.value).startswith(PNG)
    before = bytes(panel.image.value)
    panel.inputs["n"].value, panel.inputs["kind"].value = 1, "b"
    panel.button.click()
    assert bench.asked == [{"n": 1, "kind": "b"}] and bench.drawn[-2:] == [2, 1]
    assert bytes(panel.image.value) != before and panel.bar.value == 1 and not panel.button.disabled
    assert panel.said.value == "Yours: how many 1, of what b"


def test_an_error_is_said_in_words_and_the_bench_goes_on():
    panel = Recorded().widget()
    panel.inputs["n"].value = 5
    panel.button.click()
    assert (
        panel.said.value == "It stopped: ValueError expected fewer than &lt;5&gt;"
        and not panel.button.disabled
    )
    panel.inputs["n"].value = 1
    panel.button.click()
    assert panel.said.value.startswith("Yours")


def test_who_interrupts_is_told_so():
    def stop(progress, **settings):
        progress(float("nan"))
        raise KeyboardInterrupt

    panel = Recorded().widget()
    panel.bench.work = stop
    panel.button.click()
    assert panel.said.value == "Stopped by you." and panel.bar.value == 0 and not panel.button.disabled


def test_without_widgets_there_is_the_picture_and_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "ipywidgets", None)
    bundle = Recorded()._repr_mimebundle_()
    assert "base64," in bundle["text/html"] and "pip install ipywidgets" in bundle["text/html"]


def test_a_live_figure_follows_the_result():
    made = []

    class Figure:
        """Stands for a live figure."""

        def widget(self):
            return ipywidgets.HTML("live")

    panel = Recorded(live=lambda result: made.append(result) or Figure()).widget()
    panel.inputs["n"].value = 1
    panel.button.click()
    assert made == [1] and panel.below.children[0].value == "live"


def test_a_result_that_no_figure_can_follow_is_shown_without_one():
    panel = Recorded(live=lambda result: None).widget()
    panel.button.click()
    assert panel.below.children == () and panel.said.value.startswith("Yours")


def test_on_a_page_stands_the_picture_and_how_to_get_the_controls():
    bundle = Recorded()._repr_mimebundle_()
    assert bundle["text/plain"] == "Bars." and 'alt="Bars."' in bundle["text/html"]
    image = bundle["text/html"].split("base64,")[1].split('"')[0]
    assert base64.b64decode(image).startswith(PNG) and "Colab" in bundle["text/html"]
    assert [key for key in bundle if "widget-view" in key]


def test_bad_benches_are_refused():
    laws.refuses(lambda: Control("n", (1, 2), 3), "'n'", "3")
    laws.refuses(lambda: Control("n", (1,), 1), "two different values")
    for values in ((1, 1), ((0, 1), (1, 0)), (1, "a")):
        laws.refuses(lambda values=values: Control("n", values, values[0]), "'n'", "all numbers")
    laws.refuses(lambda: Workbench(1, print, print, {}, alt="x"), "controls")


def test_in_a_kernel_the_button_works_and_no_widget_is_stored(tmp_path):
    code = """from dgm_lite.workbench import ppca
made = ppca.bench(ppca.train(print, latent_dim=1, points=75, rows=2))
panel = made.widget()
panel.inputs["latent_dim"].value, panel.inputs["rows"].value = 2, 2
panel.button.click()
print(panel.said.value)"""
    path = tmp_path / "a.ipynb"
    first = new_code_cell("# install")
    nbformat.write(new_notebook(cells=[first, new_code_cell(code), new_code_cell("made")]), path)
    notebooks.run(path, "https://example.invalid/a/b", timeout=120)
    book = nbformat.read(path, as_version=4)
    said = book.cells[1].outputs[0].text.splitlines()[-1]
    assert said.startswith("Yours: ") and said.endswith(" 2")
    (shown,) = book.cells[2].outputs
    assert "widgets" not in book.metadata and set(shown.data) == {"text/plain", "text/html"}

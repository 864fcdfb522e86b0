"""A few controls, a button, and the reader's result beside the chapter's own. It takes a running kernel.

On a page stands the picture of the chapter's result, with a line that says how to get the controls. Nothing
of a widget is stored in a notebook.
"""

import base64
import html
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.axes import Axes

from dgm_lite.extras import extra
from dgm_lite.live.figure import LiveFigure, png, still

Settings = Mapping[str, Any]
Progress = Callable[[float], None]
HOW = (
    "To set it yourself, open this chapter in Colab (behind the rocket at the top) or in Jupyter, and run it."
)


@dataclass(frozen=True)
class Control:
    """One setting: numbers on a slider, or words in a list.

    Args:
        label: What the reader sees.
        values: What can be chosen, in order.
        chapter: What the chapter has chosen.

    Raises:
        ValueError: If there is nothing to choose from, or neither words nor numbers, or the chapter's own is
            not among it.
    """

    label: str
    values: Sequence[Any]
    chapter: Any

    def __post_init__(self):
        values = list(self.values)
        words = [isinstance(value, str) for value in values]
        pairs = any(isinstance(value, list | tuple) for value in values)
        alike = all(words) or not any(words) and not pairs
        if len(set(map(str, values))) < max(len(values), 2) or self.chapter not in values or not alike:
            raise ValueError(
                f"Control {self.label!r}: expected two different values or more, all words or all numbers, "
                f"the chapter's own {self.chapter!r} among them, got {values}."
            )


class Workbench:
    """Train or draw again with other settings.

    Args:
        own: The chapter's result, with the chapter's settings.
        work: ``work(progress, **settings)`` gives a result, and calls ``progress(share)`` on the way.
        draw: ``draw(ax, result)`` draws it.
        controls: Settings by name.
        alt: What the picture shows, in words.
        live: ``live(result)`` makes a live figure that follows the result, or None where none can.

    Raises:
        ValueError: If there are no controls, or no words for the picture.
    """

    def __init__(
        self, own: Any, work: Callable[..., Any], draw: Callable[[Axes, Any], object],
        controls: Mapping[str, Control], *, alt: str, live: Callable[[Any], LiveFigure | None] | None = None,
    ):  # fmt: skip
        if not controls or not alt.strip():
            raise ValueError(f"Workbench: expected controls and alt text, got {dict(controls)} and {alt!r}.")
        self.own, self.work, self.draw, self.controls = own, work, draw, dict(controls)
        self.alt, self.live = alt, live

    def picture(self, result: Any = None) -> bytes:
        """The chapter's result as a PNG; beside it the reader's, with the same axes, if there is one."""
        shown = {"the chapter's": self.own} | ({} if result is None else {"yours": result})
        with still():
            figure, axes = plt.subplots(1, len(shown), figsize=(3.5 * len(shown), 3.2), squeeze=False,
                                        sharex=True, sharey=True)  # fmt: skip
            for ax, (whose, one) in zip(axes[0], shown.items(), strict=True):
                self.draw(ax, one)
                ax.set_title(whose)
            return png(figure)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        """The picture, and where widgets are shown, the controls."""
        image = base64.b64encode(self.picture()).decode()
        page = (
            f'<div class="dgm-bench"><img src="data:image/png;base64,{image}" alt="{html.escape(self.alt)}" '
            f'style="width:26em;max-width:100%"><p class="dgm-how">{HOW}</p></div>'
        )
        bundle = {"text/plain": self.alt, "text/html": page}
        try:
            return bundle | {k: v for k, v in self.widget().mimebundle().items() if "widget-view" in k}
        except ModuleNotFoundError as error:  # the picture is better than nothing
            return bundle | {"text/html": page + f"<p>{html.escape(str(error))}</p>"}

    def widget(self) -> "Panel":
        """The controls, made anew: they need a kernel that goes on running."""
        return Panel(self)


class Panel:
    """The widgets of a workbench.

    Args:
        bench: What it controls.
    """

    def __init__(self, bench: Workbench):
        with extra("live"):
            import ipywidgets as widgets
        self.bench = bench
        wide = {
            "style": {"description_width": "11em"},
            "layout": widgets.Layout(width="28em", max_width="100%"),
        }
        self.inputs = {
            name: (widgets.Dropdown if isinstance(c.chapter, str) else widgets.SelectionSlider)(
                options=list(c.values), value=c.chapter, description=c.label, **wide
            )
            for name, c in bench.controls.items()
        }
        self.button = widgets.Button(description="Run", button_style="primary")
        self.bar = widgets.FloatProgress(min=0, max=1, value=0)
        self.said = widgets.HTML("Choose settings and run.")
        self.image = widgets.Image(value=bench.picture(), format="png")
        self.image.layout.max_width = "100%"
        self.below = widgets.VBox()
        self.box = widgets.VBox([
            *self.inputs.values(), widgets.HBox([self.button, self.bar]), self.said, self.image, self.below
        ])  # fmt: skip
        self.button.on_click(lambda _: self.run())

    def mimebundle(self) -> dict[str, Any]:
        """What a front end with widgets shows: ipywidgets 8 has a method for it, 7 an older one."""
        if hasattr(self.box, "_repr_mimebundle_"):
            found = self.box._repr_mimebundle_()
            return found[0] if isinstance(found, tuple) else found or {}
        view = {"version_major": 2, "version_minor": 0, "model_id": self.box.model_id}
        return {"application/vnd.jupyter.widget-view+json": view}

    def run(self) -> None:
        """Work with the settings that are chosen, and show what came out; an error is said in words."""
        settings = {name: control.value for name, control in self.inputs.items()}
        self.button.disabled, self.bar.value, self.said.value = True, 0.0, "Running …"
        try:
            result = self.bench.work(self._progress, **settings)
            self.image.value, self.below.children = self.bench.picture(result), ()
            figure = self.bench.live(result) if self.bench.live else None
            self.below.children = () if figure is None else (figure.widget(),)
            self.said.value = html.escape("Yours: " + ", ".join(
                f"{self.bench.controls[name].label} {value}" for name, value in settings.items()
            ))  # fmt: skip
            self.bar.value = 1.0
        except KeyboardInterrupt:
            self.said.value = "Stopped by you."
        except Exception as error:  # whatever a reader's settings may do
            self.said.value = html.escape(f"It stopped: {type(error).__name__} {error}".rstrip())
        finally:
            self.button.disabled = False

    def _progress(self, share: float) -> None:
        self.bar.value = max(0.0, min(float(share), 1.0)) if share == share else self.bar.value

"""What became of the essay's claims, by one rule, on cards that show themselves in a notebook.

    state of a claim = the worst state of its parts

A condition is a function of the figures beside it, and stands in words in book/claims.yml, where it
was put before the run. It looks at every figure that its card shows: one that it leaves out is refused,
unless the claim fails already.
"""

import html
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import NamedTuple

import yaml

MIME = "application/vnd.dgm-lite.claim+json"


class State(NamedTuple):
    """How a state of a claim is shown: word and sign carry its meaning, colour only helps."""

    css: str
    sign: str
    meaning: str


STATES = {  # from the best to the worst
    "holds": State("holds", "✓", "What was measured agrees with the claim."),
    "holds, more exactly put": State("exactly", "≈", "It agrees once the wording is mended."),
    "holds if": State("if", "◐", "It agrees under a condition that the measurement found, and only then."),
    "not tried": State("untried", "–", "Nobody has made the attempt that could have succeeded."),
    "fails": State("fails", "✗", "What was measured contradicts it."),
    "not yet": State("open", "○", "No chapter has measured it so far."),
}

Condition = Callable[[Mapping[str, float]], bool]
Figure = float | tuple[float, str]  # a number, or one with its format, such as "{:.1f} nats"


class _LookedAt(Mapping):
    """Figures that remember which of them a condition asked for."""

    def __init__(self, figures: Mapping[str, Figure]):
        self.numbers = {name: f[0] if isinstance(f, tuple) else f for name, f in figures.items()}
        self.seen: set[str] = set()

    def __getitem__(self, name: str) -> float:
        self.seen.add(name)
        return self.numbers[name]

    def __iter__(self) -> Iterator[str]:
        self.seen |= set(self.numbers)  # whoever goes through them asks for all, even if one decides
        return iter(self.numbers)

    def __len__(self) -> int:
        return len(self.numbers)


@dataclass(frozen=True)
class Verdict:
    """What became of a claim, or of a part of it.

    Args:
        state: A key of ``STATES``.
        figures: What was measured, each as text, by name.
        words: After "holds, more exactly put" the better wording; after "holds if" the condition that was
            found; after "not tried" what an attempt would take.
        note: What a reader should know besides. It has no say in the state.

    Raises:
        ValueError: If there is no such state.
    """

    state: str
    figures: Mapping[str, str] = field(default_factory=dict)
    words: str = ""
    note: str = ""

    def __post_init__(self):
        if self.state not in STATES:
            raise ValueError(f"Verdict: expected a state among {list(STATES)}, got {self.state!r}.")

    @property
    def said(self) -> str:
        """The state, and what belongs to it: "holds if x is …"."""
        joint = {"holds if": " ", "": ""}.get(self.state if self.words else "", ": ")
        return f"{self.state}{joint}{self.words}"

    def record(self) -> dict:
        """As plain data."""
        return {"verdict": self.state, "measured": _listed(self.figures), "words": self.words,
                "note": self.note}  # fmt: skip


def verdict(figures: Mapping[str, Figure], holds: Condition, *, more_exactly: str = "",
            only_if: tuple[str, Condition] | None = None, note: str = "") -> Verdict:  # fmt: skip
    """What follows from figures.

    Args:
        figures: What was measured, by name: numbers, or each with its format, ``(0.52, "{:.0%}")``.
        holds: ``holds(figures)``: whether they bear the claim out, in the better wording if there is one.
        more_exactly: The better wording, where the essay's own is not quite right.
        only_if: A condition in words and as a function of the figures: if the claim does not hold as it
            stands, whether it holds in the cases that the condition names.
        note: What a reader should know besides.

    Raises:
        ValueError: If there are no figures, one of them is NaN, or no condition looks at one of them.
    """
    if not figures:
        raise ValueError("verdict: expected figures that were measured, got none.")
    looked = _LookedAt(figures)
    if missing := [name for name, number in looked.numbers.items() if number != number]:
        raise ValueError(f"verdict: expected numbers that were measured, got NaN for {missing}.")
    state, words = "fails", ""
    if bool(holds(looked)):
        state, words = ("holds, more exactly put", more_exactly) if more_exactly else ("holds", "")
    if only_if and bool(only_if[1](looked)) and state == "fails":
        state, words = "holds if", only_if[0]
    unseen = [name for name in figures if name not in looked.seen]
    if unseen and state != "fails":  # one figure is enough to fail
        raise ValueError(
            f"verdict: expected conditions that look at every figure, got none that looks at {unseen}. "
            "What the card shows has a say in the verdict; what has none belongs in the chapter's text."
        )
    return Verdict(state, {name: _text(value) for name, value in figures.items()}, words, note)


def not_tried(why: str) -> Verdict:
    """For what nobody has tried in a way that could have succeeded. It counts for nobody.

    Args:
        why: What an attempt would take.
    """
    return Verdict("not tried", words=why)


def worst(states: Iterable[str]) -> str:
    """The state of a claim whose parts have these."""
    return max(states, key=list(STATES).index)


def _text(figure: Figure) -> str:
    value, form = figure if isinstance(figure, tuple) else (figure, None)
    value = value.item() if hasattr(value, "item") else value
    if form:
        return form.format(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else f"{value:.3g}"


def _listed(figures: Mapping[str, str]) -> str:
    return "; ".join(f"{name} {text}" for name, text in figures.items())


@cache
def ledger() -> dict[str, dict]:
    """Every claim of the essay by id, from book/claims.yml.

    Raises:
        FileNotFoundError: If the file is missing.
    """
    package = Path(__file__).resolve().parent
    for file in (package.parent / "book" / "claims.yml", package / "_data" / "claims.yml"):
        if file.is_file():
            return {entry["id"]: entry for entry in yaml.safe_load(file.read_text(encoding="utf-8"))}
    raise FileNotFoundError("claims: claims.yml is missing; install the package again.")


@dataclass(frozen=True)
class Card:
    """A claim of the ledger and what became of each of its parts; shows itself in a notebook.

    Args:
        id: Of the claim.
        parts: A verdict for each part, by name; one without a name for a claim that has no parts.
    """

    id: str
    parts: Mapping[str, Verdict]

    @property
    def state(self) -> str:
        """The worst of its parts'."""
        return worst(part.state for part in self.parts.values())

    def __str__(self) -> str:
        entry = ledger()[self.id]
        lines = [f"[{self.id}] {entry['says']}", f"  holds where: {entry['condition']}"]
        for name, part in self.parts.items():
            lines += [f"  {name}"] * bool(name)
            lines += [f"  measured: {_listed(part.figures)}"] * bool(part.figures)
            lines += [f"  verdict: {part.said}"]
            lines += [f"  note: {part.note}"] * bool(part.note)
        return "\n".join([*lines, f"  scope: {entry['scope']}"])

    def _repr_mimebundle_(self, **_) -> dict:
        entry, escape = ledger()[self.id], html.escape
        parts = "".join(_part_html(name, part) for name, part in self.parts.items())
        page = (
            f'<aside class="dgm-claim dgm-claim-{STATES[self.state].css}" id="claim-{self.id}" '
            f'aria-label="Claim {self.id}">'
            f'<p class="dgm-claim-says"><span class="dgm-claim-id">{self.id}</span> '
            f"{escape(entry['says'])}</p>"
            f'<p class="dgm-claim-rule">Holds where: {escape(entry["condition"])}</p>'
            f'{parts}<p class="dgm-claim-scope">Scope: {escape(entry["scope"])}</p></aside>'
        )
        records = [{"part": name, **part.record()} for name, part in self.parts.items()]
        record = {"id": self.id, "verdict": self.state, "parts": records}
        return {"text/plain": str(self), "text/html": page, MIME: record}


def _part_html(name: str, part: Verdict) -> str:
    state, escape = STATES[part.state], html.escape
    title = f'<p class="dgm-claim-part">{escape(name)}</p>' if name else ""
    rows = "".join(
        f'<div><dt>{escape(what)}</dt><dd class="dgm-measured">{escape(text)}</dd></div>'
        for what, text in part.figures.items()
    )
    note = f'<p class="dgm-claim-note">{escape(part.note)}</p>' if part.note else ""
    return (
        f"{title}{f'<dl>{rows}</dl>' if rows else ''}"
        f'<p class="dgm-claim-verdict dgm-state-{state.css}"><span aria-hidden="true">{state.sign}</span> '
        f"{escape(part.said)}</p>{note}"
    )


def claim(id: str, figures: Mapping[str, Figure] | None = None, holds: Condition | None = None, *,
          more_exactly: str = "", only_if: tuple[str, Condition] | None = None, note: str = "",
          parts: Mapping[str, Verdict] | None = None) -> Card:  # fmt: skip
    """Show what became of a claim: from figures and a condition, or from the verdicts on its parts.

    Args:
        id: The claim's id in book/claims.yml.
        figures: What was measured; see ``verdict``.
        holds: The condition.
        more_exactly: The better wording.
        only_if: A condition under which it holds.
        note: What a reader should know besides.
        parts: In place of all these a verdict for each part, by name.

    Raises:
        ValueError: If the ledger has no such claim, or no condition written for it; if figures or parts are
            missing, or both are given, or parts beside words; or if no condition looks at one of the figures.
    """
    if id not in ledger():
        raise ValueError(f"claim: expected an id of book/claims.yml, got {id!r}.")
    if lacking := [name for name in ("condition", "scope") if not ledger()[id].get(name)]:
        raise ValueError(
            f"claim: expected {id} to have {' and '.join(lacking)} in book/claims.yml, got none."
        )
    if (figures is None) == (parts is None) or (figures is None) != (holds is None):
        raise ValueError("claim: expected figures and a condition, or parts; got neither, or some of both.")
    if parts is not None and (not parts or more_exactly or only_if or note):
        raise ValueError("claim: expected parts, each with words and a note of its own; got none, or these.")
    if parts is None:
        parts = {"": verdict(figures, holds, more_exactly=more_exactly, only_if=only_if, note=note)}
    return Card(id, parts)

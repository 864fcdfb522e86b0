"""Who takes part in the comparison: read from the catalog, where each model is entered once."""

from dataclasses import dataclass, replace

from torch import nn

from dgm_lite import catalog
from dgm_lite.catalog.entry import Entry, Trial
from dgm_lite.catalog.families import FAMILIES

ROWS = {family.key: family.title for family in FAMILIES if family.table}  # of Table 1


@dataclass(frozen=True)
class Competitor:
    """A model of the catalog in one part of the comparison.

    Args:
        entry: What the catalog knows of it.
        trial: What it is measured with.
    """

    entry: Entry
    trial: Trial

    @property
    def name(self) -> str:
        """Its name in the results."""
        return self.trial.name or self.entry.name

    def build(self, **changes) -> nn.Module:
        """The model as it takes part, or with changes to its arguments.

        Raises:
            ValueError: If the model takes no such argument.
        """
        own = self.trial.address
        entry = replace(self.entry, address=own, arguments={}) if own else self.entry
        return entry.build(**{**self.trial.arguments, **changes})


def competitors(part: str) -> list[Competitor]:
    """All of a part, family after family as in Table 1."""
    return [
        Competitor(entry, trial)
        for family in ROWS
        for entry in catalog.MODELS
        for trial in entry.trials
        if entry.family == family and trial.part == part
    ]


def counted(part: str, family: str) -> list[Competitor]:
    """Those of a family that count, the one that the table quotes first."""
    own = [c for c in competitors(part) if c.entry.family == family and not c.trial.beside]
    return sorted(own, key=lambda c: not c.trial.quoted)


def quoted(part: str, family: str) -> Competitor:
    """The one whose figures the table quotes for its family.

    Raises:
        ValueError: If no entry is quoted there.
    """
    for one in counted(part, family):
        if one.trial.quoted:
            return one
    raise ValueError(f"table: expected an entry of family {family!r} that is quoted for {part!r}, got none.")


def beside(part: str, family: str) -> list[Competitor]:
    """Those of a family that stand beside the ones that count."""
    return [c for c in competitors(part) if c.entry.family == family and c.trial.beside]

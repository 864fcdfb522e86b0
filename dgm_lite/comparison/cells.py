"""What a cell of the table is, and where the model stands that it quotes."""

from dgm_lite.comparison.competitors import Competitor

Cell = dict[str, object]
MET = "test digits met by a search or by draws"


def chapter_of(competitor: Competitor) -> str:
    """The address of its chapter, from the page with the table."""
    return f"../{competitor.entry.chapter}.html"

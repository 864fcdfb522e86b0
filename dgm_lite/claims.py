"""Cards that say whether a claim of the essay held when its cell ran."""

import html
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

MIME = "application/vnd.dgm-lite.claim+json"
VERDICTS = {"holds": "✓", "holds with a caveat": "≈", "fails": "✗"}


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
    """A claim, what we measured, and the verdict; shows itself in a notebook."""

    id: str
    says: str
    measured: str
    verdict: str
    caveat: str | None

    def __str__(self) -> str:
        lines = [f"[{self.id}] {self.says}", f"  measured: {self.measured}", f"  verdict: {self.verdict}"]
        return "\n".join(lines + ([f"  caveat: {self.caveat}"] if self.caveat else []))

    def _repr_mimebundle_(self, **_) -> dict:
        kind = self.verdict.split()[-1] if self.verdict != "holds" else "holds"
        caveat = f'<p class="dgm-claim-caveat">{html.escape(self.caveat)}</p>' if self.caveat else ""
        page = (
            f'<aside class="dgm-claim dgm-claim-{kind}" id="claim-{self.id}" aria-label="Claim {self.id}">'
            f'<p class="dgm-claim-says"><span class="dgm-claim-id">{self.id}</span> '
            f"{html.escape(self.says)}</p>"
            f'<p>Measured: <span class="dgm-measured">{html.escape(self.measured)}</span></p>'
            f'<p class="dgm-claim-verdict"><span aria-hidden="true">{VERDICTS[self.verdict]}</span> '
            f"{self.verdict}</p>"
            f"{caveat}</aside>"
        )
        record = {"id": self.id, "verdict": self.verdict, "measured": self.measured, "caveat": self.caveat}
        return {"text/plain": str(self), "text/html": page, MIME: record}


def claim(id: str, *, measured: str, holds: bool, caveat: str | None = None) -> Card:
    """Show what became of a claim.

    Args:
        id: The claim's id in book/claims.yml.
        measured: The figures, in words a reader understands, made from this run's numbers.
        holds: Whether the measurement supports the claim: an expression, never a constant.
        caveat: What has to be added for the claim to be true.

    Returns:
        A card with the verdict "holds", "holds with a caveat" or "fails".

    Raises:
        ValueError: If the ledger has no such claim.
    """
    if id not in ledger():
        raise ValueError(f"claim: expected an id of book/claims.yml, got {id!r}.")
    verdict = "fails" if not bool(holds) else "holds with a caveat" if caveat else "holds"
    return Card(id, ledger()[id]["says"], measured, verdict, caveat)

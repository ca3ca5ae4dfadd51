"""Where each figure of a plan comes from, and how much of its uncertainty is guesswork."""

from typing import Literal

import msgspec

Kind = Literal["measured", "published", "default", "typed"]

#: Kinds that count as guesses: what the user believes, and what siotool assumes instead.
GUESSED: frozenset[Kind] = frozenset(("typed", "default"))
#: Before the key of the figure that another one is.
_SAME = "as "


class Provenance(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Origin of one figure.

    ``measured``: ``detail`` names the runs. ``published``: a source, by its address.
    ``typed``: where the user wrote it (a file and key, or an option). ``default``: why this one.
    """

    kind: Kind
    detail: str = ""

    @property
    def same_as(self) -> str:
        """Key of the figure that this one is (``as_figure``), and is drawn with; empty for one of its own."""
        return self.detail.removeprefix(_SAME) if self.detail.startswith(_SAME) else ""

    @property
    def guessed(self) -> bool:
        """True for a figure that was neither measured nor published."""
        return self.kind in GUESSED

    def words(self) -> str:
        """Return it as a report prints it: ``measured (run 20260101-chat)``."""
        return f"{self.kind} ({self.detail})" if self.detail else self.kind


def measured(runs: tuple[str, ...]) -> Provenance:
    """Return the provenance of a figure estimated from runs, named by their ids."""
    several = "runs" if len(runs) > 1 else "run"
    return Provenance("measured", f"{several} {', '.join(runs)}")


def as_figure(key: str, kind: Kind) -> Provenance:
    """Return the provenance of a figure that was left out and is another one, by that one's key and kind."""
    return Provenance(kind, f"{_SAME}{key}")

"""Where each figure of a plan comes from, and how much of its uncertainty is guesswork."""

from collections.abc import Mapping
from typing import Literal

import msgspec

from siotool.errors import InputError
from siotool.units import format_share

Kind = Literal["measured", "published", "default", "typed"]

#: Figures nobody has looked at: what the user believes, and what siotool assumes in its place.
GUESSED: frozenset[Kind] = frozenset(("typed", "default"))


class Provenance(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Origin of one figure.

    ``measured``: ``detail`` names the runs. ``published``: a source, by its address.
    ``typed``: where the user wrote it (a file and key, or an option). ``default``: why this one.
    """

    kind: Kind
    detail: str = ""

    @property
    def guessed(self) -> bool:
        """True when nobody measured or published the figure."""
        return self.kind in GUESSED

    def words(self) -> str:
        """Return it as a report prints it: ``measured (run 20260101-chat)``."""
        return f"{self.kind} ({self.detail})" if self.detail else self.kind


def measured(runs: tuple[str, ...]) -> Provenance:
    """Return the provenance of a figure estimated from runs, named by their ids."""
    several = "runs" if len(runs) > 1 else "run"
    return Provenance("measured", f"{several} {', '.join(runs)}")


def counted(provenances: Mapping[str, Provenance]) -> dict[Kind, int]:
    """Return how many inputs are of each kind; kinds without any are left out."""
    found: dict[Kind, int] = {}
    for provenance in provenances.values():
        found[provenance.kind] = found.get(provenance.kind, 0) + 1
    return found


def guessed_share(provenances: Mapping[str, Provenance], variances: Mapping[str, float]) -> float | None:
    """Return the share of the variance that comes from guesses, between 0 and 1.

    ``variances`` holds each input's share of the result's variance, in any common unit (first
    order Sobol indices, for one); an input without an entry adds none. None when nothing varies.
    Raises InputError for a variance below 0 or of an input whose provenance is not known.
    """
    for name, variance in variances.items():
        if name not in provenances:
            raise InputError(f"{name} has a variance but no provenance", "say where the figure comes from")
        if not variance >= 0:
            raise InputError(f"the variance of {name} is {variance}", "a variance is 0 or more")
    total = sum(variances.values())
    if total <= 0:
        return None
    return sum(value for name, value in variances.items() if provenances[name].guessed) / total


def guesswork(provenances: Mapping[str, Provenance], variances: Mapping[str, float]) -> str:
    """Return which share of the uncertainty comes from guesses, and the largest of them, in a sentence."""
    share = guessed_share(provenances, variances)
    if share is None:
        return "No input varies, so the plan has no uncertainty to share out."
    guesses = {name: value for name, value in variances.items() if provenances[name].guessed and value > 0}
    if not guesses:
        return "None of the uncertainty comes from guesses: all that varies was measured or published."
    largest = max(guesses, key=lambda name: guesses[name])
    return (
        f"{format_share(share)} of the uncertainty comes from guesses, most of it from {largest} "
        f"({provenances[largest].words()})."
    )

"""The terms of a server's curve in words, and which of them some phases can separate."""

from collections.abc import Sequence

import numpy as np

from siotool.plan.evidence.curve import FLOOR_CORES, TERMS, TURNS_MOST, design
from siotool.plan.evidence.holds import HeldPhase
from siotool.plan.evidence.regressors import inflation
from siotool.runs.seconds import Floats

#: In the order of a report: what a cost is of, and its unit.
TERM_WORDS = {
    "delivery": ("one message written to one client", "core-seconds"),
    "long": ("a long one, of some 300 B or more, to one client, besides", "core-seconds"),
    "byte": ("one byte sent", "core-seconds"),
    "inbound": ("one message from a client", "core-seconds"),
    "publish": ("one of them that is broadcast, besides", "core-seconds"),
    "ack": ("one acknowledgement", "core-seconds"),
    "long_ack": ("a long one, of some 300 B or more, besides", "core-seconds"),
    "byte_in": ("one byte received", "core-seconds"),
    "turn": ("one wake-up of the event loop", "core-seconds"),
    "connect": ("one connection opened and closed", "core-seconds"),
    "idle": ("one connection that does nothing, per second", "core-seconds/s"),
    "base": ("the server at rest", "cores"),
}
#: Above this variance inflation phases do not say which of two costs it was. Phases are designed to have
#: small errors, so the limit is above the usual 10 (``siotool.plan.evidence.regressors``).
_INFLATION_LIMIT = 60.0
_NEARLY = 0.98
#: Terms that refine others: the first of them are left out where there are too few phases.
_REFINING = ("long_ack", "publish", "long", "turn", "byte_in")
#: Phases needed beyond the number of costs.
SPARE = 1


def separable(holds: Sequence[HeldPhase]) -> tuple[list[str], dict[str, str]]:
    """The terms whose costs these phases show, and for those that they do not, a sentence with why."""
    kept, absorbed = _apart(holds)
    for name in _REFINING:
        if name in kept and len(kept) > len(holds) - SPARE:
            kept.remove(name)
            absorbed[name] = "there are too few phases to tell it apart"
    return kept, absorbed


def _apart(holds: Sequence[HeldPhase]) -> tuple[list[str], dict[str, str]]:
    table = design(holds, TERMS, TURNS_MOST)
    weights = 1 / (FLOOR_CORES + np.array([hold.cores for hold in holds]))
    columns = {name: table[:, number] for number, name in enumerate(TERMS)}
    kept: list[str] = []
    absorbed: dict[str, str] = {}
    for name in TERMS:
        words = TERM_WORDS[name][0]
        if not columns[name].any():
            absorbed[name] = f"no phase had any ({words})"
            continue
        weighted = np.array([columns[other] * weights for other in (*kept, name)])
        if kept and inflation(weighted, centred=False) > _INFLATION_LIMIT:
            absorbed[name] = _inside(name, kept, columns)
        else:
            kept.append(name)
    return kept, absorbed


def _inside(name: str, kept: Sequence[str], columns: dict[str, Floats]) -> str:
    mine = columns[name] / np.linalg.norm(columns[name])
    alike = {other: float(mine @ columns[other] / np.linalg.norm(columns[other])) for other in kept}
    nearest = max(alike, key=lambda other: alike[other])
    if alike[nearest] > _NEARLY:
        return f"it always came with {TERM_WORDS[nearest][0]}, whose cost includes it"
    return "it followed from the others together, whose costs include it"

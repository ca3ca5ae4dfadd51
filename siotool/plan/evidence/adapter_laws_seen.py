"""The law of an adapter held against what was counted: who receives a publish (``plan.adapters.laws``)."""

from collections.abc import Sequence
from typing import get_args

import msgspec
import numpy as np

from siotool.plan.adapters.laws import Adapter, Law
from siotool.plan.evidence.fleet_phases import FleetPhase, law_share

#: A counted share may differ from the law's by so much: counts of two seconds end in the middle of a message.
WITHIN = 0.03
#: And by so much where it depends on which servers the members of the few rooms happen to be on.
WITHIN_BY_CHANCE = 0.1


class LawSeen(msgspec.Struct, frozen=True, kw_only=True):
    """Publishes of one kind in one fleet: the share of servers that received each, by the law and counted.

    ``low`` and ``high`` are those of the servers that received the fewest and the most. ``like`` is the law
    that the count fits, "" where it fits none.
    """

    servers: int
    kind: str
    publishes: float
    expected: float
    counted: float
    low: float
    high: float
    within: float
    holds: bool
    like: str


def laws_seen(adapter: Adapter, phases: Sequence[FleetPhase]) -> list[LawSeen]:
    """Return one for each fleet and kind of audience that had any publish."""
    found = []
    for servers in sorted({one.servers for one in phases}):
        for kind, words in (("room", "to rooms"), ("all", "to all")):
            these = [one for one in phases if (one.servers, one.kind) == (servers, kind)]
            if any(one.published_per_s for one in these):
                found.append(_seen(adapter, these, words))
    return found


def _seen(adapter: Adapter, phases: Sequence[FleetPhase], words: str) -> LawSeen:
    """The median of the phases: what is published while a backend stands still arrives in the next one."""
    phases = [one for one in phases if one.published_per_s]
    # what servers gave away and what they received is counted at the same moments; nothing is given with none
    given = np.array([one.given_per_s or one.published_per_s for one in phases])
    published = float(given @ np.array([one.seconds for one in phases]))
    shares = np.array([one.received_per_s for one in phases]) / given[:, None]
    received = np.median(shares, axis=0)
    counted = float(np.median(shares.mean(axis=1)))
    expected = law_share(adapter, phases[0])
    within = _within(adapter, phases[0])
    laws = [msgspec.structs.replace(adapter, law=law) for law in get_args(Law)]
    alike = [law.law for law in laws if abs(law_share(law, phases[0]) - counted) <= _within(law, phases[0])]
    holds = abs(counted - expected) <= within
    return LawSeen(
        servers=phases[0].servers,
        kind=words,
        publishes=published,
        expected=expected,
        counted=counted,
        low=float(received.min()),
        high=float(received.max()),
        within=within,
        holds=holds,
        like=adapter.law if holds else next(iter(alike), ""),
    )


def _within(adapter: Adapter, phase: FleetPhase) -> float:
    by_chance = adapter.law == "hosting" and phase.kind == "room" and phase.servers > 1
    return WITHIN_BY_CHANCE if by_chance else WITHIN

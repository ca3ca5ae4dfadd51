"""The program of load of a search for capacity: one load after another, as what was seen decides."""

import math
from collections.abc import Sequence

import msgspec

from siotool.runfile import Interval
from siotool.runs.generator_limits import OWN_FAILURES, limits_reached, own_failure
from siotool.search.axis import UNITS, WHOLE, show_load
from siotool.search.capacity_search import FACTOR, Asked, CapacitySearch, HoldEnded
from siotool.search.joined_searches import joined_searches
from siotool.search.objective import Objective, mean_level_s
from siotool.search.seen_blocks import Block
from siotool.searched import (
    GENERATOR,
    NOT_SAMPLED,
    NOT_SHOWN,
    TIME,
    TIME_OVER,
    UNSAMPLED,
    FoundCapacity,
    Hold,
    SearchAxis,
)
from siotool.swarm.program import TICK_S, Seen, Wanted
from siotool.workload import Arrivals

#: Users move to another number within about this, but no more than so many start or leave per second.
MOVE_S = 2.0
MOST_PER_S = 90.0
#: A user that comes with ``connects`` stays so long.
STAY_S = 1.0
#: A run of weeks: users arrive until they are told otherwise.
_LONG_S = 1e6
#: How the target ends a connection so that its user does not come back by itself.
_FOR_GOOD = ("connect_error", "server_disconnect")
#: The last lines are written before the program is over.
_LAST_S = 0.1


class SearchedLoad(msgspec.Struct, frozen=True):
    """What is raised, from ``start`` to ``most``, with ``users`` where it is something else than users.

    ``own_most``: the search goes no higher because the generator could not, not because it is not to.
    ``link_bytes_per_s`` is what the generator's network link carries, None where it is not known.
    """

    axis: SearchAxis
    start: float
    most: float
    users: int
    own_most: bool = False
    link_bytes_per_s: float | None = None


class SearchProgram:
    """Holds loads until the capacity is known; what it learns goes into the run file.

    ``before`` is what searches found before the server was started again. What is written down joins
    all of them: the interval that holds every one's.
    """

    def __init__(
        self,
        searched: SearchedLoad,
        objectives: Sequence[Objective],
        confidence: float,
        before: Sequence[FoundCapacity] = (),
    ) -> None:
        self._searched = searched
        self._objectives = list(objectives)
        near = min((one.low for one in before), default=0.0) / FACTOR
        self._asked = Asked(
            allowed=tuple(one.allowed for one in objectives),
            start=max(searched.start, near),
            most=searched.most,
            whole=searched.axis in WHOLE,
            meant=tuple(number for number, one in enumerate(objectives) if one.kind == "late") or (0,),
            confidence=confidence,
        )
        self._earlier = list(before)
        #: What this search alone has found by now.
        self.own: FoundCapacity | None = None
        self._search = CapacitySearch(self._asked)
        self._load = self._search.load
        #: From when on the load has been wanted; until when it was seen.
        self._since_s = self._seen_s = 0.0
        self._before: Interval | None = None
        self._failed: dict[str, float] = {}
        self._lines: list[Hold | FoundCapacity] = []
        self._ended = False
        #: Kinds of the generator's own failures for which users are away still.
        self._own_failures: set[str] = set()
        #: How many of the users that are away now the target may have sent away for good.
        self._sent_away = 0
        #: Why loads showed nothing.
        self._unshown: set[str] = set()
        #: Those of them that are the generator's limits or failures.
        self._own_limits: set[str] = set()

    def tick(self, elapsed_s: float, seen: Sequence[Seen]) -> Wanted | None:
        """The load of the next second; None once the search is over and its last lines are written."""
        if self._ended:
            return None
        self._lines = []
        fresh = []
        for one in reversed(seen):
            if one.t_s <= self._seen_s:
                break
            fresh.append(one)
        for one in reversed(fresh):
            self._take(one, elapsed_s)
        if self._search.over:
            self._ended = True
            return self._wanted(elapsed_s + _LAST_S)
        return self._wanted(elapsed_s + TICK_S)

    def _take(self, one: Seen, elapsed_s: float) -> None:
        self._seen_s = one.t_s
        begin_s = one.t_s - one.duration_s
        before, self._before = self._before, one.interval
        self._follow_own_failures(one.interval)
        if self._search.over or begin_s < self._since_s - 0.05:
            return  # it began under the load before
        ended = self._search.add(self._block(one, before))
        if ended is not None:
            self._note(ended, one.interval.t_s)
        if self._search.load != self._load:
            self._load, self._since_s = self._search.load, elapsed_s

    def _block(self, one: Seen, before: Interval | None) -> Block:
        counted = [objective.count(one.interval, before, one.server_cores) for objective in self._objectives]
        own = limits_reached(one.interval, self._searched.link_bytes_per_s)
        own = [*own, *map(own_failure, sorted(self._own_failures))]
        self._own_limits |= set(own)
        doubts = [*one.doubts, *own]
        if any(gate.unseen(one.interval, one.server_cores) for gate in self._objectives):
            doubts.append(NOT_SAMPLED)
        return Block(
            duration_s=one.duration_s,
            missed=tuple(missed for missed, _ in counted),
            tried=tuple(tried for _, tried in counted),
            there=self._is_there(one),
            level_s=mean_level_s(self._objectives, one.interval),
            doubts=tuple(dict.fromkeys(doubts)),
        )

    def _follow_own_failures(self, interval: Interval) -> None:
        """Users that the generator could not connect try again only now and then, and are away until then."""
        there = interval.connections
        away = max(0, there.users - there.open)
        sent = sum(there.failed.get(kind, 0) + there.closed.get(kind, 0) for kind in _FOR_GOOD)
        self._sent_away = min(self._sent_away + sent, away)
        if self._searched.axis == "connects" or away <= self._sent_away:
            self._own_failures.clear()
        else:
            self._own_failures |= {kind for kind in OWN_FAILURES if there.failed.get(kind)}

    def _is_there(self, one: Seen) -> bool:
        if self._searched.axis == "connects":
            return one.t_s - self._since_s > STAY_S + 1
        return one.users == self._users()

    def _users(self) -> int:
        return int(self._load) if self._searched.axis == "users" else self._searched.users

    def _wanted(self, until_s: float) -> Wanted:
        users = self._users()
        axis = self._searched.axis
        at = show_load(UNITS[axis], self._load)
        return Wanted(
            users=0 if axis == "connects" else users,
            until_s=until_s,
            spawn_rate_per_s=max(1.0, min(MOST_PER_S, users / MOVE_S)),
            note=f"{at}: {self._known()}",
            rate=self._load if axis == "rate" else None,
            size=int(self._load) if axis == "size" else None,
            arrivals=Arrivals(self._load, _LONG_S, stay_s=STAY_S) if axis == "connects" else None,
            lines=tuple(self._lines),
        )

    def _known(self) -> str:
        low, high = self._search.interval()
        unit = UNITS[self._searched.axis]
        if high is None:
            return f"capacity at least {show_load(unit, low)} by now" if low else "nothing is known yet"
        below = f"{show_load(unit, low)} to " if low else "less than "
        return f"capacity {below}{show_load(unit, high)} by now"

    # ── what is written down ──────────────────────────────────────────────────────────

    def _note(self, ended: HoldEnded, t_s: float) -> None:
        visit = ended.visit
        worst, missed, allowed, operations = self._worst(ended)
        if ended.outcome == "failed":
            self._failed[worst] = min(visit.load, self._failed.get(worst, math.inf))
        if ended.outcome == "generator":
            self._unshown |= set(ended.doubts)
        counted_s = sum(block.duration_s for block in visit.blocks)
        self._lines.append(
            Hold(
                t_s=round(t_s, 3),
                begin_s=round(max(0.0, t_s - counted_s), 3),
                load=visit.load,
                outcome=ended.outcome,
                gate=worst,
                missed=missed,
                allowed=allowed,
                operations=operations,
                blocks=len(visit.blocks),
                settling_s=round(visit.settling_s, 3),
                restarts=len(self._earlier),
                doubts=list(ended.doubts),
            )
        )
        self.own = self._found(t_s)
        self._lines.append(joined_searches([*self._earlier, self.own]))

    def _worst(self, ended: HoldEnded) -> tuple[str, float, float, int]:
        """The gate that a hold came nearest to failing: its text, missed and allowed shares, operations."""
        found = []
        for number, objective in enumerate(self._objectives):
            tried = sum(block.tried[number] for block in ended.visit.blocks)
            missed = sum(block.missed[number] for block in ended.visit.blocks)
            if tried:
                share = min(1.0, missed / tried)
                found.append((share / objective.allowed, -number, share, int(tried)))
        if not found:
            return "", 0.0, 0.0, 0
        _, number, share, operations = max(found)  # of equal ones the first: those asked for come first
        worst = self._objectives[-number]
        return worst.text, share, worst.allowed, operations

    def _found(self, t_s: float) -> FoundCapacity:
        search, searched = self._search, self._searched
        low, high = search.interval()
        first = min(self._failed.items(), key=lambda entry: entry[1], default=("", 0.0))[0]
        return FoundCapacity(
            t_s=round(t_s, 3),
            search=searched.axis,
            unit=UNITS[searched.axis],
            value=search.estimate(),
            low=low,
            high=high,
            confidence=search.confidence(),
            gate=first,
            limited_by=self._limit(low, high),
            seconds=round(search.elapsed_s, 1),
            complete=search.over,
            why=search.why,
        )

    def _limit(self, low: float, high: float | None) -> str:
        """What ended it, as in ``FoundCapacity``; empty before anything was reached."""
        if high is not None:
            return "server"
        if self._search.ceiling < math.inf:
            made = not self._unshown & self._own_limits  # beside it, the missing samples are a doubt too
            return UNSAMPLED if NOT_SAMPLED in self._unshown and made else GENERATOR
        if self._search.over and self._search.why == TIME_OVER:
            return TIME
        own = self._searched.own_most  # then no higher bound can be asked for
        not_shown = self._search.why == NOT_SHOWN and not (own and low)
        if not self._search.over or not_shown or not self._search.at_most:
            return ""
        return GENERATOR if own else "bound"

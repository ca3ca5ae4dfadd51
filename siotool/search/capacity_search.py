"""The search itself: which load to hold next, when a hold is over, and what is known by then.

It is given one block after another and says which load is to be there; it drives nothing. From the
start load it doubles until a load is an upper bound (``bounds``); it bisects (``edge_belief``); then it
holds loads on both sides of the edge in turn, until the interval is as narrow as wanted.
"""

import math
from collections.abc import Sequence
from typing import Literal

import msgspec

from siotool.search.bounds import Bound, SearchGoal, classify, relevant
from siotool.search.edge_belief import EdgeBelief, believe, proven, surety
from siotool.search.seen_blocks import Block, Visit, totals_by_load
from siotool.search.settling import Settling
from siotool.searched import CONFIDENCE, LOWEST_FAILED, NOT_SHOWN, TIME_OVER, HoldOutcome

#: Each step of the climb.
FACTOR = 2.0
#: Seconds by which a load is classified in the climb: more than half of them decide.
CLIMB = SearchGoal(loss_ratio=0.0, exceed_ratio=0.5, duration_sum_s=4.0)
#: Of the share that may be missed at least one operation is to be due before a load passes in the climb,
#: but it is held no longer than this for that.
LONGEST_CLIMB_S = 15.0
#: Shortest and longest hold in the bisection, and beside the edge.
BISECT_S = (4.0, 8.0)
BESIDE_S = (8.0, 12.0)
#: A load at which the search may end is held until it is proven on which side it is; no longer than this.
LONGEST_PROOF_S = 60.0
#: The logarithm of the span that holds the edge with 80 % from which on the search bisects.
WIDE = 0.6
#: Beside the edge: by which factor the odds of a missed operation differ there from those at the edge, and
#: how far away that may be at most (logarithm of load).
TURNS = (5.0, 0.5, 14.0)
FARTHEST = 0.15
#: No curve is as straight as the model's: the interval is wider by this share at each end.
MODEL = 0.01
#: So many holds on each side of the edge, no farther away than this (logarithm of load), end a search.
CONFIRMED, CLOSE = 3, 0.15
#: So many seconds in which the generator was the limit end a hold, where they are half of it.
FEWEST_DOUBTED = 8
#: A load at which so many holds ended so is beyond the generator.
DOUBTED_HOLDS = 2
#: From this share of missed operations on a load is far beyond the edge: holding it longer only
#: leaves more to work off.
FAR_BEYOND, FEWEST_BEYOND = 0.5, 2
#: Then the server recovers at this share of a load that it can carry.
REST = 0.5

#: Standard deviations from the edge: from which on a load at which the search may end is proven (it is looked
#: at each second), a hold beside the edge ends early, and below which it is undecided.
PROVEN, CLEAR, UNCLEAR = 3.0, 2.0, 1.0

Phase = Literal["climb", "edge", "proof"]


class Asked(msgspec.Struct, frozen=True):
    """What a search is to do.

    ``allowed`` is the share that each objective allows. Loads go from ``start`` to ``most`` and are
    ``whole`` numbers or not. ``meant`` are the numbers of the objectives whose share is to mean something
    before a load passes in the climb. The search ends when ``high / low`` is at most ``width``, or after
    ``longest_s``.
    """

    allowed: tuple[float, ...]
    start: float
    most: float
    whole: bool
    meant: tuple[int, ...] = (0,)
    confidence: float = CONFIDENCE
    width: float = 1.07
    longest_s: float = 255.0


class HoldEnded(msgspec.Struct, frozen=True):
    """A hold that is over: its visit, what it showed, and the doubts that made it show nothing."""

    visit: Visit
    outcome: HoldOutcome
    doubts: tuple[str, ...] = ()


class CapacitySearch:
    """One search. ``load`` is what is to be there now; ``over`` is set once it has ended, and ``why``."""

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self._most = float(math.floor(asked.most)) if asked.whole else asked.most
        self._visits: list[Visit] = []
        self._bounds: dict[float, Bound] = {}
        self._belief: EdgeBelief | None = None
        self._turn = 0
        self._phase: Phase = "climb"
        self.load = self._at(asked.start)
        self.over = False
        self.why = ""
        self.elapsed_s = 0.0
        #: From this load on the generator does not make the load; infinite where it always did.
        self.ceiling = math.inf
        self._doubts: dict[float, int] = {}
        #: The load that follows once the server has recovered from one far beyond the edge.
        self._after_rest: float | None = None
        self._begin_hold()

    # ── what is known ─────────────────────────────────────────────────────────────────

    def interval(self) -> tuple[float, float | None]:
        """The loads between which the edge lies, by all holds that are over.

        0 where no load passed, None where none failed.
        """
        low, high, _ = self._known()
        return low, high

    def confidence(self) -> float:
        """The confidence of the interval: that asked for, or less where holds were too short for more."""
        return self._known()[2]

    def _known(self) -> tuple[float, float | None, float]:
        belief, asked = self._belief, self._asked.confidence
        if belief is None:
            return 0.0, None, asked
        loads = [one.load for one in self._visits]
        tail = (1 - asked) / 2
        low, high = belief.quantile(tail) * (1 - MODEL), belief.quantile(1 - tail) * (1 + MODEL)
        low = 0.0 if low < min(loads) * (1 - MODEL) else min(low, max(loads))
        if high <= max(loads):
            return low, high, asked
        low = max(low, self._shown_to_pass())
        return (low, None, asked) if low else self._passed_briefly()

    def _near(self) -> list[Visit]:
        """The holds that say something of the edge: not those far below a load that passed.

        What a server did while it was new, at the first loads of the climb, is not what it does later.
        """
        lower, upper = relevant(self._bounds)
        least = 0.0 if lower is None or upper is None else lower / FACTOR
        return [one for one in self._visits if one.load >= least * (1 - 1e-9)]

    def _shown_to_pass(self) -> float:
        """The highest load whose own holds show that it passes; 0 where none does."""
        found = [load for load in self._bounds if self._surety(load) >= self._asked.confidence]
        return max(found, default=0.0)

    def _passed_briefly(self) -> tuple[float, None, float]:
        """The highest load that passed where no hold was long enough for the confidence asked for."""
        lower, _ = relevant(self._bounds)
        if lower is None or not self._enough(lower) or self._missed_more(lower):
            return 0.0, None, self._asked.confidence
        return lower, None, self._surety(lower)

    def _has_both_ends(self) -> bool:
        low, high = self.interval()
        return bool(low) and high is not None

    def estimate(self) -> float | None:
        """The median of where the edge may be; None unless the interval has both ends."""
        low, high = self.interval()
        return self._belief.quantile(0.5) if self._belief is not None and low and high is not None else None

    @property
    def at_most(self) -> bool:
        """Whether the load is the highest that there is to hold: loads that are held as one are one here."""
        return self.load >= self._at(self._most)

    # ── the course ────────────────────────────────────────────────────────────────────

    def add(self, block: Block) -> HoldEnded | None:
        """Take one more second at the present load; returns the hold that it ended."""
        self.elapsed_s += block.duration_s
        if block.doubts:
            self._doubted.append(block)
        elif not self._settling.over:
            self._visit.settling_s += block.duration_s
            self._settling.add(block)
        elif block.there:
            self._visit.blocks.append(block)
        if self._after_rest is not None and self._settling.over:
            self.load, self._after_rest = self._after_rest, None
            self._begin_hold()
            return None
        outcome = self._outcome()
        if outcome is None and self.elapsed_s >= self._asked.longest_s:
            outcome = "undecided"
        if outcome is None:
            return None
        doubts = tuple(dict.fromkeys(text for one in self._doubted for text in one.doubts))
        ended = HoldEnded(self._visit, outcome, doubts if outcome == "generator" else ())
        self._end_hold(ended)
        return ended

    def _begin_hold(self) -> None:
        drains = bool(self._visits) and self.load < self._visits[-1].load
        self._visit = Visit(self.load, [])
        self._settling = Settling(self._asked.allowed, drains=drains)
        self._doubted: list[Block] = []

    def _end_hold(self, ended: HoldEnded) -> None:
        if ended.outcome == "generator":
            self._doubts[self.load] = self._doubts.get(self.load, 0) + 1
            if self._doubts[self.load] < DOUBTED_HOLDS:
                self._begin_hold()
                return
            self.ceiling = min(self.ceiling, self.load)
        elif self._visit.blocks:
            self._visits.append(self._visit)
            self._bounds[self.load] = self._bound_of(self.load)
            self._belief = believe(self._near(), self._asked.allowed)
            if self.load >= self.ceiling and not ended.doubts:
                self.ceiling = math.inf  # something else had kept the generator from it
        far = bool(self._visit.blocks) and self._far_beyond()
        self._visit = Visit(self.load, [])
        self._choose(ended.outcome)
        if not self.over:
            self._after_rest = None
            lower, _ = relevant(self._bounds)
            if far and lower is not None and self.load > REST * lower:
                self._after_rest, self.load = self.load, self._at(REST * lower)
            self._begin_hold()

    # ── when a hold is over ───────────────────────────────────────────────────────────

    def _outcome(self) -> HoldOutcome | None:
        """What the present hold has shown; None while it goes on."""
        blocks = self._visit.blocks
        if len(self._doubted) >= FEWEST_DOUBTED and len(self._doubted) >= len(blocks):
            return "generator"
        if not blocks:
            return None
        held_s = sum(block.duration_s for block in blocks)
        if self._phase == "proof":
            return self._proof(held_s)
        if self._far_beyond():
            # the lowest load ends the search when it fails: that is to be proven
            return "failed" if self._visits or held_s >= CLIMB.duration_sum_s else None
        return self._climbed(held_s) if self._phase == "climb" else self._beside_edge(held_s)

    def _proof(self, held_s: float) -> HoldOutcome | None:
        shown = self._shown()
        if held_s >= CLIMB.duration_sum_s and abs(shown) > PROVEN:
            return "passed" if shown > 0 else "failed"
        return "undecided" if held_s >= LONGEST_PROOF_S and not self._may_be_shown() else None

    def _may_be_shown(self) -> bool:
        """Whether it is worth the time that is left to hold the highest load on."""
        left_s = self._asked.longest_s - self.elapsed_s
        if left_s <= 0 or not self.at_most:
            return False
        load = self.load
        longer = 1 + left_s / sum(block.duration_s for one in self._held(load) for block in one.blocks)
        if not self._enough(load):
            return self._enough(load, longer)
        return self._surety(load) < self._asked.confidence <= self._surety(load, longer)

    def _climbed(self, held_s: float) -> HoldOutcome | None:
        if held_s >= CLIMB.duration_sum_s and self._missed_more(self.load):
            return "failed"
        bound = self._bound_of(self.load)
        return (
            "passed" if bound == "lower" and (self._enough(self.load) or held_s >= LONGEST_CLIMB_S) else None
        )

    def _beside_edge(self, held_s: float) -> HoldOutcome | None:
        shown = self._shown()
        shortest_s, longest_s = BISECT_S if self._wide() else BESIDE_S
        if held_s < longest_s and (held_s < shortest_s or abs(shown) <= CLEAR):
            return None
        if abs(shown) < UNCLEAR:
            return "undecided"
        return "passed" if shown > 0 else "failed"

    def _held(self, load: float) -> list[Visit]:
        return [one for one in (*self._visits, self._visit) if one.load == load and one.blocks]

    def _shares(self, load: float) -> list[float]:
        """What was missed at a load, as a multiple of what each objective allows."""
        found = [totals_by_load(self._held(load), number) for number in range(len(self._asked.allowed))]
        return [
            totals[0].missed / totals[0].tried / share
            for totals, share in zip(found, self._asked.allowed, strict=True)
            if totals
        ]

    def _missed_more(self, load: float) -> bool:
        return max(self._shares(load), default=0.0) > 1

    def _far_beyond(self) -> bool:
        blocks = self._visit.blocks
        far = [
            any(
                m > max(FAR_BEYOND, 2 * share) * n
                for m, n, share in zip(b.missed, b.tried, self._asked.allowed, strict=True)
            )
            for b in blocks
        ]
        return sum(far) >= FEWEST_BEYOND and 2 * sum(far) > len(far)

    def _enough(self, load: float, times: float = 1.0) -> bool:
        """Whether the share that an objective allows would be an operation of those seen at a load."""
        blocks = [block for one in self._held(load) for block in one.blocks]
        sums = {k: times * sum(block.tried[k] for block in blocks) for k in self._asked.meant}
        return all(not tried or tried * self._asked.allowed[k] >= 1 for k, tried in sums.items())

    def _bound_of(self, load: float) -> Bound:
        """Classify a load over all its holds; one objective that fails makes it an upper bound."""
        blocks = [b for one in (*self._visits, self._visit) if one.load == load for b in one.blocks]
        found: list[Bound] = []
        held_s = sum(b.duration_s for b in blocks)
        for number, share in enumerate(self._asked.allowed):
            trials = [(b.duration_s, b.missed[number] / b.tried[number]) for b in blocks if b.tried[number]]
            # an objective that is tried in few seconds, as connects that come late, waits for no more of them
            needed_s = CLIMB.duration_sum_s
            if held_s >= needed_s:
                needed_s = min(needed_s, sum(duration_s for duration_s, _ in trials))
            goal = msgspec.structs.replace(CLIMB, loss_ratio=share, duration_sum_s=needed_s)
            if trials:
                found.append(classify(trials, goal))
        if "upper" in found:
            return "upper"
        return "lower" if found and all(bound == "lower" for bound in found) else "undecided"

    def _shown(self) -> float:
        """How many standard deviations the present hold is from the edge; below 0: beyond it."""
        return self._proven([self._visit])

    def _proven(self, own: Sequence[Visit]) -> float:
        return proven(own, self._asked.allowed, self._asked.meant)

    def _surety(self, load: float, times: float = 1.0) -> float:
        return surety(self._held(load), self._asked.allowed, self._asked.meant, times=times)

    # ── the next load ─────────────────────────────────────────────────────────────────

    def _choose(self, outcome: HoldOutcome) -> None:
        low, high = self.interval()
        lowest = len({one.load for one in self._visits}) == 1 and (
            self._phase == "proof" or self._proven(self._visits) < -PROVEN
        )
        if lowest and outcome != "failed" and not self.at_most and self.ceiling == math.inf:
            self._phase = "climb"
            self._go_on("passed")
        elif self._phase == "proof" and outcome in ("passed", "undecided") and not self._has_both_ends():
            self._end("no gate failed" if low and not self._missed_more(self.load) else NOT_SHOWN)
        elif lowest and outcome == "failed":
            self._end(LOWEST_FAILED)
        elif low and high is not None and self._narrow(low, high) and self._confirmed():
            self._end("the interval is as narrow as wanted")
        elif self.elapsed_s >= self._asked.longest_s:
            self._end(TIME_OVER)
        else:
            self._go_on(outcome)

    def _go_on(self, outcome: HoldOutcome) -> None:
        lower, upper = relevant(self._bounds)
        if self._phase == "climb" and outcome == "passed" and self.ceiling == math.inf:
            if self.at_most:
                self._phase = "proof"
            else:
                self.load = self._at(self.load * FACTOR)
            return
        if self._phase == "climb" and outcome == "failed" and len(self._visits) == 1:
            self._phase = "proof"
            return
        known = self._phase != "climb" and self._has_both_ends()
        if upper is None and self.ceiling < math.inf and outcome != "failed" and not known:
            self._below_ceiling(lower)
            return
        self._phase = "edge"
        self.load = self._beside()

    def _below_ceiling(self, lower: float | None) -> None:
        """No load has failed, and a higher one showed nothing: what is below it, and is shown."""
        if lower is None:
            self._end("the lowest load showed nothing")
        elif self.ceiling / lower <= 1.25:
            self._phase, self.load = "proof", lower
        else:
            self._phase, self.load = "climb", self._at(math.sqrt(lower * self.ceiling))

    def _beside(self) -> float:
        """Loads around the edge in turn, mostly above it: there missed operations show how steep it is."""
        belief = self._belief
        assert belief is not None
        middle = belief.quantile(0.5)
        if self._wide():
            return self._at(belief.quantile(0.6))
        rise = TURNS[self._turn % len(TURNS)]
        self._turn += 1
        step = math.log(rise) / belief.slope
        return self._at(middle * math.exp(min(max(step, -FARTHEST), FARTHEST)))

    def _wide(self) -> bool:
        belief = self._belief
        return belief is None or math.log(belief.quantile(0.9) / belief.quantile(0.1)) > WIDE

    def _confirmed(self) -> bool:
        """Whether loads close to the edge were held often enough on both of its sides."""
        middle = self.estimate()
        assert middle is not None
        near = [one.load / middle for one in self._visits if abs(math.log(one.load / middle)) < CLOSE]
        return min(sum(one > 1 for one in near), sum(one <= 1 for one in near)) >= CONFIRMED

    def _narrow(self, low: float, high: float) -> bool:
        return high / low <= self._asked.width or (self._asked.whole and high - low <= 1)

    def _at(self, load: float) -> float:
        """A load as it can be held, or one close by that was held before."""
        load = float(round(max(load, 1.0))) if self._asked.whole else float(f"{load:.4g}")
        load = min(load, self._most)
        near = [one.load for one in self._visits if abs(math.log(one.load / load)) < 0.006]
        return min(near, key=lambda known: abs(known - load), default=load)

    def _end(self, why: str) -> None:
        self.over, self.why = True, why

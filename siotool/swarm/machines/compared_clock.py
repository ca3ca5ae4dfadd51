"""A machine asks the parent for the time, again and again."""

from time import monotonic

from siotool.swarm.machines import machine_messages as messages
from siotool.swarm.machines.clock_comparison import ClockComparison, ClockReading
from siotool.swarm.machines.machine_messages import ClockAnswer, ClockQuestion
from siotool.swarm.machines.parent_link import ParentLink

#: How often it asks: fast at first, until so many answers are there.
_ASK_S, _ASK_FIRST_S, _FIRST = 0.5, 0.02, 16


class ComparedClock:
    """How this machine's clock compares with the parent's."""

    def __init__(self, link: ParentLink) -> None:
        self._link = link
        self._comparison = ClockComparison()
        self._asked_at = 0.0
        self._others_error_s = 0.0

    @property
    def reading(self) -> ClockReading | None:
        """How far it is ahead by now; None before the first answer."""
        found = self._comparison.reading(monotonic())
        if found is None:
            return None
        return ClockReading(found.ahead_s, found.error_s, self._others_error_s)

    def due_in_s(self) -> float:
        """Seconds until it is time to ask again."""
        pause = _ASK_S if len(self._comparison) >= _FIRST else _ASK_FIRST_S
        return max(0.0, self._asked_at + pause - monotonic())

    def ask_when_due(self) -> None:
        """Ask, if it is time to; says how exact the answers are by now, once there are some."""
        if self.due_in_s() == 0:
            known = self.reading if len(self._comparison) >= _FIRST else None
            self._asked_at = monotonic()
            self._link.send(
                messages.CLOCK, ClockQuestion(self._asked_at, None if known is None else known.error_s)
            )

    def take(self, answer: ClockAnswer) -> None:
        """Take an answer that has just come."""
        self._others_error_s = answer.others_error_s
        self._comparison.add(answer.asked, answer.heard, answer.answered, monotonic())

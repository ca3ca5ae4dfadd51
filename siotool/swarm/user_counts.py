"""What the users of one class did: counted by two threads, read once a second."""

from siotool.runfile import UserClass


class UserCounts:
    """Counts of one user class, since the start; ``take`` gives what was added to them.

    Each attribute is written by one thread only, so that none needs a lock: ``attempted``,
    ``established``, ``sent`` and ``failed`` by the loop thread, all others by the hub.
    """

    __slots__ = (
        "_taken",
        "_turns_taken",
        "attempted",
        "ended",
        "established",
        "failed",
        "issued",
        "judged",
        "judged_wrong",
        "late",
        "name",
        "offered",
        "sent",
        "started",
        "turns",
        "turns_failed",
        "users",
        "withheld",
    )

    def __init__(self, name: str) -> None:
        self.name = name
        #: Users there are now.
        self.users = 0
        self.started = self.ended = 0
        self.attempted = self.established = 0
        #: Events sent (calls, emits, broadcasts), and those of them that failed.
        self.sent = self.failed = 0
        #: What else the scenario did: it held, listened, checked, reported an operation of its own.
        self.judged = self.judged_wrong = 0
        self.offered = self.issued = self.withheld = self.late = 0
        #: Turns of the users at their tasks that are over or failed, and those of them that called ``fail``.
        self.turns = self.turns_failed = 0
        self._taken = dict.fromkeys(COUNTS, 0)
        self._turns_taken = (0, 0)

    def take(self) -> UserClass:
        """Counts since the last call."""
        now = {field: getattr(self, field) for field in COUNTS if field != "begun"}
        now["begun"] = self.sent + self.judged
        now["failed"] += self.judged_wrong
        before, self._taken = self._taken, now
        return UserClass(self.name, self.users, **{field: now[field] - before[field] for field in COUNTS})

    def take_turns(self) -> tuple[int, int] | None:
        """Turns since the last call that were right, and wrong; None while none has ever failed.

        The first call after that returns all of them.
        """
        if not self.turns_failed:
            return None
        # a turn that was over, and right, may fail yet, by a handler: it is taken off what comes next
        right, wrong = self._turns_taken
        now = (max(right, self.turns - self.turns_failed), self.turns_failed)
        self._turns_taken = now
        return now[0] - right, now[1] - wrong


#: What of a user class is counted within an interval, rather than a level at its end.
COUNTS = tuple(field for field in UserClass.__struct_fields__ if field not in ("name", "users"))

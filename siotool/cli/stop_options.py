"""What ends a load test early: ``--stop-if`` and ``--stop-after``, read."""

from collections.abc import Callable, Sequence

import msgspec

from siotool import units
from siotool.errors import InputError
from siotool.report.gates import Gate
from siotool.report.stopping import parse_stop, stop_rules
from siotool.runfile import Header, Interval
from siotool.stopped import Stopped


class Stops(msgspec.Struct, frozen=True):
    """The expressions, and how many seconds one has to be true."""

    gates: list[Gate]
    grace_s: float

    def judge(self) -> Callable[[Header], Callable[[Interval], Stopped | None]] | None:
        """Return what judges the seconds of a run; None without an expression."""
        if not self.gates:
            return None
        from siotool.report.join import look_at

        return stop_rules(self.gates, self.grace_s, look_at)


def read_stops(texts: Sequence[str], after: str, *, sampled: bool, searching: bool) -> Stops:
    """Read the options. Raises InputError."""
    if texts and searching:
        raise InputError(
            "--stop-if beside --find-capacity or --calibrate: these decide themselves when they end",
            "leave one of them out",
        )
    grace_s = units.parse_duration(after, "--stop-after")
    if grace_s < 1:
        raise InputError(f"--stop-after {after}: gates are judged once a second", "give 1s or more")
    return Stops([parse_stop(text, server_sampled=sampled) for text in texts], grace_s)

"""Users that did not come back by themselves, and why."""

from collections import Counter
from collections.abc import Iterator

from siotool.report.sizing_tables import plural
from siotool.runfile import Run

#: What became of such users, and why, by class.
_WHY = {
    "server_disconnect": "disconnected by the server and stayed away, as the official client does",
    "connect_error": "refused by a namespace and stayed away, as the official client does",
    "gave_up": "not connected any more: all tries that --reconnection-attempts allows had failed",
    "no_reconnection": "not connected any more: --no-reconnection lets no user come back",
}


def who_stayed_away(run: Run) -> Iterator[str]:
    """Remarks on users that were sent away or gave up; a scenario may have let them come back later."""
    users: Counter[str] = Counter()
    for interval in run.intervals:
        users.update(interval.connections.stayed_away)
    for kind, count in users.items():
        if count:
            were = "was" if count == 1 else "were"
            yield f"{plural(count, 'user')} {were} {_WHY.get(kind, 'not connected any more')} ({kind})"

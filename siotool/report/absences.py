"""Users that did not come back by themselves, and why."""

from collections import Counter
from collections.abc import Iterator

from siotool.histogram import merged
from siotool.report.sizing_tables import plural
from siotool.runfile import Run
from siotool.units import format_duration

#: What became of such users, and why, by class.
_WHY = {
    "server_disconnect": "disconnected by the server and stayed away, as the official client does",
    "connect_error": "refused by a namespace and stayed away, as the official client does",
    "gave_up": "not connected any more: all tries that --reconnection-attempts allows had failed",
    "no_reconnection": "not connected any more: --no-reconnection lets no user come back",
}


#: An idle timeout closes connections after the same silence, at different moments.
_ALIKE = 0.15
_DIFFERENT_SECONDS = 3
_SHORTEST_S = 0.5


def dropped_after_silence(run: Run) -> Iterator[str]:
    """A remark when the other side closes connections after a certain time without traffic."""
    closing = [interval for interval in run.intervals if interval.losses.silence.steps]
    silence = merged(interval.losses.silence for interval in closing)
    p10, p50, p90 = map(silence.quantile, (0.1, 0.5, 0.9))
    if p10 is None or p50 is None or p90 is None or len(closing) < _DIFFERENT_SECONDS or p50 < _SHORTEST_S:
        return
    if p90 - p10 <= _ALIKE * p50:
        yield (
            f"{plural(silence.count, 'connection')} were dropped after a median of {format_duration(p50)} of "
            "silence: an idle timeout below the ping interval, of a proxy in between?"
        )


def who_stayed_away(run: Run) -> Iterator[str]:
    """Remarks on users that were sent away or gave up; a scenario may have let them come back later."""
    users: Counter[str] = Counter()
    for interval in run.intervals:
        users.update(interval.connections.stayed_away)
    for kind, count in users.items():
        if count:
            were = "was" if count == 1 else "were"
            yield f"{plural(count, 'user')} {were} {_WHY.get(kind, 'not connected any more')} ({kind})"

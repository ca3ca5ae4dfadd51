"""One server, or a few that are one, as an admin connection hears of them."""

from collections.abc import Collection

import msgspec

from siotool.swarm.servers.admin_feed import PERIOD_S, AdminFeed
from siotool.swarm.servers.source import Clock, Reading, SourceGone

#: Statistics that are so many periods late will not come.
_PERIODS_LATE = 2.5


class AdminSource:
    """Servers of one admin connection, by their ids, as one."""

    local = True  # what it hears is there already
    early_s = 1.0

    def __init__(self, feed: AdminFeed, servers: Collection[str], url: str) -> None:
        """``url`` is the admin UI's, without secrets."""
        self._feed = feed
        self._servers = tuple(servers)
        self.what = f"admin UI of {url}"
        self._before: Reading | None = None

    def read(self, clock: Clock) -> Reading | None:
        """Return what was heard since the last reading; None where nothing was. Raises SourceGone.

        Rates are means since the statistics before.
        """
        heard = [self._feed.servers[one] for one in self._servers]
        at, before = min(one.at for one in heard), self._before
        if clock() - at > _PERIODS_LATE * PERIOD_S:
            raise SourceGone(self._feed.lost or "no statistics came")
        if before is not None and at <= before.at:
            return None
        counted = {
            name: float(sum(one.counted.get(kind, 0) for one in heard))
            for name, kind in (("events_received_per_s", "packetsIn"), ("events_sent_per_s", "packetsOut"))
        }
        levels: dict[str, float] = {}
        for name in ("connections", "polling"):
            values = [getattr(one, name) for one in heard]
            if None not in values:
                levels[name] = float(sum(values))
        if before is not None:
            levels |= {
                name: max(0.0, count - before.counters[name]) / (at - before.at)
                for name, count in counted.items()
            }
        self._before = Reading(at, counted, levels)
        return msgspec.structs.replace(self._before, counters={})

"""Was the target there at the end? Only one that nobody could connect to any more is lost."""

from siotool.runfile import Connections

#: What a connect fails with when nothing answers, or nothing that could answer for the target.
_GONE = {
    "refused",
    "reset",
    "timeout",
    "unreachable",
    "dns",
    "transport_close",
    "http_502",
    "http_503",
    "http_504",
}


class Reach:
    """Follows the connections of a run, second by second."""

    def __init__(self) -> None:
        self._under_way = 0
        self._failing = False

    def follow(self, second: Connections) -> None:
        """Take the connections of one more second."""
        self._under_way += second.attempted - second.established - sum(second.failed.values())
        hung = self._under_way > second.attempted  # some have had no answer for longer than that
        failed = hung or not _GONE.isdisjoint(kind for kind, count in second.failed.items() if count)
        if second.open or second.established:
            self._failing = False
        elif failed:
            self._failing = True

    @property
    def lost(self) -> bool:
        """True when the last connects had no answer from the target, and none came through since."""
        return self._failing

"""Is Socket.IO's admin UI there, and may anybody use it?"""

from siotool.printable import one_line
from siotool.probe.finding import Check, Finding
from siotool.probe.joins import Join, join, unknown
from siotool.probe.known import Known
from siotool.probe.wire import Wire

_NAMESPACE = "/admin"
#: Events of @socket.io/admin-ui right after its CONNECT.
_EVENTS = frozenset(("config", "server_stats", "all_sockets"))
_PATIENCE_S, _LINGER_S = 1.0, 0.3


async def _look(wire: Wire, known: Known) -> Join | None:
    """Ask for the namespace without credentials."""
    if known.opening is None or known.revision != 4:
        return None
    (found,) = await join(wire, known, [_NAMESPACE], None, "json", patience_s=_PATIENCE_S, linger_s=_LINGER_S)
    return found


def _judge(known: Known, found: Join | None) -> Finding | None:
    if known.opening is None:
        return None
    if found is None or found.outcome in ("silent", "ended") or unknown(found):
        return Finding("admin-ui", "ok", f"no answer on {_NAMESPACE}")
    if found.outcome == "refused":
        means = "the admin UI may be there, and asks for credentials"
        return Finding("admin-ui", "info", f"{_NAMESPACE} refuses: “{one_line(found.words, 160)}”", means)
    if _EVENTS.intersection(found.events):
        return Finding(
            "admin-ui",
            "warning",
            f"{_NAMESPACE} is joined without credentials, and sends {', '.join(sorted(set(found.events)))}",
            "anybody can see, and with the admin UI disconnect, every client",
            "give instrument() an auth, or leave it out in production",
        )
    return Finding("admin-ui", "info", f"{_NAMESPACE} is joined, and sends none of the admin UI's events")


CHECKS = [Check("admin-ui", "Socket.IO's admin UI on /admin", _judge, _look)]

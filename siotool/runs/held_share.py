"""How many of the clients' connections the sampled servers hold: all, a part, or none.

One process of many behind a balancer looks like a server that does all the work with little CPU. What it
holds shows it: a connection over WebSocket is an open file of the process that holds it, and some servers
count their connections themselves.
"""

from collections.abc import Sequence

import msgspec
import numpy as np

from siotool.runfile import Run
from siotool.runs.seconds import Seconds

#: Connections must rise by so many before open files say who holds them.
ENOUGH_CONNECTIONS = 20
#: Servers that hold less than this share of the connections are not all that there are.
NEARLY_ALL = 0.75


class HeldShare(msgspec.Struct, frozen=True):
    """The share of the clients' connections that some servers hold, and how it is known."""

    value: float
    how: str


def files_show(runs: Sequence[Run]) -> bool:
    """Whether each connection is an open file of its server: not where clients stay on long polling.

    Between two requests of such a client a proxy may hold no connection to the server.
    """
    transports = " ".join(run.header.target.transport for run in runs)
    return "polling" not in transports and "jsonp" not in transports


def held_share(seconds: Seconds, *, by_files: bool) -> HeldShare | None:
    """Return the share that the sampled servers hold; None where nothing shows it.

    ``by_files``: open files may show it (``files_show``), where the servers do not count themselves.
    """
    counted, held = seconds["server_connections"], seconds["connections_end"]
    known = np.isfinite(counted) & (held > 0)
    rows = known & seconds.held if (known & seconds.held).any() else known
    if rows.any():
        return HeldShare(float(counted[rows].sum() / held[rows].sum()), "as the server counts")
    files = seconds["files_open"]
    ramp = np.isfinite(files) & seconds.rising
    if not by_files or not ramp.any() or not files[ramp].any():
        return None
    rise = float(np.ptp(held[ramp]))
    if rise < ENOUGH_CONNECTIONS:
        return None
    seen = float(files[ramp][held[ramp].argmax()] - files[ramp][held[ramp].argmin()])
    return HeldShare(max(0.0, seen) / rise, f"its open files rose by {seen:,.0f}, connections by {rise:,.0f}")

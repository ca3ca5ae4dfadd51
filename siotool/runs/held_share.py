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
#: A process that opens less files than this share of the connections does not hold them.
NONE_HELD = 0.1
#: After so many messages and handshakes, a process that cannot have done them stands out.
ENOUGH_WORK = 1000
#: The least CPU of a message or a handshake: a system call costs more.
_LEAST_CPU_S = 0.2e-6


class HeldShare(msgspec.Struct, frozen=True):
    """The share of the clients' connections that some servers hold, and how it is known."""

    value: float
    how: str


def each_is_a_file(transport: str) -> bool:
    """Whether each connection is an open file of its server: not where clients stay on long polling.

    Between two requests of such a client a proxy may hold no connection to the server. ``transport`` is a
    target's, a name or a mix.
    """
    return "polling" not in transport and "jsonp" not in transport


def files_show(runs: Sequence[Run]) -> bool:
    """Whether each connection was an open file of its server in all runs."""
    return all(each_is_a_file(run.header.target.transport) for run in runs)


def held_share(seconds: Seconds, *, by_files: bool) -> HeldShare | None:
    """Return the share that the sampled servers hold; None where nothing shows it.

    ``by_files``: open files may show it (``files_show``), where the servers do not count themselves.
    """
    counted, held = seconds["server_connections"], seconds["connections_end"]
    known = np.isfinite(counted) & (held > 0)
    rows = known & seconds.held if (known & seconds.held).any() else known
    if rows.any():
        return HeldShare(float(counted[rows].sum() / held[rows].sum()), "as the server counts")
    return _by_files(seconds) if by_files else None


def _by_files(seconds: Seconds) -> HeldShare | None:
    held, opened = seconds["connections_end"], seconds["server_files_opened"]
    rows = seconds.held & np.isfinite(opened)
    if rows.any() and seconds["files_open"][rows].any():
        rise, seen = float(held[rows].mean()), float(opened[rows].mean())
    else:
        files = seconds["files_open"]
        ramp = np.isfinite(files) & seconds.rising
        if not ramp.any() or not files[ramp].any():
            return None
        rise = float(np.ptp(held[ramp]))
        seen = float(files[ramp][held[ramp].argmax()] - files[ramp][held[ramp].argmin()])
    if rise < ENOUGH_CONNECTIONS:
        return None
    return HeldShare(max(0.0, seen) / rise, f"its open files rose by {seen:,.0f}, connections by {rise:,.0f}")


def wrong_by_cpu(done: float, cpu_s: float) -> str:
    """Why a process cannot have done so many messages and handshakes in its CPU time; empty where it can."""
    if done < ENOUGH_WORK or cpu_s >= done * _LEAST_CPU_S:
        return ""
    return (
        f"the sampled process used {cpu_s:.2g} s of CPU for {done:,.0f} messages and handshakes: it is not "
        "the server"
    )


def wrong_by_files(connections: float, files: float) -> str:
    """Why a process does not hold the connections that opened, of which there are enough; empty if it may."""
    if connections < ENOUGH_CONNECTIONS or files >= NONE_HELD * connections:
        return ""
    return (
        f"the sampled process opened {files:,.0f} files while {connections:,.0f} connections opened: it does "
        "not hold them"
    )

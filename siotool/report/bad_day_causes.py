"""Causes of bad days that a run shows by their marks: what broke sessions, connects, or clients."""

from collections.abc import Iterator, Sequence

import numpy as np

from siotool.histogram import bucket_values, merged
from siotool.report.fault_figures import FaultFigures
from siotool.report.sizing_tables import plural
from siotool.runfile import Run
from siotool.units import format_duration, format_share

#: A session whose request reached a server that does not know it.
_UNKNOWN = "session_unknown"
#: Linux sends a SYN again after 1, 2, 3 and 4 s (net.ipv4.tcp_syn_linear_timeouts, Linux 6.5), before that
#: after 1 and 3 s.
_SYN_AGAIN_S = tuple((again - 0.01, again + 0.25) for again in (1, 2, 3, 4))
#: TCP connects are local, or at least far quicker than that.
_QUICK_S = 0.5
_FEW = 3
#: Of the connects that were not quick, those by whole seconds; of all, those that were quick.
_MOST_OF_SLOW = 0.6
_SOME_QUICK = 0.1
#: What loses the table of a balancer, and a balancer in the words of a fault.
_TABLE_LOST = frozenset(("reload", "restart", "kill", "start"))
_BALANCERS = frozenset(("balancer", "nginx", "haproxy"))
#: This share of the clients at once is a storm of one's own making.
_AT_ONCE = 0.2


def torn_sessions(run: Run) -> Iterator[str]:
    """A remark where sessions that had worked were not known any more."""
    lost = [(one.t_s, count) for one in run.intervals if (count := one.connections.closed.get(_UNKNOWN, 0))]
    if sum(count for _, count in lost) < _FEW:
        return
    begin = lost[0][0]
    causes = [
        run.header.faults[step.fault].words(step.step)
        for step in run.fault_steps
        if step.t_s - 1 <= begin <= step.t_s + step.took_s + 3
    ]
    cause = causes[0] if causes else ""
    after = f", right after {cause!r}" if cause else ""
    verb, *parts = cause.split() or [""]
    balancer = verb in _TABLE_LOST and not _BALANCERS.isdisjoint(parts)
    table = ": a balancer that keeps sessions in a table loses it when it is started or configured again"
    yield (
        f"{plural(sum(count for _, count in lost), 'session')} that had worked were not known any more "
        f"({_UNKNOWN}) from {begin:.0f} s on{after}: their requests went to another server"
        f"{table if balancer else ''}. A cookie that names the server needs no table"
    )


def overflowing_queue(run: Run) -> Iterator[str]:
    """A remark where connects took as long as TCP waits before it asks again."""
    times = merged(
        one.response
        for interval in run.intervals
        for one in interval.operations
        if (one.op, one.name) == ("phase", "tcp")
    )
    index, counts = times.sparse().buckets()
    seconds = bucket_values(index)
    quick = counts * (seconds <= _QUICK_S)
    count = sum(int(counts[(low <= seconds) & (seconds <= high)].sum()) for low, high in _SYN_AGAIN_S)
    slow = times.count - int(quick.sum())
    # most of the slow ones, or the network is slow; and some were let in at once, or it is far away
    if count >= max(_FEW, _MOST_OF_SLOW * slow) and quick.sum() >= _SOME_QUICK * times.count:
        median = float(seconds[np.searchsorted(np.cumsum(quick), quick.sum() / 2)])
        yield (
            f"{plural(count, 'TCP connect')} ({format_share(count / times.count)}) took whole seconds, "
            f"quick ones {format_duration(median)} in the middle: TCP waits so long before it asks again. "
            "The accept queue of the target was full (nstat -az TcpExtListenOverflows counts it): raise the "
            "listen backlog and net.core.somaxconn, or let clients come more slowly"
        )


def undrained(faults: Sequence[FaultFigures], users: int) -> Iterator[str]:
    """A remark for each deploy that closed connections all at once."""
    for number, fault in enumerate(faults, 1):
        words = fault.do.split()
        deploy = words[:2] == ["rolling", "deploy"] and "drained" not in words
        restart = words[:1] == ["restart"] and any(word.startswith(("server", "node")) for word in words)
        if (deploy or restart) and fault.lost >= max(_FEW, _AT_ONCE * users):
            yield (
                f"fault {number} ({fault.do}) closed {plural(fault.lost, 'connection')} undrained: all "
                f"clients of a server came back at once, {fault.attempts_peak_per_s:,.0f} connects in the "
                "worst second. Take a server out of the balancer first, and close its connections over some "
                "time (rolling deploy drained)"
            )

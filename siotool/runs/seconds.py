"""The intervals of runs as one table, a row for each.

| column | of a row |
|---|---|
| ``begin_s`` | its begin, in seconds of all runs laid end to end |
| ``t_s``, ``duration_s`` | its end, in seconds of its run; its length |
| ``draining`` | 1 where the run only waited for what was under way |
| ``broken`` | 1 from a second before a fault until 5 s after it was undone |
| ``connections_begin``, ``connections_end``, ``connections`` | open at both ends, and the mean of these |
| ``users`` | at its end |
| ``inbound_per_s`` | events that the server took: calls, broadcasts, emits without acknowledgement |
| ``acks_per_s`` | those of them that it acknowledged |
| ``deliveries_per_s`` | events the clients received, one for each recipient |
| ``published_per_s``, ``received_per_s``, ``lost_per_s``, ``duplicate_per_s`` | stamped broadcasts |
| ``handshakes_per_s`` | connections established, reconnects included |
| ``connect_errors_per_s``, ``closed_per_s`` | connects that failed; connections that ended |
| ``bytes_in_per_s``, ``bytes_out_per_s``, ``bytes_per_s`` | wire bytes, as the clients see them |
| ``payload_in_per_s``, ``payload_out_per_s`` | bytes of packets, before any compression |
| ``cpu_cores``, ``rss_bytes``, ``files_open``, ``processes`` | all servers; NaN where not all were sampled |
| ``server_*`` | other fields of ``measured_servers.ServerUse``, as the servers say themselves |
| ``server_files_opened`` | more files than before the load |
| ``server_files_most`` | open in the process that has most, of all servers |
| ``server_limit_share`` | of their event loops' time where known, else of the CPU of their cores |
| ``generator_cpu_cores``, ``generator_cpu_sum`` | CPU of the busiest worker, and of all |
| ``generator_cpu_share``, ``generator_cpu_wait``, ``generator_files_share`` | the worst of the workers |
| ``loop_lag_s``, ``schedule_lag_s`` | the longest of any worker |

Heartbeats are in the bytes only. Every rate and level is one over the interval, so that a mean over
time weighs it by ``duration_s``.
"""

from collections.abc import Callable, Iterator, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from siotool.measured_servers import MeasuredServer, ServerUse
from siotool.runfile import Interval, Run, WorkerHealth
from siotool.runs.hold import Marks, hold_phase, rising

Floats = NDArray[np.float64]

#: A fault may hit what was sent so long before it.
UNDER_WAY_S = 1.0
#: So long after a fault users come back.
_BACK_S = 5.0
#: A second in which more than this share of connections closed without a new one shows no cost.
_CLOSED_SHARE = 0.05


def _count(interval: Interval, op: str) -> int:
    return sum(operation.count for operation in interval.operations if operation.op == op)


def _inbound(interval: Interval) -> int:
    """Events that went to the server; what could not be sent did not."""
    unsent = sum(operation.errors.get("not_sent", 0) for operation in interval.operations)
    return max(0, sum(found.sent for found in interval.user_classes) - unsent)


def _files_share(worker: WorkerHealth) -> float:
    return worker.files_open / worker.files_limit if worker.files_limit > 0 else 0.0


#: Counts within an interval, which become rates.
_COUNTED: dict[str, Callable[[Interval], float]] = {
    "inbound_per_s": _inbound,
    "acks_per_s": lambda i: _count(i, "ack"),
    "deliveries_per_s": lambda i: _count(i, "deliver"),
    "published_per_s": lambda i: i.delivery.published,
    "received_per_s": lambda i: i.delivery.received,
    "lost_per_s": lambda i: i.delivery.lost,
    "duplicate_per_s": lambda i: i.delivery.duplicate,
    "handshakes_per_s": lambda i: i.connections.established,
    "connect_errors_per_s": lambda i: sum(i.connections.failed.values()),
    "closed_per_s": lambda i: sum(i.connections.closed.values()),
    "bytes_in_per_s": lambda i: i.bytes.wire_in,
    "bytes_out_per_s": lambda i: i.bytes.wire_out,
    "bytes_per_s": lambda i: i.bytes.wire_in + i.bytes.wire_out,
    "payload_in_per_s": lambda i: i.bytes.payload_in,
    "payload_out_per_s": lambda i: i.bytes.payload_out,
}
_LEVELS: dict[str, Callable[[Interval], float]] = {
    "t_s": lambda i: i.t_s,
    "duration_s": lambda i: i.duration_s,
    "draining": lambda i: i.draining,
    "connections_end": lambda i: i.connections.open,
    "users": lambda i: i.connections.users,
    "text_s": lambda i: np.nan if i.pace is None else i.pace.text_s,
    "step_s": lambda i: np.nan if i.pace is None else i.pace.step_s,
    "generator_cpu_sum": lambda i: sum(worker.cpu_cores for worker in i.generator),
}
#: The worst of the workers; NaN where no worker reported.
_WORST: dict[str, Callable[[WorkerHealth], float]] = {
    "generator_cpu_cores": lambda worker: worker.cpu_cores,
    "generator_cpu_share": lambda worker: worker.cpu_cores / worker.cpu_allowed,
    "generator_cpu_wait": lambda worker: worker.cpu_wait,
    "generator_files_share": _files_share,
    "loop_lag_s": lambda worker: worker.loop_lag_s,
    "schedule_lag_s": lambda worker: worker.schedule_lag_s,
}
#: Fields of a server's use by their columns; an unqualified name is the generator's too.
SERVER_COLUMNS = {
    "cpu_cores": "cpu_cores",
    "rss_bytes": "rss_bytes",
    "files_open": "files_open",
    "server_files_most": "fullest",
    "processes": "processes",
    "server_connections": "connections",
    "server_loop_share": "loop_utilization",
    "server_loop_lag_s": "loop_lag_s",
    "server_polling": "polling",
    "server_events_received_per_s": "events_received_per_s",
    "server_events_sent_per_s": "events_sent_per_s",
}


class Seconds(msgspec.Struct, frozen=True, eq=False):
    """One row for each interval of each run, in order; ``run`` is the number of its run.

    ``held`` marks the seconds that means are over: the hold phases where ``steady``, else all with
    connections (``siotool.runs.hold``). ``rising`` are the rows of a run up to the end of those:
    memory is seldom given back when clients leave.
    """

    run: NDArray[np.intp]
    columns: dict[str, Floats]
    held: Marks
    rising: Marks
    steady: bool = True

    def __len__(self) -> int:
        return len(self.run)

    def __getitem__(self, column: str) -> Floats:
        return self.columns[column]

    @property
    def sampled(self) -> Marks:
        """Mark the rows in which the servers were sampled."""
        return np.isfinite(self["cpu_cores"])

    @property
    def usable(self) -> Marks:
        """Mark the rows that a server's costs can be learnt from.

        Without a sample there is none. Closing connections costs CPU, and no column counts it. Where
        connections come and go evenly it is part of a handshake's cost; where many close, of no cost.
        """
        return self.sampled & ~self.closing

    @property
    def closing(self) -> Marks:
        """Mark the rows in which connections were closed in numbers."""
        begin = self["connections_begin"]
        return np.asarray(begin - self["connections_end"] > np.maximum(1.0, _CLOSED_SHARE * begin))

    def only(self, rows: Marks) -> "Seconds":
        """Return the marked rows."""
        columns = {name: column[rows] for name, column in self.columns.items()}
        return Seconds(self.run[rows], columns, self.held[rows], self.rising[rows], self.steady)

    def each(self) -> Iterator["Seconds"]:
        """Return the rows of each run that has any."""
        return (self.only(self.run == number) for number in np.unique(self.run))

    def mean(self, column: str, rows: Marks | None = None) -> float:
        """Mean of a column over the time of the marked rows, or of all; NaN where nothing is known."""
        values, weights = self[column], self["duration_s"]
        chosen = np.isfinite(values) if rows is None else rows & np.isfinite(values)
        return float(np.average(values[chosen], weights=weights[chosen])) if chosen.any() else np.nan

    def most(self, column: str) -> float:
        """Return the largest known value of a column; NaN without any."""
        known = self[column][np.isfinite(self[column])]
        return float(known.max()) if len(known) else np.nan


def seconds_of(runs: Sequence[Run]) -> Seconds:
    """Return the table of some runs."""
    parts, offset = [], 0.0
    for run in runs:
        part = _columns(run)
        part["begin_s"] += offset
        offset += float(part["t_s"].max()) if len(part["t_s"]) else 0.0
        parts.append(part)
    columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    number = np.repeat(np.arange(len(runs)), [len(run.intervals) for run in runs])
    held, steady = hold_phase(number, columns)
    return Seconds(number, columns, held, rising(number, columns["t_s"], held), steady)


def _columns(run: Run) -> dict[str, Floats]:
    def column(of: Callable[[Interval], float]) -> Floats:
        return np.array([of(interval) for interval in run.intervals], dtype=np.float64)

    found = {name: column(of) for name, of in _LEVELS.items()}
    seconds = found["duration_s"]
    found |= {name: column(of) / seconds for name, of in _COUNTED.items()}
    for name, of in _WORST.items():
        found[name] = column(lambda i, of=of: max(map(of, i.generator), default=np.nan))  # type: ignore[misc]
    found |= server_columns([_all_sampled(run, interval) for interval in run.intervals], run.header.server)
    end = found["connections_end"]
    found["connections_begin"] = np.concatenate([[0.0], end])[: len(end)]
    found["connections"] = (found["connections_begin"] + end) / 2
    found["begin_s"] = found["t_s"] - seconds
    found["broken"] = np.zeros(len(end))
    for begin_s, end_s in _faults(run):
        found["broken"][(found["t_s"] > begin_s) & (found["begin_s"] < end_s)] = 1.0
    return found


def _faults(run: Run) -> Iterator[tuple[float, float]]:
    """When something was broken on purpose, with what was under way before, and who came back after."""
    for number, _ in enumerate(run.header.faults):
        steps = [step for step in run.fault_steps if step.fault == number]
        if steps:
            end_s = max(step.t_s + step.took_s for step in steps)
            yield steps[0].t_s - UNDER_WAY_S, end_s + _BACK_S


def _all_sampled(run: Run, interval: Interval) -> ServerUse | None:
    """The use of all servers; None where not all were sampled, whatever stands beside them."""
    sampled = sum(not use.beside for use in interval.servers.values())
    return interval.server if sampled == sum(not one.beside for one in run.header.servers) else None


def server_columns(uses: Sequence[ServerUse | None], server: MeasuredServer | None) -> dict[str, Floats]:
    """Return the columns of a server's use, or of all servers'; NaN where it is not known."""
    found = {
        name: np.array([np.nan if use is None else getattr(use, field) for use in uses], dtype=np.float64)
        for name, field in SERVER_COLUMNS.items()
    }
    cores = server.cores if server is not None and server.cores > 0 else np.nan
    at_rest = server.files_at_rest if server is not None else None
    found["server_files_opened"] = found["files_open"] - (np.nan if at_rest is None else at_rest)
    busy = found["server_loop_share"]
    found["server_limit_share"] = np.where(np.isfinite(busy), busy, found["cpu_cores"] / cores)
    return found

"""The intervals of one or more runs as tables, one row per second: the input of every figure."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from siotool.runfile import Interval, Run, ServerUse, WorkerHealth

#: What a row of the interval table holds, besides ``run``, ``begin_s`` and ``mean_open``.
#: Server columns are NaN in seconds without a sample, generator columns in seconds without one.
_COLUMNS: dict[str, Callable[[Interval], float]] = {
    "t_s": lambda i: i.t_s,
    "duration_s": lambda i: i.duration_s,
    "open": lambda i: i.connections.open,
    "published": lambda i: i.delivery.published,
    "users": lambda i: i.connections.users,
    "connect_errors": lambda i: sum(i.connections.failed.values()),
    "closed": lambda i: sum(i.connections.closed.values()),
    "wire_in": lambda i: i.bytes.wire_in,
    "wire_out": lambda i: i.bytes.wire_out,
    "received": lambda i: i.delivery.received,
    "lost": lambda i: i.delivery.lost,
    "duplicate": lambda i: i.delivery.duplicate,
    "server_cpu": lambda i: _server(i, lambda use: use.cpu_cores),
    "server_rss": lambda i: _server(i, lambda use: use.rss_bytes),
    "server_files": lambda i: _server(i, lambda use: use.files_open),
    "server_processes": lambda i: _server(i, lambda use: use.processes),
    "generator_cpu": lambda i: _worst(i, lambda worker: worker.cpu_cores),
    "generator_cpu_sum": lambda i: sum((worker.cpu_cores for worker in i.generator), start=0.0),
    "loop_lag": lambda i: _worst(i, lambda worker: worker.loop_lag_s),
    "schedule_lag": lambda i: _worst(i, lambda worker: worker.schedule_lag_s),
    "generator_files_share": lambda i: _worst(i, _files_share),
    "generator_cpu_share": lambda i: _worst(i, lambda worker: worker.cpu_cores / worker.cpu_allowed),
    "generator_cpu_wait": lambda i: _worst(i, lambda worker: worker.cpu_wait),
    "draining": lambda i: i.draining,
}


def interval_table(runs: Sequence[Run]) -> pd.DataFrame:
    """Return one row per interval of every run, in order.

    ``run`` is the number of the run, ``begin_s`` when the second began counted over runs laid
    end to end, ``mean_open`` the connections open on average within it (the mean of both ends).
    """
    frames = []
    offset = 0.0
    for number, run in enumerate(runs):
        frame = pd.DataFrame(
            {name: [float(of(i)) for i in run.intervals] for name, of in _COLUMNS.items()}, dtype=float
        )
        frame["run"] = number
        frame["begin_s"] = offset + frame["t_s"] - frame["duration_s"]
        frame["mean_open"] = (frame["open"] + frame["open"].shift(fill_value=0.0)) / 2
        frames.append(frame)
        offset += float(frame["t_s"].max()) if len(frame) else 0.0
    return pd.concat(frames, ignore_index=True)


def _server(interval: Interval, of: Callable[[ServerUse], float]) -> float:
    return of(interval.server) if interval.server is not None else np.nan


def _worst(interval: Interval, of: Callable[[WorkerHealth], float]) -> float:
    return max((of(worker) for worker in interval.generator), default=np.nan)


def _files_share(worker: WorkerHealth) -> float:
    return worker.files_open / worker.files_limit if worker.files_limit > 0 else 0.0

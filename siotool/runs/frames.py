"""Runs as pandas frames, for notebooks and for ``siotool report --format csv``.

Every frame has the columns ``run`` (the run's name) and ``t_s`` (the end of its interval, in seconds since
the run began), so that frames can be joined on both. Units are in the names of the columns: ``_s`` seconds,
``_bytes``, ``_per_s``, ``_cores``; ``_share`` is between 0 and 1; all other figures are counts. ``in`` and
``out`` are as the clients see them. What was not measured is NaN.
"""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas as pd

from siotool.errors import InputError
from siotool.histogram import Sparse
from siotool.measured_servers import ServerUse
from siotool.printable import printable
from siotool.runfile import Interval, Operation, Run, UserClass, WorkerHealth
from siotool.runs.bucket_table import buckets_of, quantiles
from siotool.runs.frame_names import TableName
from siotool.runs.hold import Marks
from siotool.runs.reading import read
from siotool.runs.sameness import names
from siotool.runs.seconds import Seconds, seconds_of

#: How late a generator's loop was in a second.
_LATE = {"late_p50_s": 0.5, "late_p95_s": 0.95}
_SHARES = {"p50_s": 0.5, "p90_s": 0.9, "p95_s": 0.95, "p99_s": 0.99}
#: Columns of the table of seconds, under names that say their unit.
_SECONDS = {
    "bytes_in_per_s": "wire_in_bytes_per_s",
    "bytes_out_per_s": "wire_out_bytes_per_s",
    "cpu_cores": "server_cpu_cores",
    "rss_bytes": "server_rss_bytes",
    "files_open": "server_files_open",
    "processes": "server_processes",
    "generator_cpu_cores": "generator_busiest_cpu_cores",
    "generator_cpu_sum": "generator_cpu_cores",
    "generator_cpu_share": "generator_busiest_cpu_share",
    "generator_cpu_wait": "generator_cpu_wait_share",
    "loop_lag_s": "generator_loop_lag_s",
    "schedule_lag_s": "generator_schedule_lag_s",
}
#: What a spreadsheet takes for a formula begins so.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_AUDIENCE_TIMES = ("first", "median", "last", "spread")
_AUDIENCE_COUNTS = ("messages", "expected", "received", "lost", "duplicate", "reordered", "misdelivered")


class RunFrames:
    """Some runs as frames; each is made when it is first asked for, and kept."""

    def __init__(self, found: Sequence[Run]) -> None:
        self._runs = found
        self._names = names(found)

    @cached_property
    def _seconds(self) -> Seconds:
        return seconds_of(self._runs)

    @cached_property
    def _held(self) -> list[Marks]:
        return [self._seconds.held[self._seconds.run == number] for number in range(len(self._runs))]

    def _intervals(self) -> Iterator[tuple[dict[str, object], Interval]]:
        """Each interval, with the columns that say which it is."""
        for name, run, held in zip(self._names, self._runs, self._held, strict=True):
            for interval, in_hold in zip(run.intervals, held.tolist(), strict=True):
                yield {"run": name, "t_s": interval.t_s, "held": in_hold}, interval

    @cached_property
    def runs(self) -> pd.DataFrame:
        """One row for each run: what it was, and how it ended (``cut`` when its file has no end)."""
        rows = []
        for name, run in zip(self._names, self._runs, strict=True):
            header, workload = run.header, run.header.workload
            last = run.intervals[-1].t_s if run.intervals else 0.0
            rows.append(
                {
                    "run": name,
                    "started_at": pd.to_datetime(header.started_at, utc=True, errors="coerce"),
                    "duration_s": run.end.t_s if run.end is not None else last,
                    "ended": run.end.reason if run.end is not None else "cut",
                    "scenario": workload.scenario,
                    "target": header.target.url,
                    "users_planned": workload.users_max,
                    "processes": workload.processes,
                    "seed": workload.seed,
                    "siotool": header.siotool,
                    "bytes_source": header.bytes_source,
                    "path": str(run.path),
                }
            )
        return pd.DataFrame(rows)

    @cached_property
    def seconds(self) -> pd.DataFrame:
        """One row for each interval, about a second: connections, rates, bytes, servers, generator.

        ``held`` marks the hold phase, ``draining`` the wait at the end for what was under way,
        ``broken`` the time of faults. The columns
        are those of ``siotool.runs.seconds``; servers' and the generator's begin with their name.
        """
        seconds = self._seconds
        number = pd.Series(self._names, dtype="str")
        frame = pd.DataFrame({"run": number.to_numpy()[seconds.run]})
        columns = {_SECONDS.get(name, name): values for name, values in seconds.columns.items()}
        frame = frame.assign(**columns).rename(columns={"begin_s": "begin_of_all_s"})
        stages = [interval.stage for run in self._runs for interval in run.intervals]
        frame = frame.assign(stage=stages, held=seconds.held, draining=seconds["draining"] > 0)
        frame = frame.assign(broken=seconds["broken"] > 0)
        first = ["run", "t_s", "duration_s", "stage", "held", "draining", "broken"]
        return frame[[*first, *(name for name in frame.columns if name not in first)]]

    @cached_property
    def operations(self) -> pd.DataFrame:
        """One row for each interval and operation: successes, failures, rate, times.

        ``p50_s`` to ``p99_s`` and ``max_s`` are response times, from the intended start, with those that
        were given up; ``service_*`` are from the actual send. All are within 1 %.
        """
        rows: list[dict[str, object]] = []
        found: list[Operation] = []
        for at, interval in self._intervals():
            for one in interval.operations:
                rows.append(
                    at
                    | {"op": one.op, "name": one.name, "count": one.count}
                    | {"failed": sum(one.errors.values()), "rate_per_s": one.count / interval.duration_s}
                )
                found.append(one)
        frame = _frame(rows, ("op", "name", "count", "failed", "rate_per_s"))
        response = [part for one in found for part in (one.response, one.given_up)]
        group = np.repeat(np.arange(len(found)), 2).tolist()
        frame = frame.assign(**_times(response, group, len(found), _SHARES))
        longest = [max(one.response.max_s, one.given_up.max_s) for one in found]
        frame = frame.assign(max_s=np.where(frame["p50_s"].isna(), np.nan, np.array(longest, dtype=float)))
        service = {"service_p50_s": 0.5, "service_p99_s": 0.99}
        return frame.assign(
            **_times([one.service for one in found], list(range(len(found))), len(found), service)
        )

    @cached_property
    def connections(self) -> pd.DataFrame:
        """One row for each interval: ``open`` and ``users`` at its end, the others counted within it."""
        rows = []
        for at, interval in self._intervals():
            known = interval.connections
            rows.append(
                at
                | {"open": known.open, "users": known.users}
                | {"attempted": known.attempted, "established": known.established}
                | {"failed": sum(known.failed.values()), "closed": sum(known.closed.values())}
                | {"left": known.left, "stayed_away": sum(known.stayed_away.values())}
            )
        named = ("open", "users", "attempted", "established", "failed", "closed", "left", "stayed_away")
        return _frame(rows, named)

    @cached_property
    def failures(self) -> pd.DataFrame:
        """One row for each interval, what failed and class of failure; none where nothing failed.

        ``what`` is ``connect`` (a connect that failed), ``closed`` (a connection that ended), ``stayed_away``
        (a user that did not come back), or the operation, whose ``name`` stands beside it.
        """
        rows = []
        for at, interval in self._intervals():
            known = interval.connections
            several: list[tuple[str, str, Mapping[str, int]]] = [
                ("connect", "", known.failed),
                ("closed", "", known.closed),
                ("stayed_away", "", known.stayed_away),
                *((one.op, one.name, one.errors) for one in interval.operations if one.op != "connect"),
            ]
            for what, name, classes in several:
                for kind, count in classes.items():
                    rows.append(at | {"what": what, "name": name, "class": kind, "count": count})
        return _frame(rows, ("what", "name", "class", "count"))

    @cached_property
    def servers(self) -> pd.DataFrame:
        """One row for each interval and server that was sampled."""
        rows = [
            at | {"server": name} | _plain(use)
            for at, interval in self._intervals()
            for name, use in interval.servers.items()
        ]
        frame = _frame(rows, ("server", *ServerUse.__struct_fields__))
        return frame.rename(columns={"loop_utilization": "loop_busy_share"})

    @cached_property
    def workers(self) -> pd.DataFrame:
        """One row for each interval and generator process."""
        found = [(at, worker) for at, interval in self._intervals() for worker in interval.generator]
        rows, late = [at | _plain(worker) for at, worker in found], [worker.late for _, worker in found]
        frame = _frame(rows, [name for name in WorkerHealth.__struct_fields__ if name != "late"])
        frame = frame.assign(**_times(late, range(len(rows)), len(rows), _LATE))
        return frame.rename(columns={"cpu_allowed": "cpu_allowed_cores", "cpu_wait": "cpu_wait_share"})

    @cached_property
    def user_classes(self) -> pd.DataFrame:
        """One row for each interval and user class; columns as in ``siotool.runfile.UserClass``."""
        rows = [at | _plain(found) for at, interval in self._intervals() for found in interval.user_classes]
        return _frame(rows, UserClass.__struct_fields__)

    @cached_property
    def audiences(self) -> pd.DataFrame:
        """One row for each interval and size of audience: deliveries, and when receivers had them.

        ``size`` is the largest of its class of sizes. ``first_*``, ``median_*`` and ``last_*`` are when the
        first, half and all of the receivers had a message, ``spread_*`` from the first to the last.
        """
        rows, found = [], []
        for at, interval in self._intervals():
            for one in interval.audiences:
                counts = {name: getattr(one, name) for name in _AUDIENCE_COUNTS}
                rows.append(at | {"to": one.to, "size": one.size} | counts)
                found.append(one)
        frame = _frame(rows, ("to", "size", *_AUDIENCE_COUNTS))
        for name in _AUDIENCE_TIMES:
            parts = [getattr(one, name) for one in found]
            shares = {f"{name}_p50_s": 0.5, f"{name}_p99_s": 0.99}
            frame = frame.assign(**_times(parts, list(range(len(parts))), len(parts), shares))
        return frame

    @cached_property
    def losses(self) -> pd.DataFrame:
        """One row for each interval: users that were away, that came back, and after how long."""
        rows, away = [], []
        counted = ("away_now", "back", "recovered", "replayed", "caught_up")
        for at, interval in self._intervals():
            rows.append(at | {name: getattr(interval.losses, name) for name in counted})
            away.append(interval.losses.away)
        shares = {"away_p50_s": 0.5, "away_p99_s": 0.99}
        return _frame(rows, counted).assign(**_times(away, list(range(len(away))), len(away), shares))

    @cached_property
    def notes(self) -> pd.DataFrame:
        """One row for each note of the run files: stages, faults, warnings, doubts."""
        rows = [
            {"run": name, "t_s": note.t_s, "level": note.level, "text": note.text}
            for name, run in zip(self._names, self._runs, strict=True)
            for note in run.notes
        ]
        return pd.DataFrame(rows, columns=["run", "t_s", "level", "text"])


def load_frames(runs: Iterable[str | os.PathLike[str]]) -> RunFrames:
    """Read runs from their folders or files; raises RunFileError, and InputError where there are none."""
    found = [read(Path(run)) for run in runs]
    if not found:
        raise InputError("no run to load", "name a run folder or its run.jsonl")
    return RunFrames(found)


def written(runs: Sequence[Run], table: TableName, form: str) -> str | bytes:
    """Return one frame of some runs as a file: ``parquet``, or ``csv`` (a header line, ten digits).

    Texts in CSV are those that a terminal and a spreadsheet may be given; in Parquet they are as they were.
    """
    frame: pd.DataFrame = getattr(RunFrames(runs), table)
    if form == "parquet":
        made: bytes = frame.to_parquet(None, index=False, engine="pyarrow")
        return made
    return _safe(frame).to_csv(index=False, float_format="%.10g", lineterminator="\n")


def _safe(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with texts that are printable, and that no spreadsheet takes for formulas."""
    safe = frame.copy()
    for name in frame.select_dtypes(exclude=["number", "bool"]).columns:
        if any(isinstance(cell, str) for cell in frame[name]):
            safe[name] = [_cell(cell) if isinstance(cell, str) else cell for cell in frame[name]]
    return safe


def _cell(text: str) -> str:
    return f"'{printable(text)}" if text.startswith(_FORMULA) else printable(text)


def _frame(rows: Sequence[Mapping[str, object]], named: Sequence[str]) -> pd.DataFrame:
    """A frame of the rows, with all its columns where there are none; those that say which interval first."""
    return pd.DataFrame(list(rows), columns=["run", "t_s", "held", *named])


def _plain(record: msgspec.Struct) -> dict[str, Any]:
    return msgspec.structs.asdict(record)


def _times(
    parts: Sequence[Sparse], group: Sequence[int], groups: int, shares: Mapping[str, float]
) -> dict[str, Any]:
    found = quantiles(buckets_of(parts, group), np.arange(groups), groups, list(shares.values()))
    return dict(zip(shares, found, strict=True))

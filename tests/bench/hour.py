"""CPU and size of the reports of a long run: an hour, ten million deliveries, eight operations.

    python tests/bench/hour.py            CPU of each form of the report, and its size

The run is fabricated: its figures have the spread of real ones, so that histograms are as full as a real
run's. Each form is made by a process of its own, as the command does.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import msgspec
import numpy as np

from siotool.histogram import Histogram, Sparse
from siotool.measured_servers import MeasuredServer, ServerUse
from siotool.runfile import (
    VERSION,
    AudienceDeliveries,
    Bytes,
    Connections,
    Delivery,
    End,
    GeneratorMachine,
    Header,
    Interval,
    Operation,
    UserClass,
    WorkerHealth,
)
from siotool.workload import Stage, Target, Workload

USERS, RAMP_S, WORKERS = 2000, 60, 4
#: Deliveries a second of each event; with the calls, 10 million messages in an hour.
EVENTS = {"chat message": 1800, "typing": 700, "presence": 300}
CALLS = {"echo": 400, "join": 60, "history": 20}
FORMS = ("text", "json", "md", "html", "csv", "parquet")


def times(random: np.random.Generator, count: int, middle_s: float) -> Sparse:
    """So many times around a middle, with a tail as that of a loaded server."""
    histogram = Histogram()
    histogram.record(random.lognormal(np.log(middle_s), 0.7, count))
    return histogram.sparse()


def operation(random: np.random.Generator, op: str, name: str, count: int, middle_s: float) -> Operation:
    """An operation with response and service times of their own."""
    response = times(random, count, middle_s)
    errors = {"timeout": 1} if op == "ack" and random.random() < 0.02 else {}
    return Operation(op, name, count, errors, response, times(random, count, 0.9 * middle_s))


def interval(random: np.random.Generator, second: int) -> Interval:
    """One second of the run."""
    now, before = (min(USERS, USERS * at // RAMP_S) for at in (second, second - 1))
    opened = now - before
    share = now / USERS
    counts = {name: int(random.poisson(rate * share)) for name, rate in EVENTS.items()}
    deliveries = sum(counts.values())
    calls = {name: int(random.poisson(rate * share)) for name, rate in CALLS.items()}
    operations = [
        *(
            operation(random, op, name, opened, middle_s)
            for op, name, middle_s in (("connect", "/", 0.02), ("namespace", "/", 0.004))
            if opened
        ),
        *(operation(random, "ack", name, count, 0.006) for name, count in calls.items()),
        *(operation(random, "deliver", name, count, 0.012) for name, count in counts.items()),
    ]
    audiences = [
        AudienceDeliveries(
            "room",
            size,
            messages=deliveries // 4 // size,
            expected=deliveries // 4,
            received=deliveries // 4,
            **{
                kind: times(random, deliveries // 4 // size, 0.01)
                for kind in ("first", "median", "last", "spread")
            },
        )
        for size in (5, 10, 20, 50)
    ]
    moved = deliveries * 180 + sum(calls.values()) * 90
    return Interval(
        t_s=float(second),
        duration_s=1.0,
        stage=int(second > RAMP_S),
        connections=Connections(now, now, opened, opened),
        operations=operations,
        delivery=Delivery(deliveries // 20, deliveries, deliveries),
        bytes=Bytes(moved, moved // 3, moved + 4000, moved // 3 + 4000),
        generator=[
            # its loop is looked at 20 times a second
            WorkerHealth(
                n,
                0.3 + 0.02 * random.random(),
                90_000_000,
                0.004,
                0.003,
                500,
                20_000,
                late=times(random, 20, 0.001),
            )
            for n in range(WORKERS)
        ],
        servers={
            name: ServerUse(0.5 * share + 0.02 * random.random(), 80_000_000 + 9000 * now, 20 + now // 2, 1)
            for name in ("a", "b")
        },
        audiences=audiences,
        user_classes=[
            UserClass("Reader", now - now // 2, opened - opened // 2, 0, opened, opened, 10, 0, 10),
            UserClass("Writer", now // 2, opened // 2, 0, 0, 0, sum(calls.values()), 0, sum(calls.values())),
        ],
    )


def write(path: Path, seconds: int) -> int:
    """Write a run of so many seconds; returns its deliveries."""
    random = np.random.default_rng(1)
    header = Header(
        version=VERSION,
        run="20260101T000000Z-hour",
        started_at="2026-01-01T00:00:00Z",
        siotool="0.1.0",
        libraries={},
        generators=[GeneratorMachine("localhost", WORKERS, "Linux", 8, 16 << 30, "3.12.1", 0.0)],
        target=Target(url="http://127.0.0.1:3000"),
        workload=Workload(
            scenario="rooms",
            settings={"rate": 0.2},
            stages=[Stage(float(RAMP_S), USERS), Stage(float(seconds - RAMP_S), USERS)],
            processes=WORKERS,
            seed=1,
        ),
        bytes_source="the kernel's TCP_INFO counters",
        servers=[MeasuredServer(name, [1], f"pid of {name}", 1.0, 8 << 30, 4096) for name in ("a", "b")],
    )
    deliveries = 0
    with path.open("wb") as file:
        file.write(msgspec.json.encode(header) + b"\n")
        for second in range(1, seconds + 1):
            line = interval(random, second)
            deliveries += line.delivery.received
            file.write(msgspec.json.encode(line) + b"\n")
        file.write(msgspec.json.encode(End(float(seconds), "finished", intervals=seconds)) + b"\n")
    return deliveries


def cpu_s(command: list[str]) -> float:
    """User and system time of a command, in seconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode not in (0, 4, 5):
        raise SystemExit(done.stderr)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Fabricate the run, report it in each form, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seconds", type=int, default=3600)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--forms", nargs="*", default=FORMS)
    parser.add_argument("--keep", metavar="FILE", help="where the run is kept; made only when it is missing")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        run = Path(asked.keep or f"{folder}/run.jsonl")
        if not run.exists():
            print(f"{write(run, asked.seconds):,} deliveries", file=sys.stderr)
        print(f"| form | CPU, median of {asked.repeat} | size |\n|---|---|---|")
        print(f"| (the run file) | – | {run.stat().st_size / 1e6:.1f} MB |")
        for form in asked.forms:
            out = f"{folder}/report.{form}"
            command = [sys.executable, "-m", "siotool", "report", str(run), "--format", form, "-q", "-o", out]
            spent = sorted(cpu_s(command) for _ in range(asked.repeat))
            print(f"| {form} | {spent[len(spent) // 2]:.2f} s | {Path(out).stat().st_size / 1e6:.2f} MB |")


if __name__ == "__main__":
    main()

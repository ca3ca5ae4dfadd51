import subprocess
import sys

import msgspec
import numpy as np
import pytest

from siotool.histogram import Histogram
from siotool.runfile import Bytes, Connections, Operation, UserClass, Visits, WorkerHealth
from siotool.swarm import worker_report
from siotool.swarm.worker_report import Presence, Publication, Receipt, WorkerInterval, packed_delays


def test_what_a_worker_tells_arrives_as_it_was_told():
    times = Histogram()
    times.record([0.001, 0.002, 3.0])
    interval = WorkerInterval(
        worker=3,
        number=17,
        until=1e6 + 1 / 3,
        connections=Connections(open=2, users=3, failed={"refused": 1}, closed={"reset": 4}),
        operations=[
            Operation("ack", "écho", 3, {"timeout": 1}, times.sparse()),
            Operation("deliver", "tick", 9),
        ],
        bytes=Bytes(1, 2, 3, 4),
        health=WorkerHealth(3, 0.5, 80_000_000, 0.001, 0.0, 30, 1024),
        presence=[Presence(1.5, 1), Presence(2.5, -1, 1 << 63)],
        published=[Publication(1 << 25, 1, 2.25, 1), Publication(1 << 25, 1, 2.5, 0, 1 << 63)],
        receipts=[Receipt(1 << 25, 1, 40, 2, packed_delays(np.array([0.5, 1.5])), 3, 4, 1 << 63, 5, -6)],
        user_classes=[UserClass("Chat", users=2, offered=5, issued=4)],
        visits=Visits(9, 7, 2, times.sparse()),
        final=True,
    )
    assert worker_report.decode(worker_report.encode(interval)) == interval


def test_a_foreign_report_is_refused():
    with pytest.raises(msgspec.ValidationError):
        worker_report.decode(msgspec.msgpack.encode({"worker": "one"}))


PURE = [
    "knobs",
    "pacing",
    "delivery_tracker",
    "aggregator",
    "deliveries",
    "timeline",
    "lateness",
    "patience",
    "program",
    "recorder",
    "cpu_quota",
    "metrics",
    "worker_report",
    "switchboard",
]


def test_pure_modules_of_the_swarm_do_not_load_locust():
    """Trap: whoever loads Locust has every socket and ssl of the process patched."""
    code = (
        "import importlib, sys\n"
        "for name in sys.argv[1:]:\n"
        "    importlib.import_module(f'siotool.swarm.{name}')\n"
        "    if {'locust', 'gevent'} & set(sys.modules):\n"
        "        sys.exit(name)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, *PURE], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, ""), f"{done.stderr} loads Locust"

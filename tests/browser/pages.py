"""Documents whose pages the tests in a browser look at: a plan, a failed run, one with outages and rooms."""

import msgspec
import numpy as np

from siotool.document.document import Document
from siotool.plan.documents.pictures import drawn
from siotool.plan.documents.plan_document import document
from siotool.plan.inputs import compose, planfile
from siotool.plan.sizing import sizing
from siotool.report.gates import parse
from siotool.report.report_document import as_document
from siotool.runfile import AudienceDeliveries, Delivery, Interval, Losses, Run
from tests.unit.conftest import ARTICLE, make_chat_run, make_run, reported, sparse

PLAN = """\
[workload]
connections = "100k..200k"
session_length = "20min..40min"
messages.chat = {kind = "room", rate = "1/min..2/min", size = "100B..300B", room_size = "20..50"}
[server]
capacity = "1Gbit/s"
memory = "16GiB"
[topology]
adapter = "redis"
[goals]
reconnect_time = "60s"
downtime = "10min..30min"
"""


def planned() -> Document:
    """A plan with ranges, rooms and a storm."""
    inputs = compose.complete(planfile.decode(PLAN, "plan.toml"))
    plan = sizing.size(inputs, draws=500)
    return document(plan, drawn(plan, inputs, draws=500, seed=1))


def failed() -> Document:
    """A run that failed and cannot be trusted, beside a plan."""
    gates = [parse("p99:ack > 200ms"), parse("lost > 0")]
    return as_document(reported(make_chat_run(), ARTICLE, gates, default_gates=True))


def outages() -> Document:
    """A run with rooms and an outage."""
    return as_document(reported(outages_run()))


def outages_run() -> Run:
    """Rooms of several sizes; half of the users lose their connection, and are back 3 s later."""

    def change(interval: Interval) -> Interval:
        second, connections = interval.t_s, interval.connections
        losses = Losses()
        if second == 20:
            connections = msgspec.structs.replace(connections, open=50, closed={"transport_close": 50})
            losses = Losses(away_now=50)
        elif 20 < second < 23:
            connections = msgspec.structs.replace(connections, open=50)
            losses = Losses(away_now=50)
        elif second == 23:
            connections = msgspec.structs.replace(connections, attempted=50, established=50)
            losses = Losses(back=50, recovered=20, replayed=7, away=sparse(np.linspace(1.0, 3.0, 50)))
        rooms = [
            AudienceDeliveries(
                "room",
                size,
                messages=4,
                expected=4 * size,
                received=4 * size,
                **{kind: sparse(np.full(4, 0.01)) for kind in ("first", "median", "last", "spread")},
            )
            for size in (5, 20)
        ]
        delivery = Delivery(published=8, expected=100, received=100)
        return msgspec.structs.replace(
            interval, connections=connections, losses=losses, audiences=rooms, delivery=delivery
        )

    return make_run(scenario="rooms", change=change)

"""A run's workload as a plan has it: its kinds of messages, and how long sessions last.

What was measured of a run's workload is what a plan multiplies by its connections. A room is
taken for as large as it was: messages to a room of all grow with the square of its
members, and no run shows a larger one.
"""

import re
from collections import Counter
from collections.abc import Sequence

import msgspec

from siotool.plan.inputs.figure import Figure, Inputs, Kind, MessageChoice
from siotool.plan.inputs.provenance import Provenance
from siotool.runfile import Run

#: Kinds of calls that a plan keeps apart, the most frequent; all others are one.
_APART = 8
#: Fewer sessions than this that began in the hold phase are not a churn.
_LEAST_CHURN = 10
#: A share of what was sent below this is not called emits, and of what arrived not pushes.
_FEW = 0.02
#: What is around a message's text: the packet's type, brackets, quotes, a comma.
_AROUND = 9
_OTHER = re.compile(r"[^A-Za-z0-9_-]+")


class RunLoad(msgspec.Struct, frozen=True):
    """Counts over the seconds of a run that are averaged (``siotool.runs.hold``).

    ``connection_s`` is connections times seconds. ``calls`` count by event name, ``emitted`` events
    without an answer. ``audience`` are the deliveries that ``published`` messages were to have,
    ``pushed`` events that no publish of this run explains, ``heard`` the one that came most often.
    ``begun`` are new connections; payload as the clients see it.
    """

    connection_s: float = 0.0
    calls: dict[str, int] = {}
    emitted: int = 0
    published: int = 0
    audience: int = 0
    heard: str = ""
    pushed: int = 0
    begun: int = 0
    payload_in: int = 0
    payload_out: int = 0

    @property
    def room_size(self) -> float:
        """Sessions that one published message went to."""
        return self.audience / self.published if self.published else 0.0


def asked_of(run: Run, held: Sequence[bool]) -> RunLoad:
    """Sum up what a run asked for in its ``held`` intervals."""
    begins = [0, *(interval.connections.open for interval in run.intervals)]
    chosen = [(before, one) for before, one, mine in zip(begins, run.intervals, held, strict=False) if mine]
    calls, heard = Counter[str](), Counter[str]()
    for _, interval in chosen:
        for operation in interval.operations:
            if operation.op == "ack":
                calls[operation.name] += operation.count + sum(operation.errors.values())
            elif operation.op == "deliver":
                heard[operation.name] += operation.count
    intervals = [interval for _, interval in chosen]
    published = sum(one.delivery.published for one in intervals)
    # what users expected by a key is pushed by the server, and no part of what was published
    awaited = [found for one in intervals for found in one.audiences if found.to == "user"]
    received = sum(one.delivery.received for one in intervals) - sum(found.received for found in awaited)
    sent = sum(found.sent for one in intervals for found in one.user_classes)
    return RunLoad(
        connection_s=sum((before + one.connections.open) / 2 * one.duration_s for before, one in chosen),
        calls=dict(calls.most_common()),
        # a publish counts once its last delivery came: a few more are sent, and arrive, than counted
        emitted=emitted if (emitted := sent - calls.total() - published) > _FEW * sent else 0,
        published=published,
        audience=sum(one.delivery.expected for one in intervals) - sum(found.expected for found in awaited),
        heard=max(heard, key=lambda name: heard[name], default=""),
        pushed=pushed if (pushed := heard.total() - received) > _FEW * heard.total() else 0,
        begun=sum(one.connections.established for one in intervals),
        payload_in=sum(one.bytes.payload_in for one in intervals),
        payload_out=sum(one.bytes.payload_out for one in intervals),
    )


def workload(asked: RunLoad, origin: Provenance) -> Inputs:
    """Return the messages of a run as a plan file has them; rates are per session and second."""
    if asked.connection_s <= 0:
        return Inputs()
    kinds = _kinds(asked)
    figures: dict[str, Figure] = {}
    messages = []
    size = _sizes(asked, kinds)
    for name, kind, count, room in kinds:
        if count <= 0:
            continue
        acknowledged = kind == "echo"
        messages.append(MessageChoice(name, kind, acknowledged=acknowledged))
        place = f"workload.messages.{name}"
        figures[f"{place}.rate"] = Figure(count / asked.connection_s, origin)
        figures[f"{place}.size"] = Figure(size, origin)
        if kind == "room":
            figures[f"{place}.room_size"] = Figure(max(1.0, room), origin)
    if asked.begun >= _LEAST_CHURN:
        figures["workload.session_length"] = Figure(asked.connection_s / asked.begun, origin)
    return Inputs(figures, tuple(messages))


def _kinds(asked: RunLoad) -> list[tuple[str, Kind, float, float]]:
    """Name, kind, count and room of each kind of message."""
    calls = list(asked.calls.items())
    found: list[tuple[str, Kind, float, float]] = [
        (_name(name, "call"), "echo", count, 0.0) for name, count in calls[:_APART]
    ]
    found.append(("other_calls", "echo", sum(count for _, count in calls[_APART:]), 0.0))
    found.append(("emits", "emit", asked.emitted, 0.0))
    found.append((_name(asked.heard, "broadcast"), "room", asked.published, asked.room_size))
    found.append(("pushes", "push", asked.pushed, 0.0))
    # two events may become one name, and a call may have the name of a broadcast
    merged: dict[tuple[str, Kind], tuple[str, Kind, float, float]] = {}
    for name, kind, count, room in found:
        before = merged.get((name, kind), (name, kind, 0.0, room))
        merged[name, kind] = (name, kind, before[2] + count, room)
    taken = Counter(name for name, _ in merged)
    return [
        (f"{name}_{kind}" if taken[name] > 1 else name, kind, count, room)
        for name, kind, count, room in merged.values()
    ]


def _name(event: str, absent: str) -> str:
    return _OTHER.sub("_", event).strip("_")[:40] or absent


def _sizes(asked: RunLoad, kinds: Sequence[tuple[str, Kind, float, float]]) -> float:
    """Payload of a message in bytes: the mean of the direction that carried more of them."""
    sent = sum(count for _, kind, count, _ in kinds if kind != "push")
    came = asked.pushed + sum(
        count * room if kind == "room" else count
        for _, kind, count, room in kinds
        if kind in ("room", "echo")
    )
    payload, count = (asked.payload_out, sent) if sent >= came else (asked.payload_in, came)
    if not count:
        return 0.0
    names = sum(len(name) * count for name, _, count, _ in kinds) / max(1.0, sent + asked.pushed)
    return max(0.0, payload / count - names - _AROUND)

"""What a worker reports to the parent each second, over Locust's report channel."""

from collections.abc import Sequence
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from siotool.runfile import Bytes, Connections, Losses, Operation, TargetUse, UserClass, Visits, WorkerHealth
from siotool.swarm.run_clock import SHARED, RunClock


class Publication(msgspec.Struct, frozen=True, array_like=True):
    """A stamped message that was sent; ``discount`` receivers are not to expect it.

    ``audience`` is the number of its audience; 0: all. ``node`` is the one that its sender was on; empty: it
    is not known.
    """

    publisher: int
    seq: int
    sent: float
    discount: int
    audience: int = 0
    node: str = ""


class Receipt(msgspec.Struct, frozen=True, array_like=True):
    """How often a message arrived since the last report.

    ``due``: at connections that were to expect it. ``undue``: at others, which need not have
    received it. Of these two a member that leaves takes from the first and adds to the second.
    ``delays`` are those of the due ones, packed, or empty where they are unknown. ``misdelivered``:
    at connections that are not in its audience. ``expected``: how many more are expected at this worker than
    the presence of its members says. ``node``: that of all these receivers; empty: it is not known.
    """

    publisher: int
    seq: int
    due: int
    undue: int
    delays: bytes = b""
    duplicate: int = 0
    reordered: int = 0
    audience: int = 0
    misdelivered: int = 0
    expected: int = 0
    node: str = ""

    @property
    def says_something(self) -> bool:
        """Whether any count is not 0."""
        counts = (self.due, self.undue, self.duplicate, self.reordered, self.misdelivered, self.expected)
        return any(counts)


class PushCounts(msgspec.Struct, array_like=True):
    """Events without a stamp that users expected by their keys, since the last report.

    ``pending``: waited for at its end.
    """

    received: int = 0
    lost: int = 0
    duplicate: int = 0
    misdelivered: int = 0
    late: int = 0
    pending: int = 0


def packed_delays(delays: NDArray[np.float64]) -> bytes:
    """Seconds after the intended start, in four bytes each: exact to 2 µs up to 30 s."""
    return delays.astype("<f4").tobytes()


def unpacked_delays(packed: Sequence[bytes]) -> NDArray[np.float64]:
    """Seconds after the intended start, of several ``packed_delays``."""
    return np.frombuffer(b"".join(packed), dtype="<f4").astype(np.float64)


class Presence(msgspec.Struct, frozen=True, array_like=True):
    """A connection that began (+1) or ceased (−1) to expect what is sent to an audience (0: all).

    The moment may lie before those already reported, or in the future. ``node`` is the one that it is on;
    empty: it is not known.
    """

    at: float
    change: int
    audience: int = 0
    node: str = ""


class Raised(msgspec.Struct, frozen=True, array_like=True):
    """What a scenario's code raised or judged to be wrong (``runfile.ScenarioFailure``).

    ``traceback`` is empty but for the first of its kind from a worker.
    """

    kind: str
    message: str
    where: str
    count: int
    traceback: str = ""


class Remark(msgspec.Struct, frozen=True, array_like=True):
    """Something worth knowing that a worker met; it becomes a note in the run file."""

    level: Literal["warning", "doubt"]
    text: str


class WorkerInterval(msgspec.Struct):
    """One closed interval of one worker; ``number`` counts seconds since the start.

    It ``covers`` more than one when the loop was blocked. ``until`` is when it was closed; times
    are of the machine's monotonic clock. ``undated`` deliveries had no readable send time,
    ``from_the_future`` arrived before it. ``untimed`` operations lost their times, as the loop was
    blocked while they arrived. ``acknowledged`` are messages that the server has acknowledged: publisher,
    number and audience. ``draining`` marks what came after the parent stopped the run.
    ``missed`` is how many seconds before it did not arrive, which the parent knows.
    """

    worker: int
    number: int
    until: float
    connections: Connections
    operations: list[Operation]
    bytes: Bytes
    health: WorkerHealth
    presence: list[Presence] = []
    published: list[Publication] = []
    acknowledged: list[tuple[int, int, int]] = []
    receipts: list[Receipt] = []
    pushes: PushCounts = msgspec.field(default_factory=PushCounts)
    undated: int = 0
    from_the_future: int = 0
    user_classes: list[UserClass] = []
    other_users: int = 0
    visits: Visits = Visits()
    exceptions: list[Raised] = []
    absence: list[Presence] = []
    losses: Losses = Losses()
    targets: list[TargetUse] = []
    class_operations: dict[str, list[Operation]] = {}
    overdue: dict[str, int] = {}
    covers: int = 1
    untimed: int = 0
    draining: bool = False
    remarks: list[Remark] = []
    final: bool = False
    missed: int = 0


def in_parents_time(interval: WorkerInterval, clock: RunClock) -> WorkerInterval:
    """The same with all moments on the parent's clock, and how exact they are."""
    reading = clock.reading
    if reading == SHARED:
        return interval

    def moved(steps: list[Presence]) -> list[Presence]:
        return [msgspec.structs.replace(step, at=clock.parents(step.at)) for step in steps]

    return msgspec.structs.replace(
        interval,
        until=clock.parents(interval.until),
        presence=moved(interval.presence),
        absence=moved(interval.absence),
        published=[msgspec.structs.replace(one, sent=clock.parents(one.sent)) for one in interval.published],
        health=msgspec.structs.replace(interval.health, clock_error_s=reading.error_s),
    )


encode = msgspec.msgpack.Encoder().encode
decode = msgspec.msgpack.Decoder(WorkerInterval).decode

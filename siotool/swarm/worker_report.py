"""What a worker reports to the parent each second, over Locust's report channel."""

from typing import Literal

import msgspec

from siotool.runfile import Bytes, Connections, Operation, TargetUse, UserClass, Visits, WorkerHealth


class Publication(msgspec.Struct, frozen=True, array_like=True):
    """A stamped message that was sent; ``discount`` receivers are not to expect it."""

    publisher: int
    seq: int
    sent: float
    discount: int


class Receipt(msgspec.Struct, frozen=True, array_like=True):
    """How often a message arrived since the last report.

    ``due``: at connections that were open when it was sent. ``undue``: at others, which
    need not have received it.
    """

    publisher: int
    seq: int
    due: int
    undue: int


class Presence(msgspec.Struct, frozen=True, array_like=True):
    """A connection that began (+1) or ceased (−1) to expect broadcasts."""

    at: float
    change: int


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
    blocked while they arrived. ``draining`` marks what came after the parent stopped the run.
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
    receipts: list[Receipt] = []
    duplicate: int = 0
    reordered: int = 0
    undated: int = 0
    from_the_future: int = 0
    user_classes: list[UserClass] = []
    visits: Visits = Visits()
    exceptions: list[Raised] = []
    targets: list[TargetUse] = []
    overdue: dict[str, int] = {}
    covers: int = 1
    untimed: int = 0
    draining: bool = False
    remarks: list[Remark] = []
    final: bool = False


encode = msgspec.msgpack.Encoder().encode
decode = msgspec.msgpack.Decoder(WorkerInterval).decode

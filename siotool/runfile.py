"""The types of the lines of ``run.jsonl``. ``siotool.runs.reading`` reads them.

The file is append-only and readable up to its last whole line at any moment. The first
line is a ``header``; then one ``interval`` a second, ``note`` lines between them, and an
``end`` when the run ended in order. Every count of an interval is what happened within it;
totals are sums over intervals. ``in`` and ``out`` are as the clients see them.
"""

from pathlib import Path
from typing import Annotated, Literal

import msgspec

from siotool.deliveries_by_node import DeliveriesByNode
from siotool.faults.planned_fault import FaultStep, PlannedFault
from siotool.histogram import Sparse
from siotool.measured_servers import Amount, Count, MeasuredServer, ServerUse, all_servers
from siotool.searched import FoundCapacity, Hold
from siotool.stopped import Stopped
from siotool.workload import ClientBackoff, Target, WeightedTarget, Workload

VERSION = 3
FILE_NAME = "run.jsonl"

OpKind = Literal["connect", "phase", "upgrade", "namespace", "ack", "deliver", "reconnect", "custom"]


class GeneratorMachine(msgspec.Struct, frozen=True):
    """A machine on which the load was made, by ``processes`` workers.

    Workers are numbered through all generators, in their order. ``clock_error_s`` is how far its clock may be
    from that of the first one, in seconds: 0 for the first. ``cpu`` is its model, empty where unknown.
    """

    host: str
    processes: Count
    system: str
    cpus: Count
    memory_bytes: Count
    python: str
    clock_error_s: Amount
    cpu: str = ""


class Header(msgspec.Struct, frozen=True, tag_field="kind", tag="header"):
    """First line of a run: everything that was decided before it started.

    ``targets`` are the addresses of a service that has several, ``target`` is the first of them.
    ``servers`` have names of their own; empty when none was sampled. ``embedded``: the target is
    the one that siotool starts itself, on any free port; ``lab`` says which lab that is, where it is one.
    ``faults`` are what was to be done to the target, in the order of their begin. ``backoff`` is how users
    came back, None where they did not.
    """

    version: Count
    run: str
    started_at: str
    siotool: str
    libraries: dict[str, str]
    generators: list[GeneratorMachine]
    target: Target
    workload: Workload
    bytes_source: str
    targets: list[WeightedTarget] = []
    servers: list[MeasuredServer] = []
    embedded: bool = False
    lab: str = ""
    faults: list[PlannedFault] = []
    backoff: ClientBackoff | None = None
    gates: list[str] = []
    default_gates: bool = True
    command: list[str] = []

    @property
    def where(self) -> str:
        """What to call the target, or all of them, in a line."""
        return f"{self.target.url} and {len(self.targets) - 1} more" if self.targets else self.target.url

    @property
    def server(self) -> MeasuredServer | None:
        """All servers as one; None when none was sampled. Servers on one machine share its memory."""
        servers = [one for one in self.servers if not one.beside]
        if len(servers) < 2:
            return servers[0] if servers else None
        limits = [one.files_limit for one in servers if one.files_limit is not None]
        at_rest = [one.files_at_rest for one in servers if one.files_at_rest is not None]
        links = [one.bandwidth_bytes_per_s for one in servers if one.bandwidth_bytes_per_s is not None]
        memory = {one.host: one.memory_bytes for one in servers if one.memory_bytes is not None}
        return MeasuredServer(
            name=", ".join(one.name for one in servers),
            pids=[pid for one in servers for pid in one.pids],
            source="; ".join(f"{one.name}: {one.source}" for one in servers),
            cores=sum(one.cores for one in servers),
            memory_bytes=sum(memory.values()) if memory else None,
            files_limit=min(limits, default=None),
            host=", ".join(dict.fromkeys(one.host for one in servers)),
            files_at_rest=sum(at_rest) if len(at_rest) == len(servers) else None,
            bandwidth_bytes_per_s=sum(links) if len(links) == len(servers) else None,
        )


class Operation(msgspec.Struct, frozen=True):
    """One kind of operation within an interval.

    ``response`` counts from the intended start, ``service`` from the actual send (equal
    where nothing was scheduled). ``count`` are the successes; those without a latency, such as
    a delivery without a send time, are in neither. ``errors`` are the failures by class;
    ``given_up`` is how long those of them had waited, from the intended start, that had no answer in
    time (``timeout``) or before the run ended (``unanswered``).
    """

    op: OpKind
    name: str
    count: Count = 0
    errors: dict[str, Count] = {}
    response: Sparse = Sparse()
    service: Sparse = Sparse()
    given_up: Sparse = Sparse()


class Connections(msgspec.Struct, frozen=True):
    """``open`` and ``users`` at the end of the interval; the rest counted within it.

    ``closed`` are connections that ended by class, ``left`` those that their users ended. ``hung`` counts
    the attempts that had no answer in time (``timeout``, or ``unanswered`` when the run ended first) by the
    phase they hung in: tcp, tls, upgrade, open, namespace. ``stayed_away`` counts users that will not come
    back by themselves, as the official client does not: ``server_disconnect``, ``connect_error`` (a namespace
    refused them), ``gave_up`` (their tries are used up), ``no_reconnection`` (they are to have none).
    """

    open: Count = 0
    users: Count = 0
    attempted: Count = 0
    established: Count = 0
    failed: dict[str, Count] = {}
    closed: dict[str, Count] = {}
    hung: dict[str, Count] = {}
    left: Count = 0
    stayed_away: dict[str, Count] = {}


#: The name under which operations are counted together once there are too many names.
OTHER = "(other)"

#: Kinds of a failure that no exception made: a failed check, and a call of ``fail``.
CHECK_FAILED, FAIL = "check_failed", "fail"
JUDGED = frozenset({CHECK_FAILED, FAIL})
#: How ``where`` begins for an operation that was reported as failed through Locust's event.
REQUEST_EVENT = "request event"


class ScenarioFailure(msgspec.Struct, frozen=True):
    """What a scenario's own code raised, or judged to be wrong, within an interval.

    ``kind`` is the exception's class, ``check_failed`` for a failed check, ``fail`` for a call
    of ``fail``. ``message`` is shortened. ``where`` names the place in the scenario.
    """

    kind: str
    message: str
    where: str
    count: Count


class UserClass(msgspec.Struct, frozen=True):
    """Users of one class: ``users`` at the end of the interval, the rest counted within it.

    ``started`` and ``ended`` (by themselves) are users; ``attempted`` and ``established`` their connections;
    ``begun`` and ``failed`` their operations other than connecting, of which ``sent`` are events sent to the
    server. ``offered``, ``issued`` and ``withheld`` are scheduled operations: what was due, what was begun,
    and what was not because the target kept the user from it; ``late`` are those of the issued that began
    more than 100 ms after they were due. 0 where nothing is scheduled (a ``wait_time`` of the user's own).
    """

    name: str
    users: Count = 0
    started: Count = 0
    ended: Count = 0
    attempted: Count = 0
    established: Count = 0
    begun: Count = 0
    failed: Count = 0
    sent: Count = 0
    offered: Count = 0
    issued: Count = 0
    withheld: Count = 0
    late: Count = 0


class Visits(msgspec.Struct, frozen=True):
    """Users that came and went within an interval.

    ``offered`` users were to arrive; ``arrived`` of them were started, ``no_place`` were not because as
    many as may be there at once were there. ``length`` is how long the users were there, in seconds,
    that ended by themselves.
    """

    offered: Count = 0
    arrived: Count = 0
    no_place: Count = 0
    length: Sparse = Sparse()


class Losses(msgspec.Struct, frozen=True):
    """Users that lost their connection, and those of them that came back within an interval.

    ``away_now`` were away at its end: lost, to come back, and not back yet. ``back`` came back, of which
    ``recovered`` were given their session back. ``replayed`` are deliveries to these, sent before they were
    back; ``caught_up`` are all that were sent while their user was away. ``away``: from a loss until all
    namespaces were joined again. ``silence``: how long nothing had passed over the WebSockets that the other
    side closed. ``drained``: from the begin of a user's connect to the last of what was sent while it was
    away, of those that left or were lost; ``drained_ago``: by how many whole seconds ago they had come back.
    """

    away_now: Count = 0
    back: Count = 0
    recovered: Count = 0
    replayed: Count = 0
    caught_up: Count = 0
    away: Sparse = Sparse()
    silence: Sparse = Sparse()
    drained: Sparse = Sparse()
    drained_ago: list[tuple[Count, Sparse]] = []


class Delivery(msgspec.Struct, frozen=True):
    """Stamped messages that were closed within the interval.

    ``expected = received + lost``. A message is closed when its last due delivery arrived,
    or when it is given up; ``pending`` are the deliveries of open messages at its end.
    ``misdelivered`` are deliveries where they were not to arrive; they are not among the received.
    ``while_away`` are deliveries to users that were away when the message was sent: not expected. Those
    that came after all are ``Losses.caught_up``. The server acknowledged so many messages.
    """

    published: Count = 0
    expected: Count = 0
    received: Count = 0
    lost: Count = 0
    duplicate: Count = 0
    reordered: Count = 0
    late: Count = 0
    pending: Count = 0
    misdelivered: Count = 0
    while_away: Count = 0
    acknowledged: Count = 0


#: Classes of audience sizes, by the largest of each: 1, 2, 3 to 5, 6 to 10, 11 to 20, …
AUDIENCE_SIZES = (0, *(step * 10**power for power in range(7) for step in (1, 2, 5)))

#: Whom a message is for: all users, those of a room, one user who waits for it.
AudienceKind = Literal["all", "room", "user"]


class AudienceDeliveries(msgspec.Struct, frozen=True):
    """Messages to audiences of one class of sizes (``AUDIENCE_SIZES``) that were closed in the interval.

    ``size`` is the largest of its class; an audience's size are the users that were to receive the
    message, which is all that received it, and those that it was lost for. ``first``, ``median`` and
    ``last`` are when its receivers got a message, from its intended start; ``spread`` how long after the
    first the last one did. They are of the messages that reached everyone. Duplicates, reordered and
    misdelivered count with the size of their message: when it is closed, or when they come after that.
    """

    to: AudienceKind
    size: Count
    messages: Count = 0
    expected: Count = 0
    received: Count = 0
    lost: Count = 0
    duplicate: Count = 0
    reordered: Count = 0
    misdelivered: Count = 0
    first: Sparse = Sparse()
    median: Sparse = Sparse()
    last: Sparse = Sparse()
    spread: Sparse = Sparse()


class Bytes(msgspec.Struct, frozen=True):
    """``payload``: Engine.IO packets. ``wire``: TCP payload (HTTP, frames, heartbeats, TLS)."""

    payload_in: Count = 0
    payload_out: Count = 0
    wire_in: Count = 0
    wire_out: Count = 0


class TargetUse(msgspec.Struct, frozen=True):
    """What happened at one of several targets within an interval; it is in the interval's totals too.

    Deliveries, and what a scenario counts by itself, are in the totals alone. ``connections.users`` is 0.
    """

    connections: Connections
    operations: list[Operation]
    bytes: Bytes


class WorkerHealth(msgspec.Struct, frozen=True):
    """One generator process, to see whether it is the bottleneck.

    ``cpu_cores`` mean over the interval (1.0 is one full core), ``loop_lag_s`` the longest
    the connection loop was late, ``schedule_lag_s`` the longest a scheduled operation was.
    ``cpu_allowed`` is how many cores it may use (one interpreter: at most 1; less under a quota
    or an affinity mask). ``cpu_wait`` is the share of the interval in which its busiest thread
    was ready to run and had no CPU. ``clock_error_s``: how far its machine's clock may be from the parent's,
    as it is taken to be; 0 for the parent's own machine. ``late``: how late the connection loop was, at
    200 moments a second: what came then had to wait as long. Empty where no times were taken.
    """

    worker: Count
    cpu_cores: Amount
    rss_bytes: Count
    loop_lag_s: Amount
    schedule_lag_s: Amount
    files_open: Count
    files_limit: Count
    cpu_allowed: Annotated[float, msgspec.Meta(gt=0, le=1e12)] = 1.0
    cpu_wait: Amount = 0.0
    clock_error_s: Amount = 0.0
    late: Sparse = Sparse()


class Pace(msgspec.Struct, frozen=True):
    """CPU seconds of fixed work on the servers' CPUs (``siotool.swarm.awake``).

    ``text_s`` is that of writing and reading a text in JSON, ``step_s`` that of a step
    through memory that no near cache holds.
    """

    text_s: Amount
    step_s: Amount


class Interval(msgspec.Struct, frozen=True, tag_field="kind", tag="interval"):
    """One second of the run; ``t_s`` is its end, in seconds since the start.

    ``overdue`` are the operations under way for more than a second at its end, by op. ``draining`` marks
    what came after the last stage, while the run waited for what was still under way: it belongs to no hold
    phase. ``servers`` holds the use of those that were sampled, by their names in the header, ``targets``
    what happened at each of the header's, in their order. ``lost_ago`` says when the messages were sent
    whose deliveries were given up in it: whole seconds before its end, and how many deliveries;
    ``acknowledged_lost_ago`` are those of them that the server had acknowledged. ``class_operations`` are
    the operations by user class, without service times, where there are several classes; deliveries and
    custom ones are in the totals alone. ``pace`` is what fixed work cost on the servers' CPUs, where a loop
    of it ran. ``by_node`` is None where no connection's node is known. ``other_users`` have no connection.
    """

    t_s: Amount
    duration_s: Amount
    stage: Count
    connections: Connections
    operations: list[Operation]
    delivery: Delivery
    bytes: Bytes
    generator: list[WorkerHealth]
    servers: dict[str, ServerUse] = {}
    audiences: list[AudienceDeliveries] = []
    exceptions: list[ScenarioFailure] = []
    user_classes: list[UserClass] = []
    overdue: dict[str, Count] = {}
    draining: bool = False
    targets: list[TargetUse] = []
    visits: Visits = Visits()
    losses: Losses = Losses()
    lost_ago: list[tuple[Count, Count]] = []
    acknowledged_lost_ago: list[tuple[Count, Count]] = []
    class_operations: dict[str, list[Operation]] = {}
    pace: Pace | None = None
    by_node: DeliveriesByNode | None = None
    other_users: Count = 0

    @property
    def server(self) -> ServerUse | None:
        """The use of all sampled servers together; None when none was."""
        return all_servers(list(self.servers.values()))


class Note(msgspec.Struct, frozen=True, tag_field="kind", tag="note"):
    """Something worth knowing that happened: a stage, a fault, a warning.

    ``level`` ``doubt`` makes the run suspect. ``momentary``: it is only about the second that ends then.
    """

    t_s: Amount
    level: Literal["info", "warning", "doubt"]
    text: str
    momentary: bool = False


class End(msgspec.Struct, frozen=True, tag_field="kind", tag="end"):
    """Last line of a run that ended in order.

    ``intervals`` is how many were written, None where unknown; ``exceptions`` came after the last.
    """

    t_s: Amount
    reason: Literal["finished", "interrupted", "workers_lost", "target_lost", "stopped"]
    exceptions: list[ScenarioFailure] = []
    intervals: Count | None = None
    stopped: Stopped | None = None


Line = Header | Interval | Note | FaultStep | Hold | FoundCapacity | End


class Run(msgspec.Struct):
    """A run file in memory; ``end`` is None when the run was cut, ``capacity`` without a search."""

    path: Path
    header: Header
    intervals: list[Interval]
    notes: list[Note]
    end: End | None
    truncated_line: bool = False
    holds: list[Hold] = []
    capacity: FoundCapacity | None = None
    fault_steps: list[FaultStep] = []

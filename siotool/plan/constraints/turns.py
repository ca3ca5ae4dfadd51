"""What the event loop of one process has to do in turn: its jobs, and the broadcast that takes longest.

The sums are those of the event loop's constraint (``cpu``), cut into the pieces in which the
loop does them. A publish is one job on each process that has a recipient: read or received,
decoded, encoded, and written to each recipient there. A publish without a recipient here, an echo,
an acknowledgement, a heartbeat, a handshake, a poll: each is a separate job.
"""

from math import inf
from typing import Generic

import msgspec

from siotool.plan.adapters import laws as adapters
from siotool.plan.constraints.cpu import (
    Load,
    answer_s,
    asking,
    connect_s,
    heard,
    heartbeats_per_s,
    polls_per_s,
    publish_s,
    wire_bytes_per_s,
)
from siotool.plan.constraints.waiting import Job, Loop, mean_wait, share_later, wait_within
from siotool.plan.demand.world import Stream, World
from siotool.plan.numbers import N, anywhere, divide, maximum, minimum, where

#: Jobs shorter than this delay no other.
_LEAST_S = 1e-9


class Broadcast(msgspec.Struct, Generic[N], frozen=True):
    """The broadcast whose last recipient on a process is written to last.

    ``recipients`` on that process, if it has any; ``own_s``, the CPU seconds from when the loop
    turns to it until the last of them is written to. ``passes`` is 1 where a session's message
    goes through the adapter to another process and waits there too, else 0.
    """

    recipients: N
    own_s: N
    passes: N


class Turns(msgspec.Struct, Generic[N], frozen=True):
    """The loop of the fullest process, and the broadcast that takes longest there.

    ``overtaken``: how many times as long a message that passes through a second process waits
    as for the first: each process begins with what was sent to it, all processes have the same
    to write, and so a message meets there, once more, what came while it waited here.
    """

    loop: Loop[N]
    longest: Broadcast[N]
    overtaken: N

    def share_later(self, than_s: N) -> N:
        """Return the share of the longest broadcasts that wait longer than so many seconds."""
        return share_later(self.loop, than_s / self.overtaken, self.longest.passes)

    def wait_within(self: "Turns[float]", share: float) -> float:
        """Return the seconds that this share of them waits at most; single figures only."""
        return self.overtaken * wait_within(self.loop, share, self.longest.passes)


def turns(world: World[N], parts: Load[N], processes: N) -> Turns[N]:
    """Return what the fullest of so many processes does; ``parts`` is the load of a plan with messages."""
    share = world["topology.imbalance"] / processes
    payload = sum(_payload(stream) for stream in world.demand.streams)
    # framing, openings and heartbeats belong to no message
    all_bytes = maximum(payload, wire_bytes_per_s(world))
    connect, small = _others(world, parts, share, parts.bytes * (1.0 - divide(payload, all_bytes)))
    jobs, broadcasts = [connect], []
    for stream in world.demand.streams:
        bytes_cores = parts.bytes * divide(_payload(stream), all_bytes)
        job, more, broadcast = _stream(world, stream, processes, share, bytes_cores)
        jobs.append(job)
        small += more
        broadcasts.append(broadcast)
    jobs.append(_alike(small))
    # under a quota all of it takes as much longer
    cores = world["server.process_cores"]
    loop = Loop(
        tuple(Job(job.per_s, job.length_s / cores, job.common) for job in jobs if _comes(job)),
        (world.get("server.base_cost") + asking(world, processes)) / cores,
    )
    longest = _longest(broadcasts, mean_wait(loop.elsewhere))
    longest = Broadcast(longest.recipients, longest.own_s / cores, longest.passes)
    common = minimum(loop.utilization - loop.elsewhere.utilization, 1.0)
    return Turns(loop, longest, 1.0 + longest.passes * common / processes)


def _payload(stream: Stream[N]) -> N:
    return stream.traffic.payload_in_bytes_per_s + stream.traffic.payload_out_bytes_per_s


def _stream(
    world: World[N], stream: Stream[N], processes: N, share: N, bytes_cores: N
) -> tuple[Job[N], list[Job[N]], Broadcast[N]]:
    """The jobs that one kind of message makes on a process, small ones apart, and its broadcast."""
    traffic = stream.traffic
    read_s, answered_s = world.get("server.inbound_cost"), answer_s(world)
    write_s = answered_s if stream.is_call else world.get("server.delivery_cost")
    receive_s, decode_s = world.get("server.adapter_cost"), world.get("server.decode_cost")
    one = heard(world, stream, processes)
    at_home = stream.message.kind in ("echo", "emit")  # it goes to no other session
    wanted = traffic.inbound_per_s * share if at_home else one.encoded_per_s
    received = minimum(one.received_per_s, wanted)
    decoded = minimum(one.decoded_per_s, wanted)
    each = maximum(wanted, 1e-300)
    recipients = traffic.deliveries_per_s * share / each
    sent = traffic.deliveries_per_s > 0
    per_recipient_s = write_s + divide(where(sent, bytes_cores, 0.0), traffic.deliveries_per_s)
    cores = (
        (traffic.inbound_per_s * read_s + traffic.acks_out_per_s * answered_s) * share
        + where(sent, 0.0, bytes_cores) * share
        + recipients * per_recipient_s * wanted
        + one.encoded_per_s * world.get("server.encode_cost")
        + traffic.publishes_per_s * share * publish_s(world)
        + received * receive_s
        + decoded * decode_s
    )
    length_s = cores / each
    if stream.message.kind == "room":
        # the number of members here varies: the work is that of equal jobs of this length
        spread = _spread(traffic.publishes_per_s, wanted, recipients, processes)
        length_s = length_s + divide(spread * per_recipient_s * per_recipient_s, length_s)
    passing_cores = (one.received_per_s - received) * receive_s + (one.decoded_per_s - decoded) * decode_s
    small = [
        _job(passing_cores, divide(passing_cores, one.received_per_s - received)),
        _job(traffic.acks_in_per_s * share * read_s, read_s),
    ]
    adapter = adapters.adapter_named(world.inputs.choice("topology.adapter"))
    apart = where((processes > 1) & (not at_home and adapter.law != "nobody"), 1.0, 0.0)
    from_session = 0.0 if stream.message.kind in ("push", "announce") else 1.0
    own_s = (
        from_session * read_s
        + apart * (receive_s + decode_s)
        + (0.0 if at_home else publish_s(world) + world.get("server.encode_cost"))
        + recipients * per_recipient_s
    )
    # what sessions send to all is written by all processes at the same time
    common = stream.message.kind == "broadcast" and adapter.law != "nobody"
    broadcast = Broadcast(recipients, where(sent, own_s, 0.0), apart * from_session)
    return _job(cores, length_s, common=common), small, broadcast


def _spread(publishes: N, wanted: N, recipients: N, processes: N) -> N:
    """Variance of the recipients on a process that has any: each member is on it with chance 1/n."""
    here = divide(wanted, publishes)
    mean = recipients * here
    squares = mean * (1.0 - 1.0 / maximum(processes, 1.0)) + mean * mean
    return maximum(divide(squares, here) - recipients * recipients, 0.0)


def _others(world: World[N], parts: Load[N], share: N, bytes_cores: N) -> tuple[Job[N], list[Job[N]]]:
    """What connections cost beside messages: handshakes, and the small jobs of heartbeats and polls."""
    idle = (parts.idle + bytes_cores) * share
    return _job(parts.connect * share, connect_s(world)), [
        _job(idle, divide(idle, heartbeats_per_s(world) * share)),
        _job(parts.polls * share, divide(parts.polls, polls_per_s(world))),
    ]


def _alike(jobs: list[Job[N]]) -> Job[N]:
    """Equal jobs, with the same work and the same mean wait for others as these."""
    cores = sum(job.per_s * job.length_s for job in jobs)
    residual = sum(job.per_s * job.length_s * job.length_s for job in jobs)
    return _job(cores, divide(residual, cores))


def _job(cores: N, length_s: N, *, common: bool = False) -> Job[N]:
    length_s = maximum(length_s, _LEAST_S)
    return Job(cores / length_s, length_s, common)


def _comes(job: Job[N]) -> bool:
    return anywhere(job.per_s > 0)


def _longest(broadcasts: list[Broadcast[N]], next_wait_s: N) -> Broadcast[N]:
    """The broadcast that takes longest, with its mean waiting at a second process."""
    next_wait_s = where(next_wait_s < inf, next_wait_s, 0.0)
    longest = broadcasts[0]
    for other in broadcasts[1:]:
        longer = other.own_s + other.passes * next_wait_s > longest.own_s + longest.passes * next_wait_s
        longest = Broadcast(
            where(longer, other.recipients, longest.recipients),
            where(longer, other.own_s, longest.own_s),
            where(longer, other.passes, longest.passes),
        )
    return longest

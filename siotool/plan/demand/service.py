"""From figures to what the service asks of its fleet at the moment it is sized for."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, cast

import msgspec

from siotool.plan.adapters.laws import Recovery, adapter_named
from siotool.plan.demand.fanout import MessageKind, traffic
from siotool.plan.demand.world import Demand, Stream, World
from siotool.plan.inputs.figure import Inputs, MessageChoice
from siotool.plan.numbers import N, divide, exp, is_array, log
from siotool.plan.wire.framing import (
    AIOHTTP,
    NODE,
    OFFSET_IN_MEMORY_BYTES,
    OFFSET_MONGO_BYTES,
    OFFSET_REDIS_STREAMS_BYTES,
    Direction,
    Framing,
    Travel,
)
from siotool.plan.wire.messages import ack, event, heartbeat_rates
from siotool.plan.wire.session_opening import opening

YEAR_S = 365.25 * 86_400

#: Profiles whose server answers HTTP as aiohttp does.
_PYTHON = ("python-socketio",)

#: Where an adapter keeps what a client missed → bytes of an event's offset in it.
_OFFSETS: Mapping[Recovery, int] = MappingProxyType(
    {
        "none": 0,
        "memory": OFFSET_IN_MEMORY_BYTES,
        "stream": OFFSET_REDIS_STREAMS_BYTES,
        "collection": OFFSET_MONGO_BYTES,
    }
)

#: The id of a call in the middle of a session's life: three digits.
_ACK_ID = 100


def world(inputs: Inputs, values: Mapping[str, N]) -> World[N]:
    """Return the world in which the inputs have these values; a figure that is another one has that one's."""
    same = inputs.same()
    if same:
        values = {**values, **{key: values[other] for key, other in same.items()}}
    return World(inputs, values, demand(inputs, values))


def peak_connections(values: Mapping[str, N]) -> N:
    """Return the connections to size for: mean × daily peak × event spike × growth until then."""
    growth = exp(values["workload.ahead"] / YEAR_S * log(1.0 + values["workload.growth"]))
    return (
        values["workload.connections"]
        * values["workload.peak_factor"]
        * values["workload.event_factor"]
        * growth
    )


def demand(inputs: Inputs, values: Mapping[str, N]) -> Demand[N]:
    """Return the service's demand: connections, messages, and the bytes they make."""
    connections = peak_connections(values)
    new_per_s = values.get("workload.churn", 0.0)
    if "workload.session_length" in values:
        # Little's law: so many connections, each so long, need so many new ones
        new_per_s = new_per_s + divide(connections, values["workload.session_length"])
    sent = streams(inputs, values, connections)
    travel = _travel(inputs, values, connections, new_per_s, sent) if sent else None
    return Demand(connections, new_per_s, sent, travel)


def streams(inputs: Inputs, values: Mapping[str, N], connections: N) -> tuple[Stream[N], ...]:
    """Return each kind of message with the traffic that it makes among so many sessions."""
    messages = (_message(choice, values) for choice in inputs.messages)
    return tuple(Stream(message, traffic(message, connections)) for message in messages)


def _message(choice: MessageChoice, values: Mapping[str, N]) -> MessageKind[N]:
    size, rate, room = (
        values[f"workload.messages.{choice.name}.{key}"] for key in ("size", "rate", "room_size")
    )
    chosen = msgspec.structs.asdict(choice)
    return MessageKind(size_bytes=size, rate_per_s=rate, room_size=room, **chosen)


def framing(inputs: Inputs, transport: Literal["websocket", "polling"]) -> Framing:
    """Return how the plan's messages are wrapped on one transport."""
    return Framing(
        transport=transport,
        parser=cast(Literal["json", "msgpack"], inputs.choice("transport.parser")),
        tls=cast(Literal["none", "1.2", "1.3"], inputs.choice("transport.tls")),
        ip=6 if inputs.choice("transport.ip") == "6" else 4,
        recovery_offset_bytes=_offset_bytes(inputs),
        server=AIOHTTP if "server.profile" in inputs and inputs.choice("server.profile") in _PYTHON else NODE,
    )


def _offset_bytes(inputs: Inputs) -> int:
    """What connection state recovery adds to each event, where the adapter keeps anything to recover from."""
    if not inputs.flag("transport.recovery"):
        return 0
    return _OFFSETS[adapter_named(inputs.choice("topology.adapter")).recovery]


def _travel(
    inputs: Inputs,
    values: Mapping[str, N],
    connections: N,
    new_per_s: N,
    streams: tuple[Stream[N], ...],
) -> Travel[N]:
    polling = values["transport.polling"]
    total: Travel[N] = Travel()
    for transport, share in (("websocket", 1 - polling), ("polling", polling)):
        if not is_array(share) and share == 0:
            continue
        frames = framing(inputs, cast(Literal["websocket", "polling"], transport))
        upgrade = transport == "websocket" and inputs.flag("transport.upgrade")
        whole = heartbeat_rates(frames, values["transport.ping_interval"]) * connections
        opened: Travel[N] = opening(frames, upgrade=upgrade)
        whole = whole + opened * new_per_s
        for stream in streams:
            whole = whole + _of_stream(frames, stream)
        total = total + whole * share
    return total


def _of_stream(frames: Framing, stream: Stream[N]) -> Travel[N]:
    """Bytes per second of one kind of message, sent, delivered and acknowledged."""
    message, rates = stream.message, stream.traffic
    size = 0 if message.binary else message.size_bytes + 2  # the quotes of a JSON string
    attachments, attached = (1, message.size_bytes) if message.binary else (0, 0)
    asks = message.acknowledged and message.kind not in ("push", "announce")
    asked = message.acknowledged and not asks
    call = message.kind == "echo" and message.acknowledged

    def one(direction: Direction, ack_id: int | None) -> Travel[N]:
        return event(
            frames,
            direction,
            len(message.name.encode()),
            size,
            ack_id=ack_id,
            attachments=attachments,
            attachment_bytes=attached,
            answered=message.kind == "echo" and direction == Direction.TO_SERVER,
        )

    up = one(Direction.TO_SERVER, _ACK_ID if asks else None)
    if call:
        down = ack(
            frames,
            Direction.TO_CLIENT,
            size,
            ack_id=_ACK_ID,
            attachments=attachments,
            attachment_bytes=attached,
        )
    else:
        down = one(Direction.TO_CLIENT, _ACK_ID if asked else None)
    ack_up: Travel[N] = ack(frames, Direction.TO_SERVER, 0, ack_id=_ACK_ID)
    ack_down: Travel[N] = ack(frames, Direction.TO_CLIENT, 0, ack_id=_ACK_ID)
    messages = up * rates.inbound_per_s + down * rates.deliveries_per_s
    return messages + ack_up * rates.acks_in_per_s + ack_down * rates.acks_out_per_s

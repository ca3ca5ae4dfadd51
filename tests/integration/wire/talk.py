"""The exchanges that are measured: an opening, calls, emits and deliveries of several sizes.

Six connections talk at the same time, each about messages of its own; nothing that one carries is
counted for another. Messages are far enough apart (``PAUSE_S``) that TCP's delayed acknowledgements
(40 ms in Linux) are due between them, as on connections that say something now and then; calls over
WebSocket follow each other at once, and are so many that what Linux does after a pause weighs little.

An exchange that is off is measured again, up to three times, and the closest counts; an opening, of
which one packet is 5 %, on as many of the six connections as it takes, and then on up to twelve
others: one run of CI had one packet more in all six. The model is of connections that nothing
disturbs. How many packets only acknowledge depends on when a process is
scheduled: one that comes too late to its answer, or reads a message in two parts, makes the kernel
acknowledge by itself. A wrong model is wrong every time, by the same amount; a disturbance is not.
What TCP carried does not depend on it, and has to be right in each attempt.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from msgspec.structs import replace

from siotool.plan.wire.framing import Direction, Framing, Travel
from siotool.plan.wire.messages import ack, event
from siotool.plan.wire.network import pure_acks, written
from siotool.plan.wire.session_opening import opening
from tests.integration.wire.capture import Capture
from tests.integration.wire.ledger import Comparison, Ledger
from tests.integration.wire.witness import Witness

PAUSE_S = 0.06
MORE_OPENINGS = 12
TIMES = 12
TIMES_AT_ONCE = 60
SIZES = (5, 1024, 20480)
ATTEMPTS = 3


@dataclass
class Subject:
    """One kind of message on a connection of its own."""

    witness: Witness
    other: Witness
    framing: Framing
    binary: bool
    size: int
    #: Ids of its calls: the client counts from 1.
    ids: Iterator[int] = field(default_factory=lambda: count(1))

    @property
    def label(self) -> str:
        return f"{'binary' if self.binary else 'text'} {self.size}"

    @property
    def value(self) -> Any:
        return bytes(self.size) if self.binary else "x" * (self.size - 2)

    @property
    def sizes(self) -> dict[str, int]:
        """The same for the model."""
        if self.binary:
            return {"payload_bytes": 0, "attachments": 1, "attachment_bytes": self.size}
        if self.framing.parser == "msgpack":
            return {"payload_bytes": self.size - 2 + (1 if self.size < 32 else 3)}
        return {"payload_bytes": self.size}


async def talk(url: str, transport: str, framing: Framing, ledger: Ledger, capture: Capture | None) -> None:
    """Hold every exchange against the model, on connections to one server."""
    framing = replace(framing, transport="polling" if transport == "polling" else "websocket")
    serializer = {"json": "default", "msgpack": "msgpack"}[framing.parser]
    kinds = [(binary, size) for binary in (False, True) for size in SIZES]
    witnesses = [Witness(capture, serializer=serializer) for _ in kinds]
    other = Witness(None, serializer=serializer)
    subjects = [
        Subject(witness, other, framing, *kind) for witness, kind in zip(witnesses, kinds, strict=True)
    ]
    spare = [Witness(capture, serializer=serializer) for _ in range(MORE_OPENINGS)]
    try:
        opened = await _open([*witnesses, *spare], url, transport, framing, ledger)
        await asyncio.gather(
            other.connect(url, "websocket"), *(each.connect(url, transport) for each in witnesses[opened:])
        )
        await asyncio.gather(*(_examine(subject, ledger) for subject in subjects))
    finally:
        await asyncio.gather(*(each.aclose() for each in (other, *witnesses, *spare)))


async def _open(witnesses: list[Witness], url: str, transport: str, framing: Framing, ledger: Ledger) -> int:
    """Open one session after the other until one is as the model says; return how many."""
    said = opening(framing, upgrade=transport == "upgrade")
    if framing.transport == "polling":
        said = said + _pending(framing)
    attempts = []
    for witness in witnesses:
        await witness.connect(url, transport)
        attempts.append(Comparison.of(said, Travel(), await witness.quiet()))
        if attempts[-1].right:
            break
    ledger.add("opening", attempts)
    return len(attempts)


def _pending(framing: Framing) -> Travel:
    """A GET that waits: the first message to the client will answer it, and counts it."""
    up = written(framing, framing.client.get_bytes + framing.extra_request_bytes)
    return Travel(pure_acks(framing, up.packets), up)


async def _examine(subject: Subject, ledger: Ledger) -> None:
    for work in (_calls, _emits, _deliveries):
        ledger.add(f"{work.__name__[1:]} {subject.label}", await attempted(subject.witness, work, subject))


async def attempted(
    witness: Witness, work: Callable[..., Awaitable[Travel]], *arguments: Any
) -> list[Comparison]:
    """Attempts at an exchange until one is as the model says; one with a heartbeat in it is none."""
    attempts: list[Comparison] = []
    after = await witness.quiet()
    while len(attempts) < ATTEMPTS and not (attempts and attempts[-1].right):
        before, heartbeats = after, witness.heartbeats
        said = await work(*arguments)
        after = await witness.quiet()
        if witness.heartbeats == heartbeats:
            attempts.append(Comparison.of(said, before, after))
    return attempts


async def _calls(subject: Subject) -> Travel:
    """Over WebSocket one upon the other: each answer's acknowledgement rides on the next call."""
    framing, sizes, value = subject.framing, subject.sizes, subject.value
    said = Travel()
    polling = framing.transport == "polling"
    times = TIMES if polling else TIMES_AT_ONCE
    for number in range(times):
        last = number == times - 1
        ack_id = next(subject.ids)
        assert await subject.witness.sio.call("echo", value) == value
        if polling:
            await asyncio.sleep(PAUSE_S)
        said += event(framing, Direction.TO_SERVER, len("echo"), ack_id=ack_id, answered=True, **sizes)
        # over polling nothing follows at once
        said += ack(framing, Direction.TO_CLIENT, ack_id=ack_id, answered=not (last or polling), **sizes)
    return said


async def _emits(subject: Subject) -> Travel:
    for _ in range(TIMES):
        await subject.witness.sio.emit("echo", subject.value)
        await asyncio.sleep(PAUSE_S)
    return event(subject.framing, Direction.TO_SERVER, len("echo"), **subject.sizes) * TIMES


async def _deliveries(subject: Subject) -> Travel:
    """Another client says it to the room that only this one is in: its own."""
    witness, room = subject.witness, subject.witness.sio.get_sid()
    for _ in range(TIMES):
        await subject.other.sio.emit("say", (room, subject.value))
        await asyncio.wait_for(witness.inbox.get(), 20)
        await asyncio.sleep(PAUSE_S)
    return event(subject.framing, Direction.TO_CLIENT, len("say"), **subject.sizes) * TIMES

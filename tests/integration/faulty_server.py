"""A Socket.IO server of raw frames that injects faults, and writes down each one by its own clock.

    python faulty_server.py '{"delays": [0.001, 5.0], "lose": 0.02, "double": 0.02, "swap": 0.02}'

A second witness for what siotool reports: both read the machine's monotonic clock. It prints its port;
then it answers each line of standard input with a line of JSON:

| line | done, and answered |
|---|---|
| ``counts`` | what it did so far: deliveries, faults, bytes |
| ``calls`` | for each call: connection, its number there, when it was read, when it was answered, delay |
| ``stall S`` | nothing is read or written for S seconds; when that began and ended |

A call (an event with an ack id) ``ping`` is answered at once, any other after a delay: of all calls the share
q waits less than low × (high/low)^q, so that each quantile of the delays is known. An event without one is
relayed to all. Of these deliveries, a share is lost (``lose``), comes twice (``double``), or waits until the
next message of the same publisher to the same receiver was sent (``swap``). Faults befall only receivers of
an age (seconds) within ``window``, and end ``seconds`` after the first message. No swap begins at a
publisher's message number ``quota`` or later.
"""

import asyncio
import base64
import hashlib
import json
import random
import sys
import threading
import time
from collections import Counter
from time import monotonic
from typing import Any

import uvloop

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
OPEN = b'0{"sid":"engine","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}'
GOLDEN = 0.6180339887498949


def frame(payload: bytes, opcode: int = 1) -> bytes:
    """A frame as a server sends it."""
    size = len(payload)
    if size < 126:
        return bytes((0x80 | opcode, size)) + payload
    return bytes((0x80 | opcode, 126)) + size.to_bytes(2, "big") + payload


class Room:
    """Everybody who is connected, and what was done to them."""

    def __init__(self, faults: dict[str, Any]) -> None:
        self.delays: list[float] = faults.get("delays", [0.0, 0.0])
        self.lose: float = faults.get("lose", 0.0)
        self.double: float = faults.get("double", 0.0)
        self.swap: float = faults.get("swap", 0.0)
        self.window: list[float] = faults.get("window", [0.0, float("inf")])
        self.quota: float = faults.get("quota", float("inf"))
        self.seconds: float = faults.get("seconds", float("inf"))
        self.faults_until = 0.0
        self.chance = random.Random(7)
        self.present: dict[int, Peer] = {}
        self.calls: list[tuple[int, int, float, float, float]] = []
        self.counts: Counter[str] = Counter()
        #: By publisher and receiver, what waits for the next message between the two.
        self.held: dict[tuple[int, int], bytes] = {}

    def delay(self) -> float:
        """The delay of the next call."""
        low, high = self.delays
        self.counts["calls"] += 1
        share = self.counts["calls"] * GOLDEN % 1.0
        return low * (high / low) ** share if low else 0.0

    def relay(self, sender: "Peer", payload: bytes) -> None:
        """Send a message to all, with faults."""
        message = frame(payload)
        now, number = monotonic(), sender.published
        if not self.counts["published"]:
            self.faults_until = now + self.seconds
        sender.published += 1
        self.counts["published"] += 1
        for receiver in list(self.present.values()):
            pair = (sender.number, receiver.number)
            fault = self.chance.random()
            if not (self.window[0] <= now - receiver.joined <= self.window[1] and now < self.faults_until):
                fault = 1.0
            if fault < self.lose:
                self.counts["lost"] += 1
                continue
            held = self.held.pop(pair, None)
            swapped = self.lose + self.double <= fault < self.lose + self.double + self.swap
            if held is None and swapped and number < self.quota:
                self.held[pair] = message
                continue
            receiver.deliver(message)
            if self.lose <= fault < self.lose + self.double:
                receiver.deliver(message)
                self.counts["duplicate"] += 1
            if held is not None:
                receiver.deliver(held)
                self.counts["reordered"] += 1

    def forget(self, peer: "Peer") -> None:
        """Somebody is gone: what waited for a message between two of whom one is gone never comes."""
        self.present.pop(peer.number, None)
        for pair in [pair for pair in self.held if peer.number in pair]:
            del self.held[pair]
            self.counts["lost"] += 1


class Peer(asyncio.Protocol):
    """One connection."""

    numbers = iter(range(1 << 40))

    def __init__(self, room: Room) -> None:
        self.room = room
        self.number = next(self.numbers)
        self.published = self.called = 0
        self.joined = float("inf")
        self.data = bytearray()
        self.shaken = False

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.room.counts["connections"] += 1

    def connection_lost(self, error: Exception | None) -> None:
        self.room.forget(self)

    def write(self, data: bytes) -> None:
        self.room.counts["bytes_written"] += len(data)
        self.transport.write(data)

    def deliver(self, message: bytes) -> None:
        self.room.counts["delivered"] += 1
        self.write(message)

    def data_received(self, data: bytes) -> None:
        now = monotonic()
        self.room.counts["bytes_read"] += len(data)
        self.data += data
        if not self.shaken:
            self.shake_hands()
        while self.shaken and (payload := self.next_frame()) is not None:
            self.received(payload, now)

    def shake_hands(self) -> None:
        request, end, rest = self.data.partition(b"\r\n\r\n")
        if not end:
            return
        self.data = rest
        lines = [line.partition(b":") for line in bytes(request).split(b"\r\n")[1:]]
        headers = {name.strip().lower(): value.strip() for name, _, value in lines}
        if b"sec-websocket-key" not in headers:
            self.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            self.transport.close()
            return
        accept = base64.b64encode(hashlib.sha1(headers[b"sec-websocket-key"] + GUID).digest())
        self.shaken = True
        self.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n" + frame(OPEN)
        )

    def next_frame(self) -> bytes | None:
        """The payload of the next whole frame; None before there is one, or at a closing one."""
        data = self.data
        if len(data) < 6:
            return None
        size, begin = data[1] & 0x7F, 6
        if size == 126:
            size, begin = int.from_bytes(data[2:4], "big"), 8
        if len(data) < begin + size:
            return None
        mask = bytes(data[begin - 4 : begin])
        key = int.from_bytes((mask * (size // 4 + 1))[:size], "big")
        payload = (int.from_bytes(data[begin : begin + size], "big") ^ key).to_bytes(size, "big")
        opcode = data[0] & 0x0F
        del data[: begin + size]
        if opcode == 8:
            self.room.forget(self)
            farewell = frame(payload, 8)
            self.room.counts["bytes_of_farewell"] += len(farewell)
            self.write(farewell)
            self.transport.close()
            return None
        return payload

    def received(self, payload: bytes, now: float) -> None:
        if payload.startswith(b"40"):
            self.joined = now
            self.write(frame(b'40{"sid":"%d"}' % self.number))
            self.room.present[self.number] = self
        elif payload.startswith(b"41") or payload == b"1":
            self.room.forget(self)
        elif payload.startswith(b"42["):
            self.room.relay(self, payload)
        elif payload.startswith(b"42"):
            delay = 0.0 if b'["ping"' in payload else self.room.delay()
            ack_id = payload[2 : payload.index(b"[")]
            call = (frame(b"43" + ack_id + b"[]"), self.called, now, delay)
            self.called += 1
            if delay:
                asyncio.get_running_loop().call_later(delay, self.answer, *call)
            else:
                self.write(call[0])

    def answer(self, message: bytes, number: int, read: float, delay: float) -> None:
        self.room.calls.append((self.number, number, read, monotonic(), delay))
        self.write(message)


def listen(room: Room, loop: asyncio.AbstractEventLoop) -> None:
    """Answer the lines of standard input, in a thread; the loop does what they ask."""

    def answer(line: str, done: threading.Event) -> None:
        command, _, argument = line.strip().partition(" ")
        if command == "stall":
            begin = monotonic()
            time.sleep(float(argument))  # the loop does nothing else meanwhile
            found: Any = [begin, monotonic()]
        else:
            found = {"calls": room.calls, "counts": room.counts | {"open": len(room.present)}}[command]
        print(json.dumps(found), flush=True)
        done.set()

    for line in sys.stdin:
        done = threading.Event()
        loop.call_soon_threadsafe(answer, line, done)
        done.wait()


async def main() -> None:
    room = Room(json.loads(sys.argv[1]) if len(sys.argv) > 1 else {})
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Peer(room), "127.0.0.1", 0, backlog=1000)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, listen, room, loop)


if __name__ == "__main__":
    uvloop.run(main())

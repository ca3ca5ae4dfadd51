"""The fastest Socket.IO server that Python allows: it must not be what the bench measures.

    python server.py [ADDRESS]

WebSocket transport and namespace ``/`` only. Every client gets the events that the harness
commands; any event with an acknowledgement is acknowledged with its own arguments. ``join`` takes a client
into a room, ``say`` sends a text to one, also on the servers that are its peers. Commands are JSON lines on
stdin, each is answered by one JSON line on stdout; the first line printed has ``port``, ``pid`` and ``bus``.
Ends when stdin closes.

    {"do": "stats"}                                   connected, deliveries, acks since the start
    {"do": "peers", "buses": [4711]}                  what clients say goes to these too, by UDP on loopback
    {"do": "answer after", "seconds": 0.05}           calls are answered so late from now on
    {"do": "broadcast", "rate": 10, "seconds": 5, "size": 64}    answered when the last one is sent
"""

import asyncio
import contextlib
import gc
import json
import os
import resource
import socket
import sys
from typing import Any

import msgspec
import uvloop
from picows import WSFrame, WSListener, WSMsgType, WSTransport, WSUpgradeRequest, ws_create_server

PING_INTERVAL_S = 25
#: As clients have come one after the other, they are pinged so.
TURNS = 500
encode, decode = msgspec.json.encode, msgspec.json.decode
OPEN = '0{"sid":"%d","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}'


class Service:
    """Everything that is connected, and what was sent to it."""

    def __init__(self) -> None:
        self.members: set[WSTransport] = set()
        self.rooms: dict[str, set[WSTransport]] = {}
        #: Members by the part of PING_INTERVAL_S in which they joined, and in which they are pinged.
        self.by_turn: list[set[WSTransport]] = [set() for _ in range(TURNS)]
        self.turn = 0
        self.opened = self.deliveries = self.acks = 0
        self.answer_after_s = 0.0
        self.bus = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.bus.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self.bus.bind(("127.0.0.1", 0))
        self.bus.setblocking(False)
        self.peers: list[int] = []

    async def broadcast(self, rate: float, seconds: float, size: int) -> None:
        """Send ``rate`` texts of ``size`` bytes a second to every member, on a fixed grid of times."""
        message = b'42["message","' + b"x" * size + b'"]'
        loop = asyncio.get_running_loop()
        begin = loop.time()
        for number in range(round(rate * seconds)):
            await asyncio.sleep(max(0.0, begin + number / rate - loop.time()))
            for transport in self.members:
                transport.send(WSMsgType.TEXT, message)
            self.deliveries += len(self.members)

    async def heartbeat(self) -> None:
        """Ping every member once in PING_INTERVAL_S."""
        while True:
            await asyncio.sleep(PING_INTERVAL_S / TURNS)
            self.turn = (self.turn + 1) % TURNS
            for transport in self.by_turn[self.turn]:
                transport.send(WSMsgType.TEXT, b"2")

    def say(self, room: str, text: str) -> None:
        """Send a text to the members of a room, here and at the peers."""
        self.tell(room, text)
        for port in self.peers:
            self.bus.sendto(encode((room, text)), ("127.0.0.1", port))

    def hear(self) -> None:
        """Take what a peer has sent."""
        with contextlib.suppress(BlockingIOError):
            while True:
                self.tell(*decode(self.bus.recv(1 << 16)))

    def tell(self, room: str, text: str) -> None:
        """Send a text to the members of a room that are here."""
        message = b"42" + encode(("say", text))
        members = self.rooms.get(room, ())
        for transport in members:
            transport.send(WSMsgType.TEXT, message)
        self.deliveries += len(members)


class Session(WSListener):
    """One connection: Engine.IO open, Socket.IO connect, acknowledgements."""

    def __init__(self, service: Service) -> None:
        super().__init__()
        self._service = service
        self._turn = 0
        self._rooms: list[str] = []

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._service.opened += 1
        transport.send(WSMsgType.TEXT, (OPEN % self._service.opened).encode())

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type is not WSMsgType.TEXT:
            if frame.msg_type is WSMsgType.CLOSE:
                transport.disconnect()
            return
        packet = frame.get_payload_as_bytes()
        if packet.startswith(b"42"):
            bracket = packet.index(b"[")
            if bracket > 2:
                # 42<id>["echo",arguments] is answered by 43<id>[arguments]
                _, comma, arguments = packet[bracket:].partition(b",")
                answer = b"43" + packet[2:bracket] + b"[" + (arguments if comma else b"]")
                self._answer(transport, answer)
                self._service.acks += 1
                if packet.startswith(b'["join",', bracket):
                    self._join(decode(packet[bracket:])[1], transport)
            elif packet.startswith(b'["say",', 2):
                self._service.say(*decode(packet[2:])[1:3])
        elif packet.startswith(b"40"):
            transport.send(WSMsgType.TEXT, b'40{"sid":"%d"}' % id(transport))
            self._service.members.add(transport)
            self._turn = self._service.turn
            self._service.by_turn[self._turn].add(transport)
        elif packet.startswith(b"41"):
            self._leave(transport)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self._leave(transport)

    def _answer(self, transport: WSTransport, answer: bytes) -> None:
        if self._service.answer_after_s:
            loop = asyncio.get_running_loop()
            loop.call_later(self._service.answer_after_s, transport.send, WSMsgType.TEXT, answer)
        else:
            transport.send(WSMsgType.TEXT, answer)

    def _join(self, room: str, transport: WSTransport) -> None:
        self._rooms.append(room)
        self._service.rooms.setdefault(room, set()).add(transport)

    def _leave(self, transport: WSTransport) -> None:
        self._service.members.discard(transport)
        self._service.by_turn[self._turn].discard(transport)
        for room in self._rooms:
            self._service.rooms[room].discard(transport)


async def _obey(service: Service, command: dict[str, Any]) -> dict[str, Any]:
    if command["do"] == "answer after":
        service.answer_after_s = command["seconds"]
    if command["do"] == "peers":
        service.peers = command["buses"]
    if command["do"] == "broadcast":
        await service.broadcast(command["rate"], command["seconds"], command["size"])
    return {"connected": len(service.members), "deliveries": service.deliveries, "acks": service.acks}


async def _serve(address: str) -> None:
    service = Service()

    def accept(_request: WSUpgradeRequest) -> WSListener:
        return Session(service)

    server = await ws_create_server(accept, address, 0, backlog=4096, read_buffer_init_size=1024)
    heartbeat = asyncio.create_task(service.heartbeat())
    commands = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    loop.add_reader(service.bus, service.hear)
    ready = {
        "port": server.sockets[0].getsockname()[1],
        "pid": os.getpid(),
        "bus": service.bus.getsockname()[1],
    }
    print(json.dumps(ready), flush=True)
    while line := await commands.readline():
        print(json.dumps(await _obey(service, json.loads(line))), flush=True)
    heartbeat.cancel()


def main() -> None:
    gc.disable()  # to look at all that thousands of members hold takes longer than to serve them
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    uvloop.run(_serve(*(sys.argv[1:] or ["127.0.0.1"])))


if __name__ == "__main__":
    main()

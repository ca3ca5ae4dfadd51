"""The fastest Socket.IO server that Python allows: it must not be what the bench measures.

WebSocket transport and namespace ``/`` only. Every client gets the events that the harness
commands; any event with an acknowledgement is acknowledged with its own arguments. Commands
are JSON lines on stdin, each is answered by one JSON line on stdout; the first line printed
is ``{"port": …, "pid": …}``. Ends when stdin closes.

    {"do": "stats"}                                   connected, deliveries, acks since the start
    {"do": "broadcast", "rate": 10, "seconds": 5, "size": 64}    answered when the last one is sent
"""

import asyncio
import json
import os
import resource
import sys
from typing import Any

import uvloop
from picows import WSFrame, WSListener, WSMsgType, WSTransport, WSUpgradeRequest, ws_create_server

PING_INTERVAL_S = 25
OPEN = '0{"sid":"%d","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}'


class Service:
    """Everything that is connected, and what was sent to it."""

    def __init__(self) -> None:
        self.members: set[WSTransport] = set()
        self.opened = self.deliveries = self.acks = 0

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
        """Ping every member once in PING_INTERVAL_S, a slice of them each second."""
        turn = 0
        while True:
            await asyncio.sleep(1)
            for transport in list(self.members)[turn::PING_INTERVAL_S]:
                transport.send(WSMsgType.TEXT, b"2")
            turn = (turn + 1) % PING_INTERVAL_S


class Session(WSListener):
    """One connection: Engine.IO open, Socket.IO connect, acknowledgements."""

    def __init__(self, service: Service) -> None:
        super().__init__()
        self._service = service

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
                transport.send(WSMsgType.TEXT, answer)
                self._service.acks += 1
        elif packet.startswith(b"40"):
            transport.send(WSMsgType.TEXT, b'40{"sid":"%d"}' % id(transport))
            self._service.members.add(transport)
        elif packet.startswith(b"41"):
            self._service.members.discard(transport)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self._service.members.discard(transport)


async def _obey(service: Service, command: dict[str, Any]) -> dict[str, Any]:
    if command["do"] == "broadcast":
        await service.broadcast(command["rate"], command["seconds"], command["size"])
    return {"connected": len(service.members), "deliveries": service.deliveries, "acks": service.acks}


async def _serve() -> None:
    service = Service()

    def accept(_request: WSUpgradeRequest) -> WSListener:
        return Session(service)

    server = await ws_create_server(accept, "127.0.0.1", 0, backlog=4096)
    heartbeat = asyncio.create_task(service.heartbeat())
    commands = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    print(json.dumps({"port": server.sockets[0].getsockname()[1], "pid": os.getpid()}), flush=True)
    while line := await commands.readline():
        print(json.dumps(await _obey(service, json.loads(line))), flush=True)
    heartbeat.cancel()


def main() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    uvloop.run(_serve())


if __name__ == "__main__":
    main()

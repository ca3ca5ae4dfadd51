"""A Socket.IO server with rooms that does known wrong, and counts what it did.

``python rooms_server.py JSON`` prints its port, and then a line of JSON with its counts for each line
of its standard input. The JSON has the faults; they begin with the message after the first ``quiet``
ones, and one on every Nth of something is off at 0:

- ``drop_every``, ``repeat_every``: every Nth delivery is left out, or sent twice;
- ``swap_every``: every Nth message of a room waits at one member until the same sender's next one has gone;
- ``leak_every``: every Nth message also goes to one user of another room;
- ``break_every``: every Nth message, its sender's connection is cut right after it;
- ``gap_s``: each member gets a message so long after the one before it.

``order`` NUMBER is answered by a push ``order.done`` {"order": {"id": NUMBER}}, which the same faults
befall: left out, sent twice, sent to another user too.

``assigns``: it puts users into rooms of so many itself, and says which by an event ``seated``.
"""

import asyncio
import json
import sys
from typing import Any

from aiohttp import WSMsgType, web

OPEN = '0{"sid":"engine","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}'


class Server:
    """The rooms, the faults, and what was done."""

    def __init__(self, faults: dict[str, Any]) -> None:
        self.faults = faults
        self.rooms: dict[str, list[web.WebSocketResponse]] = {}
        self.users: list[web.WebSocketResponse] = []
        self.counts = dict.fromkeys(
            ("messages", "deliveries", "dropped", "repeated", "leaked", "swapped", "cut"), 0
        )
        self.sizes: set[int] = set()
        self.tasks: set[asyncio.Task[None]] = set()
        #: By sender, what waits for the next message.
        self.waiting: dict[web.WebSocketResponse, list[tuple[web.WebSocketResponse, str]]] = {}

    async def connection(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_str(OPEN)
        async for frame in socket:
            if frame.type is WSMsgType.TEXT:
                await self.packet(socket, frame.data)
        for members in self.rooms.values():
            if socket in members:
                members.remove(socket)
        if socket in self.users:
            self.users.remove(socket)
        return socket

    async def packet(self, socket: web.WebSocketResponse, packet: str) -> None:
        if packet.startswith("40"):
            await self.joined(socket)
        elif packet.startswith("42"):
            ack_id, bracket, rest = packet[2:].partition("[")
            event, room, *arguments = json.loads(bracket + rest)
            if event == "order":
                self.order(socket, room)
            elif event == "join":
                self.rooms.setdefault(room, []).append(socket)
            elif event == "leave":
                if socket in self.rooms.get(room, []):
                    self.rooms[room].remove(socket)
            else:
                self.say(socket, room, f"42{json.dumps([event, *arguments])}")
            if ack_id:
                await socket.send_str(f"43{ack_id}[]")

    async def joined(self, socket: web.WebSocketResponse) -> None:
        self.users.append(socket)
        await socket.send_str('40{"sid":"socket"}')
        if size := self.faults.get("assigns"):
            room = f"room {(len(self.users) - 1) // size}"
            self.rooms.setdefault(room, []).append(socket)
            await socket.send_str(f"42{json.dumps(['seated', room])}")

    def nth(self, fault: str, count: int) -> bool:
        every = self.faults.get(fault, 0)
        begun = self.counts["messages"] > self.faults.get("quiet", 0)
        return begun and bool(every) and count % every == 0

    def say(self, sender: web.WebSocketResponse, room: str, packet: str) -> None:
        counts, members = self.counts, self.rooms.get(room, [])
        counts["messages"] += 1
        self.sizes.add(len(members))
        held = self.waiting.pop(sender, [])
        swaps = self.nth("swap_every", counts["messages"]) and not held
        overtaking = set()
        for place, member in enumerate(members):
            counts["deliveries"] += 1
            if self.nth("drop_every", counts["deliveries"]):
                counts["dropped"] += 1
            elif swaps and place == 0:
                self.waiting[sender] = [(member, packet)]
            else:
                twice = self.nth("repeat_every", counts["deliveries"])
                counts["repeated"] += twice
                overtaking.add(member)
                for _ in range(1 + twice):
                    self.send(member, packet, place * self.faults.get("gap_s", 0.0))
        if self.nth("leak_every", counts["messages"]):
            stranger = next(user for user in self.users if user not in members)
            counts["leaked"] += 1
            self.send(stranger, packet, 0.0)
        for member, late in held:
            counts["swapped"] += member in overtaking
            self.send(member, late, 0.0)
        if self.nth("break_every", counts["messages"]):
            self.cut(sender)

    def cut(self, socket: web.WebSocketResponse) -> None:
        self.counts["cut"] += 1
        for members in (self.users, *self.rooms.values()):
            if socket in members:
                members.remove(socket)
        transport = socket._req.transport if socket._req is not None else None
        if transport is not None:
            transport.abort()

    def order(self, socket: web.WebSocketResponse, number: int) -> None:
        counts = self.counts
        counts["messages"] += 1
        counts["deliveries"] += 1
        packet = f"42{json.dumps(['order.done', {'order': {'id': number}}])}"
        if self.nth("drop_every", counts["messages"]):
            counts["dropped"] += 1
            return
        twice = self.nth("repeat_every", counts["messages"])
        counts["repeated"] += twice
        for _ in range(1 + twice):
            self.send(socket, packet, self.faults.get("gap_s", 0.0))
        if self.nth("leak_every", counts["messages"]):
            counts["leaked"] += 1
            self.send(next(user for user in self.users if user is not socket), packet, 0.0)

    def send(self, member: web.WebSocketResponse, packet: str, after_s: float) -> None:
        task = asyncio.create_task(self.send_later(member, packet, after_s))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def send_later(self, member: web.WebSocketResponse, packet: str, after_s: float) -> None:
        if after_s:
            await asyncio.sleep(after_s)
        if not member.closed:
            await member.send_str(packet)


async def main() -> None:
    server = Server(json.loads(sys.argv[1]))
    app = web.Application()
    app.router.add_get("/socket.io/", server.connection)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, backlog=1000).start()
    print(runner.addresses[0][1], flush=True)
    loop = asyncio.get_running_loop()
    while await loop.run_in_executor(None, sys.stdin.readline):
        more = {"sizes": sorted(server.sizes), "held": len(server.waiting)}
        print(json.dumps(server.counts | more), flush=True)
    await runner.cleanup()


asyncio.run(main())

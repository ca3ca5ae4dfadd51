"""The chat server's events: what a client may send, and what comes back.

| a client sends | what happens |
|---|---|
| ``chat message`` ARGS… | all clients of the namespace, sender included, get it unchanged |
| ``echo`` ARGS… | the acknowledgement carries ARGS… |
| ``join`` ROOM, ``leave`` ROOM | the client enters or leaves the room |
| ``say`` ROOM ARGS… | the members of the room get ``say`` ARGS… |
| ``direct`` SID ARGS… | that client gets ``direct`` ARGS… |
| ``ask me`` ARGS… | the server asks the client ``whoami`` ARGS…; its answer is the acknowledgement |
| ``kick`` | the server disconnects the client |

They are the same on the namespaces ``/`` and ``/chat``, which share no rooms. With a tick rate,
all clients of ``/`` get ``tick`` ``{"seq": n, "sent_at": epoch seconds}`` as well.
"""

import asyncio
import time
from typing import Any

import socketio

from siotool.target import wire_json
from siotool.target.socket_server import SocketServer

#: The description of the server that a user sees on stderr.
SUMMARY = (
    "chat message (broadcast), echo (ack), join/leave ROOM, say ROOM TEXT, direct SID TEXT, ask me, kick"
)

NAMESPACES = ("/", "/chat")


def make_server(
    ping_interval_s: float, ping_timeout_s: float, connect_timeout_s: float, manager: Any = None
) -> Any:
    """Return a ``socketio.AsyncServer`` for aiohttp with the chat's events on each namespace.

    ``manager`` is what joins it with others; without one it keeps to itself.
    Origins are not checked: the server is only ever bound to loopback.
    """
    sio = SocketServer(
        connect_timeout_s=connect_timeout_s,
        client_manager=manager,
        async_mode="aiohttp",
        cors_allowed_origins="*",
        json=wire_json,
        http_compression=False,
        ping_interval=ping_interval_s,
        ping_timeout=ping_timeout_s,
    )
    for namespace in NAMESPACES:
        _serve(sio, namespace)
    return sio


def _serve(sio: Any, namespace: str) -> None:
    async def broadcast(_sid: str, *args: Any) -> None:
        await sio.emit("chat message", args, namespace=namespace)

    async def echo(_sid: str, *args: Any) -> tuple[Any, ...]:
        return args

    async def join(sid: str, room: Any = None, *_rest: Any) -> None:
        if isinstance(room, str):
            await sio.enter_room(sid, room, namespace=namespace)

    async def leave(sid: str, room: Any = None, *_rest: Any) -> None:
        # a client's own sid is a room as well, and stays its own
        if isinstance(room, str) and room != sid:
            await sio.leave_room(sid, room, namespace=namespace)

    async def say(_sid: str, room: Any = None, *args: Any) -> None:
        if isinstance(room, str):
            await sio.emit("say", args, room=room, namespace=namespace)

    async def direct(_sid: str, to: Any = None, *args: Any) -> None:
        if isinstance(to, str):
            await sio.emit("direct", args, room=to, namespace=namespace)

    async def ask(sid: str, *args: Any) -> Any:
        try:
            return await sio.call("whoami", args, to=sid, namespace=namespace)
        except socketio.exceptions.TimeoutError:
            return None

    async def kick(sid: str, *_rest: Any) -> None:
        await sio.disconnect(sid, namespace=namespace)

    sio.on("chat message", broadcast, namespace=namespace)
    sio.on("ask me", ask, namespace=namespace)
    for handler in (echo, join, leave, say, direct, kick):
        sio.on(handler.__name__, handler, namespace=namespace)


async def tick(sio: Any, rate: float) -> None:
    """Send ``tick`` to this server's own clients ``rate`` times a second, for ever.

    ``seq`` counts from 0 without gaps; ``sent_at`` is the epoch time in seconds just before
    the event is handed to the connections. The times keep to a fixed grid; a server that
    falls behind leaves grid points out instead of catching up in a burst.
    """
    loop = asyncio.get_running_loop()
    period = 1 / rate
    due = loop.time()
    seq = 0
    while True:
        due += period * max(1, -(-(loop.time() - due) // period))
        await asyncio.sleep(due - loop.time())
        await sio.emit("tick", {"seq": seq, "sent_at": time.time()}, ignore_queue=True)
        seq += 1

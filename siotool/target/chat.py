"""The chat server's events: what a client may send, and what comes back.

| a client sends | what happens |
|---|---|
| ``chat message`` ARGS… | all clients, sender included, get ``chat message`` ARGS… unchanged |
| ``echo`` ARGS… | the acknowledgement carries ARGS… |
| ``join`` ROOM, ``leave`` ROOM | the client enters or leaves the room |
| ``say`` ROOM ARGS… | the members of the room get ``say`` ARGS… |

With a tick rate, all clients get ``tick`` ``{"seq": n, "sent_at": epoch seconds}`` as well.
"""

import asyncio
import time
from typing import Any

import socketio

from siotool.target import wire_json

#: The description of the server that a user sees on stderr.
SUMMARY = "chat message (broadcast), echo (ack), join/leave ROOM, say ROOM TEXT"


def make_server() -> Any:
    """Return a ``socketio.AsyncServer`` for aiohttp with the chat's events on namespace ``/``.

    Origins are not checked: the server is only ever bound to loopback.
    """
    sio = socketio.AsyncServer(
        async_mode="aiohttp", cors_allowed_origins="*", json=wire_json, http_compression=False
    )

    async def broadcast(_sid: str, *args: Any) -> None:
        await sio.emit("chat message", args)

    async def echo(_sid: str, *args: Any) -> tuple[Any, ...]:
        return args

    async def join(sid: str, room: Any = None, *_rest: Any) -> None:
        if isinstance(room, str):
            await sio.enter_room(sid, room)

    async def leave(sid: str, room: Any = None, *_rest: Any) -> None:
        # a client's own sid is a room as well, and stays its own
        if isinstance(room, str) and room != sid:
            await sio.leave_room(sid, room)

    async def say(_sid: str, room: Any = None, *args: Any) -> None:
        if isinstance(room, str):
            await sio.emit("say", args, room=room)

    sio.on("chat message", broadcast)
    for handler in (echo, join, leave, say):
        sio.on(handler.__name__, handler)
    return sio


async def tick(sio: Any, rate: float) -> None:
    """Broadcast ``tick`` ``rate`` times a second, for ever.

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
        await sio.emit("tick", {"seq": seq, "sent_at": time.time()})
        seq += 1

"""The vocabulary for python-socketio's asynchronous server: see README.md."""

import asyncio
import re
from typing import Any

import socketio
from lines import headers_of, query_of, say
from login import login
from socketio.exceptions import ConnectionRefusedError as Refused

NAMESPACES = ("/", "/chat", "/auth")
DYNAMIC = re.compile(r"/dyn-\d+")
NESTED = {"list": [b"\x01", b"\x02\x03"]}


class Words(socketio.AsyncNamespace):
    """The events of one namespace, or of every other (``*``)."""

    def __init__(self, namespace: str, own: dict[str, Any]) -> None:
        super().__init__(namespace)
        self._own = own

    async def trigger_event(self, event: str, *args: Any) -> Any:
        """Find the handler of an event; any other is reported and not answered."""
        namespace, args = (args[0], args[1:]) if self.namespace == "*" else (self.namespace, args)
        if event == "connect":
            return await self._connect(namespace, *args)
        sid, *args = args
        if event == "disconnect":
            say("disconnect", namespace=namespace, sid=sid, reason=args[0])
            return None
        if not self._own["quiet"]:
            say("event", namespace=namespace, sid=sid, event=event, args=args)
        handler = getattr(self, "do_" + event.replace(" ", "_"), None)
        return await handler(namespace, sid, *args) if handler else None

    async def _connect(self, namespace: str, sid: str, environ: dict[str, Any], auth: Any = None) -> None:
        if namespace not in NAMESPACES and not DYNAMIC.fullmatch(namespace):
            raise Refused("Invalid namespace")
        user = None
        if namespace == "/auth" or (namespace == "/" and self._own["login"]):
            try:
                user = login(environ, auth)
            except Refused as error:
                say("refused", namespace=namespace, **error.error_args)
                raise
        query = query_of(environ)
        say(
            "connect",
            namespace=namespace,
            sid=sid,
            transport=self.server.transport(sid, namespace),
            eio=int(query["EIO"]),
            query=query,
            headers=headers_of(environ),
            auth=auth,
            user=user,
            recovered=False,
        )

    async def do_echo(self, _namespace: str, _sid: str, *args: Any) -> tuple[Any, ...]:
        """Answer with the arguments."""
        return args

    async def do_binary(self, _namespace: str, _sid: str, *args: Any) -> dict[str, Any]:
        """Answer with bytes."""
        return {"args": list(args), "bytes": bytes(range(256)), "nested": NESTED}

    async def do_chat_message(self, namespace: str, _sid: str, *args: Any) -> None:
        """Broadcast."""
        await self.server.emit("chat message", args, namespace=namespace)

    async def do_join(self, namespace: str, sid: str, room: str) -> None:
        """Enter a room."""
        await self.server.enter_room(sid, room, namespace=namespace)

    async def do_leave(self, namespace: str, sid: str, room: str) -> None:
        """Leave a room."""
        await self.server.leave_room(sid, room, namespace=namespace)

    async def do_say(self, namespace: str, _sid: str, room: str, *args: Any) -> None:
        """Send to a room."""
        await self.server.emit("say", args, room=room, namespace=namespace)

    async def do_direct(self, namespace: str, _sid: str, to: str, *args: Any) -> None:
        """Send to one client."""
        await self.server.emit("direct", args, room=to, namespace=namespace)

    async def do_ask_me(self, namespace: str, sid: str, *args: Any) -> Any:
        """Ask back."""
        answer = await self.server.call("whoami", args, to=sid, namespace=namespace)
        say("answer", namespace=namespace, sid=sid, args=[answer])
        return answer

    async def do_kick(self, namespace: str, sid: str) -> None:
        """Disconnect from the namespace."""
        await self.server.disconnect(sid, namespace=namespace)

    async def do_kick_transport(self, namespace: str, sid: str) -> None:
        """Close the Engine.IO connection."""
        await self.server.eio.disconnect(self.server.manager.eio_sid_from_sid(sid, namespace))


def make_server(mode: str, own: dict[str, Any], options: dict[str, Any]) -> Any:
    """Return a ``socketio.AsyncServer`` that speaks the vocabulary on every namespace."""
    sio = socketio.AsyncServer(async_mode=mode, namespaces="*", **options)
    for namespace in (*NAMESPACES, "*"):
        sio.register_namespace(Words(namespace, own))
    return sio


def commands(sio: Any, loop: asyncio.AbstractEventLoop) -> Any:
    """Return what carries out a command on a server whose loop runs in another thread."""

    async def emit(event: str, args: Any = (), namespace: str = "/", room: str | None = None) -> Any:
        await sio.emit(event, tuple(args), namespace=namespace, room=room)
        return {}

    async def ask(event: str, args: Any = (), namespace: str = "/") -> Any:
        sids = [sid for sid, _ in sio.manager.get_participants(namespace, None)]
        calls = [sio.call(event, tuple(args), to=sid, namespace=namespace) for sid in sids]
        return {"answers": [[answer] for answer in await asyncio.gather(*calls)]}

    async def kick(namespace: str = "/", close: bool = False) -> Any:
        found = list(sio.manager.get_participants(namespace, None))
        for sid, eio_sid in found:
            await sio.disconnect(sid, namespace=namespace)
            if close:
                await sio.eio.disconnect(eio_sid)
        return {"kicked": len(found)}

    known = {"emit": emit, "ask": ask, "kick": kick}

    def do(name: str, fields: dict[str, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(known[name](**fields), loop).result(20)

    return do

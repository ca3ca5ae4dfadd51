"""The Engine.IO server below the embedded chat: who may open a session, and what a request may be."""

import json
from typing import Any

import engineio
from aiohttp import web
from engineio.exceptions import EngineIOError

from siotool.target.engine_session import EngineSession

#: The official server's codes and texts, by the beginning of python-engineio's text.
REFUSALS = {
    "Invalid transport": (0, "Transport unknown"),
    "Invalid session": (1, "Session ID unknown"),
    "Method": (2, "Bad handshake method"),
    "": (3, "Bad request"),
    "The client is using an unsupported version": (5, "Unsupported protocol version"),
}


class _Sessions(dict[str, Any]):
    """Sessions by their id. python-engineio makes those of its own class, and has no option for another."""

    def __setitem__(self, sid: str, made: Any) -> None:
        made.__class__ = EngineSession
        super().__setitem__(sid, made)


class EngineServer(engineio.AsyncServer):  # type: ignore[misc]  # engineio has no types
    """python-engineio's server for aiohttp, as strict as the official one."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.sockets = _Sessions()

    def attach(self, app: web.Application, engineio_path: str) -> None:
        """Answer requests of every method: those that are wrong are bad requests, not unknown ones."""
        app.router.add_route("*", f"/{engineio_path.strip('/')}/", self.handle_request)

    async def handle_request(self, request: web.Request) -> Any:
        """Answer a request."""
        if "transport" not in request.query:
            answer = self._bad_request("Invalid transport")
        elif request.method == "POST":
            answer = await self._post(request)
        else:
            return await super().handle_request(request)
        return await self._make_response(answer, self._async["translate_request"](request))

    async def _post(self, request: web.Request) -> Any:
        sid = request.query.get("sid")
        if sid is None:
            return self._method_not_found()
        session = self.sockets.get(sid)
        if session is None or session.closed:
            return self._bad_request("Invalid session")
        if session.upgraded:
            return self._bad_request()
        if session.posting:
            await session.close(abort=True, reason=self.reason.TRANSPORT_ERROR)
            return self._bad_request()
        session.posting = True
        try:
            limited = request.clone(client_max_size=self.max_http_buffer_size)
            await session.receive_payload((await limited.read()).decode())
        except (ValueError, EngineIOError):
            await session.close(abort=True, reason=self.reason.TRANSPORT_ERROR)
            return self._bad_request()
        finally:
            session.posting = False
        return {**self._ok(), "response": b"ok"}

    def _get_socket(self, sid: str) -> Any:
        """Return a session. One that is closed and has packets left may still be polled."""
        session = self.sockets[sid]
        if session.closed and session.queue.empty():
            del self.sockets[sid]
            raise KeyError(sid)
        return session

    def _bad_request(self, message: str | None = None) -> dict[str, Any]:
        starts = [start for start in REFUSALS if (message or "").startswith(start)]
        code, text = REFUSALS[max(starts, key=len)]
        body = json.dumps({"code": code, "message": text}, separators=(",", ":"))
        return {
            "status": "400 BAD REQUEST",
            "headers": [("Content-Type", "application/json")],
            "response": body.encode(),
        }

    def _method_not_found(self) -> dict[str, Any]:
        return self._bad_request("Method")

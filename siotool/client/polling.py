"""Long polling: a GET that waits for packets, and POSTs that send them, one of each at a time.

As engine.io-client does it: what is sent while a POST is under way goes out together in the next
one, as much as the server's ``maxPayload`` allows.
"""

import asyncio
import json
import secrets
from time import monotonic
from typing import Any

from siotool.client.connection import Connection
from siotool.client.cookies import CookieJar
from siotool.client.endpoint import Endpoint, with_cookies
from siotool.client.failures import WORDS_AT_MOST, ClientFailure, classify
from siotool.client.http import HttpAnswer
from siotool.client.lane import Lane
from siotool.client.observer import ByteCounts
from siotool.protocol import payload
from siotool.protocol.engine_io import CLOSE, BinaryMessage, Frame
from siotool.protocol.faults import RemoteProtocolError

#: As much may wait as in a socket before the connection counts as paused.
_HIGH_BYTES = 64 * 1024
#: A large payload keeps no other connection waiting for longer than so many packets take.
_PACKETS_OF_A_TURN = 200
#: How long a farewell may take.
_CLOSE_S = 5.0
_OK = 200
_TOO_LARGE = 413
_TEXT = "text/plain;charset=UTF-8"
#: engine.io's code for a session that the server does not know.
_UNKNOWN_SESSION = 1


class Polling:
    """Carries the packets of one connection in HTTP requests."""

    #: Name of the transport in requests.
    NAME = "polling"
    #: Type of what is posted.
    CONTENT = _TEXT
    #: A poll is always under way.
    stirred = True

    def __init__(self, connection: Connection[Any], endpoint: Endpoint, traffic: ByteCounts) -> None:
        self.cookies = CookieJar()
        self._connection = connection
        self._endpoint = endpoint
        self._traffic = traffic
        self._polls = Lane(endpoint, traffic, connection)
        self._posts = Lane(endpoint, traffic, connection)
        self._waiting: list[Frame] = []
        self._waiting_bytes = 0
        self._posting_bytes = 0
        #: Nothing is sent nor asked for any more: an upgrade takes over.
        self._paused = False
        self._closing = False
        #: Closed but for the farewell: what still comes counts no more.
        self._left = False
        self._over = False
        self._frozen = False
        self._polling: asyncio.Task[None] | None = None
        self._posting: asyncio.Task[None] | None = None
        self._farewell: asyncio.Task[None] | None = None

    # ── opening ───────────────────────────────────────────────────────────────────────

    async def open(self) -> None:
        """Ask for a session, and begin to poll. Raises what ``failures.classify`` can name."""
        connection = self._connection
        connection.phase = "tcp"
        answer = await self._get()
        # as from the official client, the server sees the first POST before the next GET: it has a socket
        self._polls, self._posts = self._posts, self._polls
        await self._take(answer)
        if not connection.session.sid and not connection.close_reason:
            raise RemoteProtocolError("a first payload without an Engine.IO open packet")
        if not connection.close_reason:
            self._polling = asyncio.get_running_loop().create_task(self._poll())

    async def _get(self) -> HttpAnswer:
        first = not self._connection.session.sid
        await self._polls.ready()
        request = self._endpoint.request(self._path(), self._headers())
        started = monotonic()
        answer = await self._polls.fetch(request)
        self._check(answer)
        if first:
            self._connection.observer.opening_answer(answer.all)
            self._connection.observer.phase("first poll", answer.arrived - started)
        return answer

    def _path(self) -> str:
        more = [("t", secrets.token_urlsafe(6))]
        if self._endpoint.revision == 3:
            more.append(("b64", "1"))
        if sid := self._connection.session.sid:
            more.append(("sid", sid))
        return self._endpoint.path(self.NAME, self._connection.identity, *self.parameters(), *more)

    def parameters(self) -> tuple[tuple[str, str], ...]:
        """What else stands in the query of each request."""
        return ()

    def _headers(self) -> tuple[tuple[str, str], ...]:
        return with_cookies(self._connection.identity.headers, self.cookies.header())

    def _check(self, answer: HttpAnswer) -> None:
        """Keep cookies; raise ClientFailure for what is no success."""
        if set_cookies := answer.all("set-cookie"):
            self.cookies.take(set_cookies)
            self._connection.observer.cookies(self.cookies.values)
        if answer.status != _OK:
            raise _refusal(answer, self._connection.session.max_payload)

    # ── receiving ─────────────────────────────────────────────────────────────────────

    async def _poll(self) -> None:
        try:
            while not (self._paused or self._closing or self._over or self._frozen):
                await self._take(await self._get())
        except Exception as error:
            self._broken(error)

    def unwrap(self, body: bytes) -> bytes:
        """The payload in the body of an answer."""
        return body

    async def _take(self, answer: HttpAnswer) -> None:
        connection = self._connection
        try:
            body = self.unwrap(answer.body)
            self._traffic.payload_in += len(body)
            now = connection.heard = answer.arrived
            for number, frame in enumerate(payload.decode(body, self._endpoint.revision), 1):
                if self._over or self._left:
                    return
                if not number % _PACKETS_OF_A_TURN:
                    await asyncio.sleep(0)
                if isinstance(frame, BinaryMessage):
                    connection.receive_binary(frame.data, now)
                else:
                    connection.receive_text(frame, now)
        except Exception as error:
            if not connection.session.sid:
                raise  # the connect fails with it
            connection.failed(error)

    # ── sending ───────────────────────────────────────────────────────────────────────

    def send(self, packet: bytes) -> None:
        """Send a text packet, with others that wait."""
        self._add(packet, len(packet))

    def send_binary(self, data: bytes) -> None:
        """Send a message of bytes, with others that wait."""
        self._add(BinaryMessage(data), len(data))

    def _add(self, frame: Frame, size: int) -> None:
        if self._over or self._frozen:
            return
        self._waiting.append(frame)
        self._waiting_bytes += size
        if self.unsent > _HIGH_BYTES:
            self._connection.pause_writing()
        self._flush()

    def _flush(self) -> None:
        if self._posting is None and not self._paused and not self._over and self._waiting:
            frames = self._writable()
            self._posting_bytes = sum(map(_size, frames))
            self._waiting_bytes -= self._posting_bytes
            self._posting = asyncio.get_running_loop().create_task(self._post(frames))

    def _writable(self) -> list[Frame]:
        """As many packets as one POST may carry; at least one."""
        limit = self._connection.session.max_payload
        count = len(self._waiting)
        if limit is not None and count > 1:
            size = 0
            for number, frame in enumerate(self._waiting):
                size += _posted_size(frame) + 1  # and a separator
                if number and size > limit:
                    count = number
                    break
        frames, self._waiting = self._waiting[:count], self._waiting[count:]
        return frames

    async def _post(self, frames: list[Frame]) -> None:
        try:
            await self._send(frames)
        except Exception as error:
            self._broken(error)
        finally:
            self._posting = None
            self._posting_bytes = 0
            if self.unsent <= _HIGH_BYTES and self._connection.paused:
                self._connection.resume_writing()
            self._flush()

    def wrap(self, body: bytes) -> bytes:
        """The body of a POST with a payload."""
        return body

    async def _send(self, frames: list[Frame]) -> None:
        body = payload.encode(frames, self._endpoint.revision)
        self._traffic.payload_out += len(body)
        request = self._endpoint.request(self._path(), self._headers(), self.wrap(body), self.CONTENT)
        self._check(await self._posts.fetch(request))

    @property
    def unsent(self) -> int:
        """Bytes that wait in this process."""
        return self._waiting_bytes + self._posting_bytes

    # ── an upgrade ────────────────────────────────────────────────────────────────────

    async def pause(self) -> None:
        """Stop once the requests under way are answered; what is sent from now on waits."""
        self._paused = True
        if self._posting is not None:
            await asyncio.wait((self._posting,))
        if self._polling is not None:
            await asyncio.wait((self._polling,))

    def resume(self) -> None:
        """Go on: the upgrade has failed."""
        if self._paused and not self._over:
            self._paused = False
            if self._polling is None or self._polling.done():
                self._polling = asyncio.get_running_loop().create_task(self._poll())
            self._flush()

    def take_waiting(self) -> list[Frame]:
        """What was not sent; it is another's to send now."""
        frames, self._waiting, self._waiting_bytes = self._waiting, [], 0
        return frames

    def retire(self) -> None:
        """Another transport has taken over: close the sockets, tell nobody."""
        self._over = True
        self._shut()

    # ── the end ───────────────────────────────────────────────────────────────────────

    def close(self) -> None:
        """Send what waits, then a close packet, and close."""
        if self._closing or self._over:
            return
        self._closing = True
        self._farewell = asyncio.get_running_loop().create_task(self._say_farewell())

    def leave(self) -> None:
        """Be closed at once, and post a close packet: else the server keeps the session for a ping's time.

        One that it does not know is not closed there.
        """
        unknown = self._connection.close_reason == "session_unknown"
        if not self._connection.session.sid or self._frozen or unknown:
            self.cut()
        elif not self._closing and not self._over:
            self._left = True
            self.take_waiting()
            self.close()
            asyncio.get_running_loop().call_soon(self._connection.lost)

    async def _say_farewell(self) -> None:
        try:
            async with asyncio.timeout(_CLOSE_S):
                while self._posting is not None:
                    await asyncio.wait((self._posting,))
                if self._connection.session.sid:
                    await self._send([bytes((CLOSE,))])
        except (OSError, ClientFailure):
            pass  # it is gone anyway
        finally:
            self.cut()

    def cut(self) -> None:
        """Close the sockets at once; what was still to be sent is lost."""
        if self._over:
            return
        self._over = True
        loop = asyncio.get_running_loop()
        if self._frozen:  # no end reaches the server either, until it has noticed
            loop.call_later(self._connection.session.patience_s, self._shut)
        else:
            self._shut()
        loop.call_soon(self._connection.lost)

    def reset(self) -> None:
        """Close the sockets at once with a TCP reset."""
        self._polls.reset()
        self._posts.reset()
        self.cut()

    def freeze(self) -> None:
        """Read and send nothing from now on, without closing."""
        self._frozen = True
        self._polls.freeze()
        self._posts.freeze()

    def slow(self, bytes_per_s: float) -> None:
        """Read no more than so many bytes a second."""
        self._polls.slow(bytes_per_s)
        self._posts.slow(bytes_per_s)

    def _shut(self) -> None:
        current = asyncio.current_task()
        for task in (self._polling, self._posting, self._farewell):
            if task is not None and task is not current:
                task.cancel()
        self._polls.close()
        self._posts.close()

    def _broken(self, error: Exception) -> None:
        """A request failed: so has the connection."""
        if self._over or self._closing:
            return
        failure = classify(error)
        connection = self._connection
        if failure.kind == "internal_error":
            connection.failed(error)
        elif failure.kind not in ("transport_close", "reset"):
            connection.violated(failure.kind, failure.quoted)
        if not self._left:  # else the farewell is on its way
            self.cut()

    def read_wire(self, last: bool = False) -> None:
        """Count what TCP carried since the last call."""
        self._polls.read_wire()
        self._posts.read_wire()


def _size(frame: Frame) -> int:
    return len(frame.data) if isinstance(frame, BinaryMessage) else len(frame)


def _posted_size(frame: Frame) -> int:
    """Bytes in a POST: what is binary goes as b and Base64."""
    return 1 + 4 * ((len(frame.data) + 2) // 3) if isinstance(frame, BinaryMessage) else len(frame)


def _refusal(answer: HttpAnswer, max_payload: float | None) -> ClientFailure:
    """What an answer that is no success means; with the server's own words."""
    text = answer.body.decode("utf-8", "replace").strip()[:WORDS_AT_MOST]
    if answer.status == _TOO_LARGE:
        limit = f"; its maxPayload is {max_payload:.0f} bytes" if max_payload is not None else ""
        return ClientFailure("too_large", f"HTTP 413: a payload was too large for the server{limit}")
    try:
        said = json.loads(text)
    except ValueError:
        said = None
    if isinstance(said, dict) and said.get("code") == _UNKNOWN_SESSION:
        return ClientFailure("session_unknown", f"HTTP {answer.status}: {said.get('message')}")
    if answer.status // 100 == 3:
        text = "to " + " ".join(answer.all("location"))
    return ClientFailure(f"http_{answer.status}", text)

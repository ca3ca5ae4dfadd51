"""A Socket.IO server that is hostile to one of its clients, and serves all others.

Speaks WebSocket, long polling, the upgrade between them and JSONP. The path of a request names the
attack, as ``/endless-headers/``. The second client of a path is its victim: the attack comes in place
of an answer, at the step it is for. It prints its port, and ends with its standard input.
"""

import asyncio
import base64
import gzip
import hashlib
import itertools
import json
import os
import select
import socket
import struct
import sys
import zlib
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
HANDSHAKE = {"sid": "", "upgrades": ["websocket"], "pingInterval": 25000, "pingTimeout": 20000}
MEGABYTE = b"x" * 1_000_000
DEEP = b'42["a",' + b"[" * 900 + b"]" * 900 + b"]"


def frame(payload: bytes, first: int = 0x81) -> bytes:
    """A frame as a server sends it."""
    size = len(payload)
    if size < 126:
        return struct.pack("!BB", first, size) + payload
    if size < 65536:
        return struct.pack("!BBH", first, 126, size) + payload
    return struct.pack("!BBQ", first, 127, size) + payload


def deflated(payload: bytes) -> bytes:
    """A message as permessage-deflate has it."""
    packer = zlib.compressobj(9, wbits=-15)
    return (packer.compress(payload) + packer.flush(zlib.Z_SYNC_FLUSH))[:-4]


def http(body: bytes, *headers: bytes, status: bytes = b"200 OK") -> bytes:
    """A whole answer."""
    head = [b"HTTP/1.1 " + status, b"Content-Length: %d" % len(body), *headers]
    return b"\r\n".join(head) + b"\r\n\r\n" + body


def deep(kind: bytes, levels: int) -> bytes:
    """A packet whose data is nested so deeply."""
    return kind + b"[" * levels + b'"x"' + b"]" * levels


Chunks = Callable[[], Iterable[bytes]]
forever = itertools.repeat

#: What comes over an open WebSocket, in answer to an event.
FRAMES: dict[str, Chunks] = {
    "truncated": lambda: [frame(b"42" + MEGABYTE)[:5000]],
    "huge-frame": lambda: [struct.pack("!BBQ", 0x81, 127, 100_000_000), *forever(MEGABYTE, 100)],
    "endless-fragments": lambda: itertools.chain([frame(b"4", 0x01)], forever(frame(b"x" * 1000, 0x00))),
    "empty-fragments": lambda: itertools.chain([frame(b"4", 0x01)], forever(frame(b"", 0x00) * 5000)),
    "pings": lambda: forever(frame(b"x" * 125, 0x89) * 500),
    "packet-pings": lambda: forever(frame(b"2") * 5000),
    "open-again": lambda: forever(frame(b"0" + json.dumps(HANDSHAKE).encode())),
    "join-again": lambda: forever(frame(b'40{"sid":"again"}')),
    "many-events": lambda: forever(b"".join(frame(b'42["e%d"]' % n) for n in range(5000))),
    "deep": lambda: [frame(DEEP), *(frame(deep(b'42["a",', n) + b"]") for n in range(900, 1000))],
    "deep-error": lambda: [frame(deep(b'44{"message":"no","data":', n) + b"}") for n in range(960, 1000)],
    "deep-error-text": lambda: [frame(deep(b"44", 963))],
    "attachments-never": lambda: [frame(b'451-["a",{"_placeholder":true,"num":0}]')],
    "attachments-many": lambda: [frame(b'49999999999-["a"]'), frame(b'451000000000-["a"]')],
    "attachments-large": lambda: itertools.chain([frame(b'45900-["a"]')], forever(frame(MEGABYTE, 0x82))),
    "deflate-bomb": lambda: [frame(deflated(b"42" + b" " * 500_000_000), 0xC1)],
    "wide-json": lambda: [frame(b'42["a",[' + b"[]," * 3_300_000 + b"[]]]")],
    "binary-junk": lambda: [frame(b"\x00" * 1000, 0x82)],
    "msgpack-array": lambda: [frame(b"\x84\xa4type\x02\xa4data\xdd\xff\xff\xff\xff\xa3nsp\xa1/", 0x82)],
    "msgpack-nested": lambda: [frame(b"\x83\xa4type\x02\xa4data" + b"\x91" * 5_000_000, 0x82)],
    "msgpack-map": lambda: [frame(b"\xdf\xff\xff\xff\xff", 0x82)],
    "close-frames": lambda: forever(frame(b"\x03\xe8bye", 0x88)),
    "http-again": lambda: forever(http(b"hello")),
    "silence": list,
}
#: What comes in place of the answer to a poll.
ANSWERS: dict[str, Chunks] = {
    "endless-headers": lambda: itertools.chain([b"HTTP/1.1 200 OK\r\n"], forever(b"X-Y: z\r\n" * 1000)),
    "endless-header": lambda: itertools.chain([b"HTTP/1.1 200 OK\r\nX-Y: "], forever(MEGABYTE)),
    "endless-status": lambda: itertools.chain([b"HTTP/1.1 200 "], forever(MEGABYTE)),
    "endless-chunks": lambda: itertools.chain(
        [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"],
        forever(b"%x\r\n%b\r\n" % (len(MEGABYTE), MEGABYTE)),
    ),
    "endless-extension": lambda: itertools.chain(
        [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;"], forever(MEGABYTE)
    ),
    "endless-trailers": lambda: itertools.chain(
        [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"], forever(b"X-Y: z\r\n" * 1000)
    ),
    "endless-body": lambda: itertools.chain([b"HTTP/1.1 200 OK\r\n\r\n"], forever(MEGABYTE)),
    "large-body": lambda: [b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n", *forever(MEGABYTE, 100)],
    "gzip-bomb": lambda: [http(gzip.compress(b"2" * 300_000_000, 1), b"Content-Encoding: gzip")],
    "gzip-broken": lambda: [http(gzip.compress(MEGABYTE)[:100], b"Content-Encoding: gzip")],
    "many-packets": lambda: [http(b"2\x1e" * 4_900_000 + b"6")],
    "many-pings": lambda: [http(b"2\x1e" * 90_000 + b"6")],
    "no-http": lambda: forever(b"hello\r\n"),
    "wrong-length": lambda: [b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n6"],
    "two-answers": lambda: forever(http(b"6")),
    "informed": lambda: forever(b"HTTP/1.1 100 Continue\r\n\r\n"),
    "redirect": lambda: [http(b"", b"Location: /elsewhere/", status=b"302 Found")],
    "cookies": lambda: [
        http(
            b"6",
            *(b"Set-Cookie: a%d=%s" % (n, b"v" * 60) for n in range(500)),
            b"Set-Cookie: m=1; Max-Age=\xb2",
        )
    ],
    "base64": lambda: [http(b"b!!!!")],
    "slow": list,
}
#: What comes in place of the first answer, the open packet.
OPENINGS: dict[str, Chunks] = {
    "sid-large": lambda: [http(b'0{"sid":"' + MEGABYTE + b'","pingInterval":1,"pingTimeout":1}')],
    "open-nested": lambda: [http(b'0{"sid":"x","pingInterval":1,"pingTimeout":1,"more":' + b"[" * 100_000)],
    **ANSWERS,
}
#: What comes in place of an upgrade to WebSocket.
UPGRADES: dict[str, Chunks] = {
    "endless-headers": ANSWERS["endless-headers"],
    "endless-header": ANSWERS["endless-header"],
    "no-http": ANSWERS["no-http"],
    "wrong-accept": lambda: [
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: nonsense\r\n\r\n"
    ],
    "redirect": lambda: [http(b"", b"Location: ws://127.0.0.1:1/", status=b"302 Found")],
    "large-refusal": lambda: [
        b"HTTP/1.1 400 No\r\nContent-Length: 100000000\r\n\r\n",
        *forever(MEGABYTE, 100),
    ],
    "slow": list,
}
#: Texts that would clear a terminal, hide or reverse what follows, or run on a page.
WORDS = "\x1b[2J\x1b]0;owned\x07\x9b31m\u202ereversed\u200b<script>alert(1)</script>|a|b|`x`\r\nnext"
_TOLD = json.dumps(WORDS).encode()
#: What comes in answer to the wish to join, to every client but the first.
GREETINGS: dict[str, Chunks] = {
    "words": lambda: [
        frame(b'40{"sid":"socket"}'),
        frame(b"42[" + _TOLD + b',{"sent":1}]'),
        frame(b"42[" + _TOLD + b"," + _TOLD + b"]"),
        frame(b"\x0f\xa1" + WORDS.encode()[:120], 0x88),
    ],
    "refused": lambda: [frame(b'44{"message":' + _TOLD + b',"data":{' + _TOLD + b":1}}")],
    "no-packet": lambda: [frame(WORDS.encode())],
}
STEPS = {"join": GREETINGS, "event": FRAMES, "poll": ANSWERS, "open": OPENINGS, "upgrade": UPGRADES}


def assail(sock: socket.socket, attack: Chunks) -> None:
    """Write to a socket that does not block, and wait for it."""
    try:
        for chunk in attack():
            left = memoryview(chunk)
            while left:
                _, writable, _ = select.select([], [sock], [], 20)
                if not writable:
                    return
                left = left[sock.send(left) :]
    except OSError:
        pass


class Peer:
    """One TCP connection, at its current request."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def assail(self, attack: Chunks) -> None:
        """Send the attack as long as the client takes it; read nothing any more.

        In a thread, which waits in the kernel: the other clients are served meanwhile.
        """
        await self.writer.drain()
        transport: Any = self.writer.transport
        transport.pause_reading()
        with socket.socket(fileno=os.dup(transport.get_extra_info("socket").fileno())) as sock:
            await asyncio.to_thread(assail, sock, attack)
        transport.resume_reading()
        await self.reader.read()  # until the client closes
        raise ConnectionError

    async def message(self) -> tuple[int, bytes]:
        """The next frame of a client."""
        head = await self.reader.readexactly(2)
        size = head[1] & 0x7F
        if size >= 126:
            size = int.from_bytes(await self.reader.readexactly(2 if size == 126 else 8), "big")
        mask = await self.reader.readexactly(4)
        payload = await self.reader.readexactly(size)
        return head[0] & 0x0F, bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))


class Client:
    """A session: what waits for its next poll, and whether it is the victim."""

    def __init__(self, attack: Chunks | None, step: str) -> None:
        self.waiting: asyncio.Queue[bytes] = asyncio.Queue()
        self.attack = attack
        self.step = step

    def victim_of(self, step: str) -> bool:
        return self.attack is not None and self.step == step

    async def end_polls(self) -> None:
        """Answer every poll at once, until the client has moved to WebSocket."""
        while True:
            self.waiting.put_nowait(b"6")
            await asyncio.sleep(0.1)

    def answer_to(self, packet: bytes) -> bytes | None:
        """What a good server answers."""
        if packet.startswith(b"40"):
            return b'40{"sid":"socket"}'
        if packet[:1] >= b"\x80":  # a map of MessagePack
            asked = msgspec.msgpack.decode(packet)
            if asked["type"] == 0:
                return msgspec.msgpack.encode({"type": 0, "data": {"sid": "socket"}, "nsp": "/"})
            if "id" in asked:
                return msgspec.msgpack.encode({"type": 3, "data": [1], "id": asked["id"], "nsp": "/"})
            return None
        if packet.startswith(b"42") and packet[2:3] != b"[":
            return b"43" + packet[2 : packet.index(b"[")] + b"[1]"
        return None


clients: dict[str, Client] = {}
counts: Counter[str] = Counter()


def welcome(path: str) -> tuple[str, Client]:
    """A new session; the second of a path is the victim."""
    name, step, *_ = [*path.strip("/").split("."), "event"]
    counts[path] += 1
    sid = f"{path}-{counts[path]}"
    attack = STEPS[step][name] if counts[path] == 2 or step == "join" else None
    client = clients[sid] = Client(attack, step)
    return sid, client


def opened(sid: str) -> bytes:
    return b"0" + json.dumps({**HANDSHAKE, "sid": sid}).encode()


async def websocket(peer: Peer, key: bytes, path: str, sid: str, *, older: bool) -> None:
    new = not sid
    if new:
        sid, client = welcome(path)
    else:
        client = clients[sid]
    if client.victim_of("upgrade"):
        assert client.attack is not None
        await peer.assail(client.attack)
    accept = base64.b64encode(hashlib.sha1(key + GUID).digest())
    deflates = b"Sec-WebSocket-Extensions: permessage-deflate\r\n" if "deflate" in path else b""
    peer.writer.write(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        + deflates
        + b"Sec-WebSocket-Accept: "
        + accept
        + b"\r\n\r\n"
    )
    if new:
        peer.writer.write(frame(opened(sid)))
        if older:
            peer.writer.write(frame(b"40"))
    ending: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    while True:
        kind, packet = await peer.message()
        if kind == 8 or packet == b"1":
            return
        if packet == b"2probe":
            peer.writer.write(frame(b"3probe"))
            ending = asyncio.get_running_loop().create_task(client.end_polls())
        if packet == b"5":
            ending.cancel()
        if client.victim_of("event") and (packet.startswith(b"42") or b"echo" in packet):
            assert client.attack is not None
            await peer.assail(client.attack)
        if client.victim_of("join") and packet.startswith(b"40") and counts[path] > 1:
            assert client.attack is not None
            await peer.assail(client.attack)
        if (answer := client.answer_to(packet)) is not None:
            peer.writer.write(frame(answer, 0x80 | kind))


async def polling(peer: Peer, method: bytes, path: str, query: dict[str, str], body: bytes) -> None:
    def send(payload: bytes) -> None:
        if "j" in query and method == b"GET":
            payload = b"___eio[0](%b);" % json.dumps(payload.decode()).encode()
        peer.writer.write(http(payload))

    if "sid" not in query:
        sid, client = welcome(path)
        if client.victim_of("open"):
            assert client.attack is not None
            await peer.assail(client.attack)
        send(opened(sid))
        return
    client = clients[query["sid"]]
    if method == b"POST":
        if "j" in query:
            body = parse_qs(body.decode())["d"][0].encode()
        for packet in body.split(b"\x1e"):
            if packet.startswith(b"42") and client.victim_of("poll"):
                client.waiting.put_nowait(b"attack")
            elif packet == b"1":
                client.waiting.put_nowait(b"6")
            elif (answer := client.answer_to(packet)) is not None:
                client.waiting.put_nowait(answer)
        send(b"ok")
        return
    packet = await client.waiting.get()
    if packet == b"attack":
        assert client.attack is not None
        await peer.assail(client.attack)
    send(packet)


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    peer = Peer(reader, writer)
    try:
        while True:
            lines = (await reader.readuntil(b"\r\n\r\n")).split(b"\r\n")
            method, target, _ = lines[0].split(b" ")
            headers = {
                k.strip().lower(): v.strip() for k, _, v in (line.partition(b":") for line in lines[1:])
            }
            url = urlsplit(target.decode())
            query = {key: values[0] for key, values in parse_qs(url.query).items()}
            if b"sec-websocket-key" in headers:
                await websocket(
                    *(peer, headers[b"sec-websocket-key"], url.path, query.get("sid", "")),
                    older=query["EIO"] == "3",
                )
                return
            body = await reader.readexactly(int(headers.get(b"content-length", b"0")))
            await polling(peer, method, url.path, query, body)
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def main() -> None:
    server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=1 << 20, backlog=1000)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main())

"""A Socket.IO server of raw bytes, for tests in which a server must misbehave.

Runs in a process of its own, prints its port, and then a line of JSON for each line of its
standard input: how many connections it has open, the most it ever had, and how many bytes it
has read in frames. What it does wrong is named by the path of the request.
"""

import asyncio
import base64
import hashlib
import json
import struct
import sys
from collections.abc import Callable

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
OPEN = b'0{"sid":"engine","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}'
JOINED = b'40{"sid":"socket"}'

counts = {"open": 0, "most": 0, "read": 0}


def frame(payload: bytes, first: int = 0x81, mask: bool = False) -> bytes:
    """A frame as a server sends it, unless it is to be wrong."""
    size = len(payload)
    bit = 0x80 if mask else 0
    if size < 126:
        head = struct.pack("!BB", first, bit | size)
    elif size < 65536:
        head = struct.pack("!BBH", first, bit | 126, size)
    else:
        head = struct.pack("!BBQ", first, bit | 127, size)
    return head + (b"\0\0\0\0" if mask else b"") + payload


def answers(ack_id: bytes) -> dict[str, Callable[[], bytes]]:
    """What each behaviour sends in answer to an event that asks for an ack."""
    return {
        "echo": lambda: frame(b"43%b[1]" % ack_id),
        "ack-object": lambda: frame(b'43%b{"a":1}' % ack_id),
        "ack-nothing": lambda: frame(b"43%b" % ack_id),
        "ack-cut": lambda: frame(b"43%b[1" % ack_id),
        "ack-no-utf8": lambda: frame(b'43%b["\xff"]' % ack_id),
        "ack-attachment-missing": lambda: (
            frame(b'461-%b[{"_placeholder":true,"num":0}]' % ack_id) + frame(b"2")
        ),
        "ack-attachment-replaced": lambda: (
            frame(b'461-%b[{"_placeholder":true,"num":0}]' % ack_id) + frame(b"43%b[1]" % ack_id)
        ),
        "ack-attachment-unnamed": lambda: (
            frame(b'461-%b[{"_placeholder":true,"num":7}]' % ack_id) + frame(b"x", 0x82)
        ),
        "ack-attachment": lambda: (
            frame(b'461-%b[{"_placeholder":true,"num":0}]' % ack_id) + frame(b"x", 0x82)
        ),
        "masked": lambda: frame(b"43%b[1]" % ack_id, mask=True),
        "reserved-bit": lambda: frame(b"43%b[1]" % ack_id, first=0xC1),
        "opcode": lambda: frame(b"43%b[1]" % ack_id, first=0x83),
        "control-too-long": lambda: frame(b"x" * 126, first=0x89),
        "control-fragment": lambda: frame(b"x", first=0x09),
        "no-utf8": lambda: frame(b'42["tick","\xff"]'),
        "continuation": lambda: frame(b"x", first=0x80),
        "interleaved": lambda: frame(b'42["a', first=0x01) + frame(b'42["tick"]'),
        "close-code": lambda: frame(b"\x00\x05", first=0x88),
        "close-code-unknown": lambda: frame(struct.pack("!H", 2999), first=0x88),
        "close-short": lambda: frame(b"\x03", first=0x88),
        "close-1009": lambda: frame(struct.pack("!H", 1009), first=0x88),
        "close-4001": lambda: frame(struct.pack("!H", 4001) + b"go away", first=0x88),
        "length": lambda: struct.pack("!BBQ", 0x81, 127, 1 << 63),
        "frame-too-large": lambda: struct.pack("!BBQ", 0x81, 127, 1 << 40),
        "fragments-too-large": lambda: frame(b"4" + b"2" * 6_000_000, 0x01) + frame(b"x" * 6_000_000, 0x80),
        "silence": lambda: b"",
    }


async def upgrade(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> str:
    """Shake hands; returns the behaviour, which is the request's path."""
    request = await reader.readuntil(b"\r\n\r\n")
    behaviour = request.split(b"/")[1].decode()
    if behaviour == "hang-upgrade":
        await reader.read()
    if behaviour == "slow-upgrade":
        await asyncio.sleep(0.2)
    key = next(line.split(b": ")[1] for line in request.split(b"\r\n") if b"Sec-WebSocket-Key" in line)
    writer.write(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + base64.b64encode(hashlib.sha1(key + GUID).digest()) + b"\r\n\r\n"
    )
    if behaviour == "hang-open":
        await reader.read()
    writer.write(frame(OPEN))
    if behaviour == "hang-namespace":
        await reader.read()
    if behaviour == "slow-namespace":
        await asyncio.sleep(0.8)
    if behaviour == "deaf":
        writer.write(frame(JOINED))
        await asyncio.sleep(60)
    return behaviour


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One connection, to its end."""
    counts["open"] += 1
    counts["most"] = max(counts["most"], counts["open"])
    try:
        behaviour = await upgrade(reader, writer)
        while True:
            head = await reader.readexactly(2)
            size = head[1] & 0x7F
            if size >= 126:
                size = int.from_bytes(await reader.readexactly(2 if size == 126 else 8), "big")
            mask = await reader.readexactly(4)
            payload = await reader.readexactly(size)
            counts["read"] += 6 + size
            text = bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload[:40]))
            if head[0] & 0x0F == 8:
                return
            if text.startswith(b"40"):
                writer.write(frame(JOINED))
            elif text.startswith(b"42") and text[2:3] != b"[":
                known = answers(text[2 : text.index(b"[")])
                writer.write(known.get(behaviour, known["echo"])())
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        counts["open"] -= 1
        writer.close()


async def main() -> None:
    server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=1 << 16, backlog=1000)
    print(server.sockets[0].getsockname()[1], flush=True)
    loop = asyncio.get_running_loop()
    while await loop.run_in_executor(None, sys.stdin.readline):
        print(json.dumps(counts), flush=True)


asyncio.run(main())

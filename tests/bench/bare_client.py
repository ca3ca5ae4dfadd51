"""The least that calls can cost in Python: sockets, epoll and prepared frames, and nothing else.

    python bare_client.py '{"port": …, "users": 500, "scenario": "echo", "rate": 2, "spawn_rate": 200,
                            "result": "counts.json"}'

No protocol, no statistics, no pacing but a grid of two milliseconds: what is left is the
kernel's work and a loop. It tells one machine from another. Stays until SIGTERM.
"""

import json
import select
import signal
import socket
import sys
import time
from pathlib import Path

TICK_S = 0.002
UPGRADE = (
    b"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\n"
    b"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
#: Frames begin with one byte of kind and one of length; the server's texts here are short ones.
TEXT, MASKED, MASK = 0x81, 0x80, bytes(4)
ACK = b"43"


def frame(text: bytes) -> bytes:
    """A masked text frame of less than 126 bytes; its mask is zero, which changes nothing."""
    return bytes((TEXT, MASKED | len(text))) + MASK + text


def connect(port: int) -> socket.socket:
    """Upgrade, and join the namespace."""
    sock = socket.create_connection(("127.0.0.1", port))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.sendall(UPGRADE)
    heard = b""
    while b'"sid"' not in heard:
        heard += sock.recv(4096)
    sock.sendall(frame(b"40"))
    sock.setblocking(False)
    return sock


def main() -> None:
    asked = json.loads(sys.argv[1])
    acked = 0
    running = True

    def stop(*_: object) -> None:
        nonlocal running
        running = False

    signal.signal(signal.SIGTERM, stop)
    poll = select.epoll()
    users: list[socket.socket] = []
    by_number: dict[int, socket.socket] = {}
    call = frame(b'421["echo","' + b"x" * 64 + b'"]')
    pong = frame(b"3")
    rate = asked["rate"] * asked["users"] if asked["scenario"] == "echo" else 0.0
    begin = time.monotonic()
    due = begin
    begun = 0
    while running:
        now = time.monotonic()
        if len(users) < asked["users"]:
            while len(users) < min(asked["users"], (now - begin) * asked["spawn_rate"]):
                sock = connect(asked["port"])
                users.append(sock)
                by_number[sock.fileno()] = sock
                poll.register(sock, select.EPOLLIN)
            due = now + TICK_S
        elif now >= due:
            wanted = int((due - begin) * rate)
            begun = begun or wanted
            for number in range(begun, wanted):
                users[number % len(users)].send(call)
            begun = wanted
            due += TICK_S if rate else 1.0
        for number, _ in poll.poll(max(0.0, due - time.monotonic())):
            heard = by_number[number].recv(4096)
            if heard[2:4] == ACK:
                acked += 1
            elif heard[2:] == b"2":
                by_number[number].send(pong)
            elif not heard:
                return
    Path(asked["result"]).write_text(json.dumps({"received": 0, "acked": acked}))


if __name__ == "__main__":
    main()

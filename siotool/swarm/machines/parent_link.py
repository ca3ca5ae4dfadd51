"""A machine's connection to the parent of a run: Locust's messages over ZeroMQ, without Locust.

What cannot be sent now waits, and goes out when the network is there again.
"""

import uuid
from time import monotonic
from typing import Any

import msgspec
import zmq
from zmq.utils.monitor import recv_monitor_message

from siotool.errors import InputError
from siotool.swarm.join_token import call_with, keys_of
from siotool.swarm.run_address import endpoint, place, wants_ipv6

#: So many handshakes that fail, with none that succeeds, show another token.
_FAILED = 3
#: Messages that wait to be sent, at most.
_WAITING = 10_000
_LINGER_MS = 1000
#: How often a host without an address is looked up.
_LOOK_UP_S = 1.0
_FAILURES = (
    zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
    | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
    | zmq.EVENT_HANDSHAKE_FAILED_AUTH
)


class ParentLink:
    """Speaks to the parent at ``host`` and ``port``; ``connected`` while there is a connection.

    ``broken_at`` is when there was one last, on the monotonic clock.
    """

    def __init__(self, host: str, port: int, token: str, name: str) -> None:
        """``name`` is what the machine calls itself."""
        self.where = place(host, port)
        #: Locust's name for this side.
        self.node = f"{name}_{uuid.uuid4().hex}"
        self.connected = False
        self.broken_at = monotonic()
        self._failed = 0
        self._known = False
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.DEALER)
        for option, value in (
            (zmq.SNDHWM, _WAITING),
            (zmq.LINGER, _LINGER_MS),
            (zmq.RECONNECT_IVL, 200),
            (zmq.RECONNECT_IVL_MAX, 2000),
            (zmq.TCP_KEEPALIVE, 1),
            (zmq.TCP_KEEPALIVE_IDLE, 30),
        ):
            self._socket.setsockopt(option, value)
        self._socket.setsockopt(zmq.IDENTITY, self.node.encode())
        call_with(keys_of(token), self._socket)
        self._events = self._socket.get_monitor_socket(
            zmq.EVENT_HANDSHAKE_SUCCEEDED | zmq.EVENT_DISCONNECTED | _FAILURES
        )
        self._poller = zmq.Poller()
        self._poller.register(self._socket, zmq.POLLIN)
        self._poller.register(self._events, zmq.POLLIN)
        self._host, self._port = host, port
        #: Whether it is known how the host is reached; and when that was looked up last.
        self._called = False
        self._looked_at = -_LOOK_UP_S
        self._call()

    def send(self, kind: str, record: msgspec.Struct | None = None) -> None:
        """Say something to the parent, now or when it can be reached again; not before it has an address."""
        if not self._called:
            return
        data = msgspec.to_builtins(record, builtin_types=(bytes,))
        self._socket.send(msgspec.msgpack.encode((kind, data, self.node)), zmq.NOBLOCK)

    def receive(self, within_s: float) -> tuple[str, Any] | None:
        """The next message's kind and data; None when none comes in time.

        Raises InputError when the parent has another token, or is none.
        """
        self._call()
        ready = dict(self._poller.poll(max(0, round(within_s * 1e3))))
        if self._events in ready:
            self._follow(recv_monitor_message(self._events)["event"])
        if self._socket not in ready:
            return None
        kind, data, _ = msgspec.msgpack.decode(self._socket.recv())
        return kind, data

    def close(self) -> None:
        """Close it, once what waits is sent or a second is over."""
        self._socket.disable_monitor()
        self._events.close(linger=0)
        self._socket.close()
        self._context.term()

    def _call(self) -> None:
        """Begin to connect as soon as the host has an address: a run's container may start after this one."""
        now = monotonic()
        if self._called or now < self._looked_at + _LOOK_UP_S:
            return
        self._looked_at = now
        over_ipv6 = wants_ipv6(self._host)
        if over_ipv6 is not None:
            self._called = True
            self._socket.setsockopt(zmq.IPV6, int(over_ipv6))
            self._socket.connect(endpoint(self._host, self._port))

    def _follow(self, event: int) -> None:
        if event == zmq.EVENT_HANDSHAKE_SUCCEEDED:
            self.connected = self._known = True
        elif event == zmq.EVENT_DISCONNECTED:
            if self.connected:
                self.broken_at = monotonic()
            self.connected = False
        elif event & _FAILURES and not self._known:
            self._failed += 1
            if self._failed >= _FAILED:
                raise InputError(
                    f"{self.where} knows another token, or is no siotool that waits for workers",
                    "give the token of the run, as its machine shows or has it (--token-file)",
                )

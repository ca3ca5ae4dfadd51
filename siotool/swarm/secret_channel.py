"""Locust's channel between master and workers, closed to everyone who does not know the run's token."""

from types import SimpleNamespace
from typing import Any, ClassVar

import locust.runners
import zmq.green as zmq
from locust.rpc import zmqrpc

from siotool.errors import InputError
from siotool.swarm.join_token import Keys, call_with, keys_of, listen_with
from siotool.swarm.run_address import endpoint, wants_ipv6

#: Locust has no types here.
_Socket: Any = zmqrpc.BaseSocket
#: Every address of this machine.
_EVERY = "*"


class Listening(_Socket):  # type: ignore[misc]
    """The master's socket, as Locust makes one."""

    keys: ClassVar[Keys]

    def __init__(self, host: str, port: int) -> None:
        super().__init__(zmq.ROUTER, host != _EVERY and not wants_ipv6(host))
        # who comes back may do so before it is noticed here that its connection broke; nobody without the
        # token can take a name over, as CURVE lets nobody say one
        self.socket.setsockopt(zmq.ROUTER_HANDOVER, 1)
        listen_with(self.keys, self.socket)
        try:
            self.socket.bind(endpoint(host, port or "*"))
        except zmq.ZMQError as error:
            self.close(linger=0)
            raise InputError(
                f"cannot listen on {host} port {port}: {zmq.strerror(error.errno or 0)}",
                "choose another --listen ADDRESS:PORT of this machine",
            ) from error
        bound: bytes = self.socket.getsockopt(zmq.LAST_ENDPOINT)
        self.port = int(bound.strip(b"\0").rpartition(b":")[2])


class Calling(_Socket):  # type: ignore[misc]
    """A worker's socket, as Locust makes one."""

    keys: ClassVar[Keys]

    def __init__(self, host: str, port: int, identity: str) -> None:
        super().__init__(zmq.DEALER, not wants_ipv6(host))
        call_with(self.keys, self.socket)
        self.socket.setsockopt(zmq.IDENTITY, identity.encode())
        self.socket.connect(endpoint(host, port))


def use_token(token: str) -> None:
    """From now on the runners that Locust makes in this process use the channel of a token."""
    Listening.keys = Calling.keys = keys_of(token)
    runners: Any = locust.runners
    runners.rpc = SimpleNamespace(Server=Listening, Client=Calling)

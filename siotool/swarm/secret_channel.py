"""Locust's channel between master and workers, closed to everyone who does not know the run's token."""

from types import SimpleNamespace
from typing import Any, ClassVar

import locust.runners
import zmq.green as zmq
from locust.rpc import zmqrpc

from siotool.errors import InputError
from siotool.swarm.join_token import Keys, call_with, keys_of, listen_with

#: Locust has no types here.
_Socket: Any = zmqrpc.BaseSocket


class Listening(_Socket):  # type: ignore[misc]
    """The master's socket, as Locust makes one."""

    keys: ClassVar[Keys]

    def __init__(self, host: str, port: int) -> None:
        super().__init__(zmq.ROUTER, self.ipv4_only(host, port))
        listen_with(self.keys, self.socket)
        try:
            self.socket.bind(f"tcp://{_written(host)}:{port or '*'}")
        except zmq.ZMQError as error:
            self.close(linger=0)
            raise InputError(
                f"cannot listen on {host} port {port}: {zmq.strerror(error.errno or 0)}",
                "choose another --listen ADDRESS:PORT of this machine",
            ) from error
        endpoint: bytes = self.socket.getsockopt(zmq.LAST_ENDPOINT)
        self.port = int(endpoint.strip(b"\0").rpartition(b":")[2])


class Calling(_Socket):  # type: ignore[misc]
    """A worker's socket, as Locust makes one."""

    keys: ClassVar[Keys]

    def __init__(self, host: str, port: int, identity: str) -> None:
        super().__init__(zmq.DEALER, self.ipv4_only(host, port))
        call_with(self.keys, self.socket)
        self.socket.setsockopt(zmq.IDENTITY, identity.encode())
        self.socket.connect(f"tcp://{_written(host)}:{port}")


def use_token(token: str) -> None:
    """From now on the runners that Locust makes in this process use the channel of a token."""
    Listening.keys = Calling.keys = keys_of(token)
    runners: Any = locust.runners
    runners.rpc = SimpleNamespace(Server=Listening, Client=Calling)


def _written(host: str) -> str:
    """A host as it stands in an address of ZeroMQ."""
    return f"[{host}]" if ":" in host else host

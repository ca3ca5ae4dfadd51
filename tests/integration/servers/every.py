"""Each kind of server by a name, for tests that run against all of them."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial

from tests.integration.servers.node import feathers_server, nest_server, node_server
from tests.integration.servers.process import Server
from tests.integration.servers.python import python_server

#: Options are given to the call, such as ``EVERY["flask"](ping_interval=1)``.
EVERY: dict[str, Callable[..., AbstractContextManager[Server]]] = {
    "socket.io-2": partial(node_server, "2"),
    "socket.io-3": partial(node_server, "3"),
    "socket.io-4": partial(node_server, "4"),
    "nest": nest_server,
    "feathers": feathers_server,
    "asgi": partial(python_server, "asgi"),
    "aiohttp": partial(python_server, "aiohttp"),
    "flask": partial(python_server, "flask"),
}

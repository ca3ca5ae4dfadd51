"""The relay in a thread of the tests leaves no socket open: it would be found in another test."""

import gc
import socket
import warnings
from contextlib import ExitStack

from tests.integration.probing import relay


def test_a_relay_that_ends_closes_the_connections_that_came_just_before() -> None:
    """Trap: "unclosed transport", which the garbage collector raised now and then in an unrelated test."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        for _ in range(5):
            with (
                ExitStack() as clients,
                socket.create_server(("127.0.0.1", 0)) as door,
                relay(door.getsockname()[1]) as (url, _moments),
            ):
                place = ("127.0.0.1", int(url.rpartition(":")[2]))
                for _number in range(5):
                    clients.enter_context(socket.create_connection(place))
            gc.collect()
    assert [str(one.message) for one in said if one.category is ResourceWarning] == []

"""The two servers to which the points of the protocol documents are put."""

from collections.abc import Awaitable, Callable, Iterator

import pytest

from siotool.target.process import TargetProcess
from tests.integration.servers.node import node_server
from tests.integration.servers.raw import Wire, run

Talk = Callable[[Wire], Awaitable[None]]


@pytest.fixture(scope="module", params=["embedded", "official"])
def kind(request: pytest.FixtureRequest) -> str:
    """Each test runs against both servers."""
    return str(request.param)


@pytest.fixture(scope="module")
def url(kind: str) -> Iterator[str]:
    """The server with the intervals of the protocol's defaults."""
    if kind == "embedded":
        with TargetProcess() as process:
            yield process.url
    else:
        with node_server(quiet=True, cors={"origin": "*"}) as server:
            yield server.url


@pytest.fixture
def talk(url: str) -> Callable[[Talk], None]:
    """Run what a test does with a client of bare packets."""
    return lambda coroutine: run(coroutine, url)


@pytest.fixture(scope="module")
def quick_url(kind: str) -> Iterator[str]:
    """The server with short intervals: a ping 300 ms after the pong, a pong within 1 s."""
    if kind == "embedded":
        with TargetProcess(ping_interval_s=0.3, ping_timeout_s=1.0, connect_timeout_s=0.5) as process:
            yield process.url
    else:
        with node_server(quiet=True, pingInterval=300, pingTimeout=1000, connectTimeout=500) as server:
            yield server.url


@pytest.fixture
def quick_talk(quick_url: str) -> Callable[[Talk], None]:
    return lambda coroutine: run(coroutine, quick_url)

"""``siotool.client`` without Locust: a probe, a reference client or a test can use it."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from siotool.client.choices import TransportName
from siotool.client.identity import Identity
from siotool.target.process import TargetProcess
from tests.integration.lone_client import LoneClient

pytestmark = pytest.mark.slow

SCRIPT = Path(__file__).with_name("lone_client.py")


@pytest.fixture(params=["embedded", pytest.param("node", marks=pytest.mark.node)])
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    if request.param == "node":
        start: Callable[..., Any] = request.getfixturevalue("node_server")
        yield start().url
    else:
        with TargetProcess().start() as process:
            yield process.url


def talk(url: str, namespace: str) -> dict[str, Any]:
    found = subprocess.run(
        [sys.executable, "-W", "error", SCRIPT, url, namespace], capture_output=True, text=True, check=False
    )
    assert found.stderr == ""
    said: dict[str, Any] = json.loads(found.stdout)
    return said


def test_it_joins_calls_hears_and_leaves_under_plain_asyncio(url: str) -> None:
    found = talk(url, "/")
    assert found["answers"] == [[0, "é"], [1, "é"], [2, "é"]]
    assert found["heard"] == [
        ["namespace", "/"],
        ["joined", False],
        ["event", "/", "chat message", ["hello"]],
        ["ended", "client"],
    ]
    assert found["unanswered"] == "unanswered"
    assert found["open"] == 0
    assert found["more_on_the_wire"] == [True, True]
    assert found["loaded"] == []


def test_it_says_why_it_was_not_let_in(url: str) -> None:
    found = talk(url, "/nowhere")
    [(what, kind, text)] = found.pop("heard")
    assert (what, kind) == ("remark", "connect_error")
    assert text.startswith("connect_error: /nowhere answered ")
    assert found == {"failure": "connect_error", "open": 0, "loaded": []}


@pytest.mark.node
@pytest.mark.parametrize("transport", ["websocket", "upgrade", "polling", "jsonp"])
def test_a_session_that_the_client_ends_by_itself_ends_at_the_server(
    transport: TransportName, node_server: Callable[..., Any], until: Callable[..., Any]
) -> None:
    """After a refused login, or when the server closed the namespace, none waits for its next ping."""
    server = node_server()

    async def refused() -> None:
        nowhere = Identity(namespaces=("/nowhere",))
        failure = await LoneClient(server.url, transport=transport, identity=nowhere).connect()
        assert failure is not None
        assert failure.kind == "connect_error"

    async def kicked() -> None:
        one = LoneClient(server.url, transport=transport)
        assert await one.connect() is None
        assert await asyncio.to_thread(server.kick, close=False) == 1
        await one.witness.until("ended", "server_disconnect")
        await one.closed()

    for ends in (refused, kicked):
        asyncio.run(ends())
        until(lambda: not server.counters()["sessions"], what="no session is left")

"""The header in which a server says its name: read once for each session, by every client and transport."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from siotool.client.choices import ClientName, TransportName
from tests.integration.lone_client import LoneClient

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def named() -> Iterator[str]:
    """The URL of a server that says that it is web-1."""
    command = [sys.executable, "-m", "siotool.target.serve", "--served-by=X-Served-By", "--name=web-1"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        told: dict[str, Any] = json.loads(server.stdout.readline())
        yield told["url"]
        server.stdin.close()


@pytest.mark.parametrize("client", ["native", "reference"])
@pytest.mark.parametrize("transport", ["websocket", "polling", "upgrade"])
def test_the_answer_that_opens_a_session_names_the_server(
    named: str, client: ClientName, transport: TransportName
) -> None:
    async def look() -> list[list[str]]:
        one = LoneClient(named, client=client, transport=transport)
        assert await one.connect() is None
        if transport == "upgrade":
            await one.witness.until("upgraded")
        one.connection.end("client")
        await one.witness.until("ended")
        return one.witness.served_by

    assert asyncio.run(look()) == [["web-1"]]

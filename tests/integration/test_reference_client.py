"""The reference client under a whole load test: counted as ours, by the same code."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.integration.conftest import Finished
from tests.integration.servers.node import node_server

pytestmark = [pytest.mark.slow, pytest.mark.node]


def test_a_load_test_with_the_reference_client_counts_what_the_server_saw(
    loadtest: Callable[..., Finished],
) -> None:
    """Deliveries, acknowledgements and handlers' answers; TCP bytes are more than the payload's."""
    with node_server("4") as server:
        done = loadtest(
            server.url,
            *("--client", "reference", "--scenario", "chat", "--set", "rate=2"),
            *("--users", 10, "--run-time", "5s", "--format", "json"),
        )
        said = len(server.seen("event", event="chat message"))
        joined = len(server.seen("connect"))
    assert done.code in (0, 5), done.stderr  # 5 on a machine with other work
    assert joined == 11, "ten users, and the first connection before the run"
    assert done.total("delivery", "lost") == 0
    assert done.total("delivery", "duplicate") == 0
    received = done.operation("deliver", "chat message")["count"]
    assert done.total("delivery", "received") == done.total("delivery", "expected")
    # those sent while some were still connecting were expected by fewer
    assert 5 * said < received <= 10 * said
    bandwidth: dict[str, Any] = done.report["bandwidth"]
    assert bandwidth["wire_bytes_in"] > bandwidth["payload_bytes_in"] > 0
    assert done.operation("upgrade", "websocket")["count"] == 10
    notes = [note.text for note in done.run.notes]
    assert any("python-socketio's client" in note for note in notes)
    assert done.run.header.target.transport == "upgrade (reference client)"
    assert "internal_error" not in done.stderr

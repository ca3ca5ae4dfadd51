"""When users come back by themselves, against the same servers as the official client."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.integration.servers.node import node_server

pytestmark = [pytest.mark.slow, pytest.mark.node]

USERS = 10
AT_ONCE = ("--users", str(USERS), "--spawn-rate", "100")


@pytest.mark.quiet
def test_a_middleware_that_refuses_half_of_the_users_is_asked_once_by_each(
    loadtest: Callable[..., Any],
) -> None:
    with node_server(allow=1 + USERS // 2) as server:  # the preflight is one
        done = loadtest(server.url, "--scenario", "echo", *AT_ONCE, "--run-time", "5s")
        assert len(server.seen("refused")) == USERS // 2
    assert done.classes("failed") == {"connect_error": USERS // 2}
    assert done.classes("stayed_away") == {"connect_error": USERS // 2}
    said = " ".join(done.report["remarks"])
    assert f"{USERS // 2} users were refused by a namespace and stayed away" in said
    assert 'the room is full {"code":"FULL"}' in said
    assert done.report["verdict"] == "failed", "half of the connects failed"
    assert done.report["doubts"] == [], "nothing was due of those who stayed away"


BY_HAND = """
from siotool.swarm.user import SocketIOUser, task

class Stubborn(SocketIOUser):
    reconnection_delay = 0.01
    reasons = []

    def on_disconnected(self, reason):
        self.reasons.append(reason)
        self.check(reason == "server_disconnect", "the reason is the server's")
        self.reconnect()

    @task
    def hold_on(self):
        self.hold()
"""


def test_a_scenario_reconnects_by_hand_after_the_server_disconnected_it(
    tmp_path: Path, start: Callable[..., Any]
) -> None:
    scenario = tmp_path / "stubborn.py"
    scenario.write_text(BY_HAND)
    with node_server() as server:
        test = start(server.url, "--scenario", scenario, *AT_ONCE, "--run-time", "5s")
        test.reached(2)
        assert server.tell("kick", close=True)["kicked"] == USERS
        server.wait_for("connect", nth=1 + 2 * USERS)
        done = test.finish()
    assert done.operation("reconnect", "/")["count"] == USERS
    assert done.classes("stayed_away") == {}
    assert done.operation("custom", "the reason is the server's")["count"] == USERS


@pytest.mark.parametrize(
    ("options", "tries", "kind"),
    [
        pytest.param(["--no-reconnection"], 0, "no_reconnection", id="none"),
        pytest.param(
            ["--reconnection-attempts", "2", "--reconnection-delay", "50ms"], 2, "gave_up", id="two tries"
        ),
    ],
)
def test_users_that_may_not_try_any_more_stay_away(
    options: list[str], tries: int, kind: str, start: Callable[..., Any]
) -> None:
    with node_server() as server:
        test = start(server.url, "--scenario", "echo", *AT_ONCE, "--run-time", "5s", *options)
        test.reached(2)
        server.kill()
        done = test.finish()
    failed = done.classes("failed")
    assert failed == ({"refused": tries * USERS} if tries else {})
    assert done.classes("stayed_away") == {kind: USERS}

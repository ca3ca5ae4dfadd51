"""Outages of real servers as the report has them, beside the official client's."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.integration.servers.node import node, node_server
from tests.integration.servers.process import PROGRAMS

pytestmark = [pytest.mark.slow, pytest.mark.node]

USERS = 40


def test_a_restart_is_over_as_soon_as_for_the_official_client(start: Callable[..., Any]) -> None:
    with node_server(quiet=True) as server:
        port = server.port
        test = start(server.url, "--scenario", "idle", "-u", USERS, "-r", 100, "--run-time", "22s")
        test.reached(2)
        official = subprocess.Popen(
            [node(), PROGRAMS / "return.mjs", server.url, str(USERS)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        with official:
            assert official.stdout is not None
            assert json.loads(official.stdout.readline())["connected"] == USERS
            server.kill()
            test.reached(len(test.run.intervals) + 3)
            with node_server(port=port, quiet=True):
                theirs = json.loads(official.stdout.readline())
                done = test.finish()
    (outage,) = done.report["outages"]
    assert (outage["lost"], outage["back"], outage["recovered"]) == (USERS, USERS, 0)
    # the waits are random: half of each are back within a second or two of the other
    assert outage["back_p50_s"] == pytest.approx(theirs["p50_s"], abs=2)
    assert outage["back_all_s"] == pytest.approx(theirs["all_s"], abs=3)
    assert outage["attempts"] == pytest.approx(theirs["attempts"], rel=0.25)
    assert done.report["away"]["max_s"] == outage["back_all_s"]


ALL_TALK = """
from siotool.swarm.user import SocketIOUser, knob, task

class Talker(SocketIOUser):
    rate: float = knob(5.0, "messages per second")
    reconnection_delay = 0.5

    @task
    def say(self):
        self.publish("chat message")
"""


@pytest.mark.parametrize("recovery", [True, False])
def test_what_was_sent_while_users_were_away_is_replayed_or_missed_and_never_lost(
    recovery: bool, tmp_path: Path, start: Callable[..., Any]
) -> None:
    """Half of the users lose their connection at once; the others go on talking."""
    scenario = tmp_path / "talk.py"
    scenario.write_text(ALL_TALK)
    options = {"connectionStateRecovery": {}} if recovery else {}
    with node_server(quiet=True, **options) as server:
        test = start(server.url, "--scenario", scenario, "-u", 10, "-r", 100, "--run-time", "9s")
        test.reached(3)
        server.tell("drop", share=0.5)
        done = test.finish()
    delivery, (outage,) = done.report["delivery"], done.report["outages"]
    assert outage["lost"] == outage["back"] > 0
    assert delivery["duplicate"] == delivery["misdelivered"] == 0
    # what was on its way to the server when it cut the connection was never broadcast
    assert delivery["lost"] <= 0.03 * delivery["expected"]
    if recovery:
        assert outage["recovered"] == outage["back"]
        assert outage["replayed"] == delivery["replayed"] > 0
        assert delivery["missed_while_away"] == 0
    else:
        assert outage["recovered"] == outage["replayed"] == 0
        assert outage["missed"] == delivery["missed_while_away"] > 0

"""Outages of real servers as the report has them, beside the official client's."""

import asyncio
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.integration.lone_client import LoneClient
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


DROPPED_LISTENERS = """
import gevent
from siotool.swarm.user import SocketIOUser, knob, task

class Talker(SocketIOUser):
    rate: float = knob(5.0, "messages per second")
    reconnection_delay = 0.5

    def on_start(self):
        if self.number % 2:
            gevent.spawn_later(3, self.drop, "reset")
        super().on_start()

    @task
    def say(self):
        if self.number % 2 == 0:
            self.publish("chat message")
"""


@pytest.mark.parametrize("recovery", [True, False])
def test_what_was_sent_while_users_were_away_is_replayed_or_missed_and_never_lost(
    recovery: bool, tmp_path: Path, loadtest: Callable[..., Any]
) -> None:
    """Half of the users lose their connection at once; the others go on talking."""
    scenario = tmp_path / "talk.py"
    scenario.write_text(DROPPED_LISTENERS)
    options = {"connectionStateRecovery": {}} if recovery else {}
    with node_server(**options) as server:
        done = loadtest(server.url, "--scenario", scenario, "-u", 10, "-r", 100, "--run-time", "8s")
        connects = server.seen("connect", recovered=True)
    delivery, (outage,) = done.report["delivery"], done.report["outages"]
    assert (outage["lost"], outage["back"], outage["reasons"]) == (5, 5, {"dropped": 5})
    assert delivery["duplicate"] == delivery["misdelivered"] == delivery["late"] == 0
    assert len(connects) == outage["recovered"] == (5 if recovery else 0)
    if recovery:
        assert outage["replayed"] == delivery["replayed"] > 0
        assert delivery["lost"] == delivery["missed_while_away"] == outage["missed"] == 0
    else:
        assert outage["replayed"] == delivery["replayed"] == 0
        assert outage["missed"] == delivery["missed_while_away"] > 0
        assert delivery["lost"] <= 5 * 5, "what was under way when a connection was reset"


@pytest.mark.parametrize(
    ("how", "seen", "booked"),
    [
        ("close", {"transport close"}, "dropped"),
        # ws keeps a reset to itself; Engine.IO tells it where a ping was being written just then
        ("reset", {"transport close", "transport error"}, "dropped"),
        ("silence", {"ping timeout"}, "ping_timeout"),
    ],
)
def test_a_storm_is_to_the_server_what_it_says(
    how: str, seen: set[str], booked: str, loadtest: Callable[..., Any]
) -> None:
    with node_server(pingInterval=500, pingTimeout=700) as server:
        done = loadtest(
            *(server.url, "--scenario", "storm", "--set", f"how={how}", "--set", "when=5"),
            *("--processes", "2", "--transport", "websocket", "-u", 20, "-r", 100, "--run-time", "11s"),
        )
        dropped = [line for line in server.seen("disconnect") if line["reason"] in seen]
        joined = len(server.seen("connect"))
    (outage,) = done.report["outages"]
    assert outage["reasons"] == {booked: len(dropped)}
    assert (outage["lost"], outage["back"]) == (len(dropped), len(dropped))
    assert len(dropped) == pytest.approx(10, abs=1), "half of the users, on both workers"
    assert joined == 1 + 20 + len(dropped), "the preflight, and everybody once more that was dropped"
    assert 4 <= outage["t_s"] <= (5 if how != "silence" else 8)
    assert done.classes("closed") == {booked: len(dropped)}


def test_slow_readers_get_everything_late_and_the_server_keeps_it_for_them(
    loadtest: Callable[..., Any],
) -> None:
    settings = ("rate=1", "size=5000", "read_rate=30kB", "share=0.5")
    with node_server(quiet=True) as server:
        done = loadtest(
            *(server.url, "--scenario", "slow", *(word for text in settings for word in ("--set", text))),
            *("--transport", "websocket", "-u", 8, "-r", 100, "--run-time", "6s"),
        )
    delivery = done.report["delivery"]
    assert delivery["lost"] == delivery["late"] == 0
    row = done.operation("deliver", "chat message")
    # 8 messages of 5 kB a second at 30 kB/s: after 6 s the slow half is about 2 s behind
    assert row["p99_s"] > 1
    assert row["p99_s"] > 5 * row["p50_s"]
    assert done.classes("closed") == {}


@pytest.mark.parametrize(("how", "reset"), [("close", False), ("reset", True)])
def test_a_reset_is_a_tcp_reset_and_a_close_is_none(how: Any, reset: bool) -> None:
    ends: list[str] = []

    async def main(port: int) -> None:
        async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            server_reader, server_writer = await asyncio.open_connection("127.0.0.1", port)

            async def back() -> None:
                while data := await server_reader.read(65536):
                    writer.write(data)

            answers = asyncio.create_task(back())
            try:
                while data := await reader.read(65536):
                    server_writer.write(data)
                ends.append("closed")
            except ConnectionResetError:
                ends.append("reset")
            answers.cancel()
            server_writer.close()
            writer.close()

        async with await asyncio.start_server(relay, "127.0.0.1", 0) as relaying:
            client = LoneClient(f"http://127.0.0.1:{relaying.sockets[0].getsockname()[1]}")
            assert await client.connect() is None
            assert await client.call("echo", 1) == [1]
            client.connection.drop(how)
            await client.witness.until("ended", "dropped")
            async with asyncio.timeout(10):
                while not ends:
                    await asyncio.sleep(0.01)

    with node_server() as server:
        asyncio.run(main(server.port))
    assert ends == ["reset" if reset else "closed"]

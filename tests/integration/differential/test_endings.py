"""How connections end, what is lost with them, and how they come back."""

import asyncio
import signal
from random import Random
from typing import Any

import pytest

from siotool.client.choices import ClientName, TransportName
from siotool.protocol.backoff import Backoff, delay_s
from tests.integration.differential.peers import How, Official, OfficialPeer, OurPeer, Peer, settle, settled
from tests.integration.servers.node import node_server

pytestmark = [pytest.mark.slow, pytest.mark.node]

#: What the official client calls it, and what ours does.
REASONS = {
    "io server disconnect": "server_disconnect",
    "transport close": "transport_close",
    "transport error": "transport_close",
    "ping timeout": "ping_timeout",
    "parse error": "protocol_error",
}
CLIENTS: list[ClientName] = ["native", "reference"]


async def end_of(peer: Peer) -> str:
    """Why the connection ended, in our words."""
    if isinstance(peer, OfficialPeer):
        return REASONS[(await peer.until("disconnect"))[2]]
    return str((await peer.until("ended"))[1])


def peers(official: Official, url: str, how: How) -> list[tuple[str, Peer]]:
    ours: list[tuple[str, Peer]] = [(client, OurPeer(client, url, how)) for client in CLIENTS]
    return [("official", OfficialPeer(official, url, how)), *ours]


@pytest.mark.parametrize("transport", ["websocket", "polling"])
def test_a_server_ends_a_connection_and_all_say_why(official: Official, transport: TransportName) -> None:
    async def ended(peer: Peer, how: str) -> str:
        await peer.open()
        if how.startswith("kick"):
            await peer.burst([("/", how, [], False)])
        else:
            await asyncio.to_thread(server.tell, "drop", reset=how == "reset")
        reason = await end_of(peer)
        await peer.close()
        return reason

    with node_server("4") as server:
        how = How(transport=transport)
        for event, expected in [
            ("kick", {"server_disconnect"}),
            ("kick transport", {"transport_close"}),
            # a poll that ended without an answer is sent again, as browsers do
            ("drop", {"transport_close", "session_unknown"}),
            ("reset", {"transport_close", "reset", "session_unknown"}),
        ]:
            for name, peer in peers(official, server.url, how):
                assert asyncio.run(ended(peer, event)) in expected, (name, event)


def test_one_namespace_of_two_is_closed_and_the_other_goes_on(official: Official) -> None:
    async def talk(peer: Peer) -> Any:
        await peer.open()
        await peer.burst([("/chat", "kick", [], False)])
        if isinstance(peer, OfficialPeer):
            assert (await peer.until("disconnect", "/chat"))[2] == "io server disconnect"
        else:
            await peer.until("left", "/chat")
        answer = await peer.burst([("/", "echo", ["still here"], True)])
        await peer.close()
        return answer

    with node_server("4") as server:
        for name, peer in peers(official, server.url, How(namespaces=("/", "/chat"))):
            assert asyncio.run(talk(peer)) == [["still here"]], name


@pytest.mark.parametrize("transport", ["websocket", "polling"])
def test_a_server_that_stands_still_is_a_ping_timeout(official: Official, transport: TransportName) -> None:
    async def ended(peer: Peer) -> str:
        await peer.open()
        await asyncio.to_thread(server.process.send_signal, signal.SIGSTOP)
        try:
            return await end_of(peer)
        finally:
            server.process.send_signal(signal.SIGCONT)
            await peer.close()

    with node_server("4", pingInterval=300, pingTimeout=400) as server:
        for name, peer in peers(official, server.url, How(transport=transport)):
            assert asyncio.run(ended(peer)) == "ping_timeout", name


def test_heartbeats_keep_an_idle_connection_open(official: Official) -> None:
    async def stay(peer: Peer) -> Any:
        await peer.open()
        answers = []
        for _ in range(3):
            await asyncio.sleep(0.6)  # longer than interval and timeout together
            answers += await peer.burst([("/", "echo", [], True)])
        await peer.close()
        return answers

    async def stay_together() -> list[Any]:
        found = [peer for transport in ("websocket", "polling") for _, peer in idle(transport)]
        return await asyncio.gather(*map(stay, found))

    def idle(transport: Any) -> list[tuple[str, Peer]]:
        return peers(official, server.url, How(transport=transport))

    with node_server("4", pingInterval=200, pingTimeout=300) as server:
        assert asyncio.run(stay_together()) == [[[], [], []]] * 6
        assert not server.seen("disconnect", reason="ping timeout")


@pytest.mark.parametrize("transport", ["websocket", "polling"])
def test_the_largest_message_a_server_takes_is_the_same(official: Official, transport: TransportName) -> None:
    """One byte less and one more than ``maxHttpBufferSize``."""

    async def passes(peer: Peer, length: int) -> bool:
        await peer.open()
        frame = len('42["chat message",""]')
        await peer.burst([("/", "chat message", ["x" * (length - frame)], False)])
        await peer.until_one_of(("event", "/", "chat message"), ("disconnect",), ("ended",))
        heard = peer.events()
        await peer.close()
        return heard != []

    with node_server("4", maxHttpBufferSize=2000, pingInterval=300) as server:
        for length in (1999, 2000, 2001):
            found = {
                name: asyncio.run(passes(peer, length))
                for name, peer in peers(official, server.url, How(transport=transport))
            }
            assert set(found.values()) == {length <= 2000}, (length, found)


@pytest.mark.parametrize("version", ["4", "2"])
def test_acknowledgements_go_both_ways_while_events_fly(official: Official, version: Any) -> None:
    """Calls, events and the server's own questions in one tick; answers of every shape."""
    answers: list[list[Any]] = [
        [],
        [None],
        [1, "é", {"a": [b"\x00"]}],
        [[]],
        [b"", b"x" * 70_000],
        ["\ud800"],
    ]

    async def talk(peer: Peer) -> Any:
        await peer.open()
        sent: list[Any] = []
        for number in range(40):
            sent += [("/", "chat message", [number], False), ("/", "echo", [number], True)]
        sent.append(("/", "ask me", ["who?", b"\x01"], True))
        found = await peer.burst(sent)
        await peer.until("event", "/", "chat message", [39])
        events = [event for event in peer.events() if event[2] == "chat message"]
        await peer.close()
        return settled(found), settled(events)

    with node_server(version) as server:
        for answer in answers:
            how = How(version=version, answers={"whoami": answer})
            found = {
                name: asyncio.run(talk(peer))
                for name, peer in peers(official, server.url, how)
                if version == "4" or name != "reference"
            }
            for name, (told, events) in found.items():
                assert told[-1] == settled(answer), name
                assert (told, events) == found["official"], name
        settle(server)
        said = [settled(line["args"]) for line in server.seen("answer")]
        clients = len(said) // len(answers)
        assert said == [settled(answer) for answer in answers for _ in range(clients)]


def test_state_is_recovered_with_what_was_missed(official: Official) -> None:
    """The server is shown the same, and replays the same."""

    def news(number: int) -> None:
        server.tell("emit", event="news", args=[number, {"n": number}])

    async def official_story() -> Any:
        peer = OfficialPeer(official, server.url, How(), reconnection=True, reconnectionDelay=300)
        await peer.open()
        await asyncio.to_thread(news, 1)
        await peer.until("event", "/", "news")
        await asyncio.to_thread(server.tell, "drop")
        await peer.until("disconnect")
        for number in (2, 3):
            await asyncio.to_thread(news, number)
        await peer.until("recovered", "/")
        await asyncio.to_thread(news, 4)
        await peer.until_nth(4, "event", "/", "news")
        await peer.close()
        return heard(peer)

    async def our_story() -> Any:
        peer = OurPeer("native", server.url, How())
        await peer.open()
        await asyncio.to_thread(news, 1)
        await peer.until("event", "/", "news")
        await asyncio.to_thread(server.tell, "drop")
        await peer.until("ended")
        for number in (2, 3):
            await asyncio.to_thread(news, number)
        assert await peer.one.connect_again() is None
        await peer.until("joined", True)
        await asyncio.to_thread(news, 4)
        await peer.until_nth(4, "event", "/", "news")
        await peer.close()
        return heard(peer)

    def heard(peer: Peer) -> Any:
        """But for the offset, which is the last argument."""
        return [settled(entry[3][:-1]) for entry in peer.events()]

    def shown(line: dict[str, Any]) -> Any:
        return line["recovered"], sorted(line["auth"] or {})

    with node_server("4", connectionStateRecovery={}) as server:
        expected = asyncio.run(official_story())
        assert len(expected) == 4
        assert asyncio.run(our_story()) == expected
        first, again, ours, ours_again = map(shown, server.seen("connect"))
        assert (first[0], again[0]) == (False, True)
        assert (ours, ours_again) == (first, again)


def test_the_waits_before_a_reconnect_are_the_official_clients(official: Official) -> None:
    """The official Manager's own arithmetic, fed with the same random numbers."""
    random = Random(7)
    for _ in range(20):
        delay, most = random.choice((1, 10, 333, 1000)), random.choice((50, 5000, 30_000))
        jitter = random.choice((0, 0.1, 0.5, 1))
        chances = [random.random() for _ in range(12)]
        options = {"reconnectionDelay": delay, "reconnectionDelayMax": most, "randomizationFactor": jitter}
        waits = asyncio.run(official.tell("waits", options=options, chances=chances))["waits"]
        backoff = Backoff(delay_s=delay / 1000, delay_max_s=most / 1000, jitter=jitter)
        ours = [delay_s(failures, chance, backoff) * 1000 for failures, chance in enumerate(chances)]
        assert ours == pytest.approx(waits), options


def test_a_call_that_is_under_way_when_the_connection_ends_fails(official: Official) -> None:
    """The official client never answers it; ours says why there is none."""

    async def call(client: ClientName) -> Any:
        peer = OurPeer(client, server.url, How())
        await peer.open()
        answers = await peer.burst([("/", "nobody handles this", [], True), ("/", "kick", [], False)])
        await peer.close()
        return answers

    with node_server("4") as server:
        assert [asyncio.run(call(client)) for client in CLIENTS] == [["server_disconnect"]] * 2

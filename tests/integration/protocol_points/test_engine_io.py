"""Points of the Engine.IO protocol document (revision 4), one test each.

They hold for the embedded target and for the official server. A test says what the document
says; where it leaves a choice, both must choose the same.
"""

import asyncio
import json
from typing import Any

import aiohttp
import pytest

from tests.integration.servers.raw import PATIENCE_S, SEPARATOR, Polling, Wire, joined, polling

pytestmark = [pytest.mark.slow, pytest.mark.node]

#: By the official server's codes.
REFUSALS = [
    "Transport unknown",
    "Session ID unknown",
    "Bad handshake method",
    "Bad request",
    "Forbidden",
    "Unsupported protocol version",
]


# ── Engine.IO: handshake ──────────────────────────────────────────────────────────────


def check_handshake(handshake: dict[str, Any], upgrades: list[str]) -> None:
    assert set(handshake) == {"sid", "upgrades", "pingInterval", "pingTimeout", "maxPayload"}
    assert len(handshake["sid"]) >= 20
    assert handshake["upgrades"] == upgrades
    figures = [handshake[name] for name in ("pingInterval", "pingTimeout", "maxPayload")]
    assert figures == [25_000, 20_000, 1_000_000]


def test_polling_opens_with_a_session_and_offers_the_upgrade(talk: Any) -> None:
    async def go(wire: Wire) -> None:
        check_handshake((await wire.open_polling()).handshake, ["websocket"])

    talk(go)


def test_websocket_opens_with_a_session_and_offers_no_upgrade(talk: Any) -> None:
    async def go(wire: Wire) -> None:
        check_handshake((await wire.open_websocket()).handshake, [])

    talk(go)


@pytest.mark.parametrize(
    ("method", "query", "code"),
    [
        pytest.param("GET", {"transport": "polling"}, 5, id="no version"),
        pytest.param("GET", {"EIO": "abc", "transport": "polling"}, 5, id="no such version"),
        pytest.param("GET", {"EIO": "4"}, 0, id="no transport"),
        pytest.param("GET", {"EIO": "4", "transport": "abc"}, 0, id="no such transport"),
        pytest.param("GET", {"EIO": "4", "transport": "websocket"}, 3, id="websocket without upgrade"),
        pytest.param("POST", {"EIO": "4", "transport": "polling"}, 2, id="handshake by POST"),
        pytest.param("PUT", {"EIO": "4", "transport": "polling"}, 2, id="handshake by PUT"),
        pytest.param("GET", {"EIO": "4", "transport": "polling", "sid": "abc"}, 1, id="poll of no session"),
        pytest.param("POST", {"EIO": "4", "transport": "polling", "sid": "abc"}, 1, id="post to no session"),
    ],
)
def test_a_request_out_of_order_is_a_bad_request_and_says_why(
    talk: Any, method: str, query: dict[str, str], code: int
) -> None:
    async def go(wire: Wire) -> None:
        status, body = await wire.request(method, None if method == "GET" else "40", **query)
        assert (status, json.loads(body)) == (400, {"code": code, "message": REFUSALS[code]})

    talk(go)


@pytest.mark.parametrize(
    "query",
    [
        pytest.param({"transport": "websocket"}, id="no version"),
        pytest.param({"EIO": "abc", "transport": "websocket"}, id="no such version"),
        pytest.param({"EIO": "4"}, id="no transport"),
        pytest.param({"EIO": "4", "transport": "abc"}, id="no such transport"),
        pytest.param({"EIO": "4", "transport": "websocket", "sid": "abc"}, id="no such session"),
    ],
)
def test_a_websocket_out_of_order_is_refused_or_closed_at_once(talk: Any, query: dict[str, str]) -> None:
    async def go(wire: Wire) -> None:
        try:
            socket = await wire.websocket(**query)
        except aiohttp.WSServerHandshakeError as error:
            assert error.status == 400
        else:
            assert await socket.receive() is None

    talk(go)


# ── Engine.IO: long polling ───────────────────────────────────────────────────────────


def test_a_payload_carries_several_packets_both_ways(talk: Any) -> None:
    async def go(wire: Wire) -> None:
        session = await polling(wire)
        # a client's own limit is maxPayload, not a number of packets
        await session.post(*(f'42{number}["echo",{number}]' for number in range(100)))
        assert await session.receive(100) == [f"43{number}[{number}]" for number in range(100)]

    talk(go)


def test_a_poll_waits_until_there_is_something(talk: Any) -> None:
    async def go(wire: Wire) -> None:
        session = await polling(wire)
        async with session.open_poll() as packets:
            await session.post('421["echo"]')
            assert await packets() == ["431[]"]

    talk(go)


def test_bytes_travel_as_base64_with_the_prefix_b(talk: Any) -> None:
    async def go(wire: Wire) -> None:
        session = await polling(wire)
        await session.post('451-7["echo",{"_placeholder":true,"num":0}]', "bAQIDBA==")
        answer = ['461-7[{"_placeholder":true,"num":0}]', "bAQIDBA=="]
        assert await session.receive(2) == answer

    talk(go)


@pytest.mark.parametrize("text", ["héllo", "世界 🎉", "a\u2028b"])
def test_text_travels_as_utf_8(talk: Any, text: str) -> None:
    async def go(wire: Wire) -> None:
        session = await polling(wire)
        await session.post(f'420["echo","{text}"]')
        (answer,) = await session.receive()
        assert json.loads(answer.removeprefix("430")) == [text]

    talk(go)


@pytest.mark.parametrize("body", ["abc", "", "9", "4hello" + SEPARATOR + "abc"])
def test_a_body_that_is_no_payload_ends_the_session(talk: Any, body: str) -> None:
    async def go(wire: Wire) -> None:
        session = await wire.open_polling()
        await wire.request("POST", body, **session.query)
        assert await session.ended()

    talk(go)


def test_a_second_poll_at_a_time_ends_the_session(talk: Any) -> None:
    async def go(wire: Wire) -> None:
        session = await wire.open_polling()
        async with session.open_poll() as packets:
            status, _ = await wire.request(**session.query)
            assert status == 400
            assert await packets() in (["1"], ["6"])
            assert await session.ended()

    talk(go)


def test_a_second_post_at_a_time_ends_the_session(talk: Any) -> None:
    async def go(wire: Wire) -> None:
        session = await wire.open_polling()
        async with wire.begun("POST", b"4" * 4, size=5, **session.query):
            status, _ = await wire.request("POST", "40", **session.query)
            assert status == 400
            assert await session.ended()

    talk(go)


def test_a_client_that_cuts_its_poll_has_left(talk: Any) -> None:
    async def go(wire: Wire) -> None:
        session = await polling(wire)
        async with session.open_poll():
            pass
        async with asyncio.timeout(PATIENCE_S):
            while (await wire.request("POST", "3", **session.query))[0] == 200:
                pass
        assert await session.ended()

    talk(go)


def test_a_session_that_the_server_closes_between_two_polls_says_so_at_the_next(talk: Any) -> None:
    async def go(wire: Wire) -> None:
        session = await polling(wire)
        await session.post("4abc")
        assert "1" in await session.get()
        assert await session.ended()

    talk(go)


def test_a_body_beyond_max_payload_is_refused(talk: Any) -> None:
    async def go(wire: Wire) -> None:
        empty = '420["echo",""]'
        most = empty.replace('""', f'"{"x" * (1_000_000 - len(empty))}"')
        assert len(most) == 1_000_000
        session = await polling(wire)
        await session.post(most)
        status, _ = await wire.request("POST", most + " ", **session.query)
        assert status == 413

    talk(go)


# ── Engine.IO: WebSocket ──────────────────────────────────────────────────────────────


def test_each_packet_has_its_own_frame(talk: Any) -> None:
    async def go(wire: Wire) -> None:
        socket = await joined(wire)
        await socket.send('451-7["echo",{"_placeholder":true,"num":0}]', b"\x01\x02")
        assert await socket.receive() == '461-7[{"_placeholder":true,"num":0}]'
        assert await socket.receive() == b"\x01\x02"

    talk(go)


@pytest.mark.parametrize("packet", ["abc", "9", ""])
def test_a_frame_that_is_no_packet_closes_the_connection(talk: Any, packet: str) -> None:
    async def go(wire: Wire) -> None:
        socket = await joined(wire)
        await socket.send(packet)
        assert await socket.closed()

    talk(go)


def test_compression_is_not_agreed_to(talk: Any) -> None:
    """The protocol leaves it open; servers compress only where they are told to."""

    async def go(wire: Wire) -> None:
        assert not (await wire.open_websocket()).compressed

    talk(go)


def test_a_frame_beyond_max_payload_closes_the_connection(talk: Any) -> None:
    async def go(wire: Wire) -> None:
        socket = await joined(wire)
        await socket.send('42["echo","' + "x" * 1_000_000 + '"]')
        assert await socket.closed()

    talk(go)


# ── Engine.IO: heartbeat ──────────────────────────────────────────────────────────────


def test_a_server_pings_and_takes_a_pong_over_websocket(quick_talk: Any) -> None:
    async def go(wire: Wire) -> None:
        socket = await joined(wire)
        assert socket.handshake["pingInterval"] == 300
        for _ in range(5):
            await socket.receive_ping()
            await socket.send("3")
        await socket.send('421["echo"]')
        assert await socket.receive() == "431[]"

    quick_talk(go)


def test_a_server_pings_and_takes_a_pong_over_polling(quick_talk: Any) -> None:
    async def go(wire: Wire) -> None:
        session = await polling(wire)
        for _ in range(5):
            assert await session.get() == ["2"]
            await session.post("3")
        await session.post('421["echo"]')
        assert await session.receive() == ["431[]"]

    quick_talk(go)


def test_a_client_that_does_not_answer_a_ping_is_closed(quick_talk: Any) -> None:
    async def go(wire: Wire) -> None:
        session, socket = await polling(wire), await joined(wire)
        assert await session.get() == ["2"]
        assert await socket.closed(pong=False)
        # each was asked at about the same time; a poll sees it at once or by what it is told
        assert await session.ended()

    quick_talk(go)


def test_a_client_that_sends_a_ping_is_closed(talk: Any) -> None:
    """The direction changed with revision 4: the server pings."""

    async def go(wire: Wire) -> None:
        socket = await joined(wire)
        await socket.send("2")
        assert await socket.closed()

    talk(go)


def test_a_client_that_joins_no_namespace_is_closed_in_the_end(quick_talk: Any) -> None:
    async def go(wire: Wire) -> None:
        socket = await wire.open_websocket()
        assert await socket.closed()

    quick_talk(go)


# ── Engine.IO: close ──────────────────────────────────────────────────────────────────


def test_a_close_packet_ends_a_session_over_polling_and_its_open_poll(talk: Any) -> None:
    async def go(wire: Wire) -> None:
        session = await wire.open_polling()
        async with session.open_poll() as packets:
            # what comes after it in the payload is not heeded
            await session.post("1", '420["echo"]', "40/nowhere,")
            assert await packets() in (["6"], ["1"])
        assert await session.ended()
        other = await polling(wire)
        await other.post("1")
        status, _ = await wire.request("POST", "3", **other.query)
        assert status == 400

    talk(go)


# ── Engine.IO: upgrade ────────────────────────────────────────────────────────────────


def test_the_upgrade_releases_the_poll_and_moves_the_session(talk: Any) -> None:
    async def go(wire: Wire) -> None:
        session = await polling(wire)
        async with session.open_poll() as packets:
            socket = await session.probe()
            await socket.send("2probe")
            assert await socket.receive() == "3probe"
            assert await packets() == ["6"]
        await socket.send("5")
        await socket.send('421["echo","moved"]')
        assert await socket.receive() == '431["moved"]'
        assert await session.ended()
        # polls that came too late did no harm
        await socket.send('422["echo"]')
        assert await socket.receive() == "432[]"

    talk(go)


def test_what_is_sent_during_the_upgrade_comes_once_and_over_either_transport(talk: Any) -> None:
    async def go(wire: Wire) -> None:
        session = await polling(wire)
        socket = await session.probe()
        await socket.send("2probe")
        assert await socket.receive() == "3probe"
        assert await session.get() == ["6"]
        await session.post('421["echo","between"]')
        await socket.send("5", '422["echo","after"]')
        assert [await socket.receive() for _ in range(2)] == ['431["between"]', '432["after"]']

    talk(go)


def test_an_upgrade_that_is_given_up_leaves_the_session_on_polling(talk: Any) -> None:
    async def go(wire: Wire) -> None:
        session = await polling(wire)
        socket = await session.probe()
        await socket.send("2probe")
        assert await socket.receive() == "3probe"
        await socket.close()
        await session.post('421["echo","still here"]')
        assert await session.receive() == ['431["still here"]']

    talk(go)


async def refused(session: Polling) -> None:
    """Open a WebSocket for a session that has one: it is refused, or closed at once."""
    try:
        second = await session.probe()
    except aiohttp.WSServerHandshakeError as error:
        assert error.status == 400
    else:
        assert await second.closed()


def test_a_second_websocket_of_a_session_is_closed(talk: Any) -> None:
    async def go(wire: Wire) -> None:
        session = await wire.open_polling()
        first = await session.probe()
        await first.send("2probe")
        assert await first.receive() == "3probe"
        await refused(session)
        await first.send("5", "40")
        assert (await first.receive()).startswith("40")
        await refused(session)
        await first.send('421["echo"]')
        assert await first.receive() == "431[]"

    talk(go)

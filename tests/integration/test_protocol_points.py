"""Points of the Engine.IO (revision 4) and Socket.IO (revision 5) protocol documents, one test each.

They hold for the embedded target and for the official server. A test says what the document
says; where it leaves a choice, both must choose the same.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlencode, urlsplit

import aiohttp
import pytest

from siotool.target.process import TargetProcess
from tests.integration.servers.node import node_server
from tests.integration.servers.raw import SEPARATOR, Polling, WebSocket, Wire, run

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


async def joined(wire: Wire, namespace: str = "/") -> WebSocket:
    """A WebSocket that has joined a namespace."""
    socket = await wire.open_websocket()
    await join(socket, namespace)
    return socket


async def polling(wire: Wire) -> Polling:
    """A session over long polling that has joined the main namespace."""
    session = await wire.open_polling()
    await session.post("40")
    assert (await session.receive())[0].startswith('40{"sid":"')
    return session


async def join(socket: WebSocket, namespace: str = "/") -> str:
    """Join a namespace; returns the sid there."""
    prefix = "40" if namespace == "/" else f"40{namespace},"
    await socket.send(prefix)
    answer = await socket.receive()
    assert answer.startswith(prefix), answer
    data = json.loads(answer.removeprefix(prefix))
    assert list(data) == ["sid"]
    return str(data["sid"])


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
        poll = await session.begin_get()
        await session.post('421["echo"]')
        assert await poll == ["431[]"]

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
        poll = await session.begin_get()
        status, _ = await wire.request(**session.query)
        assert status == 400
        assert await poll in (["1"], ["6"])
        assert await session.ended()

    talk(go)


def test_a_second_post_at_a_time_ends_the_session(talk: Any) -> None:
    async def go(wire: Wire) -> None:
        session = await wire.open_polling()
        async with half_a_post(session, size=5):
            status, _ = await wire.request("POST", "40", **session.query)
            assert status == 400
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
        poll = await session.begin_get()
        # what comes after it in the payload is not heeded
        await session.post("1", '420["echo"]', "40/nowhere,")
        assert await poll in (["6"], ["1"])
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
        poll = await session.begin_get()
        socket = await session.probe()
        await socket.send("2probe")
        assert await socket.receive() == "3probe"
        assert await poll == ["6"]
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


# ── Socket.IO: namespaces ─────────────────────────────────────────────────────────────


def test_a_client_joins_the_main_namespace_and_others_over_one_connection(talk: Any) -> None:
    async def go(wire: Wire) -> None:
        socket = await wire.open_websocket()
        main = await join(socket)
        chat = await join(socket, "/chat")
        assert len({socket.handshake["sid"], main, chat}) == 3, "no sid is told to who need not know it"
        await socket.send('42/chat,5["echo","there"]', '425["echo","here"]')
        answers = {await socket.receive() for _ in range(2)}
        assert answers == {'43/chat,5["there"]', '435["here"]'}

    talk(go)


def test_a_client_may_join_another_namespace_only_and_show_a_payload(talk: Any) -> None:
    async def go(wire: Wire) -> None:
        socket = await wire.open_websocket()
        await socket.send('40/chat,{"token":"123"}')
        assert (await socket.receive()).startswith('40/chat,{"sid":"')
        await socket.send('42/chat,0["echo"]')
        assert await socket.receive() == "43/chat,0[]"

    talk(go)


def test_a_namespace_that_does_not_exist_is_refused_with_a_message(talk: Any) -> None:
    async def go(wire: Wire) -> None:
        socket = await joined(wire)
        await socket.send("40/random,")
        assert await socket.receive() == '44/random,{"message":"Invalid namespace"}'
        await socket.send('421["echo"]')
        assert await socket.receive() == "431[]"

    talk(go)


@pytest.mark.parametrize(
    "packets",
    [['42["echo"]'], ['421["echo"]'], ["41"], ["43[]"], ['451-["echo",{"_placeholder":true,"num":0}]', b"x"]],
)
def test_who_does_not_join_first_is_closed(talk: Any, packets: list[str | bytes]) -> None:
    async def go(wire: Wire) -> None:
        socket = await wire.open_websocket()
        await socket.send(*packets)
        assert await socket.closed()

    talk(go)


def test_a_client_leaves_one_namespace_and_stays_in_the_other(talk: Any) -> None:
    async def go(wire: Wire) -> None:
        socket = await joined(wire)
        await join(socket, "/chat")
        await socket.send("41/chat,", '421["echo"]')
        assert await socket.receive() == "431[]"
        await join(socket, "/chat")

    talk(go)


def test_a_server_may_disconnect_a_client_from_a_namespace(talk: Any) -> None:
    async def go(wire: Wire) -> None:
        socket = await joined(wire, "/chat")
        await join(socket)
        await socket.send('42/chat,["kick"]')
        assert await socket.receive() == "41/chat,"
        await socket.send('421["echo"]')
        assert await socket.receive() == "431[]"

    talk(go)


# ── Socket.IO: events and acknowledgements ────────────────────────────────────────────


def test_an_event_reaches_every_client_of_its_namespace_and_no_other(talk: Any) -> None:
    async def go(wire: Wire) -> None:
        anna, ben, carl = [await joined(wire, name) for name in ("/", "/", "/chat")]
        await anna.send('42["chat message",1,"2",{"3":[4,{"5":true}]},null]')
        for member in (anna, ben):
            assert await member.receive() == '42["chat message",1,"2",{"3":[4,{"5":true}]},null]'
        await carl.send('42/chat,["chat message","there"]')
        assert await carl.receive() == '42/chat,["chat message","there"]'

    talk(go)


def test_bytes_that_are_broadcast_reach_clients_of_either_transport(talk: Any) -> None:
    async def go(wire: Wire) -> None:
        first, socket, last = await polling(wire), await joined(wire), await polling(wire)
        packet = '451-["chat message",{"_placeholder":true,"num":0}]'
        await socket.send(packet, b"\x01\x02\x03\x04")
        for session in (first, last):
            assert await session.receive(2) == [packet, "bAQIDBA=="]
        assert [await socket.receive() for _ in range(2)] == [packet, b"\x01\x02\x03\x04"]

    talk(go)


@pytest.mark.parametrize("number", ["0", "7", "456", "1234567890"])
def test_an_event_with_a_number_is_acknowledged_with_that_number(talk: Any, number: str) -> None:
    async def go(wire: Wire) -> None:
        socket = await joined(wire)
        await socket.send(f'42{number}["echo",1,"2",{{"3":[false]}}]')
        assert await socket.receive() == f'43{number}[1,"2",{{"3":[false]}}]'
        await socket.send(f'42{number}["join","kitchen"]')
        assert await socket.receive() == f"43{number}[]"

    talk(go)


def test_bytes_in_an_event_and_in_its_acknowledgement_are_attachments_in_order(talk: Any) -> None:
    async def go(wire: Wire) -> None:
        socket = await joined(wire, "/chat")
        holes = '{"_placeholder":true,"num":0},{"in":[{"_placeholder":true,"num":1}]}'
        await socket.send(f'452-/chat,13["echo",{holes}]', b"\x01\x02", b"")
        assert await socket.receive() == f"462-/chat,13[{holes}]"
        assert [await socket.receive() for _ in range(2)] == [b"\x01\x02", b""]
        await socket.send(f'452-/chat,["chat message",{holes}]', b"\x03", b"\x04")
        assert await socket.receive() == f'452-/chat,["chat message",{holes}]'
        assert [await socket.receive() for _ in range(2)] == [b"\x03", b"\x04"]

    talk(go)


def test_a_server_may_ask_for_an_acknowledgement(talk: Any) -> None:
    async def go(wire: Wire) -> None:
        socket = await joined(wire)
        await socket.send('4212["ask me","who"]')
        question = await socket.receive()
        number = question.removeprefix("42").removesuffix('["whoami","who"]')
        assert number.isdigit(), question
        await socket.send(f'431{number}["to somebody else"]', f'43{number}["me"]')
        assert await socket.receive() == '4312["me"]'
        await socket.send('4213["ask me","bytes"]')
        number = (await socket.receive()).removeprefix("42").removesuffix('["whoami","bytes"]')
        await socket.send(f'461-{number}[{{"_placeholder":true,"num":0}}]', b"\x07")
        assert await socket.receive() == '461-13[{"_placeholder":true,"num":0}]'
        assert await socket.receive() == b"\x07"

    talk(go)


@pytest.mark.parametrize(
    "packets",
    [
        pytest.param(["4abc"], id="no type"),
        pytest.param(["49"], id="no such type"),
        pytest.param(['42{"0":"echo"}'], id="an event that is an object"),
        pytest.param(['42"echo"'], id="an event that is a text"),
        pytest.param(["42[]"], id="an event without a name"),
        pytest.param(["42[{}]"], id="an event whose name is an object"),
        pytest.param(['42["echo"'], id="JSON that is cut"),
        pytest.param(["42abc"], id="no JSON"),
        pytest.param(['421a["echo"]'], id="a number that is none"),
        pytest.param(["43{}"], id="an acknowledgement that is an object"),
        pytest.param(['42["connect"]'], id="a reserved event"),
        pytest.param(['42/elsewhere,["echo"]'], id="a namespace that was not joined"),
        pytest.param(["44"], id="a refusal from a client"),
        pytest.param(['451-["echo",{"_placeholder":true,"num":0}]', '42["echo"]'], id="text for bytes"),
        pytest.param(['451-["echo",{"_placeholder":true,"num":1}]', b"x"], id="an attachment too high"),
        pytest.param(['45["echo"]'], id="no count of attachments"),
        pytest.param([b"x"], id="an attachment of nothing"),
    ],
)
def test_a_packet_out_of_form_closes_the_connection(talk: Any, packets: list[str | bytes]) -> None:
    async def go(wire: Wire) -> None:
        socket = await joined(wire)
        await socket.send(*packets)
        assert await socket.closed()

    talk(go)


@pytest.mark.parametrize(
    "packet",
    [
        # the official parser looks at a payload only where there is one
        pytest.param("42", id="an event without payload"),
        # the official server heeds a close packet over polling only
        pytest.param("1", id="a close packet over websocket"),
    ],
)
def test_the_embedded_server_closes_where_the_official_one_departs_from_the_document(
    kind: str, talk: Any, packet: str
) -> None:
    async def go(wire: Wire) -> None:
        socket = await joined(wire)
        await socket.send(packet, '421["echo"]')
        assert await socket.receive() == (None if kind == "embedded" else "431[]")

    talk(go)


@asynccontextmanager
async def half_a_post(session: Polling, size: int) -> AsyncIterator[None]:
    """A POST whose last byte is not sent as long as the block lasts, over a connection that is in use."""
    where = urlsplit(session.wire.address)
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    head = f"{where.path}?{urlencode(session.query)} HTTP/1.1\r\nHost: x\r\n"
    writer.write(f"OPTIONS {head}\r\n".encode())
    await reader.readuntil(b"\r\n\r\n")
    writer.write(f"POST {head}Content-Length: {size}\r\n\r\n".encode() + b"4" * (size - 1))
    await writer.drain()
    try:
        yield
    finally:
        writer.close()
        await writer.wait_closed()

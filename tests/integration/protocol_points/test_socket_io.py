"""Points of the Socket.IO protocol document (revision 5), one test each, for the same two servers."""

from typing import Any

import pytest

from tests.integration.servers.raw import Wire, join, joined, polling

pytestmark = [pytest.mark.slow, pytest.mark.node]


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

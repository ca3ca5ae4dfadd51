"""What is fuzzed: everything that reads bytes of a server. Any exception but those it may raise is a bug.

The first byte of an input chooses what reads the rest.
"""

from collections.abc import Callable

from siotool.client.cookies import CookieJar
from siotool.client.deflate import Deflate
from siotool.client.failures import ClientFailure, close_frame
from siotool.protocol import engine_io, json_parser, jsonp, msgpack_parser, msgpack_parser_2, payload, stamp
from siotool.protocol.engine_io import BinaryMessage, Revision
from siotool.protocol.faults import RemoteProtocolError
from siotool.protocol.session import Acknowledged, Received, Refused, Session
from siotool.protocol.socket_io import Parser, insert_attachments, name_and_arguments

OPEN = b'0{"sid":"engine","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1e6}'
LIMIT = 100_000
#: Between the frames of a conversation.
CUT = b"\xff\x00\xff"


def converse(data: bytes, parser: Parser, revision: Revision) -> None:
    """A session that gets one frame after the other; the first byte of each says whether it is text."""
    session = Session(("/", "/admin"), {"token": 1}, parser, revision)
    for number, frame in enumerate([b"t" + OPEN, *data.split(CUT)]):
        try:
            text = frame[:1] not in (b"b", b"B")
            event = session.receive_text(frame[1:]) if text else session.receive_binary(frame[1:])
            if isinstance(event, Received | Acknowledged):
                arguments = parser.decode(event.packet.data)
                if event.attachments:
                    arguments = insert_attachments(arguments, event.attachments)
                if isinstance(event, Received):
                    name_and_arguments(arguments)
            elif isinstance(event, Refused):
                assert ClientFailure("connect_error", event.message, event.data).quoted is not None
        except RemoteProtocolError as error:
            assert number, "the open packet is a good one"
            assert len(str(error)) < 500
    session.close()


def read_payload(data: bytes, revision: Revision) -> None:
    """The body of a poll; what was read is written and read alike."""
    frames = payload.decode(data, revision)
    assert sum(len(frame.data if isinstance(frame, BinaryMessage) else frame) for frame in frames) <= 4 * len(
        data
    )
    for frame in frames:
        assert isinstance(frame, bytes | BinaryMessage)


def inflate(data: bytes) -> None:
    """Compressed messages, one after the other over one connection."""
    deflate = Deflate("permessage-deflate")
    for message in data.split(CUT):
        assert len(deflate.inflate(message, LIMIT)) <= LIMIT


def negotiate(data: bytes) -> None:
    """The value of a server's extension header."""
    Deflate(data.decode("latin-1"))


def take_cookies(data: bytes) -> None:
    """Headers that set cookies; the client's own header has no line end."""
    jar = CookieJar()
    jar.take(line.decode("latin-1") for line in data.splitlines())
    header = jar.header()
    assert len(header) <= 50 * 4200
    assert "\r" not in header
    assert "\n" not in header


TARGETS: list[Callable[[bytes], object]] = [
    lambda data: converse(data, json_parser, 4),
    lambda data: converse(data, json_parser, 3),
    lambda data: converse(data, msgpack_parser, 4),
    lambda data: converse(data, msgpack_parser_2, 3),
    lambda data: read_payload(data, 4),
    lambda data: read_payload(data, 3),
    jsonp.unwrap,
    engine_io.parse_handshake,
    lambda data: stamp.find(data, 1),
    inflate,
    negotiate,
    take_cookies,
    lambda data: close_frame(data, 1e6),
]


def read(data: bytes) -> None:
    """Let one of the readers have the input; raises what none of them may raise."""
    if not data:
        return
    try:
        TARGETS[data[0] % len(TARGETS)](data[1:])
    except (RemoteProtocolError, ClientFailure) as error:
        assert len(str(error)) < 500

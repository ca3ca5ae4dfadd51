"""Bytes on their way, held against published figures, the protocols' own texts and measured exchanges."""

import ssl
import subprocess
from pathlib import Path

import pytest
from msgspec.structs import replace

from siotool.errors import InputError
from siotool.plan.wire.framing import (
    AIOHTTP,
    NODE,
    OFFSET_IN_MEMORY_BYTES,
    OFFSET_MONGO_BYTES,
    OFFSET_REDIS_STREAMS_BYTES,
    Direction,
    Flow,
    Framing,
    Travel,
)
from siotool.plan.wire.messages import ack, event, heartbeat_rates
from siotool.plan.wire.network import frame_bytes, record_overhead, tcp_opening, tls_opening, written
from siotool.plan.wire.packet_sizes import ack_packets, connect_packets, connected_packets, event_packets
from siotool.plan.wire.session_opening import opening
from tests.published.clients import PYTHON

DOWN, UP = Direction.TO_CLIENT, Direction.TO_SERVER
TLS = Framing()
PLAIN = Framing(tls="none")
POLLING = Framing(transport="polling", tls="none")
MSGPACK = Framing(parser="msgpack")


@pytest.mark.parametrize(
    ("payload_bytes", "link"),
    [
        pytest.param(5, 95, id="5 bytes in one segment"),
        pytest.param(100, 190, id="100 bytes in one segment"),
        pytest.param(1024, 1116, id="1 KiB with a longer frame header"),
        pytest.param(2048, 2192, id="2 KiB in two segments"),
        pytest.param(20480, 21322, id="20 KiB in two TLS records and fifteen segments"),
    ],
)
def test_a_message_to_a_browser_behind_tls(payload_bytes: int, link: int) -> None:
    # derived by hand from RFC 6455, 8446, 9293 and 7323 for 42["message",…]
    assert event(TLS, DOWN, len("message"), payload_bytes).to_client.link == link


def test_an_idle_connection_behind_tls() -> None:
    """A ping of 77 bytes, a pong of 81 that acknowledges it, an acknowledgement of 52, every 25 s."""
    rates = heartbeat_rates(TLS)
    assert rates.to_client.link == pytest.approx((77 + 52) / 25)
    assert rates.to_server.link == pytest.approx(81 / 25)
    million = rates * 1e6
    assert million.to_client.link * 8 / 1e6 == pytest.approx(41, abs=0.5)  # Mbit/s
    assert million.to_server.link * 8 / 1e6 == pytest.approx(26, abs=0.5)
    assert million.to_client.packets + million.to_server.packets == pytest.approx(120_000)


def test_what_is_published_about_other_servers_is_plausible() -> None:
    # supabase.com/docs/guides/realtime/benchmarks: 1 KB at 28,000 messages/s, 31.2 MB/s received
    published = 31.2e6 / 28_000
    assert event(TLS, DOWN, 7, 1000).to_client.link == pytest.approx(published, rel=0.03)
    # centrifugal.dev/blog/2020/02/10/million-connections-with-centrifugo: 150 Mbit/s sent by each of 20
    # pods, 500,000 messages/s of about 100 bytes, its broker's traffic included: more than the wire explains
    assert 100 < event(TLS, DOWN, 7, 100).to_client.link < 150e6 / 8 / (500_000 / 20)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param('42["hello"]', event_packets(TLS, 5, 0), id="an event without arguments"),
        pytest.param('42["hello","world"]', event_packets(TLS, 5, 7), id="an event with one"),
        pytest.param('42["a",1,{"b":2}]', event_packets(TLS, 1, 9), id="an event with two"),
        pytest.param('420["echo","hello"]', event_packets(TLS, 4, 7, ack_id=0), id="a call"),
        pytest.param('421234["echo",1]', event_packets(TLS, 4, 1, ack_id=1234), id="a late call"),
        pytest.param(
            '42/admin,13["a",1]',
            event_packets(Framing(namespace_bytes=6), 1, 1, ack_id=13),
            id="a call in a namespace",
        ),
        pytest.param(
            '42["a",1,"PbG7dDx"]',
            event_packets(TLS, 1, 1, offset_bytes=OFFSET_IN_MEMORY_BYTES),
            id="an event that recovery can send again",
        ),
        pytest.param(
            '42["a","1700000000000-0"]',
            event_packets(TLS, 1, 0, offset_bytes=OFFSET_REDIS_STREAMS_BYTES),
            id="the same from Redis streams",
        ),
        pytest.param(
            '42["a","507f1f77bcf86cd799439011"]',
            event_packets(TLS, 1, 0, offset_bytes=OFFSET_MONGO_BYTES),
            id="the same from MongoDB",
        ),
        pytest.param('430["hello"]', ack_packets(TLS, 7, 0), id="an acknowledgement"),
        pytest.param("4312[]", ack_packets(TLS, 0, 12), id="an empty acknowledgement"),
        pytest.param("40", connect_packets(TLS), id="a browser's wish to join"),
        pytest.param(
            "40/chat,{}", connect_packets(Framing(client=PYTHON, namespace_bytes=5)), id="python-socketio's"
        ),
        pytest.param('40{"sid":"qjhXvEi3htyN-bIWAAAA"}', connected_packets(TLS), id="the server's consent"),
        pytest.param(
            '40/chat,{"sid":"qjhXvEi3htyN-bIWAAAA","pid":"YHcX2sdAF1z452-HAAAW"}',
            connected_packets(Framing(namespace_bytes=5, recovery_offset_bytes=7)),
            id="consent with recovery",
        ),
        pytest.param(
            b"\x83\xa4type\x00\xa4data\x81\xa3sid\xb4BqtoSoRYbY7W735TAAAB\xa3nsp\xa1/",
            connected_packets(MSGPACK),
            id="consent in msgpack",
        ),
        pytest.param(
            b"\x85\xa4type\x02\xa4data\x92\xa4echo\xa5hello\xa7options\x81\xa8compress\xc3\xa2id\x00\xa3nsp\xa1/",
            event_packets(MSGPACK, 4, 6, ack_id=0, options_bytes=TLS.client.msgpack_options_bytes),
            id="a browser's call in msgpack",
        ),
        pytest.param(
            b"\x84\xa4type\x03\xa4data\x91\xa5hello\xa3nsp\xa1/\xa2id\x00",
            ack_packets(MSGPACK, 6, 0),
            id="Node's acknowledgement in msgpack",
        ),
    ],
)
def test_packets_are_as_long_as_they_are(text: str | bytes, said: object) -> None:
    assert said.first == len(text)
    assert said.count == 1


def test_attachments_follow_a_packet_that_holds_their_places() -> None:
    said = event_packets(TLS, 2, 0, attachments=1, attachment_bytes=1000)
    assert said.first == len('451-["ev",{"_placeholder":true,"num":0}]')
    assert (said.count, said.payload) == (2, said.first + 1000)
    said = ack_packets(TLS, 0, 7, attachments=2, attachment_bytes=10)
    assert said.first == len('462-7[{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]')


@pytest.mark.parametrize(
    ("size", "to_client", "to_server"),
    [
        pytest.param(0, 2, 6, id="nothing"),
        pytest.param(125, 127, 131, id="the longest with a short header"),
        pytest.param(126, 130, 134, id="the shortest with two bytes of length"),
        pytest.param(65535, 65539, 65543, id="the longest with two bytes of length"),
        pytest.param(65536, 65546, 65550, id="the shortest with eight bytes of length"),
    ],
)
def test_frames(size: int, to_client: int, to_server: int) -> None:
    assert (frame_bytes(size, DOWN), frame_bytes(size, UP)) == (to_client, to_server)


@pytest.mark.parametrize(
    ("framing", "size", "tcp", "packets"),
    [
        pytest.param(PLAIN, 1448, 1448, 1, id="a full IPv4 segment"),
        pytest.param(PLAIN, 1449, 1449, 2, id="one byte more"),
        pytest.param(replace(PLAIN, ip=6), 1429, 1429, 2, id="IPv6 has room for 1428"),
        pytest.param(replace(PLAIN, timestamps=False), 1460, 1460, 1, id="without timestamps 1460"),
        pytest.param(replace(PLAIN, mtu_bytes=65535), 20480, 20480, 1, id="a loopback cuts nothing"),
        pytest.param(TLS, 16384, 16406, 12, id="one full TLS 1.3 record"),
        pytest.param(TLS, 16385, 16429, 12, id="and a second one for one byte"),
        pytest.param(Framing(tls="1.2"), 100, 129, 1, id="a TLS 1.2 record"),
    ],
)
def test_writes(framing: Framing, size: int, tcp: int, packets: int) -> None:
    flow = written(framing, size)
    assert (flow.tcp, flow.packets) == (tcp, packets)
    assert flow.link == tcp + packets * framing.header_bytes


def test_a_message_is_acknowledged_unless_data_goes_back() -> None:
    silent, called = (event(PLAIN, UP, 4, 10, ack_id=1, answered=answered) for answered in (False, True))
    assert silent.to_client == Flow(0.0, 0.0, 52.0, 1.0)
    assert called.to_client == Flow(0.0, 0.0, 0.0, 0.0)
    assert silent.to_server == called.to_server
    long = event(PLAIN, UP, 4, 10_000).to_client  # seven segments
    assert (long.packets, long.link) == (4, 4 * 52)


def test_recovery_writes_its_offset_into_events_to_clients_only() -> None:
    recovering = replace(PLAIN, recovery_offset_bytes=OFFSET_IN_MEMORY_BYTES)
    more = len(',"PbG7dDx"')
    down = event(recovering, DOWN, 1, 1).to_client.tcp - event(PLAIN, DOWN, 1, 1).to_client.tcp
    called = event(recovering, DOWN, 1, 1, ack_id=1) == event(PLAIN, DOWN, 1, 1, ack_id=1)
    assert (down, called) == (more, True)
    assert event(recovering, UP, 1, 1) == event(PLAIN, UP, 1, 1)


# Chromium 156 and Node.js, recorded byte by byte between the two.
def test_a_polled_call_as_recorded() -> None:
    call = event(POLLING, UP, 4, 7, ack_id=0)
    assert (call.to_server.tcp, call.to_client.tcp) == (673, 206)
    answer = ack(POLLING, DOWN, 7, ack_id=0)
    assert (answer.to_server.tcp, answer.to_client.tcp) == (561, 233)


@pytest.mark.parametrize(
    ("framing", "upgrade", "to_server", "to_client"),
    [
        pytest.param(PLAIN, False, [533, 8], [161, 109, 34], id="a browser straight to WebSocket"),
        pytest.param(
            PLAIN,
            True,
            [536, 655, 561, 561, 558, 12, 7],
            [340, 206, 253, 221, 161, 8],
            id="a browser by polling first",
        ),
        pytest.param(POLLING, False, [536, 655, 561], [340, 206, 253], id="a browser by polling only"),
        pytest.param(
            replace(PLAIN, client=PYTHON), False, [300, 10], [161, 109, 34], id="python-socketio, WebSocket"
        ),
        pytest.param(
            replace(PLAIN, client=PYTHON),
            True,
            [185, 325, 12, 7, 10],
            [340, 161, 8, 34],
            id="python-socketio by polling first",
        ),
        pytest.param(
            replace(POLLING, client=PYTHON, server=AIOHTTP),
            False,
            [185, 239, 210],
            [312, 179, 225],
            id="python-socketio by polling, on aiohttp",
        ),
    ],
)
def test_openings_as_recorded(
    framing: Framing, upgrade: bool, to_server: list[int], to_client: list[int]
) -> None:
    said = opening(framing, upgrade=upgrade)
    assert said.to_server.tcp == sum(to_server)
    assert said.to_client.tcp == sum(to_client)


def test_a_poll_that_carries_a_message_has_its_headers() -> None:
    one = event(POLLING, DOWN, 7, 100).to_client
    assert one.payload == 114
    assert one.tcp == NODE.get_bytes + 3 + 114


def test_polling_carries_attachments_in_base_64() -> None:
    first = len('451-["ev",{"_placeholder":true,"num":0}]')
    together, parted = (
        event(replace(POLLING, server=server), DOWN, 2, 0, attachments=1, attachment_bytes=1000)
        for server in (AIOHTTP, NODE)
    )
    assert together.to_client.payload == parted.to_client.payload == first + 1 + 1336
    assert together.to_client.tcp == AIOHTTP.get_bytes + 4 + together.to_client.payload + 1
    # Node.js answers a waiting GET with the first packet, and the next one with the attachment
    assert parted.to_client.tcp == 2 * NODE.get_bytes + 2 + 4 + parted.to_client.payload
    assert parted.to_server.tcp == 2 * together.to_server.tcp == 2 * TLS.client.get_bytes


def test_opening_a_tcp_connection() -> None:
    assert tcp_opening(PLAIN) == Travel(Flow(link=60, packets=1.0), Flow(0.0, 0.0, 112.0, 2.0))
    assert tcp_opening(replace(PLAIN, timestamps=False)).to_client.link == 52
    assert tcp_opening(replace(PLAIN, ip=6)).to_client.link == 80


def test_flows_add_up_and_scale() -> None:
    one = Travel(Flow(1.0, 2.0, 3.0, 1.0), Flow(0.0, 0.0, 52.0, 1.0))
    assert one + one == one * 2 == Travel(Flow(2.0, 4.0, 6.0, 2.0), Flow(0.0, 0.0, 104.0, 2.0))


def test_an_mtu_without_room_for_data_is_refused() -> None:
    with pytest.raises(InputError, match="leaves no room for data"):
        Framing(mtu_bytes=60)


# OpenSSL on both ends, without a network between them.
KEYS = {"rsa": (["rsa:2048"], 256), "ec": (["ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"], 71)}
VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


class Secured:
    """A TLS client and a TLS server that have shaken hands; counts what went each way."""

    def __init__(self, certificate: Path, key: Path, version: str) -> None:
        server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.load_cert_chain(certificate, key)
        server.minimum_version = server.maximum_version = VERSIONS[version]
        client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        client.load_verify_locations(certificate)
        client.minimum_version = ssl.TLSVersion.TLSv1_2
        to_server, self.to_client, to_them, from_them = (ssl.MemoryBIO() for _ in range(4))
        self.server = server.wrap_bio(to_server, self.to_client, server_side=True)
        them = client.wrap_bio(to_them, from_them, server_hostname="localhost")
        self.sent = self.received = 0
        for _ in range(4):
            for side in (them, self.server):
                try:
                    side.do_handshake()
                except ssl.SSLWantReadError:
                    continue
                finally:
                    up, down = from_them.read(), self.to_client.read()
                    to_server.write(up)
                    to_them.write(down)
                    self.sent += len(up)
                    self.received += len(down)

    def write(self, size: int) -> int:
        self.server.write(b"x" * size)
        return len(self.to_client.read())


@pytest.mark.parametrize("kind", KEYS)
@pytest.mark.parametrize("version", VERSIONS)
def test_tls_as_openssl_speaks_it(kind: str, version: str, tmp_path: Path, require_tool: object) -> None:
    key, certificate = tmp_path / "key", tmp_path / "certificate"
    options, signature = KEYS[kind]
    command = [require_tool("openssl"), "req", "-x509", "-newkey", *options, "-nodes", "-keyout", key]
    command += ["-out", certificate, "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    subprocess.run(command, check=True, capture_output=True)
    size = len(ssl.PEM_cert_to_DER_cert(certificate.read_text()))
    framing = Framing(
        tls=version, client=PYTHON, certificates_bytes=size, certificates=1, signature_bytes=signature
    )
    secured = Secured(certificate, key, version)
    said = tls_opening(framing)
    assert said.to_server.tcp == pytest.approx(secured.sent, rel=0.03)
    assert said.to_client.tcp == pytest.approx(secured.received, rel=0.03)
    for length in (1, 100, 16384, 16385, 40000):
        assert written(framing, length).tcp == secured.write(length)
    assert record_overhead(framing) == {"1.2": 29, "1.3": 22}[version]


def test_a_client_that_swaps_its_connections_has_each_post_acknowledged_by_itself() -> None:
    """Nothing follows on the connection where the GET waited: one bare segment more to the client."""
    swapping = replace(POLLING, client=PYTHON)
    call, sent = (event(swapping, UP, 4, 7, ack_id=0, answered=answered) for answered in (True, False))
    assert call.to_server == sent.to_server
    assert call.to_client.tcp == sent.to_client.tcp
    assert call.to_client.packets == sent.to_client.packets + 1
    browser = (event(POLLING, UP, 4, 7, ack_id=0, answered=answered) for answered in (True, False))
    assert len(set(browser)) == 1
